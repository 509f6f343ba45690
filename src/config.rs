//! The config file, parsed: types that cannot be wrong, or every problem at once.

mod bake;
mod duet;
mod duration;
mod export;
mod fail_on;
mod figures;
mod keys;
mod main_section;
mod node;
mod pattern;
mod precision;
mod problem;
mod reader;
mod repository;
mod s3;
mod schema;
mod section;
mod steps;
mod uncompared;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub use bake::{Bake, BakeError};
pub use duet::DuetError;
pub use duration::{Interval, human as human_duration, parse as parse_duration};
pub use export::Export;
pub use fail_on::{FailOn, Percent};
pub use figures::FigureFiles;
pub use keys::{
    DefaultValue, FAIL_ON_KEYS, FIGURE_KEYS, FILE_KEYS, Key, Kind, MAIN_KEYS, MAX_REPEAT,
    MAX_SAMPLES, STEP_KEYS, Scope,
};
pub use node::At;
pub use pattern::Pattern;
pub use precision::parse as parse_precision;
pub use problem::{ConfigErrors, Problem, plural};
pub use repository::Repository;
pub use s3::{DownloadError, S3Destination, S3DestinationError};
pub use schema::schema;
pub use upload::{Upload, UploadKind, Wildcards};

use ipnet::IpNet;

use crate::phase::Phase;
use crate::revision::{Revision, RevisionError};
use crate::step::{ScriptPath, Step};
use node::Node;
use reader::Problems;
use section::Section;
use steps::Steps;

/// A config file larger than this is refused, in bytes.
pub const MAX_FILE_SIZE: u64 = 1 << 20;

/// The time that a run takes besides its steps: for the launch, the boot, and bringing the results home.
const OVERHEAD_BESIDE_STEPS: Duration = Duration::from_mins(15);

/// The part of the instance's life that is kept for collecting, and its bounds.
const COLLECT_RESERVE: f64 = 0.1;
const MIN_COLLECT_RESERVE: Duration = Duration::from_secs(5);
const MAX_COLLECT_RESERVE: Duration = Duration::from_mins(10);

/// The instances of the first stage of a comparison, from which most runs without a difference go no further.
pub const FIRST_STAGE: u32 = 3;

/// A valid config file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in the file"
)]
pub struct Config {
    /// Globs of the files that are the results.
    pub performance_results: Vec<Pattern>,
    /// The directory for results, as written: `~` is not expanded.
    pub output: String,
    /// The kind of instance.
    pub provider: ProviderSpec,
    /// The instance ends itself after this.
    pub max_lifetime: Duration,
    /// The phases that are carried out once, on an image.
    pub bake: Option<Bake>,
    /// Further files that the scripts need.
    pub upload: Vec<Upload>,
    /// The number of instances to measure on.
    pub samples: NonZeroU32,
    /// The number of instances that are used at once; all of them unless it is given.
    pub parallel: Option<NonZeroU32>,
    /// The time for which an instance stays after a failure, for a person to look at it.
    pub keep_on_failure: Option<Duration>,
    /// Whether the first failure of a sample ends the others.
    pub fail_fast: bool,
    /// The revision to compare with.
    pub baseline: Option<Baseline>,
    /// The number of turns of each revision on each instance, where it is given.
    pub repeat: Option<NonZeroU32>,
    /// Whether both revisions of a comparison have their turns at the same time, each on a half of the CPUs.
    pub duet: bool,
    /// The width that the intervals of a comparison are to have.
    pub precision: Option<Percent>,
    /// The limits beyond which a comparison fails.
    pub fail_on: Option<FailOn>,
    /// Whether further instances than the first three are used only where a difference is suspected.
    pub confirm: bool,
    /// Where the revision is looked up.
    pub repository: Option<Repository>,
    /// The collected files that hold figures.
    pub figures: Vec<FigureFiles>,
    /// The formats that the figures are written in as well.
    pub exports: Vec<Export>,
    /// The interval of the system metrics.
    pub metrics: Interval,
    /// Whether the speed of the instance is measured before `setup` and after the last turn.
    pub calibrate: bool,
    /// Whether an instance is made quiet before anything is measured.
    pub quiet: bool,
    /// The bucket that also gets the archives.
    pub s3: Option<S3Destination>,
    /// Whether results come to this machine although they go to the bucket.
    pub download: bool,
    /// Whether the archive of a sample stays beside its results.
    pub archive: bool,
    /// The steps of each phase that has any.
    pub phases: BTreeMap<Phase, Vec<Step>>,
}

