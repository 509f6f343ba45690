//! What a job gets of a run once the instance is gone: the artifact, the step's outputs, the summary, the comment.

mod commenting;

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ExitStatus, conclude, tell_leak};
use crate::cli::{Commenting, RunArgs};
use crate::error::Error;
use crate::github::artifact::{Artifact, ArtifactError, ArtifactName, Upload, upload};
use crate::github::http::client;
use crate::github::state::State;
use crate::github::summary::{Facts, Failure, refusal, short, summary};
use crate::github::{WorkflowJob, commands};
use crate::interrupt::Interrupt;
use crate::lease::{Ended, until_cancelled};
use crate::phase::Stage;
use crate::report::{Complaint, Outcome, Release, RunReport};
use crate::reporter::workflow::WorkflowLog;
use crate::reporter::{Event, Reporter as _};
use crate::results::RECORDS;
use crate::step::StepOutcome;

/// So much of the end of a log is looked at, in bytes; a summary shows less.
const TAIL: u64 = 64 * 1024;

/// Delivers everything, and says with what status the step ends.
///
/// A missing artifact is a failure, for the runner's disk may be gone with the job; a missing comment is not.
pub(super) async fn deliver(
    mut report: RunReport,
    args: &RunArgs,
    job: &WorkflowJob,
    log: &WorkflowLog,
    interrupt: &Interrupt,
) -> ExitStatus {
    let launched = report
        .stages
        .iter()
        .any(|stage| stage.stage == Stage::Launch);
    if report.released == Release::Terminated || !launched {
        warn(log, State::save_released(job));
    }
    // It is said again at the end, but what comes now takes time, and somebody may act on it.
    tell_leak(&report, log);
    if let Some(results) = report.directory.as_deref()
        && !results.starts_with(&job.workspace)
    {
        log.report(&Event::Warning(format!(
            "the results lie outside of the workspace, where later steps cannot read them: {}\n\
             hint: the input `output` names a directory in the workspace",
            results.display()
        )));
    }
    let artifact = artifact(&mut report, args, job, log, interrupt).await;
    warn(log, outputs(&report, artifact.as_ref(), job));
    warn(log, page(&report, artifact.as_ref(), job));
    if args.job.comment != Commenting::Never {
        let commenting = commenting::comment(&report, artifact.as_ref(), args, job, log);
        match until_cancelled(interrupt.run(), commenting).await {
            Ended::Returned(Ok(said)) => log.report(&Event::Note(said)),
            Ended::Returned(Err(complaint)) => log.report(&Event::Warning(complaint)),
            Ended::Panicked(message) => log.report(&Event::Warning(message)),
            Ended::Cancelled => {}
        }
    }
    conclude(&report, log);
    ExitStatus(report.exit_status())
}

/// Tells the job that there was no run.
pub(super) fn refuse(error: &Error, job: &WorkflowJob, log: &WorkflowLog) {
    let status = error.exit_status().to_string();
    let text = refusal(&error.to_string(), error.hint());
    let written = || {
        if let Some(file) = &job.files.output {
            commands::set(file, "status", "refused")?;
            commands::set(file, "exit-status", &status)?;
            commands::set(file, "summary", &text)?;
        }
        add_to_summary(&text, job)
    };
    warn(log, written());
}

fn warn<E: std::fmt::Display>(log: &WorkflowLog, result: Result<(), E>) {
    if let Err(error) = result {
        log.report(&Event::Warning(error.to_string()));
    }
}

