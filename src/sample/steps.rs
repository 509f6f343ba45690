//! The steps of a phase: how each runs, and what its end means for the run.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::failed_step::hint;
use super::marked_lines::MarkedLines;
use super::step_log::{Gap, Source, StepLog};
use super::turns::Scope;
use super::{Host, LocalHost, Run, Sample};
use crate::job::{FinishedJob, Job, JobEnd, log_sizes};
use crate::phase::{Phase, Stage};
use crate::provider::Provider;
use crate::remote_host::RemoteHost;
use crate::report::{Outcome, StepReport};
use crate::reporter::{Event, Reporter};
use crate::results::Results;
use crate::shell::{Shell, ShellError};
use crate::step::{Location, ScriptPath, Step, StepOutcome};

/// A step on record, about to run.
struct Begun<'a, R> {
    job: Job,
    timeout: Option<Duration>,
    log: StepLog<'a, R>,
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Runs the steps of a phase until one fails.
    pub(super) async fn phase(&mut self, phase: Phase, host: Option<&Host<'a, P, R>>) {
        let scope = self.scope.clone();
        self.phase_for(phase, &[scope], host).await;
    }

    /// Runs each step of a phase for all of these at the same time, until one fails.
    pub(super) async fn phase_for(
        &mut self,
        phase: Phase,
        scopes: &[Scope],
        host: Option<&Host<'a, P, R>>,
    ) {
        let run = self.run;
        let Some(steps) = run.plan.config.phases.get(&phase) else {
            return;
        };
        if phase.skipped_after_failure() && self.journal.failed {
            return;
        }
        let run_phase = (phase == Phase::Run).then(|| run.interrupt.enter_run_phase());
        let stop = run_phase
            .as_ref()
            .map_or_else(CancellationToken::new, |phase| phase.stop.clone());
        let compared = run.plan.baseline.is_some();
        let noted = scopes.iter().map(|scope| {
            let arm = scope.arm.filter(|_| compared);
            (arm, scope.turn.map(|turn| turn.turn))
        });
        self.journal.begin_for(Stage::Scripts(phase), noted);
        let errors = self.journal.errors.len();
        let mut ok = true;
        for step in steps {
            let outcome = match (step.location, host) {
                (Location::Remote, Some(_)) if self.journal.unreachable => StepOutcome::Lost,
                (
                    Location::Remote,
                    Some(RemoteHost {
                        shell, jobs_dir, ..
                    }),
                ) => self.step(phase, step, scopes, shell, jobs_dir, &stop).await,
                _ => {
                    let LocalHost { shell, .. } = run.local;
                    let jobs_dir = self.local_jobs();
                    self.step(phase, step, scopes, shell, &jobs_dir, &stop)
                        .await
                }
            };
            if outcome.fails() {
                ok = false;
                self.journal.failed = true;
                break;
            }
            if outcome == StepOutcome::Stopped {
                ok = false;
                break;
            }
        }
        if let Some(host) = host {
            self.fetch_metrics(host).await;
        }
        self.journal.end(ok);
        // Behind the end of the phase: in the log of a job it is not folded away then.
        for (failure, step) in self.failures_since(errors, scopes.len()) {
            self.tell_why(failure, step).await;
        }
    }

    /// The failures after the first `errors`, each with its step: the last one of each of the `scopes`, whose stages ended last.
    fn failures_since(&self, errors: usize, scopes: usize) -> Vec<(usize, StepReport)> {
        let stages = &self.journal.stages;
        let stages = stages.iter().skip(stages.len().saturating_sub(scopes));
        let unfinished = stages
            .filter_map(|stage| stage.steps.last())
            .filter(|step| step.outcome.fails() || step.outcome == StepOutcome::Stopped);
        (errors..self.journal.errors.len())
            .zip(unfinished.cloned())
            .filter(|(_, step)| step.outcome.fails())
            .collect()
    }

    /// Runs a step for each of these at the same time, until all of them are over. Returns the worst outcome.
    async fn step(
        &mut self,
        phase: Phase,
        step: &Step,
        scopes: &[Scope],
        shell: &impl Shell,
        jobs_dir: &str,
        ended_early: &CancellationToken,
    ) -> StepOutcome {
        let free = self.results.free_space().await;
        // From here to the logs there is no wait: a step that is on record has one.
        let mut begun = Vec::new();
        for (index, scope) in scopes.iter().enumerate() {
            self.scope = scope.clone();
            let mark = scope.arm.filter(|_| scopes.len() > 1);
            let mark = mark.map(|arm| MarkedLines::new(&arm.to_string()));
            let step = self.begin_step(index, phase, step, jobs_dir, free).await;
            begun.push(Begun {
                log: step.log.marked(mark),
                ..step
            });
        }
        let reporter = *self.journal.reporter();
        let announce = async {
            ended_early.cancelled().await;
            reporter.report(Event::Note(format!(
                "stopping {}, then collecting; another Ctrl-C ends the run",
                step.script
            )));
            std::future::pending::<Infallible>().await
        };
        let running = begun.iter_mut().map(async |Begun { job, timeout, log }| {
            let since = Instant::now();
            let end = job
                .run(shell, *timeout, ended_early, log)
                .instrument(tracing::info_span!("step", %phase, script = %step.script))
                .await;
            (end, since.elapsed())
        });
        let ends = tokio::select! { biased;
            ends = join_all(running) => ends,
            never = announce => match never {},
        };
        // All output is shown before the first end is told.
        for (Begun { job, mut log, .. }, (end, _)) in begun.into_iter().zip(&ends) {
            if let Ok(FinishedJob { log_size, .. }) = end {
                let source = Source {
                    directory: &job.directory,
                    number: job.number,
                };
                self.complete_log(&mut log, &step.script, shell, source, *log_size)
                    .await;
            }
            log.show_rest();
            if step.location == Location::Remote {
                self.logs.push((job.number, step.script.clone(), log));
            }
        }
        let mut worst = StepOutcome::Passed;
        for (index, (end, took)) in ends.into_iter().enumerate() {
            let end = end.map(|ended| ended.end);
            worst = worst.max(self.judge(index, phase, step, end, took));
        }
        worst
    }

    /// Enters a step for the scope with this index.
    async fn begin_step(
        &mut self,
        index: usize,
        phase: Phase,
        step: &Step,
        jobs_dir: &str,
        free: u64,
    ) -> Begun<'a, R> {
        self.journal.steps += 1;
        let number = self.journal.steps;
        let remote = step.location == Location::Remote;
        let job = Job {
            lease: match step.location {
                Location::Local => self.local_owner(),
                Location::Remote => self.run.plan.run.lease(self.index),
            },
            number,
            label: Results::log_stem(number, phase, &step.script),
            directory: jobs_dir.to_owned(),
            argv: self.argv(step),
            env: self.environment(phase, step),
            home: match step.location {
                Location::Local => ".".to_owned(),
                Location::Remote => self.home(self.scope.arm).to_owned(),
            },
            cpus: self.scope.cpus.clone().filter(|_| remote),
            login: remote,
        };
        let timeout = self.time_left(step);
        let log_name = Results::log_name(number, phase, &step.script);
        let path = self.results.path().join(&log_name);
        self.journal
            .begin_step(index, phase, step, timeout, log_name);
        let log = StepLog::create(path, free, *self.journal.reporter()).await;
        Begun { job, timeout, log }
    }

    /// Brings home what is missing of a step's log.
    async fn complete_log(
        &mut self,
        log: &mut StepLog<'a, R>,
        script: &ScriptPath,
        shell: &impl Shell,
        source: Source<'_>,
        size: u64,
    ) {
        let completed = log.complete(shell, source, size).await;
        let left_out = log.left_out(size);
        let (gap, flaw) = match completed {
            Err(error) => {
                let reason = log
                    .trouble()
                    .map_or_else(|| error.to_string(), str::to_owned);
                (Gap::Incomplete, format!("not complete: {reason}"))
            }
            Ok(()) if left_out > 0 => (
                Gap::Cut,
                format!("cut: {left_out} bytes in its middle stay on the instance"),
            ),
            Ok(()) => return,
        };
        // A log that grows after its step is completed once more.
        if log.tells(gap) {
            self.journal.warn(format!("the log of {script} is {flaw}"));
        }
    }

    /// Brings home what was written to the logs after their steps ended, and what could not be written locally then.
    pub(super) async fn complete_logs(&mut self, shell: &impl Shell, jobs_dir: &str) {
        let mut logs = std::mem::take(&mut self.logs);
        let sizes = match log_sizes(shell, jobs_dir).await {
            Ok(sizes) => sizes,
            Err(error) => {
                self.journal
                    .warn(format!("the end of the logs is missing: {error}"));
                return;
            }
        };
        for (number, script, log) in &mut logs {
            if let Some(size) = sizes.get(number).filter(|size| !log.is_complete(**size)) {
                let source = Source {
                    directory: jobs_dir,
                    number: *number,
                };
                self.complete_log(log, script, shell, source, *size).await;
            }
        }
    }

    /// The time that a step has: its time-out, and no more than its instance leaves it.
    fn time_left(&self, step: &Step) -> Option<Duration> {
        let left = self
            .last_call
            .map(|last_call| last_call.saturating_duration_since(Instant::now()));
        match (step.timeout, left) {
            (Some(timeout), Some(left)) => Some(timeout.min(left)),
            (timeout, left) => timeout.or(left),
        }
    }

    /// Enters the end of a step, with its meaning for the run.
    fn judge(
        &mut self,
        index: usize,
        phase: Phase,
        step: &Step,
        end: Result<JobEnd, ShellError>,
        took: Duration,
    ) -> StepOutcome {
        let script = &step.script;
        // A command that fails there says that the instance can be talked to.
        let silent = matches!(&end, Err(error) if !matches!(error, ShellError::Command { .. } | ShellError::LocalIo { .. }));
        let unreachable = silent && step.location == Location::Remote;
        self.journal.unreachable |= unreachable;
        let only_warns = phase.only_warns() && !unreachable;
        let mut code = None;
        let outcome = match end {
            Ok(JobEnd::Exited(0)) => {
                code = Some(0);
                StepOutcome::Passed
            }
            Ok(JobEnd::Exited(status)) => {
                code = Some(status);
                if step.warn_only || only_warns {
                    StepOutcome::Warned
                } else {
                    StepOutcome::Failed
                }
            }
            Ok(JobEnd::TimedOut { .. }) => StepOutcome::TimedOut,
            Ok(JobEnd::Stopped { .. }) => StepOutcome::Stopped,
            Ok(JobEnd::Lost) | Err(_) if only_warns => StepOutcome::Warned,
            Ok(JobEnd::Lost) | Err(_) => StepOutcome::Lost,
        };
        self.journal.end_step(index, step, (outcome, code), took);
        if let Ok(JobEnd::TimedOut { survivors: 1.. } | JobEnd::Stopped { survivors: 1.. }) = end {
            self.journal.warn(format!(
                "{phase}: not all processes of {script} could be ended"
            ));
        }
        match end {
            Ok(JobEnd::TimedOut { .. })
                if self.last_call.is_some_and(|end| end <= Instant::now()) =>
            {
                self.journal.warn(format!(
                    "{phase}: {script} was ended so that there is time to collect before `max_lifetime` is over"
                ));
            }
            Ok(JobEnd::Exited(0) | JobEnd::TimedOut { .. }) => {}
            Ok(JobEnd::Exited(status)) if step.warn_only || only_warns => {
                let text = format!("{phase}: {script} exited with status {status}");
                self.journal.warn_of_script(script, text);
            }
            Ok(JobEnd::Exited(status)) => self.journal.fail_script(
                Outcome::StepFailed,
                script.as_str(),
                format!("{phase}: {script} exited with status {status}"),
                Some(hint(self.run.plan)),
            ),
            Ok(JobEnd::Stopped { .. }) => self.journal.fail_script(
                Outcome::Interrupted,
                script.as_str(),
                format!("{phase}: {script} was stopped by Ctrl-C"),
                None,
            ),
            Ok(JobEnd::Lost) if only_warns => {
                let text = format!("{phase}: {script} ended without an exit status");
                self.journal.warn_of_script(script, text);
            }
            Err(error) if only_warns => {
                let text = format!("{phase}: {script}: {error}");
                self.journal.warn_of_script(script, text);
            }
            Ok(JobEnd::Lost) => self.journal.fail_script(
                Outcome::StepFailed,
                script.as_str(),
                format!("{phase}: {script} ended without an exit status"),
                Some("the system may have killed it for lack of memory, or has rebooted"),
            ),
            Err(error) => self.journal.fail_script(
                Outcome::Unavailable,
                script.as_str(),
                format!("{phase}: {script}: {error}"),
                error.hint(),
            ),
        }
        outcome
    }

    fn argv(&self, step: &Step) -> Vec<String> {
        let script = step.script.as_str();
        let program = match step.location {
            Location::Local => self
                .run
                .plan
                .directory
                .join(script)
                .to_string_lossy()
                .into_owned(),
            Location::Remote => script.to_owned(),
        };
        [program]
            .into_iter()
            .chain(step.args.iter().cloned())
            .collect()
    }

    fn environment(&self, phase: Phase, step: &Step) -> Vec<(String, String)> {
        let Run { plan, provider, .. } = self.run;
        let instance = self.journal.instance.as_ref();
        let baseline = plan.baseline.as_ref();
        let baseline = baseline.map_or_else(String::new, |one| one.revision.to_string());
        let arm = self.scope.arm.filter(|_| plan.baseline.is_some());
        let arm = arm.map_or_else(String::new, |arm| arm.to_string());
        let round = self.scope.turn;
        let round = round.map_or_else(String::new, |turn| turn.round.to_string());
        let cpus = self.scope.cpus.clone();
        let cpus = cpus.filter(|_| step.location == Location::Remote);
        let cpus = cpus.unwrap_or_default();
        let mut env: Vec<(String, String)> = [
            ("VERSION", plan.version(self.arm()).to_owned()),
            ("BASELINE", baseline),
            ("COLLECTOR_ARM", arm),
            ("COLLECTOR_ROUND", round),
            ("COLLECTOR_CPUS", cpus),
            ("COLLECTOR_COMMIT", self.commit()),
            ("COLLECTOR_SOURCE", self.source(step.location)),
            ("COLLECTOR_RUN_ID", plan.run.to_string()),
            ("COLLECTOR_PHASE", phase.to_string()),
            (
                "COLLECTOR_INSTANCE_ID",
                instance
                    .map(|instance| instance.id.to_string())
                    .unwrap_or_default(),
            ),
            (
                "COLLECTOR_INSTANCE_ADDRESS",
                instance
                    .map(|instance| instance.address.clone())
                    .unwrap_or_default(),
            ),
            ("COLLECTOR_REGION", provider.region().to_owned()),
            ("COLLECTOR_SAMPLE", self.index.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if step.location == Location::Local {
            let output = self.results.path().to_string_lossy().into_owned();
            env.push(("COLLECTOR_OUTPUT".into(), output));
        }
        env.extend(step.env.iter().cloned());
        env
    }
}