/// The revision to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// The origin of the event's commit; only a job has one.
    Auto,
    /// This one.
    Revision(Revision),
}

impl FromStr for Baseline {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        match text {
            "auto" => Ok(Self::Auto),
            text => text.parse().map(Self::Revision),
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Revision(revision) => revision.fmt(f),
        }
    }
}

/// The kind of instance.
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
    /// The port of sshd.
    pub ssh_port: u16,
    /// The address to connect to.
    pub address: AddressKind,
    /// The region; `None` leaves it to the environment.
    pub region: Option<String>,
    /// The subnet; `None` leaves it to EC2.
    pub subnet: Option<String>,
}

/// A choice among an instance's addresses, to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// The public one, the private one where there is none.
    Auto,
    /// The public one only.
    Public,
    /// The private one only.
    Private,
}

/// Something beside the config file that the config names.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The name.
    pub what: Nameable<'a>,
    /// A step of `before_aws_start` may still make it.
    pub may_be_made: bool,
}

/// The objects that a config names.
#[derive(Debug, Clone, Copy)]
pub enum Nameable<'a> {
    /// A script.
    Script(&'a ScriptPath),
    /// A line of `upload`, and all lines of it.
    Upload(&'a Upload, &'a [Upload]),
}

/// Inspects what a config names; every flaw comes with its remedy.
pub type Inspect<'a> = &'a dyn Fn(Named<'_>) -> Result<(), Vec<(String, String)>>;

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
    /// Parses a config file; `inspect` finds the flaws of what it names.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn parse(source: Source<'_>, inspect: Inspect<'_>) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::of(source.text);
        let config = node::read(source.text)
            .map_err(|problem| problems.found.push(problem))
            .ok()
            .and_then(|root| read(&root, source.local, inspect, &mut problems));
        match config {
            Some(config) if problems.found.is_empty() => Ok(config),
            _ => Err(ConfigErrors::new(
                PathBuf::from(source.path),
                source.text,
                problems.found,
            )),
        }
    }

    /// The longest that a run can last: the time-outs of its steps and some time for what collector does in between, where
    /// every step on the instance has one, else as long as the instance lives.
    pub fn max_duration(&self) -> Duration {
        let sum = |before: bool| -> Option<Duration> {
            let steps = self.steps();
            let steps = steps.filter(|(phase, _)| (*phase == Phase::BeforeAwsStart) == before);
            let timeouts = steps.map(|(phase, step)| {
                let further = match phase {
                    Phase::Run | Phase::BeforeCollect => {
                        2 * self.in_turn() * self.most_further_rounds()
                    }
                    _ => 0,
                };
                Some(step.timeout?.saturating_mul(self.times(phase) + further))
            });
            timeouts.sum()
        };
        let rented = sum(false).map_or(self.max_lifetime, |sum| {
            sum.saturating_add(OVERHEAD_BESIDE_STEPS)
                .min(self.max_lifetime)
        });
        // A script before the launch that has no time-out is taken for a check, which is quick.
        sum(true).unwrap_or_default() + rented
    }

    /// Whether the samples are measured in two stages.
    pub fn has_stages(&self) -> bool {
        let staged = self.confirm || self.precision.is_some();
        staged && self.is_compared() && self.samples.get() > FIRST_STAGE
    }

    /// Whether figures are compared with those of a baseline.
    pub fn is_compared(&self) -> bool {
        self.baseline.is_some() && !self.figures.is_empty()
    }

    /// The scripts that measure and have no time-out, each once.
    pub fn endless_measurements(&self) -> BTreeSet<&ScriptPath> {
        let steps = self.phases.get(&Phase::Run).into_iter().flatten();
        let endless = steps.filter(|step| step.timeout.is_none());
        endless.map(|step| &step.script).collect()
    }

    /// All steps with their phases, in the order of execution.
    pub fn steps(&self) -> impl Iterator<Item = (Phase, &Step)> {
        self.phases
            .iter()
            .flat_map(|(phase, steps)| steps.iter().map(|step| (*phase, step)))
    }
}

/// The time at the end of an instance's life in which no step runs any more, so that there is time to collect.
pub fn collect_reserve(max_lifetime: Duration) -> Duration {
    max_lifetime
        .mul_f64(COLLECT_RESERVE)
        .clamp(MIN_COLLECT_RESERVE, MAX_COLLECT_RESERVE)
}

