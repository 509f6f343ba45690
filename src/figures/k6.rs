//! k6: what `handleSummary` gets, `--summary-export`, and the newer machine-readable summary.

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// Metrics about the load itself, or parts of a duration that has a figure.
const LEFT_OUT: [&str; 14] = [
    "checks",
    "data_received",
    "data_sent",
    "dropped_iterations",
    "group_duration",
    "http_req_blocked",
    "http_req_connecting",
    "http_req_failed",
    "http_req_receiving",
    "http_req_sending",
    "http_req_tls_handshaking",
    "http_req_waiting",
    "vus",
    "vus_max",
];

/// The statistics of a trend that are figures besides percentiles.
const MIDDLES: [&str; 2] = ["avg", "med"];

/// A metric in any shape.
struct Metric<'a> {
    name: &'a str,
    node: Node<'a>,
    /// The node with the numbers.
    values: Node<'a>,
}

impl Metric<'_> {
    /// The name without tags: `http_reqs` of `http_reqs{status:200}`.
    fn base(&self) -> &str {
        self.name.split('{').next().unwrap_or_default()
    }

    /// The first of these numbers that is there, else zero.
    fn first(&self, keys: &[&str]) -> f64 {
        let first = keys.iter().find_map(|key| self.values.get(key));
        first.and_then(|node| node.value.as_f64()).unwrap_or(0.0)
    }

    /// The share of the events of a rate that were of its kind.
    fn share(&self) -> f64 {
        self.first(&["rate", "value"])
    }
}

/// Reads times and rates of the metrics; nothing about requests where some of them failed.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let results = root.get("results");
    let metrics = results.as_ref().unwrap_or(root).get("metrics");
    let Some(metrics) = metrics else {
        sheet.refuse(root.position(), "`metrics` is missing");
        return;
    };
    let metrics = entries(&metrics);
    // The newer summary has what came of checks elsewhere, and counters without their rate.
    let checks = results.and_then(|results| results.get("checks")?.get("metrics"));
    let checks = checks.map(|checks| entries(&checks)).unwrap_or_default();
    let seconds = root.get("config").and_then(|config| config.get("duration"));
    let seconds = seconds.and_then(|node| node.value.as_f64());
    let failed = failures(&metrics, &checks, sheet);
    for metric in &metrics {
        let about_success = metric.name.contains("expected_response:true");
        let affected = ["http_req", "iteration"]
            .iter()
            .any(|start| metric.name.starts_with(start));
        if LEFT_OUT.contains(&metric.base()) || (failed && affected && !about_success) {
            continue;
        }
        read_metric(metric, seconds, sheet);
    }
}

fn entries<'a>(metrics: &Node<'a>) -> Vec<Metric<'a>> {
    let of = |name: &'a str, node: Node<'a>| {
        let values = node.get("values").unwrap_or_else(|| node.clone());
        Metric { name, node, values }
    };
    if metrics.value.is_array() {
        let items = metrics.items().into_iter();
        return items
            .filter_map(|node| Some(of(node.text("name")?, node)))
            .collect();
    }
    let entries = metrics.entries().into_iter();
    entries.map(|(name, node)| of(name, node)).collect()
}

/// Whether requests or checks failed, which is a flaw.
fn failures(metrics: &[Metric<'_>], checks: &[Metric<'_>], sheet: &mut Sheet) -> bool {
    let named = |name: &str| {
        let mut all = metrics.iter().chain(checks);
        all.find(|metric| metric.name == name)
    };
    let mut failed = false;
    let mut refuse = |metric: &Metric<'_>, what: &str| {
        let reason = format!("{what} failed, so figures about all requests are left out");
        sheet.refuse(metric.node.position(), reason);
        failed = true;
    };
    if let Some(metric) = named("http_req_failed")
        && metric.share() > 0.0
    {
        refuse(metric, "requests");
    }
    if let Some(metric) = named("checks") {
        let missed =
            metric.first(&["fails"]) > 0.0 || metric.first(&["matches"]) < metric.first(&["total"]);
        if missed {
            refuse(metric, "checks");
        }
    }
    if let Some(metric) = named("checks_failed")
        && metric.first(&["matches", "rate"]) > 0.0
    {
        refuse(metric, "checks");
    }
    failed
}

