//! What a sample did and the log does not show yet.

use crate::phase::Stage;
use crate::reporter::{Event, TimedEvent};

/// What one of several samples did: shown in one piece when its stage is over or has said much, for groups do not nest.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) events: Vec<TimedEvent>,
    pub(super) output: usize,
    /// The stage of which a part is shown already.
    pub(super) stage: Option<Stage>,
    /// That part ended in the middle of a step.
    pub(super) in_step: bool,
}

impl Waiting {
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::StageStarted(stage) => self.stage = Some(*stage),
            Event::StageFinished { .. } => {
                self.stage = None;
                self.in_step = false;
            }
            Event::StepStarted { .. } => self.in_step = true,
            Event::StepFinished { .. } => self.in_step = false,
            _ => {}
        }
    }
}