fn read(
    root: &Node,
    local: bool,
    inspect: Inspect<'_>,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let mut file = Section::open(root, "the file", &FILE_KEYS, problems)?;
    let main = file.node("main");
    if main.is_none() {
        file.add_problem(
            root.at,
            "the section `main` is missing",
            "start with `main:` and its keys `performance_results`, `output` and `ec2_instance_size`",
        );
    }
    let lists = Phase::IN_CONFIG.map(|phase| (phase, file.node(phase.key())));
    let on_regression = file.node(Phase::OnRegression.key());
    let main = main.and_then(|main| main_section::read(main, local, problems));
    let found = problems.found.len();
    let may_be_made = lists.iter().any(|(phase, list)| {
        let steps = list.map(|node| &node.value);
        *phase == Phase::BeforeAwsStart
            && matches!(steps, Some(node::Value::List(steps)) if !steps.is_empty())
    });
    let mut steps = Steps {
        inspect,
        may_be_made,
        problems,
        timeouts: Vec::new(),
    };
    let mut phases = BTreeMap::new();
    for (phase, list) in lists {
        let list = list.map(|node| steps.read(node, phase)).unwrap_or_default();
        if !list.is_empty() {
            phases.insert(phase, list);
        }
    }
    let timeouts = steps.timeouts;
    if phases.is_empty() && problems.found.len() == found {
        problems.add(
            root.at,
            "there is no step: no phase has a script",
            "add for example `run:`, and `- measure.sh` below it",
        );
    }
    let main = main?;
    if let (Some(node), false) = (on_regression, main.has_figures)
        && phases.contains_key(&Phase::OnRegression)
    {
        problems.add(
            node.at,
            "`on_regression` without `figures`: nothing tells whether the candidate is slower",
            "name the files that hold the figures, for example `figures: bench.json` in `main`",
        );
    }
    inspect_uploads(&main.upload, may_be_made, inspect, problems);
    let config = main.config.map(|config| Config { phases, ..config });
    let times = |phase| config.as_ref().map_or(1, |config| config.times(phase));
    let timeouts = timeouts
        .into_iter()
        .map(|(phase, at, timeout)| (at, timeout * times(phase)))
        .collect::<Vec<_>>();
    if let Some(lifetime) = main.max_lifetime {
        check_timeouts(&timeouts, lifetime, problems);
    }
    config
}

/// Enters the flaws of what `upload` names.
fn inspect_uploads(
    uploads: &[Upload],
    may_be_made: bool,
    inspect: Inspect<'_>,
    problems: &mut Problems<'_>,
) {
    for upload in uploads {
        let named = Named {
            what: Nameable::Upload(upload, uploads),
            may_be_made,
        };
        for (message, remedy) in inspect(named).err().unwrap_or_default() {
            problems.add(upload.at, message, remedy);
        }
    }
}

/// Refuses time-outs that the instance does not live to see, one after the other.
fn check_timeouts(timeouts: &[(At, Duration)], lifetime: Duration, problems: &mut Problems<'_>) {
    let available = lifetime.saturating_sub(collect_reserve(lifetime));
    let mut sum = Duration::ZERO;
    let mut first_beyond = None;
    for (at, timeout) in timeouts {
        sum += *timeout;
        if sum > available {
            first_beyond.get_or_insert(*at);
        }
    }
    let Some(at) = first_beyond else {
        return;
    };
    let reserve = sum
        .mul_f64(COLLECT_RESERVE / (1.0 - COLLECT_RESERVE))
        .clamp(MIN_COLLECT_RESERVE, MAX_COLLECT_RESERVE);
    problems.add(
        at,
        format!(
            "the time-outs of the steps are {} in all, but of `max_lifetime` ({}) steps have {}, the rest is for collecting",
            human_duration(sum),
            human_duration(lifetime),
            human_duration(available),
        ),
        format!(
            "shorten them, or raise `main.max_lifetime` to {} or more",
            written(sum + reserve)
        ),
    );
}

/// A duration as a config has it, in whole minutes or, below one, seconds; never shorter.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().ceil();
    if seconds < 60.0 {
        format!("{seconds}s")
    } else {
        format!("{}m", (seconds / 60.0).ceil())
    }
}

#[cfg(test)]
mod tests;
