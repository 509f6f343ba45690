//! A run for the log of a GitHub Actions job: a fold for each phase, remarks beside the code, and scripts whose output
//! the runner takes for no command.
//!
//! Everything goes to standard output: the runner reads both streams, but in no order.

#[cfg(test)]
mod tests;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Stdout, Write};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::progress::Progress;
use super::{Event, Reporter, TimedEvent, text};
use crate::config::{At, ConfigErrors, Problem, human_duration};
use crate::github::WorkflowJob;
use crate::github::commands::{
    Annotation, END_GROUP, Fence, Level, MAX_ANNOTATIONS, SourceLocation, annotation, group, mask,
    plain,
};
use crate::phase::Stage;
use crate::project::CONFIG_FILE;
use crate::report::{Diagnostic, RunReport};
use crate::step::StepOutcome;
use waiting::Waiting;

/// A shorter text is no secret, and masking it would blacken half the log.
const SHORTEST_SECRET: usize = 16;

/// A longer line of output is broken, in bytes: neither the runner nor a browser is made for it.
const MAX_LINE: usize = 64 << 10;

/// The most that a sample does in a stage without being shown, in bytes of output.
const WAITING_LIMIT: usize = 1 << 20;

/// Writes to standard output what happens, for the runner to read.
#[derive(Debug)]
pub struct WorkflowLog<W = Stdout> {
    writer: RefCell<W>,
    /// The checkout.
    workspace: PathBuf,
    /// The config file, or what was given for it.
    config: PathBuf,
    /// Where it and its scripts lie.
    directory: PathBuf,
    /// More is asked for.
    debug: bool,
    /// Closed while a script's output passes.
    fence: RefCell<Option<Fence>>,
    in_group: Cell<bool>,
    /// The length of the last line of output, which did not end yet.
    column: Cell<usize>,
    /// The output of the step that is shown may have changed the colour.
    styled: Cell<bool>,
    annotations: RefCell<[usize; 3]>,
    progress: RefCell<Progress>,
    /// The number of samples.
    samples: Cell<u32>,
    /// The sample of the event that is being shown.
    sample: Cell<Option<u32>>,
    /// The events of each of several samples that were not shown yet.
    waiting: RefCell<BTreeMap<u32, Waiting>>,
    leak_told: Cell<bool>,
}

impl WorkflowLog {
    /// For the job's log; `config` is the config file, or its directory.
    pub fn new(job: &WorkflowJob, config: &Path) -> Self {
        Self::with_writer(io::stdout(), job, config)
    }
}

impl<W: Write> WorkflowLog<W> {
    fn with_writer(writer: W, job: &WorkflowJob, config: &Path) -> Self {
        let mut config = job.workspace.join(config);
        if config.is_dir() {
            config.push(CONFIG_FILE);
        }
        Self {
            writer: RefCell::new(writer),
            directory: config.parent().unwrap_or(&config).to_owned(),
            config,
            workspace: job.workspace.clone(),
            debug: job.debug,
            fence: RefCell::new(None),
            in_group: Cell::new(false),
            column: Cell::new(0),
            styled: Cell::new(false),
            annotations: RefCell::default(),
            progress: RefCell::default(),
            samples: Cell::new(1),
            sample: Cell::new(None),
            waiting: RefCell::default(),
            leak_told: Cell::new(false),
        }
    }

    /// Says more where that is asked for.
    #[must_use]
    pub fn detailed(self, asked: bool) -> Self {
        Self {
            debug: self.debug || asked,
            ..self
        }
    }

    /// The config file as the repository names it.
    pub fn config(&self) -> PathBuf {
        self.repository_path(&self.config).into()
    }

    /// Keeps a secret out of the log from here on.
    pub fn mask(&self, secret: &SecretString) {
        if secret.expose_secret().len() >= SHORTEST_SECRET {
            self.command(&mask(secret.expose_secret()));
        }
    }

    fn line(&self, text: &str) {
        self.command(&plain(text));
    }

    /// A line with nothing in it that a terminal acts on: logs are also read in one.
    fn command(&self, line: &str) {
        self.raw_line(&text::printable(line));
    }

