//! A thread of its own for whatever is written while a run goes on: a terminal that hangs holds up nobody.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::{Event, Reporter, TimedEvent};
use crate::config::plural;

/// The most that waits to be written, in bytes. Output and lines of `tracing` beyond it are counted; the log files have all
/// output. Whatever else is said is kept: a run says it for each of its steps at most.
const QUEUE_LIMIT: usize = 8 << 20;

/// The longest that anybody waits for what is still to be written while a run goes on.
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(2);

/// The time between two ticks.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// A reporter on a thread of its own. Taking an event never waits for it.
#[derive(Debug)]
pub struct Writer<R> {
    queue: Arc<Queue<R>>,
}

impl<R> Clone for Writer<R> {
    /// Another way into the same queue.
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

#[derive(Debug)]
struct Queue<R> {
    state: Mutex<State<R>>,
    changed: Condvar,
    finished: Notify,
}

struct State<R> {
    items: VecDeque<Item<R>>,
    bytes: usize,
    /// Output that was not queued, in bytes.
    dropped_output: u64,
    /// Lines of `tracing` that were not queued.
    dropped_lines: usize,
    closed: bool,
}

impl<R> State<R> {
    const fn has_dropped(&self) -> bool {
        self.dropped_output > 0 || self.dropped_lines > 0
    }

    /// Says once what was not queued, where something was not.
    fn missing(&mut self) -> Option<TimedEvent> {
        let text = match (&mut self.dropped_output, &mut self.dropped_lines) {
            (0, 0) => return None,
            (0, lines) => format!(
                "… {} of tracing not shown: they came faster than they were taken",
                plural(take(lines), "line")
            ),
            (output, _) => format!(
                "… {} of output not shown: it came faster than it was taken; the log files have it all",
                HumanBytes(take(output))
            ),
        };
        Some(TimedEvent {
            at: Timestamp::now(),
            sample: None,
            event: Event::Note(text),
        })
    }
}

enum Item<R> {
    Event(TimedEvent),
    Call(Box<dyn FnOnce(&R) + Send>),
}

enum Next<R> {
    Item(Item<R>),
    Nothing,
    End,
}

impl<R> std::fmt::Debug for State<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("items", &self.items.len())
            .field("dropped_output", &self.dropped_output)
            .field("dropped_lines", &self.dropped_lines)
            .finish_non_exhaustive()
    }
}

impl<R: Reporter + Send + 'static> Writer<R> {
    /// Starts the thread. It ends with the process, or when everything is written after [`Self::finish`].
    pub fn start(reporter: R) -> Self {
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                dropped_output: 0,
                dropped_lines: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            finished: Notify::new(),
        });
        let shared = queue.clone();
        thread::spawn(move || shared.drain(&reporter));
        Self { queue }
    }

    /// Runs something with the reporter, in its order among the events.
    pub fn call(&self, call: impl FnOnce(&R) + Send + 'static) {
        let mut state = self.queue.lock();
        state.items.push_back(Item::Call(Box::new(call)));
        self.queue.changed.notify_all();
    }

    /// Waits until everything is written. Returns whether it is: past the deadline nobody waits any longer.
    pub async fn finish(&self, deadline: Duration) -> bool {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        timeout(deadline, self.queue.finished.notified())
            .await
            .is_ok()
    }
}

impl<R: Reporter> Queue<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, reporter: &R) {
        let mut next_tick = Instant::now() + TICK_INTERVAL;
        loop {
            match self.next(next_tick) {
                Next::Item(Item::Event(event)) => reporter.take(event),
                Next::Item(Item::Call(call)) => call(reporter),
                Next::Nothing => {}
                Next::End => break,
            }
            if Instant::now() >= next_tick {
                reporter.tick(Timestamp::now());
                next_tick = Instant::now() + TICK_INTERVAL;
            }
        }
        self.finished.notify_one();
    }

    /// The next item, if one comes before `deadline`.
    fn next(&self, deadline: Instant) -> Next<R> {
        let state = self.lock();
        let idle =
            |state: &mut State<R>| state.items.is_empty() && !state.has_dropped() && !state.closed;
        let timeout = deadline.saturating_duration_since(Instant::now());
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, timeout, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(item) = state.items.pop_front() {
            if let Item::Event(event) = &item {
                state.bytes = state.bytes.saturating_sub(size(event));
            }
            return Next::Item(item);
        }
        match state.missing() {
            Some(event) => Next::Item(Item::Event(event)),
            None if state.closed => Next::End,
            None => Next::Nothing,
        }
    }
}

