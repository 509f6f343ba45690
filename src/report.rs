//! The report of a run, as written to `run.json` and shown at the end.

mod diagnostic;
pub mod profiles;
mod rows;
pub mod seconds;
mod signal;
mod text;
mod time_outs;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arm::Arm;
use crate::comparison::{self, Comparison};
use crate::config::FailOn;
use crate::exit_status::ExitStatus;
use crate::instance::{Dollars, Instance, InstanceId, LeaseToken, Resource, RunId};
use crate::phase::Stage;
use crate::records::Figures;
use crate::revision::{Commit, Revision};
use crate::schedule::Turn;
use crate::step::{Location, StepOutcome};

pub use diagnostic::{Diagnostic, last_lines};
pub use signal::Signal;
pub use text::{human_bytes, human_measured_bytes, utc_to_the_second};
pub use time_outs::{result, time_outs};

/// The outcomes of a run, from best to worst; the worst that happened is the run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every phase passed.
    Passed,
    /// Every phase passed, and a figure is worse than `fail_on` allows.
    Slower,
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
    /// The outcome as a person reads it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Slower => "slower than `fail_on` allows",
            Self::StepFailed => "failed",
            Self::Unavailable => "failed (infrastructure)",
            Self::Interrupted => "interrupted",
            Self::Leaked => "the instance may still be running",
        }
    }
}

/// Whether an instance is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Release {
    /// There never was one.
    NothingLaunched,
    /// It is confirmed to be shutting down, or gone.
    Terminated,
    /// It was asked to stay after a failure, and ends itself.
    Kept {
        /// Its id.
        id: InstanceId,
        /// When it is over.
        until: Timestamp,
    },
    /// It may live on and cost money.
    Unconfirmed {
        /// Its id, unless the launch got no answer.
        id: Option<InstanceId>,
        /// Why termination could not be confirmed.
        reason: String,
    },
}

/// A script and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The script's path.
    pub script: String,
    /// `local` or `remote`.
    #[serde(rename = "place")]
    pub location: Location,
    /// Its outcome.
    pub outcome: StepOutcome,
    /// Its exit status.
    pub exit_code: Option<i32>,
    /// When it began.
    pub started: Timestamp,
    /// The time it took.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Its log, relative to the results.
    pub log: String,
}

/// A phase or a built-in stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// The stage.
    pub stage: Stage,
    /// The revision that it was for, where there are two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<Arm>,
    /// The turn that it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Whether it did what it should.
    pub ok: bool,
    /// When it began.
    pub started: Timestamp,
    /// The time it took.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Its scripts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepReport>,
}

impl StageReport {
    /// When it ended.
    pub fn end(&self) -> Option<Timestamp> {
        self.started.checked_add(self.took).ok()
    }
}

/// The outcome of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnReport {
    /// The turn.
    #[serde(flatten)]
    pub turn: Turn,
    /// The CPUs that it was kept to, in a duet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
    /// Whether all of its steps came to their end; else its round is no pair.
    pub ok: bool,
}

/// The sum of the collected files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Files that came home and whose checksum matches.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Files that did not come home, or not as they were on the instance.
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
        write!(f, "{files} {noun}, {}", human_bytes(*bytes))?;
        match incomplete {
            0 => Ok(()),
            count => write!(f, ", {count} not complete"),
        }
    }
}

/// The report of a sample; `collector/run.json` of its results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleReport {
    /// The version of this format.
    pub format: u32,
    /// The version of collector.
    pub collector: String,
    /// The run.
    pub run: RunId,
    /// The sample, from 1.
    pub sample: u32,
    /// The launch call that its instance came from.
    pub lease: LeaseToken,
    /// `ec2` or `local`.
    pub provider: String,
    /// The provider's region.
    pub region: String,
    /// The revision that was measured.
    pub revision: Revision,
    /// The commit that it was when the run began, where it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// The user's words about it.
    pub description: Option<String>,
    /// The name of the config file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// When its launch began; without one, when the run did.
    pub started: Timestamp,
    /// When its last stage was over.
    pub finished: Timestamp,
    /// Its outcome.
    pub outcome: Outcome,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Errors, in the order in which they came.
    pub errors: Vec<Diagnostic>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Its instance, once that was known.
    pub instance: Option<Instance>,
    /// When the instance ends itself, whoever else may have forgotten it.
    pub expires_at: Timestamp,
    /// Whether the instance is gone.
    pub released: Release,
    /// The stages, in the order in which they ran.
    pub stages: Vec<StageReport>,
    /// The turns on the instance, where it was measured on more than once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnReport>,
    /// The directories of its results with what `on_regression` left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// The sum of the collected files.
    pub collected: Collected,
    /// The address of the archive in the bucket, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// The results' directory, absolute.
    #[serde(skip)]
    pub directory: Option<PathBuf>,
    /// The archive, where there is one.
    #[serde(skip)]
    pub archive: Option<Archive>,
}

