//! The journal of a sample: kept outside of the work, so that it survives however the work ends.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::arm::Arm;
use crate::instance::Instance;
use crate::phase::{Phase, Stage};
use crate::report::{Collected, Diagnostic, Outcome, Seconds, StageReport, StepReport};
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::step::{ScriptPath, Step, StepOutcome};

/// The record of a sample while it is going on. Everything entered is reported as well.
#[derive(Debug)]
pub(super) struct Journal<'a, R> {
    reporter: SampleReporter<'a, R>,
    pub(super) outcome: Outcome,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<String>,
    pub(super) stages: Vec<StageReport>,
    pub(super) instance: Option<Instance>,
    /// The sum of the collected files, once a collection has returned.
    pub(super) collected: Option<Collected>,
    pub(super) steps: u32,
    /// A step failed: setup and run make no sense any more.
    pub(super) failed: bool,
    /// The instance cannot be talked to any more.
    pub(super) unreachable: bool,
    /// The stages that are going on: one, or those of turns that last at the same time.
    open: Vec<OpenStage>,
}

/// A stage that is going on.
#[derive(Debug)]
struct OpenStage {
    /// Its place among the stages.
    stage: usize,
    since: Instant,
    /// When its step began that is going on.
    step: Option<Instant>,
}

impl<'a, R: Reporter> Journal<'a, R> {
    pub(super) fn new(reporter: SampleReporter<'a, R>) -> Self {
        Self {
            reporter,
            outcome: Outcome::Passed,
            errors: Vec::new(),
            warnings: Vec::new(),
            stages: Vec::new(),
            instance: None,
            collected: None,
            steps: 0,
            failed: false,
            unreachable: false,
            open: Vec::new(),
        }
    }

    pub(super) fn reporter(&self) -> &SampleReporter<'a, R> {
        &self.reporter
    }

    pub(super) fn report(&self, event: Event) {
        self.reporter.report(event);
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.report(Event::Warning(warning.clone()));
        self.warnings.push(warning);
    }

    pub(super) fn warn_of_script(&mut self, script: &ScriptPath, text: String) {
        self.report(Event::ScriptWarning {
            script: script.clone(),
            text: text.clone(),
        });
        self.warnings.push(text);
    }

    /// Something that the run cannot make good. What the user sees of it comes with the end of the run.
    pub(super) fn fail(&mut self, outcome: Outcome, message: String, hint: Option<&str>) {
        self.outcome = self.outcome.max(outcome);
        self.errors.push(Diagnostic::new(message, hint));
    }

    /// The failure of a script.
    pub(super) fn fail_script(
        &mut self,
        outcome: Outcome,
        script: &str,
        message: String,
        hint: Option<&str>,
    ) {
        self.fail(outcome, message, hint);
        if let Some(diagnostic) = self.errors.last_mut() {
            diagnostic.script = Some(script.to_owned());
        }
    }

    pub(super) fn begin(&mut self, stage: Stage) {
        self.begin_for(stage, [(None, None)]);
    }

    /// The same stage begins for each of these, a revision and its turn: all at the same time.
    pub(super) fn begin_for(
        &mut self,
        stage: Stage,
        scopes: impl IntoIterator<Item = (Option<Arm>, Option<u32>)>,
    ) {
        self.close_open_records();
        for (arm, turn) in scopes {
            self.open.push(OpenStage {
                stage: self.stages.len(),
                since: Instant::now(),
                step: None,
            });
            self.stages.push(StageReport {
                stage,
                arm,
                turn,
                ok: false,
                started: Timestamp::now(),
                took: Duration::ZERO,
                steps: Vec::new(),
            });
        }
        self.report(Event::StageStarted(stage));
    }

    /// Enters a stage that is over.
    pub(super) fn enter_finished(
        &mut self,
        stage: Stage,
        ok: bool,
        started: Timestamp,
        took: Duration,
    ) {
        self.close_open_records();
        self.stages.push(StageReport {
            stage,
            arm: None,
            turn: None,
            ok,
            started,
            took,
            steps: Vec::new(),
        });
        self.report(Event::StageStarted(stage));
        self.report(Event::StageFinished { stage, ok, took });
    }

    pub(super) fn end(&mut self, ok: bool) {
        let mut ended = None;
        for open in std::mem::take(&mut self.open) {
            if let Some(report) = self.stages.get_mut(open.stage) {
                report.ok = ok;
                report.took = open.since.elapsed();
                ended = Some((report.stage, report.took));
            }
        }
        if let Some((stage, took)) = ended {
            self.report(Event::StageFinished { stage, ok, took });
        }
    }

    /// A step begins that is ended after `timeout`, in the stage with this index among those that are going on.
    pub(super) fn begin_step(
        &mut self,
        index: usize,
        phase: Phase,
        step: &Step,
        timeout: Option<Duration>,
        log: String,
    ) {
        let mut arm = None;
        if let Some(open) = self.open.get_mut(index)
            && let Some(stage) = self.stages.get_mut(open.stage)
        {
            arm = stage.arm;
            open.step = Some(Instant::now());
            stage.steps.push(StepReport {
                script: step.script.to_string(),
                location: step.location,
                outcome: StepOutcome::Interrupted,
                exit_code: None,
                started: Timestamp::now(),
                took: Duration::ZERO,
                log,
            });
        }
        self.report(Event::StepStarted {
            phase,
            script: step.script.clone(),
            arm,
            timeout: timeout.map(Seconds),
        });
    }

    /// The step of that stage is over, and lasted so long.
    pub(super) fn end_step(
        &mut self,
        index: usize,
        step: &Step,
        (outcome, exit_code): (StepOutcome, Option<i32>),
        took: Duration,
    ) {
        if let Some(open) = self.open.get_mut(index) {
            open.step = None;
        }
        if let Some(report) = self.step_report(index) {
            report.outcome = outcome;
            report.exit_code = exit_code;
            report.took = took;
        }
        let open = self.open.get(index);
        let arm = open.and_then(|open| self.stages.get(open.stage)?.arm);
        self.report(Event::StepFinished {
            script: step.script.clone(),
            arm,
            outcome,
            exit_code,
            took,
        });
    }

    /// Closes the records of stages and steps that were going on when the work was dropped.
    pub(super) fn close_open_records(&mut self) {
        for index in 0..self.open.len() {
            let step = self.open.get_mut(index).and_then(|open| open.step.take());
            if let Some(since) = step
                && let Some(report) = self.step_report(index)
            {
                report.took = since.elapsed();
            }
        }
        self.end(false);
    }

    /// The last step of the stage with this index among those that are going on.
    fn step_report(&mut self, index: usize) -> Option<&mut StepReport> {
        let stage = self.open.get(index)?.stage;
        self.stages.get_mut(stage)?.steps.last_mut()
    }
}
