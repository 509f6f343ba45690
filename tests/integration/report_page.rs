//! `collect report`: the page in a browser, with an hour of metrics of eight samples and everything from them hostile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, SCRIPTS};
use crate::command::{Sandbox, run};
use crate::skip::has_program;

/// Names and logs that would do something anywhere but in a text.
const HOSTILE: &str = "</script><script>window.owned=1</script><img src=x onerror=owned=1><style>*{display:none}</style><link rel=stylesheet href=//example.org/x><!--\u{2028}\u{1b}[31m";

/// The start of every run.
const START: i64 = 1_800_000_000;

fn at(seconds: i64) -> String {
    jiff::Timestamp::from_second(START + seconds)
        .unwrap()
        .to_string()
}

/// The turns of a sample of so many seconds: A B B A, again and again.
fn turns(seconds: i64) -> Vec<(u32, &'static str, i64, i64)> {
    let each = (seconds - 60) / 8;
    let arms = ["baseline", "candidate", "candidate", "baseline"];
    let turns = (0..8).zip(arms.iter().cycle());
    turns
        .map(|(turn, arm)| {
            (
                u32::try_from(turn).unwrap() + 1,
                *arm,
                60 + turn * each,
                each - 2,
            )
        })
        .collect()
}

/// A run of so many samples at rest, measured for so many seconds each; the directory of the run.
fn stored(output: &Path, samples: u32, seconds: i64) -> PathBuf {
    let revision = output.join("v2");
    let mut reports = Vec::new();
    let mut values = Vec::new();
    for sample in 1..=samples {
        let directory = revision.join(format!("i-{sample}")).join("collector");
        fs::create_dir_all(directory.join("logs")).unwrap();
        let mut stages =
            vec![json!({"stage": "launch", "ok": true, "started": at(-30), "took": 20.0})];
        let mut steps: Vec<String> = Vec::new();
        for (turn, arm, from, took) in turns(seconds) {
            let name = format!("{turn:02}-run-a.sh");
            let log = format!("collector/logs/{name}.log");
            fs::write(
                directory.join("logs").join(format!("{name}.log")),
                format!("{HOSTILE}\nneedle {turn}\n"),
            )
            .unwrap();
            stages.push(json!({"stage": "run", "arm": arm, "turn": turn, "ok": true, "started": at(from), "took": took, "steps": [
                {"script": HOSTILE, "place": "remote", "outcome": "passed", "exit_code": 0, "started": at(from), "took": took, "log": log}]}));
            steps.extend([from.to_string(), (from + took).to_string(), name]);
            let value =
                if arm == "baseline" { 1.0 } else { 1.2 } + f64::from(turn * sample % 3) * 0.001;
            values.push(json!({"sample": sample - 1, "arm": arm, "round": turn.div_ceil(4), "turn": turn, "values": [value, value * 1.001]}));
        }
        let metrics = Command::new("node")
            .arg(Path::new(SCRIPTS).join("metrics.mjs"))
            .arg(directory.join("metrics.csv"))
            .args([
                seconds.to_string(),
                "6".into(),
                // The clock of the instance is not the one of the report.
                (START + 30 * i64::from(sample)).to_string(),
            ])
            .args(steps)
            .status()
            .unwrap();
        assert!(metrics.success());
        let report = json!({"format": 2, "collector": "0.1.0", "run": "r", "sample": sample, "lease": "l", "provider": "ec2",
            "region": "eu-central-1", "revision": "v2", "description": HOSTILE, "started": at(-40), "finished": at(seconds),
            "outcome": "passed", "errors": [{"message": HOSTILE, "last_lines": [HOSTILE]}], "warnings": [HOSTILE],
            "instance": {"id": format!("i-{sample}"), "address": HOSTILE, "region": "eu-central-1", "instance_type": "c7i.large"},
            "expires_at": at(9999), "released": {"state": "terminated"}, "stages": stages,
            "collected": {"files": 1, "bytes": 1, "incomplete": 0}});
        let write =
            |name: &str, value: &Value| fs::write(directory.join(name), value.to_string()).unwrap();
        write("run.json", &report);
        write(
            "host.json",
            &json!({"format": 1, "kernel": format!("6.{sample}"), "cpu_model": HOSTILE, "memory_bytes": 4_000_000_000_u64}),
        );
        write(
            "manifest.json",
            &json!({"format": 2, "files": [{"path": HOSTILE, "source": HOSTILE, "size": 9, "sha256": null,
            "mode": "0644", "modified": null, "state": "missing"}]}),
        );
        reports.push(report);
    }
    let directory = revision.join("r");
    fs::create_dir_all(&directory).unwrap();
    let of_samples: Vec<Value> = (1..=samples)
        .map(|sample| json!({"run": "r", "sample": sample, "instance": format!("i-{sample}")}))
        .collect();
    let figures = json!({"format": 1, "runs": ["r"], "revision": "v2", "baseline": "v1", "seed": 7, "samples": of_samples,
        "figures": [{"name": HOSTILE, "unit": "s", "better": "less", "turns": values}]});
    let report = json!({"format": 2, "run": "r", "asked": samples, "started": at(-40), "finished": at(seconds), "errors": [],
        "outcome": "passed", "samples": reports});
    fs::write(directory.join("figures.json"), figures.to_string()).unwrap();
    fs::write(directory.join("run.json"), report.to_string()).unwrap();
    directory
}

