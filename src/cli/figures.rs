//! The arguments of the commands for figures of local results.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::OutputArgs;
use crate::config::Percent;
use crate::figures::Direction;

/// A comparison of results.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The baseline: a directory of results, a revision, or the id of a run or an instance
    #[arg(value_name = "A")]
    pub baseline: String,
    /// The candidate, in the same way
    #[arg(value_name = "B")]
    pub candidate: String,
    /// Show every figure without a difference
    #[arg(long)]
    pub all: bool,
    /// Write the comparison as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the results are.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A join of results.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The directories of runs, samples or revisions
    #[arg(required = true, value_name = "DIR")]
    pub directories: Vec<PathBuf>,
    /// The directory for the joined `figures.json`; made when it is missing
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
    /// End with exit status 5 when a figure is surely slower by more than this, in place of the config's `fail_on`
    #[arg(long, value_name = "PERCENT")]
    pub fail_on: Option<Percent>,
    /// Show every figure without a difference
    #[arg(long)]
    pub all: bool,
}

/// Figures for another tool.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A directory of results, a revision, or the id of a run or an instance
    #[arg(value_name = "RESULTS")]
    pub results: String,
    /// The format
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
    /// The figures that a file for github-action-benchmark has: those of which less is better, or more
    #[arg(long, value_enum, default_value_t = Better::Less)]
    pub better: Better,
    /// Where the results are.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A format to export figures in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Bencher Metric Format
    Bmf,
    /// Bencher Metric Format, version 1
    BmfV1,
    /// A custom tool of github-action-benchmark
    GithubActionBenchmark,
    /// What Prometheus reads
    Openmetrics,
    /// A line for each value
    Csv,
    /// The record of the figures
    Json,
}

/// The better direction of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Better {
    /// Less
    Less,
    /// More
    More,
}

impl From<Better> for Direction {
    fn from(better: Better) -> Self {
        match better {
            Better::Less => Self::Less,
            Better::More => Self::More,
        }
    }
}
