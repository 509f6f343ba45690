//! The comparison of two sets of instances between which nothing was interleaved: Welch's t over the instances, each of which
//! counts once with the mean of its log values. Holm's stepdown keeps the whole table to one level.
//!
//! Welch's degrees of freedom are for sides of the same size only: with 2 and 10 instances, a table of 40 figures without a
//! difference would have a false finding up to 8 times out of 10 (3 and 3: once in 30, with a spread that is twice as large on one side). Sides that are not
//! of one size have the degrees of freedom of the smaller one, which never err more often than they say.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::statistics::{RESOLUTION, Rounding, count, mean, variance};

/// The probability of any false finding in a table.
const LEVEL: f64 = 0.05;

/// The level of an interval, for its figure alone.
pub(super) const INTERVAL_LEVEL: f64 = 1.0 - LEVEL;

/// The probability with which a detectable change would have been found.
const POWER: f64 = 0.8;

/// The measurements of a figure: for each instance of a side, the logarithms of the values of its turns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sides {
    /// The instances of the baseline.
    pub baseline: Vec<Vec<f64>>,
    /// The instances of the candidate.
    pub candidate: Vec<Vec<f64>>,
    /// Whether the values are times, which are rounded where a count is exact.
    pub is_time: bool,
}

/// By which ratio two sides differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The ratio, candidate to baseline.
    pub ratio: f64,
    /// The interval of 95 % for this figure alone.
    pub interval: [f64; 2],
    /// The smallest change, as a fraction, that would have been found with a probability of 80 %.
    pub detectable: f64,
    /// Whether it is none by chance, at the level of the whole table.
    pub is_shown: bool,
}

/// Student's t for one figure.
#[derive(Debug, Clone, Copy)]
struct Test {
    centre: f64,
    error: f64,
    distribution: StudentsT,
    probability: f64,
}

/// Compares the sides of each figure of a table; none where a side has fewer than two instances.
pub fn compare(table: &[Sides]) -> Vec<Option<Difference>> {
    let of_each = LEVEL / count(table.len().max(1));
    let tests: Vec<Option<Test>> = table.iter().map(|sides| Test::of(sides, of_each)).collect();
    let mut probabilities: Vec<f64> = tests
        .iter()
        .flatten()
        .map(|test| test.probability)
        .collect();
    probabilities.sort_by(f64::total_cmp);
    // What a figure's probability is held against: Holm's level of the first that is not rejected, or of its own place.
    let figures = probabilities.len();
    let level = |rejected: usize| LEVEL / count(figures.saturating_sub(rejected).max(1));
    let rejected = probabilities
        .iter()
        .enumerate()
        .take_while(|(rank, probability)| **probability <= level(*rank))
        .count();
    let level = level(rejected.min(figures.saturating_sub(1)));
    let tests = tests.into_iter();
    tests
        .map(|test| test.map(|test| test.difference(level)))
        .collect()
}

impl Test {
    /// Welch's test; none where a side has fewer than two instances, or a value has no logarithm. What chance rounds at this
    /// level or more often is no evidence.
    fn of(sides: &Sides, level: f64) -> Option<Self> {
        let [baseline, candidate] = [&sides.baseline, &sides.candidate].map(|side| side.concat());
        let rounding = Rounding::of(&baseline, &candidate, sides.is_time).variance(level);
        let of = |side: &[Vec<f64>]| Sample::of(side, rounding);
        let (baseline, candidate) = (of(&sides.baseline)?, of(&sides.candidate)?);
        let centre = candidate.mean - baseline.mean;
        let squared = baseline.error_squared + candidate.error_squared;
        let error = squared.sqrt().max(RESOLUTION);
        let part = |sample: &Sample| sample.error_squared.powi(2) / sample.freedom;
        let parts = part(&baseline) + part(&candidate);
        let freedom = if sides.baseline.len() == sides.candidate.len() && parts > 0.0 {
            squared.powi(2) / parts
        } else {
            baseline.freedom.min(candidate.freedom)
        };
        let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
        let probability = 2.0 * distribution.sf((centre / error).abs());
        centre.is_finite().then_some(Self {
            centre,
            error,
            distribution,
            probability,
        })
    }

    fn difference(self, level: f64) -> Difference {
        let quantile = |level: f64| self.distribution.inverse_cdf(1.0 - level);
        let distance = self.error * quantile(LEVEL / 2.0);
        let reach = self.error * (quantile(level / 2.0) + quantile(1.0 - POWER));
        Difference {
            ratio: self.centre.exp(),
            interval: [self.centre - distance, self.centre + distance].map(f64::exp),
            detectable: reach.exp_m1(),
            is_shown: self.probability <= level,
        }
    }
}

