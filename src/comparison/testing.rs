//! Revisions and rows for the tests of what shows them.

use super::{Revisions, Row, Verdict};
use crate::figures::Direction;

/// The candidate and the baseline of these names.
pub(crate) fn revisions(candidate: &str, baseline: &str) -> Revisions {
    Revisions {
        baseline: baseline.parse().unwrap(),
        candidate: candidate.parse().unwrap(),
    }
}

/// A figure of some milliseconds with this ratio, and everything that a row may have but reasons.
pub(crate) fn row(name: &str, verdict: Verdict, ratio: f64) -> Row {
    Row {
        name: name.into(),
        unit: "s".into(),
        better: Direction::Less,
        baseline: 0.012_34,
        candidate: 0.012_34 * ratio,
        ratio: Some(ratio),
        interval: Some([ratio - 0.009, ratio + 0.009]),
        baseline_noise: Some([0.992, 1.008]),
        candidate_noise: Some([0.991, 1.009]),
        detectable: Some(0.018),
        verdict,
        reasons: Vec::new(),
    }
}
