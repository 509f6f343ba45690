//! A run from its first local step to its report: samples side by side, each on an instance of its own.

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cancel::{Completion, until_cancelled};
use crate::comparison::Comparison;
use crate::config::FIRST_STAGE;
use crate::instance::LaunchRequest;
use crate::lease::{Leased, Lessor, Readiness};
use crate::project_file::ProjectFile;
use crate::provider::{Provider, ProviderError, Resolved};
use crate::records::Record;
use crate::report::{Diagnostic, Outcome, Release, RunReport, SampleReport};
use crate::reporter::{Event, Reporter};
use crate::results::{ResultsError, create_run, write_run};
use crate::sample::{MeasuredSample, Plan, Run, Sample, Shared, gather};
use crate::schedule::schedule;
use crate::shell::Shell;
use crate::statistics::suspects;

/// The number of samples that bring their results home at the same time.
const MAX_TRANSFERS: usize = 4;

/// The number of archives that are written at the same time.
const MAX_ARCHIVES: usize = 2;

/// Runs everything and reports what came of it; every instance is gone by then, or the report says so.
///
/// # Errors
/// When `output` cannot be written to; nothing was run then.
pub async fn run<P: Provider, H: Shell, R: Reporter>(
    run: Run<'_, P, H, R>,
) -> Result<RunReport, ResultsError> {
    let started = Timestamp::now();
    let share = run.plan.share;
    run.reporter.report(Event::RunStarted {
        run: run.plan.run.clone(),
        samples: share.samples.get(),
    });
    if share.count() > 1 {
        create_run(&run.plan.output, &run.plan.revision, &run.plan.run)?;
    }
    let first = Sample::create(&run, share.first(), expiry(&run))?;
    first.write_config().await?;
    let mut fleet = Fleet {
        run: &run,
        cancel: run.interrupt.token().child_token(),
        samples: vec![first],
        origin: None,
        errors: Vec::new(),
        remaining: Vec::new(),
    };
    fleet.measure().await;
    let report = fleet.finish(started).await;
    // Nobody needs a job's directory after its run, and what stays in it is only disk space.
    let _ = tokio::fs::remove_dir_all(&run.local.jobs_dir).await;
    Ok(report)
}

fn expiry<P, H, R>(run: &Run<'_, P, H, R>) -> Timestamp {
    Timestamp::now()
        .checked_add(run.plan.config.max_lifetime)
        .unwrap_or(Timestamp::MAX)
}

struct Fleet<'a, P: Provider, H, R> {
    run: &'a Run<'a, P, H, R>,
    /// Ends all samples: after a signal, and after a failure with `fail_fast`.
    cancel: CancellationToken,
    samples: Vec<Sample<'a, P, H, R>>,
    /// What the samples of later launches begin with: the first one as it was before its own launch.
    origin: Option<Sample<'a, P, H, R>>,
    errors: Vec<Diagnostic>,
    remaining: Vec<crate::instance::Resource>,
}

