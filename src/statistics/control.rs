//! Controls: the ratio of an arm to itself. A round has each arm twice, so that the ratio of the first turn to the second is
//! that of a revision to itself.
//!
//! A change of both arms alike through a round, such as a machine that warms up, is in the ratio of each arm to itself and
//! cancels in the ratio of one to the other. So both are shown as noise, and only their difference is held against
//! a verdict: a drift makes it of one sign in A B B A and of the other in B A A B, and the order is drawn.

use super::distributions::upper_quantile;
use super::pairs::{count, mean, variance};
use super::{Interval, RESOLUTION, Round, Rounding, Series};

/// The interval of an arm's ratio to itself, first turn over second turn, at this level. None with fewer than two whole
/// rounds.
pub(super) fn interval(
    series: &Series,
    arm: fn(&Round) -> &[f64],
    rounding: Rounding,
    level: f64,
) -> Option<Interval> {
    let changes = rounds(series).filter_map(|round| change(arm(round)));
    let changes: Vec<f64> = changes.collect();
    student(&changes, 2.0 * rounding.variance(level), level)
}

/// The same for the baseline's ratio to itself over the candidate's.
pub(super) fn difference(series: &Series, rounding: Rounding, level: f64) -> Option<Interval> {
    let differences = rounds(series)
        .filter_map(|round| Some(change(&round.baseline)? - change(&round.candidate)?));
    let differences: Vec<f64> = differences.collect();
    student(&differences, 4.0 * rounding.variance(level), level)
}

fn rounds(series: &Series) -> impl Iterator<Item = &Round> {
    series.instances.iter().flatten()
}

fn change(turns: &[f64]) -> Option<f64> {
    match turns {
        [first, second, ..] => Some(first.ln() - second.ln()),
        _ => None,
    }
}

/// Student's t over all rounds (Student 1908), with a variance that is not below that of rounding. The difference of two
/// like values is symmetric, however skewed the noise.
fn student(ratios: &[f64], rounding: f64, level: f64) -> Option<Interval> {
    let error = (variance(ratios)?.max(rounding) / count(ratios.len())).sqrt();
    let quantile = upper_quantile(level / 2.0, count(ratios.len() - 1))?;
    Interval::around(mean(ratios)?, quantile * error.max(RESOLUTION))
}
