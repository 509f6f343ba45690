//! Failures before there is a report, and the exit status of each.

mod kept_instance;
mod no_shell;
mod shard;

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::config::{BakeError, DownloadError, DuetError};
use crate::exit_status::ExitStatus;
use crate::github::http::HttpError;
use crate::github::state::StateError;
use crate::instance::{ImageId, LeaseToken};
use crate::project::{CreateError, ProjectError};
use crate::provider::ProviderError;
use crate::report::Signal;
use crate::reporter::prompt::PromptError;
use crate::repository::RepositoryError;
use crate::results::{FiguresError, RemovalError, ResultsError, StoredRunsError};
use crate::revision::RevisionError;
use crate::shell::ssh::KeyError;

pub(crate) use kept_instance::KeptInstanceError;
pub(crate) use no_shell::NoShellError;
pub(crate) use shard::ShardError;

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line or an input cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The config cannot be used.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// There is nobody to ask.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The files to start from cannot be written.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The revision is none.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// There is no pull request whose last commit could be measured.
    #[error("`revision: head`: {0}")]
    NoHead(String),
    /// Nothing tells what the measured commit is to be compared with.
    #[error("`baseline: auto` {0}")]
    NoBaseline(String),
    /// A phase of a comparison has nothing that it is compared with.
    #[error("`on_regression` without a baseline: nothing can be slower")]
    NoComparison,
    /// Two revisions cannot be measured at the same time.
    #[error(transparent)]
    Duet(#[from] DuetError),
    /// The results would be of no use in the bucket alone.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// There can be no image.
    #[error(transparent)]
    Bake(#[from] BakeError),
    /// There is no such image.
    #[error("{0} is no image of `collect bake`, or not in the regions that were looked at")]
    NoSuchImage(ImageId),
    /// The revision could not be looked up.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The provider cannot be used.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Results are not removed.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// There is nothing for a page.
    #[error(transparent)]
    StoredRuns(#[from] StoredRunsError),
    /// The figures cannot be used.
    #[error(transparent)]
    Figures(#[from] FiguresError),
    /// Nobody said that they are to be removed.
    #[error("nothing is removed unasked")]
    Unconfirmed,
    /// The run could not be noted for the post step.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no way to talk to GitHub.
    #[error("no HTTP: {0}")]
    Http(#[from] HttpError),
    /// A signal came before there was anything to end.
    #[error("a signal ended the run before anything was launched")]
    Interrupted(Option<Signal>),
    /// Somebody else may have written what collector would believe.
    #[error("the state directory {} cannot be used: {reason}", path.display())]
    StateDirectory {
        /// The directory.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A region with a lease cannot be looked at.
    #[error("lease {leases} in {region} cannot be looked for: {source}")]
    Region {
        /// The region.
        region: String,
        /// The leases on record.
        leases: String,
        /// The failure.
        source: Box<ProviderError>,
    },
    /// There is no such lease on record.
    #[error("no lease `{lease}` is on record{known}")]
    UnknownLease {
        /// The lease that was named.
        lease: LeaseToken,
        /// Those that are.
        known: String,
    },
    /// An instance cannot be come back to.
    #[error(transparent)]
    KeptInstance(#[from] KeptInstanceError),
    /// No shell can be opened.
    #[error(transparent)]
    NoShell(#[from] NoShellError),
    /// The run cannot be divided.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// No keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system refuses what every program needs.
    #[error("{what}: {source}")]
    System {
        /// The task.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file that an argument names cannot be written.
    #[error("{what} {}: {source}", path.display())]
    Write {
        /// The task.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Instances that were to be ended may live on, or resources that were to be deleted.
    #[error("{0} of them could not be ended or deleted")]
    NotReaped(usize),
}

impl Error {
    /// The remedy.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Project(error) => error.hint(),
            Self::Prompt(error) => Some(error.hint()),
            Self::Create(error) => Some(error.hint()),
            Self::Revision(error) => Some(error.hint()),
            Self::NoHead(_) => Some(
                "on events without a pull request leave `revision` out, or give a commit, a tag or a branch; for a comment the job needs `pull-requests: read`",
            ),
            Self::NoComparison => Some(
                "name what to compare with: `baseline: v1.2.2` in `main`, or `--baseline`; or leave the phase out",
            ),
            Self::Duet(error) => Some(error.hint()),
            Self::Download(error) => Some(error.hint()),
            Self::Bake(error) => Some(error.hint()),
            Self::NoSuchImage(_) => {
                Some("`collect list` shows the images; `--region` names another region")
            }
            Self::NoBaseline(_) => Some("name a revision as the `baseline`"),
            Self::Repository(error) => error.hint(),
            Self::Provider(error) => error.hint(),
            Self::Results(error) => error.hint(),
            Self::Removal(error) => error.hint(),
            Self::StoredRuns(error) => error.hint(),
            Self::Figures(error) => error.hint(),
            Self::Unconfirmed => Some("`--yes` removes it without asking"),
            Self::KeptInstance(error) => error.hint(),
            Self::NoShell(error) => Some(error.hint()),
            Self::Shard(error) => Some(error.hint()),
            Self::State(_) => {
                Some("see whether the runner's disk is full: nothing is rented before it is noted")
            }
            Self::Http(_) => {
                Some("does this machine have certificates to trust (ca-certificates)?")
            }
            Self::Usage(_) => Some("docs/github-actions.md has all inputs and what they may be"),
            Self::Interrupted(_)
            | Self::Key(_)
            | Self::System { .. }
            | Self::UnknownLease { .. } => None,
            Self::StateDirectory { .. } => {
                Some("set COLLECTOR_STATE_DIR to a directory of your own")
            }
            Self::Region { .. } => Some(
                "`collect reap --forget LEASE` drops a lease whose region or account is out of reach for good",
            ),
            Self::Write { source, .. } => match source.kind() {
                ErrorKind::IsADirectory => Some("name a file, not a directory"),
                ErrorKind::NotFound => Some("make the directory first, or name another one"),
                ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Some("name another one"),
                _ => None,
            },
            Self::NotReaped(_) => Some("try again, or end them in the EC2 console"),
        }
    }

    /// The exit status that says it.
    pub(crate) fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Interrupted(Some(signal)) => ExitStatus::Signalled(*signal),
            Self::Interrupted(None) => ExitStatus::Signalled(Signal::Int),
            Self::Usage(_)
            | Self::NoHead(_)
            | Self::NoBaseline(_)
            | Self::NoComparison
            | Self::Duet(_)
            | Self::Download(_)
            | Self::Bake(_)
            | Self::NoSuchImage(_)
            | Self::Project(_)
            | Self::Prompt(_)
            | Self::Create(_)
            | Self::Revision(_)
            | Self::Results(_)
            | Self::Removal(_)
            | Self::StoredRuns(_)
            | Self::Figures(_)
            | Self::Unconfirmed
            | Self::UnknownLease { .. }
            | Self::NoShell(_)
            | Self::Shard(_)
            | Self::Provider(ProviderError::NoRegion | ProviderError::NotBuilt) => {
                ExitStatus::Misused
            }
            Self::KeptInstance(error) => error.exit_status(),
            // What has a remedy is a wrong argument.
            Self::Write { .. } if self.hint().is_some() => ExitStatus::Misused,
            Self::Repository(error) if error.is_misuse() => ExitStatus::Misused,
            Self::Repository(_)
            | Self::Provider(_)
            | Self::State(_)
            | Self::Http(_)
            | Self::Key(_)
            | Self::StateDirectory { .. }
            | Self::Region { .. }
            | Self::Write { .. }
            | Self::System { .. } => ExitStatus::Unavailable,
            Self::NotReaped(_) => ExitStatus::Leaked,
        }
    }
}
