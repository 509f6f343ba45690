//! The formats of other tools that the figures of a run are written in as well.

use super::keys::Key;
use super::node::Node;
use super::reader::Problems;

/// The formats that figures are exported in.
pub(super) const EXPORTS: [&str; 6] = [
    "bmf",
    "bmf-v1",
    "github-action-benchmark",
    "openmetrics",
    "csv",
    "json",
];

/// A format of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Bencher Metric Format.
    Bmf,
    /// Bencher Metric Format, version 1.
    BmfV1,
    /// A custom tool of github-action-benchmark.
    GithubActionBenchmark,
    /// The exposition format of Prometheus.
    OpenMetrics,
    /// A line for each value.
    Csv,
    /// The record of the figures, which is written in any case.
    Json,
}

/// Each in the order of the words for them.
const ALL: [Export; EXPORTS.len()] = [
    Export::Bmf,
    Export::BmfV1,
    Export::GithubActionBenchmark,
    Export::OpenMetrics,
    Export::Csv,
    Export::Json,
];

impl Export {
    /// The word for it.
    pub fn name(self) -> &'static str {
        let mut named = EXPORTS.into_iter().zip(ALL);
        named
            .find(|(_, export)| *export == self)
            .map_or("", |(name, _)| name)
    }
}

impl Problems<'_> {
    /// Formats, each once.
    pub(super) fn exports(&mut self, key: &Key, node: &Node) -> Option<Vec<Export>> {
        let mut exports = Vec::new();
        for (at, text) in self.texts(key, node)? {
            let mut named = EXPORTS.into_iter().zip(ALL);
            match named.find(|(name, _)| *name == text) {
                Some((_, export)) if exports.contains(&export) => {}
                Some((_, export)) => exports.push(export),
                None => self.add(at, format!("unknown format `{text}`"), key.kind.to_string()),
            }
        }
        Some(exports)
    }
}
