//! The removal of results that nobody needs any more: what collector made, and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::index::{self, LOCK};
use super::inventory::{is_of_revision, revision_in, run_in};
use super::occupancy::is_occupied;
use super::sample_directory::{ReadError, SampleDirectory, read_record};
use super::{ResultsError, failed};
use crate::records::{Index, Manifest, Record, RecordError};
use crate::report::{RunReport, SampleReport};
use crate::revision::Revision;

/// The name under which the index is written anew.
const TEMPORARY_INDEX: &str = ".index.json.partial";

/// Why results are not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// There is nothing of that name.
    #[error("there is nothing at {}", .0.display())]
    Absent(PathBuf),
    /// No sample is of this instance or run.
    #[error("nothing in {} is of an instance or a run `{id}`", output.display())]
    UnknownId {
        /// The argument.
        id: String,
        /// Where.
        output: PathBuf,
    },
    /// It leads elsewhere.
    #[error("{} is a link, and nothing is removed through one", .0.display())]
    Link(PathBuf),
    /// Collector did not make it.
    #[error("{} is not a sample of collector's", .0.display())]
    Foreign(PathBuf),
    /// A run needs it.
    #[error("a run that is going on writes to {}", .0.display())]
    Occupied(PathBuf),
    /// The file system refuses.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl RemovalError {
    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Absent(_) | Self::UnknownId { .. } => {
                Some("`collect results` lists what is there; `--output` or `--config` says where")
            }
            Self::Link(_) => Some("name the directory that it leads to"),
            Self::Foreign(_) => Some(
                "name a directory with a `collector/run.json`, an instance or a run; `collect results` lists them",
            ),
            Self::Occupied(_) => Some("wait for its end, or end it with Ctrl-C"),
            Self::Results(error) => error.hint(),
        }
    }
}

/// A directory of results that is about to be removed, with its archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removal {
    revision_directory: PathBuf,
    revision: Revision,
    name: String,
}

impl Removal {
    /// The removal of what is at `path`. Nothing is changed yet. May block.
    ///
    /// # Errors
    /// When it is nothing that collector made, or a run still writes to it.
    pub fn of(path: &Path) -> Result<Self, RemovalError> {
        let metadata = path
            .symlink_metadata()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => RemovalError::Absent(path.to_owned()),
                _ => failed("reading", path)(error).into(),
            })?;
        if metadata.is_symlink() {
            return Err(RemovalError::Link(path.to_owned()));
        }
        let foreign = || RemovalError::Foreign(path.to_owned());
        let absolute = fs::canonicalize(path).map_err(failed("reading", path))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(foreign());
        };
        let revision = parent.file_name().map(OsStr::to_string_lossy);
        let (Some(revision), Some(name)) =
            (revision.and_then(|name| revision_in(&name)), name.to_str())
        else {
            return Err(foreign());
        };
        let removal = Self {
            revision_directory: parent.to_owned(),
            revision,
            name: name.to_owned(),
        };
        if !metadata.is_dir() || !removal.is_of_collector() {
            return Err(foreign());
        }
        removal.refuse_occupied()?;
        Ok(removal)
    }

    /// The path to remove, absolute.
    pub fn path(&self) -> PathBuf {
        self.revision_directory.join(&self.name)
    }

    /// A directory is collector's by its report, that of a sample or of a run of several, or by the list of its files, where
    /// collector was killed before it wrote the report. One with a temporary name has neither yet, but lies beside the
    /// index's lock.
    fn is_of_collector(&self) -> bool {
        let path = self.path();
        if run_in(&self.name).is_some() {
            return is_of_revision(&self.revision_directory);
        }
        let sample = SampleDirectory::new(&path);
        is_record(&sample.read::<SampleReport>())
            || is_record(&sample.read::<Manifest>())
            || is_record(&read_record::<RunReport>(&path.join(RunReport::FILE)))
    }

    fn refuse_occupied(&self) -> Result<(), RemovalError> {
        let path = self.path();
        if is_occupied(&path) {
            return Err(RemovalError::Occupied(path));
        }
        Ok(())
    }

    /// Removes the directory and its archive, and writes the index anew. Links in it are removed, not followed. May block.
    ///
    /// # Errors
    /// When a run writes to it by now, or the file system refuses.
    pub fn carry_out(&self) -> Result<(), RemovalError> {
        self.refuse_occupied()?;
        let directory = &self.revision_directory;
        // Under a temporary name it is no sample any more: a removal that is broken off leaves nothing that looks whole.
        let temporary = if run_in(&self.name).is_some() {
            self.path()
        } else {
            directory.join(format!(".{}-0.partial", self.name))
        };
        let path = self.path();
        fs::rename(&path, &temporary).map_err(failed("removing", &path))?;
        fs::remove_dir_all(&temporary).map_err(failed("removing", &temporary))?;
        for archive in [
            format!("{}.tar.gz", self.name),
            format!(".{}.tar.gz.partial", self.name),
        ] {
            let archive = directory.join(archive);
            match fs::remove_file(&archive) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("removing", &archive)(error).into());
                }
                _ => {}
            }
        }
        if !remove_if_empty(directory) {
            let temporary = directory.join(TEMPORARY_INDEX);
            index::write(directory, self.revision.clone(), &temporary)
                .map_err(failed("writing", &directory.join(Index::FILE)))?;
        }
        Ok(())
    }
}

/// Whether there is such a record, were it one of a newer collector's.
fn is_record<T: Record>(read: &Result<T, ReadError>) -> bool {
    let newer = |error: &ReadError| {
        matches!(
            error,
            ReadError::Record {
                source: RecordError::Newer { .. },
                ..
            }
        )
    };
    read.as_ref().map_or_else(newer, |_| true)
}

/// Removes the directory of a revision of which nothing is left. Returns whether it is gone.
pub(super) fn remove_if_empty(directory: &Path) -> bool {
    let own = [LOCK, Index::FILE];
    let left = fs::read_dir(directory).map(|entries| {
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| own.iter().all(|own| name != *own))
    });
    if !matches!(left, Ok(false)) {
        return false;
    }
    for name in own {
        // What is not there need not be removed.
        let _ = fs::remove_file(directory.join(name));
    }
    fs::remove_dir(directory).is_ok()
}
