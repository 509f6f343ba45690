//! Controls: what an arm says of itself. A round has each arm twice, so that the ratio of the first turn to the second is
//! that of a revision to itself.

use super::distributions::upper_quantile;
use super::pairs::{count, mean, variance};
use super::{Interval, RESOLUTION, Round, Series};

/// The interval of an arm's ratio to itself, first turn over second turn, at this level: Student's t over all rounds
/// (Student 1908). The difference of two like values is symmetric, however skewed the noise. None with fewer than two
/// whole rounds.
pub(super) fn interval(series: &Series, arm: fn(&Round) -> &[f64], level: f64) -> Option<Interval> {
    let rounds = series.instances.iter().flatten();
    let ratios: Vec<f64> = rounds
        .filter_map(|round| match arm(round) {
            [first, second, ..] => Some(first.ln() - second.ln()),
            _ => None,
        })
        .collect();
    let error = (variance(&ratios)? / count(ratios.len())).sqrt();
    let quantile = upper_quantile(level / 2.0, count(ratios.len() - 1))?;
    Interval::around(mean(&ratios)?, quantile * error.max(RESOLUTION))
}
