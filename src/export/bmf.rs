//! Bencher Metric Format: `{figure: {measure: {value, lower_value, upper_value}}}`.

use std::collections::BTreeMap;

use super::bencher;
use crate::records::Figures;

pub(super) fn write(figures: &Figures) -> serde_json::Result<String> {
    let figures = figures.figures.iter();
    let benchmarks: BTreeMap<&str, BTreeMap<_, _>> = figures
        .filter_map(|figure| Some((figure.name.as_str(), BTreeMap::from([bencher(figure)?]))))
        .collect();
    Ok(serde_json::to_string_pretty(&benchmarks)? + "\n")
}
