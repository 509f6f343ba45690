//! The keys of the config file, a table a section: reading, hints and the reference page come from it.

mod nested;

use std::fmt;

use crate::phase::Phase;
use crate::shard::MAX_SAMPLES_OF_SHARD;
pub use nested::{FAIL_ON_KEYS, FIGURE_KEYS, STEP_KEYS};

/// The most samples of a run: as many as an array job of AWS Batch has children.
pub const MAX_SAMPLES: u32 = 10_000;

/// The most turns that a revision has on an instance.
pub const MAX_REPEAT: u32 = 1000;

/// A key of the config file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// The providers that it is for.
    pub scope: Scope,
    /// The value that stands in where the key is not given.
    pub default: DefaultValue,
    /// A value as an example, in YAML.
    pub example: &'static str,
    /// Its meaning, in Markdown.
    pub meaning: &'static str,
}

/// The values that a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// What git takes as the name of a revision, or `auto`.
    Revision,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `ami-…` or `resolve:ssm:…`.
    Image,
    /// A login name as `useradd` takes it.
    UserName,
    /// `true` or `false`.
    Boolean,
    /// A whole number from 1 to this.
    Count(u32),
    /// A TCP port.
    Port,
    /// `90s`, `15m`, `1h30m`, a bare number of minutes; at least so many seconds.
    Duration(u64),
    /// A glob or a list of globs.
    Globs,
    /// A network in CIDR notation, or a list of networks.
    Networks,
    /// Globs of collected files, each of which may have options.
    Figures,
    /// A path into JSON.
    JsonPath,
    /// A list of arguments.
    Arguments,
    /// A map of environment variables.
    Variables,
    /// A share, with its `%`.
    Percent,
    /// What fails a comparison, a map with keys of its own.
    Limits,
    /// A map with keys of its own.
    Section,
    /// A list of scripts.
    Steps,
    /// No value yet: the key belongs to a later version and is refused by name.
    Planned,
}

/// The providers that a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// EC2 and a rehearsal.
    EveryProvider,
    /// EC2; a rehearsal may leave it out, and checks it nevertheless.
    Ec2,
}

/// The value that stands in where a key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// None: the key has to be given.
    Required,
    /// This value, in YAML.
    Value(&'static str),
    /// No value; in words, the behaviour without one.
    Behaviour(&'static str),
}

impl Key {
    /// The default as the reference shows it.
    pub fn default_text(&self) -> String {
        match (self.default, self.scope) {
            (DefaultValue::Required, Scope::EveryProvider) => "required".into(),
            (DefaultValue::Required, Scope::Ec2) => "required on EC2".into(),
            (DefaultValue::Value(value), _) => format!("`{value}`"),
            (DefaultValue::Behaviour(words), _) => words.into(),
        }
    }

    /// Whether the key exists in this version.
    pub fn is_supported(&self) -> bool {
        self.kind != Kind::Planned
    }

    const fn ec2(self) -> Self {
        Self {
            scope: Scope::Ec2,
            ..self
        }
    }
}

/// A noun for messages and the reference, with its article.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Choice(words) => {
                for (index, word) in words.iter().enumerate() {
                    f.write_str(match index {
                        0 => "",
                        _ if index + 1 == words.len() => " or ",
                        _ => ", ",
                    })?;
                    write!(f, "`{word}`")?;
                }
                Ok(())
            }
            Self::Image => f.write_str("an image"),
            Self::UserName => f.write_str("a user name"),
            Self::Boolean => f.write_str("`true` or `false`"),
            Self::Count(most) => write!(f, "a whole number from 1 to {most}"),
            Self::Port => f.write_str("a port from 1 to 65535"),
            Self::Duration(_) => f.write_str("a duration"),
            Self::Revision => f.write_str("a revision, or `auto`"),
            Self::Globs => f.write_str("a glob or a list of globs"),
            Self::Networks => f.write_str("a network or a list of networks"),
            Self::Figures => f.write_str("a list of globs, which may have options"),
            Self::JsonPath => f.write_str("a JSONPath"),
            Self::Arguments => f.write_str("a list"),
            Self::Percent => f.write_str("a percentage"),
            Self::Variables | Self::Limits | Self::Section => f.write_str("a map"),
            Self::Steps => f.write_str("a list of scripts"),
            Self::Planned => f.write_str("nothing yet"),
        }
    }
}

