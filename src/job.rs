//! A step as a detached job: started once, followed over any number of connections, ended as a tree.
//!
//! A job is a directory on its machine: `program`, `environment`, `log`, `exit`, and a `lock` that is held from
//! before the start to the end. Everything that collector asks of it may be asked again, so a lost connection
//! costs a new one and nothing else.

mod follow;
mod log;
mod metrics;

use std::future::pending;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::instance::LeaseToken;
use crate::shell::{Command, Shell, ShellError, quote, run_idempotent};
use follow::Follower;
pub use log::{Log, log_sizes, read_log, read_rest};
pub use metrics::{Sampler, Sampling};

const START: &str = include_str!("job/start.sh");
const SUPERVISE: &str = include_str!("job/supervise.sh");
const STATE: &str = include_str!("job/state.sh");
const KILL: &str = include_str!("job/kill.sh");
const EXPIRE: &str = include_str!("job/expire.sh");
const GUARD: &str = include_str!("job/guard.sh");
const REMOVE: &str = include_str!("job/remove.sh");

/// A step without its variables would measure something else, and pass: on a full disk it does not start.
const NO_ROOM: &str = "printf '%-15s\\n' 125 1<> exit; exit 125";

/// The time that a step has after TERM before KILL.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// The deadlines for the scripts around a step. [`KILL`] may need its grace and five seconds more, on a machine with
/// thousands of processes several times that.
const START_DEADLINE: Duration = Duration::from_mins(1);
const KILL_DEADLINE: Duration = Duration::from_mins(2);

/// A detached step: its program, and how it runs.
#[derive(Debug, Clone)]
pub struct Job {
    /// The rental that it belongs to.
    pub lease: LeaseToken,
    /// Its number within the run, from 1.
    pub number: u32,
    /// The name of its log without `.log`, for the system metrics.
    pub label: String,
    /// The directory that holds the jobs of the lease, on the machine that it runs on.
    pub directory: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables of the step.
    pub env: Vec<(String, String)>,
    /// The directory that it runs in, relative to the one that commands start in.
    pub home: String,
    /// The CPUs that it is kept to, as `taskset` takes them; any where there is none.
    pub cpus: Option<String>,
    /// Read the login profile first.
    pub login: bool,
}

/// The end of a job.
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

/// The end of a job, and how much it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedJob {
    /// The end.
    pub end: JobEnd,
    /// The size of its log then, in bytes. What it left running may write more.
    pub log_size: u64,
}

/// Why a job was ended.
#[derive(Debug, Clone, Copy)]
enum Early {
    OutOfTime,
    Stopped,
}

/// What a job's directory tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// The size of the log, in bytes.
    log_size: u64,
    /// The exit status, if one was written.
    status: Option<i32>,
}

impl State {
    /// Reads the line that `state.sh` prints; any other line is none.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("state ")?.split_whitespace();
        Some(Self {
            log_size: words.next()?.parse().ok()?,
            status: words.next().and_then(|status| status.parse().ok()),
        })
    }
}

