//! A run as a step of a workflow: what the job gets of it.

use std::process::Command;

use serde_json::json;

use crate::command::{Desk, run};
use crate::stand::{Job, SHA, Stand};

/// The program in a job whose workspace is the desk.
fn step(desk: &Desk, job: &mut Job, inputs: &[(&str, &str)]) -> Command {
    job.set("GITHUB_WORKSPACE", desk.path().to_str().unwrap());
    let mut command = desk.collect(&[]);
    command.envs(job.variables());
    for (name, value) in inputs {
        command.env(format!("INPUT_{}", name.to_uppercase()), value);
    }
    command
}

#[test]
fn a_run_leaves_an_artifact_a_summary_and_a_comment() {
    let Some(stand) = Stand::with_prism() else {
        return;
    };
    stand.add_pull(&json!({ "number": 7, "sha": SHA }));
    let mut job = stand.job();
    job.event("pull_request", &json!({ "pull_request": { "number": 7 } }));
    let desk = Desk::new();
    desk.config("performance_results: /tmp/none", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo '::error::not a command'; echo measured");
    let inputs = [
        ("config", "config.yml"),
        ("revision", SHA),
        ("local", "true"),
    ];
    let finished = run(step(&desk, &mut job, &inputs)).expect(0);
    println!("{}\n---\n{}", finished.stdout, finished.stderr);
    println!(
        "{}\n---\n{}\n---\n{}",
        job.output(),
        job.state(),
        job.summary()
    );
    println!("{:#?}", stand.comments(7));
    println!("{:#?}", stand.artifacts());
    panic!();
}
