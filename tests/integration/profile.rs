//! A profile with the verdict: `on_regression` of a rehearsal, from the config to the last lines of the run.

use std::fs;

use serde_json::Value;

use crate::command::{Finished, Sandbox, run};
use crate::turns::measurement;

/// A rehearsal of two revisions, of which `v2` takes so many percent more.
fn sandbox(slower: u32, main: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(
        &format!("performance_results: out/*\nrepeat: 8\n{main}"),
        "setup: [build.sh]\nrun: [measure.sh]\non_regression:\n  - flame_graph.sh: {timeout: 5m}\n",
    );
    sandbox.script("build.sh", "mkdir out");
    sandbox.script("measure.sh", &measurement(slower));
    sandbox.script(
        "flame_graph.sh",
        "echo \"$VERSION against $BASELINE in $COLLECTOR_PHASE\" > out/flame.svg",
    );
    sandbox
}

fn collect(sandbox: &Sandbox, words: &[&str]) -> Finished {
    let words = [&["--local", "config.yml", "v2", "--seed", "1"], words].concat();
    run(sandbox.collect(&words))
}

const COMPARED: &str = "figures: figures.txt\nmetrics: off\nbaseline: v1";

#[test]
fn the_flame_graphs_of_a_slower_revision_come_home_with_the_verdict() {
    let sandbox = sandbox(10, COMPARED);
    let finished = collect(&sandbox, &[]).expect(0);
    let sample = sandbox.sample("v2");
    let instance = sample.file_name().unwrap().to_str().unwrap();
    for (arm, version) in [("baseline", "v1"), ("candidate", "v2")] {
        let flame = fs::read_to_string(sample.join(arm).join("on_regression/flame.svg")).unwrap();
        assert_eq!(flame, format!("{version} against v1 in on_regression\n"));
        let place = format!("`v2/{instance}/{arm}/on_regression`");
        assert!(finished.stdout.contains(&place), "{}", finished.stdout);
    }
    let report = fs::read(sample.join("collector/run.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["profiles"][1], "candidate/on_regression");
    let manifest = fs::read_to_string(sample.join("collector/manifest.json")).unwrap();
    assert!(manifest.contains("candidate/on_regression/flame.svg"));
}

#[test]
fn a_revision_that_is_not_slower_is_not_profiled() {
    let sandbox = sandbox(0, COMPARED);
    let finished = collect(&sandbox, &[]).expect(0);
    assert!(
        !sandbox
            .sample("v2")
            .join("candidate/on_regression")
            .exists()
    );
    assert!(
        !finished.stdout.contains("on_regression"),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_shard_says_that_it_profiles_by_its_own_samples() {
    let sandbox = sandbox(10, COMPARED);
    let shard = ["--samples", "2", "--shard", "1/2", "--run", "a"];
    let finished = collect(&sandbox, &shard).expect(0);
    finished.says("on_regression goes by the samples of shard 1/2 only");
    finished.says("2 figures are slower: on_regression of both revisions");
}

#[test]
fn a_plan_shows_the_phase_before_the_collection() {
    let sandbox = sandbox(10, COMPARED);
    let plan = run(sandbox.collect(&["plan", "--json", "--local", "config.yml", "v2"])).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let schedule = plan["schedule"].as_array().unwrap();
    let place = schedule
        .iter()
        .position(|entry| entry["stage"] == "on_regression")
        .unwrap();
    assert_eq!(schedule[place]["steps"][0]["script"], "flame_graph.sh");
    assert_eq!(schedule[place + 1]["stage"], "collect");
}

#[test]
fn without_a_comparison_the_phase_is_refused() {
    let no_figures = sandbox(10, "baseline: v1");
    let refused = collect(&no_figures, &[]).expect(2);
    refused.says("`on_regression` without `figures`");
    let no_baseline = sandbox(10, "figures: figures.txt");
    let refused = collect(&no_baseline, &[]).expect(2);
    refused.says("`on_regression` without a baseline");
    assert!(no_baseline.samples("v2").is_empty());
    run(no_baseline.collect(&["plan", "--local", "config.yml", "v2"])).expect(2);
    run(no_baseline.collect(&["check", "--local", "config.yml"])).expect(0);
    // The command line may name it.
    let named = collect(&no_baseline, &["--baseline", "v1"]).expect(0);
    named.says("2 figures are slower: on_regression of both revisions");
}
