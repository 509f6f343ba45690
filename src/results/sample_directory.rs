//! The results of a sample, read back.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::RECORDS;
use crate::metrics;
use crate::records::{Record, RecordError};
use crate::report::StepReport;
use crate::report_page::Metrics;

/// The largest file of metrics that is read, in bytes.
const MAX_METRICS: u64 = 512 << 20;

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

/// The bytes of a regular file that is not too large.
pub(super) fn read_whole(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > most {
        let reason = format!("it has {} bytes, {most} are read", metadata.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    fs::read(path)
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

    /// Reads the sample's metrics; none where there is no file.
    ///
    /// # Errors
    /// In words, when they cannot be read.
    pub fn metrics(&self) -> Result<Option<Metrics>, String> {
        let path = self.0.join(RECORDS).join(metrics::FILE);
        let read = match read_whole(&path, MAX_METRICS) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| error.to_string()),
        };
        read.and_then(|text| Metrics::parse(&text))
            .map(Some)
            .map_err(|reason| format!("the metrics in {}: {reason}", path.display()))
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
