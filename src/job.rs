//! A step as a detached job: started once, followed over any number of connections, ended as a tree.
//!
//! A job is a directory on its machine: `program`, `environment`, `log`, `exit`, and a `lock` that is held from
//! before the start to the end. Everything that collector asks of it may be asked again, so a lost connection
//! costs a new one and nothing else.

use std::io;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::instance::LeaseToken;
use crate::shell::{
    Captured, Command, Output, Reconnect, Shell, ShellError, execute_unless_stalled, quote,
    run_idempotent,
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

/// The deadlines for the scripts around a step. [`KILL`] may need its grace and five seconds more, on a machine with
/// thousands of processes several times that.
const START_DEADLINE: Duration = Duration::from_mins(1);
const KILL_DEADLINE: Duration = Duration::from_mins(2);

/// The time after which a log of which nothing moves has stalled.
const LOG_STALL: Duration = Duration::from_mins(1);

/// The pause before a follower that was ended is followed by another, and how many may end without a byte.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);
const MAX_FAILED_FOLLOWERS: u32 = 100;

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
    pub argv: Vec<String>,
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
        let words: Vec<String> = self.argv.iter().map(|word| quote(word)).collect();
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
            heard: false,
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
        run_idempotent(
            shell,
            "starting a step",
            &command,
            program.as_bytes(),
            START_DEADLINE,
        )
        .await?;
        Ok(())
    }

    async fn follow(
        &self,
        shell: &impl Shell,
        log: &mut Counted<'_, impl Output>,
    ) -> Result<(), ShellError> {
        let mut reconnect = Reconnect::new(shell);
        let mut failures = 0;
        loop {
            let before = log.bytes;
            let command = Command::new(FOLLOW, [self.path(), before.to_string()]).as_root();
            let end = shell.execute(&command, tokio::io::empty(), log).await;
            if std::mem::take(&mut log.heard) {
                reconnect.progressed();
            }
            if log.bytes > before {
                failures = 0;
            }
            match end {
                Ok(exit) if exit.success() => return Ok(()),
                // A follower that was killed says nothing about the job.
                Ok(_) if failures < MAX_FAILED_FOLLOWERS => {
                    failures += 1;
                    sleep(FOLLOW_PAUSE).await;
                }
                Ok(exit) => {
                    return Err(ShellError::Command {
                        what: "following a step",
                        reason: format!("{exit:?}"),
                    });
                }
                Err(error) => reconnect.after(error).await?,
            }
        }
    }

    /// The rest of the log, and the status if one was written.
    async fn finish(
        &self,
        shell: &impl Shell,
        log: &mut Counted<'_, impl Output>,
    ) -> Result<Option<i32>, ShellError> {
        let mut reconnect = Reconnect::new(shell);
        loop {
            let command = Command::new(FINISH, [self.path(), log.bytes.to_string()]).as_root();
            let mut tail = Tail {
                log: &mut *log,
                status: Captured::default(),
            };
            let finishing = execute_unless_stalled(
                shell,
                "fetching a log",
                &command,
                tokio::io::empty(),
                &mut tail,
                LOG_STALL,
            );
            match finishing.await {
                Ok(_) => {
                    let status = String::from_utf8_lossy(&tail.status.stderr);
                    // sudo and a shell may have something of their own to say in front of it.
                    return Ok(status
                        .lines()
                        .rev()
                        .find_map(|line| line.trim().parse().ok()));
                }
                Err(error) => reconnect.after(error).await?,
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
    let captured = run_idempotent(shell, "ending a step", &command, &[], KILL_DEADLINE).await?;
    let survivors = String::from_utf8_lossy(&captured.stdout);
    Ok(survivors.trim().parse().unwrap_or(0))
}

/// Passes a log on and counts its bytes: the offset to go on from.
struct Counted<'a, O> {
    inner: &'a mut O,
    bytes: u64,
    /// Something came through.
    heard: bool,
}

impl<O: Output> Output for Counted<'_, O> {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Counted once the log has had its chance: what a time-out cuts off in between is asked for again.
        self.heard = true;
        let taken = self.inner.out(bytes).await;
        self.bytes += bytes.len() as u64;
        taken
    }

    fn err(&mut self, _: &[u8]) {
        self.heard = true;
    }
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
    use crate::shell::{Exit, RECONNECT_DEADLINE};
    use std::cell::Cell;
    use tokio::io::AsyncRead;
    use tokio::time::Instant;

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

    fn job() -> Job {
        Job {
            lease: LeaseToken::new("run-1"),
            number: 1,
            directory: "/jobs".into(),
            argv: vec!["script.sh".into()],
            env: Vec::new(),
            login: true,
        }
    }

    /// A machine that holds the connection and does nothing.
    struct Hanging;

    impl Shell for Hanging {
        async fn execute(
            &self,
            _: &Command,
            _: impl AsyncRead + Unpin,
            _: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_answers_nothing_is_given_up() {
        let stop = CancellationToken::new();
        let mut log = Captured::default();
        let end = job().run(&Hanging, None, &stop, &mut log).await;
        assert!(matches!(end, Err(ShellError::Stalled { .. })));
        let lease = LeaseToken::new("run-1");
        let end = kill_all(&Hanging, &lease, "/jobs", GRACE).await;
        assert!(matches!(end, Err(ShellError::Stalled { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_is_gone_is_given_up() {
        let since = Instant::now();
        let stop = CancellationToken::new();
        let shell = Vanishing::default();
        let mut log = Captured::default();
        let job = job();
        let run = job.run(&shell, None, &stop, &mut log);
        let end = tokio::time::timeout(2 * RECONNECT_DEADLINE, run)
            .await
            .expect("it hangs");
        assert!(matches!(end, Err(ShellError::Lost { .. })));
        assert!(since.elapsed() >= RECONNECT_DEADLINE);
    }
}
