//! What `tracing` tells of a run: nothing unless it is asked for.

use crate::command::{Sandbox, run};
use crate::lab::{Guest, Lab};

const MEASURE: &str = "run:\n  - measure.sh\n";

#[test]
fn verbose_twice_shows_every_call_with_its_sample_and_step() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(&lab.main("performance_results: result"), MEASURE)
        .script("measure.sh", "echo 1 > result");
    let finished = run(lab.collect(&sandbox, &["-v", "-v", "config.yml", "v1"])).expect(0);
    for part in [
        "operation=\"RunInstances\" status=Some(200)",
        "operation=\"TerminateInstances\" status=Some(200)",
        "SSH login",
        "sample{index=1 instance=i-",
        "step{phase=run script=measure.sh}",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

/// A rehearsal with these variables, and whether its steps are traced.
fn traces(sandbox: &Sandbox, variables: &[(&str, &str)]) -> bool {
    let mut command = sandbox.collect(&["config.yml", "v1", "--local"]);
    command.envs(variables.iter().copied());
    run(command).expect(0).stderr.contains("step{phase=run")
}

fn rehearsal() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: result", MEASURE)
        .script("measure.sh", "echo 1 > result");
    sandbox
}

#[test]
fn rust_log_chooses_what_is_traced() {
    let sandbox = rehearsal();
    assert!(!traces(&sandbox, &[]));
    assert!(traces(&sandbox, &[("RUST_LOG", "collector=trace")]));
    assert!(!traces(&sandbox, &[("RUST_LOG", "collector=off")]));
}

#[test]
fn a_runner_that_debugs_shows_what_is_traced() {
    let sandbox = rehearsal();
    let debug = ("RUNNER_DEBUG", "1");
    assert!(traces(&sandbox, &[debug]));
    assert!(!traces(&sandbox, &[("RUNNER_DEBUG", "0")]));
    assert!(!traces(&sandbox, &[debug, ("RUST_LOG", "collector=off")]));
}
