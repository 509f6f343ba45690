//! The records of a run: JSON files beside the results, each written and read by one type. `docs/results.md` shows them.

mod figures;
mod host;
mod index;
mod manifest;
mod run;
mod uploads;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use figures::{AskedPrecision, FigureRecord, Figures, JoinError, SampleOf, TurnValues};
pub use host::{
    BootTimes, CState, Calibration, Calibrations, Disk, EbsVolume, Ec2Facts, HostFacts, Network,
    QuietSetting,
};
pub use index::{Index, IndexEntry};
pub use manifest::{FilePath, FileState, Manifest, ManifestEntry, Sha256};
pub use uploads::{UploadedContent, UploadedFile, Uploads};

/// A JSON file with a `format` number.
pub trait Record: Serialize + DeserializeOwned {
    /// The name of the file.
    const FILE: &'static str;

    /// The format that is written, the newest that can be read.
    const FORMAT: u32;

    /// Reads the record; keys that it does not know are passed over.
    ///
    /// # Errors
    /// When its format is newer than [`Self::FORMAT`], or a value is not what it should be.
    fn from_json(text: &[u8]) -> Result<Self, RecordError> {
        let unreadable = |source| RecordError::Unreadable {
            file: Self::FILE,
            source,
        };
        let Head { format } = serde_json::from_slice(text).map_err(unreadable)?;
        if format > Self::FORMAT {
            return Err(RecordError::Newer {
                file: Self::FILE,
                format,
                known: Self::FORMAT,
            });
        }
        Self::parse(text).map_err(unreadable)
    }

    /// Reads a record of a format that is known.
    ///
    /// # Errors
    /// When a value is not what it should be.
    fn parse(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }

    /// The record as it stands in its file.
    ///
    /// # Errors
    /// Those of the serializer.
    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// The part of a record that every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A newer collector wrote it.
    #[error("{file} has format {format}, the newest that this version knows is {known}")]
    Newer {
        /// The name of the file.
        file: &'static str,
        /// Its format.
        format: u32,
        /// The newest known format.
        known: u32,
    },
    /// It is not such a record.
    #[error("{file} is not a record of collector's: {source}")]
    Unreadable {
        /// The name of the file.
        file: &'static str,
        /// The reason.
        source: serde_json::Error,
    },
}

impl RecordError {
    /// The remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "read it with the collector that wrote it, or a newer one",
            Self::Unreadable { .. } => "the file is damaged, or was not written by collector",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{RunReport, SampleReport};

    const DOCUMENTATION: &str = include_str!("../docs/results.md");

    /// The example below a heading of the documentation.
    fn documented(heading: &str) -> &'static str {
        let (_, section) = DOCUMENTATION
            .split_once(&format!("## {heading}\n"))
            .unwrap();
        let (_, block) = section.split_once("```json\n").unwrap();
        block.split_once("```").unwrap().0
    }

    /// The record is written as it is documented, and read back as it was.
    fn is_documented<T: Record + PartialEq + std::fmt::Debug>(heading: &str) {
        let example = documented(heading);
        let record = T::from_json(example.as_bytes()).unwrap();
        let written = String::from_utf8(record.to_json().unwrap()).unwrap();
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&written), value(example), "{heading}");
        assert_eq!(value(&written)["format"], T::FORMAT, "{heading}");
        assert_eq!(T::from_json(written.as_bytes()).unwrap(), record);
        let newer = example.replacen(
            &format!("\"format\": {}", T::FORMAT),
            &format!("\"format\": {}", T::FORMAT + 1),
            1,
        );
        let error = T::from_json(newer.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::Newer { .. }), "{error}");
    }

    #[test]
    fn every_record_is_written_and_read_as_documented() {
        is_documented::<SampleReport>("collector/run.json");
        is_documented::<RunReport>("run.json of a run");
        is_documented::<HostFacts>("collector/host.json");
        is_documented::<Manifest>("collector/manifest.json");
        is_documented::<Uploads>("collector/uploads.json");
        is_documented::<Index>("index.json");
        is_documented::<Figures>("figures.json");
    }

    #[test]
    fn a_record_of_a_newer_format_is_told_from_a_damaged_one() {
        let newer = Manifest::from_json(br#"{"format": 99, "files": {"other": "shape"}}"#);
        assert_eq!(
            newer.unwrap_err().to_string(),
            "manifest.json has format 99, the newest that this version knows is 2"
        );
        for damaged in ["", "[]", "{}", r#"{"format": 1, "files": [{}]}"#] {
            let error = Manifest::from_json(damaged.as_bytes()).unwrap_err();
            assert!(matches!(error, RecordError::Unreadable { .. }), "{error}");
        }
    }
}
