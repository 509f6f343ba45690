//! The examples work as they are.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{Desk, run, say};
use crate::documents::Document;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

#[test]
fn every_example_is_valid() {
    let desk = Desk::new();
    for entry in fs::read_dir(EXAMPLES).unwrap() {
        let example = entry.unwrap().path();
        let example = example.to_str().unwrap();
        run(desk.collect(&["check", example])).expect(0);
    }
}

/// The example with a server, with its config changed: copied, since it is rehearsed beside its scripts.
fn http_server(change: (&str, &str)) -> Desk {
    let desk = Desk::new();
    for entry in fs::read_dir(Path::new(EXAMPLES).join("http-server")).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, desk.path().join(file.file_name().unwrap())).unwrap();
    }
    let config = fs::read_to_string(desk.path().join("config.yml")).unwrap();
    assert!(config.contains(change.0));
    desk.file("config.yml", &config.replace(change.0, change.1));
    desk
}

fn server_is_up() -> bool {
    TcpStream::connect("127.0.0.1:8808").is_ok()
}

// One test, since both runs have the same port and the same directory.
#[test]
fn a_server_that_setup_starts_is_measured_and_ends_even_after_a_time_out() {
    let desk = http_server(("SECONDS_EACH: 3", "SECONDS_EACH: 0.2"));
    run(desk.collect(&[
        "--local",
        "--output",
        desk.output().to_str().unwrap(),
        ".",
        "v1",
    ]))
    .expect(0);
    let csv = fs::read_to_string(desk.sample("v1").join("load.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 4, "{csv}");
    for row in &rows[1..] {
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        assert_eq!(row[0], "v1");
        assert!(number(2) > 0.0 && number(3) == 0.0, "{csv}");
        assert!(number(5) > 0.0 && number(5) <= number(6), "{csv}");
    }
    assert!(!server_is_up());

    let desk = http_server(("timeout: 5m", "timeout: 1s"));
    let finished = run(desk.collect(&[
        "--local",
        "--output",
        desk.output().to_str().unwrap(),
        ".",
        "v2",
    ]));
    finished.says("stop.sh");
    assert!(!server_is_up());
}

/// The least of what `timings.txt` says in any sample of a revision.
fn fastest(results: &Path) -> f64 {
    let timings = fs::read_dir(results).unwrap();
    let timings = timings.map(|entry| entry.unwrap().path().join("timings.txt"));
    let texts: Vec<String> = timings
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    let seconds: Vec<f64> = texts
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| {
            let value = line.strip_prefix("wordcount: ").unwrap();
            value.strip_suffix(" s").unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(seconds.len(), 10 * texts.len());
    seconds.into_iter().fold(f64::INFINITY, f64::min)
}

#[test]
fn the_slower_of_two_revisions_is_seen_to_be() {
    let desk = Desk::new();
    let clone = desk.path().join("wordcount");
    let made = Command::new(Path::new(EXAMPLES).join("two-revisions/make-repository"))
        .arg(&clone)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    // Everywhere the same commits, so what the page shows is what a reader gets.
    let log = String::from_utf8(made.stdout).unwrap();
    let page = Document::open("examples/two-revisions/README.md");
    assert!(page.blocks("text").contains(&log), "{log}");

    // Each twice more where something else keeps the machine busy.
    for _ in 0..3 {
        for revision in ["v1.0", "v1.1"] {
            let mut command = desk.collect(&["--local", ".", revision]);
            command.current_dir(&clone);
            run(command).expect(0);
        }
        let [fast, slow] = ["v1.0", "v1.1"].map(|tag| fastest(&clone.join("results").join(tag)));
        if slow > 1.1 * fast {
            break;
        }
        say(&format!("v1.0 took {fast} s and v1.1 {slow} s"));
    }
    let [fast, slow] = ["v1.0", "v1.1"].map(|tag| fastest(&clone.join("results").join(tag)));
    assert!(slow > 1.1 * fast, "{slow} is not slower than {fast}");

    for (revision, short) in [("v1.0", "38a819e"), ("v1.1", "60fc164")] {
        let samples = fs::read_dir(clone.join("results").join(revision)).unwrap();
        let records = samples.map(|entry| entry.unwrap().path().join("collector/run.json"));
        for record in records.filter(|path| path.exists()) {
            let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
            let commit = record["commit"].as_str().unwrap();
            assert!(commit.starts_with(short), "{commit}");
        }
    }
}
