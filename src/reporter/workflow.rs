//! A run for the log of a GitHub Actions job: a fold for each phase, remarks beside the code, and scripts whose output
//! the runner takes for no command.
//!
//! Everything goes to standard output: the runner reads both streams, but in no order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Event, Reporter, TimedEvent, table};
use crate::config::{At, ConfigErrors, Problem, human_duration};
use crate::github::WorkflowJob;
use crate::github::commands::{
    ANNOTATIONS, Annotation, END_GROUP, Fence, Level, Place, annotation, group, mask, plain,
};
use crate::phase::Stage;
use crate::project::CONFIG_FILE;
use crate::report::{Diagnostic, RunReport};
use crate::step::StepOutcome;

/// A shorter text is no secret, and masking it would blacken half the log.
const SHORTEST_SECRET: usize = 16;

/// Writes to standard output what happens, for the runner to read.
#[derive(Debug)]
pub struct WorkflowLog {
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
    /// The last output did not end its line.
    mid_line: Cell<bool>,
    annotations: RefCell<[usize; 3]>,
    /// The number of samples.
    samples: Cell<u32>,
    /// The sample of the event that is being shown.
    sample: Cell<Option<u32>>,
    /// What each of several samples does in its stage: shown when the stage is over, for folds do not nest.
    waiting: RefCell<BTreeMap<u32, Vec<TimedEvent>>>,
    leak_told: Cell<bool>,
}

