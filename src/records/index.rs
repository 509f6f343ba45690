//! `index.json`: the samples of a revision.

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use super::Record;
use crate::instance::{Instance, RunId};
use crate::report::{Collected, Outcome, SampleReport, result};
use crate::revision::{Commit, Revision};

/// The samples of a revision, in the order of their starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The version of this format.
    pub format: u32,
    /// The revision.
    pub revision: Revision,
    /// Its samples.
    pub samples: Vec<IndexEntry>,
}

impl Record for Index {
    const FILE: &'static str = "index.json";
    const FORMAT: u32 = 2;
}

impl Index {
    /// The index of these samples, sorted.
    pub fn new(revision: Revision, mut samples: Vec<IndexEntry>) -> Self {
        samples.sort_by(|a, b| {
            let key = |entry: &IndexEntry| (entry.started, entry.sample);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.directory.cmp(&b.directory))
        });
        Self {
            format: Self::FORMAT,
            revision,
            samples,
        }
    }
}

/// A sample of the index: its report in short, and where its results are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The run.
    pub run: RunId,
    /// The number of the sample in its run, from 1.
    #[serde(default = "first")]
    pub sample: u32,
    /// The start of its launch.
    pub started: Timestamp,
    /// The end of the sample.
    pub finished: Timestamp,
    /// The commit that was measured, where it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Its outcome.
    pub outcome: Outcome,
    /// The scripts that ran out of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timed_out: Vec<String>,
    /// The user's words about it.
    pub description: Option<String>,
    /// `ec2` or `local`.
    pub provider: String,
    /// Its instance; none where nothing was launched.
    pub instance: Option<Instance>,
    /// The files that came home.
    pub collected: Collected,
    /// The version of collector.
    pub collector: String,
    /// The directory of its results, relative to the index.
    pub directory: String,
    /// The archive, relative to the index; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
}

/// The number of the only sample: runs once had no other.
const fn first() -> u32 {
    1
}

impl IndexEntry {
    /// The entry of a sample whose results are in `directory`.
    pub fn new(report: SampleReport, directory: String, archive: Option<String>) -> Self {
        Self {
            timed_out: report.timed_out(),
            run: report.run,
            sample: report.sample,
            started: report.started,
            finished: report.finished,
            commit: report.commit,
            outcome: report.outcome,
            description: report.description,
            provider: report.provider,
            instance: report.instance,
            collected: report.collected,
            collector: report.collector,
            directory,
            archive,
        }
    }

    /// Its outcome, and what ran out of time, for people.
    pub fn result(&self) -> String {
        result(self.outcome, &self.timed_out)
    }
}
