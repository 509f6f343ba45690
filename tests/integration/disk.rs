//! A file system that is too small costs what does not fit, and nothing else.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Desk, run, skip};

/// A file system of a few megabytes, for as long as this lives.
struct Small(PathBuf);

impl Small {
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
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
