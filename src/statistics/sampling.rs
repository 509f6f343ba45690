//! The distribution of a centre, and what follows from it: how sure the centre is, and what could not have been seen.

use super::distributions::{two_sided, upper_quantile};
use super::pairs::{Unit, count};
use super::{Interval, RESOLUTION, rounding, signed_rank};

/// The probability with which a detectable change would have been found.
const POWER: f64 = 0.8;

/// A distribution of the centre.
#[derive(Debug, Clone)]
pub(super) enum Sampling {
    /// Student's t with a standard error and degrees of freedom.
    Student { error: f64, freedom: f64 },
    /// The signed ranks of the pairs of one instance, whose values have this quantum.
    SignedRank { unit: Unit, quantum: f64 },
}

impl Sampling {
    /// The distribution by which a single instance is judged: signed ranks where they can be rare enough for the table's
    /// level, otherwise Student's t over the pairs. Which one depends on the numbers of pairs and figures only.
    pub(super) fn of_one(unit: &Unit, quantum: f64, level: f64) -> Option<Self> {
        let pairs = &unit.pairs;
        if pairs.len() <= signed_rank::LIMIT && signed_rank::smallest(pairs.len()) <= level {
            return Some(Self::SignedRank {
                unit: unit.clone(),
                quantum,
            });
        }
        Some(Self::Student {
            error: rounding::error_of_mean(pairs, quantum)?.max(RESOLUTION),
            freedom: count(pairs.len() - 1),
        })
    }

    /// The probability of a centre at least as far from 0, given equal arms.
    pub(super) fn probability(&self, centre: f64) -> f64 {
        match self {
            Self::Student { error, freedom } => two_sided(centre / error, *freedom),
            Self::SignedRank { unit, .. } => signed_rank::two_sided(&unit.pairs),
        }
    }

    /// The distance from the centre to the ends of an interval.
    pub(super) fn interval(&self, centre: f64, level: f64) -> Option<(f64, f64)> {
        match self {
            Self::Student { error, freedom } => {
                let distance = error * upper_quantile(level / 2.0, *freedom)?;
                Some((centre - distance, centre + distance))
            }
            Self::SignedRank { unit, quantum } => {
                let ends = signed_rank::interval(&unit.pairs, level)?;
                rounding::widened(ends, unit, *quantum, level)
            }
        }
    }

    /// The same without what rounding hides in ranks.
    pub(super) fn interval_of_noise(&self, centre: f64, level: f64) -> Option<(f64, f64)> {
        match self {
            Self::Student { .. } => self.interval(centre, level),
            Self::SignedRank { unit, .. } => signed_rank::interval(&unit.pairs, level),
        }
    }

    /// Whether an interval excludes equality. Equal arms are rounded alike, so that rounding cannot make ranks differ.
    pub(super) fn excludes_equality(&self, centre: f64, level: f64) -> bool {
        let ends = self.interval_of_noise(centre, level);
        let interval = ends.and_then(|(low, high)| Interval::between(low, high));
        interval.is_some_and(|interval| interval.excludes_one())
    }

    /// The log-ratio that, had it been there, would have been found at this level with a probability of 80 %: the half
    /// of the interval and the quantile of the power (Bloom 1995).
    pub(super) fn detectable(&self, centre: f64, level: f64) -> Option<f64> {
        let (low, high) = self.interval(centre, level)?;
        let (error, freedom) = match self {
            Self::Student { error, freedom } => (*error, *freedom),
            Self::SignedRank { unit, quantum } => (
                rounding::error_of_mean(&unit.pairs, *quantum)?,
                count(unit.pairs.len() - 1),
            ),
        };
        Some((high - low) / 2.0 + error * upper_quantile(1.0 - POWER, freedom)?)
    }
}
