//! Files as they are read, whatever their format.

use std::path::Path;

use proptest::prelude::*;

pub(super) use super::File;
use super::{Direction, Flaw, Format, Options, Reading, join, read_files};

/// The readings and the flaws of a file.
pub(super) type Read = (Vec<Reading>, Vec<Flaw>);

/// Reads a file whose format is recognised.
pub(super) fn read(name: &str, text: &str) -> Read {
    read_as(&Options::default(), name, text)
}

pub(super) fn read_as(options: &Options, name: &str, text: &str) -> Read {
    let file = File {
        path: Path::new(name),
        bytes: text.as_bytes(),
    };
    join(read_files(options, &[file]))
}

/// The readings of a file without a flaw.
#[track_caller]
pub(super) fn reading((readings, flaws): Read) -> Vec<Reading> {
    assert_eq!(flaws, []);
    readings
}

/// The readings of a file without a flaw, a line each: `name [unit, direction] values`.
#[track_caller]
pub(super) fn summary(read: Read) -> Vec<String> {
    let line = |reading: Reading| {
        let better = match reading.better {
            None => "",
            Some(Direction::Less) => ", less",
            Some(Direction::More) => ", more",
        };
        let values = reading.values.iter().map(|value| format!(" {value}"));
        let values: String = values.collect();
        format!("{} [{}{better}]{values}", reading.name, reading.unit)
    };
    reading(read).into_iter().map(line).collect()
}

pub(super) fn flaws((_, flaws): Read) -> Vec<String> {
    flaws.iter().map(ToString::to_string).collect()
}

#[test]
fn a_name_in_several_files_gets_their_paths() {
    let file = |path: &'static str, text: &'static str| File {
        path: Path::new(path),
        bytes: text.as_bytes(),
    };
    let files = [
        file("b/x.txt", "start: 2 s\nend: 3 s\n"),
        file("a/x.txt", "start: 1 ms\n"),
    ];
    let read = join(read_files(&Options::default(), &files));
    assert_eq!(
        summary(read),
        [
            "start (a/x.txt) [s, less] 0.001",
            "start (b/x.txt) [s, less] 2",
            "end [s, less] 3"
        ]
    );
}

#[test]
fn a_direction_that_is_given_stands_in_where_none_is_known() {
    let options = Options {
        better: Some(Direction::More),
        ..Options::default()
    };
    let read = read_as(&options, "x.txt", "score: 2\nstart: 3 s\n");
    assert_eq!(summary(read), ["score [, more] 2", "start [s, less] 3"]);
}

#[test]
fn files_that_cannot_be_read_are_flaws() {
    let bytes = File {
        path: Path::new("x"),
        bytes: b"a: 1\n\xc3\xa9\xff",
    };
    let read_bytes = join(read_files(&Options::default(), &[bytes]));
    assert_eq!(flaws(read_bytes), ["x:2:2: the file is no text in UTF-8"]);
    for (text, flaw) in [
        ("", "x: the file is empty"),
        (" \n", "x: the file is empty"),
        (
            "what is this",
            "x: its format is not recognised: name it with `format`",
        ),
        (
            "{\"a\": 1}",
            "x: its format is not recognised: name it with `format`",
        ),
        (
            "[]",
            "x: its format is not recognised: name it with `format`",
        ),
        (
            "{\"a\":\n ]",
            "x:2:2: the JSON cannot be read: expected value",
        ),
    ] {
        assert_eq!(flaws(read("x", text)), [flaw], "{text}");
    }
    let hyperfine = Options {
        format: Some(Format::Hyperfine),
        ..Options::default()
    };
    assert_eq!(
        flaws(read_as(&hyperfine, "x", "time: 1 s")),
        ["x: the file is no JSON, which hyperfine is"]
    );
    assert_eq!(
        flaws(read_as(&hyperfine, "x", "{\"results\": []}")),
        ["x: $.results: `results` is empty"]
    );
}

