//! The examples work as they are.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{Sandbox, run};
use crate::documents::Document;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

#[test]
fn every_example_is_valid() {
    let sandbox = Sandbox::new();
    for entry in fs::read_dir(EXAMPLES).unwrap() {
        let example = entry.unwrap().path();
        let example = example.to_str().unwrap();
        run(sandbox.collect(&["check", example])).expect(0);
    }
}

/// The example with a server, with its config changed: copied, since it is rehearsed beside its scripts.
fn http_server(change: (&str, &str)) -> Sandbox {
    let sandbox = Sandbox::new();
    for entry in fs::read_dir(Path::new(EXAMPLES).join("http-server")).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, sandbox.path().join(file.file_name().unwrap())).unwrap();
    }
    let config = fs::read_to_string(sandbox.path().join("config.yml")).unwrap();
    assert!(config.contains(change.0));
    sandbox.file("config.yml", &config.replace(change.0, change.1));
    sandbox
}

fn server_is_up() -> bool {
    TcpStream::connect("127.0.0.1:8808").is_ok()
}

// One test, since both runs have the same port and the same directory.
#[test]
fn a_server_that_setup_starts_is_measured_and_ends_even_after_a_time_out() {
    let sandbox = http_server(("SECONDS_EACH: 3", "SECONDS_EACH: 0.2"));
    run(sandbox.collect(&[
        "--local",
        "--output",
        sandbox.output().to_str().unwrap(),
        ".",
        "v1",
    ]))
    .expect(0);
    let csv = fs::read_to_string(sandbox.sample("v1").join("load.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 4, "{csv}");
    for row in &rows[1..] {
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        assert_eq!(row[0], "v1");
        assert!(number(2) > 0.0 && number(3) == 0.0, "{csv}");
        assert!(number(5) > 0.0 && number(5) <= number(6), "{csv}");
    }
    assert!(!server_is_up());

    let sandbox = http_server(("timeout: 5m", "timeout: 1s"));
    let finished = run(sandbox.collect(&[
        "--local",
        "--output",
        sandbox.output().to_str().unwrap(),
        ".",
        "v2",
    ]));
    finished.says("stop.sh");
    assert!(!server_is_up());
}

/// Makes the repository of the example with two revisions, and gives what that printed.
pub(crate) fn make_repository(directory: &Path) -> String {
    let made = Command::new(Path::new(EXAMPLES).join("two-revisions/make-repository"))
        .arg(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap()
}

/// Their speed is not asserted: on a busy machine it would say something about the machine.
#[test]
fn each_of_two_revisions_is_measured_as_it_is() {
    let sandbox = Sandbox::new();
    let clone = sandbox.path().join("wordcount");
    let log = make_repository(&clone);
    // Everywhere the same commits, so what the page shows is what a reader gets.
    let page = Document::open("examples/two-revisions/README.md");
    assert!(page.blocks("text").contains(&log), "{log}");

    for (revision, short, answer) in [
        ("v1.0", "38a819e", "50579 different"),
        ("v1.1", "60fc164", "31059 different"),
    ] {
        let mut command = sandbox.collect(&["--local", ".", revision]);
        command.current_dir(&clone);
        run(command).expect(0).says(answer);

        let samples = fs::read_dir(clone.join("results").join(revision)).unwrap();
        let sample = samples
            .map(|entry| entry.unwrap().path())
            .find(|path| path.join("timings.txt").exists())
            .unwrap();
        let timings = fs::read_to_string(sample.join("timings.txt")).unwrap();
        let seconds = |line: &str| -> Option<f64> {
            let value = line.strip_prefix("wordcount: ")?.strip_suffix(" s")?;
            value.parse().ok()
        };
        assert_eq!(timings.lines().filter_map(seconds).count(), 10, "{timings}");
        let record = fs::read(sample.join("collector/run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let commit = record["commit"].as_str().unwrap();
        assert!(commit.starts_with(short), "{commit}");
    }
}
