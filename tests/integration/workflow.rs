//! A run as a step of a workflow: what the job is told of it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::command::{Finished, Running, Sandbox, run};
use crate::fake_github::{FakeGitHub, Job, SHA};

/// The program in a job whose workspace is the sandbox; a rehearsal of `config.yml` unless the inputs say otherwise.
pub(crate) fn step(sandbox: &Sandbox, job: &mut Job, inputs: &[(&str, &str)]) -> Command {
    job.set("GITHUB_WORKSPACE", sandbox.path().to_str().unwrap());
    let mut command = sandbox.collect(&[]);
    command.envs(job.variables());
    let usual = [
        ("config", "config.yml"),
        ("revision", SHA),
        ("local", "true"),
    ];
    for (name, value) in usual.iter().chain(inputs) {
        command.env(format!("INPUT_{}", name.to_uppercase()), value);
    }
    command
}

/// A sandbox with a measurement that takes no time and leaves a file.
pub(crate) fn quick_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: out.csv", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 1,2 > out.csv");
    sandbox
}

impl Finished {
    /// The log contains this.
    #[track_caller]
    pub(crate) fn logs(&self, words: &str) {
        assert!(
            self.stdout.contains(words),
            "no {words:?} in:\n{}",
            self.stdout
        );
    }
}

/// The values in a file of the runner's, as the runner reads them.
pub(crate) fn values(file: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut rest = file;
    while let Some((head, tail)) = rest.split_once('\n') {
        let (name, delimiter) = head.split_once("<<").unwrap();
        let (value, after) = tail.split_once(&format!("\n{delimiter}\n")).unwrap();
        values.insert(name.to_owned(), value.to_owned());
        rest = after;
    }
    values
}

#[test]
fn a_run_tells_its_job_everything() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let mut job = github.job();
    job.event("pull_request", &json!({ "pull_request": { "number": 7 } }));
    let sandbox = quick_sandbox();
    let finished = run(step(
        &sandbox,
        &mut job,
        &[("description", "a nightly @octocat")],
    ))
    .expect(0);
    assert_eq!(finished.stderr, "");

    let outputs = values(&job.output());
    let sample = sandbox.sample(SHA);
    let id = sample.file_name().unwrap().to_str().unwrap();
    let artifact = &github.artifacts()[0];
    let number = artifact["id"].to_string();
    let report = fs::read_to_string(sample.join("collector/run.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    for (name, value) in [
        ("status", "passed"),
        ("exit-status", "0"),
        ("run-id", report["run"].as_str().unwrap()),
        ("revision", SHA),
        ("instance-ids", &format!("[\"{id}\"]")),
        ("results-path", &format!("out/{SHA}/{id}")),
        ("archive-path", &format!("out/{SHA}/{id}.tar.gz")),
        ("artifact-id", &number),
        (
            "artifact-digest",
            artifact["hash"]
                .as_str()
                .unwrap()
                .strip_prefix("sha256:")
                .unwrap(),
        ),
    ] {
        assert_eq!(outputs[name], value, "{name}");
    }
    assert!(outputs["artifact-url"].ends_with(&format!("/artifacts/{number}")));
    assert!(outputs["summary"].contains("passed"));
    let summary = job.summary();
    for words in [
        "## collector: ✅ passed",
        "measure.sh",
        "out.csv",
        "a nightly @<!-- -->octocat",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    let [comment] = github.comments(7).try_into().unwrap();
    assert!(comment["body"].as_str().unwrap().contains("✅ passed"));
}

#[test]
fn the_run_is_noted_for_the_post_step_before_anything_is_launched() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let mut job = github.job();
    let state = values_of_state_when(&mut job, "before_aws_start");
    assert_eq!(
        (state["provider"].as_str(), state["region"].as_str()),
        ("local", "local")
    );
    assert!(state["run"].starts_with("20") && !state.contains_key("released"));
}

