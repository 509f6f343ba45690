//! git as a command: with nobody to ask, and with a deadline.

use std::path::Path;
use std::time::Duration;

use super::error::RepositoryError;
use crate::shell::{Captured, Command, Exit, Output, Shell, ShellError, execute_unless_stalled};

const GIT: &str = include_str!("git.sh");

/// The status of a shell that does not find what it is to run.
const NOT_FOUND: Exit = Exit::Code(127);

/// git on this machine.
#[derive(Debug)]
pub(super) struct Git<'a, S> {
    shell: &'a S,
    /// The directory that it works in.
    directory: Option<&'a Path>,
}

impl<'a, S: Shell> Git<'a, S> {
    /// git in no repository.
    pub(super) const fn of(shell: &'a S) -> Self {
        let directory = None;
        Self { shell, directory }
    }

    /// git in a directory.
    pub(super) const fn at<'d>(&self, directory: &'d Path) -> Git<'d, S>
    where
        'a: 'd,
    {
        Git {
            shell: self.shell,
            directory: Some(directory),
        }
    }

    /// Runs git; ended when nothing is heard of it for `limit`.
    pub(super) async fn run(
        &self,
        what: &'static str,
        args: &[&str],
        output: &mut impl Output,
        limit: Duration,
    ) -> Result<Exit, RepositoryError> {
        let place = self.directory.map(Path::to_string_lossy);
        let place = place.iter().flat_map(|path| ["-C", path]);
        let command = Command::new(GIT, place.chain(args.iter().copied()));
        let input = tokio::io::empty();
        let exit = execute_unless_stalled(self.shell, what, &command, input, output, limit).await;
        match exit {
            Ok(NOT_FOUND) => Err(RepositoryError::NoGit),
            Ok(exit) => Ok(exit),
            Err(ShellError::Stalled { what, seconds }) => {
                Err(RepositoryError::Silent { what, seconds })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Runs git and keeps what it answers, whatever its exit status.
    pub(super) async fn ask(
        &self,
        what: &'static str,
        args: &[&str],
        limit: Duration,
    ) -> Result<(Exit, Captured), RepositoryError> {
        let mut captured = Captured::default();
        let exit = self.run(what, args, &mut captured, limit).await?;
        Ok((exit, captured))
    }

    /// Runs git, which has to succeed; its answer without the line break at its end.
    pub(super) async fn get(
        &self,
        what: &'static str,
        args: &[&str],
        limit: Duration,
    ) -> Result<String, RepositoryError> {
        let (exit, answer) = self.ask(what, args, limit).await?;
        if exit.success() {
            let text = String::from_utf8_lossy(&answer.stdout);
            return Ok(text.trim_end_matches('\n').to_owned());
        }
        Err(RepositoryError::Git {
            what,
            reason: answer.stderr_line(),
        })
    }
}
