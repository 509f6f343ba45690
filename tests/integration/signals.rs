//! Signals at any moment: the instance is given back first, and the process is gone in time.

use std::time::{Duration, Instant};

use collector::report;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{Running, Sandbox};
use crate::lab::{Guest, Lab};

/// A runner kills the process 10 s after its first signal; DESIGN promises to be gone before that.
pub(crate) const GONE: Duration = Duration::from_secs(6);

pub(crate) const PHASES: [&str; 7] = [
    "before_aws_start",
    "after_aws_start",
    "setup",
    "run",
    "before_collect",
    "after_collect",
    "before_aws_terminate",
];

pub(crate) fn sandbox_that_waits_in(phase: &str, main: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config(main, &format!("{phase}:\n  - wait.sh\n"))
        .script("wait.sh", "echo waiting\nexec sleep 600");
    sandbox
}

#[test]
fn a_signal_in_any_phase_ends_the_instance_in_time() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    for (phase, (signal, status)) in PHASES.into_iter().zip(signals.into_iter().cycle()) {
        let sandbox =
            sandbox_that_waits_in(phase, &lab.main("performance_results: /etc/os-release"));
        let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
        running.wait_for_output("waiting\n");
        let since = Instant::now();
        running.signal(signal);
        running.finish().expect(status);
        assert!(since.elapsed() < GONE, "{phase}: {:?}", since.elapsed());
        lab.expect_nothing_left();
        let log = sandbox
            .sample("v1")
            .join(format!("collector/logs/01-{phase}-wait.sh.log"));
        assert_eq!(std::fs::read_to_string(log).unwrap(), "waiting\n");
        let report =
            std::fs::read_to_string(sandbox.sample("v1").join("collector/run.json")).unwrap();
        assert!(report.contains("\"interrupted\""), "{report}");
    }
}

#[test]
fn a_signal_while_the_instance_boots_ends_it() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1", "--verbose"]));
    running.wait_for_output("is up at");
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.finish().expect(143);
    assert!(since.elapsed() < GONE);
    lab.expect_nothing_left();
}

#[test]
fn a_signal_during_the_launch_ends_what_was_launched() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    lab.fault(&json!({"action": "RunInstances", "count": 1, "delay": 1.0}));
    let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    running.wait_for_output("launch …");
    crate::command::wait_for("the call", || {
        (!lab.calls("RunInstances").is_empty()).then_some(())
    });
    running.signal(Signal::INT);
    running.finish().expect(130);
    assert_eq!(lab.instances().len(), 1);
    lab.expect_nothing_left();
}

#[test]
fn what_cannot_be_confirmed_is_the_last_line_and_outranks_the_signal() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    lab.fault(&json!({"action": "TerminateInstances", "count": -1, "code": "Unavailable", "message": "later", "status": 503}));
    let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    running.wait_for_output("is up at");
    let since = Instant::now();
    running.signal(Signal::TERM);
    let finished = running.finish().expect(4);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    let last = finished.stderr.lines().last().unwrap();
    let id = lab.instance()["id"].as_str().unwrap().to_owned();
    assert!(
        last.contains(&id) && last.contains("us-east-1") && last.contains("https://"),
        "{last}"
    );
    let leases = sandbox.path().join("state/leases");
    assert!(
        std::fs::read_dir(leases).unwrap().next().is_some(),
        "the lease is kept for reap"
    );
    lab.clear_faults();
    crate::command::run(lab.collect(&sandbox, &["reap", "--all"])).expect(0);
    lab.expect_nothing_left();
}

#[test]
fn a_signal_ends_a_rehearsal_and_all_of_its_processes() {
    let nap = format!("600.{}1", std::process::id());
    for place in ["", ": {local: true}"] {
        let sandbox = Sandbox::new();
        sandbox
            .config(
                "performance_results: none",
                &format!("run:\n  - wait.sh{place}\n"),
            )
            .script("wait.sh", &format!("echo waiting\nsleep {nap}"));
        let mut running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
        running.wait_for_output("waiting\n");
        let since = Instant::now();
        running.signal(Signal::TERM);
        running.finish().expect(143);
        assert!(since.elapsed() < GONE);
        let left = crate::command::processes_with(&format!("sleep\0{nap}"));
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_disk_that_hangs_holds_up_no_signal() {
    let sandbox = Sandbox::new();
    // Whoever writes to a pipe that nobody reads waits, as for a disk that does not answer.
    let logs = sandbox.output().join("v1/.*.partial/collector/logs");
    sandbox
        .config(
            "performance_results: none",
            "setup:\n  - hang.sh: {local: true}\nrun:\n  - measure.sh\n",
        )
        .script(
            "hang.sh",
            &format!("cd {} && mkfifo 02-run-measure.sh.log", logs.display()),
        )
        .script("measure.sh", "true");
    let mut running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    running.wait_for_output("run: measure.sh");
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.finish().expect(143).says("terminate: done");
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
}

#[test]
fn every_signal_that_would_end_the_process_ends_the_run_in_good_order() {
    let begun = report::Signal::ALL.map(|signal| {
        let sandbox = Sandbox::new();
        let nap = format!("600.{}2{}", std::process::id(), signal.number());
        sandbox
            .config(
                "performance_results: result",
                "run:\n  - wait.sh\nafter_collect:\n  - afterwards.sh\n",
            )
            .script(
                "wait.sh",
                &format!("touch result\necho waiting\nsleep {nap}"),
            )
            .script("afterwards.sh", "echo afterwards");
        let running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
        (signal, sandbox, nap, running)
    });
    for (signal, sandbox, nap, mut running) in begun {
        running.wait_for_output("waiting\n");
        let since = Instant::now();
        running.signal(Signal::from_named_raw(signal.number().into()).unwrap());
        let finished = running.finish().expect(128 + i32::from(signal.number()));
        assert!(since.elapsed() < GONE, "{signal}: {:?}", since.elapsed());
        finished.says(&format!("ended by a signal ({signal})"));
        assert!(!finished.stderr.contains("afterwards.sh"), "{signal}");
        let left = crate::command::processes_with(&format!("sleep\0{nap}\0"));
        assert!(left.is_empty(), "{signal}: {left:?}");
        let sample = sandbox.sample("v1");
        let log = std::fs::read_to_string(sample.join("collector/logs/01-run-wait.sh.log"));
        assert_eq!(log.unwrap(), "waiting\n", "{signal}");
        let record = std::fs::read_to_string(sample.join("collector/run.json")).unwrap();
        let record: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["outcome"], "interrupted", "{signal}");
        assert_eq!(record["signal"], signal.to_string());
        assert!(!sample.join("result").exists(), "{signal}");
        let mut kept = std::fs::read_dir(sandbox.output().join("v1")).unwrap();
        let archive = kept.find(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|end| end == "gz")
        });
        assert!(archive.is_none(), "{signal}: {archive:?}");
    }
}