/// The state of a job whose run is in this phase.
fn values_of_state_when(job: &mut Job, phase: &str) -> BTreeMap<String, String> {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: /etc/os-release",
            &format!("{phase}:\n  - wait.sh\n"),
        )
        .script("wait.sh", "echo waiting >&2\nexec sleep 600");
    let running = Running::spawn(step(&sandbox, job, &[]));
    crate::command::wait_for("the state", || {
        job.state().contains("results").then_some(())
    });
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect(143);
    values(&job.state())
        .into_iter()
        .filter(|(name, _)| name != "released")
        .collect()
}

#[test]
fn each_phase_is_a_group_and_output_is_no_command() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: /etc/os-release",
            "setup:\n  - a.sh\nrun:\n  - b.sh\n",
        )
        .script(
            "a.sh",
            "printf '::error::no command\\n##[error]neither\\nno end of line'",
        )
        .script("b.sh", "echo ::stop-commands::mine");
    let finished = run(step(&sandbox, &mut github.job(), &[])).expect(0);
    let log = &finished.stdout;
    for group in [
        "launch",
        "ready",
        "setup",
        "run",
        "collect",
        "terminate",
        "archive",
    ] {
        finished.logs(&format!("::group::{group}\n"));
    }
    assert_eq!(
        log.matches("::group::").count(),
        log.matches("::endgroup::").count()
    );
    // Between the lines that close and open a fence, the runner hears nothing.
    let mut fences = log.split("::stop-commands::fence-");
    let before = fences.next().unwrap();
    let mut heard = before.to_owned();
    for part in fences {
        let (token, rest) = part.split_once('\n').unwrap();
        let (_, open) = rest.split_once(&format!("\n::fence-{token}::\n")).unwrap();
        heard += open;
    }
    for words in ["no command", "neither", "stop-commands::mine"] {
        assert!(
            log.contains(words) && !heard.contains(words),
            "{words}: {heard}"
        );
    }
}

#[test]
fn a_failing_script_is_marked_where_it_lies_and_its_last_lines_are_in_the_summary() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "perf/config.yml",
            "main:\n  output: out\n  performance_results: /etc/os-release\nrun:\n  - bin/fail.sh\n",
        )
        .script(
            "perf/bin/fail.sh",
            "seq 1 100\necho '</details> @octocat'\nexit 3",
        );
    let mut job = github.job();
    let finished = run(step(&sandbox, &mut job, &[("config", "perf")])).expect(1);
    finished.logs("::error title=bin/fail.sh failed,file=perf/bin/fail.sh,line=1::run: bin/fail.sh exited with status 3%0A");
    let summary = job.summary();
    assert!(
        summary.contains("\n62\n") || summary.contains("\n63\n"),
        "{summary}"
    );
    assert!(!summary.contains("\n60\n"), "{summary}");
    finished.logs("`keep_on_failure: 30m` in `main` leaves the instance for a look");
    let outputs = values(&job.output());
    assert_eq!(
        (outputs["status"].as_str(), outputs["exit-status"].as_str()),
        ("step_failed", "1")
    );
    assert_eq!(
        github.artifacts().len(),
        1,
        "a failed sample is an artifact too"
    );
}

#[test]
fn a_config_that_is_not_sound_is_marked_line_by_line() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.file(
        "perf/config.yml",
        "main:\n  output: out\n  performance_results: x\n  keypare: x\nrun:\n  - absent.sh\n",
    );
    let mut job = github.job();
    let finished = run(step(&sandbox, &mut job, &[("config", "perf/config.yml")])).expect(2);
    finished.logs(",file=perf/config.yml,line=4,col=3::unknown key `keypare`");
    finished.logs(",file=perf/config.yml,line=6,col=5::the script `absent.sh` does not exist");
    let outputs = values(&job.output());
    assert_eq!(
        (outputs["status"].as_str(), outputs["exit-status"].as_str()),
        ("refused", "2")
    );
    assert!(job.summary().contains("nothing was launched"));
    assert!(!values(&job.state()).contains_key("run"));
}

