//! A run that several processes share: each measures its part of the samples, and joined they are what one would have measured.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Finished, Sandbox, run};
use crate::compare::{figures, stored};
use crate::documents::Document;
use crate::lab;

const SAMPLES: usize = 4;

/// A rehearsal of a candidate that takes a tenth longer, with figures that a sample and a turn always have alike.
fn sandbox(main: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = format!(
        "metrics: off\nperformance_results: speed.csv\nfigures: speed.csv\nbaseline: v1\nrepeat: 2\nsamples: {SAMPLES}\n{main}"
    );
    sandbox.config(&main, "run:\n  - measure.sh\n");
    sandbox.script(
        "measure.sh",
        "n=$COLLECTOR_SAMPLE; [ $VERSION = v1 ] && t=100$n || t=110$n\n\
         echo 'name,value,unit' > speed.csv; echo \"time,$t,ms\" >> speed.csv\n\
         echo \"$COLLECTOR_SAMPLE $COLLECTOR_ARM $COLLECTOR_ROUND\" >> \"$ORDER\"",
    );
    sandbox
}

/// A rehearsal; what its turns were, in their order, goes to the file `order`.
fn rehearse(sandbox: &Sandbox, words: &[&str]) -> Finished {
    let mut command = sandbox.collect(&[&["config.yml", "v2", "--local"], words].concat());
    command.env("ORDER", sandbox.path().join("order"));
    run(command)
}

fn order(sandbox: &Sandbox) -> String {
    let path = sandbox.path().join("order");
    let order = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    order
}

