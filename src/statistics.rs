//! The estimate: by which ratio two arms differ, how sure that is, and what could not have been seen. Plain functions
//! of numbers, which know nothing else of this crate. `docs/numbers.md` names the source of each part and shows how
//! often it errs.
//!
//! A pair of turns gives a log-ratio, an instance the Hodges–Lehmann centre of its pairs, and the instances Student's
//! t, for what differs from machine to machine is the same in all pairs of one. Variances are moderated across the
//! figures of a table, and Holm's stepdown keeps the whole table to one level. One instance alone is judged by the
//! signed ranks of its pairs.

mod change_points;
mod control;
mod distributions;
mod family;
mod moderation;
mod pairs;
mod precision;
mod rounding;
mod sampling;
mod signed_rank;
#[cfg(test)]
mod tests;

pub use change_points::change_points;
use family::Judged;
use moderation::{Moderated, Spread};
use pairs::Pairs;
pub(crate) use pairs::{count, mean, variance};
pub use precision::{half_width, instances_for};
pub use rounding::Rounding;
use sampling::Sampling;

/// The levels at which a table is judged.
#[derive(Debug, Clone, Copy)]
struct Levels {
    /// The probability of any false finding in it.
    table: f64,
    /// That of an interval, of one figure alone, to miss the ratio.
    interval: f64,
}

/// For a design that was planned. The promise is 5 % for the table; the rest is for noise that is not normal.
const PLANNED: Levels = Levels {
    table: 0.035,
    interval: 0.05,
};

/// For a design that ended when its intervals were narrow: it ends more often where they are so by chance, and what that
/// costs is taken off here.
const UNTIL_PRECISE: Levels = Levels {
    table: 0.025,
    interval: 0.035,
};

/// The level of the intervals of [`compare`], each for its figure alone.
pub const INTERVAL_LEVEL: f64 = 1.0 - PLANNED.interval;

/// That of the intervals of [`compare_until_precise`].
pub const PRECISE_INTERVAL_LEVEL: f64 = 1.0 - UNTIL_PRECISE.interval;

/// The false suspects expected of a table without a change, and how probable each may be at most: more than half of such
/// tables then have none.
const FALSE_SUSPECTS: f64 = 0.7;
const SUSPECT_LEVEL: f64 = 0.25;

/// The pairs that a single instance needs: with five, no interval of 95 % is bounded by the pairs.
pub const LEAST_PAIRS: usize = 6;

/// The smallest standard error of a log-ratio: what is below it is an error of the arithmetic.
pub(crate) const RESOLUTION: f64 = 1e-9;

/// The values of one figure in one round on one instance: positive, one for each turn, in the order of the turns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Round {
    /// The turns of the baseline.
    pub baseline: Vec<f64>,
    /// The turns of the candidate.
    pub candidate: Vec<f64>,
}

/// The measurements of one figure: the complete rounds of each instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The rounds of each instance; an instance that measured nothing of the figure has none.
    pub instances: Vec<Vec<Round>>,
    /// Whether the values are times, which are rounded where a count is exact.
    pub is_time: bool,
}

/// An interval of ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The estimate of a figure's ratio, candidate to baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The ratio; not a number where there is none.
    pub ratio: f64,
    /// The interval for this figure alone, at the level of its design; none where that carries none.
    pub interval: Option<Interval>,
    /// The ratio of the baseline to itself within the rounds, at the level of the whole table.
    pub baseline_noise: Option<Interval>,
    /// The same of the candidate.
    pub candidate_noise: Option<Interval>,
    /// The smallest change, as a fraction, that would have been found with a probability of 80 %.
    pub detectable: Option<f64>,
    /// The finding, for which the whole table errs with at most 5 %.
    pub finding: Finding,
    /// The instances that it rests on.
    pub instances: usize,
    /// The rounds that it rests on.
    pub rounds: usize,
    /// Whether the instances are fewer than three, so that the estimate holds for these machines only.
    pub these_machines_only: bool,
}

/// The conclusion about the ratio that is sure.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Below 1.
    Lower,
    /// Above 1.
    Higher,
    /// No difference was shown.
    NoDifference,
    /// The data carry no answer.
    None(Vec<Doubt>),
}

/// Why the data carry no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// There are fewer complete rounds than an interval needs.
    TooFewRounds,
    /// A value is zero, negative or not a number, and so has no ratio to another.
    ValuesWithoutLogarithm,
    /// Within the rounds one arm changes and the other does not.
    ArmsDriftApart,
}

