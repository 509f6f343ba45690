//! The seam to a machine that commands run on: one primitive, everything else is built from it.

pub mod process;
mod reconnect;
pub mod ssh;
mod stall;
mod terminal;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep};

pub use crate::quoting::quote;
use reconnect::RECONNECT_PAUSE;
pub use reconnect::{RECONNECT_DEADLINE, Reconnect};
pub use stall::execute_unless_stalled;

/// A POSIX shell script with arguments; as root where the shell can be root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    interpreter: &'static str,
    script: &'static str,
    args: Vec<String>,
    root: bool,
}

impl Command {
    /// Runs as the login user. The arguments arrive as `$1`, `$2`, …, whatever they contain.
    pub fn new<S: Into<String>>(script: &'static str, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            interpreter: "sh",
            script,
            args: args.into_iter().map(Into::into).collect(),
            root: false,
        }
    }

    /// The same for a script that needs bash.
    #[must_use]
    pub const fn in_bash(mut self) -> Self {
        self.interpreter = "bash";
        self
    }

    /// The same as root.
    #[must_use]
    pub const fn as_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// Whether root is asked for.
    pub const fn wants_root(&self) -> bool {
        self.root
    }

    /// The program and its arguments, to be run without a shell in between.
    pub fn argv(&self) -> impl Iterator<Item = &str> {
        [self.interpreter, "-c", self.script, "collector"]
            .into_iter()
            .chain(self.args.iter().map(String::as_str))
    }
}

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By a signal.
    Signal,
}

impl Exit {
    /// Whether the status is 0.
    pub const fn success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

/// Receives what a command writes.
pub trait Output {
    /// The next bytes of standard output. The command is held up until they are taken.
    async fn out(&mut self, bytes: Bytes) -> io::Result<()>;

    /// The next bytes of standard error.
    fn err(&mut self, bytes: &[u8]);
}

/// Keeps what a command writes, up to [`Captured::LIMIT`] bytes of each stream; the rest is dropped.
#[derive(Debug, Default)]
pub struct Captured {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// Enough for every answer that collector asks for.
    pub const LIMIT: usize = 1 << 20;

    /// Standard error as one line of text without control characters: it comes from the machine and goes to a terminal.
    pub fn stderr_line(&self) -> String {
        one_line(&self.stderr)
    }
}

/// The output of a machine as one line of text that does nothing to a terminal.
pub fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn keep(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let room = Captured::LIMIT.saturating_sub(buffer.len());
    buffer.extend(bytes.iter().take(room));
}

impl Output for Captured {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        keep(&mut self.stdout, &bytes);
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) {
        keep(&mut self.stderr, bytes);
    }
}

/// A machine that commands run on, in the login user's home directory.
pub trait Shell {
    /// Runs a command to its end and streams what it reads and writes.
    ///
    /// A shell that lost its connection makes a new one first. A command whose connection is lost on the way
    /// is an error and may go on running: whether it may be repeated is for the caller to know.
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError>;

    /// Gives the terminal of this process to a login shell on the machine, until that ends. A machine may have none.
    async fn interactive(&self) -> Result<Exit, ShellError> {
        Err(ShellError::Start {
            address: "the machine".into(),
            what: "an interactive shell",
            reason: "it has none".into(),
        })
    }

    /// Waits, once the connection was lost, until another attempt is worth it.
    ///
    /// # Errors
    /// Why none is.
    async fn wait_to_retry(&self) -> Result<(), ShellError> {
        sleep(RECONNECT_PAUSE).await;
        Ok(())
    }

    /// When a connection that is lost now is given up.
    fn reconnect_until(&self) -> Instant {
        Instant::now() + RECONNECT_DEADLINE
    }
}

