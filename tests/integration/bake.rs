//! `collect bake`: runs from an image find what was baked, and nothing of the bake itself; nothing is left of what fails.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{Finished, Running, Sandbox, run, wait_for};
use crate::lab::{Guest, Lab};

const PREPARE: &str = "\
echo \"prepared for <$VERSION>\" > /opt/prepared
cp /etc/machine-id /opt/machine-id
wc -l < library.txt > /opt/lines
rm library.txt";

/// What an instance from an image has to be asked for.
const MEASURE: &str = "\
cat /opt/prepared /opt/lines
ls library.txt 2> /dev/null
cmp -s /etc/machine-id /opt/machine-id && echo 'the machine id is that of the bake'
grep -h -o 'ssh-ed25519 [^ ]*' /home/ubuntu/.ssh/authorized_keys | sort -u | wc -l
systemctl is-active collector-lifetime.timer";

fn sandbox(lab: &Lab, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = lab.main(&format!(
        "performance_results: /opt/prepared\nupload: library.txt\nmetrics: off\n{more}"
    ));
    sandbox
        .config(&main, "after_aws_start: [prepare.sh]\nrun: [measure.sh]\n")
        .script("prepare.sh", PREPARE)
        .script("measure.sh", MEASURE)
        .file("library.txt", "one\ntwo\n");
    sandbox
}

fn collect(lab: &Lab, sandbox: &Sandbox, args: &[&str]) -> Finished {
    run(lab.collect(sandbox, args))
}

#[track_caller]
fn expect_nothing_stored(lab: &Lab) {
    assert_eq!(lab.stored("images"), [] as [Value; 0]);
    assert_eq!(lab.stored("snapshots"), [] as [Value; 0]);
}

fn image_id(lab: &Lab) -> String {
    let images = lab.stored("images");
    assert_eq!(images.len(), 1, "{images:?}");
    images[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn runs_launch_from_the_image_that_fits_and_leave_out_what_it_has() {
    let Some(lab) = Lab::start(Guest::Booted) else {
        return;
    };
    let sandbox = sandbox(&lab, "bake: auto");
    let before = collect(&lab, &sandbox, &["config.yml", "v1"]).expect(0);
    assert!(before.stderr.contains("no image fits `bake`"), "{before:?}");
    assert!(before.stderr.contains("prepared for <v1>"), "{before:?}");

    let baked = collect(&lab, &sandbox, &["bake", "config.yml"]).expect(0);
    let id = image_id(&lab);
    assert!(
        baked.stderr.contains(&format!("image {id} is available")),
        "{baked:?}"
    );
    lab.expect_nothing_left();
    let call = &lab.calls("CreateImage")[0]["params"];
    for kind in ["1", "2"] {
        let first = &call[format!("TagSpecification.{kind}.Tag.2.Key")];
        assert_eq!(first, "collector:lease", "{call}");
    }
    let again = collect(&lab, &sandbox, &["bake", "config.yml"]).expect(0);
    assert!(again.stderr.contains("already"), "{again:?}");
    assert_eq!(lab.instances().len(), 2);

    let from_image = collect(&lab, &sandbox, &["config.yml", "v2"]).expect(0);
    let told = &from_image.stderr;
    assert!(
        told.contains(&format!("launching from image {id}")),
        "{told}"
    );
    assert!(!told.contains("prepare.sh"), "{told}");
    let measured = "prepared for <>\n2\n1\nactive\n";
    assert!(told.contains(measured), "{told}");
    assert_eq!(lab.instances()[2]["image_id"], id.as_str());

    let listed = collect(&lab, &sandbox, &["list"]).expect(0);
    assert!(listed.stdout.contains("15 GiB"), "{listed:?}");
    assert!(listed.stdout.contains("after_aws_start on ami-"));
    collect(&lab, &sandbox, &["reap", "--all"]).expect(0);
    assert_eq!(image_id(&lab), id);

    sandbox.script("prepare.sh", &format!("{PREPARE}\n# other"));
    let other = collect(&lab, &sandbox, &["config.yml", "v2"]).expect(0);
    assert!(other.stderr.contains("no image fits"), "{other:?}");
    assert!(other.stderr.contains("prepared for <v2>"), "{other:?}");

    let deleted = collect(&lab, &sandbox, &["reap", "--images"]).expect(0);
    assert!(deleted.stdout.contains(&format!("deleted image {id}")));
    expect_nothing_stored(&lab);
    lab.expect_nothing_left();
}

#[test]
fn an_instance_from_an_image_that_nobody_remembers_ends_itself() {
    let Some(lab) = Lab::start(Guest::Booted) else {
        return;
    };
    let sandbox = sandbox(&lab, "bake: auto\nmax_lifetime: 12s");
    collect(&lab, &sandbox, &["bake", "config.yml"]).expect(0);
    sandbox.script("measure.sh", "echo waiting\nsleep 600");
    let terminated = lab.calls("TerminateInstances").len();
    Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"])).kill_after("waiting");
    let instance = wait_for("its end", || {
        let instance = lab.instances().pop().unwrap();
        (instance["state"] == "terminated").then_some(instance)
    });
    assert_eq!(instance["image_id"], image_id(&lab).as_str());
    assert_eq!(lab.calls("TerminateInstances").len(), terminated);
}

#[test]
fn a_bake_that_is_interrupted_leaves_neither_image_nor_snapshot() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.imaging(600);
    let sandbox = sandbox(&lab, "");
    let mut baking = Running::spawn(lab.collect(&sandbox, &["bake", "config.yml"]));
    baking.wait_for_output("is being made");
    baking.signal(Signal::TERM);
    baking.finish().expect(143);
    lab.expect_nothing_left();
    expect_nothing_stored(&lab);
}

#[test]
fn what_a_killed_bake_leaves_is_listed_and_reaped() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.imaging(600);
    let sandbox = sandbox(&lab, "");
    Running::spawn(lab.collect(&sandbox, &["bake", "config.yml"])).kill_after("is being made");
    let listed = collect(&lab, &sandbox, &["list"]).expect(0);
    assert!(listed.stdout.contains("unfinished image"), "{listed:?}");
    assert!(listed.stdout.contains("snapshot without image"));
    collect(&lab, &sandbox, &["reap", "--all"]).expect(0);
    expect_nothing_stored(&lab);
    lab.expect_nothing_left();
}

