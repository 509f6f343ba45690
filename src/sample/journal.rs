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
    /// What came home, once a collection has returned.
    pub(super) collected: Option<Collected>,
    pub(super) steps: u32,
    /// A step failed: setup and run make no sense any more.
    pub(super) failed: bool,
    /// The instance cannot be talked to any more.
    pub(super) unreachable: bool,
    open_stage: Option<Instant>,
    open_step: Option<Instant>,
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
            open_stage: None,
            open_step: None,
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
        self.close_open_records();
        self.open_stage = Some(Instant::now());
        self.stages.push(StageReport {
            stage,
            arm: None,
            turn: None,
            ok: false,
            started: Timestamp::now(),
            took: Duration::ZERO,
            steps: Vec::new(),
        });
        self.report(Event::StageStarted(stage));
    }

    /// Enters what the stage that has begun is for.
    pub(super) fn note_scope(&mut self, arm: Option<Arm>, turn: Option<u32>) {
        if let Some(report) = self.stages.last_mut() {
            report.arm = arm;
            report.turn = turn;
        }
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
        if let (Some(since), Some(report)) = (self.open_stage.take(), self.stages.last_mut()) {
            report.ok = ok;
            report.took = since.elapsed();
            let (stage, took) = (report.stage, report.took);
            self.report(Event::StageFinished { stage, ok, took });
        }
    }

    /// A step begins that is ended after `timeout`.
    pub(super) fn begin_step(
        &mut self,
        phase: Phase,
        step: &Step,
        timeout: Option<Duration>,
        log: String,
    ) {
        self.open_step = Some(Instant::now());
        if let Some(stage) = self.stages.last_mut() {
            stage.steps.push(StepReport {
                script: step.script.to_string(),
                place: step.place,
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
            timeout: timeout.map(Seconds),
        });
    }

    pub(super) fn end_step(&mut self, step: &Step, outcome: StepOutcome, exit_code: Option<i32>) {
        let took = self
            .open_step
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed());
        if let Some(report) = self.open_step_report() {
            report.outcome = outcome;
            report.exit_code = exit_code;
            report.took = took;
        }
        self.report(Event::StepFinished {
            script: step.script.clone(),
            outcome,
            exit_code,
            took,
        });
    }

    /// Closes the records of a stage and a step that were going on when the work was dropped.
    pub(super) fn close_open_records(&mut self) {
        if let Some(since) = self.open_step.take()
            && let Some(report) = self.open_step_report()
        {
            report.took = since.elapsed();
        }
        if self.open_stage.is_some() {
            self.end(false);
        }
    }

    fn open_step_report(&mut self) -> Option<&mut StepReport> {
        self.stages.last_mut()?.steps.last_mut()
    }
}
