//! The figures of a run: what the turns of all samples measured, joined by name, and compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{MeasuredTurn, Plan};
use crate::comparison::Comparison;
use crate::comparison::hosts::{Host, between_samples};
use crate::figures::{Direction, Reading};
use crate::records::{AskedPrecision, FigureRecord, Figures, Record as _, SampleOf, TurnValues};
use crate::schedule::planned_rounds;

/// The figures of a sample, and its instance.
#[derive(Debug, Clone)]
pub(crate) struct MeasuredSample {
    pub(crate) sample: SampleOf,
    pub(crate) turns: Vec<MeasuredTurn>,
    /// Its instance.
    pub(crate) host: Host,
}

/// The figures of these samples, with the comparison where there is a baseline, and what is said of them. None where nothing
/// was measured.
pub(crate) fn gather(plan: &Plan, samples: &[&MeasuredSample]) -> Option<(Figures, Vec<String>)> {
    let readings = samples.iter().flat_map(|sample| &sample.turns);
    let readings = readings.flat_map(|turn| &turn.measured.readings);
    let known: BTreeSet<&str> = readings.map(|reading| reading.name.as_str()).collect();
    let mut names: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, Joined> = BTreeMap::new();
    for (index, sample) in samples.iter().enumerate() {
        for MeasuredTurn { turn, measured } in &sample.turns {
            for reading in &measured.readings {
                // Where another file has nothing in this turn, the name has no path, as it has in the other turns.
                let with_file = reading.name_with_file();
                let name = match known.get(with_file.as_str()) {
                    Some(_) => with_file,
                    None => reading.name.clone(),
                };
                let joined = found.entry(name.clone()).or_insert_with(|| {
                    names.push(name);
                    Joined::new(reading)
                });
                joined.better = joined.better.or(reading.better);
                if joined.unit != reading.unit {
                    joined
                        .other_unit
                        .get_or_insert_with(|| reading.unit.clone());
                    continue;
                }
                joined.turns.push(TurnValues {
                    sample: index,
                    arm: turn.arm,
                    round: turn.round,
                    turn: turn.turn,
                    values: reading.values.clone(),
                });
            }
        }
    }
    if names.is_empty() {
        return None;
    }
    let mut warnings = Vec::new();
    let mut undirected = Vec::new();
    let mut figures = Vec::new();
    for name in names {
        let Some(joined) = found.remove(&name) else {
            continue;
        };
        if let Some(other) = &joined.other_unit {
            let unit = &joined.unit;
            warnings.push(format!(
                "{name} is measured in {unit:?} and in {other:?}: what is in {other:?} is left out"
            ));
        }
        if joined.better.is_none() {
            undirected.push(name.clone());
        }
        figures.push(FigureRecord {
            name,
            unit: joined.unit,
            better: joined.better.unwrap_or(Direction::Less),
            turns: joined.turns,
        });
    }
    if let (Some(first), true) = (undirected.first(), plan.baseline.is_some()) {
        let others = match undirected.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        warnings.push(format!(
            "nothing tells what is better of {first}{others}: less is taken to be; `better: more` in `figures` says otherwise"
        ));
    }
    let mut figures = Figures {
        format: Figures::FORMAT,
        runs: vec![plan.run.clone()],
        revision: plan.revision.clone(),
        baseline: plan.baseline.as_ref().map(|one| one.revision.clone()),
        seed: plan.seed,
        repeat: Some(plan.config.turns()),
        precision: plan.config.asked_precision().map(|asked| AskedPrecision {
            half_width: asked.fraction(),
            planned_rounds: planned_rounds(&plan.config),
        }),
        share: plan.share.shard.has_others().then_some(plan.share),
        samples: samples.iter().map(|one| one.sample.clone()).collect(),
        figures,
        comparison: None,
    };
    if figures.baseline.is_some() {
        let hosts: Vec<Host> = samples.iter().map(|one| one.host.clone()).collect();
        let unlike = between_samples(&hosts);
        figures.comparison = Some(Comparison::of_arms(&figures, unlike.as_slice()));
    }
    Some((figures, warnings))
}

/// A figure, as far as its turns were looked at.
struct Joined {
    unit: String,
    other_unit: Option<String>,
    better: Option<Direction>,
    turns: Vec<TurnValues>,
}

impl Joined {
    fn new(reading: &Reading) -> Self {
        Self {
            unit: reading.unit.clone(),
            other_unit: None,
            better: reading.better,
            turns: Vec::new(),
        }
    }
}
