//! The format of github-action-benchmark's custom tools: a list of figures that all have the same direction.

use serde::Serialize;

use super::Summary;
use crate::arm::Arm;
use crate::config::plural;
use crate::figures::Direction;
use crate::records::Figures;

#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: &'a str,
    unit: &'a str,
    value: f64,
    range: String,
    extra: String,
}

pub(super) fn write(figures: &Figures, better: Direction) -> serde_json::Result<String> {
    let of_direction = figures
        .figures
        .iter()
        .filter(|figure| figure.better == better);
    let entries: Vec<Entry<'_>> = of_direction
        .filter_map(|figure| {
            let summary = Summary::of(figure, Arm::Candidate)?;
            let Summary {
                value, low, high, ..
            } = summary;
            Some(Entry {
                name: &figure.name,
                unit: &figure.unit,
                value,
                range: format!("± {}", (high - low) / 2.0),
                extra: format!(
                    "median of {} on {}, {low} to {high}",
                    plural(summary.turns, "turn"),
                    plural(figures.samples.len(), "instance")
                ),
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}
