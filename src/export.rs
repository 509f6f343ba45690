//! The figures of a run in the formats of other tools.

mod bmf;
mod bmf_v1;
mod csv;
mod github_action_benchmark;
mod openmetrics;

use serde::Serialize;

use crate::arm::Arm;
use crate::comparison::{median, seconds};
use crate::config::Export;
use crate::figures::Direction;
use crate::records::{FigureRecord, Figures, Record as _};

/// A format of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Bencher Metric Format.
    Bmf,
    /// Bencher Metric Format, version 1.
    BmfV1,
    /// The input of github-action-benchmark as `customSmallerIsBetter`, or as `customBiggerIsBetter`: one direction a file.
    GithubActionBenchmark(Direction),
    /// The text format of Prometheus.
    OpenMetrics,
    /// A line for each value.
    Csv,
    /// The record itself.
    Json,
}

impl Format {
    /// The figures in this format. Where it knows one revision only, that is the candidate.
    ///
    /// # Errors
    /// Those of the serializer.
    pub(crate) fn write(self, figures: &Figures) -> serde_json::Result<String> {
        match self {
            Self::Bmf => bmf::write(figures),
            Self::BmfV1 => bmf_v1::write(figures),
            Self::GithubActionBenchmark(better) => github_action_benchmark::write(figures, better),
            Self::OpenMetrics => Ok(openmetrics::write(figures)),
            Self::Csv => Ok(csv::write(figures)),
            Self::Json => {
                let text = figures.to_json()?;
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
        }
    }

    /// The name of the file of this format among the results.
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Self::Bmf => "figures.bmf.json",
            Self::BmfV1 => "figures.bmf-v1.json",
            Self::GithubActionBenchmark(Direction::Less) => "figures.smaller-is-better.json",
            Self::GithubActionBenchmark(Direction::More) => "figures.bigger-is-better.json",
            Self::OpenMetrics => "figures.prom",
            Self::Csv => "figures.csv",
            Self::Json => "figures.json",
        }
    }
}

/// The files that are to lie beside `figures.json`: the name and the text of each. A direction that no figure has gets no file.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn files(
    exports: &[Export],
    figures: &Figures,
) -> serde_json::Result<Vec<(&'static str, String)>> {
    let has = |better: Direction| figures.figures.iter().any(|figure| figure.better == better);
    let mut formats = Vec::new();
    for export in exports {
        match export {
            Export::Bmf => formats.push(Format::Bmf),
            Export::BmfV1 => formats.push(Format::BmfV1),
            Export::GithubActionBenchmark => {
                let directions = [Direction::Less, Direction::More].into_iter();
                let directions = directions.filter(|better| has(*better));
                formats.extend(directions.map(Format::GithubActionBenchmark));
            }
            Export::OpenMetrics => formats.push(Format::OpenMetrics),
            Export::Csv => formats.push(Format::Csv),
            // The record is there.
            Export::Json => {}
        }
    }
    let formats = formats.into_iter();
    formats
        .map(|format| Ok((format.file_name(), format.write(figures)?)))
        .collect()
}

/// The value of a figure, and between which its turns lay.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Summary {
    /// The median of the turns.
    value: f64,
    /// The least turn.
    low: f64,
    /// The greatest turn.
    high: f64,
    /// The number of turns.
    turns: usize,
}

impl Summary {
    /// The values of an arm for a figure; none where it has no turn.
    fn of(figure: &FigureRecord, arm: Arm) -> Option<Self> {
        let turns = figure.turns.iter().filter(|turn| turn.arm == arm);
        let turns: Vec<f64> = turns
            .filter_map(|turn| median(turn.values.clone()))
            .collect();
        Some(Self {
            value: median(turns.clone())?,
            low: turns.iter().copied().reduce(f64::min)?,
            high: turns.iter().copied().reduce(f64::max)?,
            turns: turns.len(),
        })
    }

    fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            low: self.low * factor,
            high: self.high * factor,
            turns: self.turns,
        }
    }
}

/// A metric of Bencher's, in both versions of its format.
#[derive(Debug, Serialize)]
struct BencherMetric {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

/// The nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// A figure of the candidate as Bencher's measure and metric. Its built-in measures are `latency` in nanoseconds and
/// `throughput` in operations a second; any other is named after its unit.
fn bencher(figure: &FigureRecord) -> Option<(String, BencherMetric)> {
    let summary = Summary::of(figure, Arm::Candidate)?;
    let (measure, summary) = match seconds(&figure.unit) {
        Some(seconds) => ("latency".to_owned(), summary.times(seconds * NANOSECONDS)),
        None if matches!(figure.unit.as_str(), "ops/s" | "op/s") => {
            ("throughput".to_owned(), summary)
        }
        None => (measure(&figure.unit), summary),
    };
    let Summary {
        value, low, high, ..
    } = summary;
    Some((
        measure,
        BencherMetric {
            value,
            lower_value: low,
            upper_value: high,
        },
    ))
}

/// A unit as the name of a measure: `MiB/s` is `mib-per-s`.
fn measure(unit: &str) -> String {
    let unit = unit
        .to_lowercase()
        .replace('%', "percent")
        .replace('/', " per ");
    let words = unit.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "value".into()
    } else {
        words.join("-")
    }
}

#[cfg(test)]
mod tests;
