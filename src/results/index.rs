//! The index of a revision: made anew from the reports that lie there, under a lock, so that it is right with any number of writers.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::record_file;
use super::sample_directory::{ReadError, SampleDirectory, read_record};
use crate::records::{Index, IndexEntry, Record as _};
use crate::report::SampleReport;
use crate::revision::Revision;

/// The name of the lock, beside the index.
pub(super) const LOCK: &str = ".index.lock";

/// The deadline for the lock, which other processes take, too. After a signal little more time is left.
const LOCK_DEADLINE: Duration = Duration::from_secs(3);
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Writes the index of the revision whose samples are in `directory`.
pub(super) fn write(directory: &Path, revision: Revision, temporary: &Path) -> io::Result<()> {
    let lock = File::create(directory.join(LOCK))?;
    wait_for_lock(&lock)?;
    let path = directory.join(Index::FILE);
    let index = Index::new(revision, entries(directory, &path)?);
    record_file::write(temporary, &path, &index.to_json()?)
}

/// Waits until no other process writes the index. A file system without locks is as good as one where nobody else writes.
fn wait_for_lock(file: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("another process holds {LOCK}"),
                ));
            }
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}

/// Every sample that is over. One whose report is of another version's format stays as the last index has it.
fn entries(directory: &Path, index: &Path) -> io::Result<Vec<IndexEntry>> {
    let mut last: Option<HashMap<String, IndexEntry>> = None;
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        match SampleDirectory::new(entry.path()).read::<SampleReport>() {
            Ok(report) => {
                let archive = format!("{name}.tar.gz");
                let archive = directory.join(&archive).exists().then_some(archive);
                entries.push(IndexEntry::new(report, name, archive));
            }
            Err(ReadError::Record { .. }) => {
                let last = last.get_or_insert_with(|| by_directory(index));
                entries.extend(last.remove(&name));
            }
            Err(ReadError::File { .. }) => {}
        }
    }
    Ok(entries)
}

/// The samples of the last index, by their directories; none where it cannot be read.
fn by_directory(index: &Path) -> HashMap<String, IndexEntry> {
    let samples = read_record::<Index>(index).map_or_else(|_| Vec::new(), |index| index.samples);
    samples
        .into_iter()
        .map(|sample| (sample.directory.clone(), sample))
        .collect()
}
