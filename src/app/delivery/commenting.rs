//! The run's row on the comment that all jobs of a workflow share.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::cli::{Commenting, RunArgs};
use crate::github::WorkflowJob;
use crate::github::api::{Api, Thread};
use crate::github::artifact::Artifact;
use crate::github::comment::{Job, Key, Rented, Row};
use crate::github::event::Subject;
use crate::github::http::client;
use crate::github::publish::{CommentError, Published, publish};
use crate::report::{RunReport, SampleReport};

/// The number of digits of an AWS account's id.
const ACCOUNT_DIGITS: usize = 12;

/// Writes the run's row onto its comment; a line about what came of it, or why there is none and what to do.
pub(super) async fn comment(
    report: &RunReport,
    artifacts: &[Option<Artifact>],
    args: &RunArgs,
    job: &WorkflowJob,
    config: &Path,
) -> Result<String, String> {
    let Some(token) = &args.job.github_token else {
        let message = "no comment: the input `github-token` is empty";
        return match args.job.comment {
            Commenting::Always => Err(message.into()),
            _ => Ok(message.into()),
        };
    };
    let client = client().map_err(|error| format!("no comment: {error}"))?;
    let api = Api::new(&client, job, token).map_err(|error| format!("no comment: {error}"))?;
    let payload = job.event_path.as_ref().and_then(|path| fs::read(path).ok());
    let payload: Value = payload
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    let subject = Subject::of(
        &job.event_name,
        &payload,
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
        _ => return Ok("no comment: the commit belongs to no open pull request".into()),
    };
    let key = Key {
        workflow: job.workflow.clone(),
        config: config.to_string_lossy().into_owned(),
    };
    let alone = report.samples.len() == 1;
    let samples = report.samples.iter().zip(artifacts);
    let rows: Vec<Row> = samples
        .map(|(sample, artifact)| row(sample, alone, artifact.as_ref(), args, job))
        .collect();
    let matrix = args.job.matrix.as_deref().unwrap_or_default();
    // A matrix gives its jobs a label of their own.
    let in_matrix = label(&job.job, matrix) != job.job;
    let published = publish(&api, &thread, &key, &rows, in_matrix).await;
    match published {
        Ok(Published { url, superseded }) if superseded => Ok(format!(
            "no comment: a newer workflow run has the comment: {url}"
        )),
        Ok(Published { url, .. }) => Ok(format!("commented: {url}")),
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
         A pull request from a fork never may: the README has a pair of workflows for that."
    )
}

fn row(
    report: &SampleReport,
    alone: bool,
    artifact: Option<&Artifact>,
    args: &RunArgs,
    job: &WorkflowJob,
) -> Row {
    let matrix = args.job.matrix.as_deref().unwrap_or_default();
    let mut step = job.action.clone();
    let mut label = label(&job.job, matrix);
    if !alone {
        // As a job of a matrix would be named that has this sample only.
        step = format!("{step} {}", report.sample);
        label = format!("{label} ({})", report.sample);
    }
    Row {
        run: job.run_id,
        attempt: job.run_attempt,
        finished: report.finished,
        job: Job::new(&job.job, &step, matrix),
        label,
        revision: report.revision.to_string(),
        outcome: report.outcome,
        took: report.took().as_secs(),
        instance: report.instance.as_ref().map(|instance| Rented {
            id: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            region: instance.region.clone(),
        }),
        files: report.collected.files,
        bytes: report.collected.bytes,
        artifact_url: artifact.map(|artifact| artifact.url.clone()),
        run_url: job.run_url(),
        error: report.errors.first().map(|error| redacted(&error.message)),
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
fn redacted(message: &str) -> String {
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
