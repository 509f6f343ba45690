//! The arguments of the commands for local results.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::revision::Revision;

/// A look at results.
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// Only those of this revision
    pub revision: Option<Revision>,
    /// Write a line of JSON for each, with all that is known about it
    #[arg(long)]
    pub json: bool,
    /// Where they are.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A removal of results.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// The directory of a sample, or the id of an instance or a run
    #[arg(required = true, value_name = "SAMPLE")]
    pub samples: Vec<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Where they are.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The directory that holds the results of all revisions.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// The directory for results; without it, the `output` of `--config`, of the `config.yml` here, or else `results`
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    pub output: Option<String>,
    /// The config whose `output` is meant
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub config: Option<PathBuf>,
}