/// The mean of a side, and how sure it is.
#[derive(Debug, Clone, Copy)]
struct Sample {
    mean: f64,
    /// The square of the mean's standard error.
    error_squared: f64,
    freedom: f64,
}

impl Sample {
    /// The sample of the means of these instances, of which one value has at least this variance; none of fewer than two
    /// instances, or where a value has no logarithm.
    fn of(instances: &[Vec<f64>], rounding: f64) -> Option<Self> {
        let measured = instances.iter().filter(|turns| !turns.is_empty());
        let means: Vec<f64> = measured.clone().filter_map(|turns| mean(turns)).collect();
        let rounding: Vec<f64> = measured
            .map(|turns| rounding / count(turns.len()))
            .collect();
        let centre = mean(&means).filter(|centre| centre.is_finite())?;
        Some(Self {
            mean: centre,
            error_squared: variance(&means)?.max(mean(&rounding)?) / count(means.len()),
            freedom: count(means.len() - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sides(baseline: &[f64], candidate: &[f64]) -> Sides {
        Sides {
            baseline: baseline.iter().map(|log| vec![*log]).collect(),
            candidate: candidate.iter().map(|log| vec![*log]).collect(),
            is_time: false,
        }
    }

    /// The numbers are those of `scipy.stats.ttest_ind(…, equal_var=False)` and its `confidence_interval()`.
    #[test]
    fn it_is_welchs_t() {
        let one = sides(&[0.00, 0.01, 0.02], &[0.05, 0.09, 0.07]);
        let difference = compare(&[one])[0].unwrap();
        assert!((difference.ratio.ln() - 0.06).abs() < 1e-12);
        let [low, high] = difference.interval.map(f64::ln);
        assert!((low - 0.018_446_005).abs() < 1e-8, "{low}");
        assert!((high - 0.101_553_995).abs() < 1e-8, "{high}");
        assert!(difference.is_shown);
    }

    /// The quantile is that of `scipy.stats.t.ppf(0.975, 2)`.
    #[test]
    fn sides_of_different_sizes_have_the_freedom_of_the_smaller_one() {
        let one = sides(&[0.00, 0.01, 0.02, 0.01], &[0.05, 0.09, 0.07]);
        let [low, high] = compare(&[one])[0].unwrap().interval.map(f64::ln);
        assert!((low - 0.007_303_481).abs() < 1e-8, "{low}");
        assert!((high - 0.112_696_519).abs() < 1e-8, "{high}");
    }

    #[test]
    fn one_instance_on_a_side_carries_nothing() {
        let table = [
            sides(&[0.0], &[1.0, 1.0]),
            sides(&[0.0, f64::NAN], &[1.0, 1.0]),
        ];
        assert_eq!(compare(&table), [None, None]);
    }

    #[test]
    fn coarse_values_that_agree_by_chance_show_nothing() {
        let step = |turns: usize| Sides {
            baseline: vec![vec![0.0; turns]; 2],
            candidate: vec![vec![0.02; turns]; 2],
            is_time: false,
        };
        assert!(!compare(&[step(1)])[0].unwrap().is_shown);
        assert!(compare(&[step(3)])[0].unwrap().is_shown);
        let mixed = sides(&[0.0, 0.02, 0.0], &[0.02, 0.02, 0.02]);
        assert!(!compare(&[mixed])[0].unwrap().is_shown);
    }

    #[test]
    fn a_table_is_judged_as_a_whole() {
        let clear = sides(&[0.0, 0.01, 0.02], &[0.5, 0.51, 0.52]);
        let doubtful = sides(&[0.00, 0.01, 0.02], &[0.025, 0.035, 0.045]);
        let alone = compare(std::slice::from_ref(&doubtful))[0].unwrap();
        assert!(alone.is_shown, "{alone:?}");
        let mut table = vec![doubtful; 50];
        table[49] = clear;
        let shown = compare(&table).into_iter().flatten();
        assert_eq!(shown.filter(|one| one.is_shown).count(), 1);
    }

    proptest! {
        #[test]
        fn sides_change_places_with_the_sign(
            baseline in prop::collection::vec(-1.0..1.0f64, 2..6),
            candidate in prop::collection::vec(-1.0..1.0f64, 2..6),
        ) {
            let there = compare(&[sides(&baseline, &candidate)])[0].unwrap();
            let back = compare(&[sides(&candidate, &baseline)])[0].unwrap();
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
            prop_assert_eq!(there.is_shown, back.is_shown);
            prop_assert!(there.interval[0] <= there.ratio && there.ratio <= there.interval[1]);
        }
    }
}
