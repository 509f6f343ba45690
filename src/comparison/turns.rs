//! The turns of a figure as rounds, the way the statistics take them.

use std::collections::{BTreeMap, BTreeSet};

use super::quantity::seconds;
use crate::arm::Arm;
use crate::records::{FigureRecord, Figures};
use crate::statistics::{Round, Series};

/// The rounds that the turns of a figure make.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Measured {
    /// The complete rounds of each sample; none where a value has no logarithm.
    pub(super) series: Series,
    /// The median of the baseline's turns; none where it has no turn.
    pub(super) baseline: Option<f64>,
    /// The median of the candidate's turns.
    pub(super) candidate: Option<f64>,
    /// The rounds that were begun, on all instances together.
    pub(super) begun: usize,
    /// Those that lack a turn.
    pub(super) incomplete: usize,
    /// Whether a turn came to zero or less.
    pub(super) without_logarithm: bool,
    /// Whether every value of every turn is zero.
    pub(super) is_zero: bool,
}

/// A round on one of the samples.
type Place = (usize, u32);

/// The turns of a round, by their order.
type Turns = BTreeMap<u32, (Arm, f64)>;

/// The turns of every figure of a run, as rounds.
pub(super) fn measured(figures: &Figures) -> Vec<Measured> {
    let known = known(figures);
    let samples = figures.samples.len();
    figures
        .figures
        .iter()
        .map(|figure| Measured::of(figure, &known, samples))
        .collect()
}

/// The turns of each round that measured anything.
fn known(figures: &Figures) -> BTreeMap<Place, BTreeSet<u32>> {
    let mut known: BTreeMap<Place, BTreeSet<u32>> = BTreeMap::new();
    for turn in figures.figures.iter().flat_map(|figure| &figure.turns) {
        let place = (turn.sample, turn.round);
        known.entry(place).or_default().insert(turn.turn);
    }
    known
}

impl Measured {
    /// The rounds that count.
    pub(super) fn rounds(&self) -> usize {
        self.series.instances.iter().map(Vec::len).sum()
    }

    fn of(figure: &FigureRecord, known: &BTreeMap<Place, BTreeSet<u32>>, samples: usize) -> Self {
        let mut rounds: BTreeMap<Place, Turns> = BTreeMap::new();
        for turn in &figure.turns {
            if let Some(value) = median(turn.values.clone()) {
                let round = rounds.entry((turn.sample, turn.round)).or_default();
                round.insert(turn.turn, (turn.arm, value));
            }
        }
        let of = |wanted: Arm| {
            let turns = rounds.values().flat_map(BTreeMap::values);
            let turns = turns.filter(|(arm, _)| *arm == wanted);
            median(turns.map(|(_, value)| *value).collect())
        };
        let without_logarithm = rounds
            .values()
            .flat_map(BTreeMap::values)
            .any(|(_, value)| *value <= 0.0);
        let mut values = figure.turns.iter().flat_map(|turn| &turn.values);
        let mut measured = Self {
            series: Series {
                instances: vec![Vec::new(); samples],
                is_time: seconds(&figure.unit).is_some(),
            },
            baseline: of(Arm::Baseline),
            candidate: of(Arm::Candidate),
            begun: known.len(),
            incomplete: 0,
            without_logarithm,
            is_zero: values.all(|value| *value == 0.0),
        };
        for (place, turns) in known {
            let complete = rounds.get(place).and_then(|round| complete(round, turns));
            match complete {
                None => measured.incomplete += 1,
                Some(_) if without_logarithm => {}
                Some(round) => {
                    if let Some(instance) = measured.series.instances.get_mut(place.0) {
                        instance.push(round);
                    }
                }
            }
        }
        measured
    }
}

/// The round, where the figure has every turn of it and each arm has as many as the other.
fn complete(turns: &Turns, known: &BTreeSet<u32>) -> Option<Round> {
    if !turns.keys().eq(known) {
        return None;
    }
    let of = |wanted: Arm| -> Vec<f64> {
        let turns = turns.values().filter(|(arm, _)| *arm == wanted);
        turns.map(|(_, value)| *value).collect()
    };
    let round = Round {
        baseline: of(Arm::Baseline),
        candidate: of(Arm::Candidate),
    };
    let paired = !round.baseline.is_empty() && round.baseline.len() == round.candidate.len();
    paired.then_some(round)
}

/// The median of the finite values; none where there is none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let high = *values.get(upper)?;
    if values.len().is_multiple_of(2) {
        let low = *values.get(upper.checked_sub(1)?)?;
        Some(f64::midpoint(low, high))
    } else {
        Some(high)
    }
}
