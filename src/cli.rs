//! The command line, which is also the definition of the action's inputs.
//!
//! The runner passes an input as the variable `INPUT_…`, hyphens and all. An input is an argument here with that
//! variable; a test holds the arguments against `action.yml` and the README.

use std::env;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::config::{Config, ProviderSpec};
use crate::github::artifact::ArtifactName;
use crate::instance::RunId;

/// The revision of the event, where no other one is given.
const EVENT_REVISION: &str = "GITHUB_SHA";

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
pub struct Cli {
    /// What to do, when it is not a run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The run.
    #[command(flatten)]
    pub run: RunArgs,
}

impl Cli {
    /// Reads the command line and the inputs.
    ///
    /// # Errors
    /// What is wrong with them; or not an error, but what `--help` and `--version` ask for.
    pub fn read() -> Result<Self, clap::Error> {
        let mut matches = Self::definition().try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches)
    }

    /// The definition of the command line, with the inputs as they are meant: the runner sets all of them, and YAML's
    /// block scalars end in a line break.
    fn definition() -> clap::Command {
        Self::command()
            .mut_arg("revision", |arg| arg.required(event_revision().is_none()))
            .mut_args(|arg| {
                let takes_value = arg.get_action().takes_values();
                let value = arg.get_env().and_then(|name| env::var(name).ok());
                match value {
                    Some(value) if value.trim().is_empty() => arg.env(None::<&str>),
                    Some(value) if value.trim() != value => arg
                        .env(None::<&str>)
                        .required(false)
                        .hide_default_value(takes_value)
                        .default_value(value.trim().to_owned()),
                    _ => arg,
                }
            })
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
        let mut command = Self::command();
        command.build();
        for arg in command.get_arguments() {
            let name = arg.get_long().map_or(arg.get_id().as_str(), |long| long);
            message = message.replace(&format!("'{arg}'"), &format!("the input `{name}`"));
        }
        message
    }
}

/// The commit of the event that started the workflow.
fn event_revision() -> Option<String> {
    let revision = env::var(EVENT_REVISION).ok();
    revision.filter(|revision| !revision.trim().is_empty())
}

/// What to do, when it is not a run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a config file and its scripts; nothing is launched, no network is used
    Check {
        /// A config file, or a directory that holds `config.yml`
        config: PathBuf,
        /// Check it for a rehearsal on this machine
        #[arg(long)]
        local: bool,
    },
    /// List the instances that are alive
    List(AccountArgs),
    /// End instances that were left over
    Reap {
        /// Where to look
        #[command(flatten)]
        account: AccountArgs,
        /// Which ones
        #[command(flatten)]
        which: ReapArgs,
    },
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

/// Where instances are looked for.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// Look in this AWS region too, besides those with leases on this machine
    #[arg(long)]
    pub region: Option<String>,
    /// Look on this machine only
    #[arg(long, conflicts_with = "region")]
    pub local: bool,
}

/// Which instances are ended.
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
}

/// A run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A config file, or a directory that holds `config.yml`
    #[arg(env = "INPUT_CONFIG", required = true, hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// What to measure: a commit, a tag or a branch; the scripts see it as VERSION; in GitHub Actions `GITHUB_SHA` is
    /// the default
    #[arg(env = "INPUT_REVISION", required = true, hide_env_values = true)]
    pub revision: Option<String>,
    /// Saved with the results, as one line
    #[arg(long, env = "INPUT_DESCRIPTION", hide_env_values = true)]
    pub description: Option<String>,
    /// Rehearse on this machine: no AWS account, no sudo
    #[arg(long, env = "INPUT_LOCAL", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub local: bool,
    /// The AWS region, in place of the config's
    #[arg(long, env = "INPUT_REGION", hide_env_values = true)]
    pub region: Option<String>,
    /// Where results go, in place of the config's
    #[arg(long, env = "INPUT_OUTPUT", hide_env_values = true)]
    pub output: Option<String>,
    /// The number of instances to measure on, in place of the config's
    #[arg(long, env = "INPUT_SAMPLES", hide_env_values = true, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=256))]
    pub samples: Option<u32>,
    /// Write every event to this file as it happens, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Say nothing but warnings, errors and the table
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(long, short)]
    pub verbose: bool,
    /// What counts in a job of GitHub Actions only.
    #[command(flatten, next_help_heading = "In GitHub Actions")]
    pub job: JobArgs,
}

/// What counts in a job of GitHub Actions only.
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
    /// For how long the role is assumed at a time, in seconds
    #[arg(long, env = "INPUT_ROLE-DURATION", hide_env_values = true, value_name = "SECONDS",
          default_value_t = 3600, value_parser = clap::value_parser!(i32).range(900..=43200))]
    pub role_duration: i32,
    /// The artifact's name, in place of `collector-<revision>-<instance>`
    #[arg(long, env = "INPUT_ARTIFACT-NAME", hide_env_values = true, value_name = "NAME",
          value_parser = NonEmptyStringValueParser::new().try_map(|name| name.parse::<ArtifactName>()))]
    pub artifact_name: Option<ArtifactName>,
    /// How long the artifact is kept, in days; at most what the repository allows
    #[arg(long, env = "INPUT_RETENTION-DAYS", hide_env_values = true, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=400))]
    pub retention_days: Option<u32>,
    /// Whether to comment
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
        if let Some(samples) = self.samples.and_then(NonZeroU32::new) {
            config.samples = samples;
        }
        if config.provider == ProviderSpec::Local {
            // What is measured side by side on one machine disturbs each other.
            config.parallel = Some(NonZeroU32::MIN);
        }
    }

    /// The revision that was given, else that of the event; empty where there is none.
    pub fn revision(&self) -> String {
        let given = self.revision.clone();
        given.or_else(event_revision).unwrap_or_default()
    }
}

/// When a comment is written.
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

    #[test]
    fn the_token_is_not_shown() {
        let arguments = ["collect", "c.yml", "v1", "--github-token", "ghs_hush"];
        let shown = format!("{:?}", Cli::try_parse_from(arguments).unwrap());
        assert!(
            shown.contains("c.yml") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
