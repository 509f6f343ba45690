//! `collect init`: a config and its scripts to start from.

use std::path::Path;

use crate::cli::{self, InitArgs};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::project::create;
use crate::reporter::console::Console;
use crate::reporter::prompt::{PromptError, ask};
use crate::shell::quote_where_needed;
use crate::starter::{Answers, DEFAULT_MEASURE, ProgramName};

/// Writes a config and its scripts to start from.
pub(super) fn init(args: &InitArgs, console: &Console) -> Result<ExitStatus, Error> {
    let directory = &args.directory;
    let files = answers(args)?.files();
    create(directory, &files)?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    let argument = quote_where_needed(&directory.to_string_lossy());
    console.say(&format!(
        "wrote {} to {}\n\n\
         rehearse it on this machine:  {command} --local {argument} demo\n\
         see what a run would do:      {command} plan {argument} demo",
        names.join(", "),
        directory.display(),
        command = cli::NAME,
    ));
    Ok(ExitStatus::Passed)
}

/// The answers: given, else asked for, else made up.
fn answers(args: &InitArgs) -> Result<Answers, PromptError> {
    let named = std::path::absolute(&args.directory).ok();
    let named = named.as_deref().and_then(Path::file_name);
    let named = named.unwrap_or_default().to_string_lossy();
    Ok(Answers {
        program: answer(
            args.program.as_ref(),
            args.yes,
            "Name of the program",
            ProgramName::nearest(&named),
        )?,
        build: answer(
            args.build.as_ref(),
            args.yes,
            "Shell command that installs it at the revision $VERSION (Enter for none)",
            String::new(),
        )?,
        measure: answer(
            args.measure.as_ref(),
            args.yes,
            "Shell command whose time is measured",
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
