//! The archive in a bucket, read back with another client of S3.

use std::fs;
use std::path::Path;
use std::process::Command;

use collector::report::SampleReport;
use collector::results::SampleDirectory;
use serde_json::json;

use crate::command::{Desk, run};
use crate::lab::{Guest, Lab, cache};

/// boto3, in the environment of the laboratory.
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
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
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
fn measuring(lab: &Lab, main: &str, bytes: u32) -> Desk {
    let desk = Desk::new();
    let main = lab.main(&format!("performance_results: [noise, speed]\n{main}"));
    desk.config(&main, "run:\n  - measure.sh\n").script(
        "measure.sh",
        &format!("head -c {bytes} /dev/urandom > noise; echo 42 > speed"),
    );
    desk
}

fn report(desk: &Desk) -> SampleReport {
    SampleDirectory::new(desk.sample("v1")).read().unwrap()
}

#[test]
fn the_archive_is_read_back_from_the_bucket_as_it_is_here() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let desk = measuring(&lab, "S3: results/nightly runs/", 20 << 20);
    lab.fault(&json!({ "action": "UploadPart", "code": "SlowDown", "status": 503, "count": 1 }));
    lab.fault(&json!({ "action": "UploadPart", "kill": "before", "count": 1 }));
    let finished = run(lab.collect(&desk, &["config.yml", "v1"])).expect(0);
    let id = lab.instance()["id"].as_str().unwrap().to_owned();
    let key = format!("nightly runs/v1/{id}.tar.gz");
    finished.says(&format!("s3://results/{key}"));
    assert_eq!(keys(&lab), format!("{key}\n"));
    assert_eq!(report(&desk).stored, Some(format!("s3://results/{key}")));
    let copy = desk.path().join("copy");
    download(&lab, &key, &copy);
    let here = fs::read(desk.output().join(format!("v1/{id}.tar.gz"))).unwrap();
    assert!(fs::read(&copy).unwrap() == here, "the copy differs");
    lab.expect_nothing_left();
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_before_anything_is_launched() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let desk = measuring(&lab, "S3: results", 1);
    let refused = run(lab.collect(&desk, &["config.yml", "v1"])).expect(3);
    refused.says("there is no bucket `results`");
    refused.says("aws s3 mb");
    make_bucket(&lab);
    lab.fault(&json!({ "action": "HeadBucket", "code": "AccessDenied", "status": 403 }));
    let refused = run(lab.collect(&desk, &["config.yml", "v1"])).expect(3);
    refused.says("docs/s3.md");
    assert!(lab.calls("RunInstances").is_empty());
}

#[test]
fn what_arrives_changed_is_not_taken_and_costs_the_copy_only() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    make_bucket(&lab);
    let desk = measuring(&lab, "S3: results", 1);
    lab.fault(&json!({ "action": "UploadPart", "spoil": true, "count": -1 }));
    let finished = run(lab.collect(&desk, &["config.yml", "v1"])).expect(0);
    finished.says("the archive is not in the bucket");
    finished.says("BadDigest");
    assert_eq!(keys(&lab), "", "the upload was given up");
    assert_eq!(report(&desk).stored, None);
    lab.expect_nothing_left();
}
