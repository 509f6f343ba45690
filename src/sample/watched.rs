//! A shell on an instance that may vanish: when its connection is lost, the provider is asked whether it still lives, and
//! as long as it does and its lifetime lasts, another connection is tried.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::AsyncRead;
use tokio::time::Instant;

use crate::instance::InstanceId;
use crate::lease::has_ended;
use crate::provider::Sweep;
use crate::report::utc_to_the_second;
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::shell::{Command, Exit, Output, RECONNECT_DEADLINE, Shell, ShellError};

/// The pause between two questions.
const QUESTION_INTERVAL: Duration = Duration::from_secs(10);

/// A shell whose lost connections are final once its instance has ended.
#[derive(Debug)]
pub(super) struct Watched<'a, S, P, R> {
    shell: S,
    provider: &'a P,
    id: InstanceId,
    reporter: SampleReporter<'a, R>,
    /// When the instance ends itself.
    end_of_life: Option<Instant>,
    next_question: Cell<Option<Instant>>,
    lost_since: Cell<Option<Instant>>,
}

impl<'a, S, P, R: Reporter> Watched<'a, S, P, R> {
    pub(super) fn new(
        shell: S,
        provider: &'a P,
        id: InstanceId,
        reporter: SampleReporter<'a, R>,
        end_of_life: Option<Instant>,
    ) -> Self {
        Self {
            shell,
            provider,
            id,
            reporter,
            end_of_life,
            next_question: Cell::new(None),
            lost_since: Cell::new(None),
        }
    }

    /// Says once an outage that there is one, and until when another connection is tried.
    fn tell_lost(&self, lost: &ShellError, until: Instant) {
        if self.lost_since.get().is_some() {
            return;
        }
        let now = Instant::now();
        self.lost_since.set(Some(now));
        let until = Timestamp::now()
            .checked_add(until.saturating_duration_since(now))
            .unwrap_or(Timestamp::MAX);
        self.reporter.report(Event::Note(format!(
            "{lost}; the steps go on there, and another connection is tried until {}",
            utc_to_the_second(until)
        )));
    }

    fn tell_heard(&self) {
        if let Some(since) = self.lost_since.take() {
            let seconds = since.elapsed().as_secs();
            self.reporter
                .report(Event::Note(format!("connected again after {seconds} s")));
        }
    }
}

impl<S: Shell, P: Sweep, R: Reporter> Watched<'_, S, P, R> {
    async fn ended(&self) -> Option<ShellError> {
        let now = Instant::now();
        if self.next_question.get().is_some_and(|next| now < next) {
            return None;
        }
        self.next_question.set(Some(now + QUESTION_INTERVAL));
        let ended = has_ended(self.provider, &self.id).await?;
        Some(ShellError::MachineGone {
            reason: ended.to_string(),
        })
    }
}

impl<S: Shell, P: Sweep, R: Reporter> Shell for Watched<'_, S, P, R> {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        let mut output = Heard {
            inner: output,
            shell: self,
        };
        let result = self.shell.execute(command, stdin, &mut output).await;
        match result {
            Err(lost) if lost.is_connection() => {
                if let Some(ended) = self.ended().await {
                    return Err(ended);
                }
                self.tell_lost(&lost, self.reconnect_until());
                Err(lost)
            }
            result => {
                self.tell_heard();
                result
            }
        }
    }

    async fn interactive(&self) -> Result<Exit, ShellError> {
        self.shell.interactive().await
    }

    /// The instance runs on, and what its steps measure is worth waiting for.
    fn reconnect_until(&self) -> Instant {
        self.end_of_life
            .unwrap_or_else(|| Instant::now() + RECONNECT_DEADLINE)
    }
}

/// Notes that the instance is heard of again.
struct Heard<'a, 'w, O, S, P, R> {
    inner: &'a mut O,
    shell: &'a Watched<'w, S, P, R>,
}

impl<O: Output, S, P, R: Reporter> Output for Heard<'_, '_, O, S, P, R> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        self.shell.tell_heard();
        self.inner.out(bytes).await
    }

    fn err(&mut self, bytes: &[u8]) {
        self.shell.tell_heard();
        self.inner.err(bytes);
    }
}
