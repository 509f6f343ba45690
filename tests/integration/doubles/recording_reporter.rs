//! A reporter that tells the simulation which trigger has come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use collector::phase::Stage;
use collector::reporter::{Event, Reporter, TimedEvent};

use super::{Outage, Simulation, Trigger};

#[derive(Debug)]
pub(crate) struct RecordingReporter {
    simulation: Rc<Simulation>,
    /// How often the end of the run was reported.
    pub(crate) finished: Cell<u32>,
    pub(crate) notes: RefCell<Vec<String>>,
}

impl RecordingReporter {
    pub(crate) fn new(simulation: Rc<Simulation>) -> Self {
        Self {
            simulation,
            finished: Cell::new(0),
            notes: RefCell::default(),
        }
    }
}

impl Reporter for RecordingReporter {
    fn take(&self, TimedEvent { event, sample, .. }: TimedEvent) {
        match &event {
            Event::StageStarted(stage) => {
                if let (Stage::Collect, Some(sample)) = (stage, sample) {
                    self.simulation.sample_at(Outage::Collecting, sample);
                }
                self.simulation.at(Trigger::Stage(*stage));
            }
            Event::StepStarted { phase, .. } => self.simulation.at(Trigger::Step(*phase)),
            Event::Output(bytes) => self.simulation.says(bytes),
            Event::Note(note) => self.notes.borrow_mut().push(note.clone()),
            Event::Finished(_) => self.finished.set(self.finished.get() + 1),
            _ => {}
        }
    }
}
