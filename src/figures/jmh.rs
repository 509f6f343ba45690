//! JMH: `-rf json`.

use super::Direction;
use super::json::Node;
use super::sheet::{Sheet, distinguish};
use super::unit::Unit;

/// Reads the primary metric of each benchmark: of every iteration of every fork, else the score.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let mut runs = root.items();
    runs.retain(|run| run.needed_text("benchmark", sheet).is_some());
    let names = runs.iter().map(|run| {
        let benchmark = run.text("benchmark").unwrap_or_default();
        let parameters = run.parameters("params");
        let name = if parameters.is_empty() {
            benchmark.to_owned()
        } else {
            format!("{benchmark} ({parameters})")
        };
        let mode = run.text("mode").unwrap_or_default();
        let threads = run.get("threads").map(|threads| threads.value.to_string());
        let threads = threads.unwrap_or_default();
        (name, format!("mode={mode}, threads={threads}"))
    });
    let names = distinguish(names.collect());
    for (run, name) in runs.iter().zip(names) {
        let Some(metric) = run.get("primaryMetric") else {
            sheet.refuse(run.position(), "`primaryMetric` is missing");
            continue;
        };
        let mut unit = Unit::parse(metric.text("scoreUnit").unwrap_or_default());
        if run.text("mode") == Some("thrpt") {
            unit = unit.with_better(Direction::More);
        }
        let values = match metric.get("rawData") {
            Some(forks) => {
                let forks = forks.items();
                let values: Option<Vec<Vec<f64>>> =
                    forks.iter().map(|fork| fork.numbers(sheet)).collect();
                values.map(|forks| forks.concat())
            }
            None => metric
                .first_number(&["score"], sheet)
                .map(|score| vec![score]),
        };
        if let Some(values) = values {
            sheet.enter(&metric.position(), &name, &unit, &values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn iterations_of_all_forks_are_values() {
        let text = r#"[
            {"benchmark": "org.B.sort", "mode": "avgt", "threads": 1, "params": {"size": "10"},
             "primaryMetric": {"score": 2.0, "scoreError": "NaN", "scoreUnit": "ms/op", "rawData": [[1.0, 2.0], [3.0]]}},
            {"benchmark": "org.B.sort", "mode": "avgt", "threads": 1, "params": {"size": "20"},
             "primaryMetric": {"score": 4.0, "scoreUnit": "ms/op", "rawDataHistogram": [[[[4.0, 2]]]]}},
            {"benchmark": "org.B.hash", "mode": "thrpt", "threads": 1, "primaryMetric": {"score": 5.0, "scoreUnit": "ops/us", "rawData": [[5.0]]}},
            {"benchmark": "org.B.hash", "mode": "ss", "threads": 1, "primaryMetric": {"score": 6.0, "scoreUnit": "s/op", "rawData": [[6.0]]}}
        ]"#;
        assert_eq!(
            summary(read("jmh.json", text)),
            [
                "org.B.sort (size=10) [s, less] 0.001 0.002 0.003",
                "org.B.sort (size=20) [s, less] 0.004",
                "org.B.hash (mode=thrpt, threads=1) [ops/us, more] 5",
                "org.B.hash (mode=ss, threads=1) [s, less] 6",
            ]
        );
    }

    #[test]
    fn a_number_that_is_a_text_is_none() {
        let text = r#"[
            {"benchmark": "a", "mode": "sample", "primaryMetric": {"score": "NaN", "scoreUnit": "s/op"}},
            {"benchmark": "b", "mode": "avgt", "primaryMetric": {"score": 1, "scoreUnit": "s/op", "rawData": [[1.0, "+INF"]]}},
            {"benchmark": "c", "mode": "avgt", "primaryMetric": {"score": 1, "scoreUnit": "s/op", "rawData": []}}
        ]"#;
        assert_eq!(
            flaws(read("jmh.json", text)),
            [
                "jmh.json: $[0].primaryMetric.score: is not a finite number",
                "jmh.json: $[1].primaryMetric.rawData[0][1]: is not a finite number",
                "jmh.json: $[2].primaryMetric: `c` has no values",
            ]
        );
    }
}
