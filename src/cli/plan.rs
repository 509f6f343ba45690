//! The arguments of `collect plan`.

use clap::Args;

use super::RunArgs;
use super::run::IN_A_JOB;

/// Options of a run that change nothing of what it does.
const WITHOUT_EFFECT: [&str; 6] = [
    "description",
    "events",
    "quiet",
    "shell_before_terminate",
    "shell_on_fail",
    "verbose",
];

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

/// Hides what a plan takes only so that it can be put in front of any run.
pub(super) fn hide_what_only_a_run_heeds(plan: clap::Command) -> clap::Command {
    plan.mut_args(|arg| {
        let only_of_a_run = arg.get_help_heading() == Some(IN_A_JOB)
            || WITHOUT_EFFECT.contains(&arg.get_id().as_str());
        arg.hide(only_of_a_run)
    })
}
