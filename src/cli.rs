//! The command line, which is also the definition of the action's inputs.
//!
//! The runner passes an input as the variable `INPUT_…`, hyphens and all. An input is an argument here with that
//! variable; a test holds the arguments against `action.yml` and `docs/github-actions.md`.

mod authoring;
mod results;

use std::env;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{
    ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};

use secrecy::SecretString;

use crate::config::{Config, MAX_SAMPLES, ProviderSpec, parse_duration};
use crate::github::artifact::ArtifactName;
use crate::instance::{LeaseToken, RunId};
pub use authoring::{CompletionsArgs, InitArgs, ManArgs, PlanArgs};

pub use results::{OutputArgs, ResultsArgs, RmArgs};

/// The revision of the event, where no other one is given.
const EVENT_REVISION: &str = "GITHUB_SHA";

/// The heading of what counts in a job only.
const IN_A_JOB: &str = "In GitHub Actions";

/// The least similarity of a typing error to the command that was meant.
const MIN_SIMILARITY: f64 = 0.7;

/// Measures a revision of your software on a rented EC2 instance, brings the results home and gives the instance back.
#[derive(Debug, Parser)]
#[command(
    name = "collect",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit status: 0 passed, 1 a step failed, 2 usage or config, 3 AWS, SSH, GitHub or this machine failed, \
                  4 termination not confirmed, 129/130/143 ended by a signal."
)]
struct CommandLine {
    #[command(subcommand)]
    request: Option<Request>,
    /// Without a command it is a run.
    #[command(flatten)]
    run: RunArgs,
}

/// A request of the user's: a command with its arguments, or the inputs of the action.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// Measure; the word may be left out
    Run(Box<RunArgs>),
    /// Check a config file and its scripts; nothing is launched, no network is used
    Check(CheckArgs),
    /// Show what a run would do, with every value; nothing is launched, no network is used
    Plan(Box<PlanArgs>),
    /// Write a config and its scripts to start from; no file is overwritten
    Init(InitArgs),
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// List the instances that are alive
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
    /// End instances that were left over
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
    /// List the results that are here, newest first
    Results(ResultsArgs),
    /// Remove results that are here, with their archives
    Rm(RmArgs),
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
        let mut matches = command.try_get_matches_from(words)?;
        if matches.subcommand_name().is_some() {
            Self::from_arg_matches_mut(&mut matches)
        } else {
            let run = RunArgs::from_arg_matches_mut(&mut matches)?;
            Ok(Self::Run(Box::new(run)))
        }
    }
}

/// What is wrong with the inputs of a job, in the words of a workflow.
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
    CommandLine::command().mut_subcommand("plan", authoring::hide_what_only_a_run_heeds)
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

/// A number of samples, from 1 to the most that a run takes.
fn sample_count() -> impl TypedValueParser<Value = NonZeroU32> {
    clap::value_parser!(u32)
        .range(1..=i64::from(MAX_SAMPLES))
        .try_map(NonZeroU32::try_from)
}

/// The time for which an instance stays; as short as the config allows it.
fn keep_time(text: &str) -> Result<Duration, &'static str> {
    match parse_duration(text)? {
        time if time < Duration::from_secs(10) => Err("is shorter than 10 s"),
        time => Ok(time),
    }
}

/// Filters of EC2 take wildcards: an id that is none must not end the instances of every run.
fn run_id(text: &str) -> Result<RunId, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(plain) {
        Ok(RunId::new(text))
    } else {
        Err(
            "a run id is made of letters, digits and hyphens; `collect list` shows those of living instances",
        )
    }
}

/// A lease is the name of a file, too: it must lead nowhere else.
fn lease(text: &str) -> Result<LeaseToken, &'static str> {
    run_id(text).map(|id| LeaseToken::new(id.as_str()))
}

/// The place where instances are looked for.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// Look in this AWS region too, besides those with leases on this machine
    #[arg(long)]
    pub region: Option<String>,
    /// Look on this machine only
    #[arg(long, conflicts_with = "region")]
    pub local: bool,
}

/// An instance to come back to.
#[derive(Debug, Args)]
pub struct InstanceArgs {
    /// The run that launched it
    #[arg(value_name = "RUN", value_parser = run_id)]
    pub run: RunId,
    /// Its sample, where several instances of the run stay
    #[arg(long, value_name = "N")]
    pub sample: Option<u32>,
}

/// The instances that are ended.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ReapArgs {
    /// Those that have outlived their `max_lifetime`
    #[arg(long)]
    pub expired: bool,
    /// Those of one run
    #[arg(long, value_name = "ID", value_parser = run_id)]
    pub run: Option<RunId>,
    /// All that collector launched, also those of runs that are going on
    #[arg(long)]
    pub all: bool,
    /// None: drop a lease on record here whose region or account is out of reach for good
    #[arg(long, value_name = "LEASE", value_parser = lease)]
    pub forget: Option<LeaseToken>,
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

