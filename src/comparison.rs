//! The comparison of two revisions: a row for each figure with its ratio and its verdict, the most important on top.

mod calibration;
mod caveats;
mod facts;
pub mod hosts;
mod quantity;
mod reproduction;
mod sides;
mod text;
mod turns;
pub mod unpaired;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::arm::Arm;
use crate::figures::Direction;
use crate::records::{AskedPrecision, FigureRecord, Figures};
use crate::revision::Revision;
use crate::statistics::{
    self, Doubt, Estimate, Finding, INTERVAL_LEVEL, Interval, LEAST_PAIRS, PRECISE_INTERVAL_LEVEL,
    Series,
};
use turns::{Measured, measured};

pub use facts::Weight;
pub(crate) use quantity::seconds;
pub use reproduction::{invocation, reproduction};
pub use sides::{Side, compare_sides};
pub use text::{around, percent, too_slow};
pub(crate) use turns::median;

/// Why a row has no verdict, or has one without a ratio.
const WITHOUT_RATIO: &str = "a turn came to zero or less, which has no ratio to another";
const ALL_ZERO: &str = "0 in every turn";

/// The comparison of a run's candidate and its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The revisions; absent in records from before they were named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revisions: Option<Revisions>,
    /// The instances that were measured on.
    pub instances: usize,
    /// The rounds on all of them together.
    pub rounds: usize,
    /// The instances of the baseline and of the candidate, where they were measured on different ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unpaired: Option<[usize; 2]>,
    /// The level of the rows' intervals, each for its row alone.
    #[serde(default = "planned_level")]
    pub interval_level: f64,
    /// The outcome of a precision that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub precision: Option<Precision>,
    /// The rows, sorted: what is surely slower, what is surely faster, then the rest.
    pub rows: Vec<Row>,
    /// The figures that only one revision has.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub one_sided: Vec<OneSided>,
}

/// The two revisions that are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    /// The one that the candidate is compared with.
    pub baseline: Revision,
    /// The one that is measured.
    pub candidate: Revision,
}

/// The width that the intervals were to have, and have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// Half of an interval at most, as a fraction of its ratio.
    pub asked: f64,
    /// Half of the widest interval; none where a figure has too few rounds for one.
    pub reached: Option<f64>,
    /// The rounds beyond those that were planned, on all instances together.
    pub further_rounds: usize,
}

/// A figure that only one revision has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneSided {
    /// The figure's name.
    pub name: String,
    /// The revision that has it.
    pub arm: Arm,
}

/// The facts of a run that the statistics do not know, and that limit its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The reason, in words.
    pub reason: String,
    /// Whether no figure has a verdict then.
    pub voids: bool,
}

impl Reservation {
    /// Those that figures bring with them.
    fn of(figures: &Figures) -> Vec<Self> {
        let mut samples = figures.samples.iter();
        let is_rehearsal = samples.len() > 1 && samples.all(|sample| sample.instance.is_local());
        let one_machine = is_rehearsal.then(|| Self {
            reason: "a rehearsal has one machine for all of its samples".into(),
            voids: false,
        });
        let part = figures.share.map(|share| Self {
            reason: format!(
                "shard {} only: `collect merge` has the answer of the run",
                share.shard
            ),
            voids: false,
        });
        one_machine.into_iter().chain(part).collect()
    }

    /// The disturbances of the samples while they measured; of two with the same number, each is named with its run.
    fn of_samples(figures: &Figures) -> Vec<Self> {
        let samples = &figures.samples;
        let reservations = samples.iter().flat_map(|sample| {
            let same = samples.iter().filter(|other| other.sample == sample.sample);
            let run = (same.count() > 1).then_some(&sample.run);
            sample.reservations.iter().map(move |of| match run {
                Some(run) => Self {
                    reason: format!("{} (run {run})", of.reason),
                    ..*of
                },
                None => of.clone(),
            })
        });
        reservations.collect()
    }
}

/// The comparison of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The figure's name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// The better direction.
    pub better: Direction,
    /// The median of the baseline's turns, over all instances.
    pub baseline: f64,
    /// The median of the candidate's turns.
    pub candidate: f64,
    /// The ratio, candidate to baseline; none where one of them is zero or negative.
    pub ratio: Option<f64>,
    /// The interval of the ratio, for this row alone.
    pub interval: Option<[f64; 2]>,
    /// The ratio of the baseline to itself within this run.
    pub baseline_noise: Option<[f64; 2]>,
    /// The ratio of the candidate to itself within this run.
    pub candidate_noise: Option<[f64; 2]>,
    /// The smallest change that would have been seen, as a fraction.
    pub detectable: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why there is none, or what it is limited to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<String>,
}

