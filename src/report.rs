//! What came of a run, as written to `run.json` and shown at the end.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::HumanBytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::human_duration;
use crate::instance::{Instance, InstanceId, LeaseToken, RunId};
use crate::phase::Stage;
use crate::revision::Revision;
use crate::step::{Place, StepOutcome};

/// How a run ended, from best to worst; the worst that happened is the run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every phase passed.
    Passed,
    /// A step of the user's failed.
    StepFailed,
    /// The provider, the shell or this machine failed.
    Unavailable,
    /// A signal ended it.
    Interrupted,
    /// Termination is not confirmed.
    Leaked,
}

impl Outcome {
    /// The outcome in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::StepFailed => "failed",
            Self::Unavailable => "broken off",
            Self::Interrupted => "ended early",
            Self::Leaked => "the instance may still be running",
        }
    }
}

/// The signal that ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// The terminal's or the runner's cancel.
    Int,
    /// A polite kill.
    Term,
    /// The terminal is gone.
    Hup,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "INT",
            Self::Term => "TERM",
            Self::Hup => "HUP",
        })
    }
}

impl Signal {
    /// The exit status that tells a shell of the signal.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Hup => 129,
            Self::Int => 130,
            Self::Term => 143,
        }
    }
}

/// An error as it is shown: what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The script that failed, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

impl Complaint {
    /// A complaint about no script.
    pub fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            message: message.into(),
            hint: hint.map(str::to_owned),
            script: None,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Whether the instance is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Release {
    /// There never was one.
    NothingLaunched,
    /// It is confirmed to be shutting down, or gone.
    Terminated,
    /// It may live on and cost money.
    Unconfirmed {
        /// Its id, unless the launch got no answer.
        id: Option<InstanceId>,
        /// Why termination could not be confirmed.
        reason: String,
    },
}

/// A script and how it ended.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// The script's path.
    pub script: String,
    /// `here` or `instance`.
    #[serde(serialize_with = "place")]
    pub place: Place,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Its exit status.
    pub exit_code: Option<i32>,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Its log, relative to the results.
    pub log: String,
}

/// A phase or a deed of collector's own.
#[derive(Debug, Clone, Serialize)]
pub struct StageReport {
    /// Which one.
    pub stage: Stage,
    /// Whether it did what it should.
    pub ok: bool,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Its scripts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepReport>,
}

/// What came home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Files that are here and whose checksum matches.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Files that are not here, or not as they were on the instance.
    pub incomplete: u64,
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            bytes,
            incomplete,
        } = self;
        let noun = if *files == 1 { "file" } else { "files" };
        write!(f, "{files} {noun}, {}", HumanBytes(*bytes))?;
        match incomplete {
            0 => Ok(()),
            count => write!(f, ", {count} not complete"),
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The version of this format.
    pub format: u32,
    /// The version of collector.
    pub collector: &'static str,
    /// The run.
    pub run: RunId,
    /// The rental.
    pub lease: LeaseToken,
    /// `ec2` or `local`.
    pub provider: &'static str,
    /// Where it rents out.
    pub region: String,
    /// What was measured.
    pub revision: Revision,
    /// What the user says about it.
    pub description: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub finished: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// What went wrong, in the order in which it did.
    pub errors: Vec<Complaint>,
    /// What is not as it should be.
    pub warnings: Vec<String>,
    /// What it ran on, once that was known.
    pub instance: Option<Instance>,
    /// Whether the instance is gone.
    pub released: Release,
    /// The phases, in the order in which they ran.
    pub stages: Vec<StageReport>,
    /// What came home.
    pub collected: Collected,
    /// The results' directory.
    #[serde(skip)]
    pub directory: Option<PathBuf>,
    /// The archive.
    #[serde(skip)]
    pub archive: Option<PathBuf>,
}

impl RunReport {
    /// What the cells of [`Self::rows`] hold.
    pub const COLUMNS: [&str; 5] = ["phase", "script", "result", "exit", "time"];

    /// What ran, how it ended and how long it took; a phase is named at the first of its scripts.
    pub fn rows(&self) -> Vec<[String; 5]> {
        let mut rows = Vec::new();
        for StageReport {
            stage,
            ok,
            took,
            steps,
            ..
        } in &self.stages
        {
            if steps.is_empty() {
                rows.push([
                    stage.to_string(),
                    String::new(),
                    if *ok { "ok" } else { "failed" }.to_owned(),
                    String::new(),
                    human_duration(*took),
                ]);
            }
            for (index, step) in steps.iter().enumerate() {
                let phase = if index == 0 {
                    stage.to_string()
                } else {
                    String::new()
                };
                rows.push([
                    phase,
                    step.script.clone(),
                    step.outcome.to_string(),
                    step.exit_code
                        .map(|code| code.to_string())
                        .unwrap_or_default(),
                    human_duration(step.took),
                ]);
            }
        }
        rows
    }

    /// Something went wrong after the run was reported on.
    pub fn fail(&mut self, outcome: Outcome, message: impl Into<String>, hint: Option<&str>) {
        self.outcome = self.outcome.max(outcome);
        self.errors.push(Complaint::new(message, hint));
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.finished.duration_since(self.started).unsigned_abs()
    }

    /// The exit status that says it all.
    pub fn exit_status(&self) -> u8 {
        match self.outcome {
            Outcome::Passed => 0,
            Outcome::StepFailed => 1,
            Outcome::Unavailable => 3,
            Outcome::Leaked => 4,
            Outcome::Interrupted => self.signal.unwrap_or(Signal::Int).exit_status(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn place<S: serde::Serializer>(place: &Place, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match place {
        Place::Here => "here",
        Place::Instance => "instance",
    })
}

/// Seconds with milliseconds.
fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}
