//! The results of a sample, read back.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::RECORDS;
use crate::records::{Record, RecordError};
use crate::report::StepReport;

/// Why a record of the results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its file cannot be read; most often there is none.
    #[error("reading {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{}: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: RecordError,
    },
}

impl ReadError {
    /// The remedy.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File { .. } => None,
            Self::Record { source, .. } => Some(source.hint()),
        }
    }
}

/// Reads a record from its file.
pub(super) fn read_record<T: Record>(path: &Path) -> Result<T, ReadError> {
    let text = fs::read(path).map_err(|source| ReadError::File {
        path: path.to_owned(),
        source,
    })?;
    T::from_json(&text).map_err(|source| ReadError::Record {
        path: path.to_owned(),
        source,
    })
}

/// The directory of a sample's results.
#[derive(Debug, Clone)]
pub struct SampleDirectory(PathBuf);

impl SampleDirectory {
    /// The results at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reads a record of the sample.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read<T: Record>(&self) -> Result<T, ReadError> {
        read_record(&self.0.join(RECORDS).join(T::FILE))
    }

    /// The last bytes of a step's log, as text.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log_tail(&self, step: &StepReport, bytes: u64) -> io::Result<String> {
        let mut log = File::open(self.0.join(&step.log))?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut tail = Vec::new();
        log.take(bytes).read_to_end(&mut tail)?;
        Ok(String::from_utf8_lossy(&tail).into_owned())
    }
}
