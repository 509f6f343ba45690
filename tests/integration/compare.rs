//! Figures that are here: compared, joined and exported by the program.

use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Sandbox, run, skip};

/// The name of the figure, with what formats and terminals take for more than itself.
const NAME: &str = "compress \"level\"=9,\\n=1\u{1b}[31m\u{202e}";

/// The turn of an arm in the first round.
fn turn(sample: usize, arm: &str, turn: u32, value: f64) -> Value {
    json!({ "sample": sample, "arm": arm, "round": turn.div_ceil(4), "turn": turn, "values": [value] })
}

/// A record of figures; `instances` are the values of each, as (baseline, candidate).
pub(crate) fn figures(
    run: &str,
    revision: &str,
    baseline: Option<&str>,
    instances: &[(f64, f64)],
) -> Value {
    let turns = (0..).zip(instances).flat_map(|(sample, (before, after))| {
        let mut turns = Vec::new();
        // Noise without a direction: a revision must not differ from itself.
        for (round, drift) in [(0, 0.001), (1, -0.001), (2, 0.0)] {
            let first = round * 4 + 1;
            if baseline.is_some() {
                turns.push(turn(sample, "baseline", first, before + drift));
                turns.push(turn(sample, "baseline", first + 3, before - drift));
            }
            turns.push(turn(sample, "candidate", first + 1, after + drift));
            turns.push(turn(sample, "candidate", first + 2, after - drift));
        }
        turns
    });
    let turns: Vec<Value> = turns.collect();
    let samples = (1..=instances.len()).map(
        |sample| json!({ "run": run, "sample": sample, "instance": format!("i-{run}-{sample}") }),
    );
    let mut record = json!({
        "format": 1,
        "runs": [run],
        "revision": revision,
        "seed": 42,
        "samples": samples.collect::<Vec<_>>(),
        "figures": [{ "name": NAME, "unit": "s", "better": "less", "turns": turns }],
    });
    if let Some(baseline) = baseline {
        record["baseline"] = baseline.into();
    }
    record
}

const REPORT: &str = r#"{"format": 2, "collector": "0.1.0", "run": "RUN", "sample": SAMPLE, "lease": "l", "provider": "ec2",
    "region": "eu-central-1", "revision": "REVISION", "description": null, "started": "2026-11-22T19:56:04Z",
    "finished": "2026-11-22T19:57:04Z", "outcome": "passed", "errors": [], "warnings": [],
    "instance": {"id": "i-RUN-SAMPLE", "address": "192.0.2.7", "region": "eu-central-1", "instance_type": "TYPE",
    "image": "ami-0", "zone": "eu-central-1a"}, "expires_at": "2026-11-23T01:56:04Z",
    "released": {"state": "terminated"}, "stages": [], "collected": {"files": 1, "bytes": 1, "incomplete": 0}}"#;

/// A run of several samples at rest, on instances of a type with a kernel.
pub(crate) fn stored(sandbox: &Sandbox, record: &Value, instance_type: &str, kernel: &str) {
    let revision = record["revision"].as_str().unwrap();
    let run = record["runs"][0].as_str().unwrap();
    let directory = format!("out/{revision}");
    sandbox.file(&format!("{directory}/.index.lock"), "");
    sandbox.file(
        &format!("{directory}/{run}/figures.json"),
        &record.to_string(),
    );
    for sample in 1..=record["samples"].as_array().unwrap().len() {
        let report = REPORT
            .replace("RUN", run)
            .replace("SAMPLE", &sample.to_string())
            .replace("REVISION", revision)
            .replace("TYPE", instance_type);
        let sample = format!("{directory}/i-{run}-{sample}");
        sandbox.file(&format!("{sample}/collector/run.json"), &report);
        let host = json!({ "format": 1, "kernel": kernel, "cpu_model": "Xeon" });
        sandbox.file(&format!("{sample}/collector/host.json"), &host.to_string());
        sandbox.file(&format!("{sample}/config/config.yml"), "main: {}\n");
    }
}

