//! An instance that stays after a failed run, and the ways back to it: here a rehearsal, which has no SSH.

use std::fs;
use std::path::Path;
use std::process::Command;

use collector::report::{Outcome, Release, SampleReport};
use collector::results::SampleDirectory;

use crate::command::{Finished, Running, Sandbox, processes_with, run, wait_for};

const FAIL: &str = "echo 42 > speed; echo oh no; exit 3";

fn failing(sandbox: &Sandbox) -> Finished {
    sandbox
        .config("performance_results: '*speed'", "run:\n  - measure.sh\n")
        .script("measure.sh", FAIL);
    run(sandbox.collect(&["config.yml", "v1", "--local", "--keep-on-failure", "30m"])).expect(1)
}

fn report(sample: &Path) -> SampleReport {
    SampleDirectory::new(sample).read().unwrap()
}

fn run_of(sandbox: &Sandbox) -> String {
    report(&sandbox.sample("v1")).run.to_string()
}

#[test]
fn the_end_of_the_run_tells_the_ways_back_and_they_work() {
    let sandbox = Sandbox::new();
    let finished = failing(&sandbox);
    let id = run_of(&sandbox);
    finished.says("then it ends itself\n");
    finished.says(&format!("look at it     collect ssh {id}\n"));
    finished.says(&format!("collect again  collect fetch {id}\n"));
    let released = report(&sandbox.sample("v1")).released;
    assert!(matches!(released, Release::Kept { .. }), "{released:?}");

    let listed = run(sandbox.collect(&["list", "--local"])).expect(0).stdout;
    assert!(listed.contains("kept") && listed.contains(&id), "{listed}");

    let shell = run(sandbox.collect(&[
        "ssh",
        &id,
        "--",
        "cat speed; echo 43 > more-speed; echo 44 > speed; exit 7",
    ]));
    assert_eq!((shell.status, shell.stdout.as_str()), (7, "42\n"));

    let fetched = run(sandbox.collect(&["fetch", &id])).expect(0).stdout;
    assert!(fetched.starts_with("2 files,"), "{fetched}");
    let more = fs::read_to_string(sandbox.sample("v1").join("more-speed")).unwrap();
    assert_eq!(more, "43\n");
    let newer = fs::read_to_string(sandbox.sample("v1").join("speed")).unwrap();
    assert_eq!(newer, "44\n", "it takes the place of the one that was here");
    assert!(!sandbox.sample("v1").join("speed.2").exists());
    assert_eq!(report(&sandbox.sample("v1")).collected.files, 2);

    run(sandbox.collect(&["reap", "--expired", "--local"])).expect(0);
    run(sandbox.collect(&["ssh", &id, "--", "true"])).expect(0);
    run(sandbox.collect(&["reap", "--run", &id, "--local"])).expect(0);
    let gone = run(sandbox.collect(&["ssh", &id, "--", "true"])).expect(2);
    gone.says("no way to an instance");
    gone.says("--keep-on-failure");
    let leases = fs::read_dir(sandbox.path().join("state/leases")).unwrap();
    assert_eq!(leases.count(), 0);
}

#[test]
fn an_instance_that_stays_ends_itself() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: speed\nkeep_on_failure: 10s",
            "run:\n  - measure.sh\n",
        )
        .script("measure.sh", FAIL);
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(1);
    let instances = sandbox.path().join("state/instances");
    assert_eq!(fs::read_dir(&instances).unwrap().count(), 1);
    wait_for("the end of the instance", || {
        (fs::read_dir(&instances).unwrap().count() == 0).then_some(())
    });
    wait_for("the end of its processes", || {
        processes_with(&instances.to_string_lossy())
            .is_empty()
            .then_some(())
    });
    // The timer may be a moment early, and the record goes by the clock.
    wait_for("the end of the way back", || {
        let gone = run(sandbox.collect(&["fetch", &run_of(&sandbox)]));
        gone.stderr.contains("no way to an instance").then_some(())
    });
}

