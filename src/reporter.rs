//! The seam to whoever watches a run: policy never prints, it reports.

pub mod comparison;
pub mod console;
pub mod events_file;
pub mod metrics;
pub mod preview;
mod progress;
pub mod prompt;
#[cfg(test)]
mod scenario;
pub mod text;
pub mod workflow;
pub mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::arm::Arm;
use crate::config::ConfigErrors;
use crate::instance::{Dollars, InstanceId, LeaseToken, Resource, RunId};
use crate::phase::{Phase, Stage};
use crate::report::{Diagnostic, RunReport, Seconds, seconds};
use crate::step::{ScriptPath, StepOutcome};

/// Something that happened in a run. Owned, so that it can be queued, recorded and sent to another thread.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", content = "details", rename_all = "snake_case")]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// Its id.
        run: RunId,
        /// The number of samples that it asks for.
        samples: u32,
    },
    /// A phase or a built-in stage begins.
    StageStarted(Stage),
    /// A phase or a built-in stage ended.
    StageFinished {
        /// The stage.
        stage: Stage,
        /// Whether it did what it should.
        ok: bool,
        /// The time it took.
        #[serde(serialize_with = "seconds::serialize")]
        took: Duration,
    },
    /// A script begins.
    StepStarted {
        /// Its phase.
        phase: Phase,
        /// The script.
        script: ScriptPath,
        /// The revision that it runs for, where two are compared.
        #[serde(skip_serializing_if = "Option::is_none")]
        arm: Option<Arm>,
        /// The time after which it is ended.
        timeout: Option<Seconds>,
    },
    /// A script wrote something.
    Output(#[serde(serialize_with = "lossy")] Vec<u8>),
    /// A script ended.
    StepFinished {
        /// The script.
        script: ScriptPath,
        /// The revision that it ran for, where two are compared.
        #[serde(skip_serializing_if = "Option::is_none")]
        arm: Option<Arm>,
        /// Its outcome.
        outcome: StepOutcome,
        /// Its exit status, where there is one.
        exit_code: Option<i32>,
        /// The time it took.
        #[serde(serialize_with = "seconds::serialize")]
        took: Duration,
    },
    /// A script failed; its log ends with the last lines of the failure.
    StepFailed {
        /// The failure.
        failure: Diagnostic,
        /// The whole log, absolute; it has this name when the results are complete.
        log: PathBuf,
    },
    /// Bytes have come home, or gone to the instance.
    Transferred {
        /// So far.
        done: u64,
        /// Of these.
        total: u64,
    },
    /// A fact that everybody wants to know.
    Note(String),
    /// A fact that is easily overlooked.
    Notice(String),
    /// A fact for whoever looks closer.
    Detail(String),
    /// A line of `tracing`; there are none unless they are asked for.
    Trace(String),
    /// Something is not as it should be, but the run goes on.
    Warning(String),
    /// A `warn_only` script failed.
    ScriptWarning {
        /// The script.
        script: ScriptPath,
        /// The failure.
        text: String,
    },
    /// The run is over and its instances are gone.
    Finished(#[serde(serialize_with = "shared")] Arc<RunReport>),
    /// The config file is not valid; nothing was begun.
    InvalidConfig(#[serde(serialize_with = "displayed")] Arc<ConfigErrors>),
    /// Something went wrong.
    Error(Diagnostic),
    /// A resource could not be deleted yet.
    Remains {
        /// The resource.
        resource: Resource,
        /// Its region.
        region: String,
        /// The run that made it.
        run: RunId,
    },
    /// An instance stays because that was asked for, and ends itself.
    Kept {
        /// Its id.
        id: InstanceId,
        /// Its region.
        region: String,
        /// When it is over.
        until: Timestamp,
        /// The run that launched it.
        run: RunId,
        /// Its sample, where the run has several.
        sample: Option<u32>,
        /// The price of an hour, where it is known.
        price_per_hour: Option<Dollars>,
    },
    /// From here on the terminal belongs to a shell on the instance.
    ShellOpened {
        /// The instance.
        id: InstanceId,
        /// When it ends itself.
        until: Timestamp,
    },
    /// The shell has ended, and the terminal is free.
    ShellClosed,
    /// The last thing said of a run: an instance may have been left behind.
    Leaked {
        /// Its id, where it is known.
        id: Option<InstanceId>,
        /// Its region.
        region: String,
        /// The lease whose tag finds it.
        lease: LeaseToken,
        /// When it ends itself at the latest.
        expires_at: Timestamp,
    },
}

/// An event with its time and the sample that it belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct TimedEvent {
    /// When it happened.
    pub at: Timestamp,
    /// The sample, from 1; `None` for the run as a whole.
    pub sample: Option<u32>,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// Watches a run. It cannot fail, and taking an event never waits.
pub trait Reporter {
    /// Takes an event.
    fn take(&self, event: TimedEvent);

    /// Hears what time it is, about once a second, where somebody keeps the time.
    fn tick(&self, _now: Timestamp) {}

    /// Waits until everything that was taken is written, but not for whatever hangs.
    async fn caught_up(&self) {}

    /// Takes an event of the run as a whole that happens now.
    fn report(&self, event: Event) {
        self.take(TimedEvent {
            at: Timestamp::now(),
            sample: None,
            event,
        });
    }
}

/// Reports as one sample.
#[derive(Debug)]
pub struct SampleReporter<'a, R> {
    /// The reporter of the run.
    pub reporter: &'a R,
    /// The sample, from 1.
    pub sample: u32,
}

impl<R> Clone for SampleReporter<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for SampleReporter<'_, R> {}

impl<R: Reporter> Reporter for SampleReporter<'_, R> {
    fn take(&self, event: TimedEvent) {
        let sample = event.sample.or(Some(self.sample));
        self.reporter.take(TimedEvent { sample, ..event });
    }

    async fn caught_up(&self) {
        self.reporter.caught_up().await;
    }
}

fn lossy<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

fn shared<S: Serializer>(value: &Arc<impl Serialize>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

fn displayed<S: Serializer>(
    errors: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(errors)
}