/// The conclusion from the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate is worse.
    Slower,
    /// The candidate is better.
    Faster,
    /// The data carry no answer.
    NoVerdict,
    /// No difference is shown.
    NoDifference,
}

impl Comparison {
    /// The rounds of each figure, in the order of the figures: what [`Comparison::new`] takes the estimates of.
    pub fn series(figures: &Figures) -> Vec<Series> {
        let measured = measured(figures).into_iter();
        measured.map(|measured| measured.series).collect()
    }

    /// The comparison of a run's arms; `reservations` are those that the figures do not bring with them.
    pub fn of_arms(figures: &Figures, reservations: &[Reservation]) -> Self {
        let series = Self::series(figures);
        let estimates = match figures.precision {
            Some(_) => statistics::compare_until_precise(&series),
            None => statistics::compare(&series),
        };
        let reservations = [
            &Reservation::of(figures),
            reservations,
            &Reservation::of_samples(figures),
        ]
        .concat();
        Self::new(figures, &estimates, &reservations)
    }

    /// The comparison of a run's arms, from the estimates of its [series](Self::series).
    pub fn new(figures: &Figures, estimates: &[Estimate], reservations: &[Reservation]) -> Self {
        let measured = measured(figures);
        let instances = (0..figures.samples.len()).filter(|sample| {
            let on_it = |measured: &Measured| {
                let rounds = measured.series.instances.get(*sample);
                rounds.is_some_and(|rounds| !rounds.is_empty())
            };
            measured.iter().any(on_it)
        });
        let instances = instances.count();
        let rounds = measured.iter().map(Measured::rounds).max().unwrap_or(0);
        let revisions = figures.baseline.clone().map(|baseline| Revisions {
            baseline,
            candidate: figures.revision.clone(),
        });
        let mut comparison = Self {
            revisions,
            instances,
            rounds,
            unpaired: None,
            interval_level: match figures.precision {
                Some(_) => PRECISE_INTERVAL_LEVEL,
                None => INTERVAL_LEVEL,
            },
            precision: figures
                .precision
                .map(|asked| Precision::reached(asked, figures)),
            rows: Vec::new(),
            one_sided: Vec::new(),
        };
        let rows = figures.figures.iter().zip(&measured).zip(estimates);
        for ((figure, measured), estimate) in rows {
            match (measured.baseline, measured.candidate) {
                (Some(baseline), Some(candidate)) => {
                    let mut row = Row::new(figure, [baseline, candidate], estimate);
                    if measured.is_zero {
                        row.verdict = Verdict::NoDifference;
                    }
                    row.reasons = reasons(measured, estimate);
                    comparison.add(row, reservations);
                }
                (None, Some(_)) => comparison.add_one_sided(figure, Arm::Candidate),
                (Some(_), None) => comparison.add_one_sided(figure, Arm::Baseline),
                (None, None) => {}
            }
        }
        comparison.sort();
        comparison
    }

    fn add(&mut self, mut row: Row, reservations: &[Reservation]) {
        if reservations.iter().any(|reservation| reservation.voids) {
            row.verdict = Verdict::NoVerdict;
        }
        let reasons = reservations.iter().map(|reservation| &reservation.reason);
        row.reasons.extend(reasons.cloned());
        self.rows.push(row);
    }

    fn add_one_sided(&mut self, figure: &FigureRecord, arm: Arm) {
        self.one_sided.push(OneSided {
            name: figure.name.clone(),
            arm,
        });
    }

    fn sort(&mut self) {
        self.rows.sort_by(|a, b| {
            let verdict = a.verdict.cmp(&b.verdict);
            let size = b.size().total_cmp(&a.size());
            verdict.then(size).then_with(|| a.name.cmp(&b.name))
        });
    }

    /// The rows that are surely worse than a limit allows: a verdict of slower, and the whole interval beyond the limit,
    /// which is a fraction of the baseline.
    pub fn worse_than(&self, limit: f64) -> Vec<&Row> {
        let slower = self.of(Verdict::Slower);
        let beyond = |row: &&Row| row.surely_worse_by().is_some_and(|worse| worse > limit);
        slower.filter(beyond).collect()
    }
}

