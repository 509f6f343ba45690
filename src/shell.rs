//! The seam to a machine that commands run on: one primitive, everything else is built from it.

pub mod process;
pub mod ssh;

use std::io;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep, timeout_at};

/// Past this a machine that cannot be reached again is given up.
pub const RECONNECT: Duration = Duration::from_mins(5);

/// Between two attempts to take up a lost conversation.
pub const RETRY_PAUSE: Duration = Duration::from_millis(500);

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

    /// The words of the command, to be run without a shell in between.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        [self.interpreter, "-c", self.script, "collector"]
            .into_iter()
            .chain(self.args.iter().map(String::as_str))
    }
}

/// A word as one single-quoted word of a POSIX shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How a command ended.
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
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()>;

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

    /// Standard error as one line of text.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn keep(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let room = Captured::LIMIT.saturating_sub(buffer.len());
    buffer.extend(bytes.iter().take(room));
}

impl Output for Captured {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        keep(&mut self.stdout, bytes);
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
}

/// Why a conversation with a machine failed.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The connection broke.
    #[error("the connection to {address} was lost: {reason}")]
    Lost {
        /// The machine.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The connection broke because the machine is no more.
    #[error("{reason}")]
    Ended {
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
        /// What was to run.
        what: &'static str,
        /// What happened.
        reason: String,
    },
    /// One of collector's own commands failed.
    #[error("{what} failed on the instance: {reason}")]
    Command {
        /// What was tried.
        what: &'static str,
        /// What it wrote.
        reason: String,
    },
    /// Reading or writing on this machine failed.
    #[error("{what}: {source}")]
    Here {
        /// What was tried.
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

    /// What the user can do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Lost { .. } => "the instance or the network went away",
            Self::Ended { .. } => {
                "somebody terminated it, it powered itself off, or `max_lifetime` was over; the logs of its steps are here as far as they came"
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
            Self::Here { .. } => return None,
        })
    }
}

/// Runs one of collector's own commands and keeps its output.
///
/// # Errors
/// When the machine cannot be talked to, and when the command exits with anything but 0.
pub async fn ask(
    shell: &impl Shell,
    what: &'static str,
    command: &Command,
    stdin: &[u8],
) -> Result<Captured, ShellError> {
    let mut captured = Captured::default();
    let exit = shell.execute(command, stdin, &mut captured).await?;
    if exit.success() {
        return Ok(captured);
    }
    let complaint = captured.complaint();
    Err(ShellError::Command {
        what,
        reason: if complaint.is_empty() {
            format!("{exit:?}")
        } else {
            complaint
        },
    })
}

/// The same for a question that may be asked twice: a lost connection is taken up again, up to [`RECONNECT`].
///
/// # Errors
/// When the machine cannot be reached again, and when the command exits with anything but 0.
pub async fn ask_again(
    shell: &impl Shell,
    what: &'static str,
    command: &Command,
    stdin: &[u8],
) -> Result<Captured, ShellError> {
    let deadline = Instant::now() + RECONNECT;
    loop {
        match ask(shell, what, command, stdin).await {
            Err(error) if error.is_connection() => {
                if timeout_at(deadline, sleep(RETRY_PAUSE)).await.is_err() {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
