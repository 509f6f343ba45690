//! Whose credentials a run has: those of a role that the job may assume, or what it finds, if that lasts.

use std::process::Command;

use serde_json::json;

use crate::command::{Running, Sandbox, run, wait_for};
use crate::fake_github::{FakeGitHub, Job};
use crate::lab::{Guest, Lab};
use crate::workflow::{step, values};

const ROLE: &str = "arn:aws:iam::123456789012:role/collector";

/// The program in a job, on the tests' EC2, without a credential of its own.
fn step_on_ec2(lab: &Lab, sandbox: &Sandbox, job: &mut Job, inputs: &[(&str, &str)]) -> Command {
    let mut command = step(sandbox, job, &[("local", "false"), ("comment", "never")]);
    lab.surround(&mut command);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    for (name, value) in inputs {
        command.env(format!("INPUT_{}", name.to_uppercase()), value);
    }
    command
}

fn sandbox(lab: &Lab, more: &str, phases: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main(&format!("performance_results: /etc/os-release\n{more}")),
            phases,
        )
        .script("ok.sh", "true")
        .script("wait.sh", "echo waiting\nexec sleep 600");
    sandbox
}

#[test]
fn a_role_is_assumed_with_the_jobs_id_token() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::Sshd)) else {
        return;
    };
    let sandbox = sandbox(&lab, "", "run:\n  - ok.sh\n");
    let mut job = github.job();
    run(step_on_ec2(
        &lab,
        &sandbox,
        &mut job,
        &[("role-to-assume", ROLE), ("role-duration", "900")],
    ))
    .expect(0);
    lab.expect_nothing_left();
    let call = lab.calls("AssumeRoleWithWebIdentity").remove(0);
    let parameters = &call["params"];
    assert_eq!(parameters["RoleArn"], ROLE);
    assert_eq!(parameters["DurationSeconds"], "900");
    assert_eq!(
        parameters["WebIdentityToken"]
            .as_str()
            .unwrap()
            .split('.')
            .count(),
        3
    );
    let asked = github.requests("idtoken");
    assert!(!asked.is_empty());
    assert_eq!(values(&job.state())["role"], ROLE);
}

#[test]
fn the_credentials_are_renewed_while_the_run_lasts() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::Sshd)) else {
        return;
    };
    // A session that is about to end whenever it is looked at.
    lab.session(5);
    let sandbox = sandbox(&lab, "", "run:\n  - ok.sh\n");
    run(step_on_ec2(
        &lab,
        &sandbox,
        &mut github.job(),
        &[("role-to-assume", ROLE)],
    ))
    .expect(0);
    lab.expect_nothing_left();
    let assumed = lab.calls("AssumeRoleWithWebIdentity");
    // Once to see that it can be done, and again for what comes later.
    assert!(assumed.len() > 2, "{assumed:?}");
    let tokens: std::collections::BTreeSet<_> = assumed
        .iter()
        .map(|call| call["params"]["WebIdentityToken"].to_string())
        .collect();
    assert_eq!(
        tokens.len(),
        assumed.len(),
        "each with an ID token of its own"
    );
    let last = assumed.last().unwrap()["at"].as_f64().unwrap();
    assert!(last > lab.calls("RunInstances")[0]["at"].as_f64().unwrap());
}

#[test]
fn without_an_id_token_nothing_is_launched_and_the_permission_is_named() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::None)) else {
        return;
    };
    let sandbox = sandbox(&lab, "", "");
    let mut job = github.job();
    job.set("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "");
    let finished = run(step_on_ec2(
        &lab,
        &sandbox,
        &mut job,
        &[("role-to-assume", ROLE)],
    ))
    .expect(3);
    finished.logs("add `id-token: write` to the job's `permissions:`");
    assert!(lab.instances().is_empty());
}

#[test]
fn a_role_that_does_not_trust_the_job_is_told() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::None)) else {
        return;
    };
    lab.fault(&json!({
        "action": "AssumeRoleWithWebIdentity", "count": -1, "code": "AccessDenied", "status": 403,
        "message": "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    }));
    let sandbox = sandbox(&lab, "", "");
    let finished = run(step_on_ec2(
        &lab,
        &sandbox,
        &mut github.job(),
        &[("role-to-assume", ROLE)],
    ))
    .expect(3);
    finished.logs(&format!("the role {ROLE} cannot be assumed: "));
    finished.logs("Not authorized to perform sts:AssumeRoleWithWebIdentity");
    finished.logs("trust policy");
    assert!(lab.instances().is_empty());
}

/// Credentials that another step has left in the environment, which end in so many minutes.
fn with_session(mut command: Command, minutes: Option<i64>) -> Command {
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_SESSION_TOKEN", "test");
    if let Some(minutes) = minutes {
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
        command.env("AWS_CREDENTIAL_EXPIRATION", end.to_string());
    }
    command
}

#[test]
fn credentials_that_end_before_the_run_may_are_refused_before_anything_is_launched() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::Sshd)) else {
        return;
    };
    let endless = sandbox(
        &lab,
        "",
        "before_aws_start:\n  - ok.sh: {local: true}\nrun:\n  - ok.sh\n",
    );
    let mut job = github.job();
    let finished = run(with_session(
        step_on_ec2(&lab, &endless, &mut job, &[]),
        Some(50),
    ))
    .expect(3);
    finished.logs("the AWS credentials end at ");
    finished.logs("`role-to-assume`");
    assert!(lab.instances().is_empty() && !finished.stdout.contains("ok.sh"));
    assert_eq!(values(&job.output())["status"], "refused");

    let bounded = sandbox(&lab, "", "run:\n  - ok.sh: {timeout: 10}\n");
    run(with_session(
        step_on_ec2(&lab, &bounded, &mut job, &[]),
        Some(50),
    ))
    .expect(0);

    let unknown = sandbox(&lab, "", "run:\n  - ok.sh\n");
    let finished = run(with_session(
        step_on_ec2(&lab, &unknown, &mut job, &[]),
        None,
    ))
    .expect(0);
    finished.logs("::warning title=collector::the AWS credentials are temporary and nothing tells when they end");
    lab.expect_nothing_left();
}

