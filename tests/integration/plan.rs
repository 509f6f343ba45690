//! `collect plan`: what a run would do, and what it then does.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::command::{Sandbox, run};

/// A config that says everything.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(
        "performance_results: ['/tmp/*.{csv,txt}', out/]\n\
         ec2_instance_size: c7i.large\n\
         ami: resolve:ssm:/aws/service/debian/release/13/latest/amd64\n\
         security_group: lab\n\
         keypair: mine\n\
         max_lifetime: 2h\n\
         samples: 3",
        "before_aws_start:\n  - check.sh\n\
         after_aws_start:\n  - prepare.sh: {local: true}\n\
         setup:\n  - install.sh: {args: [--level, 3.10, 'two words', ''], env: {MODE: fast, QUOTE: \"it's\"}}\n\
         run:\n  - measure.sh: {timeout: 30m, warn_only: true}\n  - measure.sh\n",
    );
    for name in ["check.sh", "prepare.sh", "install.sh", "measure.sh"] {
        sandbox.script(name, "env >names");
    }
    sandbox
}

/// The answer to a person, without the sandbox's path.
fn plan(sandbox: &Sandbox, words: &[&str], region: Option<&str>) -> String {
    let mut command = sandbox.collect(&[&["plan"], words].concat());
    command.envs(region.map(|region| ("AWS_REGION", region)));
    let finished = run(command).expect(0);
    assert_eq!(finished.stderr, "");
    finished
        .stdout
        .replace(&sandbox.path().display().to_string(), "…")
}

fn json_plan(sandbox: &Sandbox, words: &[&str]) -> Value {
    let words = [&["--json", "config.yml", "v1"], words].concat();
    serde_json::from_str(&plan(sandbox, &words, None)).unwrap()
}

fn setting<'a>(plan: &'a Value, key: &str) -> &'a Value {
    let settings = plan["settings"].as_array().unwrap();
    settings
        .iter()
        .find(|setting| setting["key"] == key)
        .unwrap()
}

#[test]
fn a_run_on_ec2_is_shown_without_aws() {
    insta::assert_snapshot!(
        "plan_ec2",
        plan(&sandbox(), &["config.yml", "feature/x"], None)
    );
}

#[test]
fn a_rehearsal_is_shown() {
    insta::assert_snapshot!(
        "plan_local",
        plan(&sandbox(), &["--local", ".", "v1"], None)
    );
}

#[test]
fn arguments_outrank_the_config_and_the_config_the_environment() {
    let sandbox = sandbox();
    let words = ["--samples", "5", "--parallel", "2", "--output", "elsewhere"];
    let shown = json_plan(&sandbox, &words);
    assert_eq!(setting(&shown, "samples")["value"], 5);
    assert_eq!(setting(&shown, "parallel")["value"], 2);
    assert_eq!(
        setting(&shown, "output")["value"],
        "…/elsewhere/v1/<instance>"
    );
    assert_eq!(setting(&shown, "region")["value"], Value::Null);
    let shown = plan(&sandbox, &["config.yml", "v1"], Some("eu-central-1"));
    assert!(shown.contains("eu-central-1 (from AWS_REGION)"), "{shown}");
    let words = ["--region", "us-east-1", "config.yml", "v1"];
    let shown = plan(&sandbox, &words, Some("eu-central-1"));
    assert!(shown.contains("us-east-1\n"), "{shown}");
}

#[test]
fn as_json_it_has_every_step_with_its_arguments_and_variables() {
    let shown = json_plan(&sandbox(), &[]);
    assert_eq!(shown["format"], 1);
    let stages: Vec<&str> = shown["schedule"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["stage"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "before_aws_start",
            "launch",
            "ready",
            "after_aws_start",
            "calibrate",
            "setup",
            "run",
            "calibrate",
            "collect",
            "terminate",
            "archive"
        ]
    );
    let install = &shown["schedule"][5]["steps"][0];
    assert_eq!(install["script"], "install.sh");
    assert_eq!(install["place"], "remote");
    assert_eq!(install["args"], json!(["--level", "3.10", "two words", ""]));
    assert_eq!(install["env"]["VERSION"], "v1");
    assert_eq!(install["env"]["QUOTE"], "it's");
    assert_eq!(install["env"]["COLLECTOR_RUN_ID"], Value::Null);
    let measure = &shown["schedule"][6]["steps"][0];
    assert_eq!(measure["timeout_seconds"], 1800.0);
    assert_eq!(measure["warn_only"], true);
}

#[test]
fn a_step_has_the_variables_that_were_announced() {
    let sandbox = sandbox();
    let shown = json_plan(&sandbox, &["--local"]);
    let entries = shown["schedule"].as_array().unwrap();
    let announced = |stage: &str| -> BTreeSet<String> {
        let entry = entries
            .iter()
            .find(|entry| entry["stage"] == stage)
            .unwrap();
        let env = entry["steps"][0]["env"].as_object().unwrap();
        env.keys()
            .filter(|name| is_collectors(name))
            .cloned()
            .collect()
    };
    let local = announced("after_aws_start");
    assert!(
        local.contains("VERSION") && local.contains("COLLECTOR_OUTPUT"),
        "{local:?}"
    );
    sandbox.script("measure.sh", "mkdir -p out; env >out/names");
    run(sandbox.collect(&["--local", "--samples", "1", "config.yml", "v1"])).expect(0);
    let given = |text: String| -> BTreeSet<String> {
        let names = text
            .lines()
            .map(|line| line.split('=').next().unwrap().to_owned());
        names.filter(|name| is_collectors(name)).collect()
    };
    let names = fs::read_to_string(sandbox.path().join("names")).unwrap();
    assert_eq!(given(names), local);
    let names = fs::read_to_string(sandbox.sample("v1").join("out/names")).unwrap();
    assert_eq!(given(names), announced("run"));
}

/// Whether collector sets a variable for a step to read; two more are for its own use.
fn is_collectors(name: &str) -> bool {
    let own = ["COLLECTOR_JOB", "COLLECTOR_STATE_DIR"];
    name == "VERSION" || (name.starts_with("COLLECTOR_") && !own.contains(&name))
}

#[test]
fn a_config_that_is_not_valid_has_no_plan() {
    let sandbox = sandbox();
    fs::remove_file(sandbox.path().join("check.sh")).unwrap();
    let finished = run(sandbox.collect(&["plan", ".", "v1"])).expect(2);
    assert_eq!(finished.stdout, "");
    finished.says("the script `check.sh` does not exist");
    run(self::sandbox().collect(&["plan", ".", "a b"]))
        .expect(2)
        .says("contains ' '");
}
