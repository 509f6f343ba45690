//! The arguments of what helps to write a config, and the command.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::Shell;

use super::{IN_A_JOB, RunArgs};
use crate::starter::ProgramName;

/// Options of a run that change nothing of what it does.
const WITHOUT_EFFECT: [&str; 4] = ["description", "events", "quiet", "verbose"];

/// A run that is only shown.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Show it as JSON
    // Before the run's: the heading of its last ones would go on here.
    #[arg(long)]
    pub json: bool,
    /// The run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What a plan takes, so that it can be put in front of any run, but has no use for.
pub(super) fn hide_what_only_a_run_heeds(plan: clap::Command) -> clap::Command {
    plan.mut_args(|arg| {
        let only_of_a_run = arg.get_help_heading() == Some(IN_A_JOB)
            || WITHOUT_EFFECT.contains(&arg.get_id().as_str());
        arg.hide(only_of_a_run)
    })
}

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
    /// The shell command whose time is measured
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub measure: Option<String>,
}

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
