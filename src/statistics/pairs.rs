//! Log-ratios: a pair of turns gives one, and an instance gives the centre of its pairs.

use super::{Doubt, RESOLUTION, Round, Rounding, Series};

/// The pairs beyond which the centre is the mean of the median third, for the averages of two grow with the square.
const WALSH_LIMIT: usize = 400;

/// The estimate from the pairs of one instance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// The log-ratio, candidate to baseline, of each pair of turns.
    pub(super) pairs: Vec<f64>,
    /// Their centre.
    pub(super) centre: f64,
    /// The variances of the logarithms of each arm's values.
    pub(super) arms: [f64; 2],
}

/// The pairs of a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Pairs {
    /// Those of each instance, in the order of the series; none where the instance measured nothing of the figure.
    pub(super) instances: Vec<Option<Unit>>,
    /// The rounds that hold a pair.
    pub(super) rounds: usize,
    /// The rounding of the values.
    pub(super) rounding: Rounding,
}

impl Pairs {
    /// Takes the pairs of a series: the first turns of both arms in a round, then the second ones. In A B B A and
    /// B A A B alike, a steady drift has opposite signs in the two.
    ///
    /// # Errors
    ///
    /// When a value has no logarithm: no subset of such a series stands for the whole.
    pub(super) fn of(series: &Series) -> Result<Self, Doubt> {
        let mut pairs = Self {
            rounding: rounding(series),
            ..Self::default()
        };
        for rounds in &series.instances {
            let mut logs = Vec::new();
            for round in rounds {
                let before = logs.len();
                if !round
                    .baseline
                    .iter()
                    .chain(&round.candidate)
                    .all(|value| has_logarithm(*value))
                {
                    return Err(Doubt::ValuesWithoutLogarithm);
                }
                logs.extend(log_ratios(round));
                pairs.rounds += usize::from(logs.len() > before);
            }
            let arms: [fn(&Round) -> &[f64]; 2] =
                [|round| &round.baseline, |round| &round.candidate];
            let arms = arms.map(|arm| variance(&logarithms(rounds, arm)).unwrap_or(0.0));
            pairs.instances.push(centre(&logs).map(|centre| Unit {
                pairs: logs,
                centre,
                arms,
            }));
        }
        Ok(pairs)
    }

    /// The instances that have a pair.
    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.instances.iter().flatten()
    }
}

/// The rounding of the values of a series.
fn rounding(series: &Series) -> Rounding {
    let logs = |arm| logarithms(series.instances.iter().flatten(), arm);
    Rounding::of(
        &logs(|round| &round.baseline),
        &logs(|round| &round.candidate),
        series.is_time,
    )
}

/// The logarithms of an arm's values.
fn logarithms<'a>(
    rounds: impl IntoIterator<Item = &'a Round>,
    arm: fn(&Round) -> &[f64],
) -> Vec<f64> {
    let values = rounds.into_iter().flat_map(arm);
    values.map(|value| value.ln()).collect()
}

/// Whether a value can stand in a ratio.
fn has_logarithm(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// The log-ratios of the pairs of a round.
fn log_ratios(round: &Round) -> impl Iterator<Item = f64> {
    let arms = round.baseline.iter().zip(&round.candidate);
    arms.map(|(baseline, candidate)| candidate.ln() - baseline.ln())
        .map(|ratio| if ratio.abs() < RESOLUTION { 0.0 } else { ratio })
}

/// The Hodges–Lehmann estimate of a centre (Hodges & Lehmann 1963): the median of the averages of all pairs of
/// values, each value with itself too. It loses 5 % to the mean where noise is normal, and an outlier cannot move it far.
pub(super) fn centre(values: &[f64]) -> Option<f64> {
    if values.len() > WALSH_LIMIT {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let third = values.len() / 3;
        return mean(sorted.get(third..values.len() - third)?);
    }
    median(&mut walsh_averages(values))
}

/// The averages of all pairs of values (Walsh 1949), unsorted.
pub(super) fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let from = |(index, one): (usize, &f64)| {
        let one = *one;
        values
            .iter()
            .skip(index)
            .map(move |other| f64::midpoint(one, *other))
    };
    values.iter().enumerate().flat_map(from).collect()
}

/// The median, for which the values are sorted.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

/// The mean; none of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

/// The unbiased variance; none of fewer than two values.
pub(crate) fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / count(values.len() - 1))
}

/// A number of things as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "no run has as many turns as a mantissa can count"
)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}
