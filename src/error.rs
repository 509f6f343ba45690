//! What can go wrong before there is a report, and the exit status of each.

use crate::github::http::HttpError;
use crate::github::state::StateError;
use crate::project::ProjectError;
use crate::provider::ProviderError;
use crate::report::Signal;
use crate::results::ResultsError;
use crate::revision::RevisionError;
use crate::shell::ssh::KeyError;

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or an input cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The config cannot be used.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The revision is none.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The provider cannot be used.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The run could not be noted for the post step.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no way to talk to GitHub.
    #[error("no HTTP: {0}")]
    Http(#[from] HttpError),
    /// A signal came before there was anything to end.
    #[error("a signal ended the run before anything was launched")]
    Interrupted(Option<Signal>),
    /// No keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system refuses what every program needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Instances that were to be ended may live on.
    #[error("{0} instances could not be ended")]
    NotReaped(usize),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Project(error) => error.hint(),
            Self::Revision(error) => Some(error.hint()),
            Self::Provider(error) => error.hint(),
            Self::Results(error) => error.hint(),
            Self::State(_) => {
                Some("see whether the runner's disk is full: nothing is rented before it is noted")
            }
            Self::Http(_) => {
                Some("does this machine have certificates to trust (ca-certificates)?")
            }
            Self::Usage(_) => Some("the README has all inputs and what they may be"),
            Self::Interrupted(_) | Self::Key(_) | Self::System { .. } => None,
            Self::NotReaped(_) => Some("try again, or end them in the EC2 console"),
        }
    }

    /// The exit status that says it.
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Interrupted(Some(signal)) => signal.exit_status(),
            Self::Interrupted(None) => Signal::Int.exit_status(),
            Self::Usage(_)
            | Self::Project(_)
            | Self::Revision(_)
            | Self::Results(_)
            | Self::Provider(ProviderError::NoRegion) => 2,
            Self::Provider(_)
            | Self::State(_)
            | Self::Http(_)
            | Self::Key(_)
            | Self::System { .. } => 3,
            Self::NotReaped(_) => 4,
        }
    }
}
