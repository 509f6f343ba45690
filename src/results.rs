//! The results of one sample on this machine's disk.
//!
//! They grow in a directory with a temporary name, `.<run>.partial`, and get their final name when what is
//! collected is complete; a killed collector leaves the temporary one behind, with all logs.
//!
//! Making, renaming and opening a file is done where it is asked for; what takes as long as there are bytes is done on a
//! thread that may wait for the disk.

mod archive;
mod arriving;
mod copy;
mod free_space;
mod index;
mod inventory;
mod measured;
mod occupancy;
mod of_run;
mod record_file;
mod removal;
mod report_file;
mod sample_directory;
mod stored_figures;
mod stored_runs;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::blocking::off_the_runtime;
use crate::instance::InstanceId;
use crate::phase::Phase;
use crate::records::{Index, Manifest, Record};
use crate::report::{Archive, SampleReport};
use crate::revision::Revision;
use crate::step::ScriptPath;
use copy::{copy_file, copy_tree};
use occupancy::Occupancy;

pub use archive::unpack;
pub use free_space::FreeSpace;
pub use inventory::{Contents, StoredSample, inventory};
pub use measured::{Measured, measured};
pub use of_run::{create_run, read_run, run_directory, write_run, write_run_file};
pub use removal::{Removal, RemovalError};
pub use report_file::write_report;
pub use sample_directory::{ReadError, SampleDirectory};
pub use stored_figures::{FiguresError, StoredFigures};
pub use stored_runs::{StoredRunsError, stored_runs};

/// Where collector's own records lie, below the results.
pub const RECORDS: &str = "collector";

/// Where the config lies, below the results; its `version`, `description` and `collector.revision` are an
/// interface for analysis tools.
pub const CONFIG: &str = "config";

/// The records that are written at the end of a sample, and the room that is set aside for each, in bytes.
const RESERVES: [(&str, u64); 3] = [
    (SampleReport::FILE, 256 * 1024),
    (Manifest::FILE, 128 * 1024),
    (Index::FILE, 64 * 1024),
];

/// Something on this machine's disk went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct ResultsError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl ResultsError {
    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("make room, or choose another `output`")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Some("make `output` writable, or choose another one")
            }
            io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty => {
                Some("a file is in the way: remove it, or choose another `output`")
            }
            io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
                if self.action == "unpacking" =>
            {
                Some(
                    "name a directory of results, or a `.tar.gz` that collector packed; unpack a ZIP from GitHub first",
                )
            }
            io::ErrorKind::NotFound if self.action == "reading" => {
                Some("`--help` says where results are looked for, and how to name another place")
            }
            io::ErrorKind::TimedOut => {
                Some("the results are complete; the next run of the revision writes the index anew")
            }
            _ => None,
        }
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ResultsError + 'a {
    move |source| ResultsError {
        action,
        path: path.to_owned(),
        source,
    }
}

/// The results of one sample.
#[derive(Debug, Clone)]
pub struct Results {
    revision_directory: PathBuf,
    revision: Revision,
    name: String,
    path: PathBuf,
    /// The mark of results that are in use, which nobody removes.
    _occupancy: Option<Occupancy>,
}

