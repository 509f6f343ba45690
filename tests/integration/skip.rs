//! Tests that do without something, wherever they stand: these, and those beside the code.

use std::io::Write as _;
use std::process::Command;

/// Says something that the test runner does not keep to itself: a test that is skipped, a figure that was measured.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says that a test does without something that this machine lacks, and records it for the count at the end of
/// `tests/run`. Where every component is required, the test fails instead.
#[track_caller]
pub(crate) fn skip(reason: &str) {
    let required = std::env::var_os("COLLECTOR_TESTS_REQUIRE").is_some_and(|what| what == "all");
    assert!(!required, "COLLECTOR_TESTS_REQUIRE=all, but {reason}");
    say(&format!("SKIPPED: {reason}"));
    if let Some(path) = std::env::var_os("COLLECTOR_TESTS_SKIPPED") {
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        file.write_all(format!("{test}: {reason}\n").as_bytes())
            .unwrap();
    }
}

/// Whether this machine has a program; a test that does without it is a skip.
#[track_caller]
pub(crate) fn has_program(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        skip(&format!("{program} is missing"));
    }
    there
}
