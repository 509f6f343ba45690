//! The arguments of a run, most of which are inputs of the action.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};
use secrecy::SecretString;

use super::open_shell::ShellArgs;
use crate::config::{
    Baseline, Config, MAX_REPEAT, MAX_SAMPLES, Percent, ProviderSpec, parse_duration,
    parse_precision,
};
use crate::github::artifact::ArtifactName;
use crate::shard::{MAX_SAMPLES_OF_SHARD, RunName, Shard};

/// The heading of what counts in a job only.
pub(super) const IN_A_JOB: &str = "In GitHub Actions";

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
          value_parser = count_up_to(MAX_SAMPLES))]
    pub samples: Option<NonZeroU32>,
    /// The number of instances that there are at once, in place of the config's
    #[arg(long, value_name = "N", value_parser = count_up_to(MAX_SAMPLES_OF_SHARD))]
    pub parallel: Option<NonZeroU32>,
    /// A revision to compare with, on the same instances; in GitHub Actions `auto` is what the event's commit came from
    #[arg(
        long,
        env = "INPUT_BASELINE",
        hide_env_values = true,
        value_name = "REVISION"
    )]
    pub baseline: Option<Baseline>,
    /// The number of turns that each revision has on each instance, in place of the config's
    #[arg(long, env = "INPUT_REPEAT", hide_env_values = true, value_name = "N",
          value_parser = count_up_to(MAX_REPEAT))]
    pub repeat: Option<NonZeroU32>,
    /// Measure on until the interval of every figure is within this share of its ratio (`1%`), in place of the config's
    #[arg(
        long,
        env = "INPUT_PRECISION",
        hide_env_values = true,
        value_name = "PERCENT",
        value_parser = parse_precision
    )]
    pub precision: Option<Percent>,
    /// Measure only the samples of this shard, as `2/16`; `auto` is what AWS Batch tells the children of an array job
    #[arg(long, env = "INPUT_SHARD", hide_env_values = true, value_name = "I/N")]
    pub shard: Option<ShardChoice>,
    /// What all shards of a run have in common and no other run has; jobs of GitHub Actions and AWS Batch have it already
    #[arg(long, value_name = "NAME", requires = "shard")]
    pub run: Option<RunName>,
    /// Send the results straight from the instance to the bucket that `S3` names, and download only the records and logs
    #[arg(long)]
    pub no_download: bool,
    /// Draw the order of the turns from this number, as an earlier run did
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Leave the instance of a failed run alive for this time (`90s`, `30m`, `1h`); then it ends itself
    #[arg(long, value_name = "TIME", value_parser = keep_time)]
    pub keep_on_failure: Option<Duration>,
    /// A look at the instance before it is terminated.
    #[command(flatten)]
    pub shell: ShellArgs,
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
#[derive(Debug, Default, Args)]
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
        config.baseline = self.baseline.clone().or_else(|| config.baseline.take());
        config.repeat = self.repeat.or(config.repeat);
        config.precision = self.precision.or(config.precision);
        config.download &= !self.no_download;
        config.keep_on_failure = self.keep_on_failure.or(config.keep_on_failure);
        if config.provider == ProviderSpec::Local {
            // What is measured side by side on one machine disturbs each other.
            config.parallel = Some(NonZeroU32::MIN);
        }
    }
}

/// Which shard of a run a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardChoice {
    /// The one that the engine tells which started it.
    Auto,
    /// This one.
    These(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            text => text.parse().map(Self::These),
        }
    }
}

/// The cases in which a comment is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Commenting {
    /// On the pull request, where there is one
    #[default]
    Auto,
    /// On the pull request, or else on the commit
    Always,
    /// Not at all
    Never,
}

/// A number from 1 to the most that there may be.
fn count_up_to(most: u32) -> impl TypedValueParser<Value = NonZeroU32> {
    clap::value_parser!(u32)
        .range(1..=i64::from(most))
        .try_map(NonZeroU32::try_from)
}

/// The time for which an instance stays; as short as the config allows it.
fn keep_time(text: &str) -> Result<Duration, String> {
    let refused = match parse_duration(text) {
        Ok(time) if time >= Duration::from_secs(10) => return Ok(time),
        Ok(_) => "is shorter than 10 s",
        Err(why) => why,
    };
    Err(format!(
        "{refused}; write `90s`, `15m`, `1h30m` or `1d`; a bare number is minutes"
    ))
}
