//! The text format of Prometheus, as its standard (version 1.0) has it: a gauge for each unit, a sample for each figure and revision.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Summary;
use crate::arm::Arm;
use crate::comparison::{Comparison, Verdict, seconds};
use crate::figures::Direction;
use crate::records::{FigureRecord, Figures};

/// A family of samples: its name and the unit that the name ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
}

const SECONDS: Family = Family {
    name: "collector_figure_seconds",
    unit: Some("seconds"),
    help: "Median of the turns.",
};
const BYTES: Family = Family {
    name: "collector_figure_bytes",
    unit: Some("bytes"),
    ..SECONDS
};
const OTHERS: Family = Family {
    name: "collector_figure",
    unit: None,
    help: "Median of the turns, in the unit of the label.",
};
const RATIO: Family = Family {
    name: "collector_change_ratio",
    unit: Some("ratio"),
    help: "Candidate to baseline.",
};

pub(super) fn write(figures: &Figures) -> String {
    // The samples of a family stand together.
    let mut families: BTreeMap<Family, String> = BTreeMap::new();
    for figure in &figures.figures {
        let (family, factor) = family(&figure.unit);
        for arm in Arm::BOTH {
            if let Some(summary) = Summary::of(figure, arm) {
                let labels = labels(figures, figure, arm, family);
                let value = summary.value * factor;
                let samples = families.entry(family).or_default();
                let _ = writeln!(samples, "{}{{{labels}}} {}", family.name, number(value));
            }
        }
    }
    if let Some(comparison) = &figures.comparison {
        let samples = ratios(comparison);
        if !samples.is_empty() {
            families.insert(RATIO, samples);
        }
    }
    let mut text = String::new();
    for (Family { name, unit, help }, samples) in families {
        let _ = writeln!(text, "# TYPE {name} gauge");
        if let Some(unit) = unit {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {help}");
        text += &samples;
    }
    text + "# EOF\n"
}

/// The family of a unit, and by what a value in it is multiplied.
fn family(unit: &str) -> (Family, f64) {
    match (seconds(unit), unit) {
        (Some(seconds), _) => (SECONDS, seconds),
        (None, "B") => (BYTES, 1.0),
        (None, "KiB") => (BYTES, 1024.0),
        (None, "MiB") => (BYTES, 1_048_576.0),
        (None, _) => (OTHERS, 1.0),
    }
}

fn labels(figures: &Figures, figure: &FigureRecord, arm: Arm, family: Family) -> String {
    let revision = match arm {
        Arm::Baseline => figures.baseline.as_ref(),
        Arm::Candidate => Some(&figures.revision),
    };
    let better = match figure.better {
        Direction::Less => "less",
        Direction::More => "more",
    };
    let mut labels = format!(
        "figure=\"{}\",revision=\"{}\",arm=\"{arm}\",better=\"{better}\"",
        escaped(&figure.name),
        revision.map(ToString::to_string).unwrap_or_default()
    );
    if family == OTHERS {
        let _ = write!(labels, ",unit=\"{}\"", escaped(&figure.unit));
    }
    labels
}

fn ratios(comparison: &Comparison) -> String {
    let mut samples = String::new();
    for row in &comparison.rows {
        let verdict = match row.verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::NoVerdict => "no_verdict",
            Verdict::NoDifference => "no_difference",
        };
        if let Some(ratio) = row.ratio {
            let name = escaped(&row.name);
            let labels = format!("figure=\"{name}\",verdict=\"{verdict}\"");
            let _ = writeln!(samples, "{}{{{labels}}} {}", RATIO.name, number(ratio));
        }
    }
    samples
}

/// A number as Go writes it, with an exponent where it is very large or very small.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e15).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// The value of a label between its quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
