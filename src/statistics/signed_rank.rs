//! The signed-rank test of the pairs of a single instance (Wilcoxon 1945), and the interval that belongs to it: exact
//! for noise that is symmetric about its centre, of whatever shape.

use super::pairs::{count, walsh_averages};

/// The pairs up to which probabilities are counted out.
pub(super) const LIMIT: usize = 100;

/// The smallest two-sided probability that so many pairs can have.
pub(super) fn smallest(pairs: usize) -> f64 {
    (1.0 - count(pairs)).exp2().min(1.0)
}

/// The two-sided probability of the signed ranks, given equal centres. Pairs without a difference are left out; ties share
/// their mean rank, and the probability is counted out over all signs of those very ranks.
pub(super) fn two_sided(differences: &[f64]) -> f64 {
    let mut sizes: Vec<(f64, bool)> = differences
        .iter()
        .filter(|value| **value != 0.0)
        .map(|value| (value.abs(), *value > 0.0))
        .collect();
    sizes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut doubled_ranks = Vec::with_capacity(sizes.len());
    let mut positive = 0;
    for ties in sizes.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let rank = 2 * doubled_ranks.len() + ties.len() + 1;
        doubled_ranks.extend(ties.iter().map(|_| rank));
        positive += rank * ties.iter().filter(|tie| tie.1).count();
    }
    let distribution = sums(&doubled_ranks);
    let total: usize = doubled_ranks.iter().sum();
    let tail: f64 = distribution
        .iter()
        .take(positive.min(total - positive) + 1)
        .sum();
    (2.0 * tail).min(1.0)
}

/// The probability of each sum of the ranks that a fair coin picks.
fn sums(ranks: &[usize]) -> Vec<f64> {
    let total: usize = ranks.iter().sum();
    let mut distribution = vec![0.0; total + 1];
    if let Some(first) = distribution.first_mut() {
        *first = 1.0;
    }
    for rank in ranks {
        let without = distribution.clone();
        for (sum, probability) in distribution.iter_mut().enumerate() {
            let with = sum.checked_sub(*rank).and_then(|rest| without.get(rest));
            *probability = f64::midpoint(*probability, with.copied().unwrap_or(0.0));
        }
    }
    distribution
}

/// The interval whose two ends are each missed with a probability of at most half the level: order statistics of the
/// averages of all pairs (Hollander, Wolfe & Chicken 2014, section 3.3). None where there are too few differences.
pub(super) fn interval(differences: &[f64], level: f64) -> Option<(f64, f64)> {
    let ranks: Vec<usize> = (1..=differences.len()).collect();
    let mut below = 0_usize;
    let mut tail = 0.0;
    for probability in sums(&ranks) {
        tail += probability;
        if tail > level / 2.0 {
            break;
        }
        below += 1;
    }
    let mut averages = walsh_averages(differences);
    averages.sort_by(f64::total_cmp);
    let low = averages.get(below.checked_sub(1)?)?;
    let high = averages.get(averages.len().checked_sub(below)?)?;
    Some((*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_tables() {
        let all_positive = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert!((two_sided(&all_positive) - 0.031_25).abs() < 1e-12);
        let one_negative = [-0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert!((two_sided(&one_negative) - 0.062_5).abs() < 1e-12);
        // n = 10, W = 8: 0.0488.
        let ten = [-1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -7.0, 8.0, 9.0, 10.0];
        assert!((two_sided(&ten) - 0.048_828).abs() < 1e-6);
        assert!((two_sided(&[]) - 1.0).abs() < 1e-12);
        assert!((two_sided(&[0.0, 0.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ties_are_counted_out() {
        // Four equal sizes, all positive: 2 of 16 signs are as far out.
        assert!((two_sided(&[1.0; 4]) - 0.125).abs() < 1e-12);
    }

    #[test]
    fn interval_takes_the_order_statistics_of_the_tables() {
        // n = 10 at 95 %: the ninth smallest and the ninth largest of 55 averages.
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let mut averages = walsh_averages(&values);
        averages.sort_by(f64::total_cmp);
        let (low, high) = interval(&values, 0.05).unwrap();
        assert!((low - averages[8]).abs() < 1e-12);
        assert!((high - averages[46]).abs() < 1e-12);
        assert_eq!(interval(&values[..5], 0.05), None);
        assert!(interval(&values[..6], 0.05).is_some());
    }
}
