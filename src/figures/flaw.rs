//! A flaw of a file and its position.

use std::fmt;

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// The file as a whole.
    File,
    /// A line and a column, both from 1.
    Line {
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// A position in JSON, such as `$.results[2].times`.
    Json(String),
}

impl Position {
    /// A line as a whole.
    pub(super) const fn line(line: usize) -> Self {
        Self::Line { line, column: 1 }
    }

    /// The position of a byte.
    pub(super) fn of_offset(bytes: &[u8], offset: usize) -> Self {
        let before = bytes.get(..offset).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n');
        let (lines, last) = line.fold((0, &[][..]), |(count, _), line| (count + 1, line));
        Self::Line {
            line: lines,
            column: String::from_utf8_lossy(last).chars().count() + 1,
        }
    }
}

/// A defect of a file: a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The path of the file relative to the results, or of the directory.
    pub file: String,
    /// The position in it.
    pub position: Position,
    /// A fragment of a sentence that says what is wrong.
    pub reason: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            position,
            reason,
        } = self;
        match position {
            Position::File => write!(f, "{file}: {reason}"),
            Position::Line { line, column } => write!(f, "{file}:{line}:{column}: {reason}"),
            Position::Json(path) => write!(f, "{file}: {path}: {reason}"),
        }
    }
}
