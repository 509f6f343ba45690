//! The config file, parsed: types that cannot be wrong, or every problem at once.

mod duration;
mod keys;
mod main_section;
mod node;
mod pattern;
mod problem;
mod reader;
mod steps;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use duration::human as human_duration;
pub use keys::{KEYS, Key, PLANNED};
pub use node::At;
pub use pattern::Pattern;
pub use problem::{ConfigErrors, Problem};

use ipnet::IpNet;

use crate::phase::Phase;
use crate::step::{ScriptPath, Step};
use node::Node;
use reader::{Entries, Problems};

/// A config file larger than this is refused, in bytes.
pub const MAX_FILE_SIZE: u64 = 1 << 20;

/// The instance ends itself after this unless the config says otherwise.
const MAX_LIFETIME: Duration = Duration::from_hours(6);

/// What a run takes besides its steps: the launch, the boot, and bringing the results home.
const BETWEEN_STEPS: Duration = Duration::from_mins(15);

/// A sound config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which files are the results.
    pub performance_results: Vec<Pattern>,
    /// Where results go, as written: `~` is not expanded.
    pub output: String,
    /// What is rented.
    pub provider: ProviderSpec,
    /// The instance ends itself after this.
    pub max_lifetime: Duration,
    /// The number of instances to measure on.
    pub samples: NonZeroU32,
    /// The number of instances that are used at once; all of them unless it is given.
    pub parallel: Option<NonZeroU32>,
    /// Whether the first failure of a sample ends the others.
    pub fail_fast: bool,
    /// The steps of each phase that has any.
    pub phases: BTreeMap<Phase, Vec<Step>>,
}

/// What is rented, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSpec {
    /// An EC2 instance.
    Ec2(Ec2Spec),
    /// This machine.
    Local,
}

/// An EC2 instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2Spec {
    /// The instance type.
    pub instance_type: String,
    /// `ami-…` or `resolve:ssm:…`; EC2 resolves the latter.
    pub image: String,
    /// The login user.
    pub user: String,
    /// Id or name of a security group, used as it is; without one a temporary one is made.
    pub security_group: Option<String>,
    /// The networks that a temporary security group lets in; this machine's public address where there are none.
    pub ssh_from: Vec<IpNet>,
    /// A key pair whose owner can log in too.
    pub keypair: Option<String>,
    /// Where sshd listens.
    pub ssh_port: u16,
    /// Which address is used.
    pub address: AddressKind,
    /// The region; `None` leaves it to the environment.
    pub region: Option<String>,
    /// The subnet; `None` leaves it to EC2.
    pub subnet: Option<String>,
}

/// Which of an instance's addresses collector connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// The public one, the private one where there is none.
    Auto,
    /// The public one only.
    Public,
    /// The private one only.
    Private,
}

/// Looks at a script and says what is wrong with it and what to do about it.
pub type Inspect<'a> = &'a dyn Fn(&ScriptPath) -> Result<(), (String, String)>;

/// A config file as text, and what is needed to judge it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name for messages.
    pub path: &'a Path,
    /// The content.
    pub text: &'a str,
    /// Rehearse on this machine, whatever the file says: what only EC2 needs may be missing.
    pub local: bool,
}

impl Config {
    /// Parses a config file. `inspect` looks at a script and says what is wrong with it and what to do about it.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn parse(source: Source<'_>, inspect: Inspect<'_>) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let config = node::read(source.text)
            .map_err(|problem| problems.0.push(problem))
            .ok()
            .and_then(|root| read(&root, source.local, inspect, &mut problems));
        match config {
            Some(config) if problems.0.is_empty() => Ok(config),
            _ => Err(ConfigErrors::new(
                PathBuf::from(source.path),
                source.text,
                problems.0,
            )),
        }
    }

    /// How long a run can last: the time-outs of its steps and some time for what collector does in between, where every
    /// step on the instance has one, else as long as the instance lives.
    pub fn max_duration(&self) -> Duration {
        let sum = |before: bool| -> Option<Duration> {
            let steps = self.steps();
            let steps = steps.filter(|(phase, _)| (*phase == Phase::BeforeAwsStart) == before);
            steps.map(|(_, step)| step.timeout).sum()
        };
        let rented = sum(false).map_or(self.max_lifetime, |sum| {
            (sum + BETWEEN_STEPS).min(self.max_lifetime)
        });
        // A script before the launch that has no time-out is taken for a check, which is quick.
        sum(true).unwrap_or_default() + rented
    }

    /// All steps with their phases, in the order of execution.
    pub fn steps(&self) -> impl Iterator<Item = (Phase, &Step)> {
        self.phases
            .iter()
            .flat_map(|(phase, steps)| steps.iter().map(|step| (*phase, step)))
    }
}

fn read(root: &Node, local: bool, inspect: Inspect<'_>, problems: &mut Problems) -> Option<Config> {
    let mut top = Entries::of(root, "the file", problems)?;
    let main = if let Some(main) = top.take("main") {
        main_section::read(main, local, problems)
    } else {
        problems.add(
                root.at,
                "the section `main` is missing",
                "start with `main:` and its keys `performance_results`, `output` and `ec2_instance_size`",
            );
        None
    };
    let lifetime = main.as_ref().map_or(MAX_LIFETIME, |main| main.max_lifetime);
    let mut phases = BTreeMap::new();
    for phase in Phase::ALL {
        if let Some(node) = top.take(phase.key()) {
            let steps = steps::read(node, phase, lifetime, inspect, problems);
            if !steps.is_empty() {
                phases.insert(phase, steps);
            }
        }
    }
    let known: Vec<&str> = ["main"]
        .into_iter()
        .chain(Phase::ALL.map(Phase::key))
        .collect();
    top.finish(&known, "the file", problems);
    main.map(|main| Config { phases, ..main })
}

#[cfg(test)]
mod tests;
