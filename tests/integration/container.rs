//! The action in its container, as the runner starts and ends it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::command::{Sandbox, wait_for};
use crate::docker::{Docker, IMAGE, KILLED, RUNNER, Report, Stage, everything_in, job, succeed};
use crate::documents::Document;
use crate::fake_github::FakeGitHub;
use crate::lab::{Guest, Lab};
use crate::signals::{GONE, PHASES, sandbox_that_waits_in};

/// The groups of a rehearsal that has scripts in `run` only.
const GROUPS: [&str; 6] = ["launch", "ready", "run", "collect", "terminate", "archive"];

fn titles(stage: &Stage) -> Vec<&str> {
    stage.groups.iter().map(|group| &*group.title).collect()
}

/// Waits in a phase on an instance of the tests' EC2.
fn job_that_waits_in(sandbox: &Sandbox, lab: &Lab) -> Value {
    let inputs = json!({"config": "config.yml", "revision": "v1", "output": "out"});
    job(sandbox, &lab.variables(), &inputs)
}

/// Post found the one instance alive, ended it and said so in one line.
#[track_caller]
fn expect_ended_by_post(report: &Report, lab: &Lab) {
    let instance = lab.instance();
    let id = instance["id"].as_str().unwrap();
    let Report { main, post } = report;
    assert_eq!(main.exit, KILLED);
    assert!(main.state.contains_key("run") && !main.state.contains_key("released"));
    assert_eq!(
        (post.exit, post.log.lines().count()),
        (0, 1),
        "{}",
        post.log
    );
    let (run, line) = (&main.state["run"], &post.log);
    assert!(
        line.contains(&format!("terminated {id}")) && line.contains(run),
        "{line}"
    );
    lab.expect_nothing_left();
    assert_eq!(lab.calls("TerminateInstances").len(), 1);
}

#[test]
fn a_rehearsal_gives_the_job_everything_and_leaves_nothing_to_post() {
    let (Some(docker), Some(github)) = (Docker::get(), FakeGitHub::start()) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.file(
        "perf/config.yml",
        "main:\n  output: measured\n  performance_results: /tmp/measured/*.csv\nrun:\n  - measure.sh\n  - note.sh: {local: true}\n",
    )
    .script("perf/note.sh", "echo noted >note")
    .script(
        "perf/measure.sh",
        "mkdir /tmp/measured; echo 1 >/tmp/measured/a.csv; echo \"measured $VERSION\"",
    );
    let variables = github.job().variables();
    let inputs = json!({"config": "perf", "revision": "v1", "local": "true"});
    let Report { main, post } = docker.run(&job(&sandbox, &variables, &inputs));

    assert_eq!(main.exit, 0, "{}", main.log);
    assert_eq!(titles(&main), GROUPS);
    assert!(main.log.contains("\nmeasured v1\n"), "{}", main.log);
    assert!(main.annotations.is_empty(), "{:?}", main.annotations);
    for (name, value) in &variables {
        let secret = name.ends_with("TOKEN");
        assert!(!secret || !main.log.contains(value), "{name}\n{}", main.log);
    }
    assert_eq!(main.state["released"], "true");
    assert!(main.summary.contains("passed"), "{}", main.summary);

    let outputs = &main.outputs;
    assert_eq!(
        (&*outputs["status"], &*outputs["exit-status"]),
        ("passed", "0")
    );
    assert_eq!(outputs["run-id"], main.state["run"]);
    let results = &outputs["results-path"];
    let csv = sandbox.path().join(results).join("a.csv");
    assert_eq!(fs::read_to_string(csv).unwrap(), "1\n");
    assert_eq!(outputs["archive-path"], format!("{results}.tar.gz"));
    for path in everything_in(sandbox.path()) {
        let owner = fs::symlink_metadata(&path).unwrap();
        let owner = (owner.uid(), owner.gid());
        assert_eq!(owner, (RUNNER, RUNNER), "{}", path.display());
    }

    let instances: Vec<String> = serde_json::from_str(&outputs["instance-ids"]).unwrap();
    let [instance] = &instances[..] else {
        panic!("{instances:?}");
    };
    let downloads = tempfile::tempdir().unwrap();
    let artifact = github.readback(&format!("collector-v1-{instance}"), downloads.path());
    assert_eq!(artifact["id"].to_string(), outputs["artifact-id"]);
    let digest = artifact["digest"].as_str().unwrap();
    assert!(digest.ends_with(&outputs["artifact-digest"]), "{digest}");
    let archive = format!("v1/{instance}.tar.gz");
    assert_eq!(
        fs::read(downloads.path().join(archive)).unwrap(),
        fs::read(sandbox.path().join(&outputs["archive-path"])).unwrap()
    );

    assert_eq!(
        (post.exit, post.log),
        (
            0,
            format!("run {} left no instance behind in local", outputs["run-id"])
        )
    );
}

