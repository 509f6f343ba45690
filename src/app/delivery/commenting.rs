//! The run's row on the comment that all jobs of a workflow share.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{Commenting, RunArgs};
use crate::github::api::{Api, Thread};
use crate::github::artifact::Artifact;
use crate::github::comment::{Job, Key, Rented, Row};
use crate::github::event::Subject;
use crate::github::http::client;
use crate::github::publish::{CommentError, publish};
use crate::github::{Secret, WorkflowJob};
use crate::report::{RunReport, SampleReport};

/// Writes the run's row onto its comment; a line about what came of it, or why there is none and what to do.
pub(super) async fn comment(
    report: &RunReport,
    artifacts: &[Option<Artifact>],
    args: &RunArgs,
    job: &WorkflowJob,
    config: &Path,
) -> Result<String, String> {
    let token = args.job.github_token.as_deref().unwrap_or_default();
    if token.is_empty() {
        let message = "no comment: the input `github-token` is empty";
        return match args.job.comment {
            Commenting::Always => Err(message.into()),
            _ => Ok(message.into()),
        };
    }
    let token = Secret::new(token);
    let client = client().map_err(|error| format!("no comment: {error}"))?;
    let api = Api::new(&client, job, &token);
    let payload = job.event_path.as_ref().and_then(|path| fs::read(path).ok());
    let payload: Value = payload
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    let subject = Subject::of(&job.event_name, &payload, &job.git_ref, &job.sha);
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
        Ok(url) => Ok(format!("commented: {url}")),
        Err(error) => Err(no_comment(&error, Some(&thread))),
    }
}

fn no_comment(error: &CommentError, thread: Option<&Thread>) -> String {
    let message = format!("no comment: {error}");
    let permissions = match (error, thread) {
        (CommentError::Http(_) | CommentError::Unsettled, _) => return message,
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
        error: report.errors.first().map(|error| error.message.clone()),
    }
}

/// The name of a job as GitHub shows it: with the values of its matrix in brackets.
fn label(job: &str, matrix: &str) -> String {
    let Ok(Value::Object(matrix)) = serde_json::from_str(matrix) else {
        return job.to_owned();
    };
    let values: Vec<String> = matrix
        .values()
        .map(|value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        })
        .collect();
    if values.is_empty() {
        return job.to_owned();
    }
    format!("{job} ({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_as_github_names_it() {
        assert_eq!(label("measure", "null"), "measure");
        assert_eq!(label("measure", ""), "measure");
        assert_eq!(label("measure", "{}"), "measure");
        let matrix = r#"{"sample": 2, "type": "c7i.large"}"#;
        assert_eq!(label("measure", matrix), "measure (2, c7i.large)");
    }
}
