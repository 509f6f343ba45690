//! What `collect list` says of a run that goes on.

use crate::command::{Running, Sandbox, run, wait_for};

/// A cell of a table with one row.
pub(crate) fn cell(table: &str, head: &str) -> Option<String> {
    let [heads, row] = table.lines().collect::<Vec<_>>().try_into().ok()?;
    let cell = row.get(heads.find(head)?..)?.split("  ").next()?;
    Some(cell.trim().to_owned())
}

#[test]
fn the_phase_of_a_run_is_shown_for_as_long_as_its_collector_lives() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo begun; sleep 600");
    let running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    let list = || run(sandbox.collect(&["list", "--local"])).expect(0).stdout;
    let phase = || cell(&list(), "phase");
    wait_for("the phase", || (phase()? == "run").then_some(()));
    running.kill_after("begun");
    assert_eq!(phase().as_deref(), Some(""), "{}", list());
    run(sandbox.collect(&["reap", "--all", "--local"])).expect(0);
}