#[test]
fn problems_of_a_config_are_remarks_beside_its_lines() {
    let Some(docker) = Docker::get() else {
        return;
    };
    let sandbox = Sandbox::new();
    let missing: Vec<_> = (1..=12).map(|n| format!("  - missing-{n}.sh\n")).collect();
    let missing = missing.concat();
    sandbox.file(
        "perf/config.yml",
        &format!("main:\n  output: measured\n  performance_results: /etc/os-release\n  colour: red\nrun:\n{missing}"),
    );
    let inputs = json!({"config": "./perf/config.yml", "local": "true"});
    let Report { main, post } = docker.run(&job(&sandbox, &[], &inputs));
    assert_eq!(main.exit, 2);
    assert_eq!(main.outputs["status"], "refused");
    let places: Vec<_> = main
        .annotations
        .iter()
        .map(|one| (one.file.as_deref(), one.line.as_deref(), one.shown))
        .collect();
    let lines = ["4", "6", "7", "8", "9", "10", "11", "12", "13", "14"];
    let expected = lines.map(|line| (Some("perf/config.yml"), Some(line), true));
    assert_eq!(places, expected, "as many as are shown");
    assert!(main.log.contains("missing-12.sh"), "{}", main.log);
    assert_eq!(
        (post.exit, &*post.log),
        (0, "this job never got far enough to launch an instance")
    );
}

#[test]
fn what_a_step_prints_commands_nothing_and_its_name_stays_a_name() {
    let Some(docker) = Docker::get() else {
        return;
    };
    let hostile = [
        "::error::printed",
        "  ::warning file=a::printed",
        "text ##[error]printed",
        "::set-output name=status::printed",
        "::stop-commands::printed",
        "::printed::",
        "::add-mask::a",
        "::group::printed",
        "::endgroup::",
        "##[group]printed",
    ];
    let sandbox = Sandbox::new();
    let name = "::x,y%.sh";
    sandbox.file(
        "config.yml",
        &format!(
            "main:\n  output: out\n  performance_results: /etc/os-release\nrun:\n  - \"{name}\"\n"
        ),
    )
    .script(
        name,
        &format!("printf '%s' '{}'; exit 3", hostile.join("\n")),
    );
    let inputs = json!({"config": "config.yml", "local": "true", "comment": "never"});
    let main = docker.run(&job(&sandbox, &[], &inputs)).main;
    assert_eq!(main.exit, 1, "{}", main.log);
    assert_eq!(main.outputs["status"], "step_failed");
    for line in hostile {
        let printed = main.log.lines().filter(|printed| *printed == line);
        assert_eq!(printed.count(), 1, "{line:?} in:\n{}", main.log);
    }
    assert_eq!(titles(&main), GROUPS);
    for mask in &main.masks {
        assert!(mask.starts_with("fence-"), "{mask}");
    }
    let errors: Vec<_> = main
        .annotations
        .iter()
        .filter(|one| one.kind == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].file.as_deref(), Some(name));
    assert_eq!(errors[0].title, format!("{name} failed"));
    for one in &main.annotations {
        assert!(!one.message.contains("printed"), "{one:?}");
    }
}

#[test]
fn a_cancelled_job_leaves_no_instance_in_any_phase() {
    let (Some(docker), Some(lab)) = (Docker::get(), Lab::start(Guest::Sshd)) else {
        return;
    };
    for phase in PHASES {
        let sandbox =
            sandbox_that_waits_in(phase, &lab.main("performance_results: /etc/os-release"));
        let mut job = job_that_waits_in(&sandbox, &lab);
        job["cancel"] = json!({"after_output": "waiting"});
        let Report { main, post } = docker.run(&job);
        let after = main.seconds_after_signal.unwrap();
        assert!(after < GONE.as_secs_f64(), "{phase}: {after}");
        assert_eq!(main.exit, 130, "{phase}: {}", main.log);
        assert_eq!(main.outputs["status"], "interrupted", "{phase}");
        assert_eq!(main.outputs["exit-status"], "130", "{phase}");
        assert_eq!(main.state["released"], "true", "{phase}");
        assert!(main.summary.contains("interrupted"), "{}", main.summary);
        let nothing = format!(
            "run {} left no instance behind in us-east-1",
            main.state["run"]
        );
        assert_eq!((post.exit, post.log), (0, nothing), "{phase}");
        lab.expect_nothing_left();
    }
}

#[test]
fn a_container_that_is_stopped_gives_its_instance_back() {
    let (Some(docker), Some(lab)) = (Docker::get(), Lab::start(Guest::None)) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    let job = job_that_waits_in(&sandbox, &lab);
    let report = thread::scope(|scope| {
        let running = scope.spawn(|| docker.run(&job));
        wait_for("the instance", || {
            lab.instances()
                .iter()
                .any(|one| one["state"] == "running")
                .then_some(())
        });
        docker.signal(sandbox.path(), "TERM");
        running.join().unwrap()
    });
    assert_eq!(report.main.exit, 143, "{}", report.main.log);
    assert!(report.post.log.contains("left no instance behind"));
    lab.expect_nothing_left();
}

