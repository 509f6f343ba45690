//! The arguments of `collect completions` and of what writes the manual pages.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Completions.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Manual pages.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory for the pages, which exists
    pub directory: PathBuf,
}
