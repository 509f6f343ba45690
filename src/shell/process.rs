//! This machine as a shell: commands run as processes of the current user, never through sudo.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command as Process;

use super::{Command, Exit, Output, Shell, ShellError, terminal};

/// The most of a stream that is passed on at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The variables that a workflow job gives to collector only: its own `run:` steps do not have them either.
const NOT_FOR_SCRIPTS: [&str; 2] = ["ACTIONS_RUNTIME_TOKEN", "INPUT_GITHUB-TOKEN"];

/// Runs commands on this machine.
#[derive(Debug, Clone)]
pub struct ProcessShell {
    directory: PathBuf,
    home: Option<PathBuf>,
}

impl ProcessShell {
    /// Commands run in this directory, otherwise in the environment of this process less what is not for scripts.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            home: None,
        }
    }

    /// Commands run in this home directory, as on a machine of their own.
    pub fn at_home(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            directory: home.clone(),
            home: Some(home),
        }
    }

    /// A program in the directory and the environment of this shell.
    fn process(&self, program: impl AsRef<OsStr>) -> Process {
        let mut process = Process::new(program);
        process.current_dir(&self.directory);
        for name in NOT_FOR_SCRIPTS {
            process.env_remove(name);
        }
        if let Some(home) = &self.home {
            process.env("HOME", home);
        }
        process
    }

    fn spawn(&self, command: &Command) -> io::Result<tokio::process::Child> {
        let mut argv = command.argv();
        self.process(argv.next().unwrap_or("sh"))
            .args(argv)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for collector to hear, not for its tools.
            .process_group(0)
            .spawn()
    }
}

/// Ends a command with all its helpers when it is not waited for to its end.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended in this moment; there is nothing else to do then.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Shell for ProcessShell {
    async fn execute(
        &self,
        command: &Command,
        mut stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        let start = |error: io::Error| ShellError::Start {
            address: "this machine".into(),
            what: "a command",
            reason: error.to_string(),
        };
        let local_io = |what| move |source| ShellError::LocalIo { what, source };
        let mut child = self.spawn(command).map_err(start)?;
        let raw = child.id().and_then(|id| i32::try_from(id).ok());
        let mut group = Group(raw.and_then(Pid::from_raw));
        let (Some(mut pipe), Some(mut out), Some(mut err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(start(io::Error::other("it has no streams")));
        };
        let feed = async move {
            // A command that does not read all of its input is in its right.
            let _ = tokio::io::copy(&mut stdin, &mut pipe).await;
            let _ = pipe.shutdown().await;
        };
        tokio::pin!(feed);
        let (mut all_fed, mut out_open, mut err_open) = (false, true, true);
        let mut out_chunk = vec![0; CHUNK];
        let mut err_chunk = vec![0; CHUNK];
        while out_open || err_open {
            tokio::select! {
                () = &mut feed, if !all_fed => all_fed = true,
                count = out.read(&mut out_chunk), if out_open => {
                    let count = count.map_err(local_io("reading a command's output"))?;
                    out_open = count > 0;
                    let bytes = out_chunk.get(..count).unwrap_or_default();
                    // The end of the output is none of it: whoever takes no more would refuse it, too.
                    if out_open {
                        output.out(Bytes::copy_from_slice(bytes)).await.map_err(local_io("passing on a command's output"))?;
                    }
                }
                count = err.read(&mut err_chunk), if err_open => {
                    let count = count.map_err(local_io("reading a command's errors"))?;
                    err_open = count > 0;
                    output.err(err_chunk.get(..count).unwrap_or_default());
                }
            }
        }
        let status = child
            .wait()
            .await
            .map_err(local_io("waiting for a command"))?;
        group.0 = None;
        tracing::debug!(%status, "local command ended");
        Ok(status.code().map_or(Exit::Signal, Exit::Code))
    }

    async fn interactive(&self) -> Result<Exit, ShellError> {
        let failed = |source| ShellError::LocalIo {
            what: "a shell on the terminal",
            source,
        };
        terminal::claim().map_err(failed)?;
        let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
        let mut process = self.process(shell.unwrap_or_else(|| "/bin/sh".into()));
        let status = process.kill_on_drop(true).status().await.map_err(failed)?;
        Ok(status.code().map_or(Exit::Signal, Exit::Code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{Captured, run_script};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_mins(1);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn arguments_and_input_arrive_as_they_are() {
        let shell = ProcessShell::in_directory("/");
        let command = Command::new("printf '%s|' \"$@\"; cat; exit 3", ["a b", "$(id)", "'"]);
        let mut captured = Captured::default();
        let exit = runtime()
            .block_on(shell.execute(&command, b"input".as_slice(), &mut captured))
            .unwrap();
        assert_eq!(exit, Exit::Code(3));
        assert_eq!(captured.stdout, b"a b|$(id)|'|input");
    }

    #[test]
    fn a_command_that_prints_nothing_is_not_refused_by_who_takes_nothing() {
        struct Full;

        impl Output for Full {
            async fn out(&mut self, _: Bytes) -> io::Result<()> {
                Err(io::ErrorKind::FileTooLarge.into())
            }

            fn err(&mut self, _: &[u8]) {}
        }

        let shell = ProcessShell::in_directory("/");
        let command = Command::new::<&str>("exit 3", []);
        let exit = runtime().block_on(shell.execute(&command, tokio::io::empty(), &mut Full));
        assert_eq!(exit.unwrap(), Exit::Code(3));
    }

    #[test]
    fn a_home_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let shell = ProcessShell::at_home(home.path());
        let command = Command::new::<&str>("[ \"$HOME\" = \"$PWD\" ] && echo yes", []);
        let answer = runtime()
            .block_on(run_script(&shell, "asking", &command, &[], LIMIT))
            .unwrap();
        assert_eq!(answer.stdout, b"yes\n");
    }

    #[test]
    fn output_larger_than_a_pipe_comes_whole() {
        let shell = ProcessShell::in_directory("/");
        let command = Command::new::<&str>("cat", []);
        let input = vec![7; 900_000];
        let answer = runtime()
            .block_on(run_script(&shell, "echoing", &command, &input, LIMIT))
            .unwrap();
        assert_eq!(answer.stdout, input);
    }
}
