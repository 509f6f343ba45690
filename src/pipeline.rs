//! A run from its first local step to its report: the phases in their order around the leased instance.

mod close;
mod journal;
mod steps;
mod workplace;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout};

pub use workplace::{ProjectFile, Workplace};

use crate::collect::collect;
use crate::config::Config;
use crate::instance::{Instance, InstanceId, LaunchRequest, LeaseToken, RunId};
use crate::interrupt::Interrupt;
use crate::job::kill_all;
use crate::lease::{Ended, LeaseRecords, until_cancelled, with_instance};
use crate::phase::{Phase, Stage};
use crate::provider::{Provider, ProviderError};
use crate::report::{Outcome, Release, RunReport};
use crate::reporter::{Event, Reporter};
use crate::results::{CONFIG, Results, ResultsError};
use crate::revision::{OF_COLLECTOR, Revision};
use crate::shell::{Shell, ShellError};
use journal::Journal;

/// How long local steps that a signal left behind have after TERM, and how long ending them may take.
const LEFTOVER_GRACE: Duration = Duration::from_millis(300);
const LEFTOVER_DEADLINE: Duration = Duration::from_millis(1200);

/// Every sample is the first until a run has several.
const SAMPLE: u32 = 1;

/// What a run is to do. Everything in it has been checked.
#[derive(Debug)]
pub struct Plan {
    /// The config.
    pub config: Config,
    /// The config file and the scripts.
    pub files: Vec<ProjectFile>,
    /// The directory of the config file, absolute: local steps run there.
    pub directory: PathBuf,
    /// Where results go.
    pub output: PathBuf,
    /// What is measured.
    pub revision: Revision,
    /// What the user says about it.
    pub description: Option<String>,
    /// The run.
    pub run: RunId,
}

/// The machine that runs collector.
#[derive(Debug)]
pub struct Here<H> {
    /// A shell in the config file's directory.
    pub shell: H,
    /// A directory for the jobs of this run; removed after it.
    pub jobs: PathBuf,
}

/// Everything that a run works with.
#[derive(Debug)]
pub struct Pipeline<'a, P, H, R> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// Who rents out.
    pub provider: &'a P,
    /// Where leases are written down.
    pub records: &'a LeaseRecords,
    /// This machine.
    pub here: &'a Here<H>,
    /// Who watches.
    pub reporter: &'a R,
    /// How it is ended early.
    pub interrupt: &'a Interrupt,
}

/// Runs everything and reports what came of it; the instance is gone by then, or the report says so.
///
/// `connect` opens a shell on an instance that is up.
///
/// # Errors
/// When `output` cannot be written to; nothing was run then.
pub async fn run<P: Provider, H: Shell, R: Reporter, S: Shell>(
    pipeline: Pipeline<'_, P, H, R>,
    connect: impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
) -> Result<RunReport, ResultsError> {
    let plan = pipeline.plan;
    let mut run = Run {
        lease: plan.run.lease(SAMPLE),
        results: Results::create(&plan.output, &plan.revision, &plan.run)?,
        journal: Journal::new(pipeline.reporter),
        pipeline,
    };
    let started = Timestamp::now();
    run.write_config()?;
    let release = run.measure(connect).await;
    run.close(started, release).await
}

/// A run on its way.
struct Run<'a, P, H, R> {
    pipeline: Pipeline<'a, P, H, R>,
    lease: LeaseToken,
    results: Results,
    journal: Journal<'a, R>,
}

