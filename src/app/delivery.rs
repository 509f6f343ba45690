//! Delivers a run to its job once the instance is gone: the artifact, the step's outputs, the summary, the comment.

pub(super) mod belated;
mod commenting;
mod comparing;
mod uploading;

use std::io;
use std::path::Path;

use jiff::Timestamp;

use self::commenting::redacted;
use super::{ExitStatus, Reporters, conclude, tell_leaks};
use crate::cancel::{Completion, until_cancelled};
use crate::cli::{Commenting, RunArgs};
use crate::comparison::Comparison;
use crate::error::Error;
use crate::github::artifact::Artifact;
use crate::github::comment::{COMPARISON, Row};
use crate::github::state::State;
use crate::github::summary::{Facts, Failure, of_run, render_refusal, short_of_run, summary};
use crate::github::{WorkflowJob, commands};
use crate::interrupt::Interrupt;
use crate::phase::Stage;
use crate::records::{FileState, Manifest};
use crate::report::{Outcome, Release, RunReport, SampleReport};
use crate::reporter::workflow::WorkflowLog;
use crate::reporter::{Event, Reporter};
use crate::results::SampleDirectory;
use crate::revision::Commit;

/// So much of the end of a log is looked at, in bytes; a summary shows less.
const TAIL: u64 = 64 * 1024;

/// The load of so many samples is drawn in the summary; that of more is in `report.html`.
const MAX_DRAWN_SAMPLES: usize = 4;

/// The bytes that a comparison may have in the summary.
const COMPARISON_IN_SUMMARY: usize = 100_000;

/// Everything that a delivery needs to know.
pub(super) struct Delivery<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) job: &'a WorkflowJob,
    /// The config file as the repository names it.
    pub(super) config: &'a Path,
    pub(super) log: &'a Reporters<WorkflowLog>,
    pub(super) interrupt: &'a Interrupt,
}

impl Delivery<'_> {
    /// Delivers everything, and says with what status the step ends.
    ///
    /// A missing artifact is a failure, for the runner's disk may be gone with the job; a missing comment is not.
    pub(super) async fn deliver(&self, mut report: RunReport) -> ExitStatus {
        let Self {
            args,
            job,
            log,
            interrupt,
            ..
        } = *self;
        let all_released = report.samples.iter().all(|sample| {
            let launched = sample
                .stages
                .iter()
                .any(|stage| stage.stage == Stage::Launch);
            let over = matches!(sample.released, Release::Terminated | Release::Kept { .. });
            over || !launched
        });
        if all_released {
            warn(log, State::save_released(job));
        }
        // It is said again at the end, but what comes now takes time, and somebody may act on it.
        tell_leaks(&report, log);
        let directory = report.samples.iter().find_map(|s| s.directory.as_deref());
        if let Some(results) = directory
            && !results.starts_with(&job.workspace)
        {
            log.report(Event::Warning(format!(
                "the results lie outside of the workspace, where later steps cannot read them: {}\n\
             hint: the input `output` names a directory in the workspace",
                results.display()
            )));
        }
        let alone = report.samples.len() == 1;
        let mut artifacts = Vec::new();
        for sample in &mut report.samples {
            let number = (!alone).then_some(sample.sample);
            artifacts.push(self.artifact(sample, number).await);
        }
        report.signal = report.signal.or(interrupt.signal());
        report.update_outcome();
        let first_artifact = artifacts.first().and_then(Option::as_ref);
        let answer = |room| self.comparison(&report, first_artifact, room);
        let first = report.samples.first().map_or(1, |sample| sample.sample);
        warn(log, outputs(&report, &artifacts, job));
        if let Some(text) = answer(COMPARISON_IN_SUMMARY) {
            warn(log, add_to_summary(&text, job));
        }
        if !alone {
            warn(log, add_to_summary(&of_run(&report), job));
        }
        let drawn = report.samples.len() <= MAX_DRAWN_SAMPLES;
        for (sample, artifact) in report.samples.iter().zip(&artifacts) {
            warn(
                log,
                page(sample, !alone, artifact.as_ref(), drawn, job).await,
            );
        }
        if args.job.comment != Commenting::Never {
            let samples = report.samples.iter().zip(&artifacts);
            let rows: Vec<Row> = samples
                .map(|(sample, artifact)| {
                    // The first row has what is said of the run.
                    let of_run = sample.sample == first;
                    let comparison = of_run.then(|| answer(COMPARISON)).flatten();
                    let mut row =
                        commenting::row(sample, alone, artifact.as_ref(), comparison, args, job);
                    if of_run && report.outcome == Outcome::Slower {
                        row.outcome = Outcome::Slower;
                        let slower = report.errors.first();
                        row.error = row.error.or(slower.map(|error| redacted(&error.message)));
                    }
                    row
                })
                .collect();
            let commenting = commenting::comment(&rows, args, job, self.config);
            match until_cancelled(interrupt.token(), commenting).await {
                Completion::Returned(Ok(said)) => log.report(Event::Note(said.to_string())),
                Completion::Returned(Err(diagnostic)) => log.report(Event::Warning(diagnostic)),
                Completion::Panicked(message) => log.report(Event::Warning(message)),
                Completion::Cancelled => {}
            }
        }
        if !interrupt.token().is_cancelled() {
            // What a signal left undone, the post step does.
            warn(log, State::save_delivered(job));
        }
        conclude(&report, log);
        report.exit_status()
    }

    /// Brings it onto the comment that there was no run.
    pub(super) async fn comment_on_refusal(&self, error: &Error, since: Timestamp) {
        let Self {
            args,
            job,
            config,
            log,
            interrupt,
        } = *self;
        if args.job.comment != Commenting::Never {
            let row = commenting::refusal_row(error, since, args, job);
            let rows = [row];
            let commenting = commenting::comment(&rows, args, job, config);
            match until_cancelled(interrupt.token(), commenting).await {
                Completion::Returned(Ok(said)) => log.report(Event::Note(said.to_string())),
                Completion::Returned(Err(diagnostic)) => log.report(Event::Warning(diagnostic)),
                Completion::Panicked(message) => log.report(Event::Warning(message)),
                Completion::Cancelled => return,
            }
        }
        warn(log, State::save_delivered(job));
    }
}