async fn artifact(
    report: &mut RunReport,
    args: &RunArgs,
    job: &WorkflowJob,
    log: &WorkflowLog,
    interrupt: &Interrupt,
) -> Option<Artifact> {
    if interrupt.run().is_cancelled() {
        return None;
    }
    let Some(archive) = report.archive.clone() else {
        let why = "no artifact: the archive of the results was not written";
        report.fail(
            Outcome::Unavailable,
            why,
            Some("the log of the phase `archive` tells why"),
        );
        return None;
    };
    let directory = archive
        .parent()?
        .file_name()?
        .to_string_lossy()
        .into_owned();
    let sample = report
        .directory
        .as_ref()?
        .file_name()?
        .to_string_lossy()
        .into_owned();
    let name = match &args.job.artifact_name {
        Some(name) => name.clone(),
        None => ArtifactName::of_sample(&directory, &sample),
    };
    let file = archive.file_name()?.to_string_lossy();
    let upload_of = Upload {
        name: &name,
        archive: &archive,
        entry: format!("{directory}/{file}"),
        retention_days: args.job.retention_days,
    };
    if job.runtime.is_some() {
        log.report(&Event::Note(format!("uploading {name} …")));
    }
    let uploading = async {
        let client = client().map_err(|source| ArtifactError::Service {
            call: "HTTP",
            source,
        })?;
        upload(&client, job, &upload_of, |secret| log.mask(secret)).await
    };
    match until_cancelled(interrupt.run(), uploading).await {
        Ended::Returned(Ok(artifact)) => {
            log.report(&Event::Note(format!(
                "uploaded {} ({}, SHA-256 {}): {}",
                artifact.name,
                indicatif::HumanBytes(artifact.size),
                artifact.digest,
                artifact.url
            )));
            return Some(artifact);
        }
        Ended::Returned(Err(error)) if error.is_of_the_place() => {
            let complaint = Complaint::new(error.to_string(), error.hint());
            log.report(&Event::Warning(complaint.to_string()));
        }
        Ended::Returned(Err(error)) => {
            report.fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        Ended::Panicked(message) => {
            report.fail(Outcome::Unavailable, message, None);
        }
        Ended::Cancelled => {
            report.signal = interrupt.signal();
            report.fail(
                Outcome::Interrupted,
                "the upload of the artifact was ended by a signal",
                None,
            );
        }
    }
    None
}

/// The step's outputs, named as in `action.yml`.
fn outputs(report: &RunReport, artifact: Option<&Artifact>, job: &WorkflowJob) -> io::Result<()> {
    let Some(file) = &job.files.output else {
        return Ok(());
    };
    let path = |path: &Option<PathBuf>| {
        let path = path.as_deref().map(|path| job.shared_path(path));
        path.map(|path| path.to_string_lossy().into_owned())
    };
    let instance = report.instance.as_ref().map(|instance| &instance.id);
    let unsure = match &report.released {
        Release::Unconfirmed { id, .. } => id.as_ref(),
        _ => None,
    };
    let ids: Vec<_> = instance.or(unsure).into_iter().collect();
    let status = serde_json::to_value(report.outcome)?;
    for (name, value) in [
        ("status", status.as_str().map(str::to_owned)),
        ("exit-status", Some(report.exit_status().to_string())),
        ("run-id", Some(report.run.to_string())),
        ("revision", Some(report.revision.to_string())),
        ("instance-ids", Some(serde_json::to_string(&ids)?)),
        ("results-path", path(&report.directory)),
        ("archive-path", path(&report.archive)),
        (
            "artifact-id",
            artifact.map(|artifact| artifact.id.to_string()),
        ),
        (
            "artifact-url",
            artifact.map(|artifact| artifact.url.clone()),
        ),
        (
            "artifact-digest",
            artifact.map(|artifact| artifact.digest.clone()),
        ),
        ("summary", Some(short(report))),
    ] {
        commands::set(file, name, &value.unwrap_or_default())?;
    }
    Ok(())
}

fn page(report: &RunReport, artifact: Option<&Artifact>, job: &WorkflowJob) -> io::Result<()> {
    let files = collected(report.directory.as_deref());
    let failed = report
        .stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .find(|step| matches!(step.outcome, StepOutcome::Failed | StepOutcome::Lost));
    let output = failed
        .zip(report.directory.as_ref())
        .and_then(|(step, directory)| tail(&directory.join(&step.log)).ok());
    let revision = report.revision.as_str();
    let commit_url = is_commit(revision).then(|| job.commit_url(revision));
    let facts = Facts {
        run_url: Some(&job.run_url()),
        commit_url: commit_url.as_deref(),
        artifact,
        files: &files,
        failure: failed.zip(output.as_ref()).map(|(step, output)| Failure {
            script: &step.script,
            output,
        }),
    };
    add_to_summary(&summary(report, &facts), job)
}

fn add_to_summary(text: &str, job: &WorkflowJob) -> io::Result<()> {
    match &job.files.summary {
        Some(file) => commands::append(file, &format!("{text}\n")),
        None => Ok(()),
    }
}

/// A whole hash: only those have a page of their own for certain.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit())
}

#[derive(Deserialize)]
struct Collected {
    files: Vec<CollectedFile>,
}

#[derive(Deserialize)]
struct CollectedFile {
    path: String,
    size: u64,
    state: String,
}

/// What the manifest says came home; nothing where there is none.
fn collected(directory: Option<&Path>) -> Vec<(String, u64)> {
    let read = || {
        let manifest = fs::read(directory?.join(RECORDS).join("manifest.json")).ok()?;
        serde_json::from_slice::<Collected>(&manifest).ok()
    };
    let files = read().map(|manifest| manifest.files).unwrap_or_default();
    files
        .into_iter()
        .filter(|file| file.state != "missing")
        .map(|file| (file.path, file.size))
        .collect()
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_home_is_not_listed() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(RECORDS)).unwrap();
        let manifest = r#"{"format": 1, "files": [
            {"path": "a", "size": 1, "state": "verified"},
            {"path": "b", "size": 2, "state": "missing"},
            {"path": "c", "size": 3, "state": "changed"}]}"#;
        let file = directory.path().join(RECORDS).join("manifest.json");
        fs::write(file, manifest).unwrap();
        let listed = collected(Some(directory.path()));
        assert_eq!(listed, [("a".to_owned(), 1), ("c".to_owned(), 3)]);
        assert_eq!(collected(None), []);
    }
}
