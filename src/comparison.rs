//! The comparison of two revisions: a row for each figure with its ratio and its verdict, the most important on top.

use serde::{Deserialize, Serialize};

use crate::figures::Direction;

/// What a run says of its candidate and its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The instances that were measured on.
    pub instances: usize,
    /// The rounds on all of them together.
    pub rounds: usize,
    /// The rows, sorted: what is surely slower, what is surely faster, then the rest.
    pub rows: Vec<Row>,
}

/// What is said of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The figure's name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What is better.
    pub better: Direction,
    /// The median of the baseline's turns, over all instances.
    pub baseline: f64,
    /// The median of the candidate's turns.
    pub candidate: f64,
    /// The ratio, candidate to baseline.
    pub ratio: f64,
    /// The interval of the ratio, 95 % for this row alone.
    pub interval: Option<[f64; 2]>,
    /// The ratio of the baseline to itself within this run.
    pub baseline_noise: Option<[f64; 2]>,
    /// The ratio of the candidate to itself within this run.
    pub candidate_noise: Option<[f64; 2]>,
    /// The smallest change that would have been seen, as a fraction.
    pub detectable: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why there is none, or what it is limited to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<String>,
}

/// What the data say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate is worse.
    Slower,
    /// The candidate is better.
    Faster,
    /// The data carry no answer.
    NoVerdict,
    /// No difference is shown.
    NoDifference,
}
