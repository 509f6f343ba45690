//! A comparison in words and numbers for people: the sentence above the table, and the cells of a row.

use std::fmt;

use super::{Comparison, Precision, Revisions, Row, Verdict};
use crate::config::plural;
use crate::figures::Direction;
use crate::revision::Revision;

/// The largest detectable change is named beside the median one where it is so many times greater.
const UNEVEN: f64 = 2.0;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::NoVerdict => "no verdict",
            Self::NoDifference => "no difference",
        })
    }
}

impl fmt::Display for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [candidate, baseline] = [&self.candidate, &self.baseline].map(Revision::short);
        if self.candidate == self.baseline {
            write!(f, "{candidate} against itself (A/A)")
        } else {
            write!(f, "{candidate} against {baseline}")
        }
    }
}

impl Comparison {
    /// The answer in a sentence: of which revisions, how many figures are slower, faster or neither, and what it rests on.
    pub fn sentence(&self) -> String {
        let revisions = self.revisions.as_ref();
        let revisions = revisions.map_or_else(String::new, |revisions| format!("{revisions}: "));
        let mut parts = Vec::new();
        let verdicts = [
            (Verdict::Slower, "slower"),
            (Verdict::Faster, "faster"),
            (Verdict::NoVerdict, "no verdict"),
            (Verdict::NoDifference, "no difference shown"),
        ];
        for (verdict, text) in verdicts {
            let count = self.of(verdict).count();
            if count > 0 {
                parts.push(format!("{count} {text}"));
            }
        }
        if let (Some(last), Some(seen)) = (parts.last_mut(), self.would_have_been_seen()) {
            *last = format!("{last} ({seen})");
        }
        if !self.one_sided.is_empty() {
            parts.push(format!("{} in one revision only", self.one_sided.len()));
        }
        if parts.is_empty() {
            parts.push("no figure to compare".into());
        }
        format!("{revisions}{}; {}", parts.join(", "), self.basis())
    }

    /// The machines that were measured on.
    fn basis(&self) -> String {
        match self.unpaired {
            Some([baseline, candidate]) => format!(
                "{baseline} and {}, not interleaved",
                plural(candidate, "instance")
            ),
            None => format!(
                "{}, {}{}",
                plural(self.instances, "instance"),
                plural(self.rounds, "round"),
                self.precision
                    .map_or_else(String::new, |one| one.describe())
            ),
        }
    }

    /// The smallest change that would have been seen, of the figures without a difference.
    fn would_have_been_seen(&self) -> Option<String> {
        let rows = self.of(Verdict::NoDifference);
        let mut changes: Vec<f64> = rows.filter_map(|row| row.detectable).collect();
        changes.sort_by(f64::total_cmp);
        let (median, last) = (*changes.get(changes.len() / 2)?, *changes.last()?);
        Some(if last > median * UNEVEN {
            format!(
                "≥ {} would have been seen in half of them, ≥ {} in all",
                percent(median),
                percent(last)
            )
        } else {
            format!("≥ {} would have been seen", percent(last))
        })
    }

    /// The head of the changes, with the level of their intervals, as `change [95 %]`.
    pub fn head_of_changes(&self) -> String {
        let level = (self.interval_level * 1000.0).round() / 10.0;
        format!("change [{level} %]")
    }

    /// The rows with a verdict.
    pub fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.verdict == verdict)
    }

    /// The reasons that every row has, which are said once.
    pub fn common_reasons(&self) -> Vec<&str> {
        let Some((first, others)) = self.rows.split_first() else {
            return Vec::new();
        };
        let reasons = first.reasons.iter();
        let common = reasons.filter(|reason| others.iter().all(|row| row.reasons.contains(reason)));
        common.map(String::as_str).collect()
    }

    /// The reasons of a row that not every row has.
    pub fn own_reasons<'a>(&self, row: &'a Row) -> Vec<&'a str> {
        let common = self.common_reasons();
        let reasons = row.reasons.iter().map(String::as_str);
        reasons.filter(|reason| !common.contains(reason)).collect()
    }
}

impl Precision {
    /// Its outcome, to stand behind the number of rounds.
    fn describe(&self) -> String {
        let added = match self.further_rounds {
            0 => String::new(),
            further => format!(" ({further} added)"),
        };
        let asked = percent(self.asked);
        let reached = match self.reached {
            Some(reached) if reached <= self.asked => format!("within ±{asked}"),
            Some(reached) => format!("±{} where ±{asked} was asked for", percent(reached)),
            None => format!("±{asked} was asked for and not reached"),
        };
        format!("{added}, {reached}")
    }
}

