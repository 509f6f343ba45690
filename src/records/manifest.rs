//! `manifest.json`: every file that was found on the instance, and whether it came home.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Record;

/// The files of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// Every file that was found.
    pub files: Vec<ManifestEntry>,
}

impl Record for Manifest {
    const FILE: &'static str = "manifest.json";
    const FORMAT: u32 = 2;
}

impl Manifest {
    /// The manifest of these files.
    pub const fn new(files: Vec<ManifestEntry>) -> Self {
        Self {
            format: Self::FORMAT,
            files,
        }
    }

    /// This manifest with the files of an earlier one that are still on disk: those that it does not have, or did not get.
    #[must_use]
    pub fn completed_by(mut self, earlier: Option<Self>) -> Self {
        for old in earlier.map_or_else(Vec::new, |earlier| earlier.files) {
            let new = self.files.iter_mut().find(|entry| entry.path == old.path);
            match new {
                Some(new) if new.state == FileState::Missing => *new = old,
                Some(_) => {}
                None => self.files.push(old),
            }
        }
        self
    }
}

/// A file of the results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its path below the results.
    pub path: FilePath,
    /// Its path on the instance.
    pub source: FilePath,
    /// Its size in bytes.
    pub size: u64,
    /// The checksum of the copy; none where there is no copy.
    pub sha256: Option<Sha256>,
    /// Its permissions.
    #[serde(with = "octal")]
    pub mode: u32,
    /// The time of its last change on the instance.
    pub modified: Option<Timestamp>,
    /// Whether it came home.
    pub state: FileState,
}

/// The state of a collected file, compared with its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Same size and same SHA-256.
    Verified,
    /// Collected, but it changed on the instance while it was read.
    Changed,
    /// In the bucket of `S3` only.
    Stored,
    /// Not collected.
    Missing,
}

/// A path of any bytes: a string in JSON, or `{"hex": "…"}` where it is not UTF-8, so that no two paths look the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Arc<[u8]>);

impl FilePath {
    /// A path of these bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The path for the file system.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

impl fmt::Display for FilePath {
    /// Writes the path for people: what is not UTF-8 is replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// The two forms of a path in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathForm<T> {
    Text(T),
    Bytes { hex: String },
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match std::str::from_utf8(&self.0) {
            Ok(text) => PathForm::Text(text),
            Err(_) => PathForm::Bytes {
                hex: hex::encode(&self.0),
            },
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match PathForm::<String>::deserialize(deserializer)? {
            PathForm::Text(text) => Ok(Self::new(text.into_bytes())),
            PathForm::Bytes { hex } => hex::decode(hex)
                .map(Self::new)
                .map_err(serde::de::Error::custom),
        }
    }
}

/// A SHA-256, in JSON and in text as lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Sha256 {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)?;
        Ok(Self(digest))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Permissions as `chmod` takes them: `0644`.
pub(super) mod octal {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(in crate::records) fn serialize<S: Serializer>(
        mode: &u32,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{mode:04o}"))
    }

    pub(in crate::records) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 8).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_two_paths_look_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let path = FilePath::new(bytes);
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(serde_json::from_str::<FilePath>(&json).unwrap(), path);
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_written_in_hexadecimal() {
        let json = |bytes: &[u8]| serde_json::to_string(&FilePath::new(bytes)).unwrap();
        assert_eq!(json(b"a/b"), r#""a/b""#);
        assert_eq!(json(b"\xff"), r#"{"hex":"ff"}"#);
        assert_eq!(json(b"\xfe"), r#"{"hex":"fe"}"#);
    }
}
