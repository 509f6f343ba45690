//! Composition: which implementations a run works with. The only place that knows them all.

mod delivery;
mod instances;
mod job;
mod measure;
mod places;
mod post;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Cli, Command, RunArgs};
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::interrupt::Interrupt;
use crate::project::{Project, ProjectError};
use crate::report::{Complaint, Release, RunReport};
use crate::reporter::console::{Console, Verbosity};
use crate::reporter::{Event, Reporter};
use crate::shutdown;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(u8);

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.0.into()
    }
}

/// Does what the command line asks for, and has said so when it returns.
pub fn main(cli: Cli) -> ExitStatus {
    let verbosity = match (cli.run.quiet, cli.run.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let console = Console::new(verbosity);
    let result = match (cli.command, WorkflowJob::current()) {
        (None, Some(job)) => return job::measure(&cli.run, &job),
        (None, None) => block_on(measure(&cli.run, &console)),
        (Some(Command::Check { config, local }), _) => check(&config, local, &console),
        (Some(Command::List(account)), _) => block_on(instances::list(&account, &console)),
        (Some(Command::Reap { account, which }), _) => {
            block_on(instances::reap(&account, &which, &console))
        }
    };
    result.unwrap_or_else(|error| refused(&error, &console))
}

/// Says what is wrong with the command line or the inputs, or prints the help that was asked for.
pub fn misused(error: &clap::Error) -> ExitStatus {
    match WorkflowJob::current() {
        Some(job) if error.use_stderr() => {
            // Of the whole text, the part that is not about a command line.
            let text = error.to_string();
            let message = text.split("\n\n").next().unwrap_or_default();
            let message = message.trim_start_matches("error: ");
            job::refuse(&Error::Usage(message.to_owned()), &job)
        }
        _ => {
            // Nobody is left to tell when the terminal is gone.
            let _ = error.print();
            ExitStatus(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Looks after what the action left behind, at the end of its job.
pub fn post() -> ExitStatus {
    post::sweep()
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System {
            what: "starting",
            source,
        })?;
    let result = runtime.block_on(work);
    // After a signal a thread may still be busy with files; nobody waits for it.
    runtime.shutdown_background();
    result
}

fn check(config: &Path, local: bool, console: &Console) -> Result<ExitStatus, Error> {
    let project = Project::open(config, local)?;
    console.say(&format!(
        "{} is sound: {} steps, {} patterns",
        config.display(),
        project.config.steps().count(),
        project.config.performance_results.len()
    ));
    Ok(ExitStatus(0))
}

/// A run that a person started.
async fn measure(args: &RunArgs, console: &Console) -> Result<ExitStatus, Error> {
    let interrupt = Interrupt::default();
    let listener = listen(&interrupt)?;
    let report = measure::measure(args, None, console, &interrupt).await;
    listener.abort();
    let report = report?;
    conclude(&report, console);
    Ok(ExitStatus(report.exit_status()))
}

fn listen(interrupt: &Interrupt) -> Result<tokio::task::JoinHandle<()>, Error> {
    shutdown::listen(interrupt).map_err(|source| Error::System {
        what: "listening for signals",
        source,
    })
}

/// Says why there was no run, or no answer.
fn refused(error: &Error, reporter: &impl Reporter) -> ExitStatus {
    match error {
        Error::Project(ProjectError::Unsound(errors)) => reporter.report(&Event::Unsound(errors)),
        error => {
            let complaint = Complaint::new(error.to_string(), error.hint());
            reporter.report(&Event::Error(&complaint));
        }
    }
    ExitStatus(error.exit_status())
}

/// The last words of a run: what went wrong, and above all whether an instance may be left.
fn conclude(report: &RunReport, reporter: &impl Reporter) {
    for complaint in &report.errors {
        reporter.report(&Event::Error(complaint));
    }
    tell_leak(report, reporter);
}

fn tell_leak(report: &RunReport, reporter: &impl Reporter) {
    if let Release::Unconfirmed { id, .. } = &report.released {
        reporter.report(&Event::Leaked {
            id: id.as_ref(),
            region: &report.region,
            lease: &report.lease,
        });
    }
}
