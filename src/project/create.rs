//! New files in the user's directory. What is there already stays as it is.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::starter::StarterFile;

/// Why files could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    /// Some of them are there.
    #[error("{} holds {} already", directory.display(), files.join(", "))]
    Exists {
        /// The directory.
        directory: PathBuf,
        /// The names.
        files: Vec<&'static str>,
    },
    /// The system refuses it.
    #[error("writing {}: {source}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl CreateError {
    /// The remedy.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Exists { .. } => {
                "no file is overwritten: name another directory, or move them away"
            }
            Self::Unwritable { .. } => "name a directory that you may write to",
        }
    }
}

/// Makes the files, and the directory where it is missing.
///
/// # Errors
/// When one of the files is there already: then none is made.
pub(crate) fn create(directory: &Path, files: &[StarterFile]) -> Result<(), CreateError> {
    let there = |file: &&StarterFile| directory.join(file.name).symlink_metadata().is_ok();
    let there: Vec<&str> = files.iter().filter(there).map(|file| file.name).collect();
    if !there.is_empty() {
        return Err(CreateError::Exists {
            directory: directory.to_owned(),
            files: there,
        });
    }
    fs::create_dir_all(directory).map_err(|source| CreateError::Unwritable {
        path: directory.to_owned(),
        source,
    })?;
    for file in files {
        let path = directory.join(file.name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(file.mode)
            .open(&path)
            .and_then(|mut open| open.write_all(file.content.as_bytes()))
            .map_err(|source| CreateError::Unwritable { path, source })?;
    }
    Ok(())
}
