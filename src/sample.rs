//! A sample: the schedule carried out on one instance, with results, a journal and a report of its own.

mod bake;
mod failed_step;
mod fetch;
mod figures;
mod files;
mod finish;
mod gather;
mod host;
mod journal;
mod keeping;
mod local_host;
mod marked_lines;
mod metrics;
mod open_shell;
mod permit;
mod plan;
mod precision;
mod profile;
mod source;
mod step_log;
mod steps;
mod stored;
mod straight;
mod tally;
mod turns;
mod watched;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::arm::Arm;
use crate::collect::Arrivals;
use crate::config::collect_reserve;
use crate::instance::{Instance, InstanceId, LaunchRequest, LeaseToken};
use crate::interrupt::Interrupt;
use crate::lease::{LeaseRecords, Readiness, StageFile, has_ended};
use crate::phase::{Phase, Stage};
use crate::project_file::ProjectFile;
use crate::provider::Provider;
use crate::records::{BootTimes, HostFacts};
use crate::remote_host::RemoteHost;
use crate::remote_host::cpus::Division;
use crate::report::{Collected, Outcome, Release, TurnReport};
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::results::{Results, ResultsError};
use crate::schedule::Action;
use crate::shell::{Shell, ShellError};
use crate::step::ScriptPath;
pub(crate) use bake::LaunchImage;
pub use fetch::{Fetched, fetch};
use figures::MeasuredTurn;
pub(crate) use gather::{MeasuredSample, gather};
use journal::Journal;
pub use local_host::LocalHost;
use metrics::MetricsFile;
pub use open_shell::ShellOccasion;
use permit::Permitted;
pub use plan::{Baseline, Plan};
use step_log::StepLog;
use stored::Stored;
pub(crate) use tally::{Launches, Tally, instances_in_all};
use turns::Scope;
use watched::Watched;

/// An instance as a sample works with it.
type Host<'a, P, R> = RemoteHost<Watched<'a, <P as Provider>::Shell, P, R>>;

/// Everything that a run works with.
#[derive(Debug)]
pub struct Run<'a, P, H, R> {
    /// The plan.
    pub plan: &'a Plan,
    /// The provider that rents out.
    pub provider: &'a P,
    /// The leases on disk.
    pub records: &'a LeaseRecords,
    /// This machine.
    pub local: &'a LocalHost<H>,
    /// The reporter of its events.
    pub reporter: &'a R,
    /// The interrupt that ends it early.
    pub interrupt: &'a Interrupt,
}

/// The state that the samples of a run share while they are measured side by side.
#[derive(Debug)]
pub(crate) struct Shared<'a, P> {
    pub(crate) readiness: Readiness<'a, P>,
    pub(crate) request: LaunchRequest,
    pub(crate) image: Option<LaunchImage>,
    /// The files that go to each instance.
    pub(crate) files: Arc<[ProjectFile]>,
    /// Bounds the memory and the CPU that transfers take on this machine.
    pub(crate) transfers: Semaphore,
    pub(crate) launches: Launches,
    /// The measurements of the samples of all launches.
    pub(crate) tally: &'a Tally,
}

