//! A conversation that is taken up again when its connection breaks.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Shell, ShellError};

/// The time after which a machine that cannot be reached again is given up, where nothing tells that it still runs.
pub const RECONNECT_DEADLINE: Duration = Duration::from_mins(5);

/// The pause between two attempts.
pub(super) const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Decides after each failure whether another attempt is made. The transport is retried, never the command: what is
/// attempted must be safe to repeat.
#[derive(Debug)]
pub struct Reconnect<'a, S> {
    shell: &'a S,
    until: Option<Instant>,
}

impl<'a, S: Shell> Reconnect<'a, S> {
    /// A conversation that has not failed yet.
    pub const fn new(shell: &'a S) -> Self {
        Self { shell, until: None }
    }

    /// Waits until the next attempt is due.
    ///
    /// # Errors
    /// The error itself, when another connection would not mend it or the time for that is over; and why none can be had.
    pub async fn after(&mut self, error: ShellError) -> Result<(), ShellError> {
        if !error.is_connection() {
            return Err(error);
        }
        let shell = self.shell;
        let until = *self.until.get_or_insert_with(|| shell.reconnect_until());
        timeout_at(until, shell.wait_to_retry())
            .await
            .unwrap_or(Err(error))
    }

    /// Whether the last attempt failed, too.
    pub const fn is_under_way(&self) -> bool {
        self.until.is_some()
    }

    /// Something came through: the next failure is the first one of another outage.
    pub const fn progressed(&mut self) {
        self.until = None;
    }
}
