//! Google Benchmark: `--benchmark_out` or `--benchmark_format=json`.

use std::collections::BTreeSet;

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// The fields of a row besides its counters.
const FIELDS: [&str; 17] = [
    "aggregate_name",
    "aggregate_unit",
    "cpu_time",
    "error_message",
    "error_occurred",
    "family_index",
    "iterations",
    "label",
    "name",
    "per_family_instance_index",
    "real_time",
    "repetition_index",
    "repetitions",
    "run_name",
    "run_type",
    "threads",
    "time_unit",
];

/// Reads the real time of each benchmark, and its counters.
///
/// A repetition is a value. Aggregates are left out; where nothing else was written, the median is the value.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let rows = root.needed_items("benchmarks", sheet);
    let iterations = rows.iter().filter(|row| aggregate(row).is_none());
    let repeated: BTreeSet<&str> = iterations.filter_map(name).collect();
    for row in &rows {
        let counts = match aggregate(row) {
            None => true,
            Some(kind) => {
                kind == "median" && name(row).is_some_and(|name| !repeated.contains(name))
            }
        };
        if counts {
            read_row(row, sheet);
        }
    }
}

/// The name of the benchmark, without the kind of an aggregate.
fn name<'a>(row: &Node<'a>) -> Option<&'a str> {
    let run_name = row.text("run_name");
    run_name.or_else(|| {
        let name = row.text("name")?;
        let kind = aggregate(row).and_then(|kind| name.strip_suffix(kind)?.strip_suffix('_'));
        Some(kind.unwrap_or(name))
    })
}

/// The kind of an aggregate; `None` for what was measured.
fn aggregate<'a>(row: &Node<'a>) -> Option<&'a str> {
    let kind = row.text("aggregate_name");
    kind.or_else(|| (row.text("run_type") == Some("aggregate")).then_some(""))
        .or_else(|| {
            // Before there was a `run_type`.
            let (_, ending) = row.text("name")?.rsplit_once('_')?;
            let known = ["mean", "median", "stddev", "cv", "BigO", "RMS"].contains(&ending);
            (known && row.get("run_type").is_none()).then_some(ending)
        })
}

