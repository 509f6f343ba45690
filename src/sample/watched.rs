//! A shell on an instance that may vanish: when its connection is lost, the provider is asked whether it still lives.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use crate::instance::InstanceId;
use crate::lease::has_ended;
use crate::provider::Sweep;
use crate::shell::{Command, Exit, Output, Shell, ShellError};

/// The pause between two questions.
const QUESTION_INTERVAL: Duration = Duration::from_secs(10);

/// A shell whose lost connections are final once its instance has ended.
#[derive(Debug)]
pub(super) struct Watched<'a, S, P> {
    pub(super) shell: S,
    pub(super) provider: &'a P,
    pub(super) id: InstanceId,
    pub(super) next_question: Cell<Option<Instant>>,
}

impl<S: Shell, P: Sweep> Watched<'_, S, P> {
    async fn ended(&self) -> Option<ShellError> {
        let now = Instant::now();
        if self.next_question.get().is_some_and(|next| now < next) {
            return None;
        }
        self.next_question.set(Some(now + QUESTION_INTERVAL));
        let ended = has_ended(self.provider, &self.id).await?;
        Some(ShellError::Ended {
            reason: ended.to_string(),
        })
    }
}

impl<S: Shell, P: Sweep> Shell for Watched<'_, S, P> {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        match self.shell.execute(command, stdin, output).await {
            Err(lost) if lost.is_connection() => Err(self.ended().await.unwrap_or(lost)),
            result => result,
        }
    }
}