impl Results {
    /// Makes the directory, under its temporary name; `name` is its final one until an instance is known.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub fn create(
        output: &Path,
        revision: &Revision,
        temporary: &str,
        name: &str,
    ) -> Result<Self, ResultsError> {
        let revision_directory = output.join(revision.directory());
        let path = revision_directory.join(format!(".{temporary}.partial"));
        let logs = path.join(RECORDS).join("logs");
        fs::create_dir_all(&logs).map_err(failed("creating", &logs))?;
        let path = fs::canonicalize(&path).map_err(failed("opening", &path))?;
        let results = Self {
            revision_directory: path.parent().unwrap_or(&path).to_owned(),
            revision: revision.clone(),
            name: name.to_owned(),
            _occupancy: Occupancy::of(&path),
            path,
        };
        for (name, bytes) in RESERVES {
            let temporary = results.temporary(name);
            if let Err(error) = record_file::reserve(&temporary, bytes) {
                results.release_reserve();
                // What is not empty is of an earlier process of the same run.
                let records = results.path.join(RECORDS);
                let _ = [&logs, &records, &results.path]
                    .into_iter()
                    .try_for_each(fs::remove_dir);
                return Err(failed("setting room aside for", &temporary)(error));
            }
        }
        let lock = results.revision_directory.join(index::LOCK);
        File::create(&lock).map_err(failed("creating", &lock))?;
        Ok(results)
    }

    /// Results that another process has left, under their final name.
    pub fn open(path: &Path, revision: &Revision) -> Self {
        Self::open_partial(path, path, revision)
    }

    /// Results that another process has left at `path`, under a temporary name; `complete` is their final path.
    pub fn open_partial(path: &Path, complete: &Path, revision: &Revision) -> Self {
        let name = complete.file_name().unwrap_or_default().to_string_lossy();
        Self {
            revision_directory: complete.parent().unwrap_or(complete).to_owned(),
            revision: revision.clone(),
            name: name.into_owned(),
            path: path.to_owned(),
            _occupancy: Occupancy::of(path),
        }
    }

    /// Makes the directories that a killed collector, or somebody else, may have left without.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make_directories(&self) -> Result<(), ResultsError> {
        let logs = self.path.join(RECORDS).join("logs");
        fs::create_dir_all(&logs).map_err(failed("creating", &logs))
    }

    /// Where the results are now, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the results are when they are complete.
    pub fn final_path(&self) -> PathBuf {
        self.revision_directory.join(&self.name)
    }

    /// The instance is known: the final name will be its id.
    pub fn name_after(&mut self, id: &InstanceId) {
        self.name = id.to_string();
    }

    /// Gives the directory its final name.
    ///
    /// # Errors
    /// When the name is taken.
    pub async fn finalize_name(&mut self) -> Result<(), ResultsError> {
        let last = self.final_path();
        if last != self.path {
            let (from, to) = (self.path.clone(), last.clone());
            let renaming = move || fs::rename(from, to);
            file_work("renaming the results to", &last, renaming).await?;
            self.path = last;
        }
        Ok(())
    }

    /// Copies the files of another sample.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub async fn copy_from(&self, other: &Self) -> Result<(), ResultsError> {
        let (from, to) = (other.path.clone(), self.path.clone());
        file_work("copying to", &self.path, move || copy_tree(&from, &to)).await
    }

    /// Removes the results of a sample that never was, and the directory of its revision where nothing else is in it.
    pub async fn discard(self) {
        let (path, directory) = (self.path.clone(), self.revision_directory);
        // What stays is hidden, and small.
        let _ = file_work("removing", &self.path, move || {
            fs::remove_dir_all(path)?;
            removal::remove_if_empty(&directory);
            Ok(())
        })
        .await;
    }

    /// The path of a step's log, relative to the results.
    pub fn log_name(number: u32, phase: Phase, script: &ScriptPath) -> String {
        let stem = Self::log_stem(number, phase, script);
        format!("{RECORDS}/logs/{stem}.log")
    }

    /// The name of a step's log without `.log`, which no other step of the sample has.
    pub fn log_stem(number: u32, phase: Phase, script: &ScriptPath) -> String {
        format!("{number:02}-{phase}-{}", script.file_name())
    }

    /// The bytes that the disk has left, as far as it tells.
    pub async fn free_space(&self) -> u64 {
        let path = self.path.clone();
        let space = off_the_runtime(move || FreeSpace::at(&path)).await;
        space.map_or(u64::MAX, |space| space.bytes)
    }

    /// Creates a file below the results, with its directories.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn file(&self, name: &str) -> Result<File, ResultsError> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("creating", parent))?;
        }
        File::create(&path).map_err(failed("creating", &path))
    }

    /// Writes a file below the results.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write(&self, name: &str, content: Vec<u8>) -> Result<(), ResultsError> {
        let mut file = self.file(name)?;
        let path = self.path.join(name);
        file_work("writing", &path, move || file.write_all(&content)).await
    }

    /// Copies a file to below the results, and whether it can be executed; one that is not there is passed over.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn copy(&self, from: &Path, name: &str) -> Result<(), ResultsError> {
        let (source, results, name) = (from.to_owned(), self.clone(), name.to_owned());
        file_work("copying", from, move || match File::open(source) {
            Ok(mut source) => {
                let mut target = results.file(&name).map_err(|error| error.source)?;
                copy_file(&mut source, &mut target)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Writes a record; it appears whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record<T: Record + Send + 'static>(&self, record: T) -> Result<(), ResultsError> {
        let temporary = self.temporary(T::FILE);
        write_record(temporary, self.path.join(RECORDS).join(T::FILE), record).await
    }

    /// The name of a record, or of the index, while it is written.
    fn temporary(&self, name: &str) -> PathBuf {
        record_file::temporary(&self.path.join(RECORDS), name)
    }

    /// Gives up the room for records that were not written.
    pub fn release_reserve(&self) {
        for (name, _) in RESERVES {
            // Most are written by now, and have their name.
            let _ = fs::remove_file(self.temporary(name));
        }
    }

    /// Packs the results into `<instance-id>.tar.gz` beside them, paths starting with `<revision>/<instance-id>/`.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing but the archive is lost then.
    pub async fn archive(&self) -> Result<Archive, ResultsError> {
        let archive = self.pack().await?;
        let path = self.archive_path();
        if let Err(error) = fs::rename(&archive.path, &path) {
            self.discard_archive();
            return Err(failed("writing", &path)(error));
        }
        Ok(Archive { path, ..archive })
    }

    /// Packs the results into a temporary file, which is removed by [`Self::discard_archive`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn pack(&self) -> Result<Archive, ResultsError> {
        let root = Path::new(&self.revision.directory()).join(&self.name);
        let (from, to) = (self.path.clone(), self.unfinished_archive());
        let pack = move || archive::pack(&from, &root, &to);
        let packed = file_work("writing", &self.archive_path(), pack).await;
        if packed.is_err() {
            // Half an archive is worth nothing, and its space may be what is missing.
            self.discard_archive();
        }
        packed
    }

    fn archive_path(&self) -> PathBuf {
        self.revision_directory
            .join(format!("{}.tar.gz", self.name))
    }

    fn unfinished_archive(&self) -> PathBuf {
        self.revision_directory
            .join(format!(".{}.tar.gz.partial", self.name))
    }

    /// Removes an archive that is unfinished, or was to be temporary.
    pub fn discard_archive(&self) {
        // There may be none; one that stays is hidden and harmless.
        let _ = fs::remove_file(self.unfinished_archive());
    }

    /// Writes `index.json` of the revision anew from the reports that are there.
    ///
    /// # Errors
    /// When the directory cannot be read or written, or another process keeps its lock.
    pub async fn index(&self) -> Result<(), ResultsError> {
        let (directory, revision) = (self.revision_directory.clone(), self.revision.clone());
        let temporary = self.temporary(Index::FILE);
        let path = directory.join(Index::FILE);
        file_work("writing", &path, move || {
            index::write(&directory, revision, &temporary)
        })
        .await
    }
}