/// The results, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its path, absolute.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its CRC-32, as it was written.
    pub crc32: u32,
}

impl SampleReport {
    /// The version of the format that is written.
    pub const FORMAT: u32 = 3;

    /// Enters a failure that came after the sample was reported on.
    pub fn fail(&mut self, outcome: Outcome, message: impl Into<String>, hint: Option<&str>) {
        self.outcome = self.outcome.max(outcome);
        self.errors.push(Diagnostic::new(message, hint));
    }

    /// The time from its launch to its end.
    pub fn took(&self) -> Duration {
        self.finished.duration_since(self.started).unsigned_abs()
    }

    /// The cost of its instance so far, on demand, where its price is known.
    pub fn cost(&self) -> Option<Dollars> {
        let price = self.instance.as_ref()?.price_per_hour?;
        let of = |wanted: Stage| self.stages.iter().find(|stage| stage.stage == wanted);
        let launched = of(Stage::Launch).and_then(StageReport::end)?;
        let ended = of(Stage::Terminate).and_then(StageReport::end);
        let ended = ended.unwrap_or(self.finished);
        Some(price.for_time(ended.duration_since(launched).unsigned_abs()))
    }

    /// The first step that failed; where none did and nothing was measured, the last one that ran out of time.
    pub fn failed_step(&self) -> Option<&StepReport> {
        let steps = || self.stages.iter().flat_map(|stage| &stage.steps);
        let failed =
            |step: &&StepReport| matches!(step.outcome, StepOutcome::Failed | StepOutcome::Lost);
        let late = |step: &&StepReport| step.outcome == StepOutcome::TimedOut;
        let nothing = self.outcome == Outcome::StepFailed && self.collected.files == 0;
        let last_late = || steps().rfind(late).filter(|_| nothing);
        steps().find(failed).or_else(last_late)
    }
}

/// The report of a run: `<output>/<revision>/<run>/run.json` where it has several samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this format.
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// The figures, where `figures` names them; `figures.json` has them on disk.
    #[serde(skip)]
    pub figures: Option<Arc<Figures>>,
    /// The number of samples that were asked for.
    pub asked: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub finished: Timestamp,
    /// Errors of the run as a whole.
    pub errors: Vec<Diagnostic>,
    /// The worst outcome of the run and its samples.
    pub outcome: Outcome,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Resources that could not be deleted yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remaining: Vec<Resource>,
    /// The samples, in the order of their numbers; one at least, also where nothing was launched.
    pub samples: Vec<SampleReport>,
}

impl RunReport {
    /// The version of the format that is written.
    pub const FORMAT: u32 = 3;

    /// Enters a failure of the run as a whole.
    pub fn fail(&mut self, outcome: Outcome, message: impl Into<String>, hint: Option<&str>) {
        self.outcome = self.outcome.max(outcome);
        self.errors.push(Diagnostic::new(message, hint));
    }

    /// Takes over the outcome of a sample that changed.
    pub fn update_outcome(&mut self) {
        let samples = self.samples.iter().map(|sample| sample.outcome);
        self.outcome = samples.fold(self.outcome, Outcome::max);
    }

    /// The time it took.
    pub fn took(&self) -> Duration {
        self.finished.duration_since(self.started).unsigned_abs()
    }

    /// The cost of all of its instances, where all prices are known.
    pub fn cost(&self) -> Option<Dollars> {
        let launched = |sample: &&SampleReport| sample.released != Release::NothingLaunched;
        let costs = self.samples.iter().filter(launched).map(SampleReport::cost);
        let costs: Vec<_> = costs.collect::<Option<_>>()?;
        (!costs.is_empty()).then(|| costs.into_iter().sum())
    }

    /// The comparison of candidate and baseline, where there is one.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.figures.as_ref()?.comparison.as_ref()
    }

    /// The exit status of the process.
    pub fn exit_status(&self) -> ExitStatus {
        match self.outcome {
            Outcome::Passed => ExitStatus::Passed,
            Outcome::Slower => ExitStatus::Worse,
            Outcome::StepFailed => ExitStatus::StepFailed,
            Outcome::Unavailable => ExitStatus::Unavailable,
            Outcome::Leaked => ExitStatus::Leaked,
            Outcome::Interrupted => ExitStatus::Signalled(self.signal.unwrap_or(Signal::Int)),
        }
    }
}

/// The failure of a run whose figures are worse than the limit allows.
pub fn too_slow(figures: &Figures, limit: Option<FailOn>) -> Option<Diagnostic> {
    let limit = limit?.slower.fraction();
    let worse = figures.comparison.as_ref()?.worse_than(limit);
    let hint = "`figures.json` has every value; `fail_on` in the config is the limit";
    (!worse.is_empty()).then(|| Diagnostic::new(comparison::too_slow(&worse, limit), Some(hint)))
}

/// A duration that is written as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Seconds(#[serde(with = "seconds")] pub Duration);
