//! Two sides at rest: revisions that were measured on instances of their own.

use std::collections::BTreeMap;

use super::hosts::{self, Host};
use super::quantity::seconds;
use super::turns::median;
use super::unpaired::{self, Sides};
use super::{ALL_ZERO, Comparison, OneSided, Reservation, Revisions, Row, Verdict, WITHOUT_RATIO};
use crate::arm::Arm;
use crate::records::{FigureRecord, Figures};
use crate::statistics::Finding;

/// The measurements of a revision: its figures, and the hosts that they are from.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The figures, of which the turns of the candidate count.
    pub figures: Figures,
    /// The hosts, in any order.
    pub hosts: Vec<Host>,
}

/// A figure of one side.
struct Measured<'a> {
    figure: &'a FigureRecord,
    median: f64,
    /// The logarithms of each instance's turns.
    instances: Vec<Vec<f64>>,
}

/// Compares two sides between which nothing was interleaved, and names what differs between their hosts.
pub fn compare_sides(baseline: &Side, candidate: &Side) -> (Comparison, Vec<hosts::Difference>) {
    let differences = hosts::differences(&baseline.hosts, &candidate.hosts);
    let reservations = reservations(baseline, candidate, &differences);
    let measured = [baseline, candidate].map(measured);
    let mut one_sided = Vec::new();
    let mut both = Vec::new();
    let [of_baseline, of_candidate] = &measured;
    for (name, before) in of_baseline {
        match of_candidate.get(name) {
            Some(after) => both.push((before, after)),
            None => one_sided.push(OneSided {
                name: (*name).to_owned(),
                arm: Arm::Baseline,
            }),
        }
    }
    let only_there = of_candidate
        .keys()
        .filter(|name| !of_baseline.contains_key(*name));
    one_sided.extend(only_there.map(|name| OneSided {
        name: (*name).to_owned(),
        arm: Arm::Candidate,
    }));
    let table: Vec<Sides> = both
        .iter()
        .map(|(before, after)| Sides {
            baseline: before.instances.clone(),
            candidate: after.instances.clone(),
            is_time: seconds(&after.figure.unit).is_some(),
        })
        .collect();
    let instances = [baseline, candidate].map(|side| side.figures.samples.len());
    let revision = |side: &Side| side.figures.revision.clone();
    let mut comparison = Comparison {
        revisions: Some(Revisions {
            baseline: revision(baseline),
            candidate: revision(candidate),
        }),
        instances: instances.iter().sum(),
        rounds: 0,
        unpaired: Some(instances),
        interval_level: unpaired::INTERVAL_LEVEL,
        precision: None,
        rows: Vec::new(),
        one_sided,
    };
    for ((before, after), difference) in both.iter().zip(unpaired::compare(&table)) {
        comparison.add(row(before, after, difference), &reservations);
    }
    comparison.sort();
    (comparison, differences)
}

fn row(
    before: &Measured<'_>,
    after: &Measured<'_>,
    difference: Option<unpaired::Difference>,
) -> Row {
    let row = Row::unanswered(after.figure, [before.median, after.median]);
    let without = |reason: String| Row {
        ratio: None,
        reasons: vec![reason],
        ..row.clone()
    };
    let units = [before, after].map(|side| side.figure.unit.as_str());
    if let [one, other] = units
        && one != other
    {
        return without(format!("the units differ: `{one}` and `{other}`"));
    }
    if before.figure.better != after.figure.better {
        return without("the sides do not agree on what is better".into());
    }
    let mut logs = before.instances.iter().chain(&after.instances).flatten();
    if logs.clone().all(|log| *log == f64::NEG_INFINITY) {
        return Row {
            verdict: Verdict::NoDifference,
            reasons: vec![ALL_ZERO.into()],
            ..row
        };
    }
    if logs.any(|log| !log.is_finite()) {
        return without(WITHOUT_RATIO.into());
    }
    let Some(difference) = difference else {
        return Row {
            reasons: vec![
                "one instance on a side: two machines may differ by as much as two revisions"
                    .into(),
            ],
            ..row
        };
    };
    let finding = match difference {
        unpaired::Difference {
            is_shown: false, ..
        } => Finding::NoDifference,
        difference if difference.ratio < 1.0 => Finding::Lower,
        _ => Finding::Higher,
    };
    let ends = difference.interval.iter().all(|end| end.is_finite());
    Row {
        ratio: super::finite(difference.ratio),
        interval: ends.then_some(difference.interval),
        detectable: super::finite(difference.detectable),
        verdict: Verdict::new(&finding, after.figure.better),
        ..row
    }
}

/// The figures of a side, by their names.
fn measured(side: &Side) -> BTreeMap<&str, Measured<'_>> {
    let figures = side.figures.figures.iter();
    let figures = figures.filter_map(|figure| {
        let mut instances: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        let turns = figure.turns.iter();
        for turn in turns.filter(|turn| turn.arm == Arm::Candidate) {
            let value = median(turn.values.clone());
            instances.entry(turn.sample).or_default().extend(value);
        }
        let median = median(instances.values().flatten().copied().collect())?;
        let measured = Measured {
            figure,
            median,
            instances: instances
                .into_values()
                .map(|turns| turns.into_iter().map(f64::ln).collect())
                .collect(),
        };
        Some((figure.name.as_str(), measured))
    });
    figures.collect()
}

/// The limits of the answer for every figure.
fn reservations(
    baseline: &Side,
    candidate: &Side,
    differences: &[hosts::Difference],
) -> Vec<Reservation> {
    let mut reservations = hosts::between_sides(differences);
    let hosts = baseline.hosts.iter().chain(&candidate.hosts);
    let is_unknown = |host: &Host| host.instance_type.is_none() && host.facts.is_none();
    if hosts.clone().any(is_unknown) {
        reservations.push(Reservation {
            reason: "not every host is known: they may differ".into(),
            voids: false,
        });
    }
    for (arm, side) in [(Arm::Baseline, baseline), (Arm::Candidate, candidate)] {
        let of_side = Reservation::of_samples(&side.figures).into_iter();
        reservations.extend(of_side.map(|of| Reservation {
            reason: format!("{arm}: {}", of.reason),
            ..of
        }));
    }
    let mut samples = baseline
        .figures
        .samples
        .iter()
        .chain(&candidate.figures.samples);
    if samples.any(|sample| sample.instance.is_local()) {
        reservations.push(Reservation {
            reason: "holds for this machine only: a rehearsal rents no other".into(),
            voids: false,
        });
    }
    reservations
}