#[test]
fn inputs_that_are_empty_count_as_missing() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    let mut job = github.job();
    let empty = [
        "description",
        "region",
        "role-to-assume",
        "role-duration",
        "output",
        "artifact-name",
        "retention-days",
        "comment",
        "matrix",
        "revision",
    ];
    let empty = empty.map(|name| (name, ""));
    run(step(&sandbox, &mut job, &empty)).expect(0);
    assert_eq!(
        values(&job.output())["revision"],
        SHA,
        "GITHUB_SHA is the default"
    );
    let mut wrong = step(&sandbox, &mut job, &[("retention-days", "many")]);
    wrong.env_remove("GITHUB_ACTIONS");
    run(wrong).expect(2).says("retention-days");
}

#[test]
fn secrets_are_masked_and_ids_are_not() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: /etc/os-release",
            "run:\n  - env.sh: {local: true}\n",
        )
        .script("env.sh", "env; echo done");
    let mut job = github.job();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let mut command = step(&sandbox, &mut job, &[]);
    command.env("AWS_SECRET_ACCESS_KEY", secret);
    let finished = run(command).expect(0);
    finished.logs(&format!("::add-mask::{secret}\n"));
    let id = sandbox
        .sample(SHA)
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!finished.stdout.contains(&format!("::add-mask::{id}")));
    let signature = github.artifacts()[0]["upload_query"]
        .as_str()
        .unwrap()
        .to_owned();
    let signature = signature
        .split("sig=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    finished.logs(&format!("::add-mask::{}\n", signature.replace('%', "%25")));
    for line in finished
        .stdout
        .lines()
        .filter(|line| !line.starts_with("::add-mask::"))
    {
        assert!(!line.contains(signature), "{line}");
    }
    for hidden in ["ACTIONS_RUNTIME_TOKEN=", "INPUT_GITHUB-TOKEN="] {
        assert!(
            !finished.stdout.contains(hidden),
            "{hidden} reached a script"
        );
    }
}

#[test]
fn the_line_break_of_a_block_scalar_is_no_part_of_an_input() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    let inputs = [
        ("config", " config.yml\n"),
        ("output", "elsewhere\n"),
        ("local", "true\n"),
        ("comment", "never\n"),
        ("retention-days", "7\n"),
        ("revision", "v1\n"),
    ];
    let mut job = github.job();
    run(step(&sandbox, &mut job, &inputs)).expect(0);
    let results = values(&job.output())["results-path"].clone();
    assert!(results.starts_with("elsewhere/v1/local-"), "{results:?}");
}

#[test]
fn what_is_wrong_with_an_input_is_told_in_the_words_of_a_workflow() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    for (input, value, words) in [
        (
            "role-duration",
            "an hour",
            "invalid value 'an hour' for the input `role-duration`: invalid digit",
        ),
        (
            "comment",
            "sometimes",
            "for the input `comment`%0A  [possible values: auto, always, never]",
        ),
        ("config", "", "missing inputs: `config`"),
    ] {
        let finished = run(step(&sandbox, &mut github.job(), &[(input, value)])).expect(2);
        finished.logs(words);
        assert!(!finished.stdout.contains("--"), "{}", finished.stdout);
    }
}

/// The post step of a job, with the state that its run saved.
pub(crate) fn post(sandbox: &Sandbox, job: &mut Job, inputs: &[(&str, &str)]) -> Finished {
    // The image has the same program under this name.
    let name = sandbox.path().join("collect-post");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_collect"), &name).unwrap();
    let main = step(sandbox, job, inputs);
    let mut command = Command::new(name);
    command.env_clear().current_dir(sandbox.path());
    for (variable, value) in main.get_envs() {
        if let Some(value) = value {
            command.env(variable, value);
        }
    }
    for (name, value) in values(&job.state()) {
        command.env(format!("STATE_{name}"), value);
    }
    run(command)
}

