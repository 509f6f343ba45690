//! How steps run, and how they end: on this machine, which a rehearsal takes for an instance.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, test_kill_process};

use crate::command::{PATIENCE, Running, Sandbox, run, wait_for};

fn is_alive(pid: i32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = state.rsplit(')').next().unwrap_or("").starts_with(" Z");
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !zombie
}

fn pid_in(path: &Path) -> i32 {
    wait_for("the process id", || {
        fs::read_to_string(path).ok()?.trim().parse().ok()
    })
}

#[test]
fn variables_that_a_shell_has_for_itself_arrive_as_they_are() {
    let names = [
        "UID", "EUID", "PPID", "RANDOM", "SECONDS", "LINENO", "GROUPS", "DIRSTACK",
    ];
    let env = names
        .map(|name| format!("        {name}: \"value of {name}\"\n"))
        .concat();
    let sandbox = Sandbox::new();
    sandbox.config(
        "performance_results: seen-*",
        &format!(
            "run:\n  - see.sh:\n    - env:\n{env}  - see=here.sh:\n    - env:\n        UID: 1\n  - see-here.sh:\n    - local: true\n    - env:\n{env}"
        ),
    )
    .script("see.sh", "tr '\\0' '\\n' < /proc/$$/environ > seen-there")
    .script("see=here.sh", "[ \"$UID\" = 1 ]")
    .script(
        "see-here.sh",
        "tr '\\0' '\\n' < /proc/$$/environ > \"$COLLECTOR_OUTPUT/seen-here\"",
    );
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    for file in ["seen-there", "seen-here"] {
        let seen = fs::read_to_string(sandbox.sample("v1").join(file)).unwrap();
        for name in names {
            let line = format!("{name}=value of {name}");
            assert!(seen.lines().any(|seen| seen == line), "{line} in {seen}");
        }
    }
}

#[test]
fn what_a_server_prints_after_its_step_comes_home() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: done",
            "setup:\n  - serve.sh\nrun:\n  - measure.sh\n",
        )
        .script(
            "serve.sh",
            "echo begins\n(while [ ! -e go ]; do sleep 0.05; done; echo served; echo > served) &",
        )
        .script(
            "measure.sh",
            "echo > go; while [ ! -e served ]; do sleep 0.05; done; echo > done",
        );
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let log = sandbox
        .sample("v1")
        .join("collector/logs/01-setup-serve.sh.log");
    assert_eq!(fs::read_to_string(log).unwrap(), "begins\nserved\n");
}

#[test]
fn a_local_step_does_not_outlive_a_collector_that_was_killed() {
    let sandbox = Sandbox::new();
    let pids = sandbox.path().join("pid");
    sandbox.config(
        "performance_results: done",
        "before_aws_start:\n  - stay.sh:\n    - local: true\n",
    )
    .script(
        "stay.sh",
        "trap '' TERM HUP; setsid sh -c 'echo $$ > pid.part; mv pid.part pid; exec sleep 1000' & echo here; wait",
    );
    let running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    let pid = pid_in(&pids);
    assert!(is_alive(pid));
    running.kill_after("here");
    wait_for("the end of the step", || (!is_alive(pid)).then_some(()));
    let steps = sandbox.path().join("state/steps");
    wait_for("an empty directory", || {
        (fs::read_dir(&steps).ok()?.count() == 0).then_some(())
    });
}

/// A process without a marker, of a parent that carries it: only the family tree shows that it belongs to the job.
#[test]
fn a_process_with_a_line_break_in_its_name_is_ended_with_its_family() {
    let sandbox = Sandbox::new();
    let marker = format!("lease-of-{}/", std::process::id());
    let odd = sandbox.path().join("x\n1 (y) S 1");
    fs::copy("/bin/sleep", &odd).unwrap();
    let mut parent = Command::new("sh")
        .args(["-c", "env -i \"$0\" 1000 & echo $! > pid; wait"])
        .arg(&odd)
        .env("COLLECTOR_JOB", format!("{marker}01-"))
        .current_dir(sandbox.path())
        .spawn()
        .unwrap();
    let pid = pid_in(&sandbox.path().join("pid"));
    wait_for("the program", || {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.contains("(y)"))
            .then_some(())
    });
    let killed = Command::new("sh")
        .args(["-c", include_str!("../../src/job/kill.sh"), "kill"])
        .args([&marker, "50", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&killed.stdout).trim(), "0");
    assert!(!is_alive(pid), "{killed:?}");
    parent.wait().unwrap();
}

/// The follower of a log is a shell on the instance, and anything may end it there.
#[test]
fn a_follower_that_is_killed_leaves_nothing_that_holds_its_output() {
    let sandbox = Sandbox::new();
    sandbox.file("job/log", "line\n").file("job/lock", "");
    let job = sandbox.path().join("job");
    let mut held = Command::new("flock")
        .arg(job.join("lock"))
        .args(["sh", "-c", "echo; read -r _"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    held.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let mut follower = Command::new("sh")
        .args(["-c", include_str!("../../src/job/follow.sh"), "follow"])
        .arg(&job)
        .arg("0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = follower.stdout.take().unwrap();
    let mut line = [0; 5];
    output.read_exact(&mut line).unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).unwrap();
        ended.send(()).unwrap();
    });
    assert!(end.recv_timeout(PATIENCE).is_ok());
    drop(held.stdin.take());
    held.wait().unwrap();
}
