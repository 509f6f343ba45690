//! The comparison as a job shows it.

use super::Delivery;
use crate::comparison::reproduction;
use crate::github::artifact::Artifact;
use crate::github::comparison::{Origin, comparison};
use crate::report::RunReport;
use crate::shell::quote_where_needed;

impl Delivery<'_> {
    /// What the run says of candidate and baseline, as Markdown.
    pub(super) fn comparison(
        &self,
        report: &RunReport,
        artifact: Option<&Artifact>,
        room: usize,
    ) -> Option<String> {
        let figures = report.figures.as_ref()?;
        let config = quote_where_needed(&self.config.to_string_lossy());
        let command = reproduction(&config, figures, report.asked);
        let origin = Origin {
            command: Some(&command),
            seed: Some(figures.seed),
            job_url: Some(&self.job.run_url()),
            artifact_url: artifact.map(|artifact| artifact.url.as_str()),
        };
        Some(comparison(figures.comparison.as_ref()?, &origin, room))
    }
}