/// Does file work off the runtime; an error says what it was for.
async fn file_work<T: Send + 'static>(
    action: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ResultsError> {
    off_the_runtime(work).await.map_err(failed(action, path))
}

async fn write_record<T: Record + Send + 'static>(
    temporary: PathBuf,
    path: PathBuf,
    record: T,
) -> Result<(), ResultsError> {
    let target = path.clone();
    file_work("writing", &path, move || {
        record_file::write(&temporary, &target, &record.to_json()?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn results(output: &Path, name: &str) -> Results {
        Results::create(output, &"v1".parse().unwrap(), name, name).unwrap()
    }

    #[tokio::test]
    async fn a_sample_begins_with_everything_that_can_be_copied() {
        let output = tempfile::tempdir().unwrap();
        let (first, second) = (results(output.path(), "1"), results(output.path(), "2"));
        first.write("sub/file", b"x".into()).await.unwrap();
        let socket = first.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(socket).unwrap();
        symlink("sub", first.path().join("link")).unwrap();
        second.copy_from(&first).await.unwrap();
        let copied = second.path();
        assert_eq!(fs::read(copied.join("sub/file")).unwrap(), b"x");
        assert_eq!(
            fs::read_link(copied.join("link")).unwrap(),
            Path::new("sub")
        );
        assert!(!copied.join("socket").exists());
        second.discard().await;
        assert!(!first.path().with_file_name(".2.partial").exists());
    }

    #[tokio::test]
    async fn a_lock_that_is_never_given_back_does_not_hold_the_index_up_for_ever() {
        let output = tempfile::tempdir().unwrap();
        let results = results(output.path(), "1");
        results.index().await.unwrap();
        let lock = File::open(output.path().join("v1").join(index::LOCK)).unwrap();
        lock.lock().unwrap();
        let error = results.index().await.unwrap_err();
        assert!(
            error.to_string().contains("another process holds"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}