#[test]
fn a_lost_answer_to_the_making_of_an_image_is_one_image() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.fault(&json!({"action": "CreateImage", "count": 1, "kill": "after"}));
    let sandbox = sandbox(&lab, "");
    collect(&lab, &sandbox, &["bake", "config.yml"]).expect(0);
    image_id(&lab);
    lab.expect_nothing_left();
}

#[test]
fn who_may_make_no_image_is_told_and_nothing_is_left() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.fault(&json!({
        "action": "CreateImage", "count": -1, "code": "UnauthorizedOperation", "status": 403,
    }));
    let sandbox = sandbox(&lab, "");
    let refused = collect(&lab, &sandbox, &["bake", "config.yml"]).expect(3);
    refused.says("CreateImage was refused");
    refused.says("docs/aws.md");
    expect_nothing_stored(&lab);
    lab.expect_nothing_left();
}

#[test]
fn a_step_that_does_not_pass_makes_no_image() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = sandbox(&lab, "");
    for (script, status) in [("exit 3", 1), ("rm -f /usr/bin/cloud-init; hash -r", 3)] {
        sandbox.script("prepare.sh", script);
        collect(&lab, &sandbox, &["bake", "config.yml"]).expect(status);
        assert_eq!(lab.calls("CreateImage").len(), 0);
    }
    lab.expect_nothing_left();
}

#[test]
fn an_image_behind_a_parameter_is_known_by_its_id() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = sandbox(&lab, "");
    let config = lab.main("performance_results: x\nupload: library.txt");
    let parameter =
        "ami: resolve:ssm:/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2";
    let lines = config.lines().map(|line| {
        let line = if line.starts_with("ami:") {
            parameter
        } else {
            line
        };
        format!("{line}\n")
    });
    sandbox.config(
        &lines.collect::<String>(),
        "after_aws_start: [prepare.sh]\n",
    );
    collect(&lab, &sandbox, &["bake", "config.yml"]).expect(0);
    let call = &lab.calls("CreateImage")[0]["params"];
    let base = lab.instances()[0]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(call["Description"], format!("after_aws_start on {base}"));
}