/// Tells the job that there was no run.
pub(super) fn deliver_refusal(error: &Error, job: &WorkflowJob, log: &impl Reporter) {
    let status = error.exit_status().to_string();
    let text = render_refusal(&error.to_string(), error.hint());
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

pub(super) fn warn<E: std::fmt::Display>(log: &impl Reporter, result: Result<(), E>) {
    if let Err(error) = result {
        log.report(Event::Warning(error.to_string()));
    }
}

/// The step's outputs, named as in `action.yml`; a list in JSON where there are several samples.
fn outputs(
    report: &RunReport,
    artifacts: &[Option<Artifact>],
    job: &WorkflowJob,
) -> io::Result<()> {
    let Some(file) = &job.files.output else {
        return Ok(());
    };
    let samples = &report.samples;
    let path = |path: Option<&Path>| {
        let path = path.map(|path| job.shared_path(path));
        path.map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let archive = |sample: &SampleReport| path(sample.archive.as_ref().map(|it| &*it.path));
    let of_artifacts = |value: fn(&Artifact) -> String| {
        let values = artifacts.iter();
        one_or_list(values.map(|artifact| artifact.as_ref().map(value).unwrap_or_default()))
    };
    let ids: Vec<_> = samples
        .iter()
        .filter_map(|sample| {
            let unsure = match &sample.released {
                Release::Unconfirmed { id, .. } => id.as_ref(),
                _ => None,
            };
            sample
                .instance
                .as_ref()
                .map(|instance| &instance.id)
                .or(unsure)
        })
        .collect();
    let status = serde_json::to_value(report.outcome)?;
    let revision = samples.first().map(|sample| sample.revision.to_string());
    for (name, value) in [
        ("status", status.as_str().unwrap_or_default().to_owned()),
        ("exit-status", report.exit_status().to_string()),
        ("run-id", report.run.to_string()),
        ("revision", revision.unwrap_or_default()),
        ("instance-ids", serde_json::to_string(&ids)?),
        (
            "results-path",
            one_or_list(
                samples
                    .iter()
                    .map(|sample| path(sample.directory.as_deref())),
            )?,
        ),
        ("archive-path", one_or_list(samples.iter().map(archive))?),
        (
            "artifact-id",
            of_artifacts(|artifact| artifact.id.to_string())?,
        ),
        (
            "artifact-url",
            of_artifacts(|artifact| artifact.url.clone())?,
        ),
        (
            "artifact-digest",
            of_artifacts(|artifact| artifact.digest.clone())?,
        ),
        (
            "comparison",
            report
                .comparison()
                .map_or_else(String::new, Comparison::sentence),
        ),
        ("summary", short_of_run(report)),
    ] {
        commands::set(file, name, &value)?;
    }
    Ok(())
}

/// The value of the one sample, or those of all as JSON.
fn one_or_list(values: impl Iterator<Item = String>) -> io::Result<String> {
    let mut values: Vec<String> = values.collect();
    match values.as_mut_slice() {
        [] => Ok(String::new()),
        [value] => Ok(std::mem::take(value)),
        values => Ok(serde_json::to_string(values)?),
    }
}

async fn page(
    report: &SampleReport,
    numbered: bool,
    artifact: Option<&Artifact>,
    drawn: bool,
    job: &WorkflowJob,
) -> io::Result<()> {
    let failed = report.failed_step();
    let results = report.directory.clone().map(SampleDirectory::new);
    let log_of = failed.cloned();
    let reading = tokio::task::spawn_blocking(move || {
        let results = results.as_ref();
        let files = results.map(collected).unwrap_or_default();
        let output = results
            .zip(log_of)
            .and_then(|(results, step)| results.log_tail(&step, TAIL).ok());
        // What cannot be read was said when the report was made of it.
        let drawn = results.filter(|_| drawn);
        let metrics = drawn.and_then(|results| results.metrics().ok().flatten());
        (files, output, metrics)
    });
    let (files, output, metrics) = reading.await.map_err(io::Error::other)?;
    let revision = report.revision.as_str();
    // Only a whole hash has a page of its own for certain.
    let commit_url = Commit::parse(revision).map(|_| job.commit_url(revision));
    let facts = Facts {
        run_url: Some(&job.run_url()),
        commit_url: commit_url.as_deref(),
        artifact,
        number: numbered.then_some(report.sample),
        files: &files,
        failure: failed.zip(output.as_ref()).map(|(step, output)| Failure {
            script: &step.script,
            output,
        }),
        metrics: metrics.as_ref(),
    };
    add_to_summary(&summary(report, &facts), job)
}

fn add_to_summary(text: &str, job: &WorkflowJob) -> io::Result<()> {
    match &job.files.summary {
        Some(file) => commands::append(file, &format!("{text}\n")),
        None => Ok(()),
    }
}

/// The files that came home, as the manifest has them; none where there is no manifest.
fn collected(results: &SampleDirectory) -> Vec<(String, u64)> {
    let manifest = results.read::<Manifest>();
    let files = manifest.map_or_else(|_| Vec::new(), |manifest| manifest.files);
    files
        .into_iter()
        .filter(|file| file.state != FileState::Missing)
        .map(|file| (file.path.to_string(), file.size))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::*;
    use crate::records::{FilePath, ManifestEntry, Record as _};
    use crate::results::RECORDS;

    #[test]
    fn what_did_not_come_home_is_not_listed() {
        let directory = tempfile::tempdir().unwrap();
        let results = SampleDirectory::new(directory.path());
        assert_eq!(collected(&results), []);
        let file = |(name, size, state): (&str, u64, FileState)| ManifestEntry {
            path: FilePath::new(name.as_bytes()),
            source: FilePath::new(format!("/tmp/{name}").into_bytes()),
            size,
            sha256: None,
            mode: 0o644,
            modified: Some(Timestamp::UNIX_EPOCH),
            state,
        };
        let files = [
            ("a", 1, FileState::Verified),
            ("b", 2, FileState::Missing),
            ("c", 3, FileState::Changed),
        ];
        let manifest = Manifest::new(files.map(file).into());
        let records = directory.path().join(RECORDS);
        fs::create_dir(&records).unwrap();
        fs::write(records.join(Manifest::FILE), manifest.to_json().unwrap()).unwrap();
        let listed = [("a".to_owned(), 1), ("c".to_owned(), 3)];
        assert_eq!(collected(&results), listed);
    }
}
