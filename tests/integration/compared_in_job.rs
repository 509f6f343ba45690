//! Two revisions compared in a job: what comment, summary and outputs say of it, and what the post step says where the run
//! was cancelled after it had measured.

use std::fs;
use std::process::Command;

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
        let command = format!(
            "collect --local config.yml {SHA} --baseline v1 --repeat 8 --samples 1 --seed {seed}"
        );
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

/// A step of a job that talks to nobody: its variables, the runner's files in the sandbox.
fn quiet_step(sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Command {
    let mut command = sandbox.collect(&[]);
    command.env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_WORKSPACE", sandbox.path());
    command.env("GITHUB_REPOSITORY", "o/r");
    for file in ["OUTPUT", "STEP_SUMMARY", "STATE"] {
        let path = sandbox.path().join(file);
        fs::write(&path, "").unwrap();
        command.env(format!("GITHUB_{file}"), path);
    }
    let usual = [
        ("config", "nightly.yml"),
        ("revision", "v2"),
        ("local", "true"),
        ("comment", "never"),
    ];
    for (name, value) in usual.iter().chain(inputs) {
        command.env(format!("INPUT_{}", name.to_uppercase()), value);
    }
    command
}

#[test]
fn a_run_that_is_slower_than_allowed_is_so_wherever_its_outcome_stands() {
    for samples in ["1", "2"] {
        let sandbox = sandbox("fail_on: {slower: 5%}", "");
        let path = |name: &str| sandbox.path().join(name);
        fs::rename(path("config.yml"), path("nightly.yml")).unwrap();
        let finished = run(quiet_step(&sandbox, &[("samples", samples)])).expect(5);
        let outputs = values(&fs::read_to_string(path("OUTPUT")).unwrap());
        let summary = fs::read_to_string(path("STEP_SUMMARY")).unwrap();
        assert_eq!(outputs["status"], "slower");
        assert_eq!(outputs["exit-status"], "5");
        let slower = "slower than `fail_on` allows after ";
        finished.logs(&format!("\n{slower}"));
        let heading = "## collector: ❌ slower than `fail_on` allows after ";
        assert!(summary.contains(heading), "{summary}");
        assert!(outputs["summary"].starts_with(&heading["## collector: ".len()..]));
        let listed = run(sandbox.collect(&["results", "--output", "out"])).expect(0);
        assert!(!listed.stdout.contains("passed"), "{}", listed.stdout);
        assert!(listed.stdout.contains(slower.trim_end_matches(" after ")));
        let mut reports = fs::read_dir(path("out/v2")).unwrap().filter_map(|entry| {
            let directory = entry.unwrap().path();
            let of_sample = directory.join("collector/run.json");
            let name = if samples == "1" {
                &of_sample
            } else {
                &directory.join("run.json")
            };
            fs::read_to_string(name).ok()
        });
        let report: Value = serde_json::from_str(&reports.next().unwrap()).unwrap();
        assert_eq!(report["outcome"], "slower");
        assert_eq!(reports.next(), None);

        // Both commands are of the config as it is called, and of a rehearsal as it was.
        let command = "collect --local nightly.yml v2 --baseline v1";
        assert!(summary.contains(command), "{summary}");
        let page = run(sandbox.collect(&["report", "out/v2"]));
        page.expect(0);
        let page = fs::read_to_string(path("report.html")).unwrap();
        assert!(page.contains(command));
    }
}

#[test]
fn a_sample_takes_no_longer_than_from_its_launch_to_its_end() {
    let sandbox = sandbox("parallel: 1", "");
    let path = |name: &str| sandbox.path().join(name);
    fs::rename(path("config.yml"), path("nightly.yml")).unwrap();
    run(quiet_step(&sandbox, &[("samples", "2")])).expect(0);
    let index = fs::read_to_string(path("out/v2/index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let time = |sample: usize, key: &str| {
        let time = index["samples"][sample][key].as_str().unwrap();
        time.parse::<jiff::Timestamp>().unwrap()
    };
    assert!(time(0, "started") < time(0, "finished"));
    assert!(time(0, "finished") <= time(1, "started"), "{index:#}");
    let summary = fs::read_to_string(path("STEP_SUMMARY")).unwrap();
    for heading in [
        "✅ passed after ",
        "sample 1: ✅ passed after ",
        "sample 2: ✅ passed after ",
    ] {
        assert!(
            summary.contains(&format!("## collector: {heading}")),
            "{summary}"
        );
    }
}
