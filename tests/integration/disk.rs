//! A file system that is too small costs what does not fit, and nothing else.

use std::path::PathBuf;
use std::process::Command;

use collector::records::{FileState, Index, Manifest, Record};
use collector::report::{Outcome, SampleReport};
use collector::results::SampleDirectory;

use crate::command::{Running, Sandbox, run, skip};

/// A file system in memory, for as long as this lives.
struct Small(PathBuf);

impl Small {
    /// One of this size; further options may follow.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        Self::of_kind("tmpfs", path, &format!("size={size}"))
    }

    fn of_kind(kind: &str, path: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", kind, "-o", options, kind])
            .arg(&path)
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        skip("this machine does not let the test mount a file system");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn what_fits_is_collected_and_the_rest_is_named() {
    let sandbox = Sandbox::new();
    let results = sandbox.path().join("measured");
    sandbox.config(&format!("performance_results: {}/*", results.display()), "run:\n  - make.sh\n").script(
        "make.sh",
        &format!(
            "mkdir {0}; cd {0}; head -c 1000000 /dev/urandom > small; head -c 9000000 /dev/urandom > large",
            results.display()
        ),
    );
    let Some(_small) = Small::mount(sandbox.output(), "4m") else {
        return;
    };
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(3);
    finished.says("the results need 10000000 bytes");
    let large = results.join("large");
    finished.says(&format!(
        "no room for 1 of 2 files, the smallest of them is {}",
        large.display()
    ));
    assert!(
        finished.stdout.contains("1 file,") && finished.stdout.contains("1 not complete"),
        "{}",
        finished.stdout
    );
    let sample = sandbox.sample("v1");
    assert_eq!(
        std::fs::metadata(sample.join("small")).unwrap().len(),
        1_000_000
    );
    assert!(!sample.join("large").exists());
    let report = std::fs::read_to_string(sample.join("collector/run.json")).unwrap();
    assert!(report.contains("\"unavailable\""), "{report}");
}

#[test]
fn a_run_that_has_no_room_for_its_records_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: out.csv", "");
    let Some(_small) = Small::mount(sandbox.output(), "16k") else {
        return;
    };
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(2);
    finished.says("setting room aside for");
    let left = std::fs::read_dir(sandbox.output().join("v1")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_log_without_end_leaves_room_for_the_results() {
    let sandbox = Sandbox::new();
    let results = sandbox.path().join("measured");
    sandbox
        .config(
            &format!("performance_results: {}", results.display()),
            "run:\n  - shout.sh:\n    - timeout: 3s\n",
        )
        .script(
            "shout.sh",
            &format!(
                "head -c 3000000 /dev/urandom > {}; seq 1000000000",
                results.display()
            ),
        );
    let Some(_small) = Small::mount(sandbox.output(), "8m") else {
        return;
    };
    // There is no room for the archive, which is a warning.
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local", "--quiet"])).expect(0);
    finished.says("the log of shout.sh is cut");
    let sample = sandbox.sample("v1");
    assert_eq!(
        std::fs::metadata(sample.join("measured")).unwrap().len(),
        3_000_000
    );
    let log = std::fs::read_to_string(sample.join("collector/logs/01-run-shout.sh.log")).unwrap();
    assert!(log.len() < 3_000_000, "{}", log.len());
    let (beginning, rest) = log.split_once("\n[collector left out ").unwrap();
    let (left_out, end) = rest.split_once(" bytes here]\n").unwrap();
    let left_out: usize = left_out.parse().unwrap();
    assert!(beginning.starts_with("1\n2\n3\n"));
    // Every line of it has one number more than the line before: what stands where tells what is missing.
    let mut expected = 0;
    let mut number = 0_u64;
    while expected < beginning.len() + left_out {
        number += 1;
        expected += number.to_string().len() + 1;
    }
    let skipped = expected - beginning.len() - left_out;
    for line in end.get(skipped..).unwrap().lines().take(10_000) {
        number += 1;
        assert_eq!(line, number.to_string());
    }
}

#[test]
fn a_log_that_is_cut_and_grows_again_is_told_of_once() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: done",
            "run:\n  - serve.sh\n  - wait.sh\n",
        )
        .script(
            "serve.sh",
            "seq 1000000; (while [ ! -e go ]; do sleep 0.1; done; seq 1000; touch done) &",
        )
        .script(
            "wait.sh",
            "touch go; while [ ! -e done ]; do sleep 0.1; done",
        );
    let Some(_small) = Small::mount(sandbox.output(), "8m") else {
        return;
    };
    run(sandbox.collect(&["config.yml", "v1", "--local", "--quiet"])).expect(0);
    let sample = sandbox.sample("v1");
    let log = std::fs::read_to_string(sample.join("collector/logs/01-run-serve.sh.log")).unwrap();
    assert!(log.ends_with("\n999\n1000\n"), "the end is missing");
    let told = SampleDirectory::new(&sample)
        .read::<SampleReport>()
        .unwrap()
        .warnings;
    let told = told
        .iter()
        .filter(|warning| warning.contains("the log of serve.sh is cut"));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_step_on_a_full_disk_does_not_run_without_its_variables() {
    let sandbox = Sandbox::new();
    let seen = sandbox.path().join("seen");
    sandbox
        .config(
            "performance_results: done",
            "setup:\n  - fill.sh\nrun:\n  - measure.sh\n",
        )
        .script("fill.sh", "cat /dev/zero > fill 2> /dev/null; :")
        .script(
            "measure.sh",
            &format!("echo \"[$VERSION]\" > {}", seen.display()),
        );
    let Some(_small) = Small::of_kind("tmpfs", sandbox.path().join("state"), "size=2m,mode=700")
    else {
        return;
    };
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(3);
    assert!(
        !seen.exists(),
        "it ran with {:?}",
        std::fs::read_to_string(seen)
    );
}

#[test]
fn a_disk_that_is_full_for_a_moment_costs_no_line_of_a_log() {
    let sandbox = Sandbox::new();
    let go = sandbox.path().join("go");
    let fill = sandbox.output().join("fill");
    sandbox.config(
        "performance_results: done",
        "run:\n  - shout.sh\n",
    )
    .script(
        "shout.sh",
        &format!(
            "cat /dev/zero 2> /dev/null > {fill}; seq 20000; echo full; while [ ! -e {go} ]; do sleep 0.1; done; rm {fill}; seq 20001 40000; echo x > done",
            fill = fill.display(),
            go = go.display()
        ),
    );
    let Some(_small) = Small::mount(sandbox.output(), "16m") else {
        return;
    };
    let mut running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    running.wait_for_output("full\n");
    std::fs::write(&go, "").unwrap();
    running.finish().expect(0);
    let log = std::fs::read_to_string(
        sandbox
            .sample("v1")
            .join("collector/logs/01-run-shout.sh.log"),
    );
    let line = |number: u32| format!("{number}\n");
    let expected: String = (1..=20000)
        .map(line)
        .chain(["full\n".to_owned()])
        .chain((20001..=40000).map(line))
        .collect();
    let log = log.unwrap();
    let same = log
        .bytes()
        .zip(expected.bytes())
        .take_while(|(a, b)| a == b);
    assert_eq!((same.count(), log.len()), (expected.len(), expected.len()));
}

/// Fills the disk before the results are collected and sees that every record is there all the same.
#[track_caller]
fn keeps_its_records(small: &str, fill: &str) {
    let sandbox = Sandbox::new();
    let results = sandbox.path().join("measured");
    sandbox
        .config(
            &format!("performance_results: {}", results.display()),
            "run:\n  - make.sh\nbefore_collect:\n  - fill.sh:\n    - local: true\n",
        )
        .script("make.sh", &format!("echo 42 > {}", results.display()))
        .script("fill.sh", &format!("{fill}; exit 0"));
    let Some(_small) = Small::mount(sandbox.output(), small) else {
        return;
    };
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(3);
    let path = sandbox.sample("v1");
    let sample = SampleDirectory::new(&path);
    let report: SampleReport = sample.read().unwrap();
    assert_eq!(report.outcome, Outcome::Unavailable);
    let manifest: Manifest = sample.read().unwrap();
    assert_eq!(manifest.files.len(), 1);
    assert_eq!(manifest.files[0].state, FileState::Missing);
    let index = std::fs::read(path.with_file_name("index.json")).unwrap();
    assert_eq!(Index::from_json(&index).unwrap().samples.len(), 1);
    let records = std::fs::read_dir(path.join("collector")).unwrap();
    let partial = records.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".partial")
    });
    assert_eq!(partial.count(), 0);
}

#[test]
fn a_disk_without_blocks_costs_no_record() {
    keeps_its_records("4m", "cat /dev/zero > \"$COLLECTOR_OUTPUT/fill\"");
}

#[test]
fn a_disk_without_inodes_costs_no_record() {
    keeps_its_records(
        "16m,nr_inodes=80",
        "i=0; while touch \"$COLLECTOR_OUTPUT/fill$i\"; do i=$((i + 1)); done",
    );
}

#[test]
fn a_file_system_that_does_not_tell_its_size_takes_the_results() {
    let sandbox = Sandbox::new();
    let results = sandbox.path().join("measured");
    sandbox
        .config(
            &format!("performance_results: {}", results.display()),
            "run:\n  - make.sh\n",
        )
        .script("make.sh", &format!("echo 42 > {}", results.display()));
    let Some(_mounted) = Small::of_kind("ramfs", sandbox.output(), "mode=755") else {
        return;
    };
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let collected = std::fs::read_to_string(sandbox.sample("v1").join("measured"));
    assert_eq!(collected.unwrap(), "42\n");
}
