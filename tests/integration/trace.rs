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

#[test]
fn rust_log_chooses_what_is_traced() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: result\nprovider: local", MEASURE)
        .script("measure.sh", "echo 1 > result");
    let traced = |log: Option<&str>| {
        let mut command = sandbox.collect(&["config.yml", "v1"]);
        if let Some(log) = log {
            command.env("RUST_LOG", log);
        }
        run(command).expect(0).stderr.contains("step{phase=run")
    };
    assert!(!traced(None));
    assert!(traced(Some("collector=trace")));
    assert!(!traced(Some("collector=off")));
}