impl<P: Provider, H: Shell, R: Reporter> Run<'_, P, H, R> {
    /// The config as analysis tools expect it; collector's own three files win over scripts of the same name.
    fn write_config(&self) -> Result<(), ResultsError> {
        let plan = self.pipeline.plan;
        for file in &plan.files {
            self.results
                .write(&format!("{CONFIG}/{}", file.path), &file.content)?;
        }
        let description: Vec<&str> = plan
            .description
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        for (name, line) in [
            ("version", plan.revision.as_str()),
            ("description", &description.join(" ")),
            ("collector.revision", OF_COLLECTOR),
        ] {
            self.results
                .write(&format!("{CONFIG}/{name}"), format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }

    /// Everything that costs money, and the local steps before it.
    async fn measure<S: Shell>(
        &mut self,
        connect: impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
    ) -> Release {
        let cancel = self.pipeline.interrupt.run().clone();
        let before = self.phase::<S>(Phase::BeforeAwsStart, None);
        let ended = until_cancelled(&cancel, before).await;
        self.note_end(Ok(ended));
        if self.journal.outcome != Outcome::Passed {
            self.end_leftovers().await;
            return Release::NothingLaunched;
        }

        let request = self.launch_request();
        let Pipeline {
            provider,
            records,
            reporter,
            ..
        } = self.pipeline;
        let releasing = Cell::new(None);
        self.journal.begin(Stage::Launch);
        let leased = with_instance(
            provider,
            records,
            &request,
            &cancel,
            || {
                releasing.set(Some((Timestamp::now(), Instant::now())));
                // After a signal nothing comes before the call: a terminal that hangs would hold it up.
                if !cancel.is_cancelled() {
                    reporter.report(&Event::StageStarted(Stage::Terminate));
                }
            },
            async |id| {
                self.results.name_after(id);
                self.journal.end(true);
                self.on_instance(id, &connect).await;
            },
        )
        .await;
        let launched = leased.release != Release::NothingLaunched;
        self.note_end(leased.ended);
        if launched {
            let (at, clock) = releasing
                .get()
                .unwrap_or_else(|| (Timestamp::now(), Instant::now()));
            self.journal.begin_at(Stage::Terminate, at, clock);
            self.journal.end(leased.release == Release::Terminated);
        }
        if self.journal.outcome != Outcome::Passed || cancel.is_cancelled() {
            self.end_leftovers().await;
        }
        leased.release
    }

    fn launch_request(&self) -> LaunchRequest {
        let plan = self.pipeline.plan;
        let max_lifetime = plan.config.max_lifetime;
        LaunchRequest {
            lease: self.lease.clone(),
            run: plan.run.clone(),
            revision: plan.revision.clone(),
            max_lifetime,
            expires_at: Timestamp::now()
                .checked_add(max_lifetime)
                .unwrap_or(Timestamp::MAX),
        }
    }

    fn note_end(&mut self, ended: Result<Ended<()>, ProviderError>) {
        match ended {
            Ok(Ended::Returned(())) => {}
            Ok(Ended::Cancelled) => self.note_signal(),
            Ok(Ended::Panicked(message)) => self.journal.fail(
                Outcome::Unavailable,
                format!("collector panicked: {message}"),
                Some("this is a bug in collector: please report it"),
            ),
            Err(error) => {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
            }
        }
        self.journal.interrupt();
    }

    fn note_signal(&mut self) {
        let reason = close::signal_words(self.pipeline.interrupt);
        self.journal.fail(Outcome::Interrupted, reason, None);
    }

    /// Ends the processes of local steps that were dropped on the way.
    async fn end_leftovers(&self) {
        let Here { shell, jobs } = self.pipeline.here;
        let jobs = jobs.to_string_lossy();
        let ending = kill_all(shell, &self.lease, &jobs, LEFTOVER_GRACE);
        // Nothing can be done about local processes that survive this; the instance is gone already.
        let _ = timeout(LEFTOVER_DEADLINE, ending).await;
    }

    /// The instance exists: everything until it is given back.
    async fn on_instance<S: Shell>(
        &mut self,
        id: &InstanceId,
        connect: &impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
    ) {
        self.journal.begin(Stage::Ready);
        let Ok(workplace) = self.ready(id, connect).await else {
            self.journal.end(false);
            return;
        };
        self.journal.end(true);
        for phase in [
            Phase::AfterAwsStart,
            Phase::Setup,
            Phase::Run,
            Phase::BeforeCollect,
        ] {
            self.phase(phase, Some(&workplace)).await;
        }
        self.collect(&workplace).await;
        for phase in [Phase::AfterCollect, Phase::BeforeAwsTerminate] {
            self.phase(phase, Some(&workplace)).await;
        }
    }

    async fn ready<S: Shell>(
        &mut self,
        id: &InstanceId,
        connect: &impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
    ) -> Result<Workplace<S>, ()> {
        let reporter = self.pipeline.reporter;
        let instance = match self.pipeline.provider.ready(id).await {
            Ok(instance) => instance,
            Err(error) => {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
                return Err(());
            }
        };
        reporter.report(&Event::Note(format!(
            "instance {id} in {} is up at {}",
            instance.region, instance.address
        )));
        self.journal.instance = Some(instance.clone());
        let prepared = async {
            let workplace = connect(&instance).await?;
            reporter.report(&Event::Detail("logged in".into()));
            let complaints = workplace.settle().await?;
            workplace.upload(&self.pipeline.plan.files).await?;
            let facts = workplace.host_facts().await?;
            Ok::<_, ShellError>((workplace, complaints, facts))
        };
        match prepared.await {
            Ok((workplace, complaints, facts)) => {
                for complaint in complaints {
                    self.journal.warn(complaint);
                }
                if let Err(error) = self.results.record("host.json", &facts) {
                    self.journal.warn(error.to_string());
                }
                Ok(workplace)
            }
            Err(error) => {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
                Err(())
            }
        }
    }

    async fn collect<S: Shell>(&mut self, workplace: &Workplace<S>) {
        let Pipeline { plan, reporter, .. } = self.pipeline;
        self.journal.begin(Stage::Collect);
        let collection = collect(
            &workplace.shell,
            &plan.config.performance_results,
            self.results.path(),
            reporter,
        )
        .await;
        self.journal.collected = collection.collected;
        for warning in collection.warnings {
            self.journal.warn(warning);
        }
        let ok = collection.error.is_none();
        if let Some(error) = collection.error {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        let settled = self
            .results
            .record("manifest.json", &collection.manifest)
            .and_then(|()| self.results.settle());
        if let Err(error) = settled {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        self.journal.end(ok);
    }
}
