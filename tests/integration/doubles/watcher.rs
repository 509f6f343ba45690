//! A reporter that tells the world which moment has come.

use std::cell::Cell;
use std::rc::Rc;

use collector::reporter::{Event, Reporter, TimedEvent};

use super::{Moment, World};

#[derive(Debug)]
pub(crate) struct Watcher {
    world: Rc<World>,
    /// How often the end of the run was reported.
    pub(crate) finished: Cell<u32>,
}

impl Watcher {
    pub(crate) fn new(world: Rc<World>) -> Self {
        Self {
            world,
            finished: Cell::new(0),
        }
    }
}

impl Reporter for Watcher {
    fn take(&self, TimedEvent { event, .. }: TimedEvent) {
        match &event {
            Event::StageStarted(stage) => self.world.at(Moment::Stage(*stage)),
            Event::StepStarted { phase, .. } => self.world.at(Moment::Step(*phase)),
            Event::Output(bytes) => self.world.says(bytes),
            Event::Finished(_) => self.finished.set(self.finished.get() + 1),
            _ => {}
        }
    }
}