/// A job for pull request 7.
pub(crate) fn pull_request_job(github: &FakeGitHub) -> Job {
    let mut job = github.job();
    job.event("pull_request", &json!({ "pull_request": { "number": 7 } }));
    job
}

#[track_caller]
pub(crate) fn the_body(github: &FakeGitHub) -> String {
    let [comment] = github.comments(7).try_into().unwrap();
    comment["body"].as_str().unwrap().to_owned()
}

/// A run of an older commit has passed, and this one waits in its measurement.
fn after_one_that_passed(github: &FakeGitHub) -> (Sandbox, Job, Running) {
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: out.csv", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 1,2 > out.csv");
    run(step(&sandbox, &mut pull_request_job(github), &[])).expect(0);
    assert!(the_body(github).contains("✅ passed"));
    let started = sandbox.path().join("started");
    let script = format!("touch '{}'\nexec sleep 600", started.display());
    sandbox.script("measure.sh", &script);
    let mut job = pull_request_job(github);
    job.set("GITHUB_RUN_ATTEMPT", "2");
    let running = Running::spawn(step(&sandbox, &mut job, &[]));
    crate::command::wait_for("the measurement", || started.exists().then_some(()));
    (sandbox, job, running)
}

#[test]
fn after_a_cancel_the_post_step_delivers() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    let (sandbox, mut job, running) = after_one_that_passed(&github);
    let artifacts = github.artifacts().len();
    running.signal(rustix::process::Signal::INT);
    running.finish().expect(130);
    assert!(the_body(&github).contains("✅ passed"), "main had no time");
    let finished = post(&sandbox, &mut job, &[]).expect(0);
    finished.logs("commented: ");
    let body = the_body(&github);
    assert!(
        body.contains("⚠️ interrupted") && !body.contains("passed"),
        "{body}"
    );
    assert_eq!(github.artifacts().len(), artifacts + 1);
    assert!(body.contains("/artifacts/"), "{body}");
    assert!(job.summary().contains("interrupted"));
}

#[test]
fn after_a_kill_the_post_step_says_that_the_run_was_killed() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let (sandbox, mut job, running) = after_one_that_passed(&github);
    running.signal(rustix::process::Signal::KILL);
    running.finish();
    assert!(!job.summary().contains("ended before it could report"));
    post(&sandbox, &mut job, &[]).expect(0).logs("commented: ");
    let body = the_body(&github);
    assert!(
        body.contains("⚠️ interrupted") && !body.contains("passed"),
        "{body}"
    );
    assert!(body.contains("ended before it could report"), "{body}");
    assert!(job.summary().contains("ended before it could report"));
}

#[test]
fn a_refusal_takes_the_place_of_an_older_row() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let sandbox = quick_sandbox();
    run(step(&sandbox, &mut pull_request_job(&github), &[])).expect(0);
    sandbox.config("performance_results: out.csv", "run:\n  - absent.sh\n");
    let mut job = pull_request_job(&github);
    job.set("GITHUB_RUN_ATTEMPT", "2");
    run(step(&sandbox, &mut job, &[]))
        .expect(2)
        .logs("commented: ");
    let body = the_body(&github);
    assert!(
        body.contains("❌ failed") && body.contains("absent.sh"),
        "{body}"
    );
    // All is told: there is nothing left to do.
    assert_eq!(
        post(&sandbox, &mut job, &[])
            .expect(0)
            .stdout
            .lines()
            .count(),
        1
    );
    assert!(!the_body(&github).contains("interrupted"));
}

#[test]
fn after_a_run_that_delivered_the_post_step_has_nothing_to_say() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let sandbox = quick_sandbox();
    let mut job = pull_request_job(&github);
    run(step(&sandbox, &mut job, &[])).expect(0);
    let before = github.requests("/comments").len();
    let finished = post(&sandbox, &mut job, &[]).expect(0);
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    assert_eq!(github.requests("/comments").len(), before);
}
