//! The comparison as a job shows it.

use std::path::Path;

use super::Delivery;
use crate::comparison::{invocation, reproduction};
use crate::github::WorkflowJob;
use crate::github::artifact::Artifact;
use crate::github::comparison::{Origin, comparison};
use crate::instance::LOCAL_REGION;
use crate::records::Figures;
use crate::report::RunReport;

impl Delivery<'_> {
    /// The comparison of candidate and baseline, as Markdown.
    pub(super) fn comparison(
        &self,
        report: &RunReport,
        artifact: Option<&Artifact>,
        room: usize,
    ) -> Option<String> {
        let figures = report.figures.as_ref()?;
        let answer = Answer {
            figures,
            samples: figures
                .share
                .map_or(report.asked, |share| share.samples.get()),
            config: self.config,
            local: report
                .samples
                .iter()
                .any(|sample| sample.region == LOCAL_REGION),
            job: self.job,
            profiles: report.profiles(),
        };
        answer.markdown(artifact, room)
    }
}

/// The comparison of candidate and baseline in a job.
pub(super) struct Answer<'a> {
    pub(super) figures: &'a Figures,
    /// The number of samples that were asked for.
    pub(super) samples: u32,
    /// The config file as the repository names it.
    pub(super) config: &'a Path,
    /// It was a rehearsal.
    pub(super) local: bool,
    pub(super) job: &'a WorkflowJob,
    /// Where the profiles of a slower candidate lie, in words.
    pub(super) profiles: Option<String>,
}

impl Answer<'_> {
    /// The comparison as Markdown in at most `room` bytes; none where there is none.
    pub(super) fn markdown(&self, artifact: Option<&Artifact>, room: usize) -> Option<String> {
        let compared = self.figures.comparison.as_ref()?;
        let config = invocation(&self.config.to_string_lossy(), self.local);
        let command = reproduction(&config, self.figures, self.samples);
        let origin = Origin {
            command: Some(&command),
            seed: Some(self.figures.seed),
            job_url: Some(&self.job.run_url()),
            artifact_url: artifact.map(|artifact| artifact.url.as_str()),
            profiles: self.profiles.as_deref(),
        };
        Some(comparison(compared, &origin, room))
    }
}