/// A sample on its way.
pub(crate) struct Sample<'a, P: Provider, H, R> {
    run: &'a Run<'a, P, H, R>,
    index: u32,
    lease: LeaseToken,
    expires_at: Timestamp,
    results: Results,
    journal: Journal<'a, R>,
    arrivals: Arrivals,
    /// The logs of the steps on the instance, with the numbers of their jobs.
    logs: Vec<(u32, ScriptPath, StepLog<'a, R>)>,
    /// Past this the instance is about to end itself: a step that still runs is ended as if by its time-out.
    last_call: Option<Instant>,
    end_of_life: Option<Instant>,
    /// The boot of the instance, as far as it was seen from this machine.
    boot: BootTimes,
    /// The facts about the host, once it has told them.
    facts: Option<HostFacts>,
    /// The checkouts on the instance, once they are there.
    sources: BTreeMap<Arm, String>,
    /// The arm, the turn and the CPUs that steps run for.
    scope: Scope,
    /// The CPUs of a duet.
    cpus: Option<Division>,
    /// The turns that were begun.
    turns: Vec<TurnReport>,
    skipped_turns: usize,
    /// Turns were skipped because there was no time for them.
    ran_out_of_time: bool,
    /// The duration of the longest turn.
    longest_turn: Duration,
    /// The system metrics, while they are sampled.
    metrics: Option<MetricsFile>,
    /// The figures of the turns, once they were read.
    measured: Option<MeasuredSample>,
    /// The directories with what `on_regression` left.
    profiles: Vec<String>,
    release: Release,
    /// The stage at the moment, for others to see.
    stage_file: Option<StageFile>,
    /// The objects in the bucket.
    stored: Stored,
    /// Held while the instance may be come back to, so that nobody does so before the run is over.
    under_way: Option<File>,
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// A sample with a directory of its own.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub(crate) fn create(
        run: &'a Run<'a, P, H, R>,
        index: u32,
        expires_at: Timestamp,
    ) -> Result<Self, ResultsError> {
        let Plan {
            output,
            revision,
            run: id,
            ..
        } = run.plan;
        let reporter = SampleReporter {
            reporter: run.reporter,
            sample: index,
        };
        let lease = id.lease(index);
        // The directory of a run of several has the name of the run.
        let name = match run.plan.share.count() {
            1 => id.as_str(),
            _ => lease.as_str(),
        };
        Ok(Self {
            run,
            index,
            results: Results::create(output, revision, lease.as_str(), name)?,
            lease,
            expires_at,
            journal: Journal::new(reporter),
            arrivals: Arrivals::default(),
            logs: Vec::new(),
            last_call: None,
            end_of_life: None,
            boot: BootTimes::default(),
            facts: None,
            sources: BTreeMap::new(),
            scope: Scope::default(),
            cpus: None,
            turns: Vec::new(),
            skipped_turns: 0,
            ran_out_of_time: false,
            longest_turn: Duration::ZERO,
            metrics: None,
            measured: None,
            profiles: Vec::new(),
            release: Release::NothingLaunched,
            stage_file: None,
            stored: Stored::default(),
            under_way: None,
        })
    }

    /// Another sample that begins with everything that was done before the launch.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub(crate) async fn fork(&self, index: u32) -> Result<Self, ResultsError> {
        let mut fork = Self::create(self.run, index, self.expires_at)?;
        fork.results.copy_from(&self.results).await?;
        fork.journal.stages.clone_from(&self.journal.stages);
        fork.journal.warnings.clone_from(&self.journal.warnings);
        fork.journal.steps = self.journal.steps;
        Ok(fork)
    }

    /// Whether nothing has gone wrong so far.
    pub(crate) fn passed(&self) -> bool {
        self.journal.outcome == Outcome::Passed
    }

    /// The launch begins that this sample gets its instance from.
    pub(crate) fn begin_launch(&mut self, lease: &LeaseToken, expires_at: Timestamp) {
        self.lease = lease.clone();
        self.expires_at = expires_at;
        self.journal.begin(Stage::Launch);
    }

    /// Carries out the schedule on the instance.
    pub(crate) async fn execute(
        &mut self,
        id: &InstanceId,
        schedule: &[Action],
        shared: &Shared<'_, P>,
    ) {
        self.results.name_after(id);
        self.journal.end(true);
        let lifetime = self.run.plan.config.max_lifetime;
        let reserve = collect_reserve(lifetime);
        let launched = Instant::now();
        self.last_call = launched.checked_add(lifetime.saturating_sub(reserve));
        let end_of_life = launched.checked_add(lifetime);
        self.end_of_life = end_of_life;
        let span = tracing::info_span!("sample", index = self.index, instance = %id);
        let work = self.carry_out(id, schedule, shared).instrument(span);
        let in_time = if let Some(end) = end_of_life {
            timeout_at(end, work).await.is_ok()
        } else {
            work.await;
            true
        };
        if !in_time {
            self.journal.fail(
                Outcome::Unavailable,
                format!("the sample was not over within `max_lifetime` of instance {id}"),
                Some("give the steps time-outs, or the config a longer `max_lifetime`"),
            );
        }
    }

    async fn carry_out(&mut self, id: &InstanceId, schedule: &[Action], shared: &Shared<'_, P>) {
        let mut host = None;
        for action in schedule {
            self.note_stage(id, *action).await;
            match (action, &host) {
                (Action::Ready, _) => {
                    self.journal.begin(Stage::Ready);
                    host = self.ready(id, shared).await;
                    self.journal.end(host.is_some());
                    if host.is_none() {
                        return;
                    }
                }
                (Action::Phase(phase), host) => self.phase(*phase, host.as_ref()).await,
                (Action::SetUp(arm), host) => self.set_up(*arm, host.as_ref()).await,
                (Action::Turn(_) | Action::Duet(_), Some(host)) => {
                    self.measure(action.turns(), host).await;
                }
                (Action::FurtherRounds, Some(host)) => self.further_rounds(host).await,
                (Action::Profile, Some(host)) => self.profile(host, shared).await,
                (Action::Calibrate(point), Some(host)) => self.calibrate(*point, host).await,
                (Action::Bake, Some(_)) => self.bake(shared).await,
                (Action::Collect, Some(host)) => self.collect(host, shared).await,
                (_, None) => {}
            }
        }
        if let Some(host) = &host {
            self.open_shell(host).await;
            self.end_metrics(host).await;
        }
    }

    /// Lets other processes see what begins; that they do not is no reason to fail.
    async fn note_stage(&mut self, id: &InstanceId, action: Action) {
        let stage = match action {
            Action::Ready => Stage::Ready,
            Action::Phase(phase) => Stage::Scripts(phase),
            Action::SetUp(_) => Stage::Scripts(Phase::Setup),
            Action::Turn(_) | Action::Duet(_) | Action::FurtherRounds => Stage::Scripts(Phase::Run),
            Action::Profile => Stage::Scripts(Phase::OnRegression),
            Action::Calibrate(_) => return,
            Action::Bake => Stage::Bake,
            Action::Collect => Stage::Collect,
        };
        let sample = self.run.plan.run.lease(self.index);
        let begun = self.run.records.begin_stage(&sample, id, stage).await;
        self.stage_file = begun.ok().or(self.stage_file.take());
    }

    async fn ready(&mut self, id: &InstanceId, shared: &Shared<'_, P>) -> Option<Host<'a, P, R>> {
        let instance = match shared.readiness.wait(id).await {
            Ok(instance) => instance,
            Err(error) => {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
                return None;
            }
        };
        self.journal.report(Event::Note(format!(
            "instance {id} in {} is up at {}",
            instance.region, instance.address
        )));
        self.boot.running = Some(Timestamp::now());
        self.journal.instance = Some(instance.clone());
        self.record_access(&instance).await;
        let provider = self.run.provider;
        let lease = self.lease.clone();
        let preparing = self.prepare(&instance, shared);
        let rental = provider.facts(&instance, &lease);
        let (prepared, price, rental) = tokio::join!(preparing, provider.price(id), rental);
        if let Some(instance) = &mut self.journal.instance {
            instance.price_per_hour = price;
        }
        match prepared {
            Ok((host, facts)) => {
                let ec2 = rental;
                self.describe_host(&host, HostFacts { ec2, ..facts }).await;
                if self.run.plan.config.is_duet()
                    && let Err(error) = self.divide_cpus(&host).await
                {
                    self.journal
                        .fail(Outcome::Unavailable, error.to_string(), error.hint());
                    return None;
                }
                self.start_metrics(&host).await;
                Some(host)
            }
            Err(error) => {
                self.fail_or_tell_end(id, &error).await;
                None
            }
        }
    }

    /// The host with everything on it that steps need, and what it tells of itself.
    async fn prepare(
        &mut self,
        instance: &Instance,
        shared: &Shared<'_, P>,
    ) -> Result<(Host<'a, P, R>, HostFacts), ShellError> {
        let provider = self.run.provider;
        let RemoteHost {
            shell,
            jobs_dir,
            just_booted,
            port_open,
        } = provider.connect(instance, &self.lease).await?;
        let host = RemoteHost {
            shell: Watched::new(
                shell,
                provider,
                instance.id.clone(),
                *self.journal.reporter(),
                self.end_of_life,
            ),
            jobs_dir,
            just_booted,
            port_open,
        };
        self.boot.logged_in = Some(Timestamp::now());
        self.journal.report(Event::Detail("logged in".into()));
        for warning in host.wait_for_first_boot().await? {
            self.journal.warn(warning);
        }
        self.send(&host, shared).await?;
        let quiet = self.quieten(&host).await?;
        // Not beside an upload, which may keep the connection busy for longer than the answer is waited for.
        let facts = host.host_facts().await?;
        Ok((host, HostFacts { quiet, ..facts }))
    }

    /// Enters a failed conversation; where the instance has ended, that is the reason.
    async fn fail_or_tell_end(&mut self, id: &InstanceId, error: &ShellError) {
        let ended = if error.is_connection() {
            has_ended(self.run.provider, id).await
        } else {
            None
        };
        let (message, hint) = match &ended {
            Some(ended) => (ended.to_string(), ended.hint()),
            None => (error.to_string(), error.hint()),
        };
        self.journal.fail(Outcome::Unavailable, message, hint);
    }

    async fn collect(&mut self, host: &Host<'a, P, R>, shared: &Shared<'_, P>) {
        self.note_skipped_turns();
        self.journal.begin(Stage::Collect);
        let shell = Permitted::wait(&host.shell, &shared.transfers).await;
        self.complete_logs(&shell, &host.jobs_dir).await;
        let collection = self.collection(&shell, &host.jobs_dir).await;
        drop(shell);
        self.journal.collected = Some(collection.collected.clone());
        for warning in collection.warnings {
            self.journal.warn(warning);
        }
        self.note_profiles(&collection.manifest);
        let nothing = collection.error.is_none()
            && collection.collected == Collected::default()
            && !self.run.plan.config.performance_results.is_empty();
        let ok = collection.error.is_none() && !nothing;
        if let Some(error) = collection.error {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        let mut recorded = self.results.record(collection.manifest).await;
        if recorded.is_ok() {
            recorded = self.results.finalize_name().await;
        }
        if let Err(error) = recorded {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        self.journal.end(ok);
        if nothing {
            self.fail_without_results().await;
        }
    }
}