fn record(sandbox: &Sandbox, directory: &str) -> Value {
    let text = fs::read(sandbox.path().join(directory).join("figures.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The record of the only run that a directory has one of.
fn record_of_run(sandbox: &Sandbox, output: &str) -> Value {
    let of_runs = sandbox.path().join(output).join("v2");
    let mut runs = fs::read_dir(of_runs).unwrap().map(|entry| entry.unwrap());
    let run = runs.find(|run| run.path().join("figures.json").exists());
    let run = run.unwrap().file_name().into_string().unwrap();
    record(sandbox, &format!("{output}/v2/{run}"))
}

/// A record without the names that differ from run to run.
fn without_names(mut record: Value) -> Value {
    record["runs"] = Value::Null;
    for sample in record["samples"].as_array_mut().unwrap() {
        *sample = sample["sample"].clone();
    }
    record
}

#[test]
fn joined_shards_are_what_one_process_would_have_measured() {
    let sandbox = sandbox("confirm: false");
    let seed = ["--seed", "7"];
    let whole = rehearse(&sandbox, &[&["--output", "whole"], &seed[..]].concat()).expect(0);
    let order_of_whole = order(&sandbox);
    // Not in their order: nothing tells which one ends first.
    for shard in ["3/3", "1/3", "2/3"] {
        let words = ["--output", shard, "--run", "nightly-7", "--shard", shard];
        rehearse(&sandbox, &[&words, &seed[..]].concat()).expect(0);
    }
    let mut of_shards: Vec<String> = order(&sandbox).lines().map(str::to_owned).collect();
    of_shards.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
    assert_eq!(of_shards.join("\n"), order_of_whole.trim_end());
    let merged =
        run(sandbox.collect(&["merge", "--output", "joined", "3/3/v2", "1/3/v2", "2/3/v2"]))
            .expect(0);
    let expected = record_of_run(&sandbox, "whole");
    assert_eq!(expected["samples"].as_array().unwrap().len(), SAMPLES);
    assert!(expected["comparison"]["rows"][0]["ratio"].is_f64());
    let joined = record(&sandbox, "joined");
    assert_eq!(without_names(joined.clone()), without_names(expected));
    assert_eq!(joined["runs"].as_array().unwrap().len(), 3);
    // The table that a person sees is the same, too.
    assert!(!merged.stdout.is_empty());
    for line in merged.stdout.lines() {
        assert!(whole.stdout.contains(line), "{line}\n{}", whole.stdout);
    }
}

#[test]
fn shards_of_one_name_agree_on_a_seed_and_others_do_not() {
    let sandbox = sandbox("");
    let seeds = |name: &str, shard: &str| {
        let output = format!("{name}-{}", &shard[..1]);
        let words = ["--output", &output, "--run", name, "--shard", shard];
        let finished = rehearse(&sandbox, &words).expect(0);
        // There are no stages, and no verdict, where the others are not known.
        finished.says("`confirm` is for the whole run, which `collect merge` joins");
        let record = record_of_run(&sandbox, &output);
        let reasons = record["comparison"]["rows"][0]["reasons"].to_string();
        assert!(
            reasons.contains(&format!("shard {shard} only")),
            "{reasons}"
        );
        record["seed"].as_u64().unwrap()
    };
    let seed = seeds("a", "1/2");
    assert_eq!(seeds("a", "2/2"), seed);
    assert_ne!(seeds("b", "1/2"), seed);
    // What was measured under this name is not written over.
    let words = ["--output", "a-1", "--run", "a", "--shard", "1/2"];
    rehearse(&sandbox, &words).expect(2).says("File exists");
}

#[test]
fn a_shard_has_the_same_name_whenever_it_is_started_and_the_engine_names_the_run() {
    let sandbox = sandbox("confirm: false");
    let run_of = |variables: &[(&str, &str)], words: &[&str]| {
        let output = tempfile::tempdir_in(sandbox.path()).unwrap();
        let place = output.path().to_str().unwrap();
        let words = [&["config.yml", "v2", "--local", "--output", place], words].concat();
        let mut command = sandbox.collect(&words);
        command.env("ORDER", "/dev/null");
        command.envs(variables.iter().copied());
        run(command).expect(0);
        let name = output.path().file_name().unwrap().to_str().unwrap();
        let record = record_of_run(&sandbox, name);
        record["runs"][0].as_str().unwrap().to_owned()
    };
    let child = |index: &'static str, attempt: &'static str| {
        [
            ("AWS_BATCH_JOB_ID", "0e5d1a9c-1c1f-4d3a-a2ce-1d0b6d1a5f7e:1"),
            ("AWS_BATCH_JOB_ARRAY_INDEX", index),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "2"),
            ("AWS_BATCH_JOB_ATTEMPT", attempt),
        ]
    };
    let first = run_of(&child("1", "1"), &["--shard", "auto"]);
    assert!(first.starts_with("0e5d1a9c1c1f4d3aa2ce1d0b6d1a5f7e-") && first.ends_with("-2of2"));
    assert_eq!(run_of(&child("1", "1"), &["--shard", "2/2"]), first);
    // EC2 gives a token to one launch only: a further attempt is another.
    assert_ne!(run_of(&child("1", "2"), &["--shard", "auto"]), first);
}

#[test]
fn what_is_no_shard_of_the_run_is_refused_before_anything_is_launched() {
    let sandbox = sandbox("");
    let refused = |words: &[&str]| {
        let words = [&["config.yml", "v2", "--local"], words].concat();
        run(sandbox.collect(&words)).expect(2)
    };
    let named = |shard: &str| refused(&["--run", "a", "--shard", shard]);
    named("3/2").says("there is no shard 3 of 2");
    named("0/2").says("shards are counted from 1");
    named("1/0").says("shards are counted from 1");
    named("half").says("is not of the form `2/16`");
    named("1/5").says("5 shards are too many for 4 samples");
    named("auto").says("not the child of an array job of AWS Batch");
    refused(&["--shard", "1/2"]).says("nothing names the run");
    refused(&["--run", "a"]).says("--shard");
    refused(&["--run", "a*", "--shard", "1/2"]).says("letters, digits and hyphens");
    refused(&["--samples", "257"]).says("257 samples are more than one process measures, 256");
    assert!(!sandbox.output().exists());
}

#[test]
fn a_plan_shows_the_samples_of_its_shard() {
    let sandbox = sandbox("fail_on: {slower: 5%}");
    let words = ["plan", "config.yml", "v2", "--local", "--shard", "2/3"];
    let plan = run(sandbox.collect(&words)).expect(0).stdout;
    assert!(plan.contains("4 (shard 2/3: 3 to 3)"), "{plan}");
    let confirm = plan.lines().find(|line| line.starts_with("confirm"));
    assert!(confirm.unwrap().ends_with("false"), "{plan}");
}

/// Two shards of a run at rest, with a candidate that is slower by a tenth on three instances each.
fn stored_shards(sandbox: &Sandbox, config: &str) {
    for number in [1, 2] {
        let run = format!("r-{number}of3");
        let mut record = figures(
            &run,
            "v2",
            Some("v1"),
            &[(1.0, 1.1), (1.0, 1.102), (1.0, 1.099)],
        );
        record["share"] = json!({ "number": number, "of": 3, "samples": 9 });
        stored(sandbox, &record, "c7i.large", "6.8");
        for sample in 1..=3 {
            sandbox.file(
                &format!("out/v2/i-{run}-{sample}/config/config.yml"),
                config,
            );
        }
    }
}

fn merge(sandbox: &Sandbox, words: &[&str]) -> Command {
    let merge = [
        "merge",
        "--output",
        "joined",
        "out/v2/r-1of3",
        "out/v2/r-2of3",
    ];
    sandbox.collect(&[&merge[..], words].concat())
}

#[test]
fn a_merge_is_judged_as_a_run_is() {
    let sandbox = Sandbox::new();
    let config = |limit: &str| {
        format!(
            "main: {{output: out, performance_results: x, provider: local{limit}}}\nrun: [gone.sh]\n"
        )
    };
    stored_shards(&sandbox, &config(", fail_on: {slower: 5%}"));
    let worse = run(merge(&sandbox, &[])).expect(5);
    worse.says("surely more than 5.0 % slower");
    // What is missing is told: the answer is of less than was measured.
    worse.says("1 shard of the run without figures: 3/3");
    assert!(
        worse
            .stdout
            .starts_with("v2 against v1: 1 slower; 6 instances"),
        "{}",
        worse.stdout
    );
    assert_eq!(record(&sandbox, "joined")["share"], Value::Null);
    run(merge(&sandbox, &["--fail-on", "20%"])).expect(0);
    stored_shards(&sandbox, &config(""));
    run(merge(&sandbox, &[])).expect(0);
    run(merge(&sandbox, &["--fail-on", "5%"])).expect(5);
    run(merge(&sandbox, &["--fail-on", "5"]))
        .expect(2)
        .says("has no `%` at its end");
}

#[test]
fn what_disturbed_a_sample_of_a_shard_counts_in_the_joined_table() {
    let sandbox = Sandbox::new();
    stored_shards(&sandbox, "main: {}\n");
    let path = sandbox.path().join("out/v2/r-2of3/figures.json");
    let mut second: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let reason = "sample 1 lost 7.0 % to steal";
    second["samples"][0]["reservations"] = json!([{ "reason": reason, "voids": true }]);
    fs::write(path, second.to_string()).unwrap();
    let merged = run(merge(&sandbox, &["--fail-on", "5%"])).expect(0);
    let answer = "v2 against v1: 1 no verdict; 6 instances";
    assert!(merged.stdout.starts_with(answer), "{}", merged.stdout);
    assert!(merged.stdout.contains(reason), "{}", merged.stdout);
}

/// Registers the job definition that it reads, and submits an array job of it; prints what the API says of both.
const REGISTER: &str = "
import json, sys, warnings
import boto3, botocore.session, botocore.validate
definition = json.load(sys.stdin)
model = botocore.session.get_session().get_service_model('batch')
for operation, values in {'RegisterJobDefinition': definition, 'SubmitJob': {'jobName': 'a', 'jobQueue': 'q',
        'jobDefinition': definition['jobDefinitionName'], 'arrayProperties': {'size': 16}}}.items():
    shape = model.operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(values, shape)
    if report.has_errors():
        sys.exit(report.generate_report())
from moto import mock_aws
with mock_aws():
    batch = boto3.client('batch', region_name='eu-central-1', aws_access_key_id='a', aws_secret_access_key='b')
    batch.register_job_definition(**definition)
    print(json.dumps(batch.describe_job_definitions()['jobDefinitions'][0]['containerProperties']['command']))
";

#[test]
fn the_job_definition_of_the_page_is_one_to_batch_and_its_command_is_one_to_the_program() {
    let definition = Document::open("docs/scale.md").blocks("json").remove(0);
    let sandbox = sandbox("");
    sandbox.file("definition.json", &definition);
    let register = Command::new(lab::cache().join("venv/bin/python"))
        .args(["-c", REGISTER])
        .stdin(fs::File::open(sandbox.path().join("definition.json")).unwrap())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&register.stderr);
    assert!(register.status.success(), "{error}");
    let command: Vec<String> = serde_json::from_slice(&register.stdout).unwrap();
    let command = command.iter().map(|word| match word.as_str() {
        "Ref::revision" => "v2",
        "Ref::samples" => "4",
        "/measured/perf/config.yml" => "config.yml",
        word => word,
    });
    let words: Vec<&str> = ["plan"]
        .into_iter()
        .chain(command)
        .chain(["--local"])
        .collect();
    let mut plan = sandbox.collect(&words);
    plan.env("AWS_BATCH_JOB_ARRAY_INDEX", "0");
    plan.env("AWS_BATCH_JOB_ARRAY_SIZE", "4");
    let plan = run(plan).expect(0).stdout;
    assert!(plan.contains("shard 1/4"), "{plan}");
}
