//! Variances moderated across the figures of a table: with three instances a figure's own variance has two degrees of
//! freedom, and what the other figures say of it is worth more than that.
//!
//! The frame is empirical Bayes (Smyth 2004, limma): the true variances are taken to follow a scaled inverse χ², whose
//! scale and degrees of freedom the logarithms of the estimated ones show. Three things differ, for as it stands it
//! alarms too often where figures and instances are few, or where the figures of an instance move together:
//!
//! - The scale is that of each figure's noise within its instances (Sartor et al. 2006 and limma's trend use the mean
//!   level).
//! - Figures that move together are fewer than they seem: their number is that of independent figures which would leave
//!   the same mean squared correlation between the deviations.
//! - For the degrees of freedom, the spread of the logarithms is taken almost two standard errors above its estimate, so
//!   that they err to the low side. The scale stays the one that goes with the estimate itself: that of the lower degrees of
//!   freedom would be smaller, and would undo the caution.

use super::distributions::{
    freedom_of_log_variance, mean_of_log_variance, variance_of_log_variance,
};
use super::pairs::{count, mean};

/// The figures that a prior needs: with fewer, each keeps its own variance.
const LEAST_FIGURES: usize = 4;

/// The standard errors by which the spread of the logarithms is taken above its estimate.
const CAUTION: f64 = 1.9;

/// The variance between the instances of one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// The deviation of each instance from the mean; 0 for an instance without the figure.
    pub(super) deviations: Vec<f64>,
    /// The variance between instances.
    pub(super) variance: f64,
    /// Its degrees of freedom.
    pub(super) freedom: f64,
    /// The variance that the noise within an instance alone would leave between instances.
    pub(super) within: f64,
    /// The variance that the rounding of the values alone would leave between instances.
    pub(super) rounding: f64,
}

/// A variance, and the degrees of freedom that it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moderated {
    /// The variance.
    pub(super) variance: f64,
    /// The degrees of freedom.
    pub(super) freedom: f64,
}

impl Spread {
    /// The variance by itself.
    fn plain(&self) -> Moderated {
        Moderated {
            variance: self.variance,
            freedom: self.freedom,
        }
    }

    /// The variance, though not below that of rounding: where a coarse clock makes all instances agree by chance, there
    /// would be none.
    fn rounded(&self, moderated: Moderated) -> Moderated {
        Moderated {
            variance: moderated.variance.max(self.rounding),
            ..moderated
        }
    }

    /// Whether the others can say anything of it.
    fn learns(&self) -> bool {
        self.freedom > 1.0 && self.within.is_normal()
    }

    /// Whether it can teach the others anything: a figure that never varies is of another kind, and one degree of freedom
    /// does not show which figures move together.
    fn teaches(&self) -> bool {
        self.learns() && self.variance.is_normal()
    }
}

/// Moderates the variances of the figures of a table.
pub(super) fn moderate(spreads: &[Spread]) -> Vec<Moderated> {
    let prior = Prior::of(spreads);
    spreads
        .iter()
        .map(|spread| {
            spread.rounded(match &prior {
                Some(prior) if spread.learns() => prior.moderate(spread),
                _ => spread.plain(),
            })
        })
        .collect()
}

/// The evidence of the figures of a table about the variance of any one.
#[derive(Debug, Clone, Copy)]
struct Prior {
    /// The logarithm of the scale, for a noise within of 1.
    intercept: f64,
    /// The power of the noise within by which the scale grows.
    slope: f64,
    /// The degrees of freedom.
    freedom: f64,
}

impl Prior {
    /// Estimates the prior; none where it would have no degree of freedom.
    fn of(spreads: &[Spread]) -> Option<Self> {
        let figures: Vec<&Spread> = spreads.iter().filter(|spread| spread.teaches()).collect();
        if figures.len() < LEAST_FIGURES {
            return None;
        }
        let of_each = |value: fn(&Spread) -> f64| -> Vec<f64> {
            figures.iter().map(|figure| value(figure)).collect()
        };
        let logs = of_each(|figure| figure.variance.ln() - mean_of_log_variance(figure.freedom));
        let noise = of_each(|figure| figure.within.ln());
        let fit = Line::fit(&noise, &logs)?;
        let freedom = mean(&of_each(|figure| figure.freedom))?;
        let sampling = mean(&of_each(|figure| variance_of_log_variance(figure.freedom)))?;
        let correlation = squared_correlation(&figures, freedom);
        let independent = count(figures.len()) / (1.0 + (count(figures.len()) - 1.0) * correlation);
        let spare = independent - 2.0;
        if spare <= 0.0 {
            return None;
        }
        let with_spread = |spread: f64| {
            let excess = spread - (1.0 - correlation) * sampling;
            freedom_of_log_variance(excess)
        };
        let bound = 1.0 + CAUTION * (2.0 / spare).sqrt();
        let prior = with_spread(fit.residual_variance * bound).min(spare * freedom);
        let estimated = with_spread(fit.residual_variance);
        (prior > 0.0).then_some(Self {
            intercept: fit.intercept + mean_of_log_variance(estimated),
            slope: fit.slope,
            freedom: prior,
        })
    }

    /// Shrinks a variance towards the prior's, by their degrees of freedom.
    fn moderate(&self, spread: &Spread) -> Moderated {
        let expected = (self.intercept + self.slope * spread.within.ln()).exp();
        let freedom = self.freedom + spread.freedom;
        Moderated {
            variance: (self.freedom * expected + spread.freedom * spread.variance) / freedom,
            freedom,
        }
    }
}

/// A straight line through points.
#[derive(Debug, Clone, Copy)]
struct Line {
    intercept: f64,
    slope: f64,
    residual_variance: f64,
}

impl Line {
    /// Fits by least squares, with a slope between 0 (the noise within says nothing of the variance) and 1 (the one is
    /// in proportion to the other).
    fn fit(x: &[f64], y: &[f64]) -> Option<Self> {
        let (centre_x, centre_y) = (mean(x)?, mean(y)?);
        let about = || {
            let points = x.iter().zip(y);
            points.map(|(x, y)| (x - centre_x, y - centre_y))
        };
        let square: f64 = about().map(|(x, _)| x * x).sum();
        let product: f64 = about().map(|(x, y)| x * y).sum();
        let slope = if square > 0.0 {
            (product / square).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let rest: f64 = about().map(|(x, y)| (y - slope * x).powi(2)).sum();
        Some(Self {
            intercept: centre_y - slope * centre_x,
            slope,
            residual_variance: rest / (count(x.len()) - 2.0).max(1.0),
        })
    }
}

/// The mean squared correlation between the true deviations of two figures. The directions of independent deviations have
/// a mean squared cosine of one over their degrees of freedom; what is above it is correlation.
fn squared_correlation(figures: &[&Spread], freedom: f64) -> f64 {
    let width = figures
        .iter()
        .map(|figure| figure.deviations.len())
        .max()
        .unwrap_or(0);
    let mut gram = vec![0.0; width * width];
    for figure in figures {
        let square: f64 = figure.deviations.iter().map(|value| value * value).sum();
        for (row, one) in figure.deviations.iter().enumerate() {
            for (column, other) in figure.deviations.iter().enumerate() {
                if let Some(cell) = gram.get_mut(row * width + column) {
                    *cell += one * other / square;
                }
            }
        }
    }
    let number = count(figures.len());
    let all: f64 = gram.iter().map(|cell| cell * cell).sum();
    let cosine = (all - number) / (number * (number - 1.0));
    ((freedom * cosine - 1.0) / (freedom - 1.0)).clamp(0.0, 1.0)
}