use DefaultValue::{Behaviour, Required, Value};

const fn key(
    name: &'static str,
    kind: Kind,
    default: DefaultValue,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        kind,
        scope: Scope::EveryProvider,
        default,
        example,
        meaning,
    }
}

const fn phase(phase: Phase, meaning: &'static str) -> Key {
    key(
        phase.key(),
        Kind::Steps,
        Behaviour("no steps"),
        "[script.sh]",
        meaning,
    )
}

const fn planned(name: &'static str, meaning: &'static str) -> Key {
    key(name, Kind::Planned, Behaviour("none"), "", meaning)
}

/// The keys of the file itself.
pub const FILE_KEYS: [Key; 8] = [
    key(
        "main",
        Kind::Section,
        Required,
        "{output: ./results, …}",
        "what is rented, and what comes home",
    ),
    phase(
        Phase::BeforeAwsStart,
        "on this machine: checks; if one fails, nothing is launched",
    ),
    phase(
        Phase::AfterAwsStart,
        "on the instance: prepares the machine",
    ),
    phase(
        Phase::Setup,
        "on the instance: installs the software at `VERSION`",
    ),
    phase(Phase::Run, "on the instance: measures"),
    phase(
        Phase::BeforeCollect,
        "on the instance: prepares the results",
    ),
    phase(
        Phase::AfterCollect,
        "on the instance: once the results are home",
    ),
    phase(Phase::BeforeAwsTerminate, "on the instance: a last look"),
];

