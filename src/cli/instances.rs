//! The arguments that say which instances a command is about.

use clap::Args;

use crate::instance::{ImageId, LeaseToken, RunId};

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
    /// No instance: delete this image of `collect bake`, and its snapshots
    #[arg(long, value_name = "AMI", value_parser = image)]
    pub image: Option<ImageId>,
    /// No instance: delete all images of `collect bake`, and their snapshots
    #[arg(long)]
    pub images: bool,
    /// No instance: drop a lease on record whose region or account is out of reach for good
    #[arg(long, value_name = "LEASE", value_parser = lease)]
    pub forget: Option<LeaseToken>,
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

/// An image as `collect list` shows it.
fn image(text: &str) -> Result<ImageId, &'static str> {
    match text.strip_prefix("ami-") {
        Some(_) => Ok(ImageId::new(text)),
        None => Err("the id of an image begins with `ami-`; `collect list` shows it"),
    }
}

/// A lease is the name of a file, too: it must lead nowhere else.
fn lease(text: &str) -> Result<LeaseToken, &'static str> {
    run_id(text).map(|id| LeaseToken::new(id.as_str()))
}
