//! Rounding: the least variance of values from a coarse clock or a counter, however well they agree by chance.

use super::RESOLUTION;
use super::pairs::count;

/// How coarse the values of a figure are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// The variance that rounding leaves in the logarithm of one value.
    variance: f64,
    /// The probability that equal arms, rounded at random, would be as these are.
    chance: f64,
}

impl Default for Rounding {
    fn default() -> Self {
        Self {
            variance: 0.0,
            chance: 1.0,
        }
    }
}

impl Rounding {
    /// The rounding that the logarithms of two arms' values show: its quantum is the smallest distance of two
    /// different ones, and its error is uniform within that (Sheppard 1898).
    ///
    /// Two arms of which each always has the same value may have been rounded to them by chance, with equal odds for each turn at most.
    pub fn of(baseline: &[f64], candidate: &[f64]) -> Self {
        let logs = [baseline, candidate].concat();
        let is_constant = [baseline, candidate]
            .iter()
            .all(|arm| quantum(arm.to_vec(), RESOLUTION).is_none());
        Self {
            variance: quantum(logs.clone(), RESOLUTION)
                .map_or(0.0, |quantum| quantum.powi(2) / 12.0),
            chance: if is_constant {
                0.5_f64.powf(count(logs.len()) - 1.0)
            } else {
                1.0
            },
        }
    }

    /// The least variance of one value, at a level below which chance does not count.
    pub fn variance(&self, level: f64) -> f64 {
        if self.chance <= level {
            0.0
        } else {
            self.variance
        }
    }
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
        let rounding = Rounding::of(&[0.3, 0.1, 0.1], &[0.2, 0.5, 0.3]);
        assert!((rounding.variance(0.05) - 0.01 / 12.0).abs() < 1e-12);
        assert!(Rounding::of(&[0.1; 3], &[0.1; 3]).variance(0.0).abs() < 1e-12);
        assert!(Rounding::of(&[], &[0.1]).variance(0.0).abs() < 1e-12);
    }

    #[test]
    fn constant_arms_are_exact_from_so_many_turns_on() {
        let few = Rounding::of(&[0.1; 2], &[0.2; 2]);
        assert!((few.variance(0.05) - 0.01 / 12.0).abs() < 1e-12);
        let many = Rounding::of(&[0.1; 4], &[0.2; 4]);
        assert!(many.variance(0.05).abs() < 1e-12);
        assert!(many.variance(0.001) > 0.0);
    }
}