/// Compares the arms of each figure of a table. For all findings together, the probability of a false one is at most 5 %.
pub fn compare(table: &[Series]) -> Vec<Estimate> {
    judge(table, PLANNED)
}

/// The same for a design that went on until its intervals were narrow, by [`half_width`] and [`instances_for`].
pub fn compare_until_precise(table: &[Series]) -> Vec<Estimate> {
    judge(table, UNTIL_PRECISE)
}

fn judge(table: &[Series], levels: Levels) -> Vec<Estimate> {
    let evidence: Vec<Result<Evidence, Doubt>> = gather(table, levels);
    let probabilities: Vec<f64> = evidence
        .iter()
        .flatten()
        .map(|evidence| evidence.probability)
        .collect();
    let mut judged = family::stepdown(&probabilities, levels.table).into_iter();
    let control_level = levels.table / count(probabilities.len().max(1));
    let rows = table.iter().zip(evidence);
    rows.map(|(series, evidence)| match evidence {
        Ok(evidence) => {
            let controls = Controls::of(series, evidence.rounding, control_level);
            evidence.estimate(judged.next(), levels.interval, &controls)
        }
        Err(doubt) => Estimate::without(series, doubt),
    })
    .collect()
}

/// The figures that a second stage on fresh instances is for, by their place in the table: those whose probability is
/// so small that a table without a change has 0.7 of them on average. Without any, there is nothing to confirm, and the
/// run may end.
pub fn suspects(table: &[Series]) -> Vec<usize> {
    let evidence = gather(table, PLANNED);
    let figures = count(evidence.iter().flatten().count().max(1));
    let level = (FALSE_SUSPECTS / figures).min(SUSPECT_LEVEL);
    let rows = evidence.iter().enumerate();
    rows.filter(|(_, evidence)| matches!(evidence, Ok(evidence) if evidence.probability <= level))
        .map(|(figure, _)| figure)
        .collect()
}

impl Interval {
    /// The ratios within a distance of a log-ratio; none where they cannot be told.
    fn around(centre: f64, distance: f64) -> Option<Self> {
        Self::between(centre - distance, centre + distance)
    }

    /// The ratios between two log-ratios.
    fn between(low: f64, high: f64) -> Option<Self> {
        let told = !low.is_nan() && !high.is_nan();
        told.then(|| Self {
            low: low.exp(),
            high: high.exp(),
        })
    }

    /// The part of it on the side of 1 that was found: where the ratio is stays sure, however coarse the clock.
    fn within(self, finding: &Finding) -> Self {
        match finding {
            Finding::Higher => Self {
                low: self.low.max(1.0),
                ..self
            },
            Finding::Lower => Self {
                high: self.high.min(1.0),
                ..self
            },
            Finding::NoDifference | Finding::None(_) => self,
        }
    }

