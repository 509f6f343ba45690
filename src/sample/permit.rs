//! A shell with a permit to transfer, which goes to another sample while the connection is lost.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::shell::{Command, Exit, Output, Shell, ShellError, run_script};

/// Does nothing: that it ends tells that there is a connection.
const CONNECT: &str = ":";

/// The deadline for a machine that is to do nothing.
const CONNECT_DEADLINE: Duration = Duration::from_mins(5);

/// A shell for transfers, of which there are only so many at once.
pub(super) struct Permitted<'a, S> {
    shell: &'a S,
    transfers: &'a Semaphore,
    permit: Cell<Option<SemaphorePermit<'a>>>,
}

impl<'a, S: Shell> Permitted<'a, S> {
    /// Waits for a permit, which is given back when the shell is dropped.
    pub(super) async fn wait(shell: &'a S, transfers: &'a Semaphore) -> Self {
        let permitted = Self {
            shell,
            transfers,
            permit: Cell::new(None),
        };
        permitted.take().await;
        permitted
    }

    async fn take(&self) {
        // Never closed while samples run.
        self.permit.set(self.transfers.acquire().await.ok());
    }
}

impl<S: Shell> Shell for Permitted<'_, S> {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        self.shell.execute(command, stdin, output).await
    }

    /// Waits for the connection without a permit, and then for one again: an outage of some samples holds up no other.
    async fn wait_to_retry(&self) -> Result<(), ShellError> {
        self.permit.take();
        let connect = Command::new::<&str>(CONNECT, []);
        loop {
            self.shell.wait_to_retry().await?;
            let what = "connecting again";
            match run_script(self.shell, what, &connect, &[], CONNECT_DEADLINE).await {
                Ok(_) => break,
                Err(error) if error.is_connection() => {}
                Err(error) => return Err(error),
            }
        }
        self.take().await;
        Ok(())
    }

    fn reconnect_until(&self) -> Instant {
        self.shell.reconnect_until()
    }
}
