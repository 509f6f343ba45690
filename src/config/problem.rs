//! What is wrong with a config file, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::node::At;

/// One thing that is wrong with a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written.
    pub at: At,
    /// What is wrong: a sentence fragment that names the thing.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(at: At, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

/// Every problem of one config file, in the order of the file.
///
/// `Display` prints each as `file:line:column: message`, the source line with a marker, and the remedy.
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
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        for Problem {
            at,
            message,
            remedy,
        } in &self.problems
        {
            let At { line, column } = *at;
            writeln!(f, "{}:{line}:{column}: {message}", self.path.display())?;
            let source = self
                .source
                .lines()
                .nth(usize::try_from(line - 1).unwrap_or(usize::MAX));
            if let Some(source) = source.filter(|source| !source.trim().is_empty()) {
                let gutter = line.to_string();
                let margin = " ".repeat(gutter.len());
                let before: String = source
                    .chars()
                    .take(usize::try_from(column - 1).unwrap_or(0))
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                writeln!(f, "  {gutter} | {source}")?;
                writeln!(f, "  {margin} | {before}^")?;
            }
            writeln!(f, "  hint: {remedy}")?;
        }
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{count} {noun} in {}", self.path.display())
    }
}
