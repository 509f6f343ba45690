//! The estimate: by which ratio two arms differ, how sure that is, and what could not have been seen. Plain functions of
//! numbers, which know nothing else of this crate. `docs/numbers.md` names the source of each.

/// What one round measured of one figure on one instance: positive values, one for each turn, in the order of the turns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Round {
    /// The turns of the baseline.
    pub baseline: Vec<f64>,
    /// The turns of the candidate.
    pub candidate: Vec<f64>,
}

/// What was measured of one figure: the complete rounds of each instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The rounds of each instance; an instance that measured nothing of the figure has none.
    pub instances: Vec<Vec<Round>>,
}

/// An interval of ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// What is known of a figure's ratio, candidate to baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The ratio.
    pub ratio: f64,
    /// The interval of 95 % for this figure alone; none where the design carries none.
    pub interval: Option<Interval>,
    /// The ratio of the baseline to itself within the rounds, at the level of the whole table.
    pub baseline_noise: Option<Interval>,
    /// The same of the candidate.
    pub candidate_noise: Option<Interval>,
    /// The smallest change, as a fraction, that would have been found with a probability of 80 %.
    pub detectable: Option<f64>,
    /// The finding, for which the whole table errs with at most 5 %.
    pub finding: Finding,
    /// The instances that it rests on.
    pub instances: usize,
    /// The rounds that it rests on.
    pub rounds: usize,
}

/// What the ratio surely is.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Below 1.
    Lower,
    /// Above 1.
    Higher,
    /// No difference was shown.
    NoDifference,
    /// The data carry no answer.
    None(Vec<Doubt>),
}

/// Why the data carry no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// There are fewer complete rounds than an interval needs.
    TooFewRounds,
    /// The baseline differs from itself.
    BaselineDiffersFromItself,
    /// The candidate differs from itself.
    CandidateDiffersFromItself,
}
