//! Answers to what was asked, apart from any run: tables that fit the terminal, warnings, and questions back.

use std::io::{self, Write};

use console::Term;

use super::{BOLD, Console, GREEN, PLAIN, RED, YELLOW};
use crate::comparison::{Comparison, Verdict};
use crate::report::{Outcome, RunReport};
use crate::reporter::{comparison, text};

/// The columns of standard output, where that is a terminal.
pub(super) fn width() -> Option<usize> {
    let stdout = Term::stdout();
    stdout.is_term().then(|| usize::from(stdout.size().1))
}

impl<O: Write, E: Write> Console<O, E> {
    /// An answer to what was asked, on standard output.
    pub fn say(&self, text: &str) {
        self.status.borrow().clear();
        let line = self.out.styled(&[(PLAIN, text)]) + "\n";
        self.out.write(line.as_bytes());
    }

    /// Whether the answers are written.
    ///
    /// # Errors
    /// When one is not, and not because its reader has had enough.
    pub fn written(&self) -> io::Result<()> {
        match self.out.failure.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Something to know that is not the answer.
    pub fn note(&self, text: &str) {
        self.tell_sentence(&[(BOLD, "note"), (PLAIN, ": "), (PLAIN, text)]);
    }

    /// A table on standard output. On a terminal that is too narrow for it, a line for each of its cells.
    pub fn table<const N: usize>(&self, heads: &[&str; N], rows: &[[String; N]]) {
        for line in text::table(heads, rows, width()) {
            self.say(&line);
        }
    }

    /// A text for another program on standard output, byte for byte; on a terminal, nothing in it can do anything.
    pub fn print(&self, text: &str) {
        if Term::stdout().is_term() {
            self.say(text.trim_end_matches('\n'));
        } else {
            self.status.borrow().clear();
            self.out.write(text.as_bytes());
        }
    }

    /// A comparison on standard output, every row of it where `all` are wanted.
    pub fn comparison(&self, of: &Comparison, all: bool) {
        for (index, (verdict, line)) in comparison::table(of, width(), all).iter().enumerate() {
            let style = match verdict {
                _ if index == 0 => BOLD,
                Some(Verdict::Slower) => RED,
                Some(Verdict::Faster) => GREEN,
                Some(Verdict::NoVerdict) => YELLOW,
                Some(Verdict::NoDifference) | None => PLAIN,
            };
            self.answer(&[(style, line)]);
        }
    }

    /// Something that is not as it should be, apart from a run.
    pub fn warn(&self, text: &str) {
        self.tell_sentence(&[(YELLOW, "warning"), (PLAIN, ": "), (PLAIN, text)]);
    }

    /// Asks a question that is answered with yes or no, and waits for the answer; no answer is a no.
    pub fn confirm(&self, question: &str) -> bool {
        let question = self.err.styled(&[(BOLD, question), (PLAIN, " [y/N] ")]);
        self.show(question.as_bytes());
        let mut answer = String::new();
        let answered = io::stdin().read_line(&mut answer);
        answered.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// The end of a run: what ran, the comparison, the outcome.
    pub(super) fn finished(&self, report: &RunReport) {
        self.status.borrow_mut().show(Vec::new());
        for line in text::closing(report, width()) {
            self.say(&line);
        }
        if let Some(comparison) = report.comparison() {
            self.say("");
            self.comparison(comparison, false);
            if let Some(profiles) = report.profiles() {
                self.say(&profiles);
            }
            self.say("");
        }
        let style = match report.outcome {
            Outcome::Passed => GREEN,
            Outcome::Interrupted => YELLOW,
            _ => RED,
        };
        self.answer(&[
            (style, report.outcome.label()),
            (PLAIN, " "),
            (PLAIN, &text::ending(report)),
        ]);
    }
}
