//! A run for a person to watch: a line an event, the scripts' output as it comes, a table at the end.

mod answers;
mod lending;
mod prose;
mod status;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Stderr, Stdout, Write};

use console::{Style, colors_enabled, colors_enabled_stderr};
use indicatif::ProgressDrawTarget;
use jiff::Timestamp;

use super::progress::{Progress, since};
use super::{Event, Reporter, TimedEvent, text};
use crate::phase::Stage;
use crate::step::StepOutcome;
use status::{Status, columns};

/// The level of detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings, errors and the table.
    Quiet,
    /// Every event and all output.
    Normal,
    /// The work of collector between the steps, too.
    Verbose,
}

/// Writes to standard error what happens, and to standard output what came of it.
#[derive(Debug)]
pub struct Console<O = Stdout, E = Stderr> {
    verbosity: Verbosity,
    out: Stream<O>,
    err: Stream<E>,
    status: RefCell<Status>,
    progress: RefCell<Progress>,
    /// The time of the first event.
    started: Cell<Option<Timestamp>>,
    /// The time and the sample of the event that is being shown.
    now: Cell<Timestamp>,
    sample: Cell<Option<u32>>,
    /// The run has several samples: every line says whose it is.
    several: Cell<bool>,
    /// The last output did not end its line.
    mid_line: Cell<bool>,
    /// The output of the step that runs may have changed the colour.
    styled: Cell<bool>,
    /// Output of each of several samples that did not end its line yet.
    unfinished: RefCell<BTreeMap<Option<u32>, Vec<u8>>>,
    /// The terminal is a shell's; what happened since.
    lent: RefCell<Option<Vec<TimedEvent>>>,
}

#[derive(Debug)]
struct Stream<W> {
    writer: RefCell<W>,
    colours: bool,
    is_terminal: bool,
    /// Why something could not be written.
    failure: RefCell<Option<io::Error>>,
}

/// Where a line of one of several samples is broken, in bytes.
const MAX_LINE: usize = 64 << 10;

/// The columns that the mark of a sample takes in a status line.
const MARK_COLUMNS: usize = "[256] ".len();

const PLAIN: Style = Style::new();
const RED: Style = Style::new().red();
const GREEN: Style = Style::new().green();
const YELLOW: Style = Style::new().yellow();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dim();

impl Console {
    /// For the standard streams of the process. Colours and status lines are for terminals; `NO_COLOR`, `CLICOLOR` and
    /// `TERM` have their say.
    pub fn new(verbosity: Verbosity) -> Self {
        let target = match verbosity {
            Verbosity::Quiet => ProgressDrawTarget::hidden(),
            _ => ProgressDrawTarget::stderr(),
        };
        let mut out = Stream::new(io::stdout(), colors_enabled());
        out.is_terminal = io::stdout().is_terminal();
        let mut err = Stream::new(io::stderr(), colors_enabled_stderr());
        err.is_terminal = io::stderr().is_terminal();
        Self::with_streams(verbosity, out, err, target)
    }
}

impl<O: Write, E: Write> Console<O, E> {
    fn with_streams(
        verbosity: Verbosity,
        out: Stream<O>,
        err: Stream<E>,
        target: ProgressDrawTarget,
    ) -> Self {
        Self {
            verbosity,
            out,
            err,
            status: RefCell::new(Status::on(target)),
            progress: RefCell::default(),
            started: Cell::new(None),
            now: Cell::new(Timestamp::UNIX_EPOCH),
            sample: Cell::new(None),
            several: Cell::new(false),
            mid_line: Cell::new(false),
            styled: Cell::new(false),
            unfinished: RefCell::default(),
            lent: RefCell::default(),
        }
    }

