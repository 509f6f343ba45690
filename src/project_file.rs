//! A file that travels from the config's directory to the instance.

/// A file of the user's that goes to the instance and into the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Relative to the config file.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its content.
    pub content: Vec<u8>,
}
