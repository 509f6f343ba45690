//! The whole job, from a config to results and no instance left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{Running, Sandbox, processes_with, run, skip, wait_for};
use crate::lab::{Guest, Lab, cache};
use crate::skip::has_program;

const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/seed");

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_file(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// What DESIGN promises about a sample of the seed's example.
fn expect_seed_results(sample: &Path, description: &str) {
    assert_eq!(read(&sample.join("config/version")), "v1.0\n");
    assert_eq!(
        read(&sample.join("config/description")),
        format!("{description}\n")
    );
    assert!(read(&sample.join("config/collector.revision")).trim().len() >= 6);
    let seed = Path::new(SEED);
    assert_eq!(
        read(&sample.join("config/config.yml")),
        read(&seed.join("config.yml"))
    );
    assert_eq!(
        read(&sample.join("config/run_w3af.py")),
        read(&seed.join("run_w3af.py"))
    );

    let trace = read(&sample.join("collector-seed-trace.cpu"));
    for script in [
        "after_aws_start.pl",
        "install_w3af.rb",
        "run_w3af.py",
        "compress_results.py",
    ] {
        let line = trace.lines().find(|line| line.contains(script));
        assert!(
            line.is_some_and(|line| line.contains("v1.0")),
            "{script}: {trace}"
        );
    }
    let logs: Vec<String> = fs::read_dir(sample.join("collector/logs"))
        .unwrap()
        .map(|entry| read(&entry.unwrap().path()))
        .collect();
    assert_eq!(logs.len(), 10);
    for log in logs {
        assert!(log.contains("VERSION v1.0"), "{log}");
    }

    let report = json_file(&sample.join("collector/run.json"));
    assert_eq!(report["outcome"], "passed");
    let stages: Vec<&str> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "before_aws_start",
            "launch",
            "ready",
            "after_aws_start",
            "setup",
            "run",
            "before_collect",
            "collect",
            "after_collect",
            "before_aws_terminate",
            "terminate",
        ]
    );
    let host = json_file(&sample.join("collector/host.json"));
    assert!(host["kernel"].is_string() && host["cpu_count"].is_u64());

    let manifest = json_file(&sample.join("collector/manifest.json"));
    for file in manifest["files"].as_array().unwrap() {
        let path = sample.join(file["path"].as_str().unwrap());
        assert_eq!(file["state"], "verified");
        assert_eq!(file["size"], fs::metadata(&path).unwrap().len());
        let sum = Command::new("sha256sum")
            .arg(&path)
            .output()
            .unwrap()
            .stdout;
        assert!(
            String::from_utf8(sum)
                .unwrap()
                .starts_with(file["sha256"].as_str().unwrap())
        );
    }

    let id = sample.file_name().unwrap().to_str().unwrap();
    let archive = sample.with_file_name(format!("{id}.tar.gz"));
    let names = Command::new("tar")
        .arg("-tzf")
        .arg(&archive)
        .output()
        .unwrap()
        .stdout;
    let names = String::from_utf8(names).unwrap();
    let start = format!("v1.0/{id}/");
    assert!(
        names.lines().all(|name| name.starts_with(&start)),
        "{names}"
    );
    assert!(names.contains(&format!("{start}collector/run.json")));
    let index = json_file(&sample.with_file_name("index.json"));
    assert_eq!(index["samples"][0]["directory"], id);
    assert_eq!(index["samples"][0]["archive"], format!("{id}.tar.gz"));
}