    /// An error with its remedy, as the last thing said.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        self.tell_sentence(&[
            (PLAIN, &self.mark()),
            (RED, "error"),
            (PLAIN, ": "),
            (PLAIN, message),
        ]);
        if let Some(hint) = hint {
            self.tell_sentence(&[(BOLD, "hint"), (PLAIN, ": "), (PLAIN, hint)]);
        }
    }

    fn answer(&self, pieces: &[(Style, &str)]) {
        self.status.borrow().clear();
        let columns = answers::width().unwrap_or_default();
        let line = self.out.sentence(pieces, columns) + "\n";
        self.out.write(line.as_bytes());
    }

    /// One line of standard error.
    fn remark(&self, pieces: &[(Style, &str)]) {
        self.show_line(&self.err.styled(pieces));
    }

    fn show_line(&self, line: &str) {
        let start = if self.mid_line.replace(false) {
            "\n"
        } else {
            ""
        };
        self.show(format!("{start}{line}\n").as_bytes());
    }

    /// One line with the time since the start.
    fn line(&self, pieces: &[(Style, &str)]) {
        let now = self.now.get();
        let elapsed = since(self.started.get().unwrap_or(now), now).as_secs();
        let clock = format!("{:02}:{:02}", elapsed / 60, elapsed % 60);
        let mark = format!(" {}", self.mark());
        let mut line = vec![(DIM, clock.as_str()), (PLAIN, &mark)];
        line.extend_from_slice(pieces);
        self.tell_sentence(&line);
    }

    /// Writes to standard error, above the status lines. Those wait for the end of a line of output.
    fn show(&self, bytes: &[u8]) {
        let status = self.status.borrow();
        status.clear();
        self.err.write(bytes);
        if !self.mid_line.get() {
            status.redraw();
        }
    }

    /// The mark of the sample in front of a line, where there are several.
    fn mark(&self) -> String {
        match self.sample.get() {
            Some(sample) if self.several.get() => format!("[{sample}] "),
            _ => String::new(),
        }
    }

    fn warning(&self, text: &str) {
        self.line(&[(YELLOW, "warning:"), (PLAIN, " "), (PLAIN, text)]);
    }

    fn output(&self, bytes: &[u8]) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.several.get() {
            self.whole_lines(bytes);
        } else if let Some(last) = bytes.last() {
            self.mid_line.set(*last != b'\n');
            self.styled.set(self.styled.get() || text::is_styled(bytes));
            self.show(bytes);
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
        self.marked_lines(&lines);
    }

    fn marked_lines(&self, lines: &[u8]) {
        let mark = self.mark();
        let mut shown = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            shown.extend(mark.as_bytes());
            shown.extend(line.strip_suffix(b"\n").unwrap_or(line));
            if text::is_styled(line) {
                shown.extend(text::RESET);
            }
            shown.push(b'\n');
        }
        self.show(&shown);
    }

    /// A step is over: what it wrote is shown, and colours nothing that follows.
    fn end_output(&self) {
        if let Some(rest) = self.unfinished.borrow_mut().remove(&self.sample.get()) {
            self.marked_lines(&rest);
        }
        if self.styled.replace(false) {
            self.show(text::RESET);
        }
    }

    fn transferred(&self, done: u64, total: u64) {
        let mut status = self.status.borrow_mut();
        if !self.mid_line.get() {
            status.show_transfer(self.sample.get(), self.mark(), done, total);
        }
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::RunStarted { samples, .. } => self.several.set(*samples > 1),
            Event::Output(bytes) => self.output(bytes),
            Event::Transferred { done, total } => self.transferred(*done, *total),
            Event::Warning(text) | Event::ScriptWarning { text, .. } => self.warning(text),
            Event::Finished(report) => self.finished(report),
            Event::InvalidConfig(errors) => self.error(&errors.to_string(), None),
            Event::Error(diagnostic) => {
                self.error(&diagnostic.message, diagnostic.hint.as_deref());
            }
            Event::Leaked {
                id,
                region,
                lease,
                expires_at,
            } => {
                let text = text::leaked(id.as_ref(), region, lease, *expires_at);
                self.remark(&[(RED, &text)]);
            }
            Event::StepFailed { failure, log } => {
                let (heading, lines) = text::step_failed(failure, log);
                self.line(&[(RED, &heading)]);
                for line in lines {
                    self.tell_sentence(&[(PLAIN, &self.mark()), (PLAIN, &line)]);
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
                let mut lines =
                    text::kept(id, region, *until, run, *sample, *price_per_hour).into_iter();
                if let Some(sentence) = lines.next() {
                    self.tell_sentence(&[(PLAIN, &sentence)]);
                }
                // Commands, to be copied as they are.
                for command in lines {
                    self.remark(&[(PLAIN, &command)]);
                }
            }
            Event::ShellOpened { id, until } => {
                self.line(&[(BOLD, &text::shell_opened(id, *until))]);
                self.lend();
            }
            Event::ShellClosed => self.take_back(),
            Event::Trace(text) => self.line(&[(DIM, text)]),
            _ if self.verbosity == Verbosity::Quiet => {}
            Event::Note(text) | Event::Notice(text) => self.line(&[(PLAIN, text)]),
            Event::Remains {
                resource,
                region,
                run,
            } => self.line(&[(PLAIN, &text::remains(resource, region, run))]),
            Event::Detail(text) if self.verbosity == Verbosity::Verbose => {
                self.line(&[(DIM, text)]);
            }
            // Scripts have lines of their own; only built-in stages are worth one.
            Event::Detail(_)
            | Event::StageStarted(Stage::Scripts(_))
            | Event::StageFinished {
                stage: Stage::Scripts(_),
                ..
            } => {}
            Event::StageStarted(stage) => self.line(&[(BOLD, &format!("{stage} …"))]),
            Event::StageFinished { stage, ok, took } => {
                self.line(&[(PLAIN, &text::stage_ended(*stage, *ok, *took))]);
            }
            Event::StepStarted {
                phase, script, arm, ..
            } => {
                let script = text::script_of(script, *arm);
                self.line(&[(PLAIN, &format!("{phase}: {script}"))]);
            }
            Event::StepFinished {
                script,
                arm,
                outcome,
                exit_code,
                took,
            } => {
                let style = match outcome {
                    StepOutcome::Passed => GREEN,
                    StepOutcome::Failed | StepOutcome::Lost => RED,
                    _ => YELLOW,
                };
                self.line(&[
                    (PLAIN, &format!("{}: ", text::script_of(script, *arm))),
                    (style, &outcome.to_string()),
                    (PLAIN, &text::after_outcome(*exit_code, *took)),
                ]);
            }
        }
    }

    fn show_status(&self) {
        if !self.mid_line.get() {
            let columns =
                columns().saturating_sub(if self.several.get() { MARK_COLUMNS } else { 0 });
            let lines = self.progress.borrow().lines(self.now.get(), columns);
            let line = |(sample, line): (Option<u32>, String)| {
                self.sample.set(sample);
                let pieces = [(DIM, self.mark()), (DIM, line)];
                let pieces = pieces
                    .each_ref()
                    .map(|(style, text)| (style.clone(), text.as_str()));
                (sample, self.err.styled(&pieces))
            };
            let lines = lines.into_iter().map(line).collect();
            self.status.borrow_mut().show(lines);
        }
    }
}