    fn raw_line(&self, line: &str) {
        let start = if self.column.replace(0) > 0 { "\n" } else { "" };
        self.write(format!("{start}{line}\n").as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        let mut writer = self.writer.borrow_mut();
        // Nobody is left to tell when the log is gone; the run goes on.
        let _ = writer.write_all(bytes).and_then(|()| writer.flush());
    }

    fn stop_commands(&self) {
        let fence = Fence::random();
        self.command(&fence.stop_commands());
        self.fence.replace(Some(fence));
    }

    fn resume_commands(&self) -> bool {
        if self.styled.replace(false) {
            self.write(text::RESET);
            // What follows is a command at the start of a line only.
            self.column.set(self.column.get().max(1));
        }
        let fence = self.fence.take();
        if let Some(fence) = &fence {
            self.command(&fence.resume_commands());
        }
        fence.is_some()
    }

    /// A remark; the runner keeps only the first ones of a kind, so the others are lines.
    fn annotate(
        &self,
        level: Level,
        title: &str,
        location: Option<&SourceLocation>,
        message: &str,
    ) {
        let mut made = self.annotations.borrow_mut();
        let count = match level {
            Level::Error => made.get_mut(0),
            Level::Warning => made.get_mut(1),
            Level::Notice => made.get_mut(2),
        };
        let fits = count.is_some_and(|count| {
            *count += 1;
            *count <= MAX_ANNOTATIONS
        });
        if !fits {
            self.line(&format!("{title}: {message}"));
            return;
        }
        // Behind a fence it would be a line like any other.
        let fenced = self.resume_commands();
        self.command(&annotation(&Annotation {
            level,
            title,
            location,
            message,
        }));
        if fenced {
            self.stop_commands();
        }
    }

    fn leave_group(&self) {
        self.resume_commands();
        if self.in_group.replace(false) {
            self.command(END_GROUP);
        }
    }

    fn output(&self, bytes: &[u8]) {
        let mut column = self.column.get();
        let broken = text::with_line_breaks(bytes, &mut column, MAX_LINE);
        self.column.set(column);
        self.styled.set(self.styled.get() || text::is_styled(bytes));
        self.write(&broken);
    }

    fn invalid_config(&self, errors: &ConfigErrors) {
        for line in errors.to_string().lines() {
            self.line(line);
        }
        let file = self.repository_path(errors.path());
        for Problem {
            at: At { line, column },
            message,
            remedy,
        } in errors.shown()
        {
            let location = SourceLocation {
                file: file.clone(),
                line: Some(*line),
                column: Some(*column),
            };
            let text = format!("{message}\nhint: {remedy}");
            self.annotate(
                Level::Error,
                "The config is not valid",
                Some(&location),
                &text,
            );
        }
    }

    fn location_of(&self, script: &str) -> SourceLocation {
        SourceLocation {
            file: self.repository_path(&self.directory.join(script)),
            line: Some(1),
            column: None,
        }
    }

    fn error(&self, diagnostic: &Diagnostic) {
        let script = diagnostic.script.as_ref();
        let location = script.map(|script| self.location_of(script));
        let title = match script {
            Some(script) => format!("{script} failed"),
            None => "collector".into(),
        };
        self.annotate(
            Level::Error,
            &title,
            location.as_ref(),
            &diagnostic.to_string(),
        );
    }

    /// A path as annotations name it: relative to the workspace, without `./` in it.
    fn repository_path(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.workspace).unwrap_or(path);
        let parts = path.components();
        let plain: PathBuf = parts
            .filter(|part| !matches!(part, Component::CurDir))
            .collect();
        plain.to_string_lossy().into_owned()
    }

    fn finished(&self, report: &RunReport) {
        self.leave_group();
        for line in text::closing(report, None) {
            self.line(&line);
        }
        self.line(&format!(
            "{} {}",
            report.outcome.label(),
            text::ending(report)
        ));
    }
}

impl<W: Write> WorkflowLog<W> {
    fn enter_group(&self, name: &str) {
        self.leave_group();
        self.command(&group(name));
        self.in_group.set(true);
    }

    /// The mark of the sample in front of a line, where there are several.
    fn mark(&self) -> String {
        match self.sample.get() {
            Some(sample) if self.samples.get() > 1 => format!("[{sample}/{}] ", self.samples.get()),
            _ => String::new(),
        }
    }

