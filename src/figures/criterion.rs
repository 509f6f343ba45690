//! Criterion: a directory a benchmark, `target/criterion/<name>/new`.

use std::path::Path;

use serde_json::Value;

use super::Position;
use super::json::{self, Node};
use super::sheet::Sheet;
use super::unit::Unit;

/// Its files that are read, and what each is known by.
const PARTS: [(&str, &str); 3] = [
    ("benchmark.json", "\"full_id\""),
    ("sample.json", "\"sampling_mode\""),
    ("estimates.json", "\"point_estimate\""),
];

/// Its file with nothing that is not in the others.
const LEFT_OUT: &str = "tukey.json";

/// Its directory with the latest measurement.
pub(super) const LATEST: &str = "new";

/// Its directories of other measurements than the latest.
const OTHERS: [&str; 2] = ["base", "change"];

/// Whether a file is one of a benchmark.
pub(super) fn is_part(name: &str, text: &str) -> bool {
    let mut parts = PARTS.iter();
    name == LEFT_OUT || parts.any(|(part, mark)| *part == name && text.contains(mark))
}

/// Reads the files of one directory.
///
/// Each sample that was taken with the same number of iterations is a value. With a number that grows they are points of one
/// regression, so its slope is the value.
pub(super) fn read(directory: &Path, files: &[(&str, &str)], sheet: &mut Sheet) {
    let last = directory.file_name().and_then(|name| name.to_str());
    if last.is_some_and(|name| OTHERS.contains(&name)) {
        return;
    }
    let mut part = |name: &str| -> Option<Value> {
        let (_, text) = files.iter().find(|(file, _)| *file == name)?;
        match json::parse(text)? {
            Ok(value) => Some(value),
            Err((_, reason)) => {
                sheet.refuse(Position::File, format!("`{name}`: {reason}"));
                None
            }
        }
    };
    let [benchmark, sample, estimates] = PARTS.map(|(name, _)| part(name));
    if benchmark.is_none() && sample.is_none() && estimates.is_none() {
        return;
    }
    let name = benchmark.as_ref().and_then(|value| value.get("full_id"));
    let Some(name) = name.and_then(Value::as_str) else {
        sheet.refuse(
            Position::File,
            "`benchmark.json` is missing, which has the name of the benchmark",
        );
        return;
    };
    let values = match (&sample, &estimates) {
        (Some(sample), _) => samples(&Node::root(sample), sheet),
        (None, Some(estimates)) => {
            let root = Node::root(estimates);
            let estimate = root.get("slope").or_else(|| root.get("mean"));
            let estimate = estimate.unwrap_or(root);
            let value = estimate.first_number(&["point_estimate"], sheet);
            value.map(|value| vec![value])
        }
        (None, None) => {
            sheet.refuse(
                Position::File,
                "`sample.json` and `estimates.json` are missing",
            );
            None
        }
    };
    if let Some(values) = values {
        sheet.enter(&Position::File, name, &Unit::nanoseconds(), &values);
    }
}

