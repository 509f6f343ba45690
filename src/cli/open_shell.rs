//! The options that open a shell on the instance before it is terminated.

use clap::Args;

use crate::sample::ShellOccasion;

/// Whether a person has a look at the instance before it is terminated.
#[derive(Debug, Clone, Copy, Args)]
pub struct ShellArgs {
    /// After a failure, open a shell on the instance once everything is collected; the run goes on when the shell ends
    #[arg(long)]
    pub shell_on_fail: bool,
    /// Open a shell on the instance once everything is collected, also after a run that passed
    #[arg(long)]
    pub shell_before_terminate: bool,
}

impl ShellArgs {
    /// The occasion, and the option that names it.
    pub const fn occasion(self) -> Option<(ShellOccasion, &'static str)> {
        match self {
            Self {
                shell_before_terminate: true,
                ..
            } => Some((ShellOccasion::Always, "--shell-before-terminate")),
            Self {
                shell_on_fail: true,
                ..
            } => Some((ShellOccasion::Failure, "--shell-on-fail")),
            _ => None,
        }
    }
}
