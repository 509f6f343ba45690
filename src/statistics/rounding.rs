//! Rounding: the least variance of values from a coarse clock or a counter, however well they agree by chance.

use super::RESOLUTION;
use super::distributions::upper_quantile;
use super::pairs::{Unit, count, variance};

/// The significant digits that are looked at: what is beyond them is an error of the arithmetic.
const DIGITS: i32 = 12;

/// How coarse the values of a figure are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// The quantum of a logarithm that the values show.
    shown: f64,
    /// That of their last digit, where each arm has but one value; 0 where they are counts.
    printed: f64,
    /// The probability that equal arms, rounded at random, would be as these are.
    chance: f64,
}

impl Default for Rounding {
    fn default() -> Self {
        Self {
            shown: 0.0,
            printed: 0.0,
            chance: 1.0,
        }
    }
}

impl Rounding {
    /// The rounding that the logarithms of two arms' values show: its quantum is the smallest distance of two
    /// different ones, and its error is uniform within that (Sheppard 1898).
    ///
    /// Two arms of which each always has the same value may have been rounded to them by chance, with equal odds for each
    /// turn at most. Where that is too improbable, whole numbers are counts, and exact. Times, and whatever has decimals,
    /// still have the quantum of the last digit.
    pub fn of(baseline: &[f64], candidate: &[f64], is_time: bool) -> Self {
        let logs = [baseline, candidate].concat();
        let is_constant = [baseline, candidate]
            .iter()
            .all(|arm| quantum(arm.to_vec(), RESOLUTION).is_none());
        let (printed, chance) = if is_constant {
            (
                last_digit(&logs, is_time),
                0.5_f64.powf(count(logs.len()) - 1.0),
            )
        } else {
            (0.0, 1.0)
        };
        Self {
            shown: quantum(logs, RESOLUTION).unwrap_or(printed),
            printed,
            chance,
        }
    }

    /// The quantum of a logarithm, at a level below which chance does not count.
    pub fn quantum(&self, level: f64) -> f64 {
        if self.chance <= level {
            self.printed
        } else {
            self.shown
        }
    }

    /// The least variance of one value at such a level.
    pub fn variance(&self, level: f64) -> f64 {
        variance_of(self.quantum(level))
    }
}

/// The variance of an error that is uniform within a quantum.
fn variance_of(quantum: f64) -> f64 {
    quantum.powi(2) / 12.0
}

/// The standard error of the mean of pairs, whose variance is not below that of the rounding of their two values.
pub(super) fn error_of_mean(pairs: &[f64], quantum: f64) -> Option<f64> {
    let variance = variance(pairs)?.max(2.0 * variance_of(quantum));
    Some((variance / count(pairs.len())).sqrt())
}

/// An interval of the centre of an instance's pairs, widened by what the rounding of their values hides. Where both the pairs
/// and an arm vary as much as random rounding would make them, or more, the errors of that arm average out, and Student's t
/// says how far. Otherwise its rounding was not random: all of its turns may be the same half a quantum off, however many.
pub(super) fn widened(
    (low, high): (f64, f64),
    unit: &Unit,
    quantum: f64,
    level: f64,
) -> Option<(f64, f64)> {
    let rounded = variance_of(quantum);
    let pairs_vary = variance(&unit.pairs)? >= 2.0 * rounded;
    let random = unit
        .arms
        .iter()
        .filter(|arm| pairs_vary && **arm >= rounded);
    let random = count(random.count());
    let hidden = (2.0 - random) * quantum / 2.0;
    let error = (random * rounded / count(unit.pairs.len())).sqrt();
    let distance = error * upper_quantile(level / 2.0, count(unit.pairs.len() - 1))?;
    Some((
        low.min(unit.centre - distance) - hidden,
        high.max(unit.centre + distance) + hidden,
    ))
}

