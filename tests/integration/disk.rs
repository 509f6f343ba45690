//! A file system that is too small costs what does not fit, and nothing else.

use std::path::PathBuf;
use std::process::Command;

use collector::records::{FileState, Index, Manifest, Record};
use collector::report::{Outcome, SampleReport};
use collector::results::SampleDirectory;

use crate::command::{Desk, run, skip};

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
    let desk = Desk::new();
    let results = desk.path().join("measured");
    desk.config(&format!("performance_results: {}/*", results.display()), "run:\n  - make.sh\n").script(
        "make.sh",
        &format!(
            "mkdir {0}; cd {0}; head -c 1000000 /dev/urandom > small; head -c 9000000 /dev/urandom > large",
            results.display()
        ),
    );
    let Some(_small) = Small::mount(desk.output(), "4m") else {
        return;
    };
    let finished = run(desk.collect(&["config.yml", "v1", "--local"])).expect(3);
    finished.says("the results need 10000000 bytes");
    assert!(
        finished.stdout.contains("1 file,") && finished.stdout.contains("1 not complete"),
        "{}",
        finished.stdout
    );
    let sample = desk.sample("v1");
    assert_eq!(
        std::fs::metadata(sample.join("small")).unwrap().len(),
        1_000_000
    );
    assert!(!sample.join("large").exists());
    let report = std::fs::read_to_string(sample.join("collector/run.json")).unwrap();
    assert!(report.contains("\"unavailable\""), "{report}");
}

#[test]
fn a_full_disk_does_not_end_a_step() {
    let desk = Desk::new();
    let results = desk.path().join("done");
    desk.config(
        &format!("performance_results: {}", results.display()),
        "run:\n  - shout.sh\n",
    )
    .script(
        "shout.sh",
        &format!(
            "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo done > {}",
            results.display()
        ),
    );
    let Some(_small) = Small::mount(desk.output(), "1m") else {
        return;
    };
    let finished = run(desk.collect(&["config.yml", "v1", "--local", "--quiet"]));
    finished.says("the log of shout.sh is not complete");
    assert!(results.exists());
}

/// Fills the disk before the results are collected and sees that every record is there all the same.
#[track_caller]
fn keeps_its_records(small: &str, fill: &str) {
    let desk = Desk::new();
    let results = desk.path().join("measured");
    desk.config(
        &format!("performance_results: {}", results.display()),
        "run:\n  - make.sh\nbefore_collect:\n  - fill.sh:\n    - local: true\n",
    )
    .script("make.sh", &format!("echo 42 > {}", results.display()))
    .script("fill.sh", &format!("{fill}; exit 0"));
    let Some(_small) = Small::mount(desk.output(), small) else {
        return;
    };
    run(desk.collect(&["config.yml", "v1", "--local"])).expect(3);
    let path = desk.sample("v1");
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
    let desk = Desk::new();
    let results = desk.path().join("measured");
    desk.config(
        &format!("performance_results: {}", results.display()),
        "run:\n  - make.sh\n",
    )
    .script("make.sh", &format!("echo 42 > {}", results.display()));
    let Some(_mounted) = Small::of_kind("ramfs", desk.output(), "mode=755") else {
        return;
    };
    run(desk.collect(&["config.yml", "v1", "--local"])).expect(0);
    let collected = std::fs::read_to_string(desk.sample("v1").join("measured"));
    assert_eq!(collected.unwrap(), "42\n");
}
