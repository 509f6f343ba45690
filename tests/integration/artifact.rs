//! A sample becomes an artifact, whatever GitHub does meanwhile; and when it cannot, the results are still on disk.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::command::{Finished, PATIENCE, Running, Sandbox, run, wait_for};
use crate::fake_github::{FakeGitHub, Job, SHA};
use crate::workflow::{quick_sandbox, step, values};

const SERVICE: &str = "ArtifactService";

/// A rehearsal in this job, which is not to comment.
fn measured(sandbox: &Sandbox, job: &mut Job, inputs: &[(&str, &str)]) -> Finished {
    let inputs: Vec<_> = [("comment", "never")]
        .iter()
        .chain(inputs)
        .copied()
        .collect();
    run(step(sandbox, job, &inputs))
}

#[track_caller]
fn results_are_kept(sandbox: &Sandbox) {
    let sample = sandbox.sample(SHA);
    assert!(sample.join("out.csv").exists() && sample.with_extension("tar.gz").exists());
}

#[test]
fn githubs_own_client_reads_back_the_tree() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    let mut job = github.job();
    measured(&sandbox, &mut job, &[("retention-days", "7")]).expect(0);
    let sample = sandbox.sample(SHA);
    let id = sample.file_name().unwrap().to_str().unwrap();
    let name = format!("collector-{}-{id}", &SHA[..12]);
    let into = tempfile::tempdir().unwrap();
    let read = github.readback(&name, into.path());
    assert_eq!(read["digestMismatch"], false);
    assert_eq!(
        read["digest"],
        format!("sha256:{}", values(&job.output())["artifact-digest"])
    );

    holds_the_results(&into.path().join(SHA).join(format!("{id}.tar.gz")), id);
}

#[track_caller]
fn holds_the_results(archive: &Path, id: &str) {
    let archive = File::open(archive).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    for file in [
        "out.csv",
        "config/config.yml",
        "config/version",
        "collector/run.json",
        "collector/manifest.json",
    ] {
        assert!(
            paths.contains(&format!("{SHA}/{id}/{file}")),
            "{file}: {paths:?}"
        );
    }
}

#[test]
fn without_an_archive_of_its_own_the_artifact_has_the_results_all_the_same() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    let main = "performance_results: out.csv\narchive: false";
    sandbox
        .config(main, "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 1,2 > out.csv");
    let mut job = github.job();
    let named = [("artifact-name", "mine")];
    measured(&sandbox, &mut job, &named).expect(0);
    assert_eq!(values(&job.output())["archive-path"], "");
    let sample = sandbox.sample(SHA);
    let id = sample.file_name().unwrap().to_str().unwrap();
    for entry in sample.parent().unwrap().read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("tar.gz"), "{name}");
    }
    let into = tempfile::tempdir().unwrap();
    assert_eq!(
        github.readback("mine", into.path())["digestMismatch"],
        false
    );
    holds_the_results(&into.path().join(SHA).join(format!("{id}.tar.gz")), id);
}

#[test]
fn what_passes_is_tried_again() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let failure = |path: &str| json!({ "path": path, "status": 500, "body": "oops" });
    let busy = json!({ "path": "CreateArtifact", "status": 429, "body": {"msg": "slow down"}, "headers": {"Retry-After": "1"} });
    let faults = [
        vec![
            busy,
            failure("FinalizeArtifact"),
            failure("comp=block&"),
            failure("comp=blocklist"),
        ],
        vec![
            json!({ "path": "comp=block&", "reset": "after" }),
            json!({ "path": "comp=blocklist", "reset": "after" }),
        ],
        vec![json!({ "path": "FinalizeArtifact", "reset": "before" })],
        // The artifact is there, and whoever asks again is told that there is nothing to finalize.
        vec![json!({ "path": "FinalizeArtifact", "reset": "after" })],
        vec![json!({ "path": "ListArtifacts", "status": 503, "body": "" })],
    ];
    for faults in faults {
        let sandbox = quick_sandbox();
        for fault in &faults {
            github.fault(fault);
        }
        let mut job = github.job();
        measured(&sandbox, &mut job, &[]).expect(0);
        let id: u64 = values(&job.output())["artifact-id"].parse().unwrap();
        let there = github.artifacts();
        assert_eq!(
            there.iter().filter(|artifact| artifact["id"] == id).count(),
            1,
            "{faults:?}"
        );
        let finished = there.iter().filter(|artifact| !artifact["id"].is_null());
        let names: std::collections::BTreeSet<_> = finished
            .clone()
            .map(|artifact| artifact["name"].to_string())
            .collect();
        assert_eq!(finished.count(), names.len());
    }
}