#[test]
fn the_seed_example_runs_on_a_booted_instance() {
    let Some(lab) = Lab::start(Guest::Booted) else {
        return;
    };
    let sandbox = Sandbox::new();
    let output = sandbox.output();
    let args = [
        SEED,
        "v1.0",
        "--description",
        "first\nline",
        "--output",
        output.to_str().unwrap(),
    ];
    let finished = run(lab.collect(&sandbox, &args)).expect(0);
    assert!(
        finished.stdout.contains("passed after"),
        "{}",
        finished.stdout
    );
    expect_seed_results(&sandbox.sample("v1.0"), "first line");
    lab.expect_nothing_left();
    expect_one_complete_call(&lab);
    assert!(
        fs::read_dir(sandbox.path().join("state/leases"))
            .unwrap()
            .next()
            .is_none()
    );

    let user_data = lab.instance()["user_data"].as_str().unwrap().to_owned();
    sandbox.file("user-data", &user_data);
    let schema = |command: &mut Command, path: &Path| {
        let checked = command
            .args(["cloud-init", "schema", "--config-file"])
            .arg(path)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
    };
    schema(
        Command::new("env").arg("--"),
        &sandbox.path().join("user-data"),
    );
}

/// One `RunInstances` carries all that keeps an instance from being forgotten.
fn expect_one_complete_call(lab: &Lab) {
    assert_eq!(lab.calls("RunInstances").len(), 1);
    let instance = lab.instance();
    assert_eq!(instance["shutdown_behavior"], "terminate");
    assert_eq!(instance["metadata_options"]["http_tokens"], "required");
    assert_eq!(instance["key_name"], "collector");
    let launch = &lab.calls("RunInstances")[0]["params"];
    assert_eq!(
        launch["MetadataOptions.HttpPutResponseHopLimit"], "1",
        "{launch}"
    );
    let volume = |key: &str| launch[format!("BlockDeviceMapping.1.{key}")].as_str();
    assert_eq!(volume("DeviceName"), Some("/dev/sda1"), "{launch}");
    assert_eq!(volume("Ebs.DeleteOnTermination"), Some("true"), "{launch}");
    let lease = instance["client_token"].as_str().unwrap();
    for tags in ["tags", "volume_tags", "network_interface_tags"] {
        let tags = &instance[tags];
        assert_eq!(tags["Name"], "collector");
        assert_eq!(tags["collector:lease"], lease);
        assert!(lease.starts_with(tags["collector:run"].as_str().unwrap()));
        assert_eq!(tags["collector:revision"], "v1.0");
        assert!(
            tags["collector:expires-at"]
                .as_str()
                .unwrap()
                .ends_with('Z')
        );
    }
}

