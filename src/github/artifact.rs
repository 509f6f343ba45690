//! Uploads a sample as an artifact of the workflow run, with the protocol that `actions/upload-artifact` v4 speaks.
//!
//! The archive travels in a ZIP that stores it as it is: [`zip`] computes what comes before and after it. It is read once:
//! its own checksum was computed when it was written, that of the ZIP is while its blocks are sent side by side.

mod blob;
mod service;
mod zip;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::time::Instant;

use self::zip::StoredZip;
use super::environment::WorkflowJob;
use super::http::{HttpError, client};
use crate::report::Archive;
use crate::results::ResultsError;
use service::{Service, Token};

/// The longest that an upload may take, unless the job's token ends before.
const UPLOAD_DEADLINE: Duration = Duration::from_hours(2);

/// The number of addresses that are asked for: each ends after an hour or less.
const MAX_ADDRESSES: u32 = 2;

/// An upload is given up at most this long before its address ends: nobody starts what cannot be finished.
const UPLOAD_MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// The characters that the service does not take in a name.
const FORBIDDEN: &str = "\":<>|*?\r\n\\/";

/// The number of characters of the revision that the name of an artifact has.
const REVISION_DIGITS: usize = 12;

/// The longest name that is asked for, in characters.
const MAX_NAME: usize = 200;

/// The name of an artifact; no other artifact of the workflow run has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactName(String);

