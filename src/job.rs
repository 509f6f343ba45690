//! A step as a detached job: started once, followed over any number of connections, ended as a tree.
//!
//! A job is a directory on its machine: `program`, `environment`, `log`, `exit`, and a `lock` that is held from
//! before the start to the end. Everything that collector asks of it may be asked again, so a lost connection
//! costs a new one and nothing else.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::instance::LeaseToken;
use crate::shell::{
    Captured, Command, Output, RECONNECT, RETRY_PAUSE, Shell, ShellError, ask_again, quote,
};

const START: &str = include_str!("job/start.sh");
const SUPERVISE: &str = include_str!("job/supervise.sh");
const FOLLOW: &str = include_str!("job/follow.sh");
const FINISH: &str = include_str!("job/finish.sh");
const KILL: &str = include_str!("job/kill.sh");
const EXPIRE: &str = include_str!("job/expire.sh");
const REMOVE: &str = include_str!("job/remove.sh");

/// A step without its variables would measure something else, and pass: on a full disk it does not start.
const NO_ROOM: &str = "printf '%-15s\\n' 125 1<> exit; exit 125";

/// How long a step has after TERM before KILL.
const GRACE: Duration = Duration::from_secs(5);

/// No attempt to connect takes that long: what lasted longer was a conversation.
const ESTABLISHED: Duration = Duration::from_mins(1);

/// How a job is to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The rental that it belongs to.
    pub lease: LeaseToken,
    /// Its number within the run, from 1.
    pub number: u32,
    /// The directory that holds the jobs of the lease, on the machine that it runs on.
    pub directory: String,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables of the step.
    pub env: Vec<(String, String)>,
    /// Read the login profile first.
    pub login: bool,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// By itself, with this status.
    Exited(i32),
    /// It ran out of time and was ended.
    TimedOut {
        /// Processes that could not be ended.
        survivors: u32,
    },
    /// It was asked to stop and was ended.
    Stopped {
        /// Processes that could not be ended.
        survivors: u32,
    },
    /// It is over, and no status was written.
    Lost,
}

/// The part of a marker that all jobs of a lease share.
fn lease_marker(lease: &LeaseToken) -> String {
    format!("{lease}/")
}

impl Job {
    fn path(&self) -> String {
        format!("{}/{:02}", self.directory, self.number)
    }

    /// Stands in the environment of every process of the job.
    fn marker(&self) -> String {
        format!("{}{:02}-", lease_marker(&self.lease), self.number)
    }

