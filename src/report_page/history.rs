//! A figure over several runs, with the places where it moved to another level.

use serde::Serialize;

use super::RunResults;
use crate::arm::Arm;
use crate::comparison::median;
use crate::figures::Direction;
use crate::statistics::change_points;

/// So many runs of a history are looked at, the last ones.
const MOST_RUNS: usize = 200;

/// A figure over the runs that measured it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct History {
    /// The figure.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// The better direction.
    pub better: Direction,
    /// The values of each run, in the order of their starts.
    pub points: Vec<Point>,
    /// The places of `points` at which another level begins.
    pub changes: Vec<usize>,
}

/// The values of a figure in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The place of the run.
    pub run: usize,
    /// The median of the turns of the revision itself.
    pub median: f64,
    /// The least of them.
    pub least: f64,
    /// The greatest of them.
    pub most: f64,
}

/// The figures that more than one run has measured.
pub(crate) fn histories(runs: &[RunResults]) -> Vec<History> {
    let mut histories: Vec<History> = Vec::new();
    let skipped = runs.len().saturating_sub(MOST_RUNS);
    for (run, results) in runs.iter().enumerate().skip(skipped) {
        for figure in results.figures.iter().flat_map(|figures| &figures.figures) {
            let turns = figure
                .turns
                .iter()
                .filter(|turn| turn.arm == Arm::Candidate);
            let turns: Vec<f64> = turns
                .filter_map(|turn| median(turn.values.clone()))
                .collect();
            let Some(median) = median(turns.clone()) else {
                continue;
            };
            let point = Point {
                run,
                median,
                least: turns.iter().copied().fold(median, f64::min),
                most: turns.iter().copied().fold(median, f64::max),
            };
            let known = histories
                .iter_mut()
                .find(|known| known.name == figure.name && known.unit == figure.unit);
            match known {
                Some(history) => history.points.push(point),
                None => histories.push(History {
                    name: figure.name.clone(),
                    unit: figure.unit.clone(),
                    better: figure.better,
                    points: vec![point],
                    changes: Vec::new(),
                }),
            }
        }
    }
    histories.retain(|history| history.points.len() > 1);
    for history in &mut histories {
        history.changes = change_points(&levels(&history.points));
    }
    histories
}

/// The medians as logarithms where they have any: a change is a ratio.
fn levels(points: &[Point]) -> Vec<f64> {
    let positive = points.iter().all(|point| point.median > 0.0);
    let level = |point: &Point| {
        if positive {
            point.median.ln()
        } else {
            point.median
        }
    };
    points.iter().map(level).collect()
}
