//! One command that starts a job, streams its log and tells how it ended; further ones where its connection breaks.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Job, Log, START_DEADLINE, State};
use crate::shell::{Command, Exit, Output, Reconnect, Shell, ShellError, one_line};

/// Starts the job in `$1`, whose size and directory are `$2` and `$3`, and follows it from byte `$5` of its log on, with
/// its directory in `$4`.
const RUN: &str = concat!(
    "(\n",
    include_str!("start.sh"),
    ")\nstarted=$?\n[ \"$started\" = 0 ] || exit \"$started\"\nshift 3\n",
    include_str!("follow.sh"),
    "exec >&2\n",
    include_str!("state.sh")
);
const FOLLOW: &str = concat!(
    include_str!("follow.sh"),
    "exec >&2\n",
    include_str!("state.sh")
);
const WAIT: &str = concat!(
    include_str!("wait.sh"),
    "exec >&2\n",
    include_str!("state.sh")
);

/// What the scripts say once the job has begun.
const FOLLOWING: &str = "following";

/// The pause before a follower that was ended is followed by another, and how many may end without a byte.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);
const MAX_FAILED_FOLLOWERS: u32 = 100;

/// The most that is kept of a line on standard error, in bytes.
const MAX_LINE: usize = 4096;

/// The follower of a job, from before its start to its end.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    job: &'a Job,
    begun: watch::Sender<bool>,
}

impl<'a> Follower<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self {
            job,
            begun: watch::Sender::new(false),
        }
    }

    /// Whether the job is known to have begun.
    pub(super) fn begun(&self) -> watch::Receiver<bool> {
        self.begun.subscribe()
    }

    /// Starts the job and streams its log, as far as that is taken, until it is over.
    ///
    /// # Errors
    /// When the machine cannot be reached again, or cannot run jobs at all.
    pub(super) async fn follow(
        &self,
        shell: &impl Shell,
        log: &mut impl Log,
    ) -> Result<State, ShellError> {
        let program = self.job.program();
        let mut reconnect = Reconnect::new(shell);
        let mut failures = 0;
        loop {
            let before = log.next();
            let has_begun = *self.begun.borrow();
            let (command, input) = if has_begun {
                (self.next_command(log), "")
            } else {
                (self.first_command(&program), program.as_str())
            };
            let mut following = Following {
                log: &mut *log,
                begun: &self.begun,
                heard: false,
                line: Vec::new(),
                said: String::new(),
                state: None,
            };
            let command = command.as_root();
            let execution = shell.execute(&command, input.as_bytes(), &mut following);
            let end = tokio::select! { biased;
                end = execution => end,
                error = self.never_begins() => Err(error),
            };
            if following.heard {
                reconnect.progressed();
            }
            let Following { said, state, .. } = following;
            if log.next() > before {
                failures = 0;
            }
            match end {
                Ok(exit) if exit.success() => match state {
                    Some(state) => return Ok(state),
                    None => return self.job.state(shell).await,
                },
                Ok(exit) if !*self.begun.borrow() => {
                    return Err(failed("starting a step", exit, said));
                }
                // A follower that was killed says nothing about the job.
                Ok(_) if failures < MAX_FAILED_FOLLOWERS => {
                    failures += 1;
                    sleep(FOLLOW_PAUSE).await;
                }
                Ok(exit) => return Err(failed("following a step", exit, said)),
                Err(ShellError::LocalIo { .. }) if log.is_full() => {}
                Err(error) => reconnect.after(error).await?,
            }
        }
    }

    /// Starts the job, however often it is executed.
    fn first_command(&self, program: &str) -> Command {
        let Job { home, .. } = self.job;
        let path = self.job.path();
        let size = program.len().to_string();
        Command::new(RUN, [path.clone(), size, home.clone(), path, "0".into()])
    }

    fn next_command(&self, log: &impl Log) -> Command {
        if log.is_full() {
            Command::new(WAIT, [self.job.path()])
        } else {
            Command::new(FOLLOW, [self.job.path(), log.next().to_string()])
        }
    }

    /// The end of the wait for a job that does not begin.
    async fn never_begins(&self) -> ShellError {
        let mut begun = self.begun();
        let begins = async { begun.wait_for(|begun| *begun).await.is_ok() };
        if timeout(START_DEADLINE, begins).await.is_ok() {
            return pending().await;
        }
        ShellError::Stalled {
            what: "starting a step",
            seconds: START_DEADLINE.as_secs(),
        }
    }
}

fn failed(what: &'static str, exit: Exit, said: String) -> ShellError {
    let reason = if said.is_empty() {
        format!("{exit:?}")
    } else {
        said
    };
    ShellError::Command { what, reason }
}

/// Passes a log on, and reads what the scripts say beside it.
struct Following<'a, L> {
    log: &'a mut L,
    begun: &'a watch::Sender<bool>,
    /// The machine is heard of.
    heard: bool,
    /// The line on standard error that has not ended.
    line: Vec<u8>,
    /// The last line that was none of the scripts'.
    said: String,
    state: Option<State>,
}

impl<L: Log> Following<'_, L> {
    fn hear(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.trim_end() == FOLLOWING {
            self.begun.send_replace(true);
        } else if let Some(state) = State::read(&text) {
            self.state = Some(state);
        } else {
            self.said = one_line(line);
        }
    }
}

impl<L: Log> Output for Following<'_, L> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        self.heard = true;
        self.begun.send_replace(true);
        self.log.out(bytes).await?;
        if self.log.is_full() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) {
        self.heard = true;
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.hear(&line);
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            }
        }
    }
}