/// A run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A config file, or a directory that holds `config.yml`
    #[arg(env = "INPUT_CONFIG", hide_env_values = true)]
    pub config: PathBuf,
    /// The commit, tag or branch to measure; the scripts see it as VERSION; in GitHub Actions `GITHUB_SHA` is the default,
    /// and `head` the last commit of the pull request
    #[arg(
        env = "INPUT_REVISION",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub revision: String,
    /// Saved with the results, as one line
    #[arg(long, env = "INPUT_DESCRIPTION", hide_env_values = true)]
    pub description: Option<String>,
    /// Rehearse on this machine: no AWS account, no sudo
    #[arg(long, env = "INPUT_LOCAL", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub local: bool,
    /// The AWS region, in place of the config's
    #[arg(long, env = "INPUT_REGION", hide_env_values = true)]
    pub region: Option<String>,
    /// The directory for results, in place of the config's
    #[arg(long, env = "INPUT_OUTPUT", hide_env_values = true)]
    pub output: Option<String>,
    /// The number of instances to measure on, in place of the config's
    #[arg(long, env = "INPUT_SAMPLES", hide_env_values = true, value_name = "N",
          value_parser = sample_count())]
    pub samples: Option<NonZeroU32>,
    /// The number of instances that there are at once, in place of the config's
    #[arg(long, value_name = "N", value_parser = sample_count())]
    pub parallel: Option<NonZeroU32>,
    /// Leave the instance of a failed run alive for so long (`30m`, `1h`), then it ends itself
    #[arg(long, value_name = "TIME", value_parser = keep_time)]
    pub keep_on_failure: Option<Duration>,
    /// Write every event to this file as it happens, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Say nothing but warnings, errors and the table
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; given twice, every call to AWS, GitHub and the instance too
    #[arg(long, short, action = ArgAction::Count)]
    pub verbose: u8,
    /// Inputs that count in a job of GitHub Actions only.
    #[command(flatten, next_help_heading = IN_A_JOB)]
    pub job: JobArgs,
}

/// Inputs that count in a job of GitHub Actions only.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The IAM role that the job's identity may assume; its credentials are renewed for as long as the run lasts
    #[arg(
        long,
        env = "INPUT_ROLE-TO-ASSUME",
        hide_env_values = true,
        value_name = "ARN"
    )]
    pub role_to_assume: Option<String>,
    /// The length of a session of the role, which is renewed, in seconds
    #[arg(long, env = "INPUT_ROLE-DURATION", hide_env_values = true, value_name = "SECONDS",
          default_value_t = 3600, value_parser = clap::value_parser!(i32).range(900..=43200))]
    pub role_duration: i32,
    /// The artifact's name, in place of `collector-<revision>-<instance>`
    #[arg(long, env = "INPUT_ARTIFACT-NAME", hide_env_values = true, value_name = "NAME",
          value_parser = NonEmptyStringValueParser::new().try_map(|name| name.parse::<ArtifactName>()))]
    pub artifact_name: Option<ArtifactName>,
    /// The days that the artifact is kept; at most what the repository allows
    #[arg(long, env = "INPUT_RETENTION-DAYS", hide_env_values = true, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=400))]
    pub retention_days: Option<u32>,
    /// When to comment
    #[arg(
        long,
        env = "INPUT_COMMENT",
        hide_env_values = true,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub comment: Commenting,
    /// The token that comments
    #[arg(
        long,
        env = "INPUT_GITHUB-TOKEN",
        hide_env_values = true,
        hide_default_value = true,
        value_name = "TOKEN"
    )]
    pub github_token: Option<SecretString>,
    /// What tells the jobs of a matrix apart in the comment, as JSON; a reusable workflow needs its caller's
    #[arg(
        long,
        env = "INPUT_MATRIX",
        hide_env_values = true,
        value_name = "JSON"
    )]
    pub matrix: Option<String>,
}

impl RunArgs {
    /// Puts the arguments in the place of what the config says.
    pub fn override_config(&self, config: &mut Config) {
        if let (Some(region), ProviderSpec::Ec2(spec)) = (&self.region, &mut config.provider) {
            spec.region = Some(region.clone());
        }
        config.samples = self.samples.unwrap_or(config.samples);
        config.parallel = self.parallel.or(config.parallel);
        config.keep_on_failure = self.keep_on_failure.or(config.keep_on_failure);
        if config.provider == ProviderSpec::Local {
            // What is measured side by side on one machine disturbs each other.
            config.parallel = Some(NonZeroU32::MIN);
        }
    }
}

/// The cases in which a comment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Commenting {
    /// On the pull request, where there is one
    Auto,
    /// On the pull request, or else on the commit
    Always,
    /// Not at all
    Never,
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
