//! The events of a run as JSON lines, for other programs to read.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::{Event, Reporter, TimedEvent};

/// Writes every event but progress to a file, a line each.
#[derive(Debug)]
pub struct EventsFile {
    file: RefCell<File>,
    broken: Cell<bool>,
}

impl EventsFile {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: RefCell::new(File::create(path)?),
            broken: Cell::new(false),
        })
    }
}

impl Reporter for EventsFile {
    fn take(&self, event: TimedEvent) {
        if self.broken.get() || matches!(event.event, Event::Transferred { .. }) {
            return;
        }
        let written = serde_json::to_vec(&event)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.borrow_mut().write_all(&line)
            });
        // A file that breaks off in the middle tells its reader so; the run goes on.
        self.broken.set(written.is_err());
    }
}

/// Reports to a second reporter, too, where there is one.
#[derive(Debug)]
pub struct Also<A, B> {
    /// The first.
    pub reporter: A,
    /// The second.
    pub also: Option<B>,
}

impl<A: Reporter, B: Reporter> Reporter for Also<A, B> {
    fn take(&self, event: TimedEvent) {
        if let Some(also) = &self.also {
            also.take(event.clone());
        }
        self.reporter.take(event);
    }

    async fn caught_up(&self) {
        self.reporter.caught_up().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_a_line_with_its_time_and_its_sample() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let file = EventsFile::create(&path).unwrap();
        file.take(TimedEvent {
            at: "2026-11-24T12:00:00Z".parse().unwrap(),
            sample: Some(2),
            event: Event::Output(b"a\nb\xff".to_vec()),
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\"at\":\"2026-11-24T12:00:00Z\",\"sample\":2,\"event\":\"output\",\"details\":\"a\\nb\u{fffd}\"}\n"
        );
    }
}