/// The quantum of the last digit of these logarithms' values, in the logarithm of the smallest; 0 where all are counts.
fn last_digit(logs: &[f64], is_time: bool) -> f64 {
    let digits = logs.iter().filter_map(|log| step(log.exp()));
    let step = digits.reduce(f64::min).unwrap_or(0.0);
    let smallest = logs.iter().copied().fold(f64::INFINITY, f64::min).exp();
    if is_time || step < 1.0 {
        (step / smallest).ln_1p()
    } else {
        0.0
    }
}

/// The size of a number's last digit, which is 1 where it is whole; none of no number.
fn step(value: f64) -> Option<f64> {
    let text = format!("{value:.*e}", usize::try_from(DIGITS - 1).ok()?);
    let (mantissa, exponent) = text.split_once('e')?;
    let (_, decimals) = mantissa.trim_end_matches('0').split_once('.')?;
    let exponent: i32 = exponent.parse().ok()?;
    let decimals = i32::try_from(decimals.len()).ok()? - exponent;
    Some(10_f64.powi(-decimals.max(0)))
}

/// The smallest distance of two values that are not the same, which they are within a resolution; none where all are.
pub(super) fn quantum(mut values: Vec<f64>, resolution: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let distances = values.windows(2).filter_map(|pair| match pair {
        [one, next] => Some(next - one).filter(|distance| *distance > resolution),
        _ => None,
    });
    distances.reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantum_is_the_smallest_distance_of_two_values() {
        let rounding = Rounding::of(&[0.3, 0.1, 0.1], &[0.2, 0.5, 0.3], true);
        assert!((rounding.variance(0.05) - 0.01 / 12.0).abs() < 1e-12);
        assert!(
            Rounding::of(&[0.1; 3], &[0.1; 3], false)
                .variance(0.0)
                .abs()
                < 1e-12
        );
        assert!(Rounding::of(&[], &[0.1], false).variance(0.0).abs() < 1e-12);
    }

    #[test]
    fn constant_arms_are_exact_from_so_many_turns_on() {
        let few = Rounding::of(&[0.1; 2], &[0.2; 2], false);
        assert!((few.variance(0.05) - 0.01 / 12.0).abs() < 1e-12);
        let many = Rounding::of(&[0.1; 4], &[0.2; 4], false);
        assert!(many.variance(0.05).abs() < 1e-12);
        assert!(many.variance(0.001) > 0.0);
    }

    #[test]
    fn constant_times_and_decimals_keep_the_quantum_of_their_last_digit() {
        let quantum = |before: f64, after: f64, is_time| {
            let [before, after] = [before, after].map(|value| [value.ln(); 8]);
            Rounding::of(&before, &after, is_time).quantum(0.01)
        };
        let near = |one: f64, other: f64| (one - other).abs() < 1e-12;
        assert!(near(quantum(1.3, 1.3, true), (1.4_f64 / 1.3).ln()));
        assert!(near(quantum(1.3, 1.4, false), (1.4_f64 / 1.3).ln()));
        assert!(near(quantum(1.31, 1.4, true), (1.32_f64 / 1.31).ln()));
        assert!(near(quantum(250.0, 260.0, true), (251.0_f64 / 250.0).ln()));
        assert!(near(quantum(250.0, 260.0, false), 0.0));
        assert!(near(quantum(4e15, 4e15, false), 0.0));
        assert!(near(quantum(2e-7, 2e-7, true), 1.5_f64.ln()));
    }

    #[test]
    fn the_last_digit_is_found_behind_errors_of_the_arithmetic() {
        assert_eq!(step(0.1 + 0.2), Some(0.1));
        assert_eq!(step(1.302_f64.ln().exp()), Some(0.001));
        assert_eq!(step(1300.0), Some(1.0));
        assert_eq!(step(1e300), Some(1.0));
        assert_eq!(step(f64::NAN), None);
        assert_eq!(step(f64::INFINITY), None);
    }
}
