//! The real shell of this machine behind a connection that can break.

use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use tokio::io::AsyncRead;

use super::Simulation;
use super::simulation::Line;

#[derive(Debug)]
pub(crate) struct FlakyShell {
    pub(crate) shell: ProcessShell,
    pub(crate) simulation: Rc<Simulation>,
    /// The sample whose instance this is, behind a connection that can break.
    pub(crate) sample: Option<u32>,
    /// The directory of all its programs, where it lacks one.
    pub(crate) programs: Option<PathBuf>,
}

/// Runs a command with no other programs than those in a directory.
const WITH_PROGRAMS: &str = "PATH=$1; export PATH; shift; exec \"$@\"";

fn lost() -> ShellError {
    ShellError::Lost {
        address: "the instance".into(),
        reason: "the test says so".into(),
    }
}

impl FlakyShell {
    fn is_remote(&self) -> bool {
        self.sample.is_some()
    }

    /// Why no command gets through just now.
    pub(crate) fn trouble(&self) -> Option<ShellError> {
        if self
            .sample
            .is_some_and(|sample| self.simulation.is_cut(sample))
        {
            self.simulation.freeze();
            return Some(lost());
        }
        match self.simulation.line.get() {
            Line::Broken => {
                self.simulation.line.set(Line::Good);
                Some(ShellError::Start {
                    address: "the instance".into(),
                    what: "a command",
                    reason: "the test says so".into(),
                })
            }
            Line::Lost if self.is_remote() => {
                self.simulation.line.set(Line::Good);
                Some(lost())
            }
            Line::Cut if self.simulation.is_back() => {
                self.simulation.thaw();
                self.simulation.line.set(Line::Good);
                None
            }
            Line::Cut if self.is_remote() => {
                self.simulation.freeze();
                Some(lost())
            }
            // A process of this machine is waited for under a deadline: it needs real time.
            Line::Cut => {
                self.simulation.thaw();
                None
            }
            _ => None,
        }
    }

    /// Whether the answer to this command is lost: the first one is.
    fn loses_answer(&self, command: &Command) -> bool {
        let argv = command.argv().map(str::to_owned).collect();
        let mut unanswered = self.simulation.unanswered.borrow_mut();
        self.is_remote() && unanswered.as_mut().is_some_and(|seen| seen.insert(argv))
    }
}

impl Shell for FlakyShell {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if let Some(error) = self.trouble() {
            return Err(error);
        }
        let mut tap = Tap {
            output,
            simulation: &self.simulation,
            remote: self.is_remote(),
        };
        let command = match &self.programs {
            Some(programs) => {
                let argv = [programs.to_str().unwrap()]
                    .into_iter()
                    .chain(command.argv());
                &Command::new(WITH_PROGRAMS, argv)
            }
            None => command,
        };
        let executing = self.shell.execute(command, stdin, &mut tap);
        let result = if self.simulation.has_outage() {
            self.simulation.out_of_time(executing).await
        } else {
            executing.await
        };
        if let Some(error) = self.trouble() {
            return Err(error);
        }
        if self.loses_answer(command) {
            return Err(lost());
        }
        result
    }
}

/// Passes output on until the connection breaks.
struct Tap<'a, O> {
    output: &'a mut O,
    simulation: &'a Simulation,
    remote: bool,
}

impl<O: Output> Output for Tap<'_, O> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        self.output.out(bytes).await?;
        if self.remote && self.simulation.line.get() != Line::Good {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) {
        self.output.err(bytes);
    }
}
