//! The user's directory: the config file, the scripts beside it and what they need, as they are on disk.

mod calls;
mod create;
mod script;
mod selection;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, ConfigErrors, MAX_FILE_SIZE, Nameable, Named, Source};

pub(crate) use calls::{calls_for_checkout, unsent_calls};
pub(crate) use create::{CreateError, create};
pub(crate) use selection::{Selection, select};

/// The name of the config file in a directory, and in the results.
pub(crate) const CONFIG_FILE: &str = "config.yml";

/// A fault of something that a config names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The thing and its fault.
    pub message: String,
    /// A remedy.
    pub remedy: String,
    /// It is not there, and may come.
    pub is_absent: bool,
}

impl Flaw {
    fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
            is_absent: false,
        }
    }

    fn of_absent(self) -> Self {
        Self {
            is_absent: true,
            ..self
        }
    }
}

/// A reason why a config cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// It cannot be read.
    #[error("reading {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is too large to be a config.
    #[error("{} has {size} bytes, {MAX_FILE_SIZE} are allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// It is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It is not valid.
    #[error("{0}")]
    Invalid(Arc<ConfigErrors>),
}

impl ProjectError {
    /// A remedy.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("give the path of a config file, or of a directory that holds `config.yml`")
            }
            Self::Unreadable { .. } => Some("make the file readable"),
            Self::TooLarge { .. } => Some("is it a config file?"),
            Self::NotText { .. } => Some("save it as UTF-8"),
            // Each of its problems carries its own.
            Self::Invalid(_) => None,
        }
    }
}

/// A valid config and where it lies.
#[derive(Debug)]
pub(crate) struct Project {
    /// The config.
    pub config: Config,
    /// The directory of the config file, absolute.
    pub directory: PathBuf,
    /// The config file, as it was named.
    pub path: PathBuf,
    /// The text of the config file, as it was when it was checked.
    pub text: Vec<u8>,
}

impl Project {
    /// The name of the config file.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Reads and checks a config file, or the `config.yml` of a directory, with all of its scripts.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub(crate) fn open(path: &Path, local: bool) -> Result<Self, ProjectError> {
        let path = if path.is_dir() {
            path.join(CONFIG_FILE)
        } else {
            path.to_owned()
        };
        let unreadable = |source| ProjectError::Unreadable {
            path: path.clone(),
            source,
        };
        let size = fs::metadata(&path).map_err(unreadable)?.len();
        if size > MAX_FILE_SIZE {
            return Err(ProjectError::TooLarge { path, size });
        }
        let content = fs::read(&path).map_err(unreadable)?;
        let Ok(text) = std::str::from_utf8(&content) else {
            return Err(ProjectError::NotText { path });
        };
        let absolute = fs::canonicalize(&path).map_err(unreadable)?;
        let directory = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        let source = Source {
            path: &path,
            text,
            local,
        };
        let config = Config::parse(source, &|named| inspect(&directory, named))
            .map_err(|errors| ProjectError::Invalid(Arc::new(errors)))?;
        Ok(Self {
            config,
            directory,
            path,
            text: content,
        })
    }
}

/// Finds the flaws of something that a config names, as far as it is there already.
fn inspect(directory: &Path, named: Named<'_>) -> Result<(), Vec<(String, String)>> {
    let flaws = match named.what {
        Nameable::Script(path) => script::inspect(directory, path).err().unwrap_or_default(),
        Nameable::Upload(upload, all) => selection::inspect(directory, upload, all),
    };
    let flaws: Vec<(String, String)> = flaws
        .into_iter()
        .filter(|flaw| !(flaw.is_absent && named.may_be_made))
        .map(|flaw| (flaw.message, flaw.remedy))
        .collect();
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_file_is_not_even_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yml");
        fs::File::create(&path).unwrap().set_len(10 << 20).unwrap();
        let error = Project::open(directory.path(), true).unwrap_err();
        assert!(matches!(error, ProjectError::TooLarge { .. }), "{error}");
    }
}
