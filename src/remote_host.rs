//! The instance as a host for steps: booted, with the user's scripts on it, and described.

use std::time::Duration;

use tokio::time::timeout;

use crate::project_file::ProjectFile;
use crate::records::HostFacts;
use crate::shell::{Command, Shell, ShellError, ask_again};

const SETTLE: &str = include_str!("remote_host/settle.sh");
const HOST: &str = include_str!("remote_host/host.sh");
const RECEIVE: &str = "exec tar --extract --file=- --preserve-permissions --no-same-owner";

/// Past this first boot is not waited for any longer; the run goes on with a warning.
const FIRST_BOOT: Duration = Duration::from_mins(5);

/// Past this a machine that is asked about itself does not answer.
const HOST_FACTS: Duration = Duration::from_secs(30);

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
        let command = Command::new(SETTLE, [FIRST_BOOT.as_secs().to_string()]).as_root();
        let answer = ask_again(&self.shell, "waiting for first boot", &command, &[]).await?;
        Ok(String::from_utf8_lossy(&answer.stdout)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Puts the files into the login user's home directory, under their relative paths and with their modes.
    ///
    /// # Errors
    /// When they cannot be packed here or written there.
    pub async fn upload(&self, files: &[ProjectFile]) -> Result<(), ShellError> {
        let archive = pack(files).map_err(|source| ShellError::Here {
            what: "packing the scripts",
            source,
        })?;
        let command = Command::new::<&str>(RECEIVE, []);
        ask_again(&self.shell, "uploading the scripts", &command, &archive).await?;
        Ok(())
    }

    /// What two runs must have in common to be compared; empty where the machine does not say.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn host_facts(&self) -> Result<HostFacts, ShellError> {
        let command = Command::new::<&str>(HOST, []);
        let Ok(answer) = timeout(
            HOST_FACTS,
            ask_again(&self.shell, "describing the host", &command, &[]),
        )
        .await
        else {
            return Ok(HostFacts::from_answer(""));
        };
        let answer = answer?;
        Ok(HostFacts::from_answer(&String::from_utf8_lossy(
            &answer.stdout,
        )))
    }
}

fn pack(files: &[ProjectFile]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        tar.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    tar.into_inner()
}
