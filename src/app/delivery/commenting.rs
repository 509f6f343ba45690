//! The run's row on the comment that all jobs of a workflow share.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::cli::{Commenting, RunArgs};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::github::WorkflowJob;
use crate::github::api::{Api, Thread};
use crate::github::artifact::Artifact;
use crate::github::comment::sync::{CommentError, Published, publish};
use crate::github::comment::{CommentKey, JobKey, Machine, Row};
use crate::github::event::Subject;
use crate::github::http::client;
use crate::report::{Outcome, SampleReport};

/// The number of digits of an AWS account's id.
const ACCOUNT_DIGITS: usize = 12;

/// Whether there is a comment, where that there is none is no failure.
#[derive(Debug)]
pub(super) enum Commented {
    /// The comment.
    Yes(Published),
    /// Nobody wants one.
    No(&'static str),
}

impl fmt::Display for Commented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes(Published { url, superseded }) if *superseded => {
                write!(f, "no comment: a newer workflow run has the comment: {url}")
            }
            Self::Yes(Published { url, .. }) => write!(f, "commented: {url}"),
            Self::No(reason) => f.write_str(reason),
        }
    }
}

/// Brings the rows of a run onto its comment; a line about what came of it, or why there is none and what to do.
pub(super) async fn comment(
    rows: &[Row],
    args: &RunArgs,
    job: &WorkflowJob,
    config: &Path,
) -> Result<Commented, String> {
    let Some(token) = &args.job.github_token else {
        let message = "no comment: the input `github-token` is empty";
        return match args.job.comment {
            Commenting::Always => Err(message.into()),
            _ => Ok(Commented::No(message)),
        };
    };
    let client = client().map_err(|error| format!("no comment: {error}"))?;
    let api = Api::new(&client, job, token).map_err(|error| format!("no comment: {error}"))?;
    let subject = Subject::of(
        &job.event_name,
        &job.payload(),
        &job.git_ref,
        &job.sha,
        &job.repository,
    );
    let number = api
        .pull_request(&subject)
        .await
        .map_err(|error| no_comment(&CommentError::of(error), None))?;
    let thread = match (number, subject) {
        (Some(number), _) => Thread::PullRequest(number),
        (None, Subject::Commit { sha, .. }) if args.job.comment == Commenting::Always => {
            Thread::Commit(sha)
        }
        _ => {
            return Ok(Commented::No(
                "no comment: the commit belongs to no open pull request",
            ));
        }
    };
    let key = CommentKey {
        workflow: job.workflow.clone(),
        config: config.to_string_lossy().into_owned(),
    };
    let matrix = args.job.matrix.as_deref().unwrap_or_default();
    // A matrix gives its jobs a label of their own.
    let in_matrix = label(&job.job, matrix) != job.job;
    let published = publish(&api, &thread, &key, rows, in_matrix).await;
    match published {
        Ok(published) => Ok(Commented::Yes(published)),
        Err(error) => Err(no_comment(&error, Some(&thread))),
    }
}

fn no_comment(error: &CommentError, thread: Option<&Thread>) -> String {
    let message = format!("no comment: {error}");
    let permissions = match (error, thread) {
        (CommentError::Http(_) | CommentError::Contended, _) => return message,
        (CommentError::Locked(_), _) => {
            return format!(
                "{message}\nunlock the conversation, or set the input `comment` to `never`"
            );
        }
        (_, Some(Thread::Commit(_))) => "contents: write",
        _ => "contents: read\n  pull-requests: write",
    };
    format!(
        "{message}\nadd to the job:\npermissions:\n  {permissions}\n\
         A pull request from a fork can never get them: docs/github-actions.md has a pair of workflows for that."
    )
}

/// The row of a sample.
pub(super) fn row(
    report: &SampleReport,
    alone: bool,
    artifact: Option<&Artifact>,
    comparison: Option<String>,
    args: &RunArgs,
    job: &WorkflowJob,
) -> Row {
    Row {
        finished: report.finished,
        revision: report.revision.to_string(),
        outcome: report.outcome,
        took: report.took().as_secs(),
        instance: report.instance.as_ref().map(|instance| Machine {
            id: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            region: instance.region.clone(),
        }),
        files: report.collected.files,
        bytes: report.collected.bytes,
        artifact_url: artifact.map(|artifact| artifact.url.clone()),
        error: report.errors.first().map(|error| redacted(&error.message)),
        timed_out: report.timed_out().len(),
        comparison,
        ..empty_row((!alone).then_some(report.sample), args, job)
    }
}

