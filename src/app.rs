//! Composition: which implementations a run works with. The only place that knows them all.

mod accounts;
mod bake;
mod check;
mod compare;
mod completions;
mod delivery;
mod export;
mod fetch;
mod images;
mod init;
mod json;
mod kept_instance;
mod list;
mod merge;
mod open_shell;
mod paths;
mod plan;
mod post;
mod reap;
mod report;
mod results;
mod revision;
mod run;
mod schema;
mod shard;
mod ssh;
mod state_directory;
mod stored;
mod trace;
mod workflow_job;

use std::future::Future;
use std::path::Path;

use std::time::Duration;

use crate::cancel::{Completion, until_cancelled};
use crate::cli::{BakeArgs, Request, RunArgs, input_error};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::github::WorkflowJob;
use crate::interrupt::Interrupt;
use crate::project::ProjectError;
use crate::report::{Diagnostic, Release, RunReport};
use crate::reporter::console::{Console, Verbosity};
use crate::reporter::events_file::{Also, EventsFile};
use crate::reporter::writer::Writer;
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::shutdown;

/// The threads beside the policy's own: for the ciphers of connections, and for signals.
const WORKER_COUNT: usize = 2;

/// Carries out a request, and has said how it ended when it returns.
pub fn main(request: Request) -> ExitStatus {
    let verbosity = verbosity(&request);
    let console = Console::new(verbosity);
    let result = match (request, WorkflowJob::current()) {
        (Request::Run(args), Some(job)) => return workflow_job::run(&args, &job),
        (Request::Run(args), None) => block_on(run(&args, Console::new(verbosity))),
        (Request::Check(args), _) => block_on(check::check(&args, &console)),
        (Request::Bake(args), _) => block_on(bake(&args, Console::new(verbosity))),
        (Request::Plan(args), _) => block_on(plan::plan(&args, &console)),
        (Request::Init(args), _) => init::init(&args, &console),
        (Request::Schema, _) => schema::schema(&console),
        (Request::Completions(args), _) => Ok(completions::completions(&args, &console)),
        (Request::Man(args), _) => completions::man(&args),
        (Request::List(account), _) => block_on(list::list(&account, &console)),
        (Request::Ssh { instance, command }, _) => ssh::ssh(&instance, &command),
        (Request::Fetch(instance), _) => block_on(fetch::fetch(&instance, &console)),
        (Request::Reap { account, which }, _) => block_on(reap::reap(&account, &which, &console)),
        (Request::Results(args), _) => results::list(&args, &console),
        (Request::Rm(args), _) => results::remove(&args, &console),
        (Request::Compare(args), _) => compare::compare(&args, &console),
        (Request::Merge(args), _) => merge::merge(&args, &console),
        (Request::Export(args), _) => export::export(&args, &console),
        (Request::Report(args), _) => report::report(&args, &console),
    };
    let written = console.written().map_err(|source| Error::System {
        what: "writing standard output",
        source,
    });
    result
        .and_then(|status| written.map(|()| status))
        .unwrap_or_else(|error| report_error(&error, &console))
}

