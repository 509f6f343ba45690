//! What an instance costs, by a price list that is not ours.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Running, Sandbox, run};
use crate::lab::{Guest, Lab};
use crate::list::cell;

#[test]
fn what_an_instance_has_cost_is_its_price_for_the_time_since_its_launch() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: /etc/os-release"),
            "run:\n  - measure.sh\n",
        )
        .script(
            "measure.sh",
            "echo begun; while [ ! -e /tmp/go ]; do sleep 0.05; done",
        );
    let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    running.wait_for_output("begun\n");
    // A minute at 4.4 cents an hour.
    let listed = run(lab.collect(&sandbox, &["list"])).expect(0).stdout;
    assert_eq!(
        cell(&listed, "cost").as_deref(),
        Some("$0.0007"),
        "{listed}"
    );
    lab.fault(&json!({"action": "GetProducts", "count": 1, "code": "AccessDeniedException"}));
    let unknown = run(lab.collect(&sandbox, &["list"])).expect(0).stdout;
    assert_eq!(cell(&unknown, "cost").as_deref(), Some("?"), "{unknown}");
    let root = lab.instance()["guest_root"].as_str().unwrap().to_owned();
    fs::write(format!("{root}/tmp/go"), "").unwrap();
    let finished = running.finish().expect(0);
    let end = finished.stdout;
    assert!(end.contains("is gone (about $0.0007)"), "{end}");
    let record = fs::read(sandbox.sample("v1").join("collector/run.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["instance"]["price_per_hour"], 0.044);
    lab.expect_nothing_left();
}