/// Sleeps, for ever where there is no end.
async fn sleep_for(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

fn path(directory: &str, number: u32) -> String {
    format!("{directory}/{number:02}")
}

/// The part of a marker that all jobs of a lease share.
fn lease_marker(lease: &LeaseToken) -> String {
    format!("{lease}/")
}

/// The name of the control group of a job with this marker.
fn control_group(marker: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    format!(
        "collector-{}",
        marker.chars().map(plain).collect::<String>()
    )
}

impl Job {
    fn path(&self) -> String {
        path(&self.directory, self.number)
    }

    /// Stands in the environment of every process of the job.
    fn marker(&self) -> String {
        format!("{}{:02}-", lease_marker(&self.lease), self.number)
    }

    /// The input of the supervisor: data in front, all of it quoted, then its own fixed text.
    fn program(&self) -> String {
        let argv: Vec<String> = self.argv.iter().map(|word| quote(word)).collect();
        let variables: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| quote(&format!("{name}={value}")))
            .collect();
        let environment = format!("set -- env -- {} \"$@\"\n", variables.join(" "));
        let marker = self.marker();
        format!(
            "marker={}\ngroup={}\nlogin={}\nlabel={}\ncpus={}\n(umask 077; printf %s {} > environment) || {{ {NO_ROOM}; }}\nset -- \"$1\" {}\n{SUPERVISE}",
            quote(&marker),
            control_group(&marker),
            if self.login { "yes" } else { "no" },
            quote(&self.label),
            quote(self.cpus.as_deref().unwrap_or_default()),
            quote(&environment),
            argv.join(" "),
        )
    }

    /// Runs the job to its end and streams its log, as far as that is taken; a lost connection is taken up again where
    /// it broke. The last bytes of the log may still be missing.
    ///
    /// # Errors
    /// When the machine cannot be reached again, or cannot run jobs at all.
    pub async fn run(
        &self,
        shell: &impl Shell,
        timeout: Option<Duration>,
        stop: &CancellationToken,
        log: &mut impl Log,
    ) -> Result<FinishedJob, ShellError> {
        let follower = Follower::new(self);
        let mut begun = follower.begun();
        let result = {
            let following = follower.follow(shell, log);
            // A step that has not begun has no time that runs out, and nothing to stop.
            let ended_early = async {
                if begun.wait_for(|begun| *begun).await.is_err() {
                    return pending().await;
                }
                tokio::select! { biased;
                    () = sleep_for(timeout) => Early::OutOfTime,
                    () = stop.cancelled() => Early::Stopped,
                }
            };
            tokio::select! { biased;
                state = following => Ok(state?),
                early = ended_early => Err(early),
            }
        };
        let (state, early) = match result {
            Ok(state) => (Ok(state), None),
            // It may have ended by itself while nobody could see it.
            Err(early) => (self.state(shell).await, Some(early)),
        };
        match state {
            Ok(State {
                log_size,
                status: Some(status),
            }) => {
                return Ok(FinishedJob {
                    end: JobEnd::Exited(status),
                    log_size,
                });
            }
            Err(error) if error.is_connection() => return Err(error),
            _ => {}
        }
        let survivors = self.kill(shell).await?;
        let State { log_size, .. } = self.state(shell).await?;
        let end = match early {
            Some(Early::OutOfTime) => JobEnd::TimedOut { survivors },
            Some(Early::Stopped) => JobEnd::Stopped { survivors },
            None => JobEnd::Lost,
        };
        Ok(FinishedJob { end, log_size })
    }

    async fn start(&self, shell: &impl Shell) -> Result<(), ShellError> {
        let program = self.program();
        let command = Command::new(
            START,
            [self.path(), program.len().to_string(), self.home.clone()],
        )
        .as_root();
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

    /// How far the job is.
    async fn state(&self, shell: &impl Shell) -> Result<State, ShellError> {
        let what = "asking how a step ended";
        let command = Command::new(STATE, [self.path()]).as_root();
        let answer = run_idempotent(shell, what, &command, &[], START_DEADLINE).await?;
        let answer = String::from_utf8_lossy(&answer.stdout);
        answer
            .lines()
            .find_map(State::read)
            .ok_or_else(|| ShellError::Command {
                what,
                reason: format!("it answered {answer:?}"),
            })
    }

    async fn kill(&self, shell: &impl Shell) -> Result<u32, ShellError> {
        kill(shell, &self.marker(), GRACE_PERIOD, vec![self.path()]).await
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
    let jobs = vec![directory.to_owned()];
    kill(shell, &lease_marker(lease), grace, jobs).await
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

/// A command that waits until its input ends, and ends the jobs then that lie in `directory`, one directory below for each
/// of the leases that are `owner` and its name.
pub fn guard(directory: &str, owner: &str) -> Command {
    Command::new(GUARD, [directory, owner, KILL])
}

/// A command that removes a directory in which steps ran, but nothing that they mounted in it.
pub fn remove(directory: &str) -> Command {
    Command::new(REMOVE, [directory])
}

/// Ends whatever carries a marker that begins like this, with the jobs in these directories, in one look at the machine's
/// processes; returns how many survived.
pub(crate) async fn kill(
    shell: &impl Shell,
    marker: &str,
    grace: Duration,
    directories: Vec<String>,
) -> Result<u32, ShellError> {
    let tenths = (grace.as_millis() / 100).to_string();
    let mut args = vec![marker.to_owned(), tenths];
    args.extend(directories);
    let command = Command::new(KILL, args).as_root();
    let captured = run_idempotent(shell, "ending a step", &command, &[], KILL_DEADLINE).await?;
    let survivors = String::from_utf8_lossy(&captured.stdout);
    Ok(survivors.trim().parse().unwrap_or(0))
}

#[cfg(test)]
mod tests;