/// Changes a record.
fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut record = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut record);
    fs::write(file, record.to_string()).unwrap();
}

#[test]
fn an_hour_of_eight_samples_is_one_quiet_page_that_anyone_can_use() {
    let Some(browser) = Browser::installed() else {
        return;
    };
    let sandbox = Sandbox::new();
    let results = stored(&sandbox.path().join("results"), 8, 3600);
    let results = results.to_str().unwrap();
    run(sandbox.collect(&["report", results, "--output", "page.html"])).expect(0);
    let seen = browser.look(&sandbox.path().join("page.html"));
    assert_eq!(seen["hostile"], 0);
    assert!(
        seen["bytes"].as_u64().unwrap() <= 15 << 20,
        "{}",
        seen["bytes"]
    );
    let worked = seen["untilFirstChart"].as_f64().unwrap();
    assert!(worked > 0.0 && worked <= 1.0, "{worked} s");
    assert_eq!(
        seen["sentence"],
        "v2 against v1: 1 slower; 8 instances, 16 rounds"
    );
    assert_eq!(seen["found"], "64 lines in 64 logs");
    assert!(
        seen["hover"].as_str().unwrap().contains("#8: "),
        "{}",
        seen["hover"]
    );
    assert!(seen["zoomed"].as_f64().unwrap() < 0.5, "{}", seen["zoomed"]);
    assert_eq!(seen["whole"], true);
    assert_eq!(seen["theme"], "dark");
    assert_eq!(seen["keyed"].as_array().unwrap().len(), 1);
    let keyed = seen["keyed"][0].as_str().unwrap();
    assert!(keyed.contains("#8: "), "{keyed}");
    for offset in seen["offsets"].as_array().unwrap() {
        assert!(offset.as_f64().unwrap().abs() < 1.5, "{}", seen["offsets"]);
    }
    let turns: Vec<i64> = serde_json::from_value(seen["turns"].clone()).unwrap();
    assert!(
        turns[0] == turns[1] && turns[0] == turns[3] && turns[2] < turns[0] / 2,
        "before, with the time line zoomed, zoomed, and after a double-click: {turns:?}"
    );
    assert_eq!(
        seen["paper"],
        json!({"charts": 56, "drawn": 56, "empty": 0, "closed": 0, "colours": ["rgb(0, 103, 168)"], "text": "rgb(28, 32, 36)"})
    );
    assert_eq!(seen["beforePrinting"], "dark, 0 open");
    assert_eq!(seen["afterPrinting"], seen["beforePrinting"]);
}

#[test]
fn a_page_says_of_the_hosts_and_of_the_arms_what_there_is() {
    let Some(browser) = Browser::installed() else {
        return;
    };
    let sandbox = Sandbox::new();
    let results = stored(&sandbox.path().join("results"), 3, 120);
    for (instance, speed) in [("i-1", 1e6), ("i-2", 2e6), ("i-3", 2e6)] {
        let records = results.with_file_name(instance).join("collector");
        edit(&records.join("host.json"), |host| {
            host["kernel"] = "6.1".into();
            host["calibration"] = json!({"before": {"integer_rounds_per_s": speed}});
        });
        edit(&records.join("run.json"), |report| {
            report["commit"] = "0123456789abcdef0123456789abcdef01234567".into();
        });
    }
    let keep = |turns: &[u64]| {
        edit(&results.join("figures.json"), |figures| {
            let all = figures["figures"][0]["turns"].as_array_mut().unwrap();
            all.retain(|turn| turns.contains(&turn["turn"].as_u64().unwrap()));
        });
    };
    let read = || {
        run(sandbox.collect(&["report", results.to_str().unwrap(), "--output", "page.html"]))
            .expect(0);
        browser.read(&sandbox.path().join("page.html"))
    };
    let has = |text: &Value, part: &str| text.as_str().unwrap().contains(part);
    let seen = read();
    assert!(has(&seen["answer"], "A/A: the baseline against itself"));
    // A revision that was measured once has no noise.
    keep(&[1, 2]);
    let seen = read();
    assert!(!has(&seen["answer"], "A/A: "), "{}", seen["answer"]);
    assert!(has(&seen["values"], "baseline"));
    let hosts = &seen["hosts"];
    assert!(!has(hosts, "alike"), "{hosts}");
    assert!(has(hosts, "The hosts differ in integer speed."), "{hosts}");
    assert!(
        has(
            hosts,
            "integer speed ≠ differs\t1000 rounds/ms\t2000 rounds/ms\t2000 rounds/ms"
        ),
        "{hosts}"
    );
    let plan = &seen["plan"];
    let place = "In the directory that the config came from, at commit 0123456789abcdef0123456789abcdef01234567,";
    assert!(has(plan, place), "{plan}");
    keep(&[2]);
    edit(&results.join("figures.json"), |figures| {
        figures["baseline"] = Value::Null;
    });
    let seen = read();
    assert!(!has(&seen["values"], "baseline"), "{}", seen["values"]);
}

