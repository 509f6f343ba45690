//! The arguments of `collect init`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::starter::ProgramName;

/// A start.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The directory for the config and its scripts; made when it is missing
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Ask nothing: what is not given is made up
    #[arg(long, short)]
    pub yes: bool,
    /// The name of the program to measure
    #[arg(long, value_name = "NAME")]
    pub program: Option<ProgramName>,
    /// The shell command that installs it at the revision `$VERSION`; may be empty
    #[arg(long, value_name = "COMMAND")]
    pub build: Option<String>,
    /// The shell command whose time is measured; in a clone it starts in a checkout of the commit, as `--build` does
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub measure: Option<String>,
}
