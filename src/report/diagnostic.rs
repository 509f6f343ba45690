//! An error as it is shown: the failure, its remedy, and how the log of the script ends that failed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// So many lines of a log are shown, and so many characters of each.
const LAST_LINES: usize = 20;
const MAX_LINE: usize = 500;

/// An error as it is shown: the failure, and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The failure.
    pub message: String,
    /// Its remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The script that failed, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The last lines of its log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic of no script.
    pub fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            message: message.into(),
            hint: hint.map(str::to_owned),
            script: None,
            last_lines: Vec::new(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The last lines of a log as a terminal shows them in the end: without colours and other control sequences, and of a line
/// that was written over and over its last state.
pub fn last_lines(log: &str) -> Vec<String> {
    let log = console::strip_ansi_codes(log);
    let lines: Vec<&str> = log.trim_end().lines().collect();
    let shown = lines.len().saturating_sub(LAST_LINES);
    let last = lines.get(shown..).unwrap_or_default();
    last.iter().map(|line| last_state(line)).collect()
}

fn last_state(line: &str) -> String {
    let states = line.rsplit('\r').map(str::trim_end);
    let state = states.into_iter().find(|state| !state.is_empty());
    let characters = state.unwrap_or_default().chars();
    let mut shown = characters.filter(|c| !c.is_control() || *c == '\t');
    let mut line: String = shown.by_ref().take(MAX_LINE).collect();
    if shown.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_as_a_terminal_shows_them() {
        let log = "\x1b[31mred\x1b[0m\x1b]0;owned\x07\n\n10%\r20%\r100%\r\n\ttab\x08\nlast\n\n";
        assert_eq!(last_lines(log), ["red", "", "100%", "\ttab", "last"]);
        assert!(last_lines("").is_empty() && last_lines("\n\n").is_empty());
    }

    #[test]
    fn neither_many_lines_nor_a_long_one_take_much_room() {
        let lines: Vec<_> = (1..=100).map(|n: u32| n.to_string()).collect();
        let log = lines.join("\n");
        let last = last_lines(&log);
        assert_eq!((last.len(), last[0].as_str()), (LAST_LINES, "81"));
        let line = &last_lines(&"é".repeat(10_000))[0];
        assert_eq!(line.chars().count(), MAX_LINE + 1);
    }
}
