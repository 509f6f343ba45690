//! Sentences on a terminal: broken between words, never within one, so that a path or an option stays whole.

use std::io::Write;

use console::Style;
use textwrap::{Options, WordSeparator, WordSplitter, wrap};

use super::{Console, Stream};

/// A narrower terminal breaks lines better by itself.
const MIN_COLUMNS: usize = 20;

/// The indentation of a line that goes on with the one above it: the width of the clock.
const INDENT: &str = "      ";

/// A line that begins so is a sentence; any other that is indented quotes something.
const INDENTED_HINT: &str = "  hint: ";

/// The text, which may be styled, in lines of so many columns; what it quotes stays as it is laid out.
fn broken(text: &str, columns: usize) -> String {
    if columns < MIN_COLUMNS {
        return text.to_owned();
    }
    let options = Options::new(columns)
        .subsequent_indent(INDENT)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = text.split('\n').map(|line| {
        if line.starts_with(' ') && !line.starts_with(INDENTED_HINT) {
            line.to_owned()
        } else {
            wrap(line, &options).join("\n")
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl<W: Write> Stream<W> {
    /// The pieces of a sentence in their styles, and in lines where it is for a terminal of so many columns.
    pub(super) fn sentence(&self, pieces: &[(Style, &str)], columns: usize) -> String {
        let text = self.styled(pieces);
        if self.is_terminal {
            broken(&text, columns)
        } else {
            text
        }
    }
}

impl<O: Write, E: Write> Console<O, E> {
    /// A sentence on standard error.
    pub(super) fn tell_sentence(&self, pieces: &[(Style, &str)]) {
        self.show_line(&self.err.sentence(pieces, super::columns()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words() {
        let text = "00:03 see `--keep-on-failure 30m` and /a/path/that/is/longer/than/a/line of it";
        let lines = [
            "00:03 see `--keep-on-failure",
            "      30m` and",
            "      /a/path/that/is/longer/than/a/line",
            "      of it",
        ];
        assert_eq!(broken(text, 30), lines.join("\n"));
        assert_eq!(broken(text, 80), text);
        assert_eq!(broken(text, 10), text);
    }

    #[test]
    fn a_style_takes_no_room() {
        let styled = "\u{1b}[31merror\u{1b}[0m: something is not as it ought";
        assert_eq!(broken(styled, 36), styled);
    }

    #[test]
    fn what_is_quoted_stays_as_it_is() {
        let text = "config.yml:3:5: unknown key `ouput`\n  3 |     ouput: a-long/path\n    |     ^^^^^\n  hint: did you mean `output`?";
        let lines = [
            "config.yml:3:5:",
            "      unknown key",
            "      `ouput`",
            "  3 |     ouput: a-long/path",
            "    |     ^^^^^",
            "  hint: did you mean",
            "      `output`?",
        ];
        assert_eq!(broken(text, 20), lines.join("\n"));
    }
}
