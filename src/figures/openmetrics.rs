//! `OpenMetrics`, and the text that Prometheus reads.

use std::collections::BTreeMap;

use super::Position;
use super::sheet::Sheet;
use super::unit::Unit;

/// Units in plain words that stand at the end of a name.
const SUFFIXES: [(&str, &str); 3] = [("_seconds", "s"), ("_bytes", "B"), ("_ratio", "")];

/// The ends of names that are parts of something, or a time of day, where no type says otherwise.
const PARTS: [&str; 8] = [
    "_bucket",
    "_count",
    "_created",
    "_gcount",
    "_gsum",
    "_start_time_seconds",
    "_sum",
    "_timestamp_seconds",
];

/// Reads the samples of gauges, counters and quantiles, each with its labels.
///
/// Buckets, counts, sums, times of day and what describes something are no figures. Several samples of one name are
/// repetitions.
pub(super) fn read(text: &str, sheet: &mut Sheet) {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut units: BTreeMap<&str, &str> = BTreeMap::new();
    let is_whole = text.ends_with('\n') || text.lines().last() == Some("# EOF");
    let count = text.lines().count();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let position = Position::line(index + 1);
        if line == "# EOF" {
            break;
        }
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if let (Some(word), Some(family), Some(what)) =
                (words.next(), words.next(), words.next())
            {
                match word {
                    "TYPE" => _ = types.insert(family, what),
                    "UNIT" => _ = units.insert(family, what),
                    _ => {}
                }
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if index + 1 == count && !is_whole {
            sheet.refuse(position, "the file ends within the line");
            continue;
        }
        let Some(sample) = Sample::parse(line) else {
            sheet.refuse(
                position,
                "the line is no sample: a name, labels and a value are expected",
            );
            continue;
        };
        let family = types.keys().filter(|family| belongs(sample.name, family));
        let family = family.max_by_key(|family| family.len()).copied();
        let kind = family.and_then(|family| types.get(family)).copied();
        let rest = family.and_then(|family| sample.name.strip_prefix(family));
        let is_figure = match kind.unwrap_or("unknown") {
            "gauge" => true,
            "unknown" | "untyped" => !PARTS.iter().any(|part| sample.name.ends_with(part)),
            "counter" => rest != Some("_created"),
            "summary" => rest == Some(""),
            _ => false,
        };
        if !is_figure {
            continue;
        }
        let Ok(value) = sample.value.parse::<f64>() else {
            let reason = format!("`{}` is not a number", sample.value);
            sheet.refuse(position, reason);
            continue;
        };
        let unit = family.and_then(|family| units.get(family)).copied();
        let unit = unit.unwrap_or_else(|| suffix(sample.name));
        let name = format!("{}{}", sample.name, sample.labels);
        sheet.enter(&position, &name, &Unit::parse(unit), &[value]);
    }
}

/// Whether a sample is one of a family: its name is that of the family, and what the type puts behind it.
fn belongs(sample: &str, family: &str) -> bool {
    let rest = sample.strip_prefix(family);
    rest.is_some_and(|rest| {
        [
            "", "_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum",
        ]
        .contains(&rest)
    })
}

/// The unit that the name of a metric ends with.
fn suffix(name: &str) -> &'static str {
    let name = name.trim_end_matches("_total");
    let found = SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix));
    found.map_or("", |(_, unit)| *unit)
}

/// A line with a value.
struct Sample<'a> {
    name: &'a str,
    /// With their braces, as they are written; empty where there are none.
    labels: &'a str,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = if rest.starts_with('{') {
            rest.split_at(end_of_labels(rest)?)
        } else {
            ("", rest)
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let labels = if labels == "{}" { "" } else { labels };
        // Behind the value may stand a time and, behind a `#`, an exemplar.
        let value = rest.split_whitespace().next()?;
        Some(Self {
            name,
            labels,
            value,
        })
    }
}

/// The position behind the brace that closes the labels.
fn end_of_labels(text: &str) -> Option<usize> {
    let mut in_text = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '}' if !in_text => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn gauges_counters_and_quantiles_are_read_with_their_labels() {
        let text = r#"# HELP start How long it takes.
# TYPE start gauge
# UNIT start milliseconds
start{kind="cold",note="a } \" b"} 250 1700000000
start{kind="cold",note="a } \" b"} 350 1700000001
start{kind="warm"} 50
# TYPE read_bytes counter
read_bytes_total 4096
read_bytes_created 1700000000
# TYPE wait_seconds summary
wait_seconds{quantile="0.99"} 0.5
wait_seconds_sum 7
wait_seconds_count 3
# TYPE size histogram
size_bucket{le="1"} 3
size_sum 9
# TYPE build info
build_info{v="1"} 1
# EOF
"#;
        assert_eq!(
            summary(read("m.txt", text)),
            [
                r#"start{kind="cold",note="a } \" b"} [s, less] 0.25 0.35"#,
                r#"start{kind="warm"} [s, less] 0.05"#,
                "read_bytes_total [B] 4096",
                r#"wait_seconds{quantile="0.99"} [s, less] 0.5"#,
            ]
        );
    }

    #[test]
    fn without_a_type_the_name_tells_what_is_no_figure() {
        let text = r#"# HELP wait_seconds How long it waits.
wait_seconds_bucket{le="1"} 3
wait_seconds_sum 7
wait_seconds_count 3
process_start_time_seconds 1.7e9
start_seconds 0.25
# TYPE open_count gauge
open_count 4
# TYPE size untyped
size_sum 9
# EOF
"#;
        assert_eq!(
            summary(read("m.txt", text)),
            ["start_seconds [s, less] 0.25", "open_count [] 4"]
        );
    }

    #[test]
    fn what_is_no_sample_is_a_flaw() {
        let text = "# TYPE a gauge\na NaN\na{x=\"1\" 2\na one\na{x=\"2\"} 12";
        assert_eq!(
            flaws(read("m.txt", text)),
            [
                "m.txt:2:1: `a` has a value that is not a finite number",
                "m.txt:3:1: the line is no sample: a name, labels and a value are expected",
                "m.txt:4:1: `one` is not a number",
                "m.txt:5:1: the file ends within the line",
            ]
        );
    }
}
