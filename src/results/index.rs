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

/// Every sample that is over.
fn entries(directory: &Path, index: &Path) -> io::Result<Vec<IndexEntry>> {
    let samples = samples(directory, index)?.into_iter();
    Ok(samples.filter_map(|(_, sample)| sample.ok()).collect())
}

/// The entries of a directory, by name. A sample whose report is of another version's format is as the last index has it.
pub(super) fn samples(
    directory: &Path,
    index: &Path,
) -> io::Result<Vec<(String, Result<IndexEntry, ReadError>)>> {
    let mut last: Option<HashMap<String, IndexEntry>> = None;
    let mut samples = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let sample = match SampleDirectory::new(entry.path()).read::<SampleReport>() {
            Ok(report) => {
                let archive = format!("{name}.tar.gz");
                let archive = directory.join(&archive).exists().then_some(archive);
                Ok(IndexEntry::new(report, name.clone(), archive))
            }
            Err(error @ ReadError::Record { .. }) => {
                let last = last.get_or_insert_with(|| by_directory(index));
                last.remove(&name).ok_or(error)
            }
            Err(error) => Err(error),
        };
        samples.push((name, sample));
    }
    Ok(samples)
}

/// The samples of the last index, by their directories; none where it cannot be read.
fn by_directory(index: &Path) -> HashMap<String, IndexEntry> {
    let samples = read_record::<Index>(index).map_or_else(|_| Vec::new(), |index| index.samples);
    samples
        .into_iter()
        .map(|sample| (sample.directory.clone(), sample))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::RECORDS;

    const ENTRY: &str = r#"{"run": "r", "started": "2026-11-22T19:56:04Z", "finished": "2026-11-22T19:57:04Z",
        "outcome": "passed", "description": null, "provider": "local", "instance": null,
        "collected": {"files": 1, "bytes": 2, "incomplete": 0}, "collector": "0", "directory": "newer"}"#;

    #[test]
    fn a_report_that_cannot_be_read_stays_in_the_index() {
        let directory = tempfile::tempdir().unwrap();
        let records = directory.path().join("newer").join(RECORDS);
        fs::create_dir_all(&records).unwrap();
        fs::write(records.join("run.json"), r#"{"format": 99}"#).unwrap();
        let index = directory.path().join(Index::FILE);
        let text = format!(r#"{{"format": 1, "revision": "v1", "samples": [{ENTRY}]}}"#);
        fs::write(&index, text).unwrap();
        let temporary = directory.path().join("temporary");
        write(directory.path(), "v1".parse().unwrap(), &temporary).unwrap();
        let Index { samples, .. } = read_record(&index).unwrap();
        assert_eq!(samples[0].directory, "newer");
        assert_eq!(samples[0].sample, 1);
    }
}