fn verbosity(request: &Request) -> Verbosity {
    match request {
        Request::Run(args) if args.quiet => Verbosity::Quiet,
        Request::Run(args) if args.verbose > 0 => Verbosity::Verbose,
        Request::Bake(args) if args.verbose > 0 => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

/// Reports a fault of the command line or the inputs, or prints the help that was asked for.
pub fn report_usage_error(error: &clap::Error) -> ExitStatus {
    match WorkflowJob::current() {
        Some(job) if error.use_stderr() => {
            workflow_job::report_refusal(&Error::Usage(input_error(error)), &job)
        }
        _ => {
            // Nobody is left to tell when the terminal is gone.
            let _ = error.print();
            if error.use_stderr() {
                ExitStatus::Misused
            } else {
                ExitStatus::Passed
            }
        }
    }
}

/// Looks after what the action left behind, at the end of its job.
pub fn post() -> ExitStatus {
    post::run()
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_COUNT)
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

/// Carries out a run that a person started.
async fn run(args: &RunArgs, console: Console) -> Result<ExitStatus, Error> {
    let reporter = reporters(console, args.events.as_deref())?;
    trace(args.verbose, &reporter);
    let interrupt = Interrupt::default();
    let ended = match listen(&interrupt) {
        // Boxed, here and below: the future of a whole run is too large for a stack frame.
        Ok(()) => Box::pin(run::run(args, None, &reporter, &interrupt)).await,
        Err(error) => Err(error),
    };
    Ok(end(ended, &reporter, &interrupt).await)
}

/// Makes an image.
async fn bake(args: &BakeArgs, console: Console) -> Result<ExitStatus, Error> {
    let reporter = reporters(console, None)?;
    trace(args.verbose, &reporter);
    let interrupt = Interrupt::default();
    let ended = match listen(&interrupt) {
        Ok(()) => Box::pin(bake::bake(args, &reporter, &interrupt)).await,
        Err(error) => Err(error),
    };
    Ok(end(ended, &reporter, &interrupt).await)
}

/// Says how a run ended.
async fn end<R: Reporter + Send + 'static>(
    ended: Result<RunReport, Error>,
    reporter: &Reporters<R>,
    interrupt: &Interrupt,
) -> ExitStatus {
    let status = match ended {
        Ok(report) => {
            conclude(&report, reporter);
            report.exit_status()
        }
        Err(error) => report_error(&error, reporter),
    };
    finish(reporter, interrupt, status).await
}

/// A reporter for a person or a job, and one for programs where it is asked for.
type Reporters<R> = Also<Writer<R>, Writer<EventsFile>>;

fn reporters<R: Reporter + Send + 'static>(
    reporter: R,
    events: Option<&Path>,
) -> Result<Reporters<R>, Error> {
    let create = |path: &Path| {
        EventsFile::create(path).map_err(|source| Error::Write {
            what: "writing the events to",
            path: path.to_owned(),
            source,
        })
    };
    let file = events.map(create).transpose()?;
    Ok(Also {
        reporter: Writer::start(reporter),
        also: file.map(Writer::start),
    })
}

/// Shows what `tracing` tells, where it is asked for.
fn trace<R: Reporter + Send + 'static>(verbose: u8, reporters: &Reporters<R>) {
    let writer = reporters.reporter.clone();
    trace::start(verbose > 1, move |line| {
        writer.report(Event::Trace(line));
    });
}

/// The deadline for what is still to be written when a run is over: for a terminal that hangs.
const FINISH_DEADLINE: Duration = Duration::from_secs(2);

/// The deadline after a signal: what sent it waits for the end of the process.
const FINISH_DEADLINE_AFTER_SIGNAL: Duration = Duration::from_secs(1);

/// Waits until everything is written, for as long as somebody takes it and no signal comes. Returns the exit status: a
/// signal's, where one came, but never in the place of a termination that is not confirmed.
async fn finish<R: Reporter + Send + 'static>(
    reporters: &Reporters<R>,
    interrupt: &Interrupt,
    status: ExitStatus,
) -> ExitStatus {
    let deadline = match interrupt.signal() {
        Some(_) => FINISH_DEADLINE_AFTER_SIGNAL,
        None => FINISH_DEADLINE,
    };
    let ended = interrupt.begin_last_words();
    let all_written = async {
        if let Some(file) = &reporters.also {
            file.finish(deadline).await;
        }
        reporters.reporter.finish(deadline).await;
    };
    match (
        until_cancelled(&ended, all_written).await,
        interrupt.signal(),
    ) {
        (Completion::Cancelled, Some(signal)) if status != ExitStatus::Leaked => {
            ExitStatus::Signalled(signal)
        }
        _ => status,
    }
}

fn listen(interrupt: &Interrupt) -> Result<(), Error> {
    shutdown::listen(interrupt).map_err(|source| Error::System {
        what: "listening for signals",
        source,
    })
}

/// Says why there was no run, or no answer.
fn report_error(error: &Error, reporter: &impl Reporter) -> ExitStatus {
    match error {
        Error::Project(ProjectError::Invalid(errors)) => {
            reporter.report(Event::InvalidConfig(errors.clone()));
        }
        error => {
            let diagnostic = Diagnostic::new(error.to_string(), error.hint());
            reporter.report(Event::Error(diagnostic));
        }
    }
    error.exit_status()
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
    tell_kept(report, reporter);
    tell_leaks(report, reporter);
}

/// Where an instance is that stays, and how to get there.
fn tell_kept(report: &RunReport, reporter: &impl Reporter) {
    for sample in &report.samples {
        if let Release::Kept { id, until } = &sample.released {
            reporter.report(Event::Kept {
                id: id.clone(),
                region: sample.region.clone(),
                until: *until,
                run: report.run.clone(),
                sample: (report.asked > 1).then_some(sample.sample),
                price_per_hour: sample
                    .instance
                    .as_ref()
                    .and_then(|instance| instance.price_per_hour),
            });
        }
    }
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
