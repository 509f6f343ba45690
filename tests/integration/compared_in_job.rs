//! Two revisions compared in a job: what comment, summary and outputs say of it, and what the post step says where the run
//! was cancelled after it had measured.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Running, Sandbox, run, wait_for};
use crate::fake_github::{FakeGitHub, Job, SHA};
use crate::turns::measurement;
use crate::workflow::{post, pull_request_job, step, the_body, values};

/// A comparison of `v1` and a revision that is 10 % slower; `main` and `phases` are further keys.
fn sandbox(main: &str, phases: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = format!(
        "performance_results: out/*\nfigures: figures.txt\nmetrics: off\nbaseline: v1\nrepeat: 8\n{main}"
    );
    let phases = format!("setup: [build.sh]\nrun: [measure.sh]\n{phases}");
    sandbox
        .config(&main, &phases)
        .script("build.sh", "mkdir out")
        .script("measure.sh", &measurement(10));
    sandbox
}

/// The lines of the table, a figure each.
fn rows(text: &str) -> Vec<&str> {
    let lines = text.lines();
    let figure = |line: &&str| {
        ["latency", "throughput"]
            .iter()
            .any(|head| line.starts_with(&format!("| <code>{head}<")))
    };
    lines.filter(figure).collect()
}

/// The address of the job's page.
fn page_of(job: &Job) -> String {
    let variables = job.variables();
    let value = |wanted: &str| {
        let mut variables = variables.iter();
        variables
            .find(|(name, _)| *name == wanted)
            .unwrap()
            .1
            .clone()
    };
    format!(
        "https://github.com/{}/actions/runs/{}",
        value("GITHUB_REPOSITORY"),
        value("GITHUB_RUN_ID")
    )
}

#[test]
fn comment_summary_and_outputs_begin_with_the_answer() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let mut job = pull_request_job(&github);
    let sandbox = sandbox("", "");
    run(step(&sandbox, &mut job, &[])).expect(0);
    let answer = &format!("{} against v1: 2 slower; 1 instance, 4 rounds", &SHA[..10]);
    let outputs = values(&job.output());
    assert_eq!(&outputs["comparison"], answer);
    let artifact = &outputs["artifact-url"];
    let page = page_of(&job);
    let figures = fs::read_to_string(sandbox.sample(SHA).join("collector/figures.json")).unwrap();
    let seed = serde_json::from_str::<Value>(&figures).unwrap()["seed"].clone();
    let (body, summary) = (the_body(&github), job.summary());
    for text in [&body, &summary] {
        let mut visible = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("<!--"));
        let first = visible.find(|line| !line.starts_with('#')).unwrap();
        // GitHub makes no link of the hash.
        let first = first.replace("<!-- -->", "");
        assert_eq!(first, format!("**{answer}**"), "{text}");
        let rows = rows(text);
        assert_eq!(rows.len(), 2, "{text}");
        for row in rows {
            assert!(row.contains("🔴 slower"), "{row}");
            assert!(row.contains(&format!("]({page}")), "{row}");
            assert!(row.contains(&format!("]({artifact})")), "{row}");
        }
        let command =
            format!("collect config.yml {SHA} --baseline v1 --repeat 8 --samples 1 --seed {seed}");
        assert!(text.contains(&command), "{text}");
    }
}

#[test]
fn what_a_cancelled_run_had_compared_is_told_by_the_post_step() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    for (samples, sentence) in [(1, "1 instance, 4 rounds"), (2, "2 instances, 8 rounds")] {
        let sandbox = sandbox(&format!("samples: {samples}"), "after_collect: [wait.sh]\n");
        let started = sandbox.path().join("started");
        sandbox.script(
            "wait.sh",
            &format!(
                "[ $COLLECTOR_SAMPLE != {samples} ] || {{ touch '{}'; exec sleep 600; }}",
                started.display()
            ),
        );
        let mut job = pull_request_job(&github);
        // A newer run, which takes the place of the older one's rows.
        job.set("GITHUB_RUN_ID", &format!("999999999{samples}"));
        let running = Running::spawn(step(&sandbox, &mut job, &[]));
        wait_for("the results", || started.exists().then_some(()));
        running.signal(rustix::process::Signal::INT);
        running.finish().expect(130);
        post(&sandbox, &mut job, &[]).expect(0).logs("commented: ");
        let (body, summary) = (the_body(&github), job.summary());
        for text in [&body, &summary] {
            assert!(text.contains(&format!("; {sentence}**\n")), "{text}");
            assert!(text.contains("interrupted"), "{text}");
            assert_eq!(rows(text).len(), 2, "{text}");
        }
        assert!(
            rows(&body).iter().all(|row| row.contains("/artifacts/")),
            "{body}"
        );
    }
}
