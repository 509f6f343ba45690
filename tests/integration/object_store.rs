//! The archive in a bucket, read back with another client of S3.

use std::fs;
use std::path::Path;
use std::process::Command;

use collector::report::SampleReport;
use collector::results::SampleDirectory;
use serde_json::json;

use crate::command::{Running, Sandbox, run, wait_for};
use crate::lab::{Guest, Lab, cache};

/// boto3, in the environment of the tests' EC2.
fn boto3(lab: &Lab, code: &str, args: &[&str]) -> String {
    let mut command = Command::new(cache().join("venv/bin/python"));
    command
        .args([
            "-c",
            &format!("import boto3, sys\ns3 = boto3.client('s3')\n{code}"),
        ])
        .args(args);
    lab.surround(&mut command);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn make_bucket(lab: &Lab) {
    boto3(lab, "s3.create_bucket(Bucket='results')", &[]);
}

/// The keys of the bucket, and the uploads that are not over.
fn keys(lab: &Lab) -> String {
    let code = "for key in s3.list_objects_v2(Bucket='results').get('Contents', []): print(key['Key'])\n\
                for one in s3.list_multipart_uploads(Bucket='results').get('Uploads', []): print('unfinished', one['Key'])";
    boto3(lab, code, &[])
}

fn download(lab: &Lab, key: &str, to: &Path) {
    let code = "s3.download_file('results', sys.argv[1], sys.argv[2])";
    boto3(lab, code, &[key, to.to_str().unwrap()]);
}

/// A run whose results are so many bytes that no compression makes smaller.
fn measuring(lab: &Lab, main: &str, bytes: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = lab.main(&format!("performance_results: [noise, speed]\n{main}"));
    sandbox.config(&main, "run:\n  - measure.sh\n").script(
        "measure.sh",
        &format!("head -c {bytes} /dev/urandom > noise; echo 42 > speed"),
    );
    sandbox
}

fn report(sandbox: &Sandbox) -> SampleReport {
    SampleDirectory::new(sandbox.sample("v1")).read().unwrap()
}

#[test]
fn the_archive_is_read_back_from_the_bucket_as_it_is_here() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let sandbox = measuring(&lab, "S3: results/nightly runs/", 20 << 20);
    lab.fault(&json!({ "action": "UploadPart", "code": "SlowDown", "status": 503, "count": 1 }));
    lab.fault(&json!({ "action": "UploadPart", "kill": "before", "count": 1 }));
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    let id = lab.instance()["id"].as_str().unwrap().to_owned();
    let key = format!("nightly runs/v1/{id}.tar.gz");
    finished.says(&format!("s3://results/{key}"));
    assert_eq!(keys(&lab), format!("{key}\n"));
    assert_eq!(report(&sandbox).stored, Some(format!("s3://results/{key}")));
    let copy = sandbox.path().join("copy");
    download(&lab, &key, &copy);
    let here = fs::read(sandbox.output().join(format!("v1/{id}.tar.gz"))).unwrap();
    assert!(fs::read(&copy).unwrap() == here, "the copy differs");
    lab.expect_nothing_left();
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_before_anything_is_launched() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = measuring(&lab, "S3: results", 1);
    let refused = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(3);
    refused.says("there is no bucket `results`");
    refused.says("aws s3 mb");
    make_bucket(&lab);
    lab.fault(&json!({ "action": "HeadBucket", "code": "AccessDenied", "status": 403 }));
    let refused = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(3);
    refused.says("docs/s3.md");
    assert!(lab.calls("RunInstances").is_empty());
}

#[test]
fn what_arrives_changed_is_not_taken_and_costs_the_copy_only() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let sandbox = measuring(&lab, "S3: results", 1);
    lab.fault(&json!({ "action": "UploadPart", "spoil": true, "count": -1 }));
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    finished.says("the archive is not in the bucket");
    finished.says("BadDigest");
    assert_eq!(keys(&lab), "", "the upload was given up");
    assert_eq!(report(&sandbox).stored, None);
    lab.expect_nothing_left();
}