#[test]
fn what_a_killed_collector_left_behind_is_fetched() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed", "run:\n  - measure.sh\n")
        .script(
            "measure.sh",
            "echo measuring; while [ ! -e go ]; do sleep 0.05; done; echo 42 > speed; echo done",
        );
    let args = ["config.yml", "v1", "--local", "--keep-on-failure", "30m"];
    let mut running = Running::spawn(sandbox.collect(&args));
    running.wait_for_output("measuring\n");
    let leases = fs::read_dir(sandbox.path().join("state/leases")).unwrap();
    let names = leases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names = names.filter_map(|name| Some(name.strip_suffix("-1.json")?.to_owned()));
    let id = names.next().unwrap();
    run(sandbox.collect(&["fetch", &id]))
        .expect(2)
        .says("still going on");
    running.kill_after("measuring\n");
    run(sandbox.collect(&["results"]))
        .expect(0)
        .says(&format!("`collect fetch {id}` collects from it"));
    run(sandbox.collect(&[
        "ssh",
        &id,
        "--",
        "touch go; while [ ! -e speed ]; do sleep 0.05; done",
    ]))
    .expect(0);
    wait_for("the end of the step", || {
        let log = sandbox.path().join("state/instances");
        let instance = fs::read_dir(log).unwrap().next()?.unwrap().path();
        let log = fs::read_to_string(instance.join("jobs/01/log")).unwrap();
        log.ends_with("done\n").then_some(())
    });
    let fetched = run(sandbox.collect(&["fetch", &id])).expect(0).stdout;
    assert!(fetched.starts_with("1 file,"), "{fetched}");
    let sample = sandbox.sample("v1");
    assert!(
        !sample
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with('.')
    );
    assert_eq!(fs::read_to_string(sample.join("speed")).unwrap(), "42\n");
    let log = sample.join("collector/logs/01-run-measure.sh.log");
    assert_eq!(fs::read_to_string(log).unwrap(), "measuring\ndone\n");
    run(sandbox.collect(&["reap", "--run", &id, "--local"])).expect(0);

    let report = report(&sample);
    assert_eq!(report.outcome, Outcome::Unavailable);
    assert_eq!(
        report.errors[0].message,
        "collector was ended before the sample was over"
    );
    assert_eq!((report.run.as_str(), report.collected.files), (&*id, 1));
    let listed = run(sandbox.collect(&["results", "v1"])).expect(0).stdout;
    assert!(listed.contains("failed (infrastructure)"), "{listed}");
    assert!(sample.with_extension("tar.gz").is_file());
    assert!(sample.join("collector/report.html").is_file());
    run(sandbox.collect(&["report", sample.to_str().unwrap()])).expect(0);
    run(sandbox.collect(&["rm", "--yes", &id])).expect(0);
    assert!(!sample.exists());
}

#[test]
fn the_post_step_of_the_job_leaves_it_alone() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed", "run:\n  - measure.sh\n")
        .script("measure.sh", FAIL)
        .file("state-file", "");
    let state = sandbox.path().join("state-file");
    let mut main = sandbox.collect(&["config.yml", "v1", "--local", "--keep-on-failure", "30m"]);
    main.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", sandbox.path())
        .env("GITHUB_STATE", &state);
    let log = run(main).expect(1).stdout;
    let id = run_of(&sandbox);
    assert!(log.contains(&format!("collect ssh {id}")), "{log}");
    assert!(fs::read_to_string(&state).unwrap().contains("released"));
    let name = sandbox.path().join("collect-post");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_collect"), &name).unwrap();
    let mut post = Command::new(name);
    post.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", sandbox.path().join("home"))
        .env("COLLECTOR_STATE_DIR", sandbox.path().join("state"))
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", sandbox.path())
        .env("STATE_run", &id)
        .env("STATE_provider", "local")
        .env("STATE_region", "local")
        .env("STATE_results", sandbox.output())
        .env("STATE_directory", sandbox.path())
        .env("STATE_released", "true");
    let post = run(post).expect(0).stdout;
    assert!(post.contains("as was asked for"), "{post}");
    run(sandbox.collect(&["ssh", &id, "--", "true"])).expect(0);
    run(sandbox.collect(&["reap", "--run", &id, "--local"])).expect(0);
}
