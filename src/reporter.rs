//! The seam to whoever watches a run: the library never prints, it reports.

pub mod console;
pub mod table;
pub mod workflow;

use std::time::Duration;

use crate::config::ConfigErrors;
use crate::instance::{InstanceId, LeaseToken};
use crate::phase::{Phase, Stage};
use crate::report::{Complaint, RunReport};
use crate::step::{ScriptPath, Step, StepOutcome};

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A phase or a deed of collector's own begins.
    StageStarted(Stage),
    /// It ended.
    StageFinished {
        /// Which one.
        stage: Stage,
        /// Whether it did what it should.
        ok: bool,
        /// How long it took.
        took: Duration,
    },
    /// A script begins.
    StepStarted {
        /// Its phase.
        phase: Phase,
        /// The script and its options.
        step: &'a Step,
    },
    /// A script wrote something.
    Output(&'a [u8]),
    /// A script ended.
    StepFinished {
        /// The script and its options.
        step: &'a Step,
        /// How it ended.
        outcome: StepOutcome,
        /// Its exit status, where there is one.
        exit_code: Option<i32>,
        /// How long it took.
        took: Duration,
    },
    /// Bytes have come home.
    Transferred {
        /// So far.
        done: u64,
        /// Of these.
        total: u64,
    },
    /// A fact that everybody wants to know.
    Note(String),
    /// A fact for whoever looks closer.
    Detail(String),
    /// Something is not as it should be, but the run goes on.
    Warning(String),
    /// A script failed that may fail.
    ScriptWarning {
        /// The script.
        script: &'a ScriptPath,
        /// What it did.
        text: &'a str,
    },
    /// The run is over and its instance gone.
    Finished(&'a RunReport),
    /// The config file is not sound; nothing was begun.
    Unsound(&'a ConfigErrors),
    /// Something went wrong.
    Error(&'a Complaint),
    /// The last thing said of a run: an instance may have been left behind.
    Leaked {
        /// Its id, where it is known.
        id: Option<&'a InstanceId>,
        /// Where it is.
        region: &'a str,
        /// What finds it.
        lease: &'a LeaseToken,
    },
}

/// Watches a run. It cannot fail and does not hold the run up.
pub trait Reporter {
    /// Takes note of an event.
    fn report(&self, event: &Event<'_>);
}

impl<R: Reporter + ?Sized> Reporter for Box<R> {
    fn report(&self, event: &Event<'_>) {
        (**self).report(event);
    }
}