/// The names and checksums of the files in an archive, as `tar` and `sha256sum` see them.
fn unpacked(archive: &Path) -> Vec<String> {
    let directory = archive.with_extension("unpacked");
    fs::create_dir(&directory).unwrap();
    let script = "tar xzf \"$1\" && find . -type f -exec sha256sum {} + | sort -k 2";
    let output = Command::new("sh")
        .args(["-c", script, "sh", archive.to_str().unwrap()])
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A run that tells its checksums, so that nothing but the bucket need have the files.
fn telling_checksums(lab: &Lab, main: &str, bytes: u32) -> Sandbox {
    let sandbox = measuring(lab, main, bytes);
    sandbox.script(
        "measure.sh",
        &format!("head -c {bytes} /dev/urandom > noise; echo 42 > speed; sha256sum noise speed"),
    );
    sandbox
}

fn sending_straight(lab: &Lab) -> Sandbox {
    telling_checksums(lab, "S3: results\ndownload: false", 1000)
}

#[test]
fn without_a_download_the_results_go_straight_from_the_instance_to_the_bucket() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    // The other tests have the key in the config: here it is the option.
    let sandbox = telling_checksums(&lab, "S3: results", 40 << 20);
    lab.fault(&json!({ "action": "UploadPart", "code": "SlowDown", "status": 503, "count": 1 }));
    lab.fault(&json!({ "action": "UploadPart", "kill": "before", "count": 1 }));
    lab.fault(&json!({ "action": "UploadPart", "delay": 1.5, "kill": "after", "count": 1 }));
    let running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1", "--no-download"]));
    let id = wait_for("the third part on its way", || {
        (lab.calls("UploadPart").len() >= 3).then(|| lab.instance()["id"].clone())
    });
    let id = id.as_str().unwrap();
    lab.cut(id);
    let finished = running.finish().expect(0);
    finished.says(&format!("s3://results/v1/{id}.tar.gz"));
    assert_eq!(
        keys(&lab),
        format!("v1/{id}.records.tar.gz\nv1/{id}.tar.gz\n")
    );
    let sample = sandbox.sample("v1");
    assert!(!sample.join("noise").exists() && !sample.join("speed").exists());
    assert_eq!(report(&sandbox).collected.files, 2);

    let copy = sandbox.path().join("copy.tar.gz");
    download(&lab, &format!("v1/{id}.tar.gz"), &copy);
    let log = fs::read_to_string(sample.join("collector/logs/01-run-measure.sh.log")).unwrap();
    let measured = log.replace("  ", &format!("  ./v1/{id}/"));
    assert_eq!(unpacked(&copy), measured.lines().collect::<Vec<_>>());
    let records = sandbox.path().join("records.tar.gz");
    download(&lab, &format!("v1/{id}.records.tar.gz"), &records);
    let log = format!("./v1/{id}/collector/logs/01-run-measure.sh.log");
    assert!(unpacked(&records).iter().any(|line| line.ends_with(&log)));

    // Not a byte of the results went by this machine.
    for call in lab.calls("UploadPart") {
        let call = &call["params"];
        let from_instance = call["client"].as_str().unwrap().starts_with("curl/");
        let of_results = !call["path"].as_str().unwrap().ends_with(".records.tar.gz");
        assert_eq!(from_instance, of_results, "{call}");
    }
    lab.expect_nothing_left();
}

#[test]
fn what_does_not_get_straight_to_the_bucket_comes_here_and_goes_from_here() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let sandbox = sending_straight(&lab);
    lab.fault(&json!({ "action": "UploadPart", "spoil": true, "count": 1 }));
    let finished = run(lab.collect(&sandbox, &["config.yml", "v1"])).expect(0);
    finished.says("the results did not get straight to the bucket");
    finished.says("BadDigest");
    let sample = sandbox.sample("v1");
    assert_eq!(fs::read(sample.join("noise")).unwrap().len(), 1000);
    let id = sample.file_name().unwrap().to_str().unwrap();
    assert_eq!(keys(&lab), format!("v1/{id}.tar.gz\n"));
    lab.expect_nothing_left();
}

#[test]
fn a_signal_while_the_instance_sends_leaves_no_part_behind() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let sandbox = sending_straight(&lab);
    lab.fault(&json!({ "action": "UploadPart", "delay": 2, "count": -1 }));
    let running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    wait_for("a part on its way", || {
        (!lab.calls("UploadPart").is_empty()).then_some(())
    });
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect(143);
    assert_eq!(lab.calls("AbortMultipartUpload").len(), 1);
    lab.expect_nothing_left();
}