/// The times of one iteration that samples have, in nanoseconds.
fn samples(root: &Node<'_>, sheet: &mut Sheet) -> Option<Vec<f64>> {
    let mut list = |key: &str| {
        let Some(node) = root.get(key) else {
            sheet.refuse(
                Position::File,
                format!("`{key}` is missing in `sample.json`"),
            );
            return None;
        };
        node.numbers(sheet)
    };
    let iterations = list("iters")?;
    let times = list("times")?;
    if iterations.len() != times.len() || iterations.iter().any(|count| *count <= 0.0) {
        sheet.refuse(
            Position::File,
            "`iters` and `times` of `sample.json` do not fit together",
        );
        return None;
    }
    let pairs = || iterations.iter().zip(&times);
    if root.text("sampling_mode") == Some("Flat") {
        return Some(pairs().map(|(count, time)| time / count).collect());
    }
    // Least squares through the origin, as Criterion has its slope.
    let products: f64 = pairs().map(|(count, time)| count * time).sum();
    let squares: f64 = iterations.iter().map(|count| count * count).sum();
    Some(vec![products / squares])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{File, flaws, summary};
    use crate::figures::{self, Flaw, Options, Reading, join};

    const BENCHMARK: &str = r#"{"group_id": "sort", "function_id": "fast", "value_str": "10", "full_id": "sort/fast/10", "directory_name": "sort/fast/10"}"#;
    const LINEAR: &str =
        r#"{"sampling_mode":"Linear","iters":[1.0,2.0,3.0],"times":[1000.0,2000.0,3000.0]}"#;
    const FLAT: &str = r#"{"sampling_mode":"Flat","iters":[2.0,2.0],"times":[4000.0,6000.0]}"#;
    const ESTIMATES: &str =
        r#"{"mean":{"point_estimate":9000.0},"slope":{"point_estimate":8000.0}}"#;

    fn read_files(options: &Options, files: &[File<'_>]) -> (Vec<Reading>, Vec<Flaw>) {
        join(figures::read_files(options, files))
    }

    fn files<'a>(parts: &'a [(&'a str, &'a str)]) -> Vec<File<'a>> {
        let parts = parts.iter();
        let files = parts.map(|(path, text)| File {
            path: path.as_ref(),
            bytes: text.as_bytes(),
        });
        files.collect()
    }

    #[test]
    fn a_directory_is_a_benchmark() {
        let read = read_files(
            &Options::default(),
            &files(&[
                ("criterion/a/new/sample.json", FLAT),
                ("criterion/a/new/benchmark.json", BENCHMARK),
                ("criterion/a/new/estimates.json", ESTIMATES),
                ("criterion/a/new/tukey.json", "[1.0,2.0,3.0,4.0]"),
                ("criterion/a/v1/sample.json", LINEAR),
                ("criterion/a/v1/benchmark.json", BENCHMARK),
                ("criterion/a/base/sample.json", LINEAR),
                ("criterion/a/base/benchmark.json", BENCHMARK),
                ("criterion/a/change/estimates.json", ESTIMATES),
            ]),
        );
        assert_eq!(summary(read), ["sort/fast/10 [s, less] 0.000002 0.000003"]);
    }

    #[test]
    fn samples_of_a_regression_are_one_value() {
        for (samples, expected) in [
            (
                ("new/sample.json", LINEAR),
                "sort/fast/10 [s, less] 0.000001",
            ),
            (
                ("new/estimates.json", ESTIMATES),
                "sort/fast/10 [s, less] 0.000008",
            ),
        ] {
            let parts = [("new/benchmark.json", BENCHMARK), samples];
            let read = read_files(&Options::default(), &files(&parts));
            assert_eq!(summary(read), [expected]);
        }
    }

    #[test]
    fn benchmarks_of_one_name_have_their_directories_behind_it() {
        let parts = files(&[
            ("a/new/benchmark.json", BENCHMARK),
            ("a/new/sample.json", LINEAR),
            ("b/new/benchmark.json", BENCHMARK),
            ("b/new/sample.json", LINEAR),
        ]);
        let read = summary(read_files(&Options::default(), &parts));
        assert!(read[0].starts_with("sort/fast/10 (a/new) ["), "{read:?}");
    }

    #[test]
    fn what_is_missing_or_broken_is_a_flaw() {
        let parts = files(&[
            ("a/new/sample.json", LINEAR),
            ("b/new/benchmark.json", BENCHMARK),
            ("c/new/benchmark.json", BENCHMARK),
            (
                "c/new/sample.json",
                r#"{"sampling_mode":"Flat","iters":[0.0],"times":[1.0]}"#,
            ),
            ("d/new/benchmark.json", BENCHMARK),
            (
                "d/new/sample.json",
                r#"{"sampling_mode":"Flat","iters":[1.0],"times":["#,
            ),
        ]);
        let (readings, found) = read_files(&Options::default(), &parts);
        assert!(readings.is_empty(), "{readings:?}");
        assert_eq!(
            flaws((readings, found)),
            [
                "a/new: `benchmark.json` is missing, which has the name of the benchmark",
                "b/new: `sample.json` and `estimates.json` are missing",
                "c/new: `iters` and `times` of `sample.json` do not fit together",
                "d/new: `sample.json`: the JSON cannot be read: EOF while parsing a list",
                "d/new: `sample.json` and `estimates.json` are missing",
            ]
        );
    }
}
