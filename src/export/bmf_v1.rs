//! Bencher Metric Format, version 1: a benchmark has a list of measurements, which may have parameters. The parameters of a
//! figure are part of its name here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{BencherMetric, bencher};
use crate::records::Figures;

#[derive(Debug, Serialize)]
struct Measurement {
    measures: BTreeMap<String, BencherMetric>,
}

pub(super) fn write(figures: &Figures) -> serde_json::Result<String> {
    let figures = figures.figures.iter();
    let benchmarks: BTreeMap<&str, [Measurement; 1]> = figures
        .filter_map(|figure| {
            let measures = BTreeMap::from([bencher(figure)?]);
            Some((figure.name.as_str(), [Measurement { measures }]))
        })
        .collect();
    Ok(serde_json::to_string_pretty(&benchmarks)? + "\n")
}
