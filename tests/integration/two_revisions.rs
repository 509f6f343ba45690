//! The example with two revisions, as a pull request sees it: three instances, one command, one comment.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Sandbox, run};
use crate::examples::make_repository;
use crate::fake_github::{FakeGitHub, SHA};
use crate::lab::{Guest, Lab};
use crate::workflow::{step, values};

/// How many repetitions a turn has here; the example has ten.
const REPETITIONS: &str = "repetitions=3";

/// The repository of the example in the directory `wordcount`, for instances of a lab.
pub(crate) fn measurable_in(lab: &Lab, sandbox: &Sandbox) {
    let clone = sandbox.path().join("wordcount");
    make_repository(&clone);
    let change = |name: &str, from: &str, to: &str| {
        let path = clone.join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    // The emulator has images and groups of its own.
    let own = lab.main("");
    let ami = own.lines().find(|line| line.starts_with("ami: ")).unwrap();
    let published = "ami: resolve:ssm:/aws/service/debian/release/13/latest/amd64";
    change(
        "config.yml",
        published,
        &format!("{ami}\n  security_group: collector"),
    );
    change("measure.sh", "repetitions=10", REPETITIONS);
}

/// Which verdict it is depends on what else this machine does, and is not asserted; that all places tell the same is.
#[test]
fn a_maintainer_gets_the_answer_with_what_it_rests_on_and_how_to_see_it_again() {
    let (Some(lab), Some(github)) = (Lab::start(Guest::Sshd), FakeGitHub::with_prism()) else {
        return;
    };
    let sandbox = Sandbox::new();
    measurable_in(&lab, &sandbox);
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let mut job = github.job();
    job.event("pull_request", &json!({ "pull_request": { "number": 7 } }));
    let inputs = [
        ("config", "wordcount"),
        ("revision", "v1.1"),
        ("baseline", "v1.0"),
        ("repeat", "4"),
        ("samples", "3"),
        ("output", "out"),
        ("local", "false"),
    ];
    let mut command = step(&sandbox, &mut job, &inputs);
    lab.surround(&mut command);
    run(command).expect(0);
    lab.expect_nothing_left();
    assert_eq!(lab.instances().len(), 3);

    let runs = fs::read_dir(sandbox.output().join("v1.1")).unwrap();
    let figures = runs
        .map(|entry| entry.unwrap().path().join("figures.json"))
        .find(|path| path.exists())
        .unwrap();
    let figures: Value = serde_json::from_slice(&fs::read(figures).unwrap()).unwrap();
    assert_eq!(figures["figures"][0]["turns"].as_array().unwrap().len(), 24);
    let rows = figures["comparison"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let verdict = rows[0]["verdict"].as_str().unwrap().replace('_', " ");

    let [comment] = github.comments(7).try_into().unwrap();
    let comment = comment["body"].as_str().unwrap();
    let sentence = &values(&job.output())["comparison"];
    let begins = format!("v1.1 against v1.0: 1 {verdict}");
    assert!(sentence.starts_with(&begins), "{sentence}");
    assert!(sentence.ends_with("; 3 instances, 6 rounds"), "{sentence}");
    let seen = comment
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with("<!--"));
    for (place, first) in [("comment", seen), ("summary", job.summary().lines().next())] {
        let words = first.unwrap().trim_matches('*').replace("&#8805;", "≥");
        assert_eq!(&words, sentence, "{place}");
    }
    let row = comment
        .lines()
        .find(|line| line.contains("<code>wordcount</code>"));
    let row = row.unwrap();
    assert!(
        row.contains(&verdict) && row.contains("/artifacts/"),
        "{row}"
    );
    let again = format!(
        "collect wordcount/config.yml v1.1 --baseline v1.0 --repeat 4 --samples 3 --seed {}",
        figures["seed"]
    );
    assert!(comment.contains(&again), "{comment}");
}
