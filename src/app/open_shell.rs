//! Whether a shell can be opened before the instance is terminated: that is known before anything is rented.

use std::io::{IsTerminal as _, stdin, stdout};

use crate::cli::ShellArgs;
use crate::error::NoShellError;
use crate::github::WorkflowJob;
use crate::sample::ShellOccasion;

/// When a shell is to be opened, where that is asked for and there is a terminal for it.
pub(super) fn occasion(
    args: ShellArgs,
    job: Option<&WorkflowJob>,
    samples: u32,
) -> Result<Option<ShellOccasion>, NoShellError> {
    let Some((occasion, option)) = args.occasion() else {
        return Ok(None);
    };
    if job.is_some() {
        return Err(NoShellError::InJob(option));
    }
    if !(stdin().is_terminal() && stdout().is_terminal()) {
        return Err(NoShellError::NoTerminal(option));
    }
    if samples > 1 {
        return Err(NoShellError::Several { option, samples });
    }
    Ok(Some(occasion))
}