#[test]
fn the_seed_example_runs_on_this_machine() {
    if !has_program("ruby") {
        return;
    }
    let sandbox = Sandbox::new();
    let output = sandbox.output();
    let args = [
        SEED,
        "v1.0",
        "--local",
        "--output",
        output.to_str().unwrap(),
    ];
    run(sandbox.collect(&args)).expect(0);
    let sample = sandbox.sample("v1.0");
    assert!(
        sample
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("local-")
    );
    expect_seed_results(&sample, "");
    assert!(
        fs::read_dir(sandbox.path().join("state/instances"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn an_instance_that_nobody_remembers_ends_itself() {
    let Some(lab) = Lab::start(Guest::Booted) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: /tmp/*.out\nmax_lifetime: 12s"),
            "run:\n  - wait.sh\n",
        )
        .script("wait.sh", "echo waiting\nsleep 600");
    Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"])).kill_after("waiting");
    let instance = lab.wait_for_state("terminated");
    assert_eq!(lab.calls("TerminateInstances").len(), 0, "{instance}");
}

#[test]
fn a_cut_connection_costs_no_line_and_runs_nothing_twice() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(&lab.main("performance_results: /tmp/*.out"), "run:\n  - count.sh\n")
        .script(
            "count.sh",
            "echo begun >> /tmp/begun.out\nn=0\nwhile [ $n -lt 60 ]; do n=$((n + 1)); echo \"line $n\"; sleep 0.05; done",
        );
    let mut running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    for line in ["line 5\n", "line 20\n", "line 40\n"] {
        running.wait_for_output(line);
        lab.cut(lab.instance()["id"].as_str().unwrap());
    }
    running.finish().expect(0);
    let sample = sandbox.sample("v1");
    let lines = (1..=60).fold(String::new(), |lines, n| format!("{lines}line {n}\n"));
    assert_eq!(
        read(&sample.join("collector/logs/01-run-count.sh.log")),
        lines
    );
    assert_eq!(read(&sample.join("begun.out")), "begun\n");
    lab.expect_nothing_left();
}

/// A tree that ignores TERM and has a child in a session and an environment of its own.
const STUBBORN: &str = "trap '' TERM\n\
    env -i PATH=\"$PATH\" setsid sh -c 'trap \"\" TERM; while :; do sleep 4711.1; done' &\n\
    setsid sh -c 'trap \"\" TERM; while :; do sleep 4711.2; done' &\n\
    echo started\nwhile :; do sleep 4711.3; done";

#[test]
fn a_timed_out_step_leaves_no_process_on_the_instance() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: /tmp/*.out"),
            "run:\n  - stubborn.sh: {timeout: 2s}\nbefore_collect:\n  - look.sh\n",
        )
        .script("stubborn.sh", STUBBORN)
        .script(
            "look.sh",
            "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 4711' > /tmp/left.out\n:",
        );
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    assert!(finished.stdout.contains("timed out"), "{}", finished.stdout);
    assert_eq!(read(&sandbox.sample("v1").join("left.out")), "0\n");
    lab.expect_nothing_left();
}

#[test]
fn a_timed_out_step_leaves_no_process_on_this_machine() {
    let sandbox = Sandbox::new();
    let own = STUBBORN.replace("4711", &std::process::id().to_string());
    sandbox
        .config(
            "performance_results: /etc/os-release",
            "run:\n  - stubborn.sh: {timeout: 1s}\n",
        )
        .script("stubborn.sh", &own);
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let left = processes_with(&format!("sleep\0{}.", std::process::id()));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_step_hears_every_signal() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: /etc/os-release",
            "run:\n  - ignored.sh\n",
        )
        .script("ignored.sh", "grep SigIgn /proc/self/status");
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let log = read(
        &sandbox
            .sample("v1")
            .join("collector/logs/01-run-ignored.sh.log"),
    );
    let ignored = u64::from_str_radix(log.trim().rsplit('\t').next().unwrap(), 16).unwrap();
    // Those above 31 are the C library's own, as this test found them.
    assert_eq!(ignored & 0x7fff_ffff, 0, "{log}");
}

#[test]
fn hostile_names_do_no_harm() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(
        &lab.main("performance_results: ['/tmp/r/**', '/tmp/r/$(touch pwned)*', '/tmp/r/`id`']"),
        "run:\n  - 'odd $(touch pwned) name;.sh':\n      args: ['$(touch pwned)', \"a'b\", '-x']\n      env: {ODD: \"`touch pwned`'\\\"\"}\n",
    )
    .script(
        "odd $(touch pwned) name;.sh",
        "mkdir -p /tmp/r/sub; cd /tmp/r\n\
         printf '%s|' \"$@\" \"$ODD\" > args\n\
         echo a > '$(touch pwned)'; echo b > 'with space'; echo c > ./-dash; echo d > \"$(printf 'new\\nline')\"\n\
         echo e > \"$(printf 'bytes\\377')\"; echo f > sub/deep; ln -s /etc leads-out; ln -s args link; mkfifo fifo\n\
         mkdir config collector; echo g > config/version; echo h > collector/run.json",
    );
    let finished = run(lab.collect(&sandbox, &["config.yml", "feature/a@b+c"])).expect(0);
    let sample = sandbox.sample("feature~a@b+c");
    assert_eq!(
        read(&sample.join("args")),
        "$(touch pwned)|a'b|-x|`touch pwned`'\"|"
    );
    assert_eq!(read(&sample.join("$(touch pwned)")), "a\n");
    assert_eq!(read(&sample.join("-dash")), "c\n");
    assert_eq!(read(&sample.join("new\nline")), "d\n");
    assert_eq!(read(&sample.join("sub/deep")), "f\n");
    assert_eq!(read(&sample.join("link")), read(&sample.join("args")));
    assert_eq!(read(&sample.join("config/version")), "feature/a@b+c\n");
    assert_eq!(read(&sample.join("config.2/version")), "g\n");
    assert_eq!(read(&sample.join("collector.2/run.json")), "h\n");
    finished.says("fifo is not a regular file");
    let pwned = Command::new("find")
        .arg(sandbox.path())
        .args(["-name", "pwned"])
        .output()
        .unwrap();
    assert!(pwned.stdout.is_empty(), "{pwned:?}");
    let links = Command::new("find")
        .arg(&sample)
        .args(["-type", "l"])
        .output()
        .unwrap();
    assert!(links.stdout.is_empty(), "{links:?}");
}

#[test]
fn a_lost_answer_to_a_launch_is_one_instance() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(&lab.main("performance_results: /etc/os-release"), "");
    lab.fault(&json!({"action": "RunInstances", "count": 1, "kill": "after"}));
    run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    assert_eq!(lab.instances().len(), 1);
    lab.expect_nothing_left();
}

#[test]
fn each_refusal_is_a_sentence_with_a_remedy() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = Sandbox::new();
    let refused = |main: &str, status: i32, words: &[&str]| {
        sandbox.config(main, "");
        let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(status);
        for word in words.iter().chain(&["error: ", "hint: "]) {
            assert!(
                finished.stderr.contains(word),
                "{word}: {}",
                finished.stderr
            );
        }
        assert!(lab.instances().is_empty());
    };
    let good = lab.main("performance_results: /etc/os-release");
    let with = |from: &str, to: &str| good.replace(from, to);
    let ami = lab.main("");
    let ami = ami
        .lines()
        .find(|line| line.starts_with("ami"))
        .unwrap()
        .to_owned();
    refused(
        &with(&ami, "ami: ami-00000000"),
        3,
        &["DescribeImages", "InvalidAMIID", "`ami` and `region`"],
    );
    refused(
        &with(
            "security_group: collector",
            "security_group: absent\naddress: private",
        ),
        3,
        &[
            "the public address of this machine is not known",
            "`ssh_from:`",
        ],
    );
    lab.fault(&json!({
        "action": "RunInstances", "count": 1, "code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403,
    }));
    refused(
        &good,
        3,
        &[
            "RunInstances was refused: You are not authorized",
            "IAM policy",
        ],
    );

    sandbox.config(&good, "");
    let mut nowhere = lab.collect(&sandbox, &["config.yml", "v1"]);
    nowhere.env_remove("AWS_REGION");
    let finished = run(nowhere).expect(2);
    finished.says("no AWS region is configured");
    let mut nobody = lab.collect(&sandbox, &["config.yml", "v1"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID");
    let finished = run(nobody).expect(3);
    finished.says("no usable AWS credentials");
}

#[test]
fn a_missing_key_pair_is_only_a_warning() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(
        &lab.main(
            "performance_results: [/etc/os-release, /none]\nkeypair: absent\naddress: private",
        ),
        "",
    );
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    finished.says("key pair `absent` does not exist");
    finished.says("`/none` matches no file");
}

/// A temporary group is the only one of its lease: what it lets in, and the ids of the instances in it.
fn groups(lab: &Lab) -> Vec<Value> {
    let created = lab.calls("CreateSecurityGroup");
    created.iter().map(|call| call["params"].clone()).collect()
}

#[test]
fn samples_run_side_by_side_in_a_temporary_group() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(
        &lab.main("performance_results: result\nsamples: 3\nssh_from: 192.0.2.7/32")
            .replace("security_group: collector\n", ""),
        "run:\n  - measure.sh\n",
    );
    sandbox.script("measure.sh", "echo $COLLECTOR_SAMPLE > result");
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    assert!(
        finished.stdout.contains("all 3 instances are gone"),
        "{}",
        finished.stdout
    );
    assert_eq!(lab.calls("RunInstances").len(), 1);
    let created = groups(&lab);
    assert_eq!(created.len(), 1);
    let tags = created[0].to_string();
    assert!(
        tags.contains("collector:lease") && tags.contains("collector:expires-at"),
        "{tags}"
    );
    let allowed = lab.calls("AuthorizeSecurityGroupIngress")[0]["params"].to_string();
    assert!(
        allowed.contains("192.0.2.7/32") && !allowed.contains("0.0.0.0/0"),
        "{allowed}"
    );
    lab.expect_nothing_left();
    let revision = sandbox.output().join("v1");
    let index = json_file(&revision.join("index.json"));
    let samples = index["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 3);
    let results: BTreeSet<String> = samples
        .iter()
        .map(|sample| {
            read(
                &revision
                    .join(sample["directory"].as_str().unwrap())
                    .join("result"),
            )
        })
        .collect();
    assert_eq!(
        results,
        BTreeSet::from(["1\n", "2\n", "3\n"].map(str::to_owned))
    );
    // Nothing of the group stays when its instances are gone.
    let id = samples[0]["run"].as_str().unwrap().to_owned();
    wait_for("the group is deleted", || {
        run(lab.collect(&sandbox, &["reap", "--run", &id])).expect(0);
        let listed = run(lab.collect(&sandbox, &["list"])).expect(0);
        (!listed.stdout.contains("security group")).then_some(())
    });
    assert!(!lab.calls("DeleteSecurityGroup").is_empty());
}

#[test]
fn what_a_killed_collector_left_is_listed_and_reaped() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main("performance_results: /etc/os-release"),
            "run:\n  - wait.sh\n",
        )
        .script("wait.sh", "echo waiting\nsleep 600");
    Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"])).kill_after("waiting");
    let instance = lab.instance();
    let id = instance["id"].as_str().unwrap();
    let run_id = instance["tags"]["collector:run"].as_str().unwrap();

    let listed = run(lab.collect(&sandbox, &["list"])).expect(0).stdout;
    assert!(listed.contains(id) && listed.contains(run_id), "{listed}");
    run(lab.collect(&sandbox, &["reap", "--expired"])).expect(0);
    assert_eq!(lab.instance()["state"], "running");
    let reaped = run(lab.collect(&sandbox, &["reap", "--run", run_id]))
        .expect(0)
        .stdout;
    assert!(reaped.contains(&format!("terminated {id}")), "{reaped}");
    lab.expect_nothing_left();
    assert!(
        fs::read_dir(sandbox.path().join("state/leases"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn a_killed_rehearsal_is_listed_and_reaped() {
    let sandbox = Sandbox::new();
    let nap = format!("sleep 600.{}", std::process::id());
    sandbox
        .config(
            "performance_results: /etc/os-release",
            "run:\n  - wait.sh\n",
        )
        .script("wait.sh", &format!("echo waiting\n{nap}"));
    Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"])).kill_after("waiting");
    let listed = run(sandbox.collect(&["list", "--local"])).expect(0).stdout;
    assert!(listed.contains("local-"), "{listed}");
    run(sandbox.collect(&["reap", "--local", "--all"])).expect(0);
    let left = processes_with(&nap.replace(' ', "\0"));
    assert!(left.is_empty(), "{left:?}");
    let listed = run(sandbox.collect(&["list", "--local"])).expect(0).stdout;
    assert!(!listed.contains("local-"), "{listed}");
}

#[test]
fn a_rehearsal_that_nobody_ends_expires() {
    let sandbox = Sandbox::new();
    let nap = format!("sleep 700.{}", std::process::id());
    sandbox
        .config(
            "performance_results: /etc/os-release\nmax_lifetime: 10s",
            "run:\n  - wait.sh\n",
        )
        .script("wait.sh", &format!("echo waiting\n{nap}"));
    Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"])).kill_after("waiting");
    wait_for("the timer", || {
        processes_with(&nap.replace(' ', "\0"))
            .is_empty()
            .then_some(())
    });
    wait_for("the home to go", || {
        fs::read_dir(sandbox.path().join("state/instances"))
            .unwrap()
            .next()
            .is_none()
            .then_some(())
    });
}

/// A bind mount in the home of a rehearsal, of a directory that belongs to somebody else.
const MOUNTS: &str = "mkdir 'a home'\nmount --bind \"$PRECIOUS\" 'a home'\nls 'a home'";

/// The directory that a rehearsal mounts, with a file in it; `None`, and a line that says so, where nobody may mount.
fn precious(sandbox: &Sandbox) -> Option<std::path::PathBuf> {
    if !rustix::process::geteuid().is_root() {
        skip("only root can mount");
        return None;
    }
    sandbox.file("precious/file", "theirs\n");
    Some(sandbox.path().join("precious"))
}

#[test]
fn what_a_rehearsal_mounts_survives_it() {
    let sandbox = Sandbox::new();
    let Some(precious) = precious(&sandbox) else {
        return;
    };
    sandbox
        .config(
            "performance_results: 'a home/file'",
            &format!(
                "run:\n  - mount.sh: {{env: {{PRECIOUS: '{}'}}}}\n",
                precious.display()
            ),
        )
        .script("mount.sh", MOUNTS);
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    assert_eq!(read(&precious.join("file")), "theirs\n");
    assert_eq!(read(&sandbox.sample("v1").join("file")), "theirs\n");
    let instances = sandbox.path().join("state/instances");
    assert!(fs::read_dir(&instances).unwrap().next().is_none());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&instances.display().to_string()));
}

#[test]
fn what_an_expired_rehearsal_mounted_survives_it() {
    let sandbox = Sandbox::new();
    let Some(precious) = precious(&sandbox) else {
        return;
    };
    sandbox
        .config(
            "performance_results: /etc/os-release\nmax_lifetime: 10s",
            &format!(
                "run:\n  - mount.sh: {{env: {{PRECIOUS: '{}'}}}}\n",
                precious.display()
            ),
        )
        .script("mount.sh", &format!("{MOUNTS}\nsleep 600"));
    Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"])).kill_after("file\n");
    wait_for("the home to go", || {
        fs::read_dir(sandbox.path().join("state/instances"))
            .unwrap()
            .next()
            .is_none()
            .then_some(())
    });
    assert_eq!(read(&precious.join("file")), "theirs\n");
}

#[test]
fn the_rootfs_of_the_booted_guest_accepts_the_user_data() {
    let rootfs = cache().join("rootfs");
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    if !rootfs.join("usr/bin/cloud-init").exists() {
        skip("there is no root file system for booted guests");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.config(&lab.main("performance_results: /etc/os-release"), "");
    let running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    let instance = wait_for("the launch", || lab.instances().pop());
    running.signal(Signal::TERM);
    running.finish().expect(143);
    lab.expect_nothing_left();
    let name = format!("tmp/user-data-{}", std::process::id());
    let inside = rootfs.join(&name);
    fs::write(&inside, instance["user_data"].as_str().unwrap()).unwrap();
    let checked = Command::new("chroot")
        .arg(&rootfs)
        .args(["cloud-init", "schema", "--config-file"])
        .arg(format!("/{name}"))
        .output()
        .unwrap();
    fs::remove_file(inside).unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn check_reports_all_problems_and_rents_nothing() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: x\nkeypare: x",
            "run:\n  - absent.sh\n  - plain.sh\n",
        )
        .file("plain.sh", "echo\n");
    let finished = run(sandbox.collect(&["check", "."])).expect(2);
    for words in [
        "config.yml:4:3: unknown key `keypare`",
        "did you mean `keypair`?",
        "`absent.sh` does not exist",
        "`plain.sh` is not executable",
        "chmod +x",
        "`ami` is missing in `main`",
        "`plain.sh` has no interpreter line",
    ] {
        assert!(
            finished.stderr.contains(words),
            "{words}: {}",
            finished.stderr
        );
    }
    for (revision, why) in [
        ("", "is empty"),
        ("../x", "starts with"),
        ("a b", "contains ' '"),
    ] {
        let finished = run(sandbox.collect(&[".", revision])).expect(2);
        assert!(
            finished.stderr.contains(why),
            "{revision:?}: {}",
            finished.stderr
        );
    }
    assert!(!sandbox.output().exists());
    let names: BTreeSet<_> = fs::read_dir(sandbox.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(!names.iter().any(|name| name == "state"), "{names:?}");
}
