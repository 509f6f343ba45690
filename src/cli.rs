//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures a revision of your software on a rented EC2 instance, brings the results home and gives the instance back.
#[derive(Debug, Parser)]
#[command(
    name = "collect",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit status: 0 passed, 1 a step failed, 2 usage or config, 3 AWS, SSH or this machine failed, \
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
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// All that collector launched, also those of runs that are going on
    #[arg(long)]
    pub all: bool,
}

/// A run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A config file, or a directory that holds `config.yml`
    #[arg(required = true)]
    pub config: Option<PathBuf>,
    /// What to measure: a commit, a tag or a branch; the scripts see it as VERSION
    #[arg(env = "GITHUB_SHA", required = true, hide_env_values = true)]
    pub revision: Option<String>,
    /// Saved with the results, as one line
    #[arg(long)]
    pub description: Option<String>,
    /// Rehearse on this machine: no AWS account, no sudo
    #[arg(long)]
    pub local: bool,
    /// The AWS region, in place of the config's
    #[arg(long, conflicts_with = "local")]
    pub region: Option<String>,
    /// Where results go, in place of the config's
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Say nothing but warnings, errors and the table
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(long, short)]
    pub verbose: bool,
}