impl<W: Write> Stream<W> {
    fn new(writer: W, colours: bool) -> Self {
        Self {
            writer: RefCell::new(writer),
            colours,
            is_terminal: false,
            failure: RefCell::default(),
        }
    }

    /// The pieces of a line in their styles; none of them can do anything to a terminal.
    fn styled(&self, pieces: &[(Style, &str)]) -> String {
        pieces
            .iter()
            .map(|(style, piece)| {
                let style = style.clone().force_styling(self.colours);
                style.apply_to(text::printable(piece)).to_string()
            })
            .collect()
    }

    fn write(&self, bytes: &[u8]) {
        let mut writer = self.writer.borrow_mut();
        // A run goes on all the same.
        if let Err(error) = writer.write_all(bytes).and_then(|()| writer.flush()) {
            self.failure.borrow_mut().get_or_insert(error);
        }
    }
}

impl<O: Write, E: Write> Reporter for Console<O, E> {
    fn take(&self, event: TimedEvent) {
        let Some(event) = self.unless_lent(event) else {
            return;
        };
        self.progress.borrow_mut().follow(&event);
        let TimedEvent { at, sample, event } = event;
        self.started.set(self.started.get().or(Some(at)));
        self.now.set(at);
        self.sample.set(sample);
        // A stage that was broken off ends its step, too.
        if matches!(
            event,
            Event::StepFinished { .. } | Event::StageFinished { .. }
        ) {
            self.end_output();
        }
        self.tell(&event);
        if matches!(
            event,
            Event::StageStarted(_)
                | Event::StageFinished { .. }
                | Event::StepStarted { .. }
                | Event::StepFinished { .. }
        ) {
            self.show_status();
        }
    }

    fn tick(&self, now: Timestamp) {
        if self.lent.borrow().is_some() {
            return;
        }
        self.now.set(now);
        if !self.status.borrow().is_hidden() {
            self.show_status();
        } else if self.verbosity > Verbosity::Quiet {
            let reminders = self.progress.borrow_mut().reminders(now);
            for (sample, reminder) in reminders {
                self.sample.set(sample);
                self.line(&[(DIM, &reminder)]);
            }
        }
    }
}
