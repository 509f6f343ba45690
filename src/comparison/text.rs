//! A comparison in words and numbers for people: the sentence above the table, and the cells of a row.

use std::fmt;

use super::quantity::{scale, significant};
use super::{Comparison, Precision, Revisions, Row, Verdict};
use crate::config::plural;
use crate::figures::Direction;
use crate::revision::Revision;

/// The largest change that is written as it is, as a fraction: of few rounds on two instances an interval may end anywhere.
const MOST: f64 = 10.0;

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
        let (first, last) = (*changes.first()?, *changes.last()?);
        let median = *changes.get(changes.len() / 2)?;
        let seen = |change: f64| format!("≥ {}", percent(change));
        let most = times(MOST);
        Some(if first > MOST {
            format!("no change below {most} would have been seen")
        } else if median > MOST {
            format!("no change below {most} would have been seen in half of them")
        } else if last > MOST {
            let median = seen(median);
            format!("{median} would have been seen in half of them, nothing below {most} in all")
        } else if last > median * UNEVEN {
            let (median, last) = (seen(median), seen(last));
            format!("{median} would have been seen in half of them, {last} in all")
        } else {
            format!("{} would have been seen", seen(last))
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
}

impl Precision {
    /// Its outcome, to stand behind the number of rounds.
    fn describe(&self) -> String {
        let added = match self.further_rounds {
            0 => String::new(),
            further => format!(" ({further} added)"),
        };
        let asked = around(self.asked);
        let reached = match self.reached {
            Some(reached) if reached <= self.asked => format!("within {asked}"),
            Some(reached) => format!("{} where {asked} was asked for", around(reached)),
            None => format!("{asked} was asked for and not reached"),
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
        let decimals = decimals((high.min(1.0 + MOST) - low) / 2.0);
        let part = |ratio: f64| signed(ratio - 1.0, decimals);
        format!("{} % [{}, {}]", part(ratio), part(low), part(high))
    }

    /// The distance of the baseline and of the candidate from themselves, as `±0.8 / ±0.9 %`.
    pub fn noise_of_both(&self) -> String {
        let part = |noise: Option<[f64; 2]>| {
            noise.map_or_else(|| "-".to_owned(), |noise| plus_minus(deviation(noise)))
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
        greatest.map_or_else(|| "-".into(), around)
    }

    /// The verdict, and of no difference the change that would have been seen.
    pub fn verdict_with_reach(&self) -> String {
        match (self.verdict, self.detectable) {
            (Verdict::NoDifference, Some(change)) if change > MOST => {
                let least = times(MOST);
                format!("{}, only one above {least} would be seen", self.verdict)
            }
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

/// A fraction in percent to both sides, as `±1.8 %`.
pub fn around(fraction: f64) -> String {
    format!("{} %", plus_minus(fraction))
}

/// A fraction in percent to both sides without the sign.
fn plus_minus(fraction: f64) -> String {
    if fraction > MOST {
        format!(">±{}", number(MOST))
    } else {
        format!("±{}", number(fraction))
    }
}

/// A change as a multiple, as `11×`.
fn times(fraction: f64) -> String {
    format!("{}×", 1.0 + fraction)
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

/// A fraction in percent with its sign; one that is rounded to nothing has none, and nothing is rounded to the loss of all.
fn signed(fraction: f64, decimals: usize) -> String {
    if fraction > MOST {
        return format!(">+{}", number(MOST));
    }
    let text = format!("{:+.decimals$}", fraction * 100.0);
    if text.starts_with("-100") {
        let least = 0.1_f64.powi(i32::try_from(decimals).unwrap_or(0));
        return format!("<{:.decimals$}", least - 100.0);
    }
    let nothing = text.trim_start_matches(['+', '-']);
    if nothing.chars().all(|c| "0.".contains(c)) {
        nothing.to_owned()
    } else {
        text
    }
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
        assert_eq!(change(10.0, Some([8.0, 11.0])), "+900 % [+700, +1000]");
        assert_eq!(change(1.0, Some([0.9, 1.1])), "0.0 % [-10.0, +10.0]");
    }

    #[test]
    fn a_change_that_says_nothing_is_not_written_out() {
        let change = |ratio, interval| {
            Row {
                interval,
                ..row("s", 1.0, ratio)
            }
            .change()
        };
        assert_eq!(change(12.0, Some([8.0, 1e6])), ">+1000 % [+700, >+1000]");
        assert_eq!(change(1.031, Some([0.03, 1e6])), "+3 % [-97, >+1000]");
        assert_eq!(change(1.031, Some([1e-6, 1e6])), "+3 % [<-99, >+1000]");
        assert_eq!(change(0.5, Some([1e-6, 1.5])), "-50.0 % [<-99.9, +50.0]");
        assert_eq!(change(1e9, None), ">+1000 %");
        let noisy = Row {
            baseline_noise: Some([0.9, 1e9]),
            candidate_noise: Some([0.9, 1.1]),
            ..row("s", 1.0, 1.0)
        };
        assert_eq!(noisy.noise(), ">±1000 %");
        assert_eq!(noisy.noise_of_both(), ">±1000 / ±10.0 %");
    }

    #[test]
    fn a_reach_that_says_nothing_is_not_written_out() {
        let seen = |changes: &[f64]| {
            let rows = changes.iter().map(|change| Row {
                detectable: Some(*change),
                verdict: Verdict::NoDifference,
                ..row("s", 1.0, 1.0)
            });
            let comparison = super::super::tests::comparison(rows.collect());
            comparison.would_have_been_seen().unwrap()
        };
        let none = "no change below 11× would have been seen";
        assert_eq!(seen(&[1e9, 20.0]), none);
        assert_eq!(seen(&[0.1, 20.0]), format!("{none} in half of them"));
        assert_eq!(
            seen(&[0.1, 0.2, 20.0]),
            "≥ 20.0 % would have been seen in half of them, nothing below 11× in all"
        );
        assert_eq!(seen(&[0.01, 0.018]), "≥ 1.8 % would have been seen");
        let blind = Row {
            detectable: Some(1e9),
            verdict: Verdict::NoDifference,
            ..row("s", 1.0, 1.0)
        };
        assert_eq!(
            blind.verdict_with_reach(),
            "no difference, only one above 11× would be seen"
        );
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
