//! The judgements of other tools, after their sources, on the same timings. Each sees the turns of both arms on all
//! instances, as it would if they were fed to it.

use collector::statistics::Series;

use crate::simulation::Simulation;

/// The resamples of a bootstrap; Criterion's default is 100,000.
const RESAMPLES: usize = 400;

/// A tool, or a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Criterion,
    Benchstat,
    Hyperfine,
    BootstrapOverPairs,
    BootstrapOverInstances,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [
        Self::Criterion,
        Self::Benchstat,
        Self::Hyperfine,
        Self::BootstrapOverPairs,
        Self::BootstrapOverInstances,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Criterion => "Criterion, baseline compare",
            Self::Benchstat => "benchstat, Mann-Whitney",
            Self::Hyperfine => "hyperfine, ratio ± deviation",
            Self::BootstrapOverPairs => "percentile bootstrap over pairs",
            Self::BootstrapOverInstances => "percentile bootstrap over instances",
        }
    }

    /// Whether it calls the figure changed.
    pub(crate) fn finds(self, series: &Series, random: &mut Simulation) -> bool {
        let rounds = || series.instances.iter().flatten();
        let baseline: Vec<f64> = rounds().flat_map(|round| round.baseline.clone()).collect();
        let candidate: Vec<f64> = rounds().flat_map(|round| round.candidate.clone()).collect();
        match self {
            Self::Criterion => criterion(&baseline, &candidate, random),
            Self::Benchstat => mann_whitney(&baseline, &candidate),
            Self::Hyperfine => hyperfine(&baseline, &candidate),
            Self::BootstrapOverPairs => {
                let pairs = baseline.iter().zip(&candidate);
                let ratios: Vec<f64> = pairs.map(|(one, other)| (other / one).ln()).collect();
                bootstrap(&ratios, random)
            }
            Self::BootstrapOverInstances => {
                let of_instance = |rounds: &Vec<collector::statistics::Round>| {
                    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).sum::<f64>();
                    let turns: usize = rounds.iter().map(|round| round.baseline.len()).sum();
                    let sum = rounds
                        .iter()
                        .map(|round| logs(&round.candidate) - logs(&round.baseline));
                    sum.sum::<f64>() / count(turns)
                };
                let ratios: Vec<f64> = series.instances.iter().map(of_instance).collect();
                bootstrap(&ratios, random)
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of turns are far below what a mantissa holds"
)]
fn count(number: usize) -> f64 {
    number as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / count(values.len() - 1)
}

fn resample(values: &[f64], size: usize, random: &mut Simulation) -> Vec<f64> {
    (0..size)
        .filter_map(|_| values.get(random.below(values.len())).copied())
        .collect()
}

/// Whether all of the middle 95 % are beyond this distance from 0.
fn beyond(mut values: Vec<f64>, distance: f64) -> bool {
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 40;
    let low = values.get(cut).is_some_and(|value| *value > distance);
    let high = values
        .get(values.len() - 1 - cut)
        .is_some_and(|value| *value < -distance);
    low || high
}

/// The percentile interval of the mean.
fn bootstrap(values: &[f64], random: &mut Simulation) -> bool {
    let means = (0..RESAMPLES).map(|_| mean(&resample(values, values.len(), random)));
    beyond(means.collect(), 0.0)
}

/// Criterion 0.5: a t statistic whose distribution is that of resamples of both samples mixed, at 5 %, and an interval
/// of the relative change of the mean that is beyond the noise threshold of 1 % (`analysis/compare.rs`, `report.rs`).
fn criterion(baseline: &[f64], candidate: &[f64], random: &mut Simulation) -> bool {
    let t = |one: &[f64], other: &[f64]| {
        let error = variance(one) / count(one.len()) + variance(other) / count(other.len());
        (mean(one) - mean(other)) / error.sqrt()
    };
    let mixed: Vec<f64> = baseline.iter().chain(candidate).copied().collect();
    let observed = t(candidate, baseline);
    let hits = (0..RESAMPLES)
        .filter(|_| {
            let one = resample(&mixed, candidate.len(), random);
            let other = resample(&mixed, baseline.len(), random);
            t(&one, &other) < observed
        })
        .count();
    let tail = count(hits.min(RESAMPLES - hits)) / count(RESAMPLES);
    let changes = (0..RESAMPLES).map(|_| {
        let one = resample(candidate, candidate.len(), random);
        let other = resample(baseline, baseline.len(), random);
        mean(&one) / mean(&other) - 1.0
    });
    let changes = changes.collect();
    2.0 * tail < 0.05 && beyond(changes, 0.01)
}

/// benchstat: the U test at 5 % (Mann & Whitney 1947), by its normal approximation.
fn mann_whitney(baseline: &[f64], candidate: &[f64]) -> bool {
    let (m, n) = (count(baseline.len()), count(candidate.len()));
    let mut wins = 0.0;
    for one in baseline {
        for other in candidate {
            wins += match other.total_cmp(one) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    let distance = (wins - m * n / 2.0).abs() - 0.5;
    distance / (m * n * (m + n + 1.0) / 12.0).sqrt() > 1.959_964
}

/// hyperfine: the ratio of the means and its deviation by error propagation; changed where 1 is outside.
fn hyperfine(baseline: &[f64], candidate: &[f64]) -> bool {
    let ratio = mean(candidate) / mean(baseline);
    let relative = |values: &[f64]| variance(values) / mean(values).powi(2);
    let deviation = ratio * (relative(baseline) + relative(candidate)).sqrt();
    (ratio - 1.0).abs() > deviation
}
