//! Problems of a config file, each with its place and a remedy.

use std::fmt;
use std::path::{Path, PathBuf};

use super::node::At;

/// The most problems of one file that are printed.
const MAX_SHOWN: usize = 20;

/// The longest message, in characters: it may quote the file.
const MAX_MESSAGE: usize = 300;

/// The widest excerpt of a source line, in characters.
const MAX_WIDTH: usize = 100;

/// A problem of a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in the file.
    pub at: At,
    /// A sentence fragment that names the thing and its fault.
    pub message: String,
    /// A way to mend it.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(at: At, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            at,
            message,
            remedy: remedy.into(),
        }
    }
}

/// Every problem of one config file, in the order of the file.
///
/// `Display` prints the first ones, each as `file:line:column: message`, the source line around it with a marker, and the
/// remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    path: PathBuf,
    source: String,
    problems: Vec<Problem>,
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// Sorts the problems by their place in the file.
    pub fn new(
        path: impl Into<PathBuf>,
        source: impl Into<String>,
        mut problems: Vec<Problem>,
    ) -> Self {
        problems.sort_by_key(|problem| problem.at);
        Self {
            path: path.into(),
            source: source.into(),
            problems,
        }
    }

    /// The config file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// As many of the problems as a person reads at a time.
    pub fn shown(&self) -> &[Problem] {
        self.problems.get(..MAX_SHOWN).unwrap_or(&self.problems)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        for Problem {
            at: At { line, column },
            message,
            remedy,
        } in self.shown()
        {
            writeln!(f, "{path}:{line}:{column}: {message}")?;
            let index = usize::try_from(line - 1).unwrap_or(usize::MAX);
            let source = self.source.lines().nth(index).unwrap_or_default();
            if !source.trim().is_empty() {
                let gutter = line.to_string();
                let margin = " ".repeat(gutter.len());
                let (excerpt, marker) = excerpt(source, usize::try_from(column - 1).unwrap_or(0));
                writeln!(f, "  {gutter} | {excerpt}")?;
                writeln!(f, "  {margin} | {marker}")?;
            }
            writeln!(f, "  hint: {remedy}")?;
        }
        let count = plural(self.problems.len(), "problem");
        write!(f, "{count} in {path}")?;
        match self.problems.len() - self.shown().len() {
            0 => Ok(()),
            _ => write!(f, ", of which the first {MAX_SHOWN} are shown"),
        }
    }
}

/// The part of a line around a column, which counts from 0, and a line that marks the column.
fn excerpt(line: &str, column: usize) -> (String, String) {
    let length = line.chars().count();
    let start = if length <= MAX_WIDTH {
        0
    } else {
        column.saturating_sub(MAX_WIDTH / 2)
    };
    let mut excerpt = String::new();
    let mut marker = String::new();
    if start > 0 {
        excerpt.push('…');
        marker.push(' ');
    }
    excerpt.extend(line.chars().skip(start).take(MAX_WIDTH));
    if start + MAX_WIDTH < length {
        excerpt.push('…');
    }
    let before = line.chars().skip(start).take(column - start);
    marker.extend(before.map(|c| if c == '\t' { '\t' } else { ' ' }));
    marker.push('^');
    (excerpt, marker)
}

/// A count with its noun: `1 step`, `2 steps`.
pub fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
