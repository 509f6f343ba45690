//! The arguments of `collect report`.

use std::path::PathBuf;

use clap::Args;

/// A page of results.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Directories or archives (`.tar.gz`) of results, revisions, or the ids of runs or instances; all that they hold goes into one page
    #[arg(required = true, value_name = "RESULTS")]
    pub results: Vec<String>,
    /// The file for the page; one that is there is replaced
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
    /// Draw the table and the metrics on the terminal, in place of a page
    #[arg(long, conflicts_with = "output")]
    pub terminal: bool,
    /// The config whose `output` has the revisions and ids; without it, that of the `config.yml` here, or else `results`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
