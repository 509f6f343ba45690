//! A run from its first local step to its report: samples side by side, each on an instance of its own.

mod image;
mod of_run;

use std::convert::Infallible;
use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::cancel::{Completion, until_cancelled};
use crate::config::FIRST_STAGE;
use crate::instance::LaunchRequest;
use crate::lease::{Leased, Lessor, Readiness};
use crate::project_file::ProjectFile;
use crate::provider::{Provider, ProviderError, Resolved};
use crate::report::{Diagnostic, Outcome, Release, RunReport, SampleReport, too_slow};
use crate::reporter::{Event, Reporter};
use crate::results::{ResultsError, create_run};
use crate::sample::{
    LaunchImage, Launches, MeasuredSample, Run, Sample, Shared, Tally, gather, instances_in_all,
};
use crate::shell::Shell;
use image::schedule;
use of_run::{draw, export, write_down};

/// The number of samples that bring their results home at the same time.
const MAX_TRANSFERS: usize = 4;

/// The time that reading the figures of all samples has after a signal: the process is to be gone soon.
const READING_TIME_AFTER_SIGNAL: Duration = Duration::from_millis(500);

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
        tally: Tally::default(),
        origin: None,
        errors: Vec::new(),
        remaining: Vec::new(),
        image: None,
    };
    fleet.measure().await;
    // What local steps left running would go on beside what is packed, and after the run.
    run.local.end_leftovers(&run.plan.run).await;
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
    tally: Tally,
    /// The state that the samples of later launches begin with: the first one as it was before its own launch.
    origin: Option<Sample<'a, P, H, R>>,
    errors: Vec<Diagnostic>,
    remaining: Vec<crate::instance::Resource>,
    /// The image that instances are launched from where that is not the config's.
    image: Option<LaunchImage>,
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
            return;
        }
        if !self.look_up_image(&mut files).await {
            return;
        }
        let Some(first) = self.samples.first() else {
            return;
        };
        let config = &self.run.plan.config;
        let share = self.run.plan.share;
        let (asked, end) = (share.count(), share.end());
        let at_once = config.parallel.map_or(asked, NonZeroU32::get).min(asked);
        let stages = config.has_stages();
        if at_once < asked || stages {
            match first.fork(end).await {
                Ok(origin) => self.origin = Some(origin),
                Err(error) => {
                    self.fail(error.to_string(), error.hint());
                    return;
                }
            }
        }
        let mut so_far = 0;
        let mut goal = if stages { FIRST_STAGE } else { asked };
        while so_far < goal {
            let launches = Launches {
                so_far: so_far + at_once.min(goal - so_far),
                goal,
            };
            if !self.launch(so_far, launches, &files).await {
                break;
            }
            so_far = launches.so_far;
            if so_far == goal && goal < asked {
                goal = self.further_goal(goal).await;
            }
        }
    }

    /// The instances to measure on in all, after a stage on fewer than there may be.
    async fn further_goal(&mut self, so_far: u32) -> u32 {
        let config = &self.run.plan.config;
        let asked = config.samples.get();
        let mut measured = Vec::new();
        let cancel = self.cancel.clone();
        for sample in &mut self.samples {
            match until_cancelled(&cancel, sample.measured()).await {
                Completion::Returned(figures) => measured.extend(figures),
                Completion::Cancelled => return so_far,
                // Its end tells.
                Completion::Panicked(_) => {}
            }
        }
        let goal = instances_in_all(self.run.plan, &measured, so_far);
        if goal == so_far {
            let found = config.asked_precision().map_or_else(
                || "no figure looks different".to_owned(),
                |precision| format!("every interval is within ±{precision}"),
            );
            self.run.reporter.report(Event::Note(format!(
                "{found} on {so_far} instances: the other {} are not needed",
                asked - so_far
            )));
        } else if let Some(precision) = config.asked_precision() {
            self.run.reporter.report(Event::Note(format!(
                "±{precision} is not reached on {so_far} instances: measuring on {} more",
                goal - so_far
            )));
        }
        goal
    }

    /// Launches the samples behind those `before` in one call and carries each out. Returns whether more may follow.
    async fn launch(
        &mut self,
        before: u32,
        launches: Launches,
        files: &Arc<[ProjectFile]>,
    ) -> bool {
        let count = launches.so_far - before;
        let first = self.run.plan.share.first() + before;
        let start = self.samples.len() - usize::from(before == 0);
        for index in first + u32::from(before == 0)..first + count {
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
            request: request.clone(),
            image: self.image.clone(),
            files: files.clone(),
            transfers: Semaphore::new(MAX_TRANSFERS),
            launches,
            tally: &self.tally,
        };
        let plan = self.run.plan;
        let fail_fast = plan.config.fail_fast.then_some(&self.cancel);
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
                let measuring = sample.as_ref().map(|sample| sample.enter(shared));
                async move {
                    let _measuring = measuring;
                    let sample = sample?;
                    let schedule = schedule(plan, shared.image.as_ref(), sample.draw());
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
            sample.enter_rental(rental).await;
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
            image: self.image.as_ref().map(|image| image.id.clone()),
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
        let late = CancellationToken::new();
        // After a signal there are no archives, and little time for the reports.
        let at_once = if run.interrupt.token().is_cancelled() {
            self.samples.len().max(1)
        } else {
            MAX_ARCHIVES
        };
        let finishing = stream::iter(self.samples)
            .map(|sample| sample.finish(started, &late))
            .buffer_unordered(at_once)
            .collect();
        let clock = async {
            run.interrupt.token().cancelled().await;
            sleep(READING_TIME_AFTER_SIGNAL).await;
            late.cancel();
            pending::<Infallible>().await
        };
        let mut finished: Vec<(SampleReport, Option<MeasuredSample>)> = tokio::select! { biased;
            finished = finishing => finished,
            never = clock => match never {},
        };
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
            samples,
        };
        report.update_outcome();
        let measured: Vec<&MeasuredSample> = measured.iter().flatten().collect();
        if let Some((figures, _)) = gather(run.plan, &measured) {
            // The only sample has judged them already.
            if report.asked > 1
                && let Some(slower) = too_slow(&figures, run.plan.config.fail_on)
            {
                report.outcome = report.outcome.max(Outcome::Slower);
                report.errors.push(slower);
            }
            report.figures = Some(Arc::new(figures.clone()));
            export(run, &figures).await;
            write_down(run.plan, figures, &mut report).await;
        }
        let record = report.clone();
        write_down(run.plan, record, &mut report).await;
        draw(run, &report).await;
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
