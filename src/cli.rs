//! The command line, which is also the definition of the action's inputs.
//!
//! The runner passes an input as the variable `INPUT_…`, hyphens and all. An input is an argument with that
//! variable; a test holds the arguments against `action.yml` and `docs/github-actions.md`.

mod advice;
mod bake;
mod completions;
mod figures;
mod init;
mod instances;
mod open_shell;
mod plan;
mod report;
mod results;
mod run;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit_status::ExitStatus;
use crate::report::Signal;
pub use bake::BakeArgs;
pub use completions::{CompletionsArgs, ManArgs};
pub use figures::{Better, CompareArgs, ExportArgs, ExportFormat, MergeArgs};
pub use init::InitArgs;
pub use instances::{AccountArgs, InstanceArgs, ReapArgs};
pub use open_shell::ShellArgs;
pub use plan::PlanArgs;
pub use report::ReportArgs;
pub use results::{OutputArgs, ResultsArgs, RmArgs};
pub use run::{Commenting, JobArgs, RunArgs, ShardChoice};

/// The command, as the user calls it.
pub const NAME: &str = "collect";

/// The revision of the event, where no other one is given.
const EVENT_REVISION: &str = "GITHUB_SHA";

/// The least similarity of a typing error to the command that was meant.
const MIN_SIMILARITY: f64 = 0.7;

/// Measures a revision of your software on a rented EC2 instance, brings the results home and gives the instance back.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = exit_statuses(),
)]
struct CommandLine {
    #[command(subcommand)]
    request: Option<Request>,
    /// Without a command it is a run.
    #[command(flatten)]
    run: RunArgs,
}

/// The exit statuses, in one sentence.
fn exit_statuses() -> String {
    let own = ExitStatus::WITHOUT_SIGNAL.map(|status| format!("{status} {}", status.meaning()));
    let signals = [Signal::Hup, Signal::Int, Signal::Term].map(ExitStatus::Signalled);
    let [hup, int, term] = signals;
    format!(
        "Exit status: {}, {hup}/{int}/{term} {}.",
        own.join(", "),
        int.meaning()
    )
}

/// A request of the user's: a command with its arguments, or the inputs of the action.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// Measure a revision; `collect run …` and `collect …` are the same
    Run(Box<RunArgs>),
    /// Check a config file and its scripts; nothing is launched, no network is used
    Check(CheckArgs),
    /// Show what a run would do, with every value; nothing is launched, no network is used
    Plan(Box<PlanArgs>),
    /// Make an image of an instance after its first phases, for runs with `bake` in `main` to launch from
    Bake(BakeArgs),
    /// Write a config and its scripts to start from; no file is overwritten
    Init(InitArgs),
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// List the instances that are alive, and the images
    List(AccountArgs),
    /// Log in to an instance that stays after a failed run, or run a command there
    Ssh {
        /// The instance
        #[command(flatten)]
        instance: InstanceArgs,
        /// A command to run there, in place of a shell
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Collect again from an instance that stays after a failed run
    Fetch(InstanceArgs),
    /// End instances that were left over, or delete images
    Reap {
        /// The place to look at
        #[command(flatten)]
        account: AccountArgs,
        /// The instances to end
        #[command(flatten)]
        which: ReapArgs,
    },
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    #[command(hide = true)]
    Man(ManArgs),
    /// List local results, newest first
    Results(ResultsArgs),
    /// Remove local results, with their archives
    Rm(RmArgs),
    /// Compare two local results: is B slower or faster than A, by how much, and is that sure?
    Compare(CompareArgs),
    /// Join the figures of shards, of the jobs of a matrix or of earlier runs of the same plan into one table
    Merge(MergeArgs),
    /// Print the figures in a format of another tool
    Export(ExportArgs),
    /// Make a page of results: the answer, what was going on meanwhile, and how to reproduce it
    Report(ReportArgs),
}

impl Request {
    /// Reads the command line and the inputs.
    ///
    /// # Errors
    /// A fault of theirs; or not an error, but the text that `--help` and `--version` ask for.
    pub fn read() -> Result<Self, clap::Error> {
        let words: Vec<OsString> = env::args_os().collect();
        let command = definition();
        if let Some(first) = words.get(1) {
            refuse_misspelt_command(first, &command)?;
        }
        let matches = command.clone().try_get_matches_from(&words);
        let mut matches = matches.map_err(|error| advice::advise(error, &command, &words))?;
        if matches.subcommand_name().is_some() {
            Self::from_arg_matches_mut(&mut matches)
        } else {
            let run = RunArgs::from_arg_matches_mut(&mut matches)?;
            Ok(Self::Run(Box::new(run)))
        }
    }
}

