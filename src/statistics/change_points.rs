//! Change points: where a history of one figure moved to another level.
//!
//! The segmentation of least cost, by optimal partitioning (Jackson et al., "An algorithm for optimal partitioning of data on an
//! interval", 2005), for a normal mean that changes. A change costs three logarithms of the number of values, the strengthened
//! Schwarz criterion of Zhang and Siegmund (2007). The noise is estimated of successive differences, which a few
//! changes hardly touch (von Neumann 1941, with the median in the place of the mean).

use super::count;
use super::rounding::quantum;

/// The price of a change point, in logarithms of the number of values.
const PENALTY: f64 = 3.0;

/// The median of the absolute value of a standard normal variable.
const MEDIAN_DEVIATION: f64 = 0.674_489_750_196_081_7;

/// The largest standard deviation of a value that is rounded to one of two, in quanta: where most values of a
/// history are equal, their successive differences show no noise.
const ROUNDING_DEVIATION: f64 = 0.5;

/// The fewest values of a level: one alone is an outlier.
const LEAST_LENGTH: usize = 2;

/// The fewest values that say anything about their noise.
const LEAST_VALUES: usize = 6;

/// The places at which a new level begins, in a series in the order of time.
pub fn change_points(values: &[f64]) -> Vec<usize> {
    if values.len() < LEAST_VALUES || !values.iter().all(|value| value.is_finite()) {
        return Vec::new();
    }
    let size = values
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    let Some(quantum) = quantum(values.to_vec(), size * super::RESOLUTION) else {
        return Vec::new();
    };
    let noise = noise(values).max(quantum * ROUNDING_DEVIATION);
    let penalty = PENALTY * count(values.len()).ln();
    // Of every beginning of the series: its least cost, and where its last level begins.
    let mut best: Vec<(f64, usize)> = vec![(-penalty, 0)];
    for end in 1..=values.len() {
        let mut least = (f64::INFINITY, 0);
        let mut level = Level::default();
        for start in (0..end).rev() {
            level.add(values.get(start).map_or(0.0, |value| value / noise));
            let Some((before, _)) = best.get(start) else {
                continue;
            };
            let cost = before + penalty + level.cost();
            if end - start >= LEAST_LENGTH && cost < least.0 {
                least = (cost, start);
            }
        }
        best.push(least);
    }
    let mut changes = Vec::new();
    let mut end = values.len();
    while let Some((_, start)) = best.get(end).filter(|(_, start)| *start > 0) {
        changes.push(*start);
        end = *start;
    }
    changes.reverse();
    changes
}

/// The standard deviation around a level.
fn noise(values: &[f64]) -> f64 {
    let pairs = values.windows(2);
    let mut steps: Vec<f64> = pairs
        .filter_map(|pair| match pair {
            [one, next] => Some((next - one).abs()),
            _ => None,
        })
        .collect();
    steps.sort_by(f64::total_cmp);
    let median = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    median / (MEDIAN_DEVIATION * std::f64::consts::SQRT_2)
}

/// The values of one level, as far as their squared distance from their mean needs them (Welford 1962).
#[derive(Default)]
struct Level {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Level {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    const fn cost(&self) -> f64 {
        self.squares
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// The sum of twelve uniform numbers is nearly normal.
    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
    }

    fn series(random: &mut Xoshiro256PlusPlus, levels: &[(usize, f64)]) -> Vec<f64> {
        let levels = levels
            .iter()
            .flat_map(|(count, level)| vec![*level; *count]);
        levels.map(|level| level + normal(random)).collect()
    }

    #[test]
    fn a_change_of_four_deviations_is_found_where_it_is() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut near = 0;
        for _ in 0..200 {
            let values = series(&mut random, &[(15, 100.0), (15, 104.0)]);
            let found = change_points(&values);
            near += usize::from(found.iter().any(|place| place.abs_diff(15) <= 1));
        }
        assert!(near >= 185, "{near} of 200");
    }

    #[test]
    fn noise_is_seldom_taken_for_a_change() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        for length in [10, 30, 100] {
            let false_alarms = (0..400).filter(|_| {
                let values = series(&mut random, &[(length, 100.0)]);
                !change_points(&values).is_empty()
            });
            let false_alarms = false_alarms.count();
            assert!(false_alarms <= 80, "{length} values: {false_alarms} of 400");
        }
    }

    #[test]
    fn a_counter_that_wavers_has_no_change_point_and_one_that_moves_has() {
        let wavers = [12.0, 12.0, 13.0, 12.0, 12.0, 12.0, 12.0, 13.0, 13.0, 12.0];
        assert_eq!(change_points(&wavers), [0; 0]);
        let moves = [[12.0; 5], [14.0; 5]].concat();
        assert_eq!(change_points(&moves), [5]);
    }

    #[test]
    fn what_never_changes_has_no_change_point() {
        assert_eq!(change_points(&[5.0; 20]), [0; 0]);
        assert_eq!(change_points(&[1.0, 9.0, 1.0]), [0; 0]);
        assert_eq!(
            change_points(&[1.0, 2.0, f64::NAN, 1.0, 2.0, 1.0, 2.0]),
            [0; 0]
        );
    }
}
