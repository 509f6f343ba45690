//! A run that a workflow started: the same run, for a log instead of a person, and what the job gets of it.

use std::env;

use super::{ExitStatus, block_on, delivery, listen, measure as run, places, refused};
use crate::cli::RunArgs;
use crate::error::Error;
use crate::github::{Secret, WorkflowJob};
use crate::interrupt::Interrupt;
use crate::reporter::workflow::WorkflowLog;

/// What local steps could print of the environment.
const SECRETS: [&str; 5] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "INPUT_GITHUB-TOKEN",
];

/// Measures, and hands over everything that came of it.
pub(super) fn measure(args: &RunArgs, job: &WorkflowJob) -> ExitStatus {
    let config = args.config.as_deref().unwrap_or("".as_ref());
    let log = WorkflowLog::new(job, config).detailed(args.verbose);
    for secret in SECRETS.iter().filter_map(|name| env::var(name).ok()) {
        log.mask(&Secret::new(secret));
    }
    let measured = block_on(async {
        let interrupt = Interrupt::default();
        let listener = listen(&interrupt)?;
        let measured = run::measure(args, Some(job), &log, &interrupt).await;
        let status = match measured {
            Ok(report) => Ok(delivery::deliver(report, args, job, &log, &interrupt).await),
            Err(error) => Err(error),
        };
        listener.abort();
        status
    });
    places::hand_over_state();
    measured.unwrap_or_else(|error| {
        delivery::refuse(&error, job, &log);
        refused(&error, &log)
    })
}

/// Tells a job why there was no run.
pub(super) fn refuse(error: &Error, job: &WorkflowJob) -> ExitStatus {
    let log = WorkflowLog::new(job, "".as_ref());
    delivery::refuse(error, job, &log);
    refused(error, &log)
}