impl WorkflowLog {
    /// For the job's log; `config` is the config file, or its directory.
    pub fn new(job: &WorkflowJob, config: &Path) -> Self {
        let mut config = job.workspace.join(config);
        if config.is_dir() {
            config.push(CONFIG_FILE);
        }
        Self {
            directory: config.parent().unwrap_or(&config).to_owned(),
            config,
            workspace: job.workspace.clone(),
            debug: job.debug,
            fence: RefCell::new(None),
            in_group: Cell::new(false),
            mid_line: Cell::new(false),
            annotations: RefCell::default(),
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

    /// A line that stands as it is.
    fn command(&self, line: &str) {
        let start = if self.mid_line.replace(false) {
            "\n"
        } else {
            ""
        };
        write(format!("{start}{line}\n").as_bytes());
    }

    fn stop_commands(&self) {
        let fence = Fence::random();
        self.command(&fence.stop_commands());
        self.fence.replace(Some(fence));
    }

    fn resume_commands(&self) -> bool {
        let fence = self.fence.take();
        if let Some(fence) = &fence {
            self.command(&fence.resume_commands());
        }
        fence.is_some()
    }

    /// A remark; the runner keeps only the first ones of a kind, so the others are lines.
    fn annotate(&self, level: Level, title: &str, place: Option<&Place>, message: &str) {
        let mut made = self.annotations.borrow_mut();
        let count = match level {
            Level::Error => made.get_mut(0),
            Level::Warning => made.get_mut(1),
            Level::Notice => made.get_mut(2),
        };
        let fits = count.is_some_and(|count| {
            *count += 1;
            *count <= ANNOTATIONS
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
            place,
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
        if let Some(last) = bytes.last() {
            self.mid_line.set(*last != b'\n');
            write(bytes);
        }
    }

    fn unsound(&self, errors: &ConfigErrors) {
        for line in errors.to_string().lines() {
            self.line(line);
        }
        let file = self.repository_path(errors.path());
        for Problem {
            at: At { line, column },
            message,
            remedy,
        } in errors.problems()
        {
            let place = Place {
                file: file.clone(),
                line: Some(*line),
                column: Some(*column),
            };
            let text = format!("{message}\nhint: {remedy}");
            self.annotate(Level::Error, "The config is not sound", Some(&place), &text);
        }
    }

    fn place_of(&self, script: &str) -> Place {
        Place {
            file: self.repository_path(&self.directory.join(script)),
            line: Some(1),
            column: None,
        }
    }

    fn error(&self, complaint: &Diagnostic) {
        let script = complaint.script.as_ref();
        let place = script.map(|script| self.place_of(script));
        let title = match script {
            Some(script) => format!("{script} failed"),
            None => "collector".into(),
        };
        self.annotate(Level::Error, &title, place.as_ref(), &complaint.to_string());
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
        for line in table::closing(report) {
            self.line(&line);
        }
        self.line(&format!(
            "{} {}",
            report.outcome.label(),
            table::ending(report)
        ));
    }
}

fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    // Nobody is left to tell when the log is gone; the run goes on.
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// The most that a sample does in a stage without being shown, in bytes of output.
const WAITING_LIMIT: usize = 1 << 20;

impl WorkflowLog {
    /// Keeps what one of several samples does until its stage is over, and shows it then.
    fn postpone(&self, sample: u32, event: TimedEvent) {
        let mut waiting = self.waiting.borrow_mut();
        let events = waiting.entry(sample).or_default();
        let over = matches!(event.event, Event::StageFinished { .. });
        events.push(event);
        let output = |event: &TimedEvent| match &event.event {
            Event::Output(bytes) => bytes.len(),
            _ => 0,
        };
        if !over && events.iter().map(output).sum::<usize>() < WAITING_LIMIT {
            return;
        }
        let events = std::mem::take(events);
        drop(waiting);
        for event in events {
            self.show(event);
        }
    }

    /// Shows what is left of all samples.
    fn show_waiting(&self) {
        for event in self.waiting.take().into_values().flatten() {
            self.show(event);
        }
    }

    fn name_of(&self, stage: Stage) -> String {
        match self.sample.get() {
            Some(sample) if self.samples.get() > 1 => {
                format!("[{sample}/{}] {stage}", self.samples.get())
            }
            _ => stage.to_string(),
        }
    }
}

impl Reporter for WorkflowLog {
    fn take(&self, event: TimedEvent) {
        match (event.sample, &event.event) {
            (_, Event::RunStarted { samples, .. }) => self.samples.set(*samples),
            (Some(_), Event::Error(_) | Event::Transferred { .. }) => self.show(event),
            (Some(sample), _) if self.samples.get() > 1 => self.postpone(sample, event),
            (_, Event::Finished(_)) => {
                self.show_waiting();
                self.show(event);
            }
            _ => self.show(event),
        }
    }
}

impl WorkflowLog {
    fn show(&self, TimedEvent { event, sample, .. }: TimedEvent) {
        self.sample.set(sample);
        match &event {
            Event::StageStarted(stage) => {
                self.leave_group();
                self.command(&group(&self.name_of(*stage)));
                self.in_group.set(true);
            }
            Event::StageFinished { stage, ok, took } => {
                if !matches!(stage, Stage::Scripts(_)) {
                    self.line(&table::stage_ended(*stage, *ok, *took));
                }
                self.leave_group();
            }
            Event::StepStarted { phase, script, .. } => {
                self.line(&format!("{phase}: {script}"));
                self.stop_commands();
            }
            Event::Output(bytes) => self.output(bytes),
            Event::StepFinished {
                script,
                outcome,
                exit_code,
                took,
            } => {
                self.resume_commands();
                let status = table::with_status(*exit_code);
                let took = human_duration(*took);
                self.line(&format!("{script}: {outcome}{status} after {took}"));
                if *outcome == StepOutcome::TimedOut {
                    let text = format!("{script} ran out of time after {took}");
                    self.annotate(Level::Notice, "A step timed out", None, &text);
                }
            }
            Event::RunStarted { .. } | Event::Transferred { .. } => {}
            Event::Note(text) => self.line(text),
            Event::Detail(text) => {
                if self.debug {
                    self.line(text);
                }
            }
            Event::Warning(text) => self.annotate(Level::Warning, "collector", None, text),
            Event::ScriptWarning { script, text } => {
                let place = self.place_of(script.as_str());
                let title = format!("{script} failed");
                self.annotate(Level::Warning, &title, Some(&place), text);
            }
            Event::Remains {
                resource,
                region,
                run,
            } => self.line(&table::remains(resource, region, run)),
            Event::Finished(report) => self.finished(report),
            Event::InvalidConfig(errors) => self.unsound(errors),
            Event::Error(complaint) => self.error(complaint),
            Event::Leaked {
                id,
                region,
                lease,
                expires_at,
            } => {
                let text = table::leaked(id.as_ref(), region, lease, *expires_at);
                if !self.leak_told.replace(true) {
                    self.annotate(Level::Error, "An instance may be left", None, &text);
                }
                self.line(&text);
            }
        }
    }
}
