//! oha: `--output-format json`, or `--json` in older versions.

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// The percentiles that are figures.
const PERCENTILES: [&str; 3] = ["p50", "p90", "p99"];

/// The error of requests that oha ends itself when the time is over.
const DEADLINE: &str = "aborted due to deadline";

/// Reads requests a second and latencies; nothing where responses are not what they should be.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let Some(summary) = root.get("summary") else {
        sheet.refuse(root.position(), "`summary` is missing");
        return;
    };
    let mut failures = Vec::new();
    if let Some(errors) = root.get("errorDistribution") {
        let entries = errors.entries().into_iter();
        failures.extend(entries.filter(|(error, _)| *error != DEADLINE));
    }
    if let Some(statuses) = root.get("statusCodeDistribution") {
        let entries = statuses.entries().into_iter();
        failures.extend(entries.filter(|(status, _)| !status.starts_with(['2', '3'])));
    }
    if let Some((what, node)) = failures.first() {
        let reason = format!(
            "{} requests ended with `{what}`, so the file is left out",
            node.value
        );
        sheet.refuse(node.position(), reason);
        return;
    }
    let rate = summary.first_number(&["requestsPerSec"], sheet);
    if rate == Some(0.0) {
        let reason = "no request was answered, so the file is left out";
        sheet.refuse(summary.position(), reason);
        return;
    }
    if let Some(rate) = rate {
        sheet.enter(&summary.position(), "requests", &Unit::rate("/s"), &[rate]);
    }
    if let Some(average) = summary.first_number(&["average"], sheet) {
        sheet.enter(&summary.position(), "latency", &Unit::seconds(), &[average]);
    }
    let Some(percentiles) = root.get("latencyPercentiles") else {
        return;
    };
    let found = if percentiles.value.is_array() {
        listed(&percentiles, sheet)
    } else {
        let of = |name: &str| Some((name.to_owned(), percentiles.get(name)?));
        PERCENTILES.into_iter().filter_map(of).collect()
    };
    for (name, node) in found {
        if let Some(value) = node.number(sheet) {
            let name = format!("latency {name}");
            sheet.enter(&node.position(), &name, &Unit::seconds(), &[value]);
        }
    }
}

/// The percentiles that are figures, of the list that older versions have.
fn listed<'a>(percentiles: &Node<'a>, sheet: &mut Sheet) -> Vec<(String, Node<'a>)> {
    let mut found = Vec::new();
    for item in percentiles.items() {
        let percentile = item.get("percentile").and_then(|node| node.value.as_f64());
        let (Some(percentile), Some(latency)) = (percentile, item.get("latency")) else {
            sheet.refuse(item.position(), "`percentile` or `latency` is missing");
            continue;
        };
        let name = format!("p{percentile}");
        if PERCENTILES.contains(&name.as_str()) {
            found.push((name, latency));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    fn oha(errors: &str, statuses: &str) -> String {
        format!(
            r#"{{"summary": {{"successRate": 1.0, "total": 5.0, "average": 0.25, "requestsPerSec": 400.5}},
            "latencyPercentiles": {{"p10": 0.1, "p50": 0.2, "p90": 0.3, "p99": 0.4, "p99.9": null}},
            "statusCodeDistribution": {{{statuses}}}, "errorDistribution": {{{errors}}}}}"#
        )
    }

    #[test]
    fn a_request_that_the_deadline_ends_is_no_failure() {
        let text = oha(r#""aborted due to deadline": 10"#, r#""200": 2000"#);
        assert_eq!(
            summary(read("oha.json", &text)),
            [
                "requests [/s, more] 400.5",
                "latency [s, less] 0.25",
                "latency p50 [s, less] 0.2",
                "latency p90 [s, less] 0.3",
                "latency p99 [s, less] 0.4",
            ]
        );
    }

    #[test]
    fn percentiles_may_be_a_list() {
        let map = r#"{"p10": 0.1, "p50": 0.2, "p90": 0.3, "p99": 0.4, "p99.9": null}"#;
        let list = r#"[{"percentile": 10.0, "latency": 0.1}, {"percentile": 50, "latency": 0.2}, {"percentile": 99.0, "latency": 0.4}, 0.5]"#;
        let text = oha("", r#""200": 2000"#).replace(map, list);
        let (readings, found) = read("oha.json", &text);
        assert_eq!(
            summary((readings, Vec::new()))[2..],
            ["latency p50 [s, less] 0.2", "latency p99 [s, less] 0.4"]
        );
        assert_eq!(
            flaws((Vec::new(), found)),
            ["oha.json: $.latencyPercentiles[3]: `percentile` or `latency` is missing"]
        );
    }

    #[test]
    fn a_file_without_an_answer_is_left_out() {
        let text = oha("", "").replace("400.5", "0.0").replace("0.25", "null");
        let (readings, found) = read("oha.json", &text);
        assert!(readings.is_empty());
        assert_eq!(
            flaws((readings, found)),
            ["oha.json: $.summary: no request was answered, so the file is left out"]
        );
    }

    #[test]
    fn errors_and_statuses_of_failures_leave_out_the_file() {
        let refused = oha(r#""connection refused": 7"#, r#""200": 1"#);
        let (readings, found) = read("oha.json", &refused);
        assert!(readings.is_empty());
        assert_eq!(
            flaws((readings, found)),
            [
                "oha.json: $.errorDistribution[\"connection refused\"]: 7 requests ended with `connection refused`, so the file is left out"
            ]
        );
        assert!(
            read("oha.json", &oha("", r#""200": 1, "404": 9"#))
                .0
                .is_empty()
        );
    }
}