impl<R: Reporter + Send + 'static> Reporter for Writer<R> {
    fn take(&self, event: TimedEvent) {
        let mut state = self.queue.lock();
        let size = size(&event);
        let full = state.bytes + size > QUEUE_LIMIT || state.has_dropped();
        match &event.event {
            Event::Output(bytes) if full => {
                state.dropped_output += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            }
            Event::Trace(_) if full => state.dropped_lines += 1,
            Event::Transferred { .. } if full => {}
            _ => {
                state.bytes += size;
                state.items.push_back(Item::Event(event));
            }
        }
        self.queue.changed.notify_all();
    }

    async fn caught_up(&self) {
        let (written, all) = oneshot::channel::<()>();
        self.call(move |_| drop(written));
        let _ = timeout(CATCH_UP_DEADLINE, all).await;
    }
}

/// The memory that an event takes, in bytes: its own, and that of what it says.
fn size(event: &TimedEvent) -> usize {
    let said = match &event.event {
        Event::Output(bytes) => bytes.len(),
        Event::Note(text)
        | Event::Notice(text)
        | Event::Detail(text)
        | Event::Trace(text)
        | Event::Warning(text)
        | Event::ScriptWarning { text, .. } => text.len(),
        Event::Error(said) | Event::StepFailed { failure: said, .. } => {
            let lines = said.last_lines.iter().map(String::len);
            said.message.len() + lines.sum::<usize>()
        }
        _ => 0,
    };
    size_of::<TimedEvent>() + said
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    /// Writes down what it takes, once it is allowed to.
    struct Gated {
        gate: Receiver<()>,
        seen: Sender<String>,
    }

    impl Reporter for Gated {
        fn take(&self, TimedEvent { event, .. }: TimedEvent) {
            let _ = self.gate.recv();
            let text = match event {
                Event::Output(bytes) => format!("{} bytes", bytes.len()),
                Event::Note(text) => text,
                other => format!("{other:?}"),
            };
            let _ = self.seen.send(text);
        }
    }

    /// A writer whose reporter waits until the first part is dropped, and what it has taken.
    fn gated() -> (Sender<()>, Receiver<String>, Writer<Gated>) {
        let (open, gate) = channel();
        let (seen, shown) = channel();
        (open, shown, Writer::start(Gated { gate, seen }))
    }

    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn taking_never_waits_and_what_was_not_shown_is_counted() {
        let (open, shown, writer) = gated();
        let since = Instant::now();
        for _ in 0..100 {
            writer.report(Event::Output(vec![b'x'; 1 << 20]));
        }
        writer.report(Event::Note("after".into()));
        assert!(since.elapsed() < Duration::from_secs(5));
        drop(open);
        assert!(writer.finish(DEADLINE).await);
        let shown: Vec<String> = shown.try_iter().collect();
        let outputs = shown.iter().filter(|text| *text == "1048576 bytes").count();
        assert!((7..=9).contains(&outputs), "{shown:?}");
        let missing = format!("… {}.00 MiB", 100 - outputs);
        assert!(
            shown.iter().any(|text| text.starts_with(&missing)),
            "{shown:?}"
        );
        assert!(shown.iter().any(|text| text == "after"));
    }

    #[tokio::test]
    async fn lines_of_tracing_are_bounded_by_their_bytes_too() {
        let (open, shown, writer) = gated();
        for _ in 0..100 {
            writer.report(Event::Trace("x".repeat(1 << 20)));
        }
        writer.report(Event::Note("after".into()));
        drop(open);
        assert!(writer.finish(DEADLINE).await);
        let shown: Vec<String> = shown.try_iter().collect();
        let lines = shown.iter().filter(|text| text.len() > 1 << 20).count();
        assert!((7..=9).contains(&lines), "{lines}");
        let missing = format!("… {} lines of tracing not shown", 100 - lines);
        assert!(shown.iter().any(|text| text.starts_with(&missing)));
        assert!(shown.iter().any(|text| text == "after"));
    }

    #[tokio::test]
    async fn what_is_always_said_takes_its_room_from_the_output() {
        let (open, shown, writer) = gated();
        for _ in 0..10 {
            writer.report(Event::Note("x".repeat(1 << 20)));
        }
        writer.report(Event::Output(b"output".into()));
        drop(open);
        assert!(writer.finish(DEADLINE).await);
        let shown: Vec<String> = shown.try_iter().collect();
        let notes = shown.iter().filter(|text| text.len() == 1 << 20).count();
        assert_eq!(notes, 10);
        assert!(shown.iter().any(|text| text.starts_with("… 6 B of output")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reporter_that_hangs_does_not_hold_up_the_end() {
        let (open, _shown, writer) = gated();
        writer.report(Event::Note("stuck".into()));
        assert!(!writer.finish(DEADLINE).await);
        drop(open);
    }

    #[tokio::test]
    async fn calls_keep_their_order_among_events() {
        let (open, shown, writer) = gated();
        writer.report(Event::Note("first".into()));
        writer.call(|gated| {
            let _ = gated.seen.send("second".into());
        });
        writer.report(Event::Note("third".into()));
        drop(open);
        assert!(writer.finish(DEADLINE).await);
        assert_eq!(
            shown.try_iter().collect::<Vec<_>>(),
            ["first", "second", "third"]
        );
    }
}
