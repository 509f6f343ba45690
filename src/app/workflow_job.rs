//! A run that a workflow started: the same run, for a log instead of a person, and what the job gets of it.

use std::env;

use jiff::Timestamp;

use super::delivery::Delivery;
use super::{
    ExitStatus, block_on, delivery, finish, listen, report_error, reporters, state_directory, trace,
};
use crate::blocking::off_the_runtime;
use crate::cli::RunArgs;
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::github::state::State;
use crate::interrupt::Interrupt;
use crate::reporter::workflow::WorkflowLog;

/// Secrets that local steps could print of the environment.
const SECRETS: [&str; 5] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "INPUT_GITHUB-TOKEN",
];

/// Carries out a run, and hands over everything that came of it.
pub(super) fn run(args: &RunArgs, job: &WorkflowJob) -> ExitStatus {
    let log = WorkflowLog::new(job, &args.config).detailed(args.verbose > 0);
    for secret in SECRETS.iter().filter_map(|name| env::var(name).ok()) {
        log.mask(&secret.trim().into());
    }
    let config = log.config();
    let since = Timestamp::now();
    let result = block_on(async {
        let log = reporters(log, args.events.as_deref())?;
        trace(args.verbose, &log);
        let interrupt = Interrupt::default();
        let ended = match listen(&interrupt) {
            Ok(()) => Box::pin(super::run::run(args, Some(job), &log, &interrupt)).await,
            Err(error) => Err(error),
        };
        let delivery = Delivery {
            args,
            job,
            config: &config,
            log: &log,
            interrupt: &interrupt,
        };
        let status = match ended {
            Ok(report) => delivery.deliver(report).await,
            Err(error) => {
                if interrupt.token().is_cancelled() {
                    // The runner kills whoever takes long now; the post step has the time.
                    delivery::warn(&log, State::save_undelivered(job, since));
                } else {
                    delivery.comment_on_refusal(&error, since).await;
                }
                delivery::deliver_refusal(&error, job, &log);
                report_error(&error, &log)
            }
        };
        let handing_over = off_the_runtime(|| {
            state_directory::hand_over_state();
            Ok(())
        });
        let _ = handing_over.await;
        Ok(finish(&log, &interrupt, status).await)
    });
    result.unwrap_or_else(|error| report_refusal(&error, job))
}

/// Tells a job why there was no run.
pub(super) fn report_refusal(error: &Error, job: &WorkflowJob) -> ExitStatus {
    let log = WorkflowLog::new(job, "".as_ref());
    delivery::deliver_refusal(error, job, &log);
    report_error(error, &log)
}
