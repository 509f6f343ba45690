//! The plan of a run: what is measured, with what it is compared, and where everything lies.

use std::path::PathBuf;

use super::ShellOccasion;
use crate::arm::Arm;
use crate::config::{Bake, Config};
use crate::instance::RunId;
use crate::repository::Found;
use crate::revision::Revision;
use crate::shard::Share;

/// The plan of a run. Everything in it has been checked.
#[derive(Debug)]
pub struct Plan {
    /// The config.
    pub config: Config,
    /// The text of the config file.
    pub config_file: Vec<u8>,
    /// Its name.
    pub config_name: String,
    /// The directory of the config file, absolute: local steps run there.
    pub directory: PathBuf,
    /// The directory that holds the results of all revisions.
    pub output: PathBuf,
    /// The revision that is measured.
    pub revision: Revision,
    /// The result of its look-up.
    pub found: Found,
    /// The revision that it is compared with.
    pub baseline: Option<Baseline>,
    /// The seed of the order of turns.
    pub seed: u64,
    /// The user's words about it.
    pub description: Option<String>,
    /// The run, or the shard of it that this process is.
    pub run: RunId,
    /// The samples that this process measures.
    pub share: Share,
    /// Whether an image is made and nothing is measured.
    pub bakes: bool,
    /// Whether a GitHub job carries it out: the action has inputs for few of the options.
    pub in_workflow: bool,
    /// When a person gets a shell on the instance before it is terminated.
    pub shell: Option<ShellOccasion>,
}

/// The revision to compare with.
#[derive(Debug)]
pub struct Baseline {
    /// The revision.
    pub revision: Revision,
    /// The result of its look-up.
    pub found: Found,
}

impl Plan {
    /// The revision of an arm.
    pub fn revision_of(&self, arm: Arm) -> &Revision {
        match (arm, &self.baseline) {
            (Arm::Baseline, Some(baseline)) => &baseline.revision,
            _ => &self.revision,
        }
    }

    /// The revision of an arm as scripts see it: an image of no revision has none.
    pub fn version(&self, arm: Arm) -> &str {
        if self.bakes && self.config.bake == Some(Bake::Auto) {
            ""
        } else {
            self.revision_of(arm).as_str()
        }
    }

    /// The result of the look-up of that revision.
    pub fn found_of(&self, arm: Arm) -> &Found {
        match (arm, &self.baseline) {
            (Arm::Baseline, Some(baseline)) => &baseline.found,
            _ => &self.found,
        }
    }
}
