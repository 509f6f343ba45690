//! Advice on a word of the command line that is not taken.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

/// Adds to the refusal of a word what was probably meant by it.
pub(super) fn advise(mut error: clap::Error, line: &Command, words: &[OsString]) -> clap::Error {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let word = match error.kind() {
        ErrorKind::UnknownArgument => named(ContextKind::InvalidArg),
        // A run without the word `run`: what follows its revision is taken for a command.
        ErrorKind::ArgumentConflict if follows_revision(&error) => {
            named(ContextKind::InvalidSubcommand)
        }
        _ => None,
    };
    let Some(word) = word else {
        return error;
    };
    if error.kind() == ErrorKind::ArgumentConflict {
        let usage = error.remove(ContextKind::Usage);
        error = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(line);
        error.insert(ContextKind::InvalidArg, ContextValue::String(word.clone()));
        if let Some(usage) = usage {
            error.insert(ContextKind::Usage, usage);
        }
    }
    if let Some(advice) = advice(&word, refusing(line, words)) {
        // In the place of an option that is spelt alike.
        error.remove(ContextKind::SuggestedArg);
        let advice = ContextValue::StyledStrs(vec![StyledStr::from(advice)]);
        error.insert(ContextKind::Suggested, advice);
    }
    error
}

fn follows_revision(error: &clap::Error) -> bool {
    match error.get(ContextKind::PriorArg) {
        Some(ContextValue::Strings(before)) => before.iter().any(|arg| arg == "<REVISION>"),
        Some(ContextValue::String(before)) => before == "<REVISION>",
        _ => false,
    }
}

/// The command that the first word names, or else the run.
fn refusing<'a>(line: &'a Command, words: &[OsString]) -> &'a Command {
    let named = words.get(1).and_then(|first| line.find_subcommand(first));
    named.unwrap_or(line)
}

fn advice(word: &str, command: &Command) -> Option<String> {
    let takes = |name: &str| command.get_positionals().any(|arg| arg.get_id() == name);
    let has_option = |name: &str| {
        let mut arguments = command.get_arguments();
        arguments.any(|arg| arg.get_long() == Some(name))
    };
    let name = command.get_name();
    let every_revision = || format!("`collect {name}` is for every revision, and takes none");
    match word.strip_prefix("--") {
        Some(option) if takes(option) => Some(format!("`{option}` is given without a name")),
        Some("revision") if takes("config") => Some(every_revision()),
        None if word.starts_with('-') => None,
        None if has_option("baseline") => Some(format!(
            "one revision is measured; `--baseline {word}` compares it with another one"
        )),
        None if takes("config") && !takes("revision") => Some(every_revision()),
        None if has_option("config") => Some("`--config` names the config".into()),
        None if !takes("config") => {
            let takes: Vec<String> = command.get_positionals().map(Arg::to_string).collect();
            let takes = match takes.as_slice() {
                [] => String::new(),
                takes => format!("{}, but ", takes.join(" ")),
            };
            Some(format!(
                "`collect {name}` takes {takes}no config and no revision"
            ))
        }
        _ => None,
    }
}
