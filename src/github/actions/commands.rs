//! Workflow commands and the files through which a step answers: text that the runner acts on.
//!
//! The rules are those of the runner's own parser (`ActionCommand`, `FileCommandManager`).

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

/// The number of annotations of a kind that the runner keeps for a step.
pub(crate) const MAX_ANNOTATIONS: usize = 10;

/// The runner cuts a message behind so many characters.
const MAX_MESSAGE: usize = 4096;

/// The severity of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Something worth knowing.
    Notice,
}

impl Level {
    const fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Where in the repository something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceLocation {
    /// The file, relative to the workspace.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1.
    pub column: Option<u64>,
}

/// A remark beside the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation<'a> {
    /// Its severity.
    pub level: Level,
    /// Its heading.
    pub title: &'a str,
    /// Where it belongs.
    pub location: Option<&'a SourceLocation>,
    /// Its text.
    pub message: &'a str,
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

/// The line that makes a remark.
pub(crate) fn annotation(annotation: &Annotation<'_>) -> String {
    let Annotation {
        level,
        title,
        location,
        message,
    } = annotation;
    let mut properties = format!("title={}", escaped_property(title));
    if let Some(SourceLocation { file, line, column }) = location {
        let _ = write!(properties, ",file={}", escaped_property(file));
        for (name, number) in [("line", line), ("col", column)] {
            if let Some(number) = number {
                let _ = write!(properties, ",{name}={number}");
            }
        }
    }
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    format!("::{} {properties}::{}", level.command(), escaped(&message))
}

/// The line that opens a fold in the log; folds do not nest.
pub(crate) fn group(title: &str) -> String {
    format!("::group::{}", escaped(title))
}

/// The line that closes it.
pub(crate) const END_GROUP: &str = "::endgroup::";

/// The line that keeps a secret out of the log from here on.
///
/// The runner drops every job output that contains a masked text: an id must never be masked.
pub(crate) fn mask(secret: &str) -> String {
    format!("::add-mask::{}", escaped(secret))
}

/// Between its two lines the runner takes nothing for a command, in neither of the two notations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence(String);

impl Fence {
    /// A fence that nothing behind it can know how to open.
    pub(crate) fn random() -> Self {
        Self(format!("fence-{:032x}", rand::random::<u128>()))
    }

    /// The line after which nothing is a command.
    pub(crate) fn stop_commands(&self) -> String {
        format!("::stop-commands::{}", self.0)
    }

    /// The line after which commands are commands again.
    pub(crate) fn resume_commands(&self) -> String {
        format!("::{}::", self.0)
    }
}

/// One line of the log that the runner takes for no command, whatever is in it.
///
/// `::` counts at the start of a line, `##[` anywhere in it.
pub(crate) fn plain(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            c => c,
        })
        .collect();
    if line.contains("##[") {
        line = line.replace("##[", "## [");
    }
    if line.trim_start().starts_with("::") {
        line.insert(0, '\u{200b}');
    }
    line
}

/// Appends `name` with this value to a file of the runner's, whatever the value contains.
///
/// # Errors
/// When the file cannot be written to.
pub(crate) fn set(file: &Path, name: &str, value: &str) -> io::Result<()> {
    let delimiter = format!("delimiter-{:032x}", rand::random::<u128>());
    append(
        file,
        &format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"),
    )
}

/// Appends text to a file of the runner's, in one write.
///
/// # Errors
/// When the file cannot be written to.
pub(crate) fn append(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_annotation_names_its_place() {
        let location = SourceLocation {
            file: "a,b:c%.yml".into(),
            line: Some(4),
            column: Some(3),
        };
        let line = annotation(&Annotation {
            level: Level::Error,
            title: "no\nsuch: key",
            location: Some(&location),
            message: "50% of\nthis: that, and\r",
        });
        assert_eq!(
            line,
            "::error title=no%0Asuch%3A key,file=a%2Cb%3Ac%25.yml,line=4,col=3::50%25 of%0Athis: that, and%0D"
        );
    }

    #[test]
    fn a_fence_is_known_to_nobody_else() {
        let fence = Fence::random();
        assert_ne!(fence, Fence::random());
        assert!(
            fence.stop_commands().ends_with(&fence.0) && fence.resume_commands().contains(&fence.0)
        );
    }

    /// The marks that the runner takes for a command: `::` where the line starts, `##[` anywhere.
    fn is_command(line: &str) -> bool {
        let trimmed = line.trim_start();
        trimmed.starts_with("::") || line.contains("##[")
    }

    proptest! {
        #[test]
        fn a_plain_line_is_one_line_and_no_command(text in "[:# \\[\\]\\na-z\\t]{0,40}") {
            let line = plain(&text);
            prop_assert!(!is_command(&line) && !line.contains('\n'), "{line:?}");
        }

        #[test]
        fn an_annotation_is_one_line(title in "\\PC{0,20}", message in "(?s).{0,60}") {
            let line = annotation(&Annotation { level: Level::Notice, title: &title, location: None, message: &message });
            prop_assert!(!line.contains(['\n', '\r']));
        }

        #[test]
        fn a_value_is_read_back_as_it_was(value in "(?s).{0,80}") {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("output");
            set(&file, "first", "1").unwrap();
            set(&file, "name", &value).unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            let rest = text.split_once("name<<").unwrap().1;
            let (delimiter, rest) = rest.split_once('\n').unwrap();
            prop_assert_eq!(rest.strip_suffix(&format!("\n{delimiter}\n")), Some(value.as_str()));
        }
    }
}