impl ArtifactName {
    /// `collector-<12 characters of the revision>-<instance>`; the revision as its directory has it.
    pub fn of_sample(revision: &str, instance: &str) -> Self {
        let revision: String = revision.chars().take(REVISION_DIGITS).collect();
        Self(format!("collector-{revision}-{instance}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of one of several samples.
    #[must_use]
    pub fn of_number(&self, sample: u32) -> Self {
        Self(format!("{}-sample-{sample}", self.0))
    }

    /// Another name, for when nobody knows what became of this one.
    fn second(&self) -> Self {
        Self(format!("{}-2", self.0))
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ArtifactName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(bad) = text.chars().find(|c| FORBIDDEN.contains(*c)) {
            return Err(format!(
                "an artifact's name has none of `\" : < > | * ? \\ /` and no line break, but this contains {bad:?}"
            ));
        }
        if text.is_empty() || text.chars().count() > MAX_NAME {
            return Err(format!("an artifact's name has 1 to {MAX_NAME} characters"));
        }
        Ok(Self(text.into()))
    }
}

/// The files to upload.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    /// The artifact's name.
    pub name: &'a ArtifactName,
    /// The archive.
    pub archive: &'a Archive,
    /// Its path in the artifact.
    pub entry: String,
    /// After so many days the artifact goes; `None` leaves it to the repository.
    pub retention_days: Option<u32>,
}

/// An artifact that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: ArtifactName,
    /// Its page.
    pub url: String,
    /// The SHA-256 of its ZIP, in hexadecimal digits.
    pub digest: String,
    /// The size of its ZIP, in bytes.
    pub size: u64,
}

/// Why there is no artifact. The results are on disk all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// The step is no action, so it may not.
    #[error(
        "no artifact: this step was given no access to the artifact service (ACTIONS_RESULTS_URL, ACTIONS_RUNTIME_TOKEN)"
    )]
    NoRuntime,
    /// A server of somebody's own, without the service.
    #[error("no artifact: {0} has no artifact service that collector speaks to")]
    Enterprise(String),
    /// The token is not what the runner gives.
    #[error("no artifact: the job's token cannot be read: {0}")]
    Token(&'static str),
    /// The job is too old.
    #[error("no artifact: the job's token has expired")]
    Expired,
    /// Another artifact has the name.
    #[error("no artifact: the workflow run has one named `{0}` already")]
    Taken(ArtifactName),
    /// The account's storage is used up.
    #[error("no artifact: the account's storage for artifacts is used up: {0}")]
    Quota(String),
    /// There is no archive, and none can be made.
    #[error("no artifact: {0}")]
    Packing(#[from] ResultsError),
    /// The archive cannot be read.
    #[error("no artifact: reading {}: {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The stored archive is not what was sent.
    #[error("the artifact `{name}` has the digest {stored}, but {sent} was sent")]
    Differs {
        /// Its name.
        name: ArtifactName,
        /// The digest in the service.
        stored: String,
        /// The digest of what was sent.
        sent: String,
    },
    /// The service or its storage failed.
    #[error("no artifact: {call}: {source}")]
    Service {
        /// The request.
        call: &'static str,
        /// The answer.
        source: HttpError,
    },
}

impl ArtifactError {
    /// The remedy.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRuntime => {
                "run collector with `uses:`, not in a `run:` step; or let actions/upload-artifact upload the output `results-path`"
            }
            Self::Enterprise(_) => {
                "let the version of actions/upload-artifact that the server has upload the output `results-path`"
            }
            Self::Token(_) => "let actions/upload-artifact upload the output `results-path`",
            Self::Expired => {
                "a job's token ends some six hours after the job's start: measure in several jobs, or shorten the run"
            }
            Self::Taken(_) => {
                "give each job of a matrix an `artifact-name` of its own, or none at all"
            }
            Self::Quota(_) => {
                "delete old artifacts, or set `retention-days`; the account's usage is computed anew every 6 to 12 hours"
            }
            Self::Packing(error) => return error.hint(),
            Self::Archive { .. } => return None,
            Self::Differs { .. } => "delete the artifact and run the job again",
            Self::Service { call, source }
                if call.starts_with("Put") && source.status() == Some(403) =>
            {
                "the address to upload to ends after an hour or less, and only that storage knows why it refuses: run the job again, or collect less"
            }
            Self::Service { .. } => "see whether GitHub has an incident, and run the job again",
        })
    }

    /// Whether artifacts are not supported by this server at all, so that their absence is no failure.
    pub(crate) const fn is_unsupported(&self) -> bool {
        matches!(self, Self::NoRuntime | Self::Enterprise(_))
    }

    /// A failure of a call, told by what the service means with it.
    fn of(call: &'static str, source: HttpError) -> Self {
        match &source {
            HttpError::Refused { status: 401, .. } => Self::Expired,
            HttpError::Refused { message, .. } if message.contains("insufficient usage") => {
                Self::Quota(message.clone())
            }
            _ => Self::Service { call, source },
        }
    }
}

/// The right of a job to upload, as far as this machine can tell.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    job: &'a WorkflowJob,
    results_url: &'a str,
    token: Token,
}

impl<'a> Access<'a> {
    /// Looks for what the runner gives to an action.
    ///
    /// # Errors
    /// When there is no service for this job, or its token is of no use.
    pub(crate) fn of(job: &'a WorkflowJob) -> Result<Self, ArtifactError> {
        let runtime = match &job.runtime {
            Some(runtime) => runtime,
            None if job.on_github() => return Err(ArtifactError::NoRuntime),
            None => return Err(ArtifactError::Enterprise(job.server_url.clone())),
        };
        let token = Token::read(&runtime.token)?;
        if token.expires.is_some_and(|at| at <= Timestamp::now()) {
            return Err(ArtifactError::Expired);
        }
        Ok(Self {
            job,
            results_url: &runtime.results_url,
            token,
        })
    }
}

