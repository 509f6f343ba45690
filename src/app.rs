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
use crate::report::{Diagnostic, Release, RunReport};
use crate::reporter::console::{Console, Verbosity};
use crate::reporter::events_file::{Also, EventsFile};
use crate::reporter::writer::Writer;
use crate::reporter::{Event, Reporter, SampleReporter};
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
        (None, Some(job)) => return job::run(&cli.run, &job),
        (None, None) => return run(&cli.run, console),
        (Some(Command::Check { config, local }), _) => check(&config, local, &console),
        (Some(Command::List(account)), _) => block_on(instances::list(&account, &console)),
        (Some(Command::Reap { account, which }), _) => {
            block_on(instances::reap(&account, &which, &console))
        }
    };
    result.unwrap_or_else(|error| report_error(&error, &console))
}

/// Says what is wrong with the command line or the inputs, or prints the help that was asked for.
pub fn report_usage_error(error: &clap::Error) -> ExitStatus {
    match WorkflowJob::current() {
        Some(job) if error.use_stderr() => {
            job::refuse(&Error::Usage(Cli::input_error(error)), &job)
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
    post::run()
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

/// Carries out a run that a person started.
fn run(args: &RunArgs, console: Console) -> ExitStatus {
    let reporter = match reporters(console, args.events.as_deref()) {
        Ok(reporter) => reporter,
        Err((error, console)) => return report_error(&error, &console),
    };
    let result = block_on(async {
        let interrupt = Interrupt::default();
        let listener = listen(&interrupt)?;
        // Boxed, here and below: the future of a whole run is too large for a stack frame.
        let report = Box::pin(measure::run(args, None, &reporter, &interrupt)).await;
        listener.abort();
        let report = report?;
        conclude(&report, &reporter);
        Ok(ExitStatus(report.exit_status()))
    });
    let status = result.unwrap_or_else(|error| report_error(&error, &reporter));
    finish(&reporter);
    status
}

/// A reporter for a person or a job, and one for programs where it is asked for.
type Reporters<R> = Also<Writer<R>, Writer<EventsFile>>;

fn reporters<R: Reporter + Send + 'static>(
    reporter: R,
    events: Option<&Path>,
) -> Result<Reporters<R>, (Error, R)> {
    let also = match events.map(EventsFile::create).transpose() {
        Ok(file) => file.map(Writer::start),
        Err(source) => {
            let what = "creating the file of `--events`";
            return Err((Error::System { what, source }, reporter));
        }
    };
    Ok(Also {
        reporter: Writer::start(reporter),
        also,
    })
}

/// Waits until everything is written, for as long as somebody takes it.
fn finish<R: Reporter + Send + 'static>(reporters: &Reporters<R>) {
    reporters.reporter.finish();
    if let Some(file) = &reporters.also {
        file.finish();
    }
}

fn listen(interrupt: &Interrupt) -> Result<tokio::task::JoinHandle<()>, Error> {
    shutdown::listen(interrupt).map_err(|source| Error::System {
        what: "listening for signals",
        source,
    })
}

/// Says why there was no run, or no answer.
fn report_error(error: &Error, reporter: &impl Reporter) -> ExitStatus {
    match error {
        Error::Project(ProjectError::Unsound(errors)) => {
            reporter.report(Event::InvalidConfig(errors.clone()));
        }
        error => {
            let diagnostic = Diagnostic::new(error.to_string(), error.hint());
            reporter.report(Event::Error(diagnostic));
        }
    }
    ExitStatus(error.exit_status())
}

/// The last words of a run: what went wrong, and above all whether an instance may be left.
fn conclude(report: &RunReport, reporter: &impl Reporter) {
    for error in &report.errors {
        reporter.report(Event::Error(error.clone()));
    }
    for sample in &report.samples {
        let reporter = SampleReporter {
            reporter,
            sample: sample.sample,
        };
        for error in &sample.errors {
            reporter.report(Event::Error(error.clone()));
        }
    }
    tell_leaks(report, reporter);
}

fn tell_leaks(report: &RunReport, reporter: &impl Reporter) {
    for sample in &report.samples {
        if let Release::Unconfirmed { id, .. } = &sample.released {
            reporter.report(Event::Leaked {
                id: id.clone(),
                region: sample.region.clone(),
                lease: sample.lease.clone(),
                expires_at: sample.expires_at,
            });
        }
    }
}