/// The mistakes in the inputs of a job, in the words of a workflow.
pub fn input_error(error: &clap::Error) -> String {
    if let (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let names: Vec<String> = missing
            .iter()
            .map(|name| format!("`{}`", name.trim_matches(['<', '>']).to_lowercase()))
            .collect();
        return format!("missing inputs: {}", names.join(", "));
    }
    let text = error.to_string();
    // Of the whole text, the part that is not about a command line.
    let message = text.split("\n\n").next().unwrap_or_default();
    let mut message = message.trim_start_matches("error: ").to_owned();
    let mut command = command();
    command.build();
    for arg in command.get_arguments() {
        let name = arg.get_long().map_or(arg.get_id().as_str(), |long| long);
        message = message.replace(&format!("'{arg}'"), &format!("the input `{name}`"));
    }
    message
}

/// The definition of the command line, as it is without any input.
pub fn command() -> clap::Command {
    CommandLine::command().mut_subcommand("plan", plan::hide_what_only_a_run_heeds)
}

/// The same, with the inputs of the action as defaults.
fn definition() -> clap::Command {
    let command = command();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let command = names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, take_inputs)
    });
    take_inputs(command)
}

/// Takes the inputs without the white space around them, which YAML easily adds, and leaves out those that are blank: the
/// runner sets all of them.
fn take_inputs(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let input = arg.get_env().and_then(|name| env::var(name).ok());
        let arg = match &input {
            Some(value) if value.trim().is_empty() => arg.env(None::<&str>),
            Some(value) if value.trim() != value => {
                let value = value.trim().to_owned();
                arg.env(None::<&str>).default_value(value).required(false)
            }
            _ => arg,
        };
        match event_revision() {
            Some(revision) if arg.get_id() == "revision" && arg.get_default_values().is_empty() => {
                arg.default_value(revision).required(false)
            }
            _ => arg,
        }
    })
}

/// The commit of the event that started the workflow.
fn event_revision() -> Option<String> {
    let revision = env::var(EVENT_REVISION).ok()?;
    Some(revision.trim().to_owned()).filter(|revision| !revision.is_empty())
}

/// A first word that is almost a command, and no file either, is not taken for a config file.
fn refuse_misspelt_command(word: &OsString, command: &clap::Command) -> Result<(), clap::Error> {
    let Some(word) = word.to_str() else {
        return Ok(());
    };
    let similarity = |name: &str| strsim::normalized_damerau_levenshtein(word, name);
    let nearest = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest {
        Some(name)
            if name != word && similarity(name) >= MIN_SIMILARITY && !Path::new(word).exists() =>
        {
            let mut error = clap::Error::new(ErrorKind::InvalidSubcommand).with_cmd(command);
            let text = |text: &str| ContextValue::String(text.to_owned());
            error.insert(ContextKind::InvalidSubcommand, text(word));
            error.insert(
                ContextKind::SuggestedSubcommand,
                ContextValue::Strings(vec![name.to_owned()]),
            );
            Err(error)
        }
        _ => Ok(()),
    }
}

/// A check of a config.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A config file, or a directory that holds `config.yml`
    pub config: PathBuf,
    /// Check it for a rehearsal on this machine
    #[arg(long)]
    pub local: bool,
    /// The AWS region, as a run takes it; a check looks nothing up there
    #[arg(long)]
    pub region: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<RunArgs, clap::Error> {
        let words = ["collect"].iter().chain(words);
        let mut matches = definition().try_get_matches_from(words)?;
        RunArgs::from_arg_matches_mut(&mut matches)
    }

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn verbose_counts() {
        assert_eq!(run(&["a", "b"]).unwrap().verbose, 0);
        assert_eq!(run(&["a", "b", "-vv"]).unwrap().verbose, 2);
        assert_eq!(
            run(&["--verbose", "--verbose", "a", "b"]).unwrap().verbose,
            2
        );
        assert!(run(&["-q", "-v", "a", "b"]).is_err());
    }

    #[test]
    fn the_token_is_not_shown() {
        let arguments = ["collect", "c.yml", "v1", "--github-token", "ghs_hush"];
        let shown = format!("{:?}", CommandLine::try_parse_from(arguments).unwrap());
        assert!(
            shown.contains("c.yml") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
