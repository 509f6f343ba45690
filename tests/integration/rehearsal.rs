//! The README's first command. `tests/run rehearsal` has these tests in a build without EC2, as that command makes it.

use crate::command::{Sandbox, run};

#[test]
fn a_rehearsal_needs_no_ec2() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed.csv", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 42 > speed.csv");
    run(sandbox.collect(&["--local", "config.yml", "v1"])).expect(0);
    let figures = std::fs::read_to_string(sandbox.sample("v1").join("speed.csv")).unwrap();
    assert_eq!(figures, "42\n");
}

#[cfg(not(feature = "ec2"))]
#[test]
fn without_ec2_a_config_for_it_is_refused_and_nothing_else_is() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "performance_results: speed.csv\nec2_instance_size: m1.small\nami: ami-709ba735\nuser: ubuntu",
        "run:\n  - measure.sh\n",
    )
    .script("measure.sh", "echo 42 > speed.csv");
    let refused = run(sandbox.collect(&["config.yml", "v1"])).expect(2);
    refused.says("this build of collector has no EC2");
    refused.says("default features");
    run(sandbox.collect(&["check", "config.yml"])).expect(0);
    run(sandbox.collect(&["list"])).expect(0);
}
