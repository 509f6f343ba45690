//! What a person is told of a step that failed: why, at once, and where the rest of it is.

use std::path::Path;

use collector::report::SampleReport;
use collector::results::SampleDirectory;

use crate::command::{Sandbox, run};

const HOSTILE: &str = "printf '\\033]0;owned\\007\\033[31m::error::red\\033[0m\\n'; \
     for n in $(seq 1 30); do echo line $n; done; printf '1%%\\r99%%\\rall but done\\n'; exit 3";

fn report(directory: &Path) -> SampleReport {
    SampleDirectory::new(directory).read().unwrap()
}

#[test]
fn a_step_that_fails_tells_why_even_when_quiet() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: done", "run:\n  - bad.sh\n")
        .script("bad.sh", HOSTILE);
    for loudness in [&["--quiet"][..], &[]] {
        let mut args = vec!["config.yml", "v1", "--local"];
        args.extend(loudness);
        let finished = run(sandbox.collect(&args)).expect(1);
        let why = "run: bad.sh exited with status 3; its log ends with\n  | line 12\n";
        finished.says(why);
        finished.says("  | line 30\n  | all but done\nwhole log  /");
        assert!(!finished.stderr.contains("\u{1b}]") || loudness.is_empty());
    }
    for sample in sandbox.samples("v1") {
        let report = report(&sample);
        let last = &report.errors[0].last_lines;
        assert_eq!((last.len(), last[19].as_str()), (20, "all but done"));
    }
}

#[test]
fn the_path_of_the_whole_log_is_where_it_is_after_the_run() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: done",
            "before_aws_start:\n  - bad.sh\n",
        )
        .script("bad.sh", "echo oh no; exit 3");
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(1);
    let (_, rest) = finished.stderr.split_once("whole log  ").unwrap();
    let path = rest.lines().next().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "oh no\n");
}

#[test]
fn a_time_out_that_leaves_nothing_to_collect_tells_why() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: done",
            "run:\n  - slow.sh:\n    - timeout: 1s\n",
        )
        .script("slow.sh", "echo waiting for the server; sleep 1000");
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(1);
    finished.says("nothing was measured, and run: slow.sh ran out of time; its log ends with\n");
    finished.says("  | waiting for the server\n");
    let error = &report(&sandbox.sample("v1")).errors[0];
    assert_eq!(error.script.as_deref(), Some("slow.sh"));
}

#[test]
fn the_log_of_a_job_shows_it_outside_of_every_fold() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: done", "run:\n  - bad.sh\n")
        .script("bad.sh", HOSTILE);
    let mut command = sandbox.collect(&["config.yml", "v1", "--local"]);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", sandbox.path());
    let log = run(command).expect(1).stdout;
    let (before, why) = log.split_once("its log ends with\n").unwrap();
    let folds = |of: &str| {
        (
            of.matches("::group::").count(),
            of.matches("::endgroup::").count(),
        )
    };
    let (opened, closed) = folds(before);
    assert_eq!(opened, closed, "{log}");
    assert!(why.starts_with("  | line 12\n"), "{log}");
}
