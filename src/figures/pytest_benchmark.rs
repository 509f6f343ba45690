//! pytest-benchmark: `--benchmark-json`.

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// Reads the time of each benchmark: of every round where the file has them, else the median.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    for benchmark in root.needed_items("benchmarks", sheet) {
        let name = benchmark
            .text("fullname")
            .or_else(|| benchmark.text("name"));
        let Some(name) = name else {
            sheet.refuse(benchmark.position(), "`fullname` is missing, or no text");
            continue;
        };
        let Some(stats) = benchmark.get("stats") else {
            sheet.refuse(benchmark.position(), "`stats` is missing");
            continue;
        };
        let rounds = stats.get("data").filter(|node| !node.items().is_empty());
        let times = match rounds {
            Some(rounds) => rounds.numbers(sheet),
            None => stats
                .first_number(&["median", "mean"], sheet)
                .map(|time| vec![time]),
        };
        if let Some(times) = times {
            sheet.enter(&stats.position(), name, &Unit::seconds(), &times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn rounds_are_values_where_they_were_saved() {
        let text = r#"{"machine_info": {}, "benchmarks": [
            {"name": "test_sum[10]", "fullname": "t.py::test_sum[10]", "params": {"n": 10}, "stats": {"median": 9.0, "data": [1.0, 2.5], "ops": 4.0}},
            {"name": "test_sum[20]", "fullname": "t.py::test_sum[20]", "params": {"n": 20}, "stats": {"mean": 8.0, "median": 9.0}}
        ]}"#;
        assert_eq!(
            summary(read("p.json", text)),
            [
                "t.py::test_sum[10] [s, less] 1 2.5",
                "t.py::test_sum[20] [s, less] 9"
            ]
        );
    }

    #[test]
    fn a_round_that_is_no_number_leaves_out_the_benchmark() {
        let text = r#"{"machine_info": {}, "benchmarks": [{"fullname": "a", "stats": {"data": [1.0, "2"]}}, {"fullname": "b"}]}"#;
        assert_eq!(
            flaws(read("p.json", text)),
            [
                "p.json: $.benchmarks[0].stats.data[1]: is not a finite number",
                "p.json: $.benchmarks[1]: `stats` is missing",
            ]
        );
    }
}
