//! The config file, parsed: types that cannot be wrong, or every problem at once.

mod duration;
mod node;
mod pattern;
mod problem;
mod reader;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use duration::human as human_duration;
pub use node::At;
pub use pattern::Pattern;
pub use problem::{ConfigErrors, Problem};

use crate::phase::Phase;
use crate::step::{ScriptPath, Step};
use node::Node;
use reader::{Entries, Problems};

/// A config file larger than this is refused, in bytes.
pub const MAX_FILE_SIZE: u64 = 1 << 20;

/// The instance ends itself after this unless the config says otherwise.
const MAX_LIFETIME: Duration = Duration::from_hours(6);

/// A shorter life would end the instance before it has booted.
const MIN_LIFETIME: Duration = Duration::from_secs(10);

/// What a run takes besides its steps: the launch, the boot, and bringing the results home.
const BETWEEN_STEPS: Duration = Duration::from_mins(15);

/// The login user unless the config names one; cloud-init makes it where the image has none.
const USER: &str = "collector";

/// The keys of `main`.
pub const MAIN_KEYS: [&str; 13] = [
    "performance_results",
    "output",
    "ec2_instance_size",
    "ami",
    "user",
    "security_group",
    "keypair",
    "ssh_port",
    "address",
    "provider",
    "region",
    "subnet",
    "max_lifetime",
];

/// Keys that a later version will take; until then they are refused by name.
const PLANNED_KEYS: [&str; 20] = [
    "availability_zone",
    "iam_instance_profile",
    "root_volume",
    "tags",
    "launch_template",
    "spot",
    "cpu_options",
    "tenancy",
    "placement_group",
    "S3",
    "samples",
    "metrics",
    "upload",
    "subnets",
    "jump",
    "access",
    "max_cost",
    "baseline",
    "figures",
    "host_key",
];

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
    /// Id or name of a security group, used as it is.
    pub security_group: String,
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
    pub fn longest(&self) -> Duration {
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
        read_main(main, local, problems)
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

fn read_main(node: &Node, local: bool, problems: &mut Problems) -> Option<Config> {
    let mut main = Entries::of(node, "`main`", problems)?;
    let mut text = |key: &str, example: &str, problems: &mut Problems| {
        main.take(key)
            .map(|node| (node.at, problems.text(node, key, example)))
    };
    let output = text("output", "~/performance_info/", problems);
    let instance_type = text("ec2_instance_size", "c7i.large", problems);
    let image = text("ami", "ami-0abc…", problems);
    let user = text("user", "ubuntu", problems);
    let security_group = text("security_group", "collector", problems);
    let keypair = text("keypair", "collector", problems);
    let address = text("address", "auto", problems);
    let provider = text("provider", "ec2", problems);
    let region = text("region", "eu-central-1", problems);
    let subnet = text("subnet", "subnet-0abc…", problems);

    let mut missing = |key: &str, example: &str| {
        problems.add(
            node.at,
            format!("`main.{key}` is missing"),
            format!("add for example `{key}: {example}`"),
        );
    };
    let is_local = local || matches!(&provider, Some((_, Some(name))) if name == "local");
    if output.is_none() {
        missing("output", "~/performance_info/");
    }
    if !is_local && instance_type.is_none() {
        missing("ec2_instance_size", "c7i.large");
    }
    if !is_local && image.is_none() {
        missing(
            "ami",
            "resolve:ssm:/aws/service/debian/release/13/latest/amd64",
        );
    }
    if !is_local && security_group.is_none() {
        missing("security_group", "sg-0abc…");
    }
    let results = main.take("performance_results");
    if results.is_none() {
        missing("performance_results", "/tmp/*.csv");
    }

    let performance_results = results.map(|node| read_patterns(node, problems));
    let ssh_port = main
        .take("ssh_port")
        .map_or(Some(22), |node| problems.port(node, "ssh_port"));
    let max_lifetime = main
        .take("max_lifetime")
        .map_or(Some(MAX_LIFETIME), |node| {
            let lifetime = problems.duration(node, "max_lifetime")?;
            if lifetime < MIN_LIFETIME {
                problems.add(
                    node.at,
                    "`max_lifetime` is shorter than 10 s",
                    "an instance needs time to boot: give it minutes or hours",
                );
            }
            Some(lifetime)
        });
    if let Some((at, Some(name))) = &provider
        && !["ec2", "local"].contains(&name.as_str())
    {
        problems.add(
            *at,
            format!("unknown provider `{name}`"),
            "`ec2` or `local`",
        );
    }
    if let Some((at, Some(image))) = &image {
        check_image(*at, image, problems);
    }
    let address = match &address {
        None => AddressKind::Auto,
        Some((at, word)) => match word.as_deref() {
            Some("auto") | None => AddressKind::Auto,
            Some("public") => AddressKind::Public,
            Some("private") => AddressKind::Private,
            Some(other) => {
                problems.add(
                    *at,
                    format!("unknown address `{other}`"),
                    "`auto`, `public` or `private`",
                );
                AddressKind::Auto
            }
        },
    };
    if let Some((at, Some(user))) = &user
        && !is_user_name(user)
    {
        problems.add(
            *at,
            format!("{user:?} is not a user name"),
            "give the login user of the image, for example `ubuntu`",
        );
    }
    for key in PLANNED_KEYS {
        if let Some(node) = main.take(key) {
            problems.add(
                node.at,
                format!("`main.{key}` is not supported by this version of collector"),
                "remove the key; it is refused rather than ignored so that no run differs from what the file says",
            );
        }
    }
    main.finish(&MAIN_KEYS, "`main`", problems);

    let given = |value: Option<(At, Option<String>)>| value.and_then(|(_, value)| value);
    Some(Config {
        performance_results: performance_results?,
        output: given(output)?,
        provider: if is_local {
            ProviderSpec::Local
        } else {
            ProviderSpec::Ec2(Ec2Spec {
                instance_type: given(instance_type)?,
                image: given(image)?,
                user: given(user).unwrap_or_else(|| USER.into()),
                security_group: given(security_group)?,
                keypair: given(keypair),
                ssh_port: ssh_port?,
                address,
                region: given(region),
                subnet: given(subnet),
            })
        },
        max_lifetime: max_lifetime?,
        phases: BTreeMap::new(),
    })
}

fn read_patterns(node: &Node, problems: &mut Problems) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (at, text) in problems.texts(node, "performance_results", "/tmp/*.csv") {
        match Pattern::parse(&text) {
            Ok(expanded) => patterns.extend(expanded),
            Err(why) => problems.add(
                at,
                format!("the pattern {why}"),
                "give a glob such as `/tmp/*.csv`",
            ),
        }
    }
    patterns
}

fn check_image(at: At, image: &str, problems: &mut Problems) {
    let id = image
        .strip_prefix("ami-")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit()));
    let parameter = image
        .strip_prefix("resolve:ssm:")
        .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    if !id && !parameter {
        problems.add(
            at,
            format!("{image:?} is not an image"),
            "give `ami-` and hexadecimal digits, or `resolve:ssm:` and the name of a parameter",
        );
    }
}

/// What `useradd` takes.
fn is_user_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests;