impl Precision {
    fn reached(asked: AskedPrecision, figures: &Figures) -> Self {
        let turns = figures.figures.iter().flat_map(|figure| &figure.turns);
        let further: BTreeSet<(usize, u32)> = turns
            .filter(|turn| turn.round > asked.planned_rounds)
            .map(|turn| (turn.sample, turn.round))
            .collect();
        Self {
            asked: asked.half_width,
            reached: statistics::half_width(&Comparison::series(figures)).and_then(finite),
            further_rounds: further.len(),
        }
    }
}

impl Verdict {
    /// The verdict of a finding for a figure of which this is better.
    const fn new(finding: &Finding, better: Direction) -> Self {
        match (finding, better) {
            (Finding::Higher, Direction::Less) | (Finding::Lower, Direction::More) => Self::Slower,
            (Finding::Lower, Direction::Less) | (Finding::Higher, Direction::More) => Self::Faster,
            (Finding::NoDifference, _) => Self::NoDifference,
            (Finding::None(_), _) => Self::NoVerdict,
        }
    }
}

impl Row {
    /// A row without an answer yet, and with the ratio of the medians.
    fn unanswered(figure: &FigureRecord, [baseline, candidate]: [f64; 2]) -> Self {
        let has_ratio = baseline > 0.0 && candidate > 0.0;
        Self {
            name: figure.name.clone(),
            unit: figure.unit.clone(),
            better: figure.better,
            baseline,
            candidate,
            ratio: has_ratio.then_some(candidate / baseline).and_then(finite),
            interval: None,
            baseline_noise: None,
            candidate_noise: None,
            detectable: None,
            verdict: Verdict::NoVerdict,
            reasons: Vec::new(),
        }
    }

    fn new(figure: &FigureRecord, medians: [f64; 2], estimate: &Estimate) -> Self {
        let row = Self::unanswered(figure, medians);
        Self {
            ratio: finite(estimate.ratio).or(row.ratio),
            interval: ends(estimate.interval),
            baseline_noise: ends(estimate.baseline_noise),
            candidate_noise: ends(estimate.candidate_noise),
            detectable: estimate.detectable.and_then(finite),
            verdict: Verdict::new(&estimate.finding, figure.better),
            ..row
        }
    }

    /// The distance of the ratio from 1, the same in both directions.
    fn size(&self) -> f64 {
        self.ratio.map_or(0.0, |ratio| ratio.ln().abs())
    }
}

/// The level in records from before it was entered.
const fn planned_level() -> f64 {
    INTERVAL_LEVEL
}

/// A number that JSON can hold.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn ends(interval: Option<Interval>) -> Option<[f64; 2]> {
    let Interval { low, high } = interval?;
    Some([finite(low)?, finite(high)?])
}

fn describe(doubt: &Doubt, instances: usize) -> String {
    let text = match doubt {
        Doubt::TooFewRounds if instances == 1 => {
            return format!(
                "too few rounds: on one instance a verdict needs at least {LEAST_PAIRS} turns of each revision"
            );
        }
        Doubt::TooFewRounds => "too few rounds",
        Doubt::ValuesWithoutLogarithm => WITHOUT_RATIO,
        Doubt::ArmsDriftApart => "one revision changes from turn to turn and the other does not",
    };
    text.into()
}

/// Why there is no verdict, or what it is limited to.
fn reasons(measured: &Measured, estimate: &Estimate) -> Vec<String> {
    if measured.is_zero {
        return vec![ALL_ZERO.into()];
    }
    if measured.without_logarithm {
        return vec![WITHOUT_RATIO.into()];
    }
    let mut reasons = Vec::new();
    match &estimate.finding {
        Finding::None(doubts) => {
            let described = doubts
                .iter()
                .map(|doubt| describe(doubt, estimate.instances));
            reasons.extend(described);
        }
        _ if estimate.these_machines_only => {
            let machines = match estimate.instances {
                1 => "this machine",
                _ => "these machines",
            };
            reasons.push(format!("holds for {machines} only: fewer than 3 instances"));
        }
        _ => {}
    }
    if measured.incomplete > 0 {
        reasons.push(format!(
            "{} of {} rounds lack a turn and are left out",
            measured.incomplete, measured.begun
        ));
    }
    reasons
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
