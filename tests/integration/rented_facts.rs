//! What EC2 tells of an instance comes home with it, and nothing depends on it.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Sandbox, run};
use crate::lab::{Guest, Lab};

/// The facts about the rental of each sample of a run on a burstable type.
fn measured(lab: &Lab, samples: u32) -> Vec<Value> {
    let sandbox = Sandbox::new();
    let main = lab.main(&format!(
        "performance_results: /etc/os-release\nsamples: {samples}"
    ));
    sandbox.config(&main.replace("m1.small", "t3.small"), "");
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    assert!(!finished.stdout.contains("warning"), "{}", finished.stdout);
    let samples = sandbox.samples("v1").into_iter();
    // The directory of the run is beside those of its samples.
    let records = samples.filter_map(|sample| fs::read(sample.join("collector/host.json")).ok());
    let records = records.map(|text| serde_json::from_slice::<Value>(&text).unwrap());
    records.map(|record| record["ec2"].clone()).collect()
}

#[test]
fn the_volumes_and_credits_of_all_samples_are_asked_for_once() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let told = measured(&lab, 2);
    assert_eq!(told.len(), 2);
    let volumes: Vec<&Value> = told.iter().map(|facts| &facts["volumes"]).collect();
    for facts in &told {
        assert_eq!(facts["instance_type"], "t3.small", "{facts}");
        assert_eq!(facts["cpu_credits"], "standard", "{facts}");
        let [volume] = facts["volumes"].as_array().unwrap().as_slice() else {
            panic!("{facts}")
        };
        assert_eq!(volume["name"], "/dev/sda1", "{facts}");
        assert_eq!(volume["bytes"], 15_u64 << 30, "{facts}");
        assert_eq!(volume["type"], "gp2", "{facts}");
    }
    assert_ne!(volumes[0][0]["id"], volumes[1][0]["id"]);
    for call in ["DescribeVolumes", "DescribeInstanceCreditSpecifications"] {
        assert_eq!(lab.calls(call).len(), 1, "{call}");
    }
    lab.expect_nothing_left();
}

#[test]
fn a_run_that_may_not_ask_for_them_does_without() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.fault(&json!({"action": "DescribeVolumes", "count": -1, "code": "UnauthorizedOperation", "status": 403}));
    let told = measured(&lab, 1);
    assert_eq!(told[0]["instance_type"], "t3.small");
    assert_eq!(told[0]["volumes"], Value::Null);
    lab.expect_nothing_left();
}