impl Row {
    /// The change from the baseline with its interval, as `+3.1 % [+2.2, +4.0]`.
    pub fn change(&self) -> String {
        let Some(ratio) = self.ratio else {
            return "-".into();
        };
        let Some([low, high]) = self.interval else {
            return format!("{} %", signed(ratio - 1.0, decimals(ratio - 1.0)));
        };
        let decimals = decimals((high - low) / 2.0);
        let part = |ratio: f64| signed(ratio - 1.0, decimals);
        format!("{} % [{}, {}]", part(ratio), part(low), part(high))
    }

    /// The distance of the baseline and of the candidate from themselves, as `±0.8 / ±0.9 %`.
    pub fn noise_of_both(&self) -> String {
        let part = |noise: Option<[f64; 2]>| {
            noise.map_or_else(
                || "-".to_owned(),
                |noise| format!("±{}", number(deviation(noise))),
            )
        };
        match (self.baseline_noise, self.candidate_noise) {
            (None, None) => "-".into(),
            (baseline, candidate) => format!("{} / {} %", part(baseline), part(candidate)),
        }
    }

    /// The greater noise of the two, as `±0.9 %`.
    pub fn noise(&self) -> String {
        let noise = [self.baseline_noise, self.candidate_noise];
        let greatest = noise.into_iter().flatten().map(deviation).reduce(f64::max);
        greatest.map_or_else(|| "-".into(), |noise| format!("±{}", percent(noise)))
    }

    /// The verdict, and of no difference the change that would have been seen.
    pub fn verdict_with_reach(&self) -> String {
        match (self.verdict, self.detectable) {
            (Verdict::NoDifference, Some(change)) => {
                format!("{} ≥ {}", self.verdict, percent(change))
            }
            _ => self.verdict.to_string(),
        }
    }

    /// The values of the baseline and the candidate, in the same unit.
    pub fn values(&self) -> [String; 2] {
        let larger = self.baseline.abs().max(self.candidate.abs());
        let (divisor, unit) = scale(larger, &self.unit);
        let gap = if unit.is_empty() { "" } else { " " };
        [self.baseline, self.candidate]
            .map(|value| format!("{}{gap}{unit}", significant(value / divisor)))
    }

    /// The distance of the candidate on the worse side, as a fraction; negative on the better one.
    fn worse_by(ratio: f64, better: Direction) -> f64 {
        match better {
            Direction::Less => ratio - 1.0,
            Direction::More => 1.0 - ratio,
        }
    }

    /// The least distance of the candidate on the worse side, by its interval.
    pub(super) fn surely_worse_by(&self) -> Option<f64> {
        let ends = self.interval?;
        let worse = ends.map(|ratio| Self::worse_by(ratio, self.better));
        worse.into_iter().reduce(f64::min)
    }
}

/// The figures that are worse than a limit allows, in words.
pub fn too_slow(rows: &[&Row], limit: f64) -> String {
    const MOST: usize = 10;
    let mut names: Vec<String> = rows
        .iter()
        .take(MOST)
        .map(|row| format!("{} {}", row.name, row.change()))
        .collect();
    if rows.len() > MOST {
        names.push(format!("and {} more", rows.len() - MOST));
    }
    let limit = percent(limit);
    format!("surely more than {limit} slower: {}", names.join(", "))
}

/// The distance of an interval's farther end from 1.
fn deviation([low, high]: [f64; 2]) -> f64 {
    (1.0 - low).abs().max((high - 1.0).abs())
}

/// A fraction in percent, as `1.8 %`.
pub fn percent(fraction: f64) -> String {
    format!("{} %", number(fraction))
}

/// A fraction in percent without the sign.
fn number(fraction: f64) -> String {
    format!("{:.*}", decimals(fraction), fraction * 100.0)
}

/// The decimals that a change of this size is written with.
fn decimals(fraction: f64) -> usize {
    match fraction.abs() {
        size if size >= 1.0 => 0,
        size if size >= 0.001 || size == 0.0 => 1,
        _ => 2,
    }
}

/// A fraction in percent with its sign; one that is rounded to nothing has none.
fn signed(fraction: f64, decimals: usize) -> String {
    let text = format!("{:+.decimals$}", fraction * 100.0);
    let nothing = text.trim_start_matches(['+', '-']);
    if nothing.chars().all(|c| "0.".contains(c)) {
        nothing.to_owned()
    } else {
        text
    }
}

/// The seconds of the units of time, the longest first.
const TIMES: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

/// The bytes of the units of memory, the largest first.
const SIZES: [(f64, &str); 5] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];