/// A sandbox with the runs `a` of v1 and `b` of v2, the latter by so much slower, on three instances each.
fn two_revisions(factor: f64) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: speed.csv", "");
    let before = [(1.0, 1.0), (1.0, 1.002), (1.0, 0.999)];
    let after = before.map(|(_, value)| (1.0, value * factor));
    stored(
        &sandbox,
        &figures("a", "v1", None, &before),
        "c7i.large",
        "6.8",
    );
    stored(
        &sandbox,
        &figures("b", "v2", None, &after),
        "c7i.large",
        "6.8",
    );
    sandbox
}

#[track_caller]
fn compared(sandbox: &Sandbox, args: &[&str]) -> String {
    run(sandbox.collect(&[&["compare"], args].concat()))
        .expect(0)
        .stdout
}

#[test]
fn two_revisions_on_several_instances_each_are_compared() {
    let sandbox = two_revisions(1.1);
    for (baseline, candidate) in [
        ("v1", "v2"),
        ("a", "b"),
        ("out/v1", "out/v2"),
        ("out/v1/a", "out/v2/b"),
    ] {
        let table = compared(&sandbox, &[baseline, candidate]);
        let first = table.lines().next().unwrap();
        assert_eq!(
            first, "v2 against v1: 1 slower; 3 and 3 instances, not interleaved",
            "{table}"
        );
        assert!(table.contains("+10.0 % ["), "{table}");
    }
    let record: Value = serde_json::from_str(&compared(&sandbox, &["v2", "v1", "--json"])).unwrap();
    assert_eq!(record["rows"][0]["verdict"], "faster");
    assert_eq!(record["unpaired"], json!([3, 3]));
}

#[test]
fn nothing_is_compared_with_itself() {
    let sandbox = two_revisions(1.0);
    let ways = [
        ["v1", "v1"],
        ["a", "out/v1/a"],
        ["out/v1", "./out/v1/../v1"],
        ["out/v1/i-a-2", "a"],
    ];
    for [baseline, candidate] in ways {
        let finished = run(sandbox.collect(&["compare", baseline, candidate]));
        let finished = finished.expect(2);
        finished.says("of the run a: nothing is compared with itself");
        finished.says("name two runs or revisions");
    }
    compared(&sandbox, &["out/v1/i-a-1", "out/v1/i-a-2"]);
}

#[test]
fn a_single_instance_or_another_host_carries_no_verdict() {
    let sandbox = two_revisions(1.1);
    let alone = compared(&sandbox, &["i-a-1", "i-b-1"]);
    assert!(
        alone.starts_with("v2 against v1: 1 no verdict; 1 and 1 instance"),
        "{alone}"
    );
    assert!(alone.contains("one instance on a side"), "{alone}");
    let other = figures("c", "v3", None, &[(1.0, 2.0), (1.0, 2.1)]);
    stored(&sandbox, &other, "m7i.large", "6.9");
    let elsewhere = compared(&sandbox, &["v1", "v3"]);
    assert!(
        elsewhere.starts_with("v3 against v1: 1 no verdict; "),
        "{elsewhere}"
    );
    assert!(
        elsewhere.contains("the hosts of the sides differ: instance type, kernel\n"),
        "{elsewhere}"
    );
    assert!(
        elsewhere.contains("instance type     c7i.large  m7i.large"),
        "{elsewhere}"
    );
    let record = figures("e", "v4", None, &[(1.0, 1.0), (1.0, 1.001)]);
    sandbox.file("alone/figures.json", &record.to_string());
    let unknown = compared(&sandbox, &["v1", "alone"]);
    assert!(
        unknown.contains("not every host is known: they may differ"),
        "{unknown}"
    );
}

#[test]
fn a_baseline_that_was_measured_in_turns_is_taken_from_the_same_run() {
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: speed.csv", "");
    let instances = [(1.0, 1.1), (1.0, 1.102), (1.0, 1.099)];
    stored(
        &sandbox,
        &figures("a", "v2", Some("v1"), &instances),
        "c7i.large",
        "6.8",
    );
    let table = compared(&sandbox, &["v1", "v2"]);
    assert!(
        table.starts_with("v2 against v1: 1 slower; 3 instances, 9 rounds\n"),
        "{table}"
    );
}