    /// Whether it excludes equality.
    fn excludes_one(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

/// The controls of a figure: each arm against itself.
#[derive(Debug, Clone, Copy)]
struct Controls {
    baseline: Option<Interval>,
    candidate: Option<Interval>,
    difference: Option<Interval>,
}

impl Controls {
    fn of(series: &Series, rounding: Rounding, level: f64) -> Self {
        let of = |arm| control::interval(series, arm, rounding, level / 2.0);
        Self {
            baseline: of(|round| &round.baseline),
            candidate: of(|round| &round.candidate),
            difference: control::difference(series, rounding, level),
        }
    }

    fn doubt(&self) -> Option<Doubt> {
        let differ = self.difference.is_some_and(|one| one.excludes_one());
        differ.then_some(Doubt::ArmsDriftApart)
    }
}

/// The evidence of the log-ratios of a figure.
#[derive(Debug, Clone)]
struct Evidence {
    /// The log-ratio.
    centre: f64,
    /// The probability of one at least as far from 0, given equal arms.
    probability: f64,
    /// By which distribution it is judged.
    sampling: Sampling,
    rounding: Rounding,
    instances: usize,
    rounds: usize,
}

/// Gathers the evidence of each figure, or why there is none.
fn gather(table: &[Series], levels: Levels) -> Vec<Result<Evidence, Doubt>> {
    let rows: Vec<Result<Pairs, Doubt>> = table
        .iter()
        .map(|series| Pairs::of(series).and_then(Pairs::enough))
        .collect();
    let level = levels.table / count(rows.iter().flatten().count().max(1));
    let spreads = rows.iter().flatten();
    let spreads: Vec<Spread> = spreads.filter_map(|pairs| pairs.spread(level)).collect();
    let mut moderated = moderation::moderate(&spreads).into_iter();
    rows.into_iter()
        .map(|row| {
            let pairs = row?;
            let units: Vec<_> = pairs.units().collect();
            let centre = mean(&units.iter().map(|unit| unit.centre).collect::<Vec<f64>>())
                .ok_or(Doubt::TooFewRounds)?;
            let sampling = match units.as_slice() {
                [unit] => Sampling::of_one(unit, pairs.rounding.quantum(level), level),
                _ => moderated
                    .next()
                    .map(|Moderated { variance, freedom }| Sampling::Student {
                        error: (variance / count(units.len())).sqrt().max(RESOLUTION),
                        freedom,
                    }),
            }
            .ok_or(Doubt::TooFewRounds)?;
            Ok(Evidence {
                centre,
                probability: sampling.probability(centre),
                sampling,
                rounding: pairs.rounding,
                instances: units.len(),
                rounds: pairs.rounds,
            })
        })
        .collect()
}

impl Pairs {
    /// Holds the pairs back where they are too few: a single instance needs six.
    fn enough(self) -> Result<Self, Doubt> {
        let counts: Vec<usize> = self.units().map(|unit| unit.pairs.len()).collect();
        match counts.as_slice() {
            [] => Err(Doubt::TooFewRounds),
            [pairs] if *pairs < LEAST_PAIRS => Err(Doubt::TooFewRounds),
            _ => Ok(self),
        }
    }

    /// The variance between instances; none of a single one.
    fn spread(&self, level: f64) -> Option<Spread> {
        let centres: Vec<f64> = self.units().map(|unit| unit.centre).collect();
        let centre = mean(&centres)?;
        let within = self.units().filter_map(|unit| {
            let variance = variance(&unit.pairs)?;
            Some(variance / count(unit.pairs.len()))
        });
        // A pair has the rounding of two values.
        let rounded = 2.0 * self.rounding.variance(level);
        let rounding = self.units().map(|unit| rounded / count(unit.pairs.len()));
        Some(Spread {
            deviations: self
                .instances
                .iter()
                .map(|unit| unit.as_ref().map_or(0.0, |unit| unit.centre - centre))
                .collect(),
            variance: variance(&centres)?,
            freedom: count(centres.len() - 1),
            within: mean(&within.collect::<Vec<f64>>()).unwrap_or(0.0),
            rounding: mean(&rounding.collect::<Vec<f64>>()).unwrap_or(0.0),
        })
    }
}

impl Evidence {
    fn estimate(self, judged: Option<Judged>, level: f64, controls: &Controls) -> Estimate {
        let interval = self
            .sampling
            .interval(self.centre, level)
            .and_then(|(low, high)| Interval::between(low, high));
        let rejected = judged.is_some_and(|judged| judged.rejected)
            && self.sampling.excludes_equality(self.centre, level);
        let detectable = judged
            .and_then(|judged| self.sampling.detectable(self.centre, judged.level))
            .map(f64::exp_m1);
        let finding = if let Some(doubt) = controls.doubt() {
            Finding::None(vec![doubt])
        } else if !rejected {
            Finding::NoDifference
        } else if self.centre < 0.0 {
            Finding::Lower
        } else {
            Finding::Higher
        };
        Estimate {
            ratio: self.centre.exp(),
            interval: interval.map(|interval| interval.within(&finding)),
            baseline_noise: controls.baseline,
            candidate_noise: controls.candidate,
            detectable,
            finding,
            instances: self.instances,
            rounds: self.rounds,
            these_machines_only: self.instances < 3,
        }
    }
}

impl Estimate {
    /// The estimate of a series that carries none.
    fn without(series: &Series, doubt: Doubt) -> Self {
        let measured = series.instances.iter().filter(|rounds| !rounds.is_empty());
        let instances = measured.clone().count();
        let ratio = Pairs::of(series).ok().and_then(|pairs| {
            let centres: Vec<f64> = pairs.units().map(|unit| unit.centre).collect();
            mean(&centres)
        });
        Self {
            ratio: ratio.map_or(f64::NAN, f64::exp),
            interval: None,
            baseline_noise: None,
            candidate_noise: None,
            detectable: None,
            finding: Finding::None(vec![doubt]),
            instances,
            rounds: measured.map(Vec::len).sum(),
            these_machines_only: instances < 3,
        }
    }
}
