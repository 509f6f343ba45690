//! A terminal that somebody else has for a while: nothing is written to it, and nothing is lost.

use std::io::Write;

use super::Console;
use crate::reporter::{Event, Reporter as _, TimedEvent};

impl<O: Write, E: Write> Console<O, E> {
    /// Writes nothing from here on.
    pub(super) fn lend(&self) {
        self.status.borrow_mut().show(Vec::new());
        self.lent.replace(Some(Vec::new()));
    }

    /// The event, where it may be shown; else it is kept until the terminal is back.
    pub(super) fn unless_lent(&self, event: TimedEvent) -> Option<TimedEvent> {
        match self.lent.borrow_mut().as_mut() {
            Some(waiting) if !matches!(event.event, Event::ShellClosed) => {
                waiting.push(event);
                None
            }
            _ => Some(event),
        }
    }

    /// Shows what happened in the meantime.
    pub(super) fn take_back(&self) {
        for event in self.lent.take().unwrap_or_default() {
            self.take(event);
        }
    }
}
