//! Why an instance cannot be come back to.

use crate::collect::CollectError;
use crate::exit_status::ExitStatus;
use crate::instance::{InstanceId, RunId};
use crate::results::ResultsError;
use crate::shell::ShellError;
use crate::shell::ssh::KeyError;

/// Why an instance cannot be come back to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptInstanceError {
    /// No key was kept, or the instance is gone.
    #[error("no way to an instance of run `{run}` is on record{known}")]
    NoWayBack {
        /// The run that was named.
        run: RunId,
        /// The runs that have one.
        known: String,
    },
    /// The run has several instances.
    #[error("run {run} has several instances, of the samples {samples}")]
    Several {
        /// The run.
        run: RunId,
        /// Their numbers.
        samples: String,
    },
    /// Its own collector still works with it.
    #[error("the run of instance {0} is still going on, and collects by itself")]
    UnderWay(InstanceId),
    /// The instance is gone.
    #[error("instance {0} is gone")]
    Gone(InstanceId),
    /// Its key cannot be read.
    #[error("the key of instance {id}: {source}")]
    KeyFile {
        /// The instance.
        id: InstanceId,
        /// Why not.
        source: std::io::Error,
    },
    /// Its key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It cannot be talked to.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// Not everything could be collected.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl KeptInstanceError {
    /// The remedy.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoWayBack { .. } => Some(
                "only a run with `--keep-on-failure 30m` (or `keep_on_failure` in the config) leaves its key, in the state directory of the machine that it ran on and for as long as its instance lives; `collect list` shows living instances",
            ),
            Self::Several { .. } => Some("say which one with `--sample N`"),
            Self::UnderWay(_) => Some("wait for its end, or end it with Ctrl-C"),
            Self::Gone(_) | Self::KeyFile { .. } | Self::Key(_) => None,
            Self::Shell(error) => error.hint(),
            Self::Collect(error) => error.hint(),
            Self::Results(error) => error.hint(),
        }
    }

    /// The exit status that says it.
    pub(crate) const fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoWayBack { .. } | Self::Several { .. } | Self::UnderWay(_) => {
                ExitStatus::Misused
            }
            _ => ExitStatus::Unavailable,
        }
    }
}