#[test]
fn the_page_of_many_runs_tells_where_a_figure_moved_and_which_sample_is_whose() {
    let Some(browser) = Browser::installed() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: latency.txt\nfigures: latency.txt",
            "run:\n  - measure.sh\n",
        )
        .script(
            "measure.sh",
            "case $VERSION in v[1-4]) at=100 ;; *) at=120 ;; esac\n\
             echo \"latency: $((at + ${VERSION#v} % 2)).0 ms\" >latency.txt",
        );
    for revision in ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v8"] {
        run(sandbox.collect(&["config.yml", revision, "--local"])).expect(0);
    }
    run(sandbox.collect(&["report", "out", "--output", "page.html"])).expect(0);
    let seen = browser.read(&sandbox.path().join("page.html"));
    let history = seen["history"].as_str().unwrap();
    assert!(
        history.contains("One figure over 9 runs: one change point."),
        "{history}"
    );
    let line = seen["timeline"].as_str().unwrap();
    let samples: Vec<&str> = line
        .lines()
        .filter_map(|line| line.strip_prefix("Steps of ")?.strip_suffix(" as a table"))
        .collect();
    assert_eq!(samples.len(), 9, "{line}");
    assert_eq!(samples[0], "v1 sample 1");
    assert!(samples[8].starts_with("v8 (20"), "{line}");
    assert_ne!(samples[7], samples[8]);
}

#[test]
fn a_made_up_hour_has_the_columns_that_the_sampler_writes() {
    let sandbox = Sandbox::new();
    if !has_program("node") {
        return;
    }
    let file = sandbox.path().join("metrics.csv");
    let mut made_up = Command::new("node");
    made_up
        .arg(Path::new(SCRIPTS).join("metrics.mjs"))
        .arg(&file);
    assert!(made_up.args(["1", "2", "0"]).status().unwrap().success());
    let documented =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let text = fs::read_to_string(file).unwrap();
    for column in text.lines().next().unwrap().split(',') {
        let name = column.replace("nvme0n1", "NAME").replace("ens5", "NAME");
        let name = name.replace("cpu0", "cpuN").replace("cpu1", "cpuN");
        assert!(documented.contains(&format!("| `{name}` |")), "{column}");
    }
}

#[test]
fn a_page_holds_no_markup_from_the_results_and_nothing_to_fetch() {
    let sandbox = Sandbox::new();
    if !has_program("node") {
        return;
    }
    stored(&sandbox.path().join("results"), 1, 120);
    run(sandbox.collect(&["report", "results", "--output", "page.html"])).expect(0);
    let page = fs::read_to_string(sandbox.path().join("page.html")).unwrap();
    assert!(!page.contains("<img") && !page.contains("<!--") && !page.contains("owned=1</script>"));
    assert_eq!(page.matches("</script>").count(), 3);
    assert!(page.contains("default-src 'none'"));
    let shown = run(sandbox.collect(&["report", "results", "--terminal"])).expect(0);
    assert!(
        shown.stdout.contains("1 slower; 1 instance") || shown.stdout.contains("no verdict"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains('█') && !shown.stdout.contains("\u{1b}[31m"),
        "{}",
        shown.stdout
    );
    run(sandbox.collect(&["report", "nowhere"])).expect(2);
    let mut tar = Command::new("tar");
    tar.args(["-czf", "results.tar.gz", "-C", "results", "."]);
    assert!(tar.current_dir(sandbox.path()).status().unwrap().success());
    let archived = run(sandbox.collect(&["report", "results.tar.gz", "--terminal"])).expect(0);
    assert_eq!(archived.stdout, shown.stdout);
    let refused = run(sandbox.collect(&["report", "page.html"])).expect(2);
    refused.says("unpack a ZIP from GitHub first");
}
