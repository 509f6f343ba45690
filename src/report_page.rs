//! `report.html`: a run, or several, as one page that needs nothing from anywhere.
//!
//! Text that comes from an instance (names, logs, figures) is hostile. It stands in the page as JSON, in which no tag
//! can end, and the page's script shows it as text only; nothing of it is markup at any time.

mod content;
mod course;
mod document;
mod history;
mod metrics;
mod pack;
mod plan;
mod tables;

use jiff::Timestamp;

use crate::comparison::Comparison;
use crate::comparison::hosts::{Difference, Host, between_samples};
use crate::records::{Figures, HostFacts, Manifest, SampleOf};
use crate::report::{RunReport, SampleReport};

pub(crate) use metrics::Metrics;

/// The content of the page of a run.
#[derive(Debug, Clone)]
pub struct RunResults {
    /// The report of a run of several samples.
    pub report: Option<RunReport>,
    /// The figures, where they are known.
    pub figures: Option<Figures>,
    /// Its samples, in the order of their numbers; one at least.
    pub samples: Vec<SampleResults>,
}

/// The content of the page about a sample.
#[derive(Debug, Clone)]
pub struct SampleResults {
    /// Its report.
    pub report: SampleReport,
    /// The facts about its machine.
    pub facts: Option<HostFacts>,
    /// The files that it brought home.
    pub manifest: Option<Manifest>,
    /// The text of its config.
    pub config: Option<String>,
    /// The system metrics of its machine.
    pub metrics: Option<Metrics>,
    /// The logs of its steps.
    pub logs: Vec<Log>,
}

/// The log of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its path below the results.
    pub path: String,
    /// The beginning of it, or the whole.
    pub head: String,
    /// The bytes that are left out behind that.
    pub left_out: u64,
    /// The end of it, where something is left out.
    pub tail: String,
}

/// An answer that is not of one run: of two revisions that were measured in different ones.
#[derive(Debug, Clone)]
pub(crate) struct Across {
    /// The comparison of the two.
    pub comparison: Comparison,
    /// The facts that their hosts differ in.
    pub differences: Vec<Difference>,
    /// The names of the baseline and the candidate.
    pub revisions: [String; 2],
}

impl RunResults {
    /// The comparison of the run's arms, where it has two: as it was written down, or anew of what is left of the figures.
    pub fn comparison(&self) -> Option<Comparison> {
        let figures = self.figures.as_ref()?;
        figures.baseline.as_ref()?;
        let unlike = || Vec::from_iter(between_samples(&self.hosts()));
        let anew = || Comparison::of_arms(figures, &unlike());
        Some(figures.comparison.clone().unwrap_or_else(anew))
    }

    /// The start of the first sample.
    pub fn started(&self) -> Option<Timestamp> {
        self.samples.iter().map(|one| one.report.started).min()
    }

    /// The hosts of the samples.
    pub fn hosts(&self) -> Vec<Host> {
        self.samples
            .iter()
            .filter_map(SampleResults::host)
            .collect()
    }
}

impl SampleResults {
    /// The host, where an instance was ready.
    pub fn host(&self) -> Option<Host> {
        let instance = self.report.instance.as_ref()?;
        Some(Host {
            instance: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            facts: self.facts.clone(),
        })
    }

    /// Whether the figures name this sample as theirs.
    pub(crate) fn is(&self, other: &SampleOf) -> bool {
        self.report.run == other.run && self.report.sample == other.sample
    }
}

/// The page of some runs, oldest first, as one HTML file.
///
/// # Errors
/// When something has no form in JSON.
pub(crate) fn page(
    runs: &[RunResults],
    across: Option<&Across>,
    made: Timestamp,
) -> Result<String, serde_json::Error> {
    let content = content::Content::of(runs, across, made);
    Ok(document::document(
        &content.title,
        &content.sentences(),
        &content.to_json()?,
    ))
}
