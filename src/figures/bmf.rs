//! Bencher Metric Format, v0 and v1.

use std::collections::BTreeMap;

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;
use super::{Direction, Position};

/// The bounds of a value, which are no figures.
const BOUNDS: [&str; 2] = ["lower_value", "upper_value"];

/// Reads every measure of each benchmark.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let benchmarks = root.entries();
    let newer = benchmarks.iter().filter(|(_, node)| node.value.is_array());
    let newer = newer.count();
    if newer > 0 && newer < benchmarks.len() {
        let reason = "the forms v0 and v1 are mixed, which Bencher does not take";
        sheet.refuse(root.position(), reason);
        return;
    }
    for (name, benchmark) in benchmarks {
        if newer > 0 {
            read_v1(name, &benchmark, sheet);
            continue;
        }
        for (measure, node) in benchmark.entries() {
            if let Some(value) = node.first_number(&["value"], sheet) {
                let name = format!("{name} {measure}");
                sheet.enter(&node.position(), &name, &unit(measure), &[value]);
            }
        }
    }
}

fn read_v1(name: &str, benchmark: &Node<'_>, sheet: &mut Sheet) {
    // Equal parameters are one thing, and the later value is the one that counts.
    let mut last: BTreeMap<String, (Position, Unit, f64)> = BTreeMap::new();
    for item in benchmark.items() {
        let parameters = item.parameters("parameters");
        let name = if parameters.is_empty() {
            name.to_owned()
        } else {
            format!("{name} ({parameters})")
        };
        let Some(measures) = item.get("measures") else {
            sheet.refuse(item.position(), "`measures` is missing");
            continue;
        };
        for (measure, metrics) in measures.entries() {
            for (metric, node) in metrics.entries() {
                if BOUNDS.contains(&metric) {
                    continue;
                }
                let name = if metric == "value" {
                    format!("{name} {measure}")
                } else {
                    format!("{name} {measure} {metric}")
                };
                if let Some(value) = node.number(sheet) {
                    last.insert(name, (node.position(), unit(measure), value));
                }
            }
        }
    }
    for (name, (position, unit, value)) in last {
        sheet.enter(&position, &name, &unit, &[value]);
    }
}

/// The units of Bencher's own measures.
fn unit(measure: &str) -> Unit {
    match measure {
        "latency" => Unit::nanoseconds(),
        "throughput" => Unit::rate("ops/s"),
        "build-time" => Unit::seconds(),
        "file-size" => Unit::plain("B").with_better(Direction::Less),
        _ => Unit::plain(""),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn the_first_form_has_a_value_a_measure() {
        let text = r#"{"sort": {"latency": {"value": 2500.0, "lower_value": 1.0}, "throughput": {"value": 7}}, "hash": {"score": {"value": 0.5}}}"#;
        assert_eq!(
            summary(read("bmf.json", text)),
            [
                "hash score [] 0.5",
                "sort latency [s, less] 0.0000025",
                "sort throughput [ops/s, more] 7"
            ]
        );
    }

    #[test]
    fn the_second_form_has_parameters_and_the_later_value_counts() {
        let text = r#"{"sort": [
            {"parameters": {"n": 10, "kind": "a"}, "measures": {"latency": {"value": 1e9, "p99": 3e9, "upper_value": 9e9}}},
            {"parameters": {"kind": "a", "n": 10}, "measures": {"latency": {"value": 2e9}}},
            {"measures": {"score": {"value": 1}}}
        ]}"#;
        assert_eq!(
            summary(read("bmf.json", text)),
            [
                "sort (kind=a, n=10) latency [s, less] 2",
                "sort (kind=a, n=10) latency p99 [s, less] 3",
                "sort score [] 1",
            ]
        );
    }

    /// In the shapes of Bencher's documentation: `bencher mock` has bounds, DHAT has measures of its own and zeros, and a
    /// benchmark may be named by its UUID.
    #[test]
    fn what_bencher_documents_is_read() {
        let text = r#"{
            "bencher::mock_0": {"latency": {"value": 7.5, "lower_value": 6.75, "upper_value": 8.25}},
            "5f2b1c0e-8d3a-4d43-9a43-0d7f3c1f2a11": {"latency": {"value": 2e3, "lower_value": null, "upper_value": null}},
            "play_game": {"Final Bytes": {"value": 0}, "Total Bytes": {"value": 512}}
        }"#;
        assert_eq!(
            summary(read("bmf.json", text)),
            [
                "5f2b1c0e-8d3a-4d43-9a43-0d7f3c1f2a11 latency [s, less] 0.000002",
                "bencher::mock_0 latency [s, less] 0.0000000075",
                "play_game Final Bytes [] 0",
                "play_game Total Bytes [] 512",
            ]
        );
    }

    #[test]
    fn both_forms_in_one_file_are_a_flaw() {
        let text = r#"{"a": {"x": {"value": 1}}, "b": [{"measures": {"x": {"value": 1}}}]}"#;
        assert_eq!(
            flaws(read("bmf.json", text)),
            ["bmf.json: $: the forms v0 and v1 are mixed, which Bencher does not take"]
        );
    }
}
