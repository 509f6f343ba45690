//! The real shell of this machine, which counts its commands.

use std::cell::Cell;

use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use tokio::io::AsyncRead;

pub(crate) struct CountingShell {
    shell: ProcessShell,
    commands: Cell<u32>,
}

impl CountingShell {
    pub(crate) fn of(shell: ProcessShell) -> Self {
        Self {
            shell,
            commands: Cell::new(0),
        }
    }

    /// The number of commands that it was given.
    pub(crate) fn commands(&self) -> u32 {
        self.commands.get()
    }
}

impl Shell for CountingShell {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        self.commands.set(self.commands.get() + 1);
        self.shell.execute(command, stdin, output).await
    }
}
