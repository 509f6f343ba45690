//! The comparison as a job shows it.

use std::path::Path;

use super::Delivery;
use crate::arm::Arm;
use crate::github::artifact::Artifact;
use crate::github::comparison::{Origin, comparison};
use crate::records::Figures;
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
        let command = reproduction(
            self.config,
            figures,
            figures
                .share
                .map_or(report.asked, |share| share.samples.get()),
        );
        let origin = Origin {
            command: Some(&command),
            seed: Some(figures.seed),
            job_url: Some(&self.job.run_url()),
            artifact_url: artifact.map(|artifact| artifact.url.as_str()),
        };
        Some(comparison(figures.comparison.as_ref()?, &origin, room))
    }
}

/// The command that measures the same in the same order.
fn reproduction(config: &Path, figures: &Figures, samples: u32) -> String {
    let turns = figures.figures.iter().flat_map(|figure| &figure.turns);
    let candidates = turns.filter(|turn| turn.arm == Arm::Candidate && turn.sample == 0);
    let mut turns: Vec<u32> = candidates.map(|turn| turn.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    let config = quote_where_needed(&config.to_string_lossy());
    let baseline = figures.baseline.as_ref();
    let baseline = baseline.map_or_else(String::new, |one| format!(" --baseline {one}"));
    format!(
        "collect {config} {}{baseline} --repeat {} --samples {samples} --seed {}",
        figures.revision,
        turns.len(),
        figures.seed
    )
}