/// Reads a metric of a test that took so many seconds, where that is known.
fn read_metric(metric: &Metric<'_>, seconds: Option<f64>, sheet: &mut Sheet) {
    let Metric { name, node, values } = metric;
    let is_duration = name.contains("duration");
    let is_time = match node.text("contains") {
        Some(contains) => contains == "time",
        None => is_duration,
    };
    let has = |key: &str| values.get(key).is_some();
    if has("avg") || has("med") {
        if is_time && has("max") && metric.first(&["max"]) <= 0.0 {
            // Of a trend without a sample, k6 writes zeros.
            return;
        }
        let unit = if is_time {
            Unit::milliseconds()
        } else {
            Unit::plain("")
        };
        for (key, node) in values.entries() {
            if (MIDDLES.contains(&key) || key.starts_with("p("))
                && let Some(value) = node.number(sheet)
            {
                sheet.enter(&node.position(), &format!("{name} {key}"), &unit, &[value]);
            }
        }
    } else if let Some(count) = values.get("count") {
        let rate = match (values.get("rate"), seconds) {
            (Some(rate), _) => rate.number(sheet),
            (None, Some(seconds)) if seconds > 0.0 => {
                count.number(sheet).map(|count| count / seconds)
            }
            (None, _) => None,
        };
        if let Some(rate) = rate {
            sheet.enter(&values.position(), name, &Unit::rate("/s"), &[rate]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    const TREND: &str =
        r#""avg": 2.0, "min": 1.0, "med": 1.5, "max": 9.0, "p(90)": 3.0, "p(95)": 4.0"#;

    fn classic(failed: &str) -> String {
        format!(
            r#"{{"root_group": {{}}, "metrics": {{
            "http_req_duration": {{"type": "trend", "contains": "time", "values": {{{TREND}}}}},
            "http_req_duration{{expected_response:true}}": {{"type": "trend", "contains": "time", "values": {{{TREND}}}}},
            "http_req_waiting": {{"type": "trend", "contains": "time", "values": {{{TREND}}}}},
            "http_reqs": {{"type": "counter", "contains": "default", "values": {{"count": 100, "rate": 12.5}}}},
            "http_req_failed": {{"type": "rate", "contains": "default", "values": {{"rate": {failed}, "passes": 0, "fails": 100}}}},
            "sizes": {{"type": "trend", "contains": "default", "values": {{"avg": 7.0}}}},
            "vus": {{"type": "gauge", "values": {{"value": 1}}}}
            }}}}"#
        )
    }

    #[test]
    fn the_classic_summary_has_times_in_milliseconds() {
        let read = summary(read("k6.json", &classic("0")));
        assert_eq!(
            read[..5],
            [
                "http_req_duration avg [s, less] 0.002",
                "http_req_duration med [s, less] 0.0015",
                "http_req_duration p(90) [s, less] 0.003",
                "http_req_duration p(95) [s, less] 0.004",
                "http_req_duration{expected_response:true} avg [s, less] 0.002",
            ]
        );
        assert_eq!(read[8..], ["http_reqs [/s, more] 12.5", "sizes avg [] 7"]);
    }

    #[test]
    fn the_flat_and_the_newer_shape_are_read_too() {
        let flat = format!(
            r#"{{"metrics": {{"iteration_duration": {{{TREND}}}, "iterations": {{"count": 3, "rate": 1.5}}, "vus": {{"value": 1}}}}}}"#
        );
        assert_eq!(summary(read("k6.json", &flat)).len(), 5);
        let newer = format!(
            r#"{{"results": {{"metrics": [
            {{"name": "http_req_duration", "type": "trend", "contains": "time", "values": {{{TREND}}}}},
            {{"name": "http_reqs", "type": "counter", "contains": "default", "values": {{"count": 3}}}},
            {{"name": "checks", "type": "rate", "contains": "default", "values": {{"matches": 3, "total": 3, "rate": 1}}}}
            ]}}}}"#
        );
        assert_eq!(
            summary(read("k6.json", &newer)).len(),
            4,
            "a count without a rate says nothing"
        );
    }

    fn machine_readable(failed: u32) -> String {
        format!(
            r#"{{"config": {{"duration": 8.0, "execution": "local", "script": "x.js"}},
            "metadata": {{"generatedAt": "2026-01-01T00:00:00Z", "k6Version": "1.5.0"}},
            "results": {{
              "checks": {{
                "metrics": [
                  {{"name": "checks_total", "type": "counter", "contains": "default", "values": {{"count": 40}}}},
                  {{"name": "checks_failed", "type": "rate", "contains": "default", "values": {{"matches": {failed}, "rate": 0.025, "total": 40}}}},
                  {{"name": "checks_succeeded", "type": "rate", "contains": "default", "values": {{"matches": 39, "rate": 0.975, "total": 40}}}}
                ],
                "results": [{{"name": "is 200", "passes": 39, "fails": {failed}}}]
              }},
              "metrics": [
                {{"name": "http_req_duration", "type": "trend", "contains": "time", "values": {{"avg": 2.0, "max": 9.0}}}},
                {{"name": "http_req_duration{{expected_response:true}}", "type": "trend", "contains": "time", "values": {{"avg": 1.0, "max": 9.0}}}},
                {{"name": "http_req_failed", "type": "rate", "contains": "default", "values": {{"matches": 0, "rate": 0, "total": 40}}}},
                {{"name": "http_reqs", "type": "counter", "contains": "default", "values": {{"count": 100}}}},
                {{"name": "orders", "type": "counter", "contains": "default", "values": {{"count": 4}}}},
                {{"name": "vus", "type": "gauge", "contains": "default", "values": {{"max": 1, "min": 1, "value": 1}}}}
              ]
            }}, "version": "1.0.0"}}"#
        )
    }

    #[test]
    fn a_count_of_the_machine_readable_summary_is_a_rate_over_the_test() {
        assert_eq!(
            summary(read("k6.json", &machine_readable(0))),
            [
                "http_req_duration avg [s, less] 0.002",
                "http_req_duration{expected_response:true} avg [s, less] 0.001",
                "http_reqs [/s, more] 12.5",
                "orders [/s, more] 0.5",
            ]
        );
    }

    #[test]
    fn checks_that_failed_are_found_in_the_machine_readable_summary() {
        let (readings, found) = read("k6.json", &machine_readable(1));
        assert_eq!(
            flaws((readings.clone(), found)),
            [
                "k6.json: $.results.checks.metrics[1]: checks failed, so figures about all requests are left out"
            ]
        );
        assert_eq!(
            summary((readings, Vec::new())),
            [
                "http_req_duration{expected_response:true} avg [s, less] 0.001",
                "orders [/s, more] 0.5",
            ]
        );
    }

    #[test]
    fn a_trend_without_a_sample_is_no_figure() {
        let zeros = r#""avg": 0, "min": 0, "med": 0, "max": 0, "p(90)": 0, "p(95)": 0"#;
        let text = classic("1").replace(TREND, zeros);
        let (readings, _) = read("k6.json", &text);
        assert_eq!(summary((readings, Vec::new())), ["sizes avg [] 7"]);
    }

    #[test]
    fn where_requests_failed_only_those_that_did_not_are_read() {
        let (readings, found) = read("k6.json", &classic("0.01"));
        assert_eq!(
            flaws((readings.clone(), found)),
            [
                "k6.json: $.metrics.http_req_failed: requests failed, so figures about all requests are left out"
            ]
        );
        let names: Vec<&str> = readings
            .iter()
            .map(|reading| reading.name.as_str())
            .collect();
        assert_eq!(names.len(), 5);
        assert!(
            names[..4]
                .iter()
                .all(|name| name.contains("expected_response:true"))
        );
        assert_eq!(names[4], "sizes avg");
    }
}
