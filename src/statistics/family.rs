//! The family of all figures of a table, for which an error is at most as frequent as the level says.

use super::pairs::count;

/// The decision of the family about one of its hypotheses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// Whether it is rejected.
    pub(super) rejected: bool,
    /// The level at which its own probability was judged.
    pub(super) level: f64,
}

/// Rejects by Holm's stepdown (Holm 1979): the smallest probability is judged at the level divided by the number of
/// hypotheses, the next one at the level divided by the number that is left, until one stands. The probability of any
/// false rejection is at most the level, however the hypotheses depend on each other.
pub(super) fn stepdown(probabilities: &[f64], level: f64) -> Vec<Judged> {
    let mut order: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut judged = vec![
        Judged {
            rejected: false,
            level
        };
        probabilities.len()
    ];
    let mut left = probabilities.len();
    let mut open = true;
    for (index, probability) in order {
        let level = level / count(left.max(1));
        open = open && probability <= level;
        if open {
            left -= 1;
        }
        if let Some(judged) = judged.get_mut(index) {
            *judged = Judged {
                rejected: open,
                level,
            };
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepdown_stops_at_the_first_that_stands() {
        let rejected = |probabilities: &[f64]| -> Vec<bool> {
            let judged = stepdown(probabilities, 0.05);
            judged.iter().map(|judged| judged.rejected).collect()
        };
        assert_eq!(
            rejected(&[0.01, 0.04, 0.03, 0.005]),
            [true, false, false, true]
        );
        assert_eq!(rejected(&[0.02, 0.02, 0.02]), [false; 3]);
        assert_eq!(rejected(&[0.012, 0.016, 0.024, 0.05]), [true; 4]);
        assert_eq!(rejected(&[f64::NAN, 0.001]), [false, true]);
        assert_eq!(rejected(&[]), [false; 0]);
    }

    #[test]
    fn what_stands_was_judged_at_the_level_that_was_left() {
        let levels: Vec<f64> = stepdown(&[0.9, 0.001, 0.5], 0.06)
            .iter()
            .map(|judged| judged.level)
            .collect();
        assert_eq!(levels, [0.03, 0.02, 0.03]);
    }
}
