//! Formats: their names in a config, and what they are recognised by.

use std::fmt;

use serde_json::Value;

use super::{criterion, csv, json, lines};

/// A format of files with figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Bencher Metric Format, v0 and v1.
    Bmf,
    /// The directories of Criterion.
    Criterion,
    /// Columns for name, value and unit.
    Csv,
    /// fio's JSON.
    Fio,
    /// The JSON that github-action-benchmark takes.
    GithubActionBenchmark,
    /// The text of `go test -bench`.
    Go,
    /// Google Benchmark's JSON.
    GoogleBenchmark,
    /// hyperfine's JSON.
    Hyperfine,
    /// JMH's JSON.
    Jmh,
    /// Any JSON, with a path to the values.
    Json,
    /// The summary of k6.
    K6,
    /// Lines `name: value unit`.
    Lines,
    /// oha's JSON.
    Oha,
    /// `OpenMetrics`, and what Prometheus reads.
    OpenMetrics,
    /// pytest-benchmark's JSON.
    PytestBenchmark,
    /// sysbench's text.
    Sysbench,
    /// wrk's text.
    Wrk,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 17] = [
        Self::Bmf,
        Self::Criterion,
        Self::Csv,
        Self::Fio,
        Self::GithubActionBenchmark,
        Self::Go,
        Self::GoogleBenchmark,
        Self::Hyperfine,
        Self::Jmh,
        Self::Json,
        Self::K6,
        Self::Lines,
        Self::Oha,
        Self::OpenMetrics,
        Self::PytestBenchmark,
        Self::Sysbench,
        Self::Wrk,
    ];

    /// The names of all formats, in the same order.
    pub const NAMES: [&'static str; 17] = [
        "bmf",
        "criterion",
        "csv",
        "fio",
        "github-action-benchmark",
        "go",
        "google-benchmark",
        "hyperfine",
        "jmh",
        "json",
        "k6",
        "lines",
        "oha",
        "openmetrics",
        "pytest-benchmark",
        "sysbench",
        "wrk",
    ];

    /// The name in a config.
    pub fn name(self) -> &'static str {
        let mut pairs = Self::ALL.into_iter().zip(Self::NAMES);
        pairs
            .find(|(format, _)| *format == self)
            .map_or("", |(_, name)| name)
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut pairs = Self::ALL.into_iter().zip(Self::NAMES);
        let found = pairs.find(|(_, known)| *known == name);
        found.map(|(format, _)| format)
    }

    /// The format of a file, where its content is clear.
    pub fn recognise(name: &str, content: &str) -> Option<Self> {
        if criterion::is_part(name, content) {
            return Some(Self::Criterion);
        }
        match json::parse(content) {
            Some(json) => Self::of_json(&json.ok()?),
            None => Self::of_text(content),
        }
    }

    /// The format of a JSON document.
    pub(super) fn of_json(root: &Value) -> Option<Self> {
        let has = |key: &str| root.get(key).is_some();
        let first = |key: &str| root.get(key).and_then(|list| list.get(0));
        if let Some(items) = root.as_array() {
            let item = items.first()?;
            let has = |key: &str| item.get(key).is_some();
            return if has("benchmark") && has("primaryMetric") {
                Some(Self::Jmh)
            } else if has("name") && has("unit") && has("value") {
                Some(Self::GithubActionBenchmark)
            } else {
                None
            };
        }
        if has("fio version") && has("jobs") {
            return Some(Self::Fio);
        }
        if first("results").is_some_and(|result| result.get("command").is_some()) {
            return Some(Self::Hyperfine);
        }
        if has("benchmarks") && has("machine_info") {
            return Some(Self::PytestBenchmark);
        }
        if has("benchmarks") && has("context") {
            return Some(Self::GoogleBenchmark);
        }
        let requests = |summary: &Value| summary.get("requestsPerSec").is_some();
        if root.get("summary").is_some_and(requests) {
            return Some(Self::Oha);
        }
        let results = root.get("results").unwrap_or(root);
        if results.get("metrics").is_some_and(is_k6) {
            return Some(Self::K6);
        }
        let benchmarks = root.as_object().filter(|map| !map.is_empty())?;
        let bmf = benchmarks.values().all(is_bmf);
        bmf.then_some(Self::Bmf)
    }

    /// The format of a text that is no JSON.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let has_line = |what: &dyn Fn(&str) -> bool| text.lines().any(what);
        if has_line(&|line| line.starts_with("Requests/sec:"))
            && has_line(&|line| line.starts_with("Running "))
        {
            return Some(Self::Wrk);
        }
        if has_line(&|line| line.starts_with("sysbench ") && line.contains("(using ")) {
            return Some(Self::Sysbench);
        }
        if has_line(&super::go::is_result) {
            return Some(Self::Go);
        }
        if has_line(&|line| line.starts_with("# TYPE ") || line == "# EOF") {
            return Some(Self::OpenMetrics);
        }
        if csv::is_table(text) {
            return Some(Self::Csv);
        }
        lines::fits(text).then_some(Self::Lines)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether these are the metrics of a k6 summary: a map of them in the classic form, a list in the newer one.