#[test]
fn a_name_that_was_taken_by_a_lost_answer_is_replaced() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.fault(&json!({ "path": "CreateArtifact", "reset": "after" }));
    let sandbox = quick_sandbox();
    measured(&sandbox, &mut github.job(), &[("artifact-name", "mine")]).expect(0);
    let finished: Vec<Value> = github
        .artifacts()
        .into_iter()
        .filter(|artifact| !artifact["id"].is_null())
        .collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(finished[0]["name"], "mine-2");
}

#[test]
fn every_refusal_is_told_and_leaves_the_results_on_disk() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let refusal = |path: &str, status: u16, message: &str| json!({ "path": path, "status": status, "count": -1, "body": { "msg": message } });
    for (fault, words) in [
        (
            refusal(SERVICE, 401, "unauthenticated"),
            "the job's token has expired",
        ),
        (
            refusal(SERVICE, 403, "insufficient usage to create artifact"),
            "storage for artifacts is used up",
        ),
        (refusal(SERVICE, 403, "no"), "CreateArtifact: 403: no"),
        (
            refusal(SERVICE, 404, "no such service"),
            "404: no such service",
        ),
        (
            refusal(
                "CreateArtifact",
                409,
                "an artifact with this name already exists on the workflow run",
            ),
            "has one named `collector-",
        ),
        (refusal("comp=block&", 403, "signature"), "Put Block: 403"),
        (
            json!({ "path": SERVICE, "status": 429, "count": -1, "headers": { "Retry-After": "90000" } }),
            "CreateArtifact: 429",
        ),
    ] {
        github.fault(&fault);
        let sandbox = quick_sandbox();
        let mut job = github.job();
        let finished = measured(&sandbox, &mut job, &[]).expect(3);
        finished.logs(words);
        finished.logs("hint: ");
        results_are_kept(&sandbox);
        let outputs = values(&job.output());
        assert_eq!(
            (outputs["status"].as_str(), outputs["artifact-id"].as_str()),
            ("unavailable", "")
        );
        assert!(!outputs["archive-path"].is_empty());
        github.clear_faults();
    }
}

#[test]
fn an_expired_token_is_not_even_tried() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    measured(&sandbox, &mut github.job_that_expires_in(-60), &[])
        .expect(3)
        .logs("the job's token has expired");
    assert!(github.requests(SERVICE).is_empty());
    results_are_kept(&sandbox);
}

#[test]
fn a_name_that_another_job_has_is_told() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    for status in [0, 3] {
        let sandbox = quick_sandbox();
        let finished =
            measured(&sandbox, &mut github.job(), &[("artifact-name", "ours")]).expect(status);
        if status == 3 {
            finished.logs("the workflow run has one named `ours` already");
            finished.logs("give each job of a matrix an `artifact-name` of its own");
        }
        results_are_kept(&sandbox);
    }
}

#[test]
fn where_there_are_no_artifacts_the_run_still_passes() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let without = |server: &str| {
        let mut job = github.job();
        job.set("ACTIONS_RESULTS_URL", "")
            .set("GITHUB_SERVER_URL", server);
        let sandbox = quick_sandbox();
        let finished = measured(&sandbox, &mut job, &[]).expect(0);
        results_are_kept(&sandbox);
        finished
    };
    without("https://github.com")
        .logs("::warning title=collector::no artifact: this step was given no access");
    without("https://github.example.com")
        .logs("no artifact: https://github.example.com has no artifact service");
}

#[test]
fn a_bad_name_is_refused_before_anything_runs() {
    let sandbox = quick_sandbox();
    let finished =
        run(sandbox.collect(&["config.yml", "v1", "--local", "--artifact-name", "a/b"])).expect(2);
    finished.says("contains '/'");
    assert!(!sandbox.output().exists());
}

#[test]
fn the_instance_is_gone_before_the_upload_starts() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = quick_sandbox();
    let finished = measured(&sandbox, &mut github.job(), &[]).expect(0);
    let at = |words: &str| finished.stdout.find(words).unwrap();
    assert!(at("terminate: done") < at("uploaded collector-"));
}

