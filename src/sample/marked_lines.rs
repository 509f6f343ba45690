//! Output of one of two steps that run at the same time: whole lines, each with whose it is in front.

use std::mem;

/// A longer line is broken, in bytes.
const MAX_LINE: usize = 64 << 10;

/// The start of the control sequences of a terminal, and the one after which there is no colour any more.
const ESCAPE: u8 = 0x1b;
const RESET: &[u8] = b"\x1b[0m";

/// Output that comes in pieces, as marked lines.
#[derive(Debug)]
pub(super) struct MarkedLines {
    mark: String,
    unfinished: Vec<u8>,
}

impl MarkedLines {
    /// The lines of whoever has this name.
    pub(super) fn new(name: &str) -> Self {
        Self {
            mark: format!("[{name}] "),
            unfinished: Vec::new(),
        }
    }

    /// The lines that these bytes complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.unfinished.extend(bytes);
        let end = match self.unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if self.unfinished.len() > MAX_LINE => self.unfinished.len(),
            None => return Vec::new(),
        };
        let rest = self.unfinished.split_off(end.min(self.unfinished.len()));
        let lines = mem::replace(&mut self.unfinished, rest);
        self.marked(&lines)
    }

    /// The line that did not end.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = mem::take(&mut self.unfinished);
        (!rest.is_empty()).then(|| self.marked(&rest))
    }

    fn marked(&self, lines: &[u8]) -> Vec<u8> {
        let mut marked = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            marked.extend(self.mark.as_bytes());
            marked.extend(line.strip_suffix(b"\n").unwrap_or(line));
            if line.contains(&ESCAPE) {
                marked.extend(RESET);
            }
            marked.push(b'\n');
        }
        marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_shown_and_each_says_whose_it_is() {
        let mut lines = MarkedLines::new("baseline");
        assert_eq!(lines.take(b"one\ntw"), b"[baseline] one\n");
        assert_eq!(lines.take(b"o"), b"");
        assert_eq!(
            lines.take(b"\n\x1b[31mred\n"),
            b"[baseline] two\n[baseline] \x1b[31mred\x1b[0m\n"
        );
        assert_eq!(lines.rest(), None);
        lines.take(b"end");
        assert_eq!(lines.rest().unwrap(), b"[baseline] end\n");
    }
}