/// Uploads an archive and has seen it there when it returns. `secret` is told what must not be seen in a log.
///
/// Costs one reading of the archive and some blocks of 4 MiB in memory.
///
/// # Errors
/// [`ArtifactError`]; the results are on disk then as they were.
pub(crate) async fn upload(
    access: Access<'_>,
    upload: &Upload<'_>,
    secret: impl Fn(&SecretString),
) -> Result<Artifact, ArtifactError> {
    let Access {
        job,
        results_url,
        token,
    } = access;
    let client = client().map_err(|source| ArtifactError::Service {
        call: "HTTP",
        source,
    })?;
    let zip = Arc::new(StoredZip::around(upload.archive, &upload.entry));
    let now = Timestamp::now();
    let deadline = deadline_of(now, token.expires);
    let service = Service::new(&client, results_url, token, deadline);
    let expires_at = expiry(now, upload.retention_days, job.retention_days);

    let mut created = match service.create(upload.name, expires_at).await {
        Err(ArtifactError::Service { source, .. })
            if !job.on_github() && matches!(source.status(), Some(404 | 501)) =>
        {
            return Err(ArtifactError::Enterprise(job.server_url.clone()));
        }
        created => created?,
    };
    let mut addresses = 1;
    let digest = loop {
        created.signatures().iter().for_each(&secret);
        let address_ends = created.expires();
        let address_deadline = deadline.min(deadline_of(Timestamp::now(), address_ends));
        match blob::put(&client, &created.url, &zip, address_deadline).await {
            Ok(digest) => break digest,
            Err(error @ ArtifactError::Archive { .. }) => return Err(error),
            // The address ended before the upload did. Its name is taken, and what was sent lies there unfinished.
            Err(_)
                if addresses < MAX_ADDRESSES
                    && Instant::now() < deadline
                    && address_ends.is_some_and(|at| at <= Timestamp::now() + UPLOAD_MARGIN) =>
            {
                addresses += 1;
                created = service.create(&created.name.second(), expires_at).await?;
            }
            Err(error) => return Err(error),
        }
    };
    let size = zip.size();
    let id = service.finalize(&created.name, size, &digest).await?;
    Ok(Artifact {
        id,
        url: format!("{}/artifacts/{id}", job.run_url()),
        name: created.name,
        digest,
        size,
    })
}

fn deadline_of(now: Timestamp, expires: Option<Timestamp>) -> Instant {
    let left = expires.map_or(UPLOAD_DEADLINE, |at| at.duration_since(now).unsigned_abs());
    Instant::now() + left.min(UPLOAD_DEADLINE)
}

/// When the artifact goes: never later than the repository allows.
fn expiry(now: Timestamp, wanted: Option<u32>, allowed: Option<u32>) -> Option<Timestamp> {
    let days = wanted?.min(allowed.unwrap_or(u32::MAX));
    now.checked_add(SignedDuration::from_hours(i64::from(days) * 24))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_service_takes() {
        let name = ArtifactName::of_sample("0123456789abcdef", "i-0abc");
        assert_eq!(name.as_str(), "collector-0123456789ab-i-0abc");
        assert_eq!(name.as_str().parse(), Ok(name));
        for bad in ["", "a/b", "a:b", "a\nb", "a\"b", &"x".repeat(201)] {
            assert!(bad.parse::<ArtifactName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nothing_is_kept_longer_than_the_repository_allows() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(expiry(now, None, Some(90)), None);
        let days = |wanted, allowed| expiry(now, Some(wanted), allowed).unwrap().to_string();
        assert_eq!(days(1, Some(90)), "2026-11-23T12:00:00Z");
        assert_eq!(days(30, Some(2)), "2026-11-24T12:00:00Z");
    }

    #[test]
    fn a_refusal_is_told_by_what_it_means() {
        let refused = |status, message: &str| HttpError::Refused {
            status,
            message: message.into(),
            retry_after: None,
        };
        let of = |error| ArtifactError::of("CreateArtifact", error);
        assert!(matches!(of(refused(401, "no")), ArtifactError::Expired));
        let usage = refused(403, "insufficient usage to create artifact");
        assert!(matches!(of(usage), ArtifactError::Quota(_)));
        assert!(matches!(
            of(refused(400, "no")),
            ArtifactError::Service { .. }
        ));
    }
}