    fn name_of(&self, stage: Stage) -> String {
        format!("{}{stage}", self.mark())
    }
}

impl<W: Write> Reporter for WorkflowLog<W> {
    fn take(&self, event: TimedEvent) {
        self.progress.borrow_mut().follow(&event);
        match (event.sample, &event.event) {
            (_, Event::RunStarted { samples, .. }) => self.samples.set(*samples),
            (
                Some(_),
                Event::Error(_)
                | Event::StepFailed { .. }
                | Event::Leaked { .. }
                | Event::Transferred { .. },
            ) => self.show(event),
            (Some(sample), _) if self.samples.get() > 1 => self.postpone(sample, event),
            (_, Event::Finished(_)) => {
                self.show_all_waiting();
                self.show(event);
            }
            _ => self.show(event),
        }
    }

    fn tick(&self, now: Timestamp) {
        let reminders = self.progress.borrow_mut().reminders(now);
        for (sample, reminder) in reminders {
            self.sample.set(sample);
            self.line(&format!("{}{reminder}", self.mark()));
        }
    }
}

impl<W: Write> WorkflowLog<W> {
    fn show(&self, TimedEvent { event, sample, .. }: TimedEvent) {
        self.sample.set(sample);
        match &event {
            Event::StageStarted(stage) => {
                self.enter_group(&self.name_of(*stage));
            }
            Event::StageFinished { stage, ok, took } => {
                if !matches!(stage, Stage::Scripts(_)) {
                    self.line(&text::stage_ended(*stage, *ok, *took));
                }
                self.leave_group();
            }
            Event::StepStarted {
                phase, script, arm, ..
            } => {
                // Of two steps at the same time the first has closed the fence.
                self.resume_commands();
                let script = text::script_of(script, *arm);
                self.line(&format!("{phase}: {script}"));
                self.stop_commands();
            }
            Event::Output(bytes) => self.output(bytes),
            Event::StepFinished {
                script,
                arm,
                outcome,
                exit_code,
                took,
            } => {
                self.resume_commands();
                let script = text::script_of(script, *arm);
                let after = text::after_outcome(*exit_code, *took);
                self.line(&format!("{script}: {outcome}{after}"));
                if *outcome == StepOutcome::TimedOut {
                    let took = human_duration(*took);
                    let text = format!("{script} ran out of time after {took}");
                    self.annotate(Level::Notice, "A step timed out", None, &text);
                }
            }
            Event::StepFailed { failure, log } => {
                let (heading, lines) = text::step_failed(failure, log);
                for line in [heading].iter().chain(&lines) {
                    self.line(&format!("{}{line}", self.mark()));
                }
            }
            Event::Kept {
                id,
                region,
                until,
                run,
                sample,
                price_per_hour,
            } => {
                let lines = text::kept(id, region, *until, run, *sample, *price_per_hour);
                self.annotate(Level::Notice, "An instance stays", None, &lines.join("\n"));
                for line in lines {
                    self.line(&line);
                }
            }
            // In a job there is no shell.
            Event::RunStarted { .. }
            | Event::Transferred { .. }
            | Event::ShellOpened { .. }
            | Event::ShellClosed => {}
            Event::Note(text) | Event::Trace(text) => self.line(text),
            Event::Detail(text) => {
                if self.debug {
                    self.line(text);
                }
            }
            Event::Notice(text) => self.annotate(Level::Notice, "collector", None, text),
            Event::Warning(text) => self.annotate(Level::Warning, "collector", None, text),
            Event::ScriptWarning { script, text } => {
                let location = self.location_of(script.as_str());
                let title = format!("{script} failed");
                self.annotate(Level::Warning, &title, Some(&location), text);
            }
            Event::Remains {
                resource,
                region,
                run,
            } => self.line(&text::remains(resource, region, run)),
            Event::Finished(report) => self.finished(report),
            Event::InvalidConfig(errors) => self.invalid_config(errors),
            Event::Error(diagnostic) => self.error(diagnostic),
            Event::Leaked {
                id,
                region,
                lease,
                expires_at,
            } => {
                let text = text::leaked(id.as_ref(), region, lease, *expires_at);
                if !self.leak_told.replace(true) {
                    self.annotate(Level::Error, "An instance may be left", None, &text);
                }
                self.line(&text);
            }
        }
    }
}
