//! What helps to write a config, and to call the command. Nothing here launches anything, or uses a network.

use std::env;
use std::path::Path;

use super::paths::expand_home;
use crate::cli::{self, CompletionsArgs, InitArgs, ManArgs, PlanArgs};
use crate::config;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::preview::{Preview, Surroundings};
use crate::project::{Project, create};
use crate::reporter::console::Console;
use crate::reporter::preview::lines;
use crate::reporter::prompt::{PromptError, ask};
use crate::shell::quote_where_needed;
use crate::starter::{Answers, DEFAULT_MEASURE, ProgramName};

/// The variables in which AWS's tools look for a region, in their order.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The command, as the user calls it.
const COMMAND: &str = "collect";

/// Shows what a run would do.
pub(super) fn plan(args: &PlanArgs, console: &Console) -> Result<ExitStatus, Error> {
    let PlanArgs { run, json } = args;
    let revision = run.revision.parse()?;
    let Project { mut config, .. } = Project::open(&run.config, run.local)?;
    run.override_config(&mut config);
    let output = expand_home(run.output.as_deref().unwrap_or(&config.output));
    let surroundings = Surroundings {
        config: run.config.clone(),
        revision,
        output: std::path::absolute(&output).unwrap_or(output),
        region: region(),
    };
    let preview = Preview::new(&config, &surroundings);
    if *json {
        console.say(&pretty(&preview)?);
    } else {
        console.say(&lines(&preview).join("\n"));
    }
    Ok(ExitStatus::Passed)
}

/// The region of the environment, where it names one.
fn region() -> Option<(String, &'static str)> {
    REGION_VARIABLES.into_iter().find_map(|name| {
        let region = env::var(name).ok().filter(|region| !region.is_empty());
        region.map(|region| (region, name))
    })
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|source| Error::System {
        what: "writing JSON",
        source: source.into(),
    })
}

/// Writes a config and its scripts to start from.
pub(super) fn init(args: &InitArgs, console: &Console) -> Result<ExitStatus, Error> {
    let directory = &args.directory;
    let files = answers(args)?.files();
    create(directory, &files)?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    let argument = quote_where_needed(&directory.to_string_lossy());
    console.say(&format!(
        "wrote {} to {}\n\n\
         rehearse it on this machine:  {COMMAND} --local {argument} demo\n\
         see what a run would do:      {COMMAND} plan {argument} demo",
        names.join(", "),
        directory.display(),
    ));
    Ok(ExitStatus::Passed)
}

/// What is given, else what is asked for, else what is made up.
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

/// Prints the schema of the config.
pub(super) fn schema(console: &Console) -> Result<ExitStatus, Error> {
    console.say(&pretty(&config::schema())?);
    Ok(ExitStatus::Passed)
}

/// Prints the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs, console: &Console) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), COMMAND, &mut script);
    console.say(String::from_utf8_lossy(&script).trim_end());
    ExitStatus::Passed
}

/// Writes a manual page for each command.
pub(super) fn man(args: &ManArgs) -> Result<ExitStatus, Error> {
    clap_mangen::generate_to(cli::command(), &args.directory).map_err(|source| Error::System {
        what: "writing the manual pages",
        source,
    })?;
    Ok(ExitStatus::Passed)
}
