//! The keys of the config file, a table a section: reading, hints and the reference page come from it.

mod main_keys;
mod nested;

use std::fmt;

use crate::phase::Phase;
pub use main_keys::MAIN_KEYS;
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
    /// The name of a revision as git takes it, or `auto`.
    Revision,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a list of them.
    Choices(&'static [&'static str]),
    /// `ami-…` or `resolve:ssm:…`.
    Image,
    /// A bucket of S3, and a prefix of keys in it.
    Bucket,
    /// A login name as `useradd` takes it.
    UserName,
    /// `true` or `false`.
    Boolean,
    /// `on` or `off`.
    Switch,
    /// A whole number from 1 to this.
    Count(u32),
    /// A TCP port.
    Port,
    /// `90s`, `15m`, `1h30m`, a bare number of minutes; at least so many seconds.
    Duration(u64),
    /// A duration of a second at least, or `off`.
    Interval,
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
    /// The limits beyond which a comparison fails, a map with keys of its own.
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
            Self::Choices(words) => write!(f, "a list of {}", Self::Choice(words)),
            Self::Image => f.write_str("an image"),
            Self::Bucket => f.write_str("a bucket, and a prefix in it"),
            Self::UserName => f.write_str("a user name"),
            Self::Boolean => f.write_str("`true` or `false`"),
            Self::Switch => f.write_str("`on` or `off`"),
            Self::Count(most) => write!(f, "a whole number from 1 to {most}"),
            Self::Port => f.write_str("a port from 1 to 65535"),
            Self::Duration(_) => f.write_str("a duration"),
            Self::Interval => f.write_str("a duration with its unit, or `off`"),
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

use DefaultValue::{Behaviour, Required};

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
pub const FILE_KEYS: [Key; 9] = [
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
        Phase::OnRegression,
        "on one instance, in a comparison: if a figure is slower, profiles each revision",
    ),
    phase(
        Phase::AfterCollect,
        "on the instance: once the results are home",
    ),
    phase(Phase::BeforeAwsTerminate, "on the instance: a last look"),
];
