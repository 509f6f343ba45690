//! The delivery of a run that could not deliver by itself: a signal left no time for it, or it was killed.
//!
//! The post step has minutes, the state of the run and the step's inputs. Without this, the comment would go on saying
//! what an older commit did.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::add_to_summary;
use super::commenting::{Commented, comment, row, unreported_row};
use super::comparing::Answer;
use super::uploading::Uploading;
use crate::cli::{Commenting, RunArgs};
use crate::github::WorkflowJob;
use crate::github::artifact::Artifact;
use crate::github::comment::{COMPARISON, Row};
use crate::github::state::State;
use crate::github::summary::{short, unreported};
use crate::instance::LOCAL_REGION;
use crate::records::Figures;
use crate::report::profiles::profiles;
use crate::report::{Diagnostic, Outcome, Release, SampleReport};
use crate::reporter::workflow::WorkflowLog;
use crate::reporter::{Event, Reporter as _};
use crate::results::{SampleDirectory, read_run};

/// The deadline for an artifact: the runner ends a cancelled job some minutes after the cancel.
const UPLOAD_DEADLINE: Duration = Duration::from_mins(2);

/// A run that has delivered nothing yet.
pub(in crate::app) struct Undelivered<'a> {
    pub(in crate::app) args: &'a RunArgs,
    pub(in crate::app) job: &'a WorkflowJob,
    /// The state that it saved before it launched anything; `None` where it came to no launch.
    pub(in crate::app) state: Option<&'a State>,
    /// When it began.
    pub(in crate::app) since: Timestamp,
    /// Whether an instance may be left.
    pub(in crate::app) leaked: bool,
    pub(in crate::app) log: &'a WorkflowLog,
}

impl Undelivered<'_> {
    /// Uploads the results, and writes the summary and the comment.
    pub(in crate::app) async fn deliver(&self) {
        let Self {
            args,
            job,
            state,
            log,
            ..
        } = *self;
        let config = log.config();
        let mut reports = state.map(reports).unwrap_or_default();
        let mut figures = state.and_then(|state| figures(state, &reports));
        let profiles = profiles(&reports);
        let mut rows = Vec::new();
        let mut page = Vec::new();
        let (first, samples) = state.map_or((1, 1), |state| (state.first, state.samples));
        for number in first..first + samples {
            let found = reports.iter_mut().find(|report| report.sample == number);
            let Some(report) = found else {
                rows.push(self.unreported(samples, number));
                continue;
            };
            if !self.leaked && matches!(report.released, Release::Unconfirmed { .. }) {
                report.released = Release::Terminated;
                report.outcome = Outcome::Interrupted;
            }
            let artifact = self.artifact(report, (samples > 1).then_some(number)).await;
            let link = artifact.as_ref().map(|artifact| &artifact.url);
            // The first row has it, as in a delivery in time; the run itself has put it into the summary.
            let compared = figures.take().and_then(|figures| {
                let answer = Answer {
                    figures: &figures,
                    samples,
                    config: &config,
                    local: report.region == LOCAL_REGION,
                    job,
                    profiles: profiles.clone(),
                };
                answer.markdown(artifact.as_ref(), COMPARISON)
            });
            page.push(short(report, (samples > 1).then_some(number)));
            page.extend(link.map(|url| format!("artifact: {url}\n")));
            rows.push(row(
                report,
                samples == 1,
                artifact.as_ref(),
                compared,
                args,
                job,
            ));
        }
        if page.is_empty() {
            page.push(unreported(self.leaked));
        }
        if let Err(error) = add_to_summary(&page.join("\n"), job) {
            log.report(Event::Warning(error.to_string()));
        }
        if args.job.comment != Commenting::Never {
            match comment(&rows, args, job, &config).await {
                Ok(said @ Commented::Yes(_)) => log.report(Event::Note(said.to_string())),
                // Nothing to comment on is no news.
                Ok(Commented::No(_)) => {}
                Err(diagnostic) => log.report(Event::Warning(diagnostic)),
            }
        }
    }

    fn unreported(&self, samples: u32, number: u32) -> Row {
        let outcome = if self.leaked {
            Outcome::Leaked
        } else {
            Outcome::Interrupted
        };
        let Self {
            args, job, since, ..
        } = *self;
        unreported_row(outcome, (samples > 1).then_some(number), since, args, job)
    }

    async fn artifact(&self, report: &SampleReport, number: Option<u32>) -> Option<Artifact> {
        let Self { args, job, log, .. } = *self;
        job.runtime.as_ref()?;
        let uploading = Uploading::new(report, number, args, job)?;
        let upload = uploading.upload(|secret| log.mask(secret));
        let uploaded = timeout(UPLOAD_DEADLINE, upload).await;
        uploading.end();
        match uploaded {
            Ok(Ok(artifact)) => {
                log.report(Event::Note(format!(
                    "uploaded {}: {}",
                    artifact.name, artifact.url
                )));
                Some(artifact)
            }
            Ok(Err(error)) => {
                let diagnostic = Diagnostic::new(error.to_string(), error.hint());
                log.report(Event::Warning(diagnostic.to_string()));
                None
            }
            Err(_) => {
                let message = "no artifact: the upload took too long for a post step";
                log.report(Event::Warning(message.into()));
                None
            }
        }
    }
}

/// The reports that the run left among its results.
fn reports(state: &State) -> Vec<SampleReport> {
    let directories = fs::read_dir(&state.results).into_iter().flatten().flatten();
    let mut reports: Vec<SampleReport> = directories
        .filter_map(|entry| {
            let directory = entry.path();
            let report: SampleReport = SampleDirectory::new(&directory).read().ok()?;
            Some(SampleReport {
                directory: Some(directory),
                ..report
            })
        })
        .filter(|report| report.run == state.run)
        .collect();
    reports.sort_by_key(|report| report.sample);
    reports
}

/// The figures that the run left, of all of its samples.
fn figures(state: &State, reports: &[SampleReport]) -> Option<Figures> {
    if state.samples > 1 {
        return read_run(&state.results, &state.run).ok();
    }
    let directory = reports.first()?.directory.as_ref()?;
    SampleDirectory::new(directory).read().ok()
}
