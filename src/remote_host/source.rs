//! The user's software on the instance, as it is in a clone on the machine that runs collector.

use std::path::Path;
use std::time::Duration;

use super::RemoteHost;
use crate::revision::Commit;
use crate::shell::{Captured, Command, Reconnect, Shell, ShellError, execute_unless_stalled};

const RECEIVE: &str = include_str!("receive_source.sh");

const SENDING: &str = "sending the checkout";

/// The time after which a transfer of which nothing moves has stalled.
const STALL: Duration = Duration::from_mins(2);

impl<S: Shell> RemoteHost<S> {
    /// Unpacks the archive of a checkout below the login user's home directory, as root's where there is one: the user that
    /// steps run as. Returns the absolute path there.
    ///
    /// # Errors
    /// When the archive cannot be read here or unpacked there.
    pub async fn send_source(&self, archive: &Path, commit: &Commit) -> Result<String, ShellError> {
        let mut reconnect = Reconnect::new(&self.shell);
        loop {
            match self.attempt(archive, commit).await {
                Err(error) => reconnect.after(error).await?,
                Ok(path) => return Ok(path),
            }
        }
    }

    async fn attempt(&self, archive: &Path, commit: &Commit) -> Result<String, ShellError> {
        let file = tokio::fs::File::open(archive).await;
        let file = file.map_err(|source| ShellError::LocalIo {
            what: "reading the checkout that is to be sent",
            source,
        })?;
        let command = Command::new(RECEIVE, [commit.as_str()]).as_root();
        let mut answer = Captured::default();
        let shell = &self.shell;
        let exit =
            execute_unless_stalled(shell, SENDING, &command, file, &mut answer, STALL).await?;
        if exit.success() {
            let path = String::from_utf8_lossy(&answer.stdout);
            return Ok(path.trim_end_matches('\n').to_owned());
        }
        Err(ShellError::Command {
            what: SENDING,
            reason: answer.stderr_line(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::process::ProcessShell;
    use crate::shell::{Exit, Output};
    use std::cell::Cell;
    use std::fs;
    use tokio::io::{AsyncRead, AsyncReadExt as _};

    const HASH: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

    /// A machine that gets no more than so many bytes over its first connection, and then loses it, if it does.
    struct Breaking {
        shell: ProcessShell,
        first: Cell<Option<u64>>,
        noticed: bool,
    }

    impl Shell for Breaking {
        async fn execute(
            &self,
            command: &Command,
            stdin: impl AsyncRead + Unpin,
            output: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            let Some(limit) = self.first.take() else {
                return self.shell.execute(command, stdin, output).await;
            };
            let exit = self.shell.execute(command, stdin.take(limit), output).await;
            if !self.noticed {
                return exit;
            }
            Err(ShellError::Lost {
                address: "there".into(),
                reason: "it broke".into(),
            })
        }
    }

    /// What becomes of an archive of which the first connection takes so many of its bytes.
    async fn send(
        noticed: bool,
        cut: impl Fn(usize) -> usize,
    ) -> (Result<String, ShellError>, String) {
        let directory = tempfile::tempdir().unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in [("./speed", "fast"), (".git/collector", HASH)] {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        let tar = tar.into_inner().unwrap();
        let archive = directory.path().join("source.tar");
        fs::write(&archive, &tar).unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        let host = RemoteHost {
            shell: Breaking {
                shell: ProcessShell::at_home(&home),
                first: Cell::new(Some(cut(tar.len()) as u64)),
                noticed,
            },
            jobs_dir: String::new(),
            just_booted: false,
        };
        let commit = Commit::parse(HASH).unwrap();
        let sent = host.send_source(&archive, &commit).await;
        let names = fs::read_dir(&home).unwrap();
        let names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        if let Ok(path) = &sent {
            assert_eq!(
                fs::read_to_string(Path::new(path).join("speed")).unwrap(),
                "fast"
            );
            assert!(!Path::new(path).join(".git/collector").exists());
        }
        (sent, names.join(" "))
    }

    #[tokio::test]
    async fn a_transfer_that_broke_off_begins_anew() {
        let (sent, names) = send(true, |all| all / 3).await;
        assert!(sent.unwrap().ends_with("/home/collector-source"));
        assert_eq!(names, "collector-source");
    }

    /// The end of a file in an archive may be taken for the end of the archive.
    #[tokio::test]
    async fn half_a_checkout_is_none() {
        let (sent, names) = send(false, |_| 1024).await;
        let error = sent.unwrap_err().to_string();
        assert!(error.contains("arrived incomplete"), "{error}");
        assert_eq!(names, "");
    }
}