/// What a signal leaves to do: nothing but to be gone.
#[test]
fn a_signal_during_the_upload_ends_it() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.fault(&json!({ "path": "FinalizeArtifact", "delay": 30 }));
    let sandbox = quick_sandbox();
    let mut job = github.job();
    let command: Command = step(&sandbox, &mut job, &[]);
    let running = Running::spawn(command);
    wait_for("the upload", || {
        (!github.artifacts().is_empty()).then_some(())
    });
    let since = std::time::Instant::now();
    running.signal(rustix::process::Signal::INT);
    running.finish().expect(130).logs("was ended by a signal");
    assert!(since.elapsed() < std::time::Duration::from_secs(6));
    assert_eq!(values(&job.output())["status"], "interrupted");
    results_are_kept(&sandbox);
}

#[test]
fn an_upload_that_outlives_its_address_is_started_again() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.upload_lifetime(2);
    github.fault(&json!({ "path": "comp=block&", "delay": 4, "status": 500, "body": "" }));
    let sandbox = quick_sandbox();
    let mut job = github.job();
    measured(&sandbox, &mut job, &[("artifact-name", "mine")]).expect(0);
    let names: Vec<_> = github
        .artifacts()
        .iter()
        .map(|artifact| (artifact["name"].clone(), artifact["id"].is_null()))
        .collect();
    assert_eq!(names, [(json!("mine"), true), (json!("mine-2"), false)]);
}

#[test]
fn each_sample_of_a_run_has_an_artifact_of_its_own() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    for (inputs, shared) in [
        (&[][..], None),
        (&[("artifact-name", "mine")], Some("mine")),
    ] {
        let sandbox = quick_sandbox();
        let main = "performance_results: out.csv\nsamples: 3";
        sandbox.config(main, "run:\n  - measure.sh\n");
        let mut job = github.job();
        let before = github.artifacts().len();
        measured(&sandbox, &mut job, inputs).expect(0);
        let made = github.artifacts().split_off(before);
        assert_eq!(made.len(), 3, "{made:#?}");
        // Beside them lies the record of the run as a whole.
        let samples = sandbox.samples(SHA).into_iter().filter_map(|sample| {
            let record = std::fs::read(sample.join("collector/run.json")).ok()?;
            let record: Value = serde_json::from_slice(&record).unwrap();
            let id = sample.file_name().unwrap().to_str().unwrap().to_owned();
            Some((record["sample"].as_u64().unwrap(), id))
        });
        let samples: Vec<_> = samples.collect();
        assert_eq!(samples.len(), 3, "{samples:?}");
        for (sample, id) in samples {
            let name = match shared {
                Some(name) => format!("{name}-sample-{sample}"),
                None => format!("collector-{}-{id}", &SHA[..12]),
            };
            assert!(
                made.iter().any(|artifact| artifact["name"] == name),
                "{name}: {made:#?}"
            );
            let into = tempfile::tempdir().unwrap();
            assert_eq!(github.readback(&name, into.path())["digestMismatch"], false);
            holds_the_results(&into.path().join(SHA).join(format!("{id}.tar.gz")), &id);
        }
    }
}

#[test]
fn an_archive_that_cannot_be_read_is_told_at_once() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let change: [fn(&Path); 2] = [
        |archive| std::fs::remove_file(archive).unwrap(),
        |archive| {
            File::options()
                .write(true)
                .open(archive)
                .unwrap()
                .set_len(1)
                .unwrap();
        },
    ];
    for (round, change) in change.into_iter().enumerate() {
        github.fault(&json!({ "path": "CreateArtifact", "delay": 5 }));
        let sandbox = quick_sandbox();
        let mut job = github.job();
        let running = Running::spawn(step(&sandbox, &mut job, &[("comment", "never")]));
        wait_for("the upload", || {
            (github.requests("CreateArtifact").len() > round).then_some(())
        });
        change(&sandbox.sample(SHA).with_extension("tar.gz"));
        let since = Instant::now();
        running.finish().expect(3).logs("no artifact: reading ");
        assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
        assert_eq!(github.requests("CreateArtifact").len(), round + 1);
        assert_eq!(values(&job.output())["status"], "unavailable");
        assert!(sandbox.sample(SHA).join("out.csv").exists());
    }
}