impl<P: Provider, H: Shell, R: Reporter> Fleet<'_, P, H, R> {
    /// Everything that costs money, and the local steps before it.
    async fn measure(&mut self) {
        let Some(first) = self.samples.first_mut() else {
            return;
        };
        let mut files = Arc::default();
        let preparation = async { files = first.before_launch().await };
        let ended = until_cancelled(&self.cancel, preparation).await;
        first.note_end(ended);
        if !first.passed() {
            first.end_leftovers().await;
            return;
        }
        let config = &self.run.plan.config;
        let share = self.run.plan.share;
        let (asked, end) = (share.count(), share.end());
        let at_once = config.parallel.map_or(asked, NonZeroU32::get).min(asked);
        let stages = config.has_stages();
        if at_once < asked || stages {
            match first.fork(end).await {
                Ok(origin) => self.origin = Some(origin),
                Err(error) => {
                    first.end_leftovers().await;
                    self.fail(error.to_string(), error.hint());
                    return;
                }
            }
        }
        let mut next = share.first();
        while next < end {
            let until = if stages && next <= FIRST_STAGE {
                FIRST_STAGE + 1
            } else {
                end
            };
            let count = at_once.min(until - next);
            if !self.launch(next, count, &files).await {
                break;
            }
            next += count;
            if stages && next == FIRST_STAGE + 1 && !self.is_anything_suspected().await {
                self.run.reporter.report(Event::Note(format!(
                    "no figure looks different on {FIRST_STAGE} instances: the other {} are not needed",
                    asked - FIRST_STAGE
                )));
                break;
            }
        }
        let left = self
            .samples
            .iter()
            .filter(|sample| !sample.passed() || self.cancel.is_cancelled());
        join_all(left.map(Sample::end_leftovers)).await;
    }

    /// Whether a figure looks different on the instances so far, so that it is worth to look again on others. Where nothing
    /// could be compared, that is for the others to show, too.
    async fn is_anything_suspected(&mut self) -> bool {
        let mut measured = Vec::new();
        for sample in &mut self.samples {
            measured.extend(sample.measured().await);
        }
        let Some((figures, _)) = gather(self.run.plan, &measured) else {
            return true;
        };
        !suspects(&Comparison::series(&figures)).is_empty()
    }

    /// Launches the samples from `first` on in one call and carries each out. Returns whether more may follow.
    async fn launch(&mut self, first: u32, count: u32, files: &Arc<[ProjectFile]>) -> bool {
        let begins = first == self.run.plan.share.first();
        let start = self.samples.len() - usize::from(begins);
        for index in first + u32::from(begins)..first + count {
            let Some(sample) = self.origin.as_ref().or(self.samples.first()) else {
                return false;
            };
            match sample.fork(index).await {
                Ok(sample) => self.samples.push(sample),
                Err(error) => {
                    self.fail(error.to_string(), error.hint());
                    return false;
                }
            }
        }
        let request = self.launch_request(first, count);
        let samples = self.samples.get_mut(start..).unwrap_or_default();
        for sample in samples.iter_mut() {
            sample.begin_launch(&request.lease, request.expires_at);
        }
        let candidates = match self.resolve().await {
            Ok(candidates) => candidates,
            Err(error) => {
                self.no_launch(start, error, &Release::NothingLaunched)
                    .await;
                return false;
            }
        };
        let lessor = Lessor::new(
            self.run.provider,
            self.run.records,
            &self.cancel,
            self.run.interrupt.token(),
        );
        let shared = Shared {
            readiness: Readiness::new(self.run.provider),
            files: files.clone(),
            transfers: Semaphore::new(MAX_TRANSFERS),
        };
        let config = &self.run.plan.config;
        let fail_fast = config.fail_fast.then_some(&self.cancel);
        let samples = self.samples.get_mut(start..).unwrap_or_default();
        let mut free = samples.iter_mut();
        let Leased {
            error,
            unanswered,
            rentals,
            remaining,
        } = lessor
            .with_instances(candidates, &request, |id| {
                let sample = free.next();
                let shared = &shared;
                async move {
                    let sample = sample?;
                    let schedule = schedule(config, sample.draw());
                    sample.execute(&id, &schedule, shared).await;
                    if let (Some(cancel), false) = (fail_fast, sample.passed()) {
                        cancel.cancel();
                    }
                    sample.keep_time()
                }
            })
            .await;
        self.remaining.extend(remaining);
        let granted = rentals.len();
        if granted == 0 {
            self.no_launch(start, error, &unanswered).await;
            return false;
        }
        let samples = self.samples.get_mut(start..).unwrap_or_default();
        for (sample, rental) in samples.iter_mut().zip(rentals) {
            sample.enter_rental(rental);
        }
        let asked = usize::try_from(count).unwrap_or(usize::MAX);
        if granted < asked {
            for sample in self.samples.drain(start + granted..) {
                sample.discard().await;
            }
            self.fail(
                format!("{granted} of {asked} instances could be launched"),
                Some("the results of the others are complete; ask for fewer samples, another instance type or zone, or try later"),
            );
        }
        !self.cancel.is_cancelled()
    }

    async fn resolve(&self) -> Result<Vec<P::Candidate>, Option<ProviderError>> {
        match until_cancelled(&self.cancel, self.run.provider.resolve()).await {
            Completion::Returned(Ok(Resolved {
                candidates,
                warnings,
            })) => {
                for warning in warnings {
                    self.run.reporter.report(Event::Warning(warning));
                }
                Ok(candidates)
            }
            Completion::Returned(Err(error)) => Err(Some(error)),
            Completion::Cancelled => Err(None),
            Completion::Panicked(message) => Err(Some(ProviderError::Unreachable {
                action: "the look-up",
                message: format!("collector panicked: {message}"),
            })),
        }
    }

    /// The launch gave no instance: the first of its samples says why, the others never were.
    async fn no_launch(&mut self, start: usize, error: Option<ProviderError>, release: &Release) {
        let rest = (start + 1).min(self.samples.len());
        for sample in self.samples.drain(rest..) {
            sample.discard().await;
        }
        if let Some(sample) = self.samples.get_mut(start) {
            sample.end_launch(error, release.clone());
        }
    }

    fn launch_request(&self, launch: u32, count: u32) -> LaunchRequest {
        let plan = self.run.plan;
        LaunchRequest {
            lease: plan.run.lease(launch),
            run: plan.run.clone(),
            revision: plan.revision.clone(),
            max_lifetime: plan.config.max_lifetime,
            expires_at: expiry(self.run),
            count: NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN),
        }
    }

    fn fail(&mut self, message: String, hint: Option<&str>) {
        self.errors.push(Diagnostic::new(message, hint));
    }

    /// The instances are gone: reports, archives, the index.
    async fn finish(self, started: Timestamp) -> RunReport {
        let run = self.run;
        if let Some(origin) = self.origin {
            origin.discard().await;
        }
        let mut finished: Vec<(SampleReport, Option<MeasuredSample>)> = stream::iter(self.samples)
            .map(|sample| sample.finish(started))
            .buffer_unordered(MAX_ARCHIVES)
            .collect()
            .await;
        finished.sort_by_key(|(sample, _)| sample.sample);
        let (samples, measured): (Vec<_>, Vec<_>) = finished.into_iter().unzip();
        let mut report = RunReport {
            format: RunReport::FORMAT,
            run: run.plan.run.clone(),
            asked: run.plan.share.count(),
            started,
            finished: Timestamp::now(),
            outcome: if self.errors.is_empty() {
                Outcome::Passed
            } else {
                Outcome::Unavailable
            },
            errors: self.errors,
            signal: run.interrupt.signal(),
            remaining: self.remaining,
            figures: None,
            worse: false,
            samples,
        };
        report.update_outcome();
        let measured: Vec<&MeasuredSample> = measured.iter().flatten().collect();
        if let Some((figures, _)) = gather(run.plan, &measured) {
            report.judge(&figures, run.plan.config.fail_on);
            report.figures = Some(Arc::new(figures.clone()));
            write_down(run.plan, figures, &mut report).await;
        }
        let record = report.clone();
        write_down(run.plan, record, &mut report).await;
        for resource in &report.remaining {
            run.reporter.report(Event::Remains {
                resource: resource.clone(),
                region: run.provider.region().to_owned(),
                run: run.plan.run.clone(),
            });
        }
        run.reporter
            .report(Event::Finished(std::sync::Arc::new(report.clone())));
        report
    }
}

/// Writes what belongs to all samples of a run of several.
async fn write_down<T: Record + Send + 'static>(plan: &Plan, record: T, report: &mut RunReport) {
    if report.asked > 1
        && let Err(error) = write_run(&plan.output, &plan.revision, &plan.run, record).await
    {
        report.fail(Outcome::Unavailable, error.to_string(), error.hint());
    }
}
