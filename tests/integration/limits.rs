//! What the program may cost its user: memory, size, time to start.

use std::time::{Duration, Instant};

use crate::command::{Sandbox, run, say, skip};
use crate::fake_github::FakeGitHub;
use crate::lab::{Guest, Lab};
use crate::workflow::step;

const MIB: u64 = 1 << 20;

#[test]
fn a_gibibyte_comes_home_in_64_mebibytes_of_memory() {
    if cfg!(debug_assertions) {
        skip("this is measured in the release build only");
        return;
    }
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: /tmp/*.bin"),
            "run:\n  - make.sh\n",
        )
        .script(
            "make.sh",
            "for n in 1 2 3 4; do head -c 268435456 /dev/urandom > /tmp/$n.bin; done",
        );
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    assert!(
        finished.stdout.contains("4 files, 1.00 GiB"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.peak_memory < 64 * MIB,
        "{} MiB",
        finished.peak_memory / MIB
    );
    say(&format!(
        "peak memory for 1 GiB: {} MiB",
        finished.peak_memory / MIB
    ));
}

#[test]
fn a_gibibyte_is_uploaded_in_64_mebibytes_of_memory() {
    if cfg!(debug_assertions) {
        skip("this is measured in the release build only");
        return;
    }
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: big", "run:\n  - make.sh\n")
        .script("make.sh", "head -c 1073741824 /dev/urandom > big");
    let mut job = github.job();
    let finished = run(step(&sandbox, &mut job, &[("comment", "never")])).expect(0);
    let artifact = &github.artifacts()[0];
    assert!(artifact["size"].as_u64().unwrap() > 1 << 30, "{artifact}");
    assert!(
        finished.peak_memory < 64 * MIB,
        "{} MiB",
        finished.peak_memory / MIB
    );
    say(&format!(
        "peak memory for 1 GiB rehearsed, packed and uploaded: {} MiB",
        finished.peak_memory / MIB
    ));
}

#[test]
fn the_program_is_small_and_starts_at_once() {
    if cfg!(debug_assertions) {
        skip("this is measured in the release build only");
        return;
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_collect"))
        .unwrap()
        .len();
    assert!(size < 25_000_000, "{size} bytes");
    let sandbox = Sandbox::new();
    // The best of several: what else the machine does is not the program's fault.
    let best = (0..20)
        .map(|_| {
            let since = Instant::now();
            let status = sandbox.collect(&["--version"]).output().unwrap().status;
            assert!(status.success());
            since.elapsed()
        })
        .min()
        .unwrap();
    assert!(best < Duration::from_millis(20), "{best:?}");
    say(&format!("size {size} bytes, --version in {best:?}"));
}
