use serde_json::{Value, json};

use super::*;
use crate::instance::{InstanceId, RunId};
use crate::records::{SampleOf, TurnValues};

fn figure(name: &str, unit: &str, better: Direction, turns: &[(Arm, f64)]) -> FigureRecord {
    let turns = (1..).zip(turns).map(|(turn, (arm, value))| TurnValues {
        sample: 0,
        arm: *arm,
        round: 1,
        turn,
        values: vec![*value],
    });
    FigureRecord {
        name: name.into(),
        unit: unit.into(),
        better,
        turns: turns.collect(),
    }
}

fn figures() -> Figures {
    let run = RunId::new("20261125T120000Z-b91e9525");
    Figures {
        format: Figures::FORMAT,
        runs: vec![run.clone()],
        revision: "v2".parse().unwrap(),
        baseline: Some("v1".parse().unwrap()),
        seed: 1,
        repeat: None,
        precision: None,
        share: None,
        samples: vec![SampleOf {
            run,
            sample: 1,
            instance: InstanceId::new("i-01"),
            reservations: Vec::new(),
        }],
        figures: vec![
            figure(
                "sort \"quick\", n=10\nx\\",
                "ms",
                Direction::Less,
                &[
                    (Arm::Baseline, 1.0),
                    (Arm::Candidate, 2.0),
                    (Arm::Candidate, 4.0),
                    (Arm::Baseline, 1.5),
                ],
            ),
            figure("rate", "ops/s", Direction::More, &[(Arm::Candidate, 100.0)]),
            figure("copy", "MiB/s", Direction::More, &[(Arm::Candidate, 1e-9)]),
            figure("gone", "s", Direction::Less, &[(Arm::Baseline, 1.0)]),
        ],
        comparison: None,
    }
}

fn json_of(format: Format) -> Value {
    serde_json::from_str(&format.write(&figures()).unwrap()).unwrap()
}

#[test]
fn bencher_gets_its_own_units() {
    let metric = |value: f64, low: f64, high: f64| json!({ "value": value, "lower_value": low, "upper_value": high });
    let latency = json!({ "latency": metric(3e6, 2e6, 4e6) });
    let rate = json!({ "throughput": metric(100.0, 100.0, 100.0) });
    let copy = json!({ "mib-per-s": metric(1e-9, 1e-9, 1e-9) });
    let name = "sort \"quick\", n=10\nx\\";
    assert_eq!(
        json_of(Format::Bmf),
        json!({ name: latency, "rate": rate, "copy": copy })
    );
    assert_eq!(
        json_of(Format::BmfV1),
        json!({
            name: [{ "measures": latency }],
            "rate": [{ "measures": rate }],
            "copy": [{ "measures": copy }],
        })
    );
}

#[test]
fn a_file_for_github_action_benchmark_has_one_direction() {
    let less = json_of(Format::GithubActionBenchmark(Direction::Less));
    assert_eq!(
        less,
        json!([{
            "name": "sort \"quick\", n=10\nx\\",
            "unit": "ms",
            "value": 3.0,
            "range": "± 1",
            "extra": "median of 2 turns on 1 instance, 2 to 4",
        }])
    );
    let more = json_of(Format::GithubActionBenchmark(Direction::More));
    let names: Vec<&str> = more
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["rate", "copy"]);
}

#[test]
fn csv_has_a_line_for_each_value() {
    let text = Format::Csv.write(&figures()).unwrap();
    assert_eq!(
        text.lines().next().unwrap(),
        "figure,unit,better,revision,arm,run,sample,instance,round,turn,repetition,value"
    );
    assert!(text.contains(
        "\"sort \"\"quick\"\", n=10\nx\\\",ms,less,v1,baseline,20261125T120000Z-b91e9525,1,i-01,1,1,1,1\r\n"
    ));
    assert_eq!(text.matches("\r\n").count(), 1 + 7);
}

#[test]
fn json_is_the_record() {
    let text = Format::Json.write(&figures()).unwrap();
    assert_eq!(Figures::from_json(text.as_bytes()).unwrap(), figures());
}

#[test]
fn openmetrics_has_base_units_and_an_end() {
    let text = Format::OpenMetrics.write(&figures()).unwrap();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let line = "collector_figure_seconds{figure=\"sort \\\"quick\\\", n=10\\nx\\\\\",revision=\"v2\",arm=\"candidate\",better=\"less\"} 0.003\n";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("unit=\"MiB/s\"} 1e-9\n"), "{text}");
    assert_eq!(text.matches("# TYPE").count(), 2, "{text}");
}

#[test]
fn a_unit_is_a_name() {
    assert_eq!(measure("MiB/s"), "mib-per-s");
    assert_eq!(measure("%"), "percent");
    assert_eq!(measure(""), "value");
}

/// The schema is the one that Bencher publishes as `bmf.json`.
#[test]
fn bmf_is_valid_by_its_schema() {
    let metric = json!({
        "type": "object",
        "properties": {
            "value": { "type": "number" },
            "lower_value": { "type": "number" },
            "upper_value": { "type": "number" },
        },
        "required": ["value"],
    });
    let measures = json!({ "type": "object", "patternProperties": { ".+": metric } });
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema",
        "type": "object",
        "patternProperties": { ".+": measures },
    });
    jsonschema::validate(&schema, &json_of(Format::Bmf)).unwrap();
}
