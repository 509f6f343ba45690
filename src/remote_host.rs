//! The instance as a host for steps: booted and described.

pub mod cpus;
mod source;
pub mod turns;

use std::time::Duration;

use crate::records::HostFacts;
use crate::shell::{Command, Shell, ShellError, one_line, run_idempotent};

const FIRST_BOOT: &str = include_str!("remote_host/first_boot.sh");
const HOST: &str = include_str!("remote_host/host.sh");

/// The time that first boot is given; then the run goes on with a warning.
const FIRST_BOOT_DEADLINE: Duration = Duration::from_mins(5);

/// The deadline for the script that waits for first boot: it gives three units a minute each to end.
const FIRST_BOOT_SCRIPT_DEADLINE: Duration = Duration::from_mins(10);

/// The deadline for a machine that is asked about itself.
const HOST_FACTS_DEADLINE: Duration = Duration::from_secs(30);

/// A shell on the instance and where jobs may leave their files.
#[derive(Debug)]
pub struct RemoteHost<S> {
    /// The shell.
    pub shell: S,
    /// A directory for jobs; only the user that steps run as reads it.
    pub jobs_dir: String,
    /// The machine has just booted and is still busy with itself.
    pub just_booted: bool,
}

impl<S: Shell> RemoteHost<S> {
    /// Waits until the machine has nothing to do but what it is told. Returns what did not go well.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn wait_for_first_boot(&self) -> Result<Vec<String>, ShellError> {
        if !self.just_booted {
            return Ok(Vec::new());
        }
        let command =
            Command::new(FIRST_BOOT, [FIRST_BOOT_DEADLINE.as_secs().to_string()]).as_root();
        let answer = run_idempotent(
            &self.shell,
            "waiting for first boot",
            &command,
            &[],
            FIRST_BOOT_SCRIPT_DEADLINE,
        );
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error @ ShellError::Stalled { .. }) => return Ok(vec![error.to_string()]),
            Err(error) => return Err(error),
        };
        Ok(String::from_utf8_lossy(&answer.stdout)
            .lines()
            .map(|line| one_line(line.as_bytes()))
            .collect())
    }

    /// What two runs must have in common to be compared; empty where the machine does not say.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn host_facts(&self) -> Result<HostFacts, ShellError> {
        let command = Command::new::<&str>(HOST, []);
        let answer = run_idempotent(
            &self.shell,
            "describing the host",
            &command,
            &[],
            HOST_FACTS_DEADLINE,
        );
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(ShellError::Stalled { .. }) => return Ok(HostFacts::from_answer("")),
            Err(error) => return Err(error),
        };
        Ok(HostFacts::from_answer(&String::from_utf8_lossy(
            &answer.stdout,
        )))
    }
}
