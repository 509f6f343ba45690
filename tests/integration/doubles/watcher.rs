//! A reporter that tells the world which moment has come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use collector::reporter::{Event, Reporter, TimedEvent};

use super::{Moment, World};

#[derive(Debug)]
pub(crate) struct Watcher {
    world: Rc<World>,
    /// How often the end of the run was reported.
    pub(crate) finished: Cell<u32>,
    pub(crate) notes: RefCell<Vec<String>>,
}

impl Watcher {
    pub(crate) fn new(world: Rc<World>) -> Self {
        Self {
            world,
            finished: Cell::new(0),
            notes: RefCell::default(),
        }
    }
}

impl Reporter for Watcher {
    fn take(&self, TimedEvent { event, .. }: TimedEvent) {
        match &event {
            Event::StageStarted(stage) => self.world.at(Moment::Stage(*stage)),
            Event::StepStarted { phase, .. } => self.world.at(Moment::Step(*phase)),
            Event::Output(bytes) => self.world.says(bytes),
            Event::Note(note) => self.notes.borrow_mut().push(note.clone()),
            Event::Finished(_) => self.finished.set(self.finished.get() + 1),
            _ => {}
        }
    }
}