    /// What the supervisor executes: data in front, all of it quoted, then its own fixed text.
    fn program(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quote(word)).collect();
        let environment: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("export {name}={}\n", quote(value)))
            .collect();
        format!(
            "marker={}\nlogin={}\n(umask 077; printf %s {} > environment) || {{ {NO_ROOM}; }}\nset -- \"$1\" {}\n{SUPERVISE}",
            quote(&self.marker()),
            if self.login { "yes" } else { "no" },
            quote(&environment.concat()),
            words.join(" "),
        )
    }

    /// Runs the job to its end and streams its log; a lost connection is taken up again where it broke.
    ///
    /// # Errors
    /// When the machine cannot be reached again, or cannot run jobs at all.
    pub async fn run(
        &self,
        shell: &impl Shell,
        timeout: Option<Duration>,
        stop: &CancellationToken,
        log: &mut impl Output,
    ) -> Result<JobEnd, ShellError> {
        self.start(shell).await?;
        let mut log = Counted {
            inner: log,
            bytes: 0,
        };
        let why = {
            let followed = self.follow(shell, &mut log);
            let out_of_time = async {
                match timeout {
                    Some(timeout) => sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                result = followed => { result?; None }
                () = out_of_time => Some(true),
                () = stop.cancelled() => Some(false),
            }
        };
        let survivors = match why {
            None => 0,
            Some(_) => self.kill(shell).await?,
        };
        let status = self.finish(shell, &mut log).await?;
        Ok(match (why, status) {
            (Some(true), _) => JobEnd::TimedOut { survivors },
            (Some(false), _) => JobEnd::Stopped { survivors },
            (None, Some(status)) => JobEnd::Exited(status),
            (None, None) => {
                self.kill(shell).await?;
                JobEnd::Lost
            }
        })
    }

    async fn start(&self, shell: &impl Shell) -> Result<(), ShellError> {
        let program = self.program();
        let command = Command::new(START, [self.path(), program.len().to_string()]).as_root();
        ask_again(shell, "starting a step", &command, program.as_bytes()).await?;
        Ok(())
    }

    async fn follow(
        &self,
        shell: &impl Shell,
        log: &mut Counted<'_, impl Output>,
    ) -> Result<(), ShellError> {
        let mut deadline = Instant::now() + RECONNECT;
        loop {
            let before = log.bytes;
            let command = Command::new(FOLLOW, [self.path(), before.to_string()]).as_root();
            let connected = Instant::now();
            let error = match shell.execute(&command, tokio::io::empty(), log).await {
                Ok(exit) if exit.success() => return Ok(()),
                // A follower that was killed says nothing about the job.
                Ok(exit) => ShellError::Command {
                    what: "following a step",
                    reason: format!("{exit:?}"),
                },
                Err(error) if error.is_connection() => error,
                Err(error) => return Err(error),
            };
            // A conversation that went well starts the clock anew; an attempt that failed slowly does not.
            if log.bytes > before || connected.elapsed() > ESTABLISHED {
                deadline = Instant::now() + RECONNECT;
            }
            if Instant::now() >= deadline {
                return Err(error);
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// The rest of the log, and the status if one was written.
    async fn finish(
        &self,
        shell: &impl Shell,
        log: &mut Counted<'_, impl Output>,
    ) -> Result<Option<i32>, ShellError> {
        let deadline = Instant::now() + RECONNECT;
        loop {
            let command = Command::new(FINISH, [self.path(), log.bytes.to_string()]).as_root();
            let mut tail = Tail {
                log: &mut *log,
                status: Captured::default(),
            };
            match shell.execute(&command, tokio::io::empty(), &mut tail).await {
                Ok(_) => {
                    let status = String::from_utf8_lossy(&tail.status.stderr);
                    // sudo and a shell may have something of their own to say in front of it.
                    return Ok(status
                        .lines()
                        .rev()
                        .find_map(|line| line.trim().parse().ok()));
                }
                Err(error) if error.is_connection() && Instant::now() < deadline => {
                    sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn kill(&self, shell: &impl Shell) -> Result<u32, ShellError> {
        kill(shell, &self.marker(), GRACE, self.path()).await
    }
}

/// Ends whatever is still running of all jobs of a lease that lie in `directory`; returns how many processes
/// survived.
///
/// # Errors
/// When the machine cannot be talked to.
pub async fn kill_all(
    shell: &impl Shell,
    lease: &LeaseToken,
    directory: &str,
    grace: Duration,
) -> Result<u32, ShellError> {
    kill(shell, &lease_marker(lease), grace, directory.to_owned()).await
}

/// A command that starts a timer on its machine: after `lifetime` it ends all jobs of the lease and removes
/// `directory`, unless [`kill_all`] ends the timer first.
pub fn expire(lease: &LeaseToken, jobs: &str, directory: &str, lifetime: Duration) -> Command {
    let seconds = lifetime.as_secs().max(1).to_string();
    Command::new(
        EXPIRE,
        [
            &seconds,
            &lease_marker(lease),
            jobs,
            directory,
            KILL,
            REMOVE,
        ],
    )
}

/// A command that removes a directory in which steps ran, but nothing that they mounted in it.
pub fn remove(directory: &str) -> Command {
    Command::new(REMOVE, [directory])
}

async fn kill(
    shell: &impl Shell,
    marker: &str,
    grace: Duration,
    directory: String,
) -> Result<u32, ShellError> {
    let tenths = (grace.as_millis() / 100).to_string();
    let args = [marker.to_owned(), tenths, directory];
    let command = Command::new(KILL, args).as_root();
    let captured = ask_again(shell, "ending a step", &command, &[]).await?;
    let survivors = String::from_utf8_lossy(&captured.stdout);
    Ok(survivors.trim().parse().unwrap_or(0))
}

/// Passes a log on and counts its bytes: the offset to go on from.
struct Counted<'a, O> {
    inner: &'a mut O,
    bytes: u64,
}

impl<O: Output> Output for Counted<'_, O> {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Counted once the log has had its chance: what a time-out cuts off in between is asked for again.
        let taken = self.inner.out(bytes).await;
        self.bytes += bytes.len() as u64;
        taken
    }

    fn err(&mut self, _: &[u8]) {}
}

/// The last part of a log on one stream, the status on the other.
struct Tail<'a, 'b, O> {
    log: &'a mut Counted<'b, O>,
    status: Captured,
}

impl<O: Output> Output for Tail<'_, '_, O> {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.log.out(bytes).await
    }

    fn err(&mut self, bytes: &[u8]) {
        self.status.err(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{Exit, RECONNECT};
    use std::cell::Cell;
    use tokio::io::AsyncRead;

    /// A machine that starts a job and is not heard of again: each attempt to reach it takes a second.
    #[derive(Default)]
    struct Vanishing(Cell<bool>);

    impl Shell for Vanishing {
        async fn execute(
            &self,
            _: &Command,
            _: impl AsyncRead + Unpin,
            _: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            if !self.0.replace(true) {
                return Ok(Exit::Code(0));
            }
            sleep(Duration::from_secs(1)).await;
            Err(ShellError::Lost {
                address: "nowhere".into(),
                reason: "the port does not answer".into(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_is_gone_is_given_up() {
        let job = Job {
            lease: LeaseToken::new("run-1"),
            number: 1,
            directory: "/jobs".into(),
            words: vec!["script.sh".into()],
            env: Vec::new(),
            login: true,
        };
        let since = Instant::now();
        let stop = CancellationToken::new();
        let shell = Vanishing::default();
        let mut log = Captured::default();
        let run = job.run(&shell, None, &stop, &mut log);
        let end = tokio::time::timeout(2 * RECONNECT, run)
            .await
            .expect("it hangs");
        assert!(matches!(end, Err(ShellError::Lost { .. })));
        assert!(since.elapsed() >= RECONNECT);
    }
}