/// Why a conversation with a machine failed.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The connection broke.
    #[error("the connection to {address} was lost: {reason}")]
    Lost {
        /// The machine.
        address: String,
        /// The cause.
        reason: String,
    },
    /// The connection broke because the machine is no more.
    #[error("{reason}")]
    MachineGone {
        /// Why it ended, as the provider tells it.
        reason: String,
    },
    /// No connection within the deadline.
    #[error("no connection to {address} within {seconds} s: {reason}")]
    Unreachable {
        /// The machine.
        address: String,
        /// The deadline.
        seconds: u64,
        /// The last attempt's error.
        reason: String,
    },
    /// The machine's key is not the one that collector installed.
    #[error("{address} shows the host key {shown}, but {expected} was installed")]
    HostKey {
        /// The machine.
        address: String,
        /// Fingerprint of the key that it has.
        shown: String,
        /// Fingerprint of the key that it should have.
        expected: String,
    },
    /// The command could not be started.
    #[error("{what} could not be started on {address}: {reason}")]
    Start {
        /// The machine.
        address: String,
        /// The command.
        what: &'static str,
        /// The cause.
        reason: String,
    },
    /// One of collector's own commands failed.
    #[error("{what} failed on the instance: {reason}")]
    Command {
        /// The task of the command.
        what: &'static str,
        /// Its standard error.
        reason: String,
    },
    /// The machine answers, but one of collector's own commands does not.
    #[error("{what} made no progress for {seconds} s")]
    Stalled {
        /// The task of the command.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// A file could not be sent.
    #[error("`{path}` could not be sent: {source}")]
    Unsent {
        /// Its place on the machine.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Reading or writing on this machine failed.
    #[error("{what}: {source}")]
    LocalIo {
        /// The task of the command.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl ShellError {
    /// Whether another connection may do better.
    pub const fn is_connection(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// The remedy.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Lost { .. } => "the instance or the network went away",
            Self::MachineGone { .. } => {
                "somebody terminated it, it powered itself off, or `max_lifetime` was over; the logs of its steps were kept as far as they came"
            }
            Self::Unreachable { .. } => {
                "the security group must let this machine in on `ssh_port`; `address: private` is for machines inside the VPC; the image must run sshd and cloud-init"
            }
            Self::HostKey { .. } => {
                "either the image does not apply cloud-init user-data, or somebody sits in between: nothing was sent"
            }
            Self::Start { .. } => "the login user needs a POSIX shell, and sudo without a password",
            Self::Command { .. } => {
                "the image needs a POSIX shell, bash, GNU tar, findutils, coreutils and util-linux, and room on its disk"
            }
            Self::Stalled { .. } => {
                "a disk or a network file system of the machine hangs, or it is short of memory"
            }
            Self::Unsent { .. } => {
                "the scripts and what `upload` names have to stay as they are until the instance has them; leave out what changes with a `!`"
            }
            Self::LocalIo { .. } => return None,
        })
    }
}

/// Runs one of collector's own scripts and keeps its output; ended when nothing moves for `limit`.
///
/// # Errors
/// When the machine cannot be talked to, when nothing moves, and when the script exits with anything but 0.
pub async fn run_script(
    shell: &impl Shell,
    what: &'static str,
    command: &Command,
    stdin: &[u8],
    limit: Duration,
) -> Result<Captured, ShellError> {
    let mut captured = Captured::default();
    let exit = execute_unless_stalled(shell, what, command, stdin, &mut captured, limit).await?;
    if exit.success() {
        return Ok(captured);
    }
    let stderr = captured.stderr_line();
    Err(ShellError::Command {
        what,
        reason: if stderr.is_empty() {
            format!("{exit:?}")
        } else {
            stderr
        },
    })
}

/// The same for a script that may run twice: a lost connection is taken up again.
///
/// # Errors
/// Those of [`run_script`], once the machine is given up.
pub async fn run_idempotent(
    shell: &impl Shell,
    what: &'static str,
    command: &Command,
    stdin: &[u8],
    limit: Duration,
) -> Result<Captured, ShellError> {
    let mut reconnect = Reconnect::new(shell);
    loop {
        match run_script(shell, what, command, stdin, limit).await {
            Err(error) => reconnect.after(error).await?,
            Ok(captured) => return Ok(captured),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_machine_says_does_nothing_to_a_terminal() {
        let mut captured = Captured::default();
        captured.err(b"\x1b]0;title\x07 no\r\n\tspace\x1b[31m \xc2\x9bleft");
        assert_eq!(captured.stderr_line(), "]0;title no space [31m left");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_quoted_word_reaches_the_program_unchanged(word in "[^\0]{0,60}") {
            let line = format!("printf %s {}", quote(&word));
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            prop_assert_eq!(output.stdout, word.into_bytes());
        }
    }
}