#[test]
fn files_without_a_figure_are_a_flaw() {
    let criterion = Options {
        format: Some(Format::Criterion),
        ..Options::default()
    };
    for read in [
        read_as(&criterion, "x.json", "{}"),
        read("base/sample.json", r#"{"sampling_mode":"Flat"}"#),
        read("x.txt", "# TYPE a histogram\na_bucket{le=\"1\"} 2\n# EOF\n"),
    ] {
        assert!(read.0.is_empty());
        let [flaw] = &read.1[..] else {
            panic!("{read:?}")
        };
        assert_eq!(flaw.reason, "there is no figure in it");
    }
    assert_eq!(read_files(&Options::default(), &[]).len(), 0);
}

#[test]
fn a_file_with_many_flaws_shows_the_first() {
    let rows: String = (0..100).map(|_| "a,x\n").collect();
    let found = flaws(read("x.csv", &format!("name,value\n{rows}")));
    assert_eq!(found.len(), 21);
    assert_eq!(found[20], "x.csv: 80 more flaws of this kind");
}

/// A document of every format, for changes to be made to it.
const DOCUMENTS: [&str; 12] = [
    r#"{"results": [{"command": "a", "times": [1.0], "median": 1, "exit_codes": [0], "parameters": {"k": "v"}}]}"#,
    r#"{"context": {}, "benchmarks": [{"name": "a", "run_type": "iteration", "real_time": NaN, "time_unit": "ns"}]}"#,
    r#"{"machine_info": {}, "benchmarks": [{"fullname": "a", "stats": {"data": [1.0]}}]}"#,
    r#"[{"benchmark": "a", "mode": "thrpt", "primaryMetric": {"score": 1, "scoreUnit": "ops/s", "rawData": [[1.0]]}}]"#,
    r#"{"fio version": "3", "jobs": [{"jobname": "a", "error": 0, "read": {"total_ios": 1, "iops": 1.0, "lat_ns": {"mean": 1}}}]}"#,
    r#"{"metrics": {"iterations": {"count": 1, "rate": 1.0}, "http_req_duration": {"avg": 1, "p(95)": 2}}}"#,
    r#"{"summary": {"requestsPerSec": 1.0, "average": 0.5}, "statusCodeDistribution": {"200": 1}}"#,
    r#"{"a": {"latency": {"value": 1.0}}, "b": [{"parameters": {"x": 1}, "measures": {"m": {"value": 1}}}]}"#,
    r#"[{"name": "a", "unit": "ms", "value": 1}]"#,
    "# TYPE a gauge\na{x=\"1\"} 2 3\n# EOF\n",
    "name,value,unit\n\"a\",1.0,ms\n",
    "Running 1s test @ x\n    Latency     1.50ms    1.67ms\nRequests/sec:   22.9\nsysbench 1 (using x)\nThreads started!\nLatency (ms):\n sum: 1\npkg: a\nBenchmarkA 1 2 ns/op\n",
];

/// Options of every format.
fn any_options() -> impl Strategy<Value = Options> {
    let formats = Format::ALL.map(Some).into_iter().chain([None]);
    let formats: Vec<Option<Format>> = formats.collect();
    proptest::sample::select(formats).prop_map(|format| Options {
        format,
        path: super::JsonPath::parse("$..*").ok(),
        ..Options::default()
    })
}

/// A number in a file that is read has to be in the file, so all that may be is checked.
fn check(options: &Options, name: &str, bytes: &[u8]) {
    let file = File {
        path: Path::new(name),
        bytes,
    };
    let (readings, flaws) = join(read_files(options, &[file]));
    for reading in &readings {
        assert!(!reading.name.trim().is_empty() && !reading.values.is_empty());
        assert!(reading.values.iter().all(|value| value.is_finite()));
    }
    let mut names: Vec<&str> = readings
        .iter()
        .map(|reading| reading.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), readings.len());
    for flaw in flaws {
        assert!(flaw.to_string().starts_with(&flaw.file) && !flaw.reason.is_empty());
    }
}

proptest! {
    #[test]
    fn no_reader_panics_on_any_bytes(
        options in any_options(),
        name in "x|sample.json|benchmark.json|a.csv",
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&options, &name, &bytes);
    }

    #[test]
    fn no_reader_panics_on_a_document_that_is_broken(
        options in any_options(),
        document in proptest::sample::select(&DOCUMENTS[..]),
        at in any::<proptest::sample::Index>(),
        length in 0..8usize,
        put in "\\PC{0,3}|[\"{}\\[\\],:0-9eE.+\n -]{0,6}|NaN|1e999|null",
    ) {
        let mut chars: Vec<char> = document.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        chars.splice(start..end, put.chars());
        let text: String = chars.into_iter().collect();
        check(&options, "x", text.as_bytes());
        check(&Options::default(), "x", text.as_bytes());
    }
}