/// The row of a sample that was killed before it could report.
pub(super) fn unreported_row(
    outcome: Outcome,
    sample: Option<u32>,
    since: Timestamp,
    args: &RunArgs,
    job: &WorkflowJob,
) -> Row {
    let row = empty_row(sample, args, job);
    Row {
        outcome,
        took: row.finished.duration_since(since).unsigned_abs().as_secs(),
        error: Some("the run was ended before it could report".into()),
        ..row
    }
}

/// The row of a run that was refused before anything was launched.
pub(super) fn refusal_row(
    error: &Error,
    since: Timestamp,
    args: &RunArgs,
    job: &WorkflowJob,
) -> Row {
    let row = empty_row(None, args, job);
    Row {
        outcome: match error.exit_status() {
            ExitStatus::Misused => Outcome::StepFailed,
            _ => Outcome::Unavailable,
        },
        took: row.finished.duration_since(since).unsigned_abs().as_secs(),
        error: Some(redacted(&error.to_string())),
        ..row
    }
}

/// The row of a job, or of one of its samples, that has done nothing yet.
fn empty_row(sample: Option<u32>, args: &RunArgs, job: &WorkflowJob) -> Row {
    let matrix = args.job.matrix.as_deref().unwrap_or_default();
    let mut step = job.action.clone();
    let mut label = label(&job.job, matrix);
    if let Some(sample) = sample {
        // As a job of a matrix would be named that has this sample only.
        step = format!("{step} {sample}");
        label = format!("{label} ({sample})");
    }
    Row {
        run: job.run_id,
        attempt: job.run_attempt,
        finished: Timestamp::now(),
        job: JobKey::new(&job.job, &step, matrix),
        label,
        revision: args.revision.clone(),
        outcome: Outcome::Unavailable,
        took: 0,
        instance: None,
        files: 0,
        bytes: 0,
        artifact_url: None,
        run_url: job.run_url(),
        error: None,
        comparison: None,
        timed_out: 0,
        sample,
    }
}

/// The name of a job as GitHub shows it: with the values of its matrix in brackets, in the order of the workflow file.
fn label(job: &str, matrix: &str) -> String {
    let values = match serde_json::from_str(matrix) {
        Ok(InOrder(values)) if !values.is_empty() => values,
        _ => return job.to_owned(),
    };
    let values: Vec<String> = values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            value => value.to_string(),
        })
        .collect();
    format!("{job} ({})", values.join(", "))
}

/// The values of a JSON object as they stand there; a map would sort them by their keys.
struct InOrder(Vec<Value>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut values = Vec::new();
                while let Some((IgnoredAny, value)) = map.next_entry()? {
                    values.push(value);
                }
                Ok(InOrder(values))
            }
        }

        deserializer.deserialize_map(Values)
    }
}

/// An error message without what identifies an AWS account: comments are public.
pub(super) fn redacted(message: &str) -> String {
    let words = message.split(' ').map(|word| {
        if let Some((before, arn)) = word.split_once("arn:aws") {
            let end = arn.trim_end_matches(|c: char| !c.is_alphanumeric());
            let after = arn.get(end.len()..).unwrap_or_default();
            return format!("{before}arn:…{after}");
        }
        let parts = word.split_inclusive(|c: char| !c.is_ascii_digit());
        parts
            .map(|part| {
                let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
                if digits.len() == ACCOUNT_DIGITS {
                    part.replace(digits, "…")
                } else {
                    part.to_owned()
                }
            })
            .collect()
    });
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_as_github_names_it() {
        assert_eq!(label("measure", "null"), "measure");
        assert_eq!(label("measure", ""), "measure");
        assert_eq!(label("measure", "{}"), "measure");
        let matrix = r#"{"type": "c7i.large", "sample": 2}"#;
        assert_eq!(label("measure", matrix), "measure (c7i.large, 2)");
    }

    #[test]
    fn no_account_and_no_role_is_in_public() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/perf/me is not authorized on \
                       (arn:aws-cn:ec2:eu-central-1:123456789012:instance/*), account 123456789012: \
                       ask for i-0123456789abcdef0 at 20261125";
        assert_eq!(
            redacted(message),
            "User: arn:… is not authorized on (arn:…/*), account …: ask for i-0123456789abcdef0 at 20261125"
        );
    }
}
