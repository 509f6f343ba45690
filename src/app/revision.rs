//! The revision of a run: which one is meant, and which commit it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use super::paths::expand_home;
use super::state_directory::state_directory;
use crate::arm::Arm;
use crate::cancel::{Completion, until_cancelled};
use crate::cli::RunArgs;
use crate::config::{Baseline, Repository};
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::github::api::Api;
use crate::github::event::{Origin, Subject, head, is_elsewhere, origin};
use crate::github::http::client;
use crate::instance::RunId;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::reporter::{Event, Reporter};
use crate::repository::{Found, RepositoryError, RepositorySource, look_up};
use crate::revision::{Commit, Revision};
use crate::shell::process::ProcessShell;

/// The word for the last commit of the pull request that an event is about.
const HEAD: &str = "head";

/// The deadline for removing a checkout; after a signal, what sent it waits for the end of the process.
const REMOVE_DEADLINE: Duration = Duration::from_mins(1);
const REMOVE_DEADLINE_AFTER_SIGNAL: Duration = Duration::from_secs(2);

/// The revision that is asked for. In a job, `head` is the last commit of the event's pull request.
pub(super) async fn choose(
    args: &RunArgs,
    job: Option<&WorkflowJob>,
    reporter: &impl Reporter,
    interrupt: &Interrupt,
) -> Result<Revision, Error> {
    match job {
        Some(job) if args.revision == HEAD => {
            let asking = head_of(job, args);
            match until_cancelled(interrupt.token(), asking).await {
                Completion::Returned(head) => Ok(head?.parse()?),
                Completion::Panicked(message) => Err(no_head(&message)),
                Completion::Cancelled => Err(Error::Interrupted(interrupt.signal())),
            }
        }
        Some(job) if args.revision == job.sha && is_elsewhere(&job.event_name) => {
            reporter.report(Event::Notice(format!(
                "{}, a commit of {}, is measured: that is what `github.sha` is on `{}`; `revision: head` measures what the event is about",
                job.sha, job.git_ref, job.event_name
            )));
            Ok(args.revision.parse()?)
        }
        _ => Ok(args.revision.parse()?),
    }
}

async fn head_of(job: &WorkflowJob, args: &RunArgs) -> Result<String, Error> {
    let payload = job.payload();
    if let Some(sha) = head(&job.event_name, &payload) {
        return Ok(sha.to_owned());
    }
    let subject = Subject::of(
        &job.event_name,
        &payload,
        &job.git_ref,
        &job.sha,
        &job.repository,
    );
    let Subject::PullRequest(number) = subject else {
        return Err(no_head(&format!(
            "`{}` is about no pull request",
            job.event_name
        )));
    };
    let Some(token) = &args.job.github_token else {
        return Err(no_head("the input `github-token` is empty"));
    };
    let api = Api::new(&client()?, job, token)?;
    let asked = api.head(number).await;
    asked.map_err(|error| no_head(&format!("pull request #{number}: {error}")))
}

/// The revision to compare with. In a job, `auto` is what the measured commit came from.
///
/// # Errors
/// When it is not one, or `auto` has no meaning.
pub(super) async fn baseline(
    baseline: &Baseline,
    revision: &Revision,
    args: &RunArgs,
    job: Option<&WorkflowJob>,
    interrupt: &Interrupt,
) -> Result<Revision, Error> {
    let job = match (baseline, job) {
        (Baseline::Revision(revision), _) => return Ok(revision.clone()),
        (Baseline::Auto, None) => {
            return Err(Error::NoBaseline(
                "works only in a GitHub Actions job".into(),
            ));
        }
        (Baseline::Auto, Some(job)) => job,
    };
    let asking = origin_of(revision, job, args);
    match until_cancelled(interrupt.token(), asking).await {
        Completion::Returned(origin) => Ok(origin?.parse()?),
        Completion::Panicked(message) => Err(no_baseline(&message)),
        Completion::Cancelled => Err(Error::Interrupted(interrupt.signal())),
    }
}