#[test]
fn what_has_no_figures_says_so() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed.csv", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 42 > speed.csv");
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let none = run(sandbox.collect(&["compare", "v1", "v1"])).expect(2);
    none.says("there are no figures in ");
    none.says("`figures` in the config says which files hold them");
    let unknown = run(sandbox.collect(&["export", "v9"])).expect(2);
    unknown.says("is of a revision, a run or an instance `v9`");
    sandbox.file("damaged/figures.json", "{");
    run(sandbox.collect(&["export", "damaged"]))
        .expect(2)
        .says("is not a record of collector's");
}

#[test]
fn runs_of_one_plan_are_joined() {
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: speed.csv", "");
    for (run, after) in [("a", 1.1), ("b", 1.102), ("c", 1.099)] {
        let record = figures(run, "v2", Some("v1"), &[(1.0, after)]);
        stored(&sandbox, &record, "c7i.large", "6.8");
    }
    let directories = ["out/v2/a", "out/v2/b", "out/v2/c", "out/v2/a"];
    let merged =
        run(sandbox.collect(&[&["merge", "--output", "joined"], &directories[..]].concat()))
            .expect(0);
    assert!(
        merged
            .stdout
            .starts_with("v2 against v1: 1 slower; 3 instances, 9 rounds\n"),
        "{}",
        merged.stdout
    );
    let text = std::fs::read_to_string(sandbox.path().join("joined/figures.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["runs"], json!(["a", "b", "c"]));
    merged.says("wrote 1 figure of 3 runs to ");
    // What a comparison asks of hosts and configs goes with them.
    let of_joined = sandbox.path().join("joined/i-b-1");
    assert!(of_joined.join("collector/host.json").is_file());
    assert!(of_joined.join("config/config.yml").is_file());
    let other = figures("d", "v3", None, &[(1.0, 1.0), (1.0, 1.001)]);
    stored(&sandbox, &other, "m7i.large", "6.8");
    let elsewhere = compared(&sandbox, &["joined", "v3"]);
    assert!(
        elsewhere.contains("the hosts of the sides differ: instance type"),
        "{elsewhere}"
    );
    assert_eq!(record["comparison"]["rows"][0]["verdict"], "slower");
    // A name that leads elsewhere leads nowhere.
    let mut hostile = record.clone();
    hostile["samples"][0]["instance"] = "../../i-a-1".into();
    sandbox.file("hostile/deep/collector/figures.json", &hostile.to_string());
    sandbox.file("hostile/deep/collector/host.json", "{}");
    run(sandbox.collect(&["merge", "--output", "deep/est", "hostile"])).expect(0);
    assert!(!sandbox.path().join("i-a-1").exists());
    // All that a revision has is the same.
    let again = run(sandbox.collect(&["merge", "--output", "again", "out/v2"])).expect(0);
    assert_eq!(again.stdout, merged.stdout);
}

#[test]
fn runs_of_different_plans_are_not_joined() {
    let sandbox = two_revisions(1.0);
    let refused = |sandbox: &Sandbox| {
        run(sandbox.collect(&["merge", "--output", "joined", "out/v1", "out/v2"])).expect(2)
    };
    refused(&sandbox).says("the revisions differ: `v1` and `v2`");
    assert!(!sandbox.path().join("joined").exists());
    stored(
        &sandbox,
        &figures("c", "v1", None, &[(1.0, 1.0)]),
        "c7i.large",
        "6.8",
    );
    sandbox.file("out/v1/i-c-1/config/config.yml", "main: {samples: 1}\n");
    let merged = run(sandbox.collect(&["merge", "--output", "joined", "out/v1"])).expect(2);
    merged.says("their configs differ");
    // A comparison takes what the newest config has measured.
    run(sandbox.collect(&["compare", "v1", "v2"]))
        .expect(0)
        .says("runs of v1 are left out");
}

#[test]
fn figures_are_exported_for_other_tools() {
    let sandbox = two_revisions(1.0);
    let export = |format: &str| {
        let args = ["export", "--format", format, "v2"];
        run(sandbox.collect(&args)).expect(0).stdout
    };
    let json = |format: &str| serde_json::from_str::<Value>(&export(format)).unwrap();
    let name = NAME;
    assert!(json("bmf")[name]["latency"]["value"].is_f64());
    assert!(json("bmf-v1")[name][0]["measures"]["latency"]["lower_value"].is_f64());
    assert_eq!(json("github-action-benchmark")[0]["name"], name);
    assert_eq!(json("json")["revision"], "v2");
    assert!(
        export("csv")
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("\"compress \"\"level\"\"=9,")
    );
    assert!(export("openmetrics").ends_with("# EOF\n"));
    let none = run(sandbox.collect(&[
        "export",
        "--format",
        "github-action-benchmark",
        "--better",
        "more",
        "v2",
    ]))
    .expect(0);
    assert_eq!(none.stdout, "[]\n");
    // Nothing that a terminal acts on is hidden from a program.
    let raw = export("csv");
    assert!(
        raw.contains("\u{1b}[31m") && raw.contains("\r\n"),
        "{raw:?}"
    );
    none.says("left out: 1 figure of which less is better");
}

/// Prints the families of a file in the format of Prometheus: the names of their samples' figures, and their values.
const READ: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps({family.name: [[sample.labels['figure'], sample.value] for sample in family.samples] for family in families}))
";

#[test]
fn prometheus_own_parser_reads_the_export() {
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/github/setup");
    let cache = Command::new(setup).arg("--where").output().unwrap();
    let cache = String::from_utf8(cache.stdout).unwrap();
    let python = format!("{}/venv/bin/python", cache.trim());
    let has_parser = Command::new(&python)
        .args(["-c", "import prometheus_client"])
        .output();
    if !has_parser.is_ok_and(|output| output.status.success()) {
        skip("prometheus-client is missing: tests/github/setup installs it");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: speed.csv", "");
    stored(
        &sandbox,
        &figures("a", "v2", Some("v1"), &[(1.0, 1.5); 3]),
        "c7i.large",
        "6.8",
    );
    run(sandbox.collect(&["merge", "--output", "joined", "out/v2"])).expect(0);
    let text = run(sandbox.collect(&["export", "--format", "openmetrics", "joined"]))
        .expect(0)
        .stdout;
    sandbox.file("figures.prom", &text);
    let file = std::fs::File::open(sandbox.path().join("figures.prom")).unwrap();
    let read = Command::new(python)
        .args(["-c", READ])
        .stdin(file)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&read.stderr);
    let families: Value =
        serde_json::from_slice(&read.stdout).unwrap_or_else(|_| panic!("{error}\n{text}"));
    assert_eq!(
        families["collector_figure_seconds"],
        json!([[NAME, 1], [NAME, 1.5]])
    );
    assert_eq!(families["collector_change_ratio"][0][0], NAME);
}

#[test]
fn a_limit_is_a_percentage() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "performance_results: speed.csv\nfail_on: {slower: 2.5%}",
        "",
    );
    let args = ["check", "config.yml", "--local"];
    run(sandbox.collect(&args)).expect(0);
    let plan = run(sandbox.collect(&["plan", "config.yml", "v1", "--local"])).expect(0);
    assert!(plan.stdout.contains("slower: 2.5%"), "{}", plan.stdout);
    for (limit, fault) in [
        ("{slower: 5}", "`slower` has no `%` at its end"),
        ("{slower: five%}", "`slower` is not a number of percent"),
        ("{slower: '5'}", "`slower` has no `%` at its end"),
        ("{}", "`slower` is missing in `fail_on`"),
        ("5%", "`fail_on` is"),
        (
            "{faster: 5%, slower: 5%}",
            "unknown key `faster` in `fail_on`",
        ),
    ] {
        sandbox.config(
            &format!("performance_results: speed.csv\nfail_on: {limit}"),
            "",
        );
        run(sandbox.collect(&args)).expect(2).says(fault);
    }
}
