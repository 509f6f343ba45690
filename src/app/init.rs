//! `collect init`: a config and its scripts to start from.

use std::path::Path;

use crate::cli::{self, InitArgs};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::project::create;
use crate::quoting::quote_where_needed;
use crate::reporter::console::Console;
use crate::reporter::prompt::{PromptError, ask};
use crate::starter::{Answers, DEFAULT_MEASURE, ProgramName};

/// Writes a config and its scripts to start from.
pub(super) fn init(args: &InitArgs, console: &Console) -> Result<ExitStatus, Error> {
    let directory = &args.directory;
    let answers = answers(args)?;
    let files = answers.files();
    create(directory, &files)?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    // Nothing that a program takes for an option.
    let dotted = Path::new(".").join(directory);
    let is_option = directory.to_string_lossy().starts_with('-');
    let argument = if is_option { &dotted } else { directory };
    let argument = quote_where_needed(&argument.to_string_lossy());
    // Without a clone the scripts get the word as it is.
    let revision = if answers.in_clone { "HEAD" } else { "demo" };
    console.say(&format!(
        "wrote {} to {}\n\n\
         see what a run would do:      {command} plan {argument} {revision}\n\
         rehearse it on this machine:  {command} --local {argument} {revision}\n\
         compare two revisions:        {command} --local {argument} NEW --baseline OLD",
        names.join(", "),
        directory.display(),
        command = cli::NAME,
    ));
    Ok(ExitStatus::Passed)
}

/// The answers: given, else asked for, else made up.
fn answers(args: &InitArgs) -> Result<Answers, PromptError> {
    let directory = std::path::absolute(&args.directory).unwrap_or_default();
    let named = directory.file_name().unwrap_or_default().to_string_lossy();
    let in_clone = directory.ancestors().any(|path| path.join(".git").exists());
    let (build, measure) = if in_clone {
        (
            "Shell command that builds it, in a checkout of the commit (Enter for none)",
            "Shell command whose time is measured, in the same checkout",
        )
    } else {
        (
            "Shell command that installs it at the revision $VERSION (Enter for none)",
            "Shell command whose time is measured",
        )
    };
    Ok(Answers {
        in_clone,
        program: answer(
            args.program.as_ref(),
            args.yes,
            "Name of the program",
            ProgramName::nearest(&named),
        )?,
        build: answer(args.build.as_ref(), args.yes, build, String::new())?,
        measure: answer(
            args.measure.as_ref(),
            args.yes,
            measure,
            DEFAULT_MEASURE.to_owned(),
        )?,
    })
}

fn answer<T>(given: Option<&T>, made_up: bool, question: &str, default: T) -> Result<T, PromptError>
where
    T: std::str::FromStr + Clone + ToString,
    T::Err: ToString,
{
    match given {
        Some(given) => Ok(given.clone()),
        None if made_up => Ok(default),
        None => ask(question, default),
    }
}
