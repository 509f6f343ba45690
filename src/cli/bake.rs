//! The arguments of `collect bake`.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// An image that is made.
#[derive(Debug, Args)]
pub struct BakeArgs {
    /// A config file, or a directory that holds `config.yml`
    pub config: PathBuf,
    /// The commit, tag or branch that `setup` installs, with `bake: setup`
    pub revision: Option<String>,
    /// The AWS region, in place of the config's
    #[arg(long)]
    pub region: Option<String>,
    /// Say more; given twice, every call to AWS and the instance too
    #[arg(long, short, action = ArgAction::Count)]
    pub verbose: u8,
}
