//! Why a revision could not be looked up, or its checkout not be made.

use std::io;
use std::path::PathBuf;

use crate::revision::{Revision, did_you_mean};
use crate::shell::ShellError;

/// Why a revision could not be looked up, or its checkout not be made. Nothing was rented then.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is no git.
    #[error("`repository` is given, but git is not installed on this machine")]
    NoGit,
    /// The path leads to no clone.
    #[error("`repository`: {} cannot be used as a clone: {reason}", path.display())]
    NotAClone {
        /// The path.
        path: PathBuf,
        /// The message of git.
        reason: String,
    },
    /// The URL leads nowhere, or nobody is let in.
    #[error("`repository`: {url} cannot be read: {reason}")]
    Unreadable {
        /// The URL.
        url: String,
        /// The message of git.
        reason: String,
    },
    /// The repository has no such revision.
    #[error("{repository} has no revision `{revision}`{}", did_you_mean(nearest))]
    Unknown {
        /// The revision that was asked for.
        revision: Revision,
        /// The repository.
        repository: String,
        /// Names of its own that look like it.
        nearest: Vec<String>,
        /// The question that this repository cannot answer.
        blind_spot: BlindSpot,
    },
    /// git does not answer.
    #[error("{what}: nothing is heard of git for {seconds} s")]
    Silent {
        /// The question.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// git failed.
    #[error("{what} failed: {reason}")]
    Git {
        /// The question.
        what: &'static str,
        /// The answer.
        reason: String,
    },
    /// git could not be run.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The checkout could not be written down.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// The task.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Revisions that exist, but not where they were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindSpot {
    /// A clone does not know what was not fetched.
    Unfetched,
    /// A shallow clone has a few commits only.
    Shallow,
    /// A server does not know what was not pushed.
    Unpushed,
    /// A server does not look up part of a hash.
    PartOfHash,
}

impl RepositoryError {
    /// The remedy.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoGit => "install git, or remove `repository`: nothing is looked up then",
            Self::NotAClone { .. } => {
                "give the path of a clone, relative to the config file, or a URL"
            }
            Self::Unreadable { .. } => {
                "git must get in without asking for a password: by a credential helper, or by SSH with an agent; or give the path of a clone"
            }
            Self::Unknown { blind_spot, .. } => match blind_spot {
                BlindSpot::Unfetched => "correct the revision, or fetch it into the clone",
                BlindSpot::Shallow => {
                    "correct the revision, or fetch it into the clone, which is a shallow one: in GitHub Actions give actions/checkout `fetch-depth: 0`"
                }
                BlindSpot::Unpushed => "correct the revision, or push it",
                BlindSpot::PartOfHash => {
                    "give the whole hash: a server looks up names and whole hashes only, a clone on this machine takes part of one"
                }
            },
            Self::Silent { .. } => {
                "see whether the server of `repository` can be reached from this machine"
            }
            Self::Git { .. } => "the same git command by hand may tell more",
            Self::Io { .. } => {
                "the checkout to be sent needs room in the state directory, which COLLECTOR_STATE_DIR names"
            }
            Self::Shell(error) => return error.hint(),
        })
    }

    /// Whether the command line or the config is to blame, and not the network or this machine.
    pub const fn is_misuse(&self) -> bool {
        matches!(
            self,
            Self::NoGit | Self::NotAClone { .. } | Self::Unknown { .. }
        )
    }
}
