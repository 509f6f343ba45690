//! What `collect list` says of a run that goes on.

use serde_json::json;

use crate::command::{Running, Sandbox, run, wait_for};

/// An address at which nobody listens.
const UNREACHABLE: &str = "http://127.0.0.1:9";

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

#[test]
fn every_region_that_cannot_be_looked_at_is_named() {
    let sandbox = Sandbox::new();
    let regions = ["eu-central-1", "eu-west-1", "us-east-1"];
    for region in regions {
        let record = json!({
            "lease": format!("run-of-{region}-1"),
            "provider": "ec2",
            "region": region,
            "saved_at": "2026-11-22T20:00:00Z",
        });
        let name = format!("state/leases/run-of-{region}-1.json");
        sandbox.file(&name, &record.to_string());
    }
    for command in [&["list"][..], &["reap", "--all"], &["reap", "--images"]] {
        let mut looking = sandbox.collect(command);
        looking
            .env("AWS_ENDPOINT_URL", UNREACHABLE)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        let finished = run(looking).expect(3);
        for region in regions {
            finished.says(&format!(
                "lease run-of-{region}-1 in {region} cannot be looked for"
            ));
        }
    }
}