/// The origin of a commit: of a merge commit its first parent, of a pull request's head the merge base, of a push what was
/// there before.
async fn origin_of(
    revision: &Revision,
    job: &WorkflowJob,
    args: &RunArgs,
) -> Result<String, Error> {
    let payload = job.payload();
    let base = match origin(&job.event_name, &payload, revision.as_str()) {
        Origin::Commit(before) => return Ok(before),
        Origin::Unknown => {
            return Err(no_baseline(&format!(
                "nothing tells what {revision} came from on `{}`",
                job.event_name
            )));
        }
        Origin::MergeBase(base) => Some(base),
        Origin::FirstParent => None,
    };
    let Some(token) = &args.job.github_token else {
        return Err(no_baseline("the input `github-token` is empty"));
    };
    let api = Api::new(&client()?, job, token)?;
    let asked = match base {
        Some(base) => api.merge_base(&base, revision.as_str()).await,
        None => api.first_parent(revision.as_str()).await,
    };
    asked.map_err(|error| no_baseline(&error.to_string()))
}

/// The repository that the config names.
pub(super) fn repository(project: &Project) -> Option<RepositorySource> {
    Some(match project.config.repository.as_ref()? {
        Repository::Url(url) => RepositorySource::Url(url.clone()),
        Repository::Clone { path, send } => RepositorySource::Clone {
            // Without a `.` at its end.
            path: project
                .directory
                .join(expand_home(path))
                .components()
                .collect(),
            send: *send,
        },
    })
}

/// The commit of a revision, where a clone on this machine tells it: no server is asked, and nothing is written.
///
/// # Errors
/// When there is no such revision, or the clone cannot be asked.
pub(super) async fn local_commit(
    project: &Project,
    revision: &Revision,
) -> Result<Option<Commit>, RepositoryError> {
    let Some(RepositorySource::Clone { path, .. }) = repository(project) else {
        return Ok(None);
    };
    let source = RepositorySource::Clone { path, send: false };
    let shell = ProcessShell::in_directory(&project.directory);
    let found = look_up(&shell, &source, revision, &project.directory).await?;
    Ok(found.commit)
}

fn no_baseline(reason: &str) -> Error {
    Error::NoBaseline(format!("finds none: {reason}"))
}

fn no_head(reason: &str) -> Error {
    Error::NoHead(reason.to_owned())
}

/// A directory for what is only needed while a run lasts.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// The one of a run; it is not made yet.
    ///
    /// # Errors
    /// Those of [`state_directory`].
    pub(super) fn of(run: &RunId) -> Result<Self, Error> {
        let checkouts = state_directory()?.join("checkouts");
        Ok(Self(checkouts.join(run.as_str())))
    }

    /// Looks a revision up where the config says.
    pub(super) async fn look_up(
        &self,
        project: &Project,
        revision: &Revision,
        arm: Arm,
        reporter: &impl Reporter,
        interrupt: &Interrupt,
    ) -> Result<Found, Error> {
        let Some(origin) = repository(project) else {
            return Ok(Found::default());
        };
        let shell = ProcessShell::in_directory(&project.directory);
        let scratch = self.0.join(arm.to_string());
        let looking_up = look_up(&shell, &origin, revision, &scratch);
        match until_cancelled(interrupt.token(), looking_up).await {
            Completion::Returned(found) => {
                let found = found?;
                if let Some(commit) = &found.commit {
                    reporter.report(Event::Note(format!("{revision} is commit {commit}")));
                }
                Ok(found)
            }
            Completion::Panicked(message) => Err(Error::System {
                what: "looking up the revision",
                source: io::Error::other(message),
            }),
            Completion::Cancelled => Err(Error::Interrupted(interrupt.signal())),
        }
    }

    /// Removes it, for as long as that may take: what is left then is only disk space.
    pub(super) async fn remove(&self, interrupt: &Interrupt) {
        let deadline = match interrupt.signal() {
            Some(_) => REMOVE_DEADLINE_AFTER_SIGNAL,
            None => REMOVE_DEADLINE,
        };
        let _ = timeout(deadline, tokio::fs::remove_dir_all(&self.0)).await;
    }
}
