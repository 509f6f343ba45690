//! A run for a person to watch: a line an event, the scripts' output as it comes, a table at the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Event, Reporter, TimedEvent, table};
use crate::config::human_duration;
use crate::phase::Stage;
use crate::report::{Outcome, RunReport};
use crate::step::StepOutcome;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings, errors and the table.
    Quiet,
    /// Every event and all output.
    Normal,
    /// What collector does in between, too.
    Verbose,
}

/// Writes to standard error what happens, and to standard output what came of it.
#[derive(Debug)]
pub struct Console {
    verbosity: Verbosity,
    colour: bool,
    terminal: bool,
    since: Instant,
    bar: RefCell<Option<ProgressBar>>,
    /// The last output did not end its line.
    mid_line: Cell<bool>,
    /// The run has several samples: every line says whose it is.
    several: Cell<bool>,
    /// The sample of the event that is being shown.
    sample: Cell<Option<u32>>,
    /// Output of each of several samples that did not end its line yet.
    unfinished: RefCell<BTreeMap<Option<u32>, Vec<u8>>>,
}

/// A line of one of several samples is broken here, in bytes.
const MAX_LINE: usize = 64 << 10;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const DIM: &str = "2";

impl Console {
    /// Colours and the progress bar are for terminals only; `NO_COLOR` turns colours off.
    pub fn new(verbosity: Verbosity) -> Self {
        let terminal = io::stderr().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            verbosity,
            colour: terminal && !refused,
            terminal,
            since: Instant::now(),
            bar: RefCell::new(None),
            mid_line: Cell::new(false),
            several: Cell::new(false),
            sample: Cell::new(None),
            unfinished: RefCell::default(),
        }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// The mark of the sample in front of a line, where there are several.
    fn mark(&self) -> String {
        match self.sample.get() {
            Some(sample) if self.several.get() => format!("[{sample}] "),
            _ => String::new(),
        }
    }

    /// One line with the time since the start.
    fn line(&self, text: &str) {
        let elapsed = self.since.elapsed().as_secs();
        let clock = format!("{:02}:{:02}", elapsed / 60, elapsed % 60);
        let start = if self.mid_line.replace(false) {
            "\n"
        } else {
            ""
        };
        // Nobody is left to tell when standard error is gone; the run goes on.
        let _ = writeln!(
            io::stderr().lock(),
            "{start}{} {}{text}",
            self.paint(DIM, &clock),
            self.mark()
        );
    }

    /// An error with its remedy, as the last thing said.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(
            stderr,
            "{}{}: {message}",
            self.mark(),
            self.paint(RED, "error")
        );
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "{}: {hint}", self.paint(BOLD, "hint"));
        }
    }

    /// An answer to what was asked, on standard output.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// Something to know that is not the answer.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}: {text}", self.paint(BOLD, "note"));
    }

    fn warning(&self, text: &str) {
        self.line(&format!("{} {text}", self.paint(YELLOW, "warning:")));
    }

    fn output(&self, bytes: &[u8]) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.several.get() {
            self.whole_lines(bytes);
        } else if let Some(last) = bytes.last() {
            self.mid_line.set(*last != b'\n');
            let _ = io::stderr().lock().write_all(bytes);
        }
    }

    /// Shows the lines that the output completes: those of several samples must not mix.
    fn whole_lines(&self, bytes: &[u8]) {
        let mut all = self.unfinished.borrow_mut();
        let unfinished = all.entry(self.sample.get()).or_default();
        unfinished.extend(bytes);
        let end = match unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if unfinished.len() > MAX_LINE => unfinished.len(),
            None => return,
        };
        let rest = unfinished.split_off(end.min(unfinished.len()));
        let lines = std::mem::replace(unfinished, rest);
        let mark = self.mark();
        let mut stderr = io::stderr().lock();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let _ = stderr.write_all(mark.as_bytes());
            let _ = stderr.write_all(line);
        }
        if lines.last() != Some(&b'\n') {
            let _ = stderr.write_all(b"\n");
        }
    }

    fn transferred(&self, done: u64, total: u64) {
        if !self.terminal || self.verbosity == Verbosity::Quiet {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total);
            let style = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        bar.set_position(done);
    }

    fn finished(&self, report: &RunReport) {
        let mut stdout = io::stdout().lock();
        for line in table::closing(report) {
            let _ = writeln!(stdout, "{line}");
        }
        let style = match report.outcome {
            Outcome::Passed => GREEN,
            Outcome::Interrupted => YELLOW,
            _ => RED,
        };
        let _ = writeln!(
            stdout,
            "{} {}",
            self.paint_out(style, report.outcome.label()),
            table::ending(report)
        );
    }

    fn paint_out(&self, style: &str, text: &str) -> String {
        if io::stdout().is_terminal() {
            self.paint(style, text)
        } else {
            text.to_owned()
        }
    }
}

impl Reporter for Console {
    fn take(&self, TimedEvent { event, sample, .. }: TimedEvent) {
        self.sample.set(sample);
        if !matches!(&event, Event::Transferred { .. })
            && let Some(bar) = self.bar.take()
        {
            bar.finish_and_clear();
        }
        match &event {
            Event::RunStarted { samples, .. } => self.several.set(*samples > 1),
            Event::Output(bytes) => self.output(bytes),
            Event::Transferred { done, total } => self.transferred(*done, *total),
            Event::Warning(text) | Event::ScriptWarning { text, .. } => self.warning(text),
            Event::Finished(report) => self.finished(report),
            Event::InvalidConfig(errors) => self.error(&errors.to_string(), None),
            Event::Error(complaint) => {
                self.error(&complaint.message, complaint.hint.as_deref());
            }
            Event::Leaked {
                id,
                region,
                lease,
                expires_at,
            } => {
                let text = table::leaked(id.as_ref(), region, lease, *expires_at);
                let _ = writeln!(io::stderr().lock(), "{}", self.paint(RED, &text));
            }
            Event::Trace(text) => self.line(&self.paint(DIM, text)),
            _ if self.verbosity == Verbosity::Quiet => {}
            Event::Note(text) => self.line(text),
            Event::Remains {
                resource,
                region,
                run,
            } => self.line(&table::remains(resource, region, run)),
            Event::Detail(text) if self.verbosity == Verbosity::Verbose => {
                self.line(&self.paint(DIM, text));
            }
            // Scripts have lines of their own; only collector's deeds are worth one.
            Event::Detail(_)
            | Event::StageStarted(Stage::Scripts(_))
            | Event::StageFinished {
                stage: Stage::Scripts(_),
                ..
            } => {}
            Event::StageStarted(stage) => self.line(&self.paint(BOLD, &format!("{stage} …"))),
            Event::StageFinished { stage, ok, took } => {
                self.line(&table::stage_ended(*stage, *ok, *took));
            }
            Event::StepStarted { phase, script, .. } => self.line(&format!("{phase}: {script}")),
            Event::StepFinished {
                script,
                outcome,
                exit_code,
                took,
            } => {
                let style = match outcome {
                    StepOutcome::Passed => GREEN,
                    StepOutcome::Failed | StepOutcome::Lost => RED,
                    _ => YELLOW,
                };
                let status = table::with_status(*exit_code);
                self.line(&format!(
                    "{}: {}{status} after {}",
                    script,
                    self.paint(style, &outcome.to_string()),
                    human_duration(*took)
                ));
            }
        }
    }
}
