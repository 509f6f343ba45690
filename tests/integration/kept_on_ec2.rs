//! An instance of EC2 that stays after a failed run: a booted guest, and the ways back to it over SSH.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use collector::report::{Release, SampleReport};
use collector::results::SampleDirectory;
use serde_json::Value;

use crate::command::{Sandbox, run};
use crate::lab::{Guest, Lab};

fn report(sandbox: &Sandbox) -> SampleReport {
    SampleDirectory::new(sandbox.sample("v1")).read().unwrap()
}

fn state(lab: &Lab) -> Value {
    lab.instance()["state"].clone()
}

/// The post step of a job whose main step left the instance alive.
fn post(lab: &Lab, sandbox: &Sandbox, run: &str) -> Command {
    let name = sandbox.path().join("collect-post");
    symlink(env!("CARGO_BIN_EXE_collect"), &name).unwrap();
    let mut post = Command::new(name);
    post.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", sandbox.path().join("home"))
        .env("COLLECTOR_STATE_DIR", sandbox.path().join("state"))
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", sandbox.path())
        .env("STATE_run", run)
        .env("STATE_provider", "ec2")
        .env("STATE_region", "us-east-1")
        .env("STATE_results", sandbox.output())
        .env("STATE_directory", sandbox.path())
        .env("STATE_released", "true");
    lab.surround(&mut post);
    post
}

#[test]
fn it_can_be_logged_in_to_and_collected_from_again_until_it_is_ended() {
    let Some(lab) = Lab::start(Guest::Booted) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: '/tmp/*speed'\nkeep_on_failure: 30m"),
            "run:\n  - measure.sh\n",
        )
        .script("measure.sh", "echo 42 > /tmp/speed; exit 3");
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(1);
    let SampleReport {
        run: id, released, ..
    } = report(&sandbox);
    let id = id.to_string();
    finished.says("and costs $0.0440 an hour, then it ends itself");
    finished.says(&format!("look at it     collect ssh {id}\n"));
    let Release::Kept { until, .. } = released else {
        panic!("{released:?}");
    };
    assert_eq!(state(&lab), "running");

    // The instance itself ends sooner, and its tag says so.
    let left = until.duration_since(jiff::Timestamp::now()).as_mins();
    assert!((25..=30).contains(&left), "{left}");
    let tag = lab.instance()["tags"]["collector:expires-at"].to_string();
    assert!(
        tag.contains(&until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        "{tag}"
    );
    let timers = "systemctl list-timers --no-legend 'run-*'";
    let timers = run(lab.collect(&sandbox, &["ssh", &id, "--", timers]))
        .expect(0)
        .stdout;
    let short = ["27min", "28min", "29min"];
    assert!(
        timers.split_whitespace().any(|word| short.contains(&word)),
        "{timers}"
    );

    let command = "cat /tmp/speed; echo 43 > /tmp/more-speed; exit 7";
    let shell = run(lab.collect(&sandbox, &["ssh", &id, "--", command]));
    assert_eq!((shell.status, shell.stdout.as_str()), (7, "42\n"));
    let fetched = run(lab.collect(&sandbox, &["fetch", &id])).expect(0).stdout;
    assert!(fetched.starts_with("2 files,"), "{fetched}");
    let more = fs::read_to_string(sandbox.sample("v1").join("more-speed")).unwrap();
    assert_eq!(more, "43\n");

    // Nobody ends it who was not asked to.
    let words = run(post(&lab, &sandbox, &id)).expect(0).stdout;
    assert!(words.contains("as was asked for"), "{words}");
    run(lab.collect(&sandbox, &["reap", "--expired"])).expect(0);
    assert_eq!(state(&lab), "running");
    run(lab.collect(&sandbox, &["reap", "--run", &id])).expect(0);
    lab.expect_nothing_left();
    let gone = run(lab.collect(&sandbox, &["ssh", &id, "--", "true"])).expect(2);
    gone.says("no way to an instance");
    let leases = fs::read_dir(sandbox.path().join("state/leases")).unwrap();
    assert_eq!(leases.count(), 0);
}
