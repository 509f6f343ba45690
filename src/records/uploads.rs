//! `uploads.json`: every file that went to the instance, as it was when it was sent.

use serde::{Deserialize, Serialize};

use super::manifest::octal;
use super::{FilePath, Record, Sha256};

/// The files that a sample had on its instance before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploads {
    /// The version of this format.
    pub format: u32,
    /// The files and links, in the order of their paths.
    pub files: Vec<UploadedFile>,
}

impl Record for Uploads {
    const FILE: &'static str = "uploads.json";
    const FORMAT: u32 = 1;
}

impl Uploads {
    /// The record of these files.
    pub const fn new(files: Vec<UploadedFile>) -> Self {
        Self {
            format: Self::FORMAT,
            files,
        }
    }
}

/// A file that went to the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedFile {
    /// Its path below the login user's home directory.
    pub path: FilePath,
    /// Its kind.
    #[serde(flatten)]
    pub content: UploadedContent,
}

/// The files that went to the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UploadedContent {
    /// A file.
    File {
        /// The bytes that were sent.
        size: u64,
        /// Their checksum.
        sha256: Sha256,
        /// Its permissions.
        #[serde(with = "octal")]
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        link: FilePath,
    },
}
