//! The schedule of a sample: what is done on its instance, in which order, as a value.

use std::fmt;

use crate::config::Config;
use crate::phase::Phase;

/// One entry of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Wait until the instance can be worked with, and send it the scripts.
    Ready,
    /// Run the scripts of a phase.
    Phase(Phase),
    /// Bring the results home.
    Collect,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Phase(phase) => phase.fmt(f),
            Self::Collect => f.write_str("collect"),
        }
    }
}

/// What is done on every instance of a run, from its launch to its end; phases without a script are left out.
pub fn schedule(config: &Config) -> Vec<Action> {
    let phase = |phase| {
        config
            .phases
            .contains_key(&phase)
            .then_some(Action::Phase(phase))
    };
    [
        Some(Action::Ready),
        phase(Phase::AfterAwsStart),
        phase(Phase::Setup),
        phase(Phase::Run),
        phase(Phase::BeforeCollect),
        Some(Action::Collect),
        phase(Phase::AfterCollect),
        phase(Phase::BeforeAwsTerminate),
    ]
    .into_iter()
    .flatten()
    .collect()
}