#[test]
fn post_ends_the_instance_of_a_main_that_was_killed() {
    let (Some(docker), Some(lab)) = (Docker::get(), Lab::start(Guest::Sshd)) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    let mut job = job_that_waits_in(&sandbox, &lab);
    job["kill"] = json!({"after_output": "waiting"});
    let report = docker.run(&job);
    expect_ended_by_post(&report, &lab);
    for path in everything_in(sandbox.path()) {
        let owner = fs::symlink_metadata(&path).unwrap().uid();
        assert_eq!(owner, RUNNER, "{}", path.display());
    }
}

#[test]
fn post_waits_for_an_instance_that_was_under_way_when_main_was_killed() {
    let (Some(docker), Some(lab)) = (Docker::get(), Lab::start(Guest::None)) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    lab.fault(&json!({"action": "RunInstances", "count": 1, "delay": 4.0}));
    let job = job_that_waits_in(&sandbox, &lab);
    let report = thread::scope(|scope| {
        let running = scope.spawn(|| docker.run(&job));
        wait_for("the launch", || {
            (!lab.calls("RunInstances").is_empty()).then_some(())
        });
        docker.signal(sandbox.path(), "KILL");
        assert!(lab.instances().is_empty(), "it is not there yet");
        running.join().unwrap()
    });
    expect_ended_by_post(&report, &lab);
}

#[test]
fn the_image_can_be_debugged_as_the_readme_says() {
    let Some(docker) = Docker::get() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "perf/config.yml",
            "main:\n  output: results\n  performance_results: /tmp/a.csv\nrun:\n  - measure.sh\n",
        )
        .script("perf/measure.sh", "echo 1 >/tmp/a.csv");
    let section = Document::open("docs/github-actions.md").section("## Debugging the image");
    let command = &section.blocks("console")[0];
    let ours = command.replace(
        "ghcr.io/andresriancho/collector:1",
        &format!("{IMAGE} --local"),
    );
    assert_ne!(&ours, command);
    let mut shell = docker.command("bash");
    succeed(
        shell
            .args(["-c", &ours])
            .current_dir(sandbox.path())
            .env("PATH", "/usr/bin:/bin"),
    );
    let revision = sandbox.path().join("results/v1.2.3");
    let csv = fs::read_dir(revision)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("a.csv"))
        .find(|csv| csv.exists())
        .unwrap();
    assert_eq!(fs::read_to_string(csv).unwrap(), "1\n");
}

/// The example, with one repetition of what it measures five times.
fn shortened_example(to: &Path) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gzip-levels");
    succeed(Command::new("cp").arg("--recursive").args([&example, to]));
    let script = to.join("measure.sh");
    let full = fs::read_to_string(&script).unwrap();
    let short = full.replace("repetitions=5", "repetitions=1");
    assert_ne!(full, short);
    fs::write(script, short).unwrap();
}

#[test]
fn act_runs_an_example_and_its_artifact_has_the_whole_tree() {
    let Some(docker) = Docker::get() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    shortened_example(&at("example"));
    let zip = docker.act(&at("example"), &at("act"));

    let log = fs::read_to_string(at("act/act.log")).unwrap();
    for said in [
        "Success - Main ./",
        "gzip -9, repetition 1 of 1",
        "Success - Post ./",
    ] {
        assert!(log.contains(said), "no {said:?} in:\n{log}");
    }
    let outputs = fs::read(at("act/workspace/outputs.json")).unwrap();
    let outputs: Value = serde_json::from_slice(&outputs).unwrap();
    assert_eq!(outputs["status"], "passed", "{outputs}");

    let instances = outputs["instance-ids"].as_str().unwrap();
    let instances: Vec<String> = serde_json::from_str(instances).unwrap();
    let sample = format!("{}/{}", outputs["revision"].as_str().unwrap(), instances[0]);
    let mut unzip = Command::new("python3");
    succeed(
        unzip
            .args(["-m", "zipfile", "--extract"])
            .arg(&zip)
            .arg(at("zip")),
    );
    let archive = at("zip").join(format!("{sample}.tar.gz"));
    let mut tar = Command::new("tar");
    succeed(
        tar.arg("--extract")
            .current_dir(at("zip"))
            .arg("--file")
            .arg(archive),
    );
    let tree = at("zip").join(sample);
    let mut files: Vec<_> = everything_in(&tree)
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(&tree).unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "collector/host.json",
            "collector/logs/01-setup-make_corpus.sh.log",
            "collector/logs/02-run-measure.sh.log",
            "collector/logs/03-before_collect-summarize.sh.log",
            "collector/manifest.json",
            "collector/metrics.csv",
            "collector/report.html",
            "collector/run.json",
            "collector/uploads.json",
            "config/collector.revision",
            "config/config.yml",
            "config/description",
            "config/make_corpus.sh",
            "config/measure.sh",
            "config/summarize.sh",
            "config/version",
            "repetitions.csv",
            "summary.txt",
        ]
        .map(Path::new)
    );
}