fn is_k6(metrics: &Value) -> bool {
    let builtin =
        |name: &str| ["iterations", "vus", "data_sent", "iteration_duration"].contains(&name);
    match metrics {
        Value::Array(items) => items.first().is_some_and(|metric| {
            metric.get("name").is_some()
                && metric.get("type").is_some()
                && metric.get("values").is_some()
        }),
        Value::Object(map) => map.keys().any(|name| builtin(name)),
        _ => false,
    }
}

/// Whether this is what Bencher has of a benchmark: numbers only, but for parameters. A unit beside a value is of something
/// else, of which a time may be in other units than Bencher's.
fn is_bmf(benchmark: &Value) -> bool {
    let are_all = |map: &Value, is: &dyn Fn(&Value) -> bool| {
        let map = map.as_object().filter(|map| !map.is_empty());
        map.is_some_and(|map| map.values().all(is))
    };
    let is_number = |value: &Value| value.is_number() || value.is_null();
    let is_measure = |measure: &Value| are_all(measure, &is_number);
    match benchmark {
        Value::Array(items) => {
            let are_measures = |item: &Value| {
                let measures = item.get("measures");
                measures.is_some_and(|measures| are_all(measures, &is_measure))
            };
            !items.is_empty() && items.iter().all(are_measures)
        }
        _ => are_all(benchmark, &|measure| {
            measure.get("value").is_some_and(Value::is_number) && is_measure(measure)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_beside_a_value_is_not_of_bencher() {
        for (text, is_bmf) in [
            (
                r#"{"a": {"latency": {"value": 1, "lower_value": null}}}"#,
                true,
            ),
            (r#"{"a": {"latency": {"value": 1, "unit": "ms"}}}"#, false),
            (r#"{"a": {"latency": {"value": "1"}}}"#, false),
            (r#"{"a": {"latency": {"value": 1}}, "version": "2"}"#, false),
            (
                r#"{"a": [{"parameters": {"n": "x"}, "measures": {"latency": {"value": 1}}}]}"#,
                true,
            ),
            (
                r#"{"a": [{"measures": {"latency": {"value": 1, "unit": "ms"}}}]}"#,
                false,
            ),
            (r#"{"a": [{"measures": {"latency": "1 ms"}}]}"#, false),
        ] {
            let found = Format::recognise("x.json", text);
            assert_eq!(found == Some(Format::Bmf), is_bmf, "{text}");
        }
    }

    #[test]
    fn names_and_formats_are_pairs() {
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
        assert_eq!(Format::named("excel"), None);
        assert_eq!(
            Format::GithubActionBenchmark.name(),
            "github-action-benchmark"
        );
        assert_eq!(Format::Wrk.to_string(), "wrk");
    }
}
