//! The repository of what is measured: a revision becomes a commit before anything is rented, and a clone's commit a
//! checkout that can be sent.

mod checkout;
mod error;
mod git;
mod refs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::revision::{Commit, Revision};
use crate::shell::Shell;
pub use checkout::Checkout;
pub use error::{BlindSpot, RepositoryError};
use git::Git;
use refs::Refs;

/// The time after which a repository of which nothing is heard is given up.
const LOOKUP_STALL: Duration = Duration::from_mins(1);

const LOOKING_UP: &str = "looking up the revision";

/// A repository with all that is needed to look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositorySource {
    /// A server.
    Url(String),
    /// A clone on this machine.
    Clone {
        /// A path in it, absolute.
        path: PathBuf,
        /// Whether a checkout is wanted.
        send: bool,
    },
}

/// The result of looking a revision up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The commit; `None` where no repository is given.
    pub commit: Option<Commit>,
    /// The checkout that is sent, where one is wanted.
    pub checkout: Option<Checkout>,
    /// Facts that the user may not expect.
    pub warnings: Vec<String>,
}

/// Looks a revision up. `shell` runs git on this machine; what has to be written down goes to the directory `scratch`,
/// which is made where it is needed.
///
/// # Errors
/// When there is no such revision, or the repository cannot be asked.
pub async fn look_up(
    shell: &impl Shell,
    source: &RepositorySource,
    revision: &Revision,
    scratch: &Path,
) -> Result<Found, RepositoryError> {
    let git = Git::of(shell);
    match source {
        RepositorySource::Url(url) => look_up_on_server(&git, url, revision, scratch).await,
        RepositorySource::Clone { path, send } => {
            let clone = LocalClone::open(&git, path).await?;
            let commit = clone.look_up(revision).await?;
            let mut found = Found {
                commit: Some(commit.clone()),
                ..Found::default()
            };
            if *send {
                found.warnings = clone.not_sent(&commit).await?;
                found.checkout =
                    Some(checkout::make(&git, &clone.directory, &commit, scratch).await?);
            }
            Ok(found)
        }
    }
}

/// Checks that a clone can be asked. Nobody asks a server.
///
/// # Errors
/// When the path leads to no clone, or there is no git.
pub async fn check(shell: &impl Shell, source: &RepositorySource) -> Result<(), RepositoryError> {
    match source {
        RepositorySource::Url(_) => Ok(()),
        RepositorySource::Clone { path, .. } => {
            LocalClone::open(&Git::of(shell), path).await.map(drop)
        }
    }
}

/// A clone on this machine.
struct LocalClone<'a, S> {
    git: Git<'a, S>,
    /// A path in it.
    path: &'a Path,
    /// The directory with its objects.
    directory: PathBuf,
}

impl<'a, S: Shell> LocalClone<'a, S> {
    async fn open(git: &Git<'a, S>, path: &'a Path) -> Result<Self, RepositoryError> {
        let git = git.at(path);
        let args = ["rev-parse", "--git-common-dir"];
        match git.get(LOOKING_UP, &args, LOOKUP_STALL).await {
            Ok(directory) => Ok(Self {
                git,
                path,
                directory: path.join(directory),
            }),
            Err(RepositoryError::Git { reason, .. }) => Err(RepositoryError::NotAClone {
                path: path.to_owned(),
                reason,
            }),
            Err(error) => Err(error),
        }
    }

    async fn get(&self, args: &[&str]) -> Result<String, RepositoryError> {
        self.git.get(LOOKING_UP, args, LOOKUP_STALL).await
    }

    async fn look_up(&self, revision: &Revision) -> Result<Commit, RepositoryError> {
        let object = format!("{revision}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", &object];
        let (exit, answer) = self.git.ask(LOOKING_UP, &args, LOOKUP_STALL).await?;
        let text = String::from_utf8_lossy(&answer.stdout);
        match Commit::parse(text.trim_end()) {
            Some(commit) if exit.success() => Ok(commit),
            // Silence is git's word for a revision that there is not.
            _ if answer.stderr.is_empty() => Err(self.unknown(revision).await?),
            _ => Err(RepositoryError::Git {
                what: LOOKING_UP,
                reason: answer.stderr_line(),
            }),
        }
    }

    async fn unknown(&self, revision: &Revision) -> Result<RepositoryError, RepositoryError> {
        let args = ["for-each-ref", "--format=%(objectname)%09%(refname)"];
        let mut refs = Refs::seeking(revision);
        self.git
            .run(LOOKING_UP, &args, &mut refs, LOOKUP_STALL)
            .await?;
        let shallow = self.get(&["rev-parse", "--is-shallow-repository"]).await?;
        Ok(RepositoryError::Unknown {
            revision: revision.clone(),
            repository: self.path.display().to_string(),
            nearest: refs.nearest(),
            blind_spot: if shallow == "true" {
                BlindSpot::Shallow
            } else {
                BlindSpot::Unfetched
            },
        })
    }

