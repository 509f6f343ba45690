//! The artifact of a sample.

use secrecy::SecretString;

use super::Delivery;
use crate::cancel::{Completion, until_cancelled};
use crate::cli::RunArgs;
use crate::github::WorkflowJob;
use crate::github::artifact::{Access, Artifact, ArtifactError, ArtifactName, Upload, upload};
use crate::report::{Diagnostic, Outcome, SampleReport};
use crate::reporter::{Event, Reporter as _};
use crate::results::Results;

/// The results of a sample on their way to an artifact.
pub(super) struct Uploading<'a> {
    report: &'a SampleReport,
    results: Results,
    name: ArtifactName,
    /// The archive's path in the artifact.
    entry: String,
    args: &'a RunArgs,
    job: &'a WorkflowJob,
}

impl<'a> Uploading<'a> {
    /// The files to upload; `None` where nothing was launched and nothing was left.
    pub(super) fn new(
        report: &'a SampleReport,
        number: Option<u32>,
        args: &'a RunArgs,
        job: &'a WorkflowJob,
    ) -> Option<Self> {
        let directory = report.directory.as_ref()?;
        let sample = directory.file_name()?.to_string_lossy();
        let revision = report.revision.directory();
        let name = match (&args.job.artifact_name, number) {
            (Some(name), None) => name.clone(),
            (Some(name), Some(number)) => name.of_number(number),
            (None, _) => ArtifactName::of_sample(&revision, &sample),
        };
        Some(Self {
            report,
            results: Results::open(directory, &report.revision),
            name,
            entry: format!("{revision}/{sample}.tar.gz"),
            args,
            job,
        })
    }

    /// Uploads the archive; where there is none, one that is made for this.
    pub(super) async fn upload(
        &self,
        secret: impl Fn(&SecretString),
    ) -> Result<Artifact, ArtifactError> {
        let access = Access::of(self.job)?;
        let archive = match &self.report.archive {
            Some(archive) => archive.clone(),
            None => self.results.pack().await?,
        };
        let upload_of = Upload {
            name: &self.name,
            archive: &archive,
            entry: self.entry.clone(),
            retention_days: self.args.job.retention_days,
        };
        upload(access, &upload_of, secret).await
    }

    /// Removes what was made for it.
    pub(super) fn end(self) {
        self.results.discard_archive();
    }
}

impl Delivery<'_> {
    pub(super) async fn artifact(
        &self,
        report: &mut SampleReport,
        number: Option<u32>,
    ) -> Option<Artifact> {
        let Self {
            args,
            job,
            log,
            interrupt,
            ..
        } = *self;
        if interrupt.token().is_cancelled() {
            return None;
        }
        let uploading = Uploading::new(report, number, args, job)?;
        if job.runtime.is_some() {
            log.report(Event::Note(format!("uploading {} …", uploading.name)));
        }
        let upload = uploading.upload(|secret| {
            let secret = secret.clone();
            log.reporter.call(move |log| log.mask(&secret));
        });
        let uploaded = until_cancelled(interrupt.token(), upload).await;
        uploading.end();
        match uploaded {
            Completion::Returned(Ok(artifact)) => {
                log.report(Event::Note(format!(
                    "uploaded {} ({}, SHA-256 {}): {}",
                    artifact.name,
                    indicatif::HumanBytes(artifact.size),
                    artifact.digest,
                    artifact.url
                )));
                return Some(artifact);
            }
            Completion::Returned(Err(error)) if error.is_unsupported() => {
                let diagnostic = Diagnostic::new(error.to_string(), error.hint());
                log.report(Event::Warning(diagnostic.to_string()));
            }
            Completion::Returned(Err(error)) => {
                report.fail(Outcome::Unavailable, error.to_string(), error.hint());
            }
            Completion::Panicked(message) => {
                report.fail(Outcome::Unavailable, message, None);
            }
            Completion::Cancelled => {
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
}
