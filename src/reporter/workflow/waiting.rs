//! The events of a sample that the log does not show yet.

use std::io::Write;

use super::{WAITING_LIMIT, WorkflowLog};
use crate::phase::Stage;
use crate::reporter::{Event, TimedEvent};

/// The events of one of several samples: shown in one piece when its stage is over or has said much, for groups do not nest.
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

impl<W: Write> WorkflowLog<W> {
    /// Keeps what one of several samples does until there is enough of it.
    pub(super) fn postpone(&self, sample: u32, event: TimedEvent) {
        let full = {
            let mut all = self.waiting.borrow_mut();
            let waiting = all.entry(sample).or_default();
            if let Event::Output(bytes) = &event.event {
                waiting.output += bytes.len();
            }
            let over = matches!(event.event, Event::StageFinished { .. });
            waiting.events.push(event);
            over || waiting.output >= WAITING_LIMIT
        };
        if full {
            self.show_waiting(sample);
        }
    }

    /// Shows what a sample did, in a group of its own: what belongs to a stage of which a part is shown already goes
    /// on with that stage.
    fn show_waiting(&self, sample: u32) {
        let Some(mut waiting) = self.waiting.borrow_mut().remove(&sample) else {
            return;
        };
        self.sample.set(Some(sample));
        if let Some(stage) = waiting.stage {
            self.enter_group(&format!("{} (continued)", self.name_of(stage)));
        }
        if waiting.in_step {
            self.stop_commands();
        }
        for event in std::mem::take(&mut waiting.events) {
            waiting.follow(&event.event);
            self.show(event);
        }
        self.leave_group();
        waiting.output = 0;
        self.waiting.borrow_mut().insert(sample, waiting);
    }

    pub(super) fn show_all_waiting(&self) {
        let samples: Vec<u32> = {
            let waiting = self.waiting.borrow();
            let with_events = waiting.iter().filter(|(_, one)| !one.events.is_empty());
            with_events.map(|(sample, _)| *sample).collect()
        };
        // Each takes its part out, so that nothing may be borrowed any more.
        for sample in samples {
            self.show_waiting(sample);
        }
    }
}
