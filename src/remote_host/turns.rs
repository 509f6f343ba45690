//! The instance under several turns: a home directory for each revision, and what each turn measured moved aside.

use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use super::RemoteHost;
use crate::config::Pattern;
use crate::project_file::ProjectFile;
use crate::shell::{Command, Shell, ShellError, one_line, run_idempotent};

const MAKE_HOMES: &str = include_str!("make_homes.sh");
const BEGIN: &str = r#"mkdir -p -- "${1%/*}" && : > "$1""#;
const HARVEST: &str = include_str!("harvest.sh");

/// The homes below the login user's; their paths have the same length.
pub const HOMES: [&str; 2] = ["collector-home-1", "collector-home-2"];

/// The directory for what turns measured, beside the jobs.
const TURNS: &str = "turns";

/// The time after which nothing has happened while files are moved or copied on the instance.
const STALL: Duration = Duration::from_mins(5);

/// A file that was not moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotHarvested {
    /// It is older than what it was looked for in.
    Old(String),
    /// It is no regular file.
    Special(String),
}

/// The patterns of the files to collect after the turns; `jobs_dir` is the directory of the jobs on the instance.
pub fn harvested(jobs_dir: &str) -> Pattern {
    Pattern::everything_in(&format!("{jobs_dir}/{TURNS}"))
}

/// The files of a turn that match a glob, without the rest that it measured.
pub fn harvested_of(jobs_dir: &str, turn: &str, glob: &str) -> Pattern {
    Pattern::below(&format!("{jobs_dir}/{TURNS}"), &format!("{turn}/{glob}"))
}

impl<S: Shell> RemoteHost<S> {
    /// Makes the two homes and puts a copy of what was uploaded into each. May be asked again.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn make_homes(&self, files: &[ProjectFile]) -> Result<(), ShellError> {
        let paths: Vec<u8> = files
            .iter()
            .flat_map(|file| file.destination.as_os_str().as_bytes().iter().chain(&[0]))
            .copied()
            .collect();
        let command = Command::new(MAKE_HOMES, HOMES);
        let what = "making the homes of both revisions";
        run_idempotent(&self.shell, what, &command, &paths, STALL).await?;
        Ok(())
    }

    /// Notes on the instance when something begins whose files are to lie in the directory `below`.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn begin(&self, below: &str) -> Result<(), ShellError> {
        let command = Command::new(BEGIN, [self.beginning(below)]).as_root();
        run_idempotent(&self.shell, "beginning a turn", &command, &[], STALL).await?;
        Ok(())
    }

    /// Moves what was written since the beginning to the directory `below`: `arm/turn-NN` for a turn with a baseline,
    /// `turn-NN` without. Relative patterns start in `home`. Returns the files that stay.
    ///
    /// # Errors
    /// When they cannot be moved.
    pub async fn harvest(
        &self,
        below: &str,
        home: &str,
        patterns: &[Pattern],
    ) -> Result<Vec<NotHarvested>, ShellError> {
        let target = format!("{}/{TURNS}/{below}", self.jobs_dir);
        let mut args = vec![target, self.beginning(below), home.to_owned()];
        for pattern in patterns {
            args.extend([pattern.as_str().to_owned(), pattern.base().to_owned()]);
        }
        let command = Command::new(HARVEST, args).in_bash().as_root();
        let what = "moving aside what a turn measured";
        let answer = run_idempotent(&self.shell, what, &command, &[], STALL).await?;
        let records = answer.stdout.split(|byte| *byte == 0);
        Ok(records
            .filter_map(|record| {
                let (kind, path) = record.split_first()?;
                let path = one_line(path);
                Some(match kind {
                    b'o' => NotHarvested::Old(path),
                    _ => NotHarvested::Special(path),
                })
            })
            .collect())
    }

    fn beginning(&self, below: &str) -> String {
        format!("{}/{TURNS}.begun/{below}", self.jobs_dir)
    }
}