    /// Warnings of what a user may expect on the instance, and will not find there.
    async fn not_sent(&self, commit: &Commit) -> Result<Vec<String>, RepositoryError> {
        let mut warnings = Vec::new();
        let path = self.path.display();
        if self.get(&["rev-parse", "--is-bare-repository"]).await? == "false" {
            // Files that git does not know are as good as always there: results, for example.
            let status = ["status", "--porcelain", "--untracked-files=no"];
            let changes = self.get(&status).await?.lines().count();
            let files = match changes {
                0 => None,
                1 => Some("1 file".to_owned()),
                count => Some(format!("{count} files")),
            };
            if let Some(files) = files {
                warnings.push(format!(
                    "changes to {files} in {path} are not committed, and are not sent: {commit} is measured"
                ));
            }
        }
        let tree = ["ls-tree", "--full-tree", commit.as_str(), ".gitmodules"];
        if !self.get(&tree).await?.is_empty() {
            warnings.push(format!("the submodules of {path} are not sent"));
        }
        Ok(warnings)
    }
}

async fn look_up_on_server(
    git: &Git<'_, impl Shell>,
    url: &str,
    revision: &Revision,
    scratch: &Path,
) -> Result<Found, RepositoryError> {
    let mut refs = Refs::seeking(revision);
    let mut args = vec!["ls-remote", "--quiet"];
    if is_usual_name(revision) {
        // Servers send no others then: some have a hundred thousand, one for each pull request.
        args.extend(["--heads", "--tags"]);
    }
    args.extend(["--", url]);
    let exit = git.run(LOOKING_UP, &args, &mut refs, LOOKUP_STALL).await?;
    if !exit.success() {
        return Err(unreadable(url, &refs.errors.stderr_line()));
    }
    let mut found = Found {
        commit: refs.found().cloned(),
        ..Found::default()
    };
    if found.commit.is_some() {
        return Ok(found);
    }
    let unknown = |blind_spot, refs: Refs<'_>| RepositoryError::Unknown {
        revision: revision.clone(),
        repository: url.to_owned(),
        nearest: refs.nearest(),
        blind_spot,
    };
    let Some(commit) = Commit::parse(revision.as_str()) else {
        let digits = revision.as_str().chars().all(|c| c.is_ascii_hexdigit());
        let blind_spot = if digits {
            BlindSpot::PartOfHash
        } else {
            BlindSpot::Unpushed
        };
        return Err(unknown(blind_spot, refs));
    };
    match checkout::fetch_alone(git, url, &commit, scratch).await {
        Ok(()) => {}
        Err(RepositoryError::Git { reason, .. }) if reason.contains("not our ref") => {
            return Err(unknown(BlindSpot::Unpushed, refs));
        }
        Err(RepositoryError::Git { reason, .. }) if reason.contains("unadvertised object") => {
            found.warnings.push(format!(
                "{url} does not say whether it has {commit}: the steps will show"
            ));
        }
        Err(RepositoryError::Git { reason, .. }) => return Err(unreadable(url, &reason)),
        Err(error) => return Err(error),
    }
    found.commit = Some(commit);
    Ok(found)
}

/// Whether a revision can only be a branch, a tag or a hash.
fn is_usual_name(revision: &Revision) -> bool {
    let name = revision.as_str();
    let unusual = ["refs/", "pull/", "merge-requests/", "changes/"];
    !matches!(name, "HEAD" | "@") && !unusual.iter().any(|prefix| name.starts_with(prefix))
}

fn unreadable(url: &str, reason: &str) -> RepositoryError {
    RepositoryError::Unreadable {
        url: url.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{Command, Exit, Output, ShellError};
    use tokio::io::AsyncRead;
    use tokio::time::Instant;

    /// A machine on which nothing ever ends.
    struct Hanging;

    impl Shell for Hanging {
        async fn execute(
            &self,
            _: &Command,
            _: impl AsyncRead + Unpin,
            _: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_that_does_not_answer_is_given_up() {
        let revision = "main".parse().unwrap();
        for source in [
            RepositorySource::Url("https://example.org/r".into()),
            RepositorySource::Clone {
                path: "/r".into(),
                send: true,
            },
        ] {
            let since = Instant::now();
            let found = look_up(&Hanging, &source, &revision, Path::new("/nowhere")).await;
            assert!(matches!(found, Err(RepositoryError::Silent { .. })));
            assert_eq!(since.elapsed(), LOOKUP_STALL);
        }
    }
}