fn read_row(row: &Node<'_>, sheet: &mut Sheet) {
    let Some(name) = name(row) else {
        sheet.refuse(row.position(), "`name` is missing, or no text");
        return;
    };
    let is_set = |key: &str| {
        row.get(key)
            .is_some_and(|node| node.value.as_bool() == Some(true))
    };
    if is_set("error_occurred") || is_set("skipped") {
        let message = row
            .text("error_message")
            .or_else(|| row.text("skip_message"));
        let message = message.unwrap_or("no reason is given");
        sheet.refuse(
            row.position(),
            format!("`{name}` was not measured: {message}"),
        );
        return;
    }
    let unit = Unit::parse(row.text("time_unit").unwrap_or("ns"));
    if !unit.is_time() {
        let reason = format!("`{}` is no unit of time", unit.name);
        sheet.refuse(row.position(), reason);
        return;
    }
    if let Some(time) = row.first_number(&["real_time"], sheet) {
        sheet.enter(&row.position(), name, &unit, &[time]);
    }
    for (counter, node) in row.entries() {
        if FIELDS.contains(&counter) || !(node.value.is_number() || node.value.is_string()) {
            continue;
        }
        let unit = match counter.strip_suffix("_per_second") {
            Some("bytes") => Unit::rate("B/s"),
            Some(_) => Unit::rate("/s"),
            None => Unit::plain(""),
        };
        if let Some(value) = node.number(sheet) {
            sheet.enter(
                &node.position(),
                &format!("{name} {counter}"),
                &unit,
                &[value],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn repetitions_are_values_and_aggregates_are_not() {
        let text = r#"{"context": {}, "benchmarks": [
            {"name": "A/8", "run_name": "A/8", "run_type": "iteration", "real_time": 2e3, "cpu_time": 1, "time_unit": "us", "bytes_per_second": 7.5},
            {"name": "A/8", "run_name": "A/8", "run_type": "iteration", "real_time": 4e3, "cpu_time": 1, "time_unit": "us", "bytes_per_second": 8.5},
            {"name": "A/8_mean", "run_name": "A/8", "run_type": "aggregate", "aggregate_name": "mean", "real_time": 3e3, "time_unit": "us"},
            {"name": "A/8_median", "run_name": "A/8", "run_type": "aggregate", "aggregate_name": "median", "real_time": 3e3, "time_unit": "us"},
            {"name": "A_BigO", "run_name": "A", "run_type": "aggregate", "aggregate_name": "BigO", "cpu_coefficient": 1.0, "real_coefficient": 2.0, "big_o": "N", "time_unit": "ns"}
        ]}"#;
        assert_eq!(
            summary(read("g.json", text)),
            [
                "A/8 [s, less] 0.002 0.004",
                "A/8 bytes_per_second [B/s, more] 7.5 8.5"
            ]
        );
    }

    #[test]
    fn where_there_are_aggregates_only_the_median_is_the_value() {
        let text = r#"{"context": {}, "benchmarks": [
            {"name": "A_mean", "run_name": "A", "run_type": "aggregate", "aggregate_name": "mean", "real_time": 3, "time_unit": "s"},
            {"name": "A_median", "run_name": "A", "run_type": "aggregate", "aggregate_name": "median", "real_time": 4, "time_unit": "s"},
            {"name": "A_stddev", "run_name": "A", "run_type": "aggregate", "aggregate_name": "stddev", "real_time": 5, "time_unit": "s"}
        ]}"#;
        assert_eq!(summary(read("g.json", text)), ["A [s, less] 4"]);
    }

    #[test]
    fn aggregates_are_known_by_their_names_where_there_is_no_type() {
        let repeated = r#"{"name": "A", "real_time": 2, "time_unit": "s"}, {"name": "A", "real_time": 4, "time_unit": "s"},"#;
        let aggregates = r#"{"name": "A_mean", "real_time": 3, "time_unit": "s"}, {"name": "A_median", "real_time": 3, "time_unit": "s"},
            {"name": "A_stddev", "real_time": 1, "time_unit": "s"}, {"name": "A_cv", "real_time": 0.3, "time_unit": "s"}"#;
        let of = |rows: &str| {
            let text = format!(r#"{{"context": {{}}, "benchmarks": [{rows}]}}"#);
            summary(read("g.json", &text))
        };
        assert_eq!(of(&format!("{repeated}{aggregates}")), ["A [s, less] 2 4"]);
        assert_eq!(of(aggregates), ["A [s, less] 3"]);
    }

    #[test]
    fn errors_and_bare_words_are_flaws() {
        let text = "{\"context\": {}, \"benchmarks\": [
            {\"name\": \"A\", \"run_type\": \"iteration\", \"real_time\": 0.0, \"time_unit\": \"ns\", \"error_occurred\": true, \"error_message\": \"no device\"},
            {\"name\": \"B\", \"run_type\": \"iteration\", \"real_time\": NaN, \"time_unit\": \"ns\"},
            {\"name\": \"C\", \"run_type\": \"iteration\", \"real_time\": 1.5, \"time_unit\": \"s\", \"lost\": -Infinity, \"label\": \"x\"}
        ]}";
        let (readings, _) = read("g.json", text);
        assert_eq!(summary((readings, Vec::new())), ["C [s, less] 1.5"]);
        assert_eq!(
            flaws(read("g.json", text)),
            [
                "g.json: $.benchmarks[0]: `A` was not measured: no device",
                "g.json: $.benchmarks[1].real_time: is not a finite number",
                "g.json: $.benchmarks[2].lost: is not a finite number",
            ]
        );
    }
}
