//! The page of a run of two revisions on rented instances, as somebody sees it who was sent it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::Browser;
use crate::command::{Sandbox, run};
use crate::lab::{Guest, Lab};
use crate::two_revisions::measurable_in;

/// The directory of a run of several samples.
fn of_run(revision: &Path) -> PathBuf {
    let mut entries = fs::read_dir(revision)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .find(|path| path.join("report.html").exists())
        .unwrap()
}

/// Which verdict it is depends on what else this machine does.
#[test]
fn the_page_of_three_rented_instances_has_the_verdict_and_how_it_came_about() {
    let (Some(lab), Some(browser)) = (Lab::start(Guest::Sshd), Browser::installed()) else {
        return;
    };
    let sandbox = Sandbox::new();
    measurable_in(&lab, &sandbox);
    let output = sandbox.output();
    let output = output.to_str().unwrap();
    let mut command = lab.collect(&sandbox, &["wordcount", "v1.1", "--output", output]);
    command.args(["--baseline", "v1.0", "--repeat", "4", "--samples", "3"]);
    run(command).expect(0);
    lab.expect_nothing_left();

    let directory = of_run(&sandbox.output().join("v1.1"));
    let figures: Value =
        serde_json::from_slice(&fs::read(directory.join("figures.json")).unwrap()).unwrap();
    let verdict = figures["comparison"]["rows"][0]["verdict"]
        .as_str()
        .unwrap()
        .replace('_', " ");
    let seen = browser.read(&directory.join("report.html"));
    let has = |section: &str, part: &str| {
        let text = seen[section].as_str().unwrap();
        assert!(text.contains(part), "{section}: no {part:?} in\n{text}");
    };
    has("answer", &format!("v1.1 against v1.0: 1 {verdict}"));
    has("answer", "; 3 instances, 6 rounds");
    for sample in 1..=3 {
        has("hosts", &format!("sample {sample}"));
        has("timeline", &format!("Steps of sample {sample} as a table"));
    }
    has("metrics", "cpu");
    for phase in [
        "launch\tonce\t",
        "setup\tonce for each revision\tbuild.sh\tthe instance\tnone\t",
        "run\t8 turns\tmeasure.sh\tthe instance\t5m00s\t",
        "terminate\tonce\t",
    ] {
        has("plan", phase);
    }
    let again = format!(
        "collect config.yml v1.1 --baseline v1.0 --repeat 4 --samples 3 --seed {}",
        figures["seed"]
    );
    has("plan", &again);
}