/// The prefixes of large numbers, the largest first.
const PREFIXES: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];

/// A plain number has its prefix from this size on.
const PREFIXED: f64 = 1e5;

/// The divisor of a value in this unit, and the unit that it has then.
fn scale(value: f64, unit: &str) -> (f64, String) {
    let seconds = seconds(unit).map(|seconds| (seconds, TIMES.as_slice()));
    let bytes = (unit == "B").then_some((1.0, SIZES.as_slice()));
    if let Some((one, units)) = seconds.or(bytes) {
        let last = units.last().copied().unwrap_or((1.0, ""));
        let fits = units.iter().copied().find(|(size, _)| value * one >= *size);
        let (size, name) = match fits {
            Some(unit) => unit,
            None if value == 0.0 => return (1.0, unit.to_owned()),
            None => last,
        };
        return (size / one, name.to_owned());
    }
    let prefix = PREFIXES
        .iter()
        .find(|(size, _)| value >= PREFIXED.max(*size));
    match prefix {
        Some((size, prefix)) => (*size, format!("{prefix} {unit}").trim_end().to_owned()),
        None => (1.0, unit.to_owned()),
    }
}

/// The seconds of a unit of time.
pub(crate) fn seconds(unit: &str) -> Option<f64> {
    match unit {
        "us" => Some(1e-6),
        unit => TIMES
            .iter()
            .find(|(_, name)| *name == unit)
            .map(|(size, _)| *size),
    }
}

/// A number with four significant digits.
fn significant(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        0.0 => 0,
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ if size >= 1.0 => 3,
        _ if size >= 0.1 => 4,
        _ if size >= 0.01 => 5,
        _ => return format!("{value:.3e}"),
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: &str, baseline: f64, candidate: f64) -> Row {
        Row {
            unit: unit.into(),
            baseline,
            candidate,
            ratio: Some(candidate / baseline),
            ..super::super::tests::row("f", Verdict::Slower, 1.031)
        }
    }

    #[test]
    fn a_change_has_as_many_decimals_as_its_interval_needs() {
        let change = |ratio, interval| {
            Row {
                interval,
                ..row("s", 1.0, ratio)
            }
            .change()
        };
        assert_eq!(change(1.031, Some([1.022, 1.04])), "+3.1 % [+2.2, +4.0]");
        assert_eq!(change(0.5, None), "-50.0 %");
        assert_eq!(
            change(1.0001, Some([0.9998, 1.0004])),
            "+0.01 % [-0.02, +0.04]"
        );
        assert_eq!(change(10.0, Some([8.0, 12.0])), "+900 % [+700, +1100]");
        assert_eq!(change(1.0, Some([0.9, 1.1])), "0.0 % [-10.0, +10.0]");
    }

    #[test]
    fn values_are_shown_in_the_unit_of_their_size() {
        assert_eq!(
            row("s", 0.001_234_5, 0.001).values(),
            ["1.234 ms", "1.000 ms"]
        );
        assert_eq!(row("ns", 2e9, 1e9).values(), ["2.000 s", "1.000 s"]);
        assert_eq!(
            row("B", 1_048_576.0, 524_288.0).values(),
            ["1.000 MiB", "0.5000 MiB"]
        );
        assert_eq!(row("ops/s", 1_234_567.0, 10.0).values()[0], "1.235 M ops/s");
        assert_eq!(row("", 41.0, 42.0).values(), ["41.00", "42.00"]);
        assert_eq!(row("s", 0.0, 0.0).values(), ["0 s", "0 s"]);
        assert_eq!(row("s", 1e-12, 1e-12).values()[0], "1.000e-3 ns");
    }

    #[test]
    fn noise_is_that_of_the_arm_that_strayed_farther() {
        let noisy = Row {
            baseline_noise: Some([0.992, 1.007]),
            candidate_noise: Some([0.995, 1.012]),
            ..row("s", 1.0, 1.0)
        };
        assert_eq!(noisy.noise(), "±1.2 %");
        assert_eq!(noisy.noise_of_both(), "±0.8 / ±1.2 %");
    }

    #[test]
    fn what_is_worse_is_named() {
        let rows = vec![super::super::tests::row("f", Verdict::Slower, 1.1); 12];
        let rows: Vec<&Row> = rows.iter().collect();
        let text = too_slow(&rows, 0.05);
        assert!(
            text.starts_with("surely more than 5.0 % slower: f +10.0 % [+8.9, +11.1], f "),
            "{text}"
        );
        assert!(text.ends_with(", and 2 more"), "{text}");
    }
}