/// The post step of a job, with the state that its run saved.
fn post(sandbox: &Sandbox, job: &Job, lab: &Lab) -> Command {
    // The image has the same program under this name.
    let name = sandbox.path().join("collect-post");
    if !name.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_collect"), &name).unwrap();
    }
    let mut command = Command::new(name);
    command
        .env_clear()
        .current_dir(sandbox.path())
        .envs(job.variables());
    for (variable, value) in [("HOME", "home"), ("COLLECTOR_STATE_DIR", "elsewhere")] {
        command.env(variable, sandbox.path().join(value));
    }
    lab.surround(&mut command);
    for (name, value) in values(&job.state()) {
        command.env(format!("STATE_{name}"), value);
    }
    command
}

#[test]
fn the_post_step_ends_what_a_killed_run_left_with_the_same_role() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::Sshd)) else {
        return;
    };
    let sandbox = sandbox(&lab, "", "run:\n  - wait.sh\n");
    let mut job = github.job();
    let running = Running::spawn(step_on_ec2(
        &lab,
        &sandbox,
        &mut job,
        &[("role-to-assume", ROLE)],
    ));
    wait_for("the instance", || {
        let instances = lab.instances();
        instances
            .iter()
            .any(|instance| instance["state"] == "running")
            .then_some(())
    });
    running.signal(rustix::process::Signal::KILL);
    running.finish();
    let id = lab.instance()["id"].as_str().unwrap().to_owned();

    let mut sweeping = post(&sandbox, &job, &lab);
    sweeping
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let finished = run(sweeping).expect(0);
    finished.logs(&format!("terminated {id} in us-east-1"));
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    lab.expect_nothing_left();
}

#[test]
fn the_post_step_says_in_one_line_that_nothing_was_left() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::Sshd)) else {
        return;
    };
    let sandbox = sandbox(&lab, "", "run:\n  - ok.sh\n");
    let mut job = github.job();
    let mut command = step_on_ec2(&lab, &sandbox, &mut job, &[]);
    lab.surround(&mut command);
    run(command).expect(0);
    let finished = run(post(&sandbox, &job, &lab)).expect(0);
    assert!(
        finished
            .stdout
            .ends_with(" left no instance behind in us-east-1\n"),
        "{}",
        finished.stdout
    );
    assert_eq!(finished.stdout.lines().count(), 1);
    let nothing = run(post(&sandbox, &github.job(), &lab)).expect(0);
    nothing.logs("this job never got far enough");
}

#[test]
fn a_post_step_that_cannot_look_says_so_and_fails() {
    let (Some(github), Some(lab)) = (FakeGitHub::start(), Lab::start(Guest::None)) else {
        return;
    };
    let sandbox = sandbox(&lab, "", "");
    let job = github.job();
    let mut nobody = post(&sandbox, &job, &lab);
    for (name, value) in [
        ("run", "20261122T120000Z-00000000"),
        ("provider", "ec2"),
        ("region", "us-east-1"),
        ("results", "/none"),
        ("directory", "/none"),
    ] {
        nobody.env(format!("STATE_{name}"), value);
    }
    nobody
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let finished = run(nobody).expect(4);
    finished.logs("::error title=collector::could not check whether run 20261122T120000Z-00000000 left an instance in us-east-1");
}

#[test]
fn the_post_step_deletes_the_group_that_the_instance_still_held() {
    let (Some(github), Some(lab)) = (
        FakeGitHub::start(),
        Lab::shutting_down_for(Guest::Sshd, "3"),
    ) else {
        return;
    };
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: /etc/os-release\nssh_from: 192.0.2.7/32");
    sandbox.config(&main.replace("security_group: collector\n", ""), "");
    let mut job = github.job();
    let mut command = step_on_ec2(&lab, &sandbox, &mut job, &[]);
    lab.surround(&mut command);
    run(command).expect(0);
    let listed = || run(lab.collect(&sandbox, &["list"])).expect(0).stdout;
    assert!(listed().contains("security group"), "{}", listed());
    run(post(&sandbox, &job, &lab)).expect(0);
    assert!(!listed().contains("security group"), "{}", listed());
}