/// The keys of `main`, in the order of the reference.
pub const MAIN_KEYS: [Key; 42] = [
    key(
        "performance_results",
        Kind::Globs,
        Required,
        "/tmp/*.csv",
        "a glob or a list of globs on the instance: `*`, `?`, `[…]`, `**`, `{a,b}`; relative ones start in the login user's home; a directory stands for all files in it; one that matches nothing is a warning",
    ),
    key(
        "output",
        Kind::Text,
        Required,
        "~/performance_info/",
        "where results go on this machine; `~` is your home; relative to where you call `collect`; created when it is missing",
    ),
    key(
        "ec2_instance_size",
        Kind::Text,
        Required,
        "c7i.large",
        "the instance type",
    )
    .ec2(),
    key(
        "ami",
        Kind::Image,
        Required,
        "resolve:ssm:/aws/service/debian/release/13/latest/amd64",
        "`ami-…`, or `resolve:ssm:` and the name of a parameter, which EC2 resolves",
    )
    .ec2(),
    key(
        "user",
        Kind::UserName,
        Value("collector"),
        "ubuntu",
        "the login user; cloud-init creates it where the image has none",
    )
    .ec2(),
    key(
        "security_group",
        Kind::Text,
        Behaviour("a temporary one"),
        "sg-0abc…",
        "id (`sg-…`) or name, used as it is; a name is looked up in the VPC of the `subnet`, else in the default VPC. Without it, or with a name that does not exist (a warning), a temporary group lets in this machine's public address on `ssh_port` only, and is deleted after the run",
    )
    .ec2(),
    key(
        "ssh_from",
        Kind::Networks,
        Behaviour("this machine's public address"),
        "203.0.113.7/32",
        "the networks that a temporary group lets in, such as `203.0.113.7/32`: one or a list",
    )
    .ec2(),
    key(
        "keypair",
        Kind::Text,
        Behaviour("none"),
        "collector",
        "an EC2 key pair whose owner can log in too; collector does not need it; if it does not exist, that is a warning",
    )
    .ec2(),
    key(
        "ssh_port",
        Kind::Port,
        Value("22"),
        "2222",
        "where the image's sshd listens; collector does not reconfigure sshd",
    )
    .ec2(),
    key(
        "address",
        Kind::Choice(&["auto", "public", "private"]),
        Value("auto"),
        "private",
        "the address to connect to: `public`, `private`, or `auto`: public where there is one, else private",
    )
    .ec2(),
    key(
        "provider",
        Kind::Choice(&["ec2", "local"]),
        Value("ec2"),
        "local",
        "`ec2`, or `local` for this machine; `--local` does the same",
    ),
    key(
        "region",
        Kind::Text,
        Behaviour("from the environment"),
        "eu-central-1",
        "the AWS region",
    )
    .ec2(),
    key(
        "subnet",
        Kind::Text,
        Behaviour("EC2's choice"),
        "subnet-0abc…",
        "the id of a subnet",
    )
    .ec2(),
    key(
        "max_lifetime",
        Kind::Duration(10),
        Value("6h"),
        "2h",
        "the instance ends itself after this, whatever it is doing; at least 10 s, at most 30 days. A step that still runs shortly before is ended, so that there is time to collect",
    ),
    key(
        "keep_on_failure",
        Kind::Duration(10),
        Behaviour("it is terminated"),
        "30m",
        "the instance of a run that failed stays for so long, and no longer than `max_lifetime`, before it ends itself: `collect ssh` and `collect fetch` lead to it; a signal terminates it all the same",
    ),
    key(
        "samples",
        Kind::Count(MAX_SAMPLES),
        Value("1"),
        "5",
        "the number of instances to measure on, side by side; more than 256 need `--shard`; a rehearsal measures one after the other",
    ),
    key(
        "parallel",
        Kind::Count(MAX_SAMPLES_OF_SHARD),
        Behaviour("all"),
        "5",
        "the number of instances that there are at once",
    ),
    key(
        "fail_fast",
        Kind::Boolean,
        Value("false"),
        "true",
        "the first sample that fails ends the others",
    ),
    key(
        "baseline",
        Kind::Revision,
        Behaviour("none"),
        "v1.2.2",
        "a revision to compare with, measured on the same instances in turn with the other; in a job, `auto` is what the event's commit came from",
    ),
    key(
        "repeat",
        Kind::Count(MAX_REPEAT),
        Behaviour("1, with a `baseline` 6"),
        "10",
        "the number of turns of each revision on each instance: `run` and `before_collect` are carried out that often",
    ),
    key(
        "confirm",
        Kind::Boolean,
        Value("true"),
        "false",
        "with a `baseline` and more than three `samples`: measure on three instances first, and on the others only where a figure of those looks different",
    ),
    key(
        "fail_on",
        Kind::Limits,
        Behaviour("none"),
        "{slower: 5%}",
        "the exit status is 5 when a figure is surely worse than this: its verdict is slower, and the whole interval lies beyond the limit",
    ),
    key(
        "repository",
        Kind::Text,
        Behaviour("none"),
        ".",
        "where the revision is looked up before anything is rented: a URL, or a path in a clone on this machine, relative to the config file. A revision that it does not have is refused; the commit is recorded, and `COLLECTOR_COMMIT` for every step",
    ),
    key(
        "send",
        Kind::Boolean,
        Value("false"),
        "true",
        "send a checkout of the commit from the clone in `repository` to the instance, before its first step; it lies in `COLLECTOR_SOURCE`. The instance needs neither git nor a credential; what is not committed, submodules and files in Git LFS are not sent",
    ),
    key(
        "upload",
        Kind::Globs,
        Behaviour("the scripts only"),
        "[lib, 'data/*.json', '!*.tmp']",
        "files and directories that the scripts need: paths and globs relative to the config file, and behind a `!` what stays here; see below",
    ),
    key(
        "figures",
        Kind::Figures,
        Behaviour("none are read"),
        "[bench.json, sizes/*.csv: {value: bytes, unit: B, better: less}]",
        "the collected files that hold the figures: globs relative to the directory of the instance in the results, as in `upload`; see below",
    ),
    planned("S3", "a bucket that also gets the archive"),
    planned("access", "the way to an instance without a public address"),
    planned("availability_zone", "the zone to launch in"),
    planned("cpu_options", "cores, and threads a core"),
    planned("host_key", "trust in an image without cloud-init"),
    planned("iam_instance_profile", "the role of the instance"),
    planned("jump", "a host to connect through"),
    planned("launch_template", "a launch template of EC2"),
    planned("max_cost", "the most that a run may cost"),
    planned("metrics", "the interval of built-in system metrics"),
    planned("placement_group", "a placement group of EC2"),
    planned("root_volume", "size and type of the root volume"),
    planned("spot", "whether spot capacity is used"),
    planned("subnets", "several subnets, tried in turn"),
    planned("tags", "further tags of the instance"),
    planned("tenancy", "dedicated hardware"),
];
