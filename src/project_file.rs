//! A file that travels from the config's directory to the instance.

use std::path::PathBuf;

/// Something of the user's that goes to the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its place below the login user's home directory.
    pub destination: PathBuf,
    /// Its kind.
    pub content: Content,
}

/// The kinds of files that travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file, which is read when it is sent.
    File {
        /// Where it lies.
        source: PathBuf,
        /// Its size in bytes when it was looked at.
        size: u64,
    },
    /// A directory, which may be empty.
    Directory {
        /// Where it lies.
        source: PathBuf,
    },
    /// A symbolic link that stays inside of the tree.
    Link {
        /// Where it leads, as it is written.
        target: PathBuf,
    },
    /// A text that is sent as it was checked.
    Text(Vec<u8>),
}

impl ProjectFile {
    /// Its bytes on the way, as far as they are known.
    pub const fn size(&self) -> u64 {
        match &self.content {
            Content::File { size, .. } => *size,
            Content::Text(text) => text.len() as u64,
            Content::Directory { .. } | Content::Link { .. } => 0,
        }
    }

    /// Whether it is counted as a file.
    pub const fn is_file(&self) -> bool {
        matches!(self.content, Content::File { .. } | Content::Text(_))
    }
}
