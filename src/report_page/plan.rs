//! The schedule of a run, phase by phase: what its samples did, and what the config asked for.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::RunResults;
use crate::config::{Config, Source, human_duration};
use crate::instance::LOCAL_REGION;
use crate::phase::{Phase, Stage};
use crate::report::{Seconds, StageReport};
use crate::step::{Location, Step};

/// All stages of a run, in the order of their execution.
const ORDER: [Stage; 14] = [
    Stage::Scripts(Phase::BeforeAwsStart),
    Stage::Launch,
    Stage::Ready,
    Stage::Scripts(Phase::AfterAwsStart),
    Stage::Scripts(Phase::Setup),
    Stage::Scripts(Phase::Run),
    Stage::Scripts(Phase::BeforeCollect),
    Stage::Scripts(Phase::OnRegression),
    Stage::Bake,
    Stage::Collect,
    Stage::Scripts(Phase::AfterCollect),
    Stage::Scripts(Phase::BeforeAwsTerminate),
    Stage::Terminate,
    Stage::Archive,
];

/// A phase or a built-in stage.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct PlannedStage {
    stage: Stage,
    /// The work of collector itself, where no script is its work.
    does: Option<&'static str>,
    /// How often it was carried out on an instance, in words.
    times: String,
    /// The shortest and the longest time that it took.
    took: Option<[Seconds; 2]>,
    steps: Vec<PlannedStep>,
}

/// A script of it.
#[derive(Debug, PartialEq, Serialize)]
struct PlannedStep {
    script: String,
    place: Location,
    /// Its arguments, and what else the config says of it.
    options: String,
    /// The time after which it is ended, in words; nothing where no config tells.
    timeout: String,
    took: Option<[Seconds; 2]>,
}

/// The stages that a sample carried out or the config asked for.
pub(super) fn plan(run: &RunResults) -> Vec<PlannedStage> {
    let mut samples = run.samples.iter();
    let rehearsed = samples.any(|sample| sample.report.region == LOCAL_REGION);
    let config = config(run);
    let phases = config.as_ref().map(|config| &config.phases);
    let asked = |stage| match stage {
        Stage::Scripts(phase) => phases.and_then(|phases| phases.get(&phase)),
        _ => None,
    };
    let planned = ORDER.into_iter().filter_map(|stage| {
        let of_sample = run.samples.iter().map(|sample| {
            let stages = sample.report.stages.iter();
            stages.filter(|one| one.stage == stage).collect()
        });
        let of_samples: Vec<Vec<&StageReport>> = of_sample.collect();
        let carried_out: Vec<&StageReport> = of_samples.concat();
        let asked = asked(stage).map_or(&[][..], Vec::as_slice);
        (!carried_out.is_empty() || !asked.is_empty()).then(|| PlannedStage {
            stage,
            does: work(stage, rehearsed),
            times: times(&of_samples),
            took: extent(carried_out.iter().map(|one| one.took)),
            steps: steps(asked, &carried_out),
        })
    });
    planned.collect()
}

/// The work of collector in a stage of its own.
const fn work(stage: Stage, rehearsed: bool) -> Option<&'static str> {
    Some(match (stage, rehearsed) {
        (Stage::Scripts(_), _) => return None,
        (Stage::Launch, false) => "rents the instance",
        (Stage::Launch, true) => "makes a home directory on this machine",
        (Stage::Ready, false) => "waits for the first boot, and sends the scripts",
        (Stage::Ready, true) => "copies the scripts into it",
        (Stage::Bake, _) => "makes an image of the instance",
        (Stage::Collect, _) => "brings the results home",
        (Stage::Terminate, false) => "gives the instance back",
        (Stage::Terminate, true) => "removes the home directory",
        (Stage::Archive, _) => "writes the archive and the index",
    })
}

/// The config of the run, where it is there and of a version that is still understood.
fn config(run: &RunResults) -> Option<Config> {
    let sample = run.samples.iter().find(|sample| sample.config.is_some())?;
    let source = Source {
        path: Path::new("config.yml"),
        text: sample.config.as_ref()?,
        local: sample.report.region == LOCAL_REGION,
    };
    Config::parse(source, &|_| Ok(())).ok()
}

/// The times that the samples carried a stage out, which may differ.
fn times(of_samples: &[Vec<&StageReport>]) -> String {
    let counts = of_samples.iter().map(Vec::len).filter(|count| *count > 0);
    let counts: BTreeSet<usize> = counts.collect();
    let (Some(least), Some(most)) = (counts.first(), counts.last()) else {
        return "not carried out".into();
    };
    let all = || of_samples.iter().flatten();
    let several = if least == most {
        most.to_string()
    } else {
        format!("{least} to {most}")
    };
    if all().any(|stage| stage.turn.is_some()) {
        let noun = if *most == 1 { "turn" } else { "turns" };
        return format!("{several} {noun}");
    }
    let arms: BTreeSet<_> = all().filter_map(|stage| stage.arm).collect();
    match (arms.len(), most) {
        (2, 2) => "once for each revision".into(),
        (_, 1) => "once".into(),
        _ => format!("{several} times"),
    }
}

/// The steps that were asked for, and those that no config asks for any more.
fn steps(asked: &[Step], carried_out: &[&StageReport]) -> Vec<PlannedStep> {
    let reports = || carried_out.iter().flat_map(|stage| &stage.steps);
    let took = |script: &str| {
        let of_script = reports().filter(|step| step.script == script);
        extent(of_script.map(|step| step.took))
    };
    let mut steps: Vec<PlannedStep> = Vec::new();
    for step in asked {
        let never = || "none".to_owned();
        steps.push(PlannedStep {
            script: step.script.to_string(),
            place: step.location,
            options: options(step),
            timeout: step.timeout.map_or_else(never, human_duration),
            took: took(step.script.as_str()),
        });
    }
    for report in reports() {
        if steps.iter().all(|step| step.script != report.script) {
            steps.push(PlannedStep {
                script: report.script.clone(),
                place: report.location,
                options: String::new(),
                timeout: String::new(),
                took: took(&report.script),
            });
        }
    }
    steps
}

fn options(step: &Step) -> String {
    let variables = step
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let warns = step.warn_only.then(|| "(a failure only warns)".to_owned());
    let options = step.args.iter().cloned().chain(variables).chain(warns);
    options.collect::<Vec<_>>().join(" ")
}

fn extent(took: impl Iterator<Item = Duration> + Clone) -> Option<[Seconds; 2]> {
    Some([Seconds(took.clone().min()?), Seconds(took.max()?)])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::SampleResults;
    use super::*;

    const CONFIG: &str = "main: {performance_results: x, output: out, provider: local}\n\
        setup: [build.sh]\n\
        run:\n  - warm-up.sh:\n      local: true\n  - measure.sh: {timeout: 90s, args: [--fast], warn_only: true}\n\
        after_collect: [tell.sh]\n";

    fn step(script: &str, took: f64) -> Value {
        json!({"script": script, "place": "remote", "outcome": "passed", "exit_code": 0,
            "started": "2026-01-01T00:00:00Z", "took": took, "log": "a.log"})
    }

    /// A sample with these stages.
    fn sample(stages: &[(&str, Value)], config: Option<&str>) -> SampleResults {
        let stage = |(stage, rest): &(&str, Value)| {
            let mut all =
                json!({"stage": stage, "ok": true, "started": "2026-01-01T00:00:00Z", "took": 2.0});
            all.as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            all
        };
        let report = json!({"format": 2, "collector": "0.1.0", "run": "r", "sample": 1, "lease": "l", "provider": "local",
            "region": "local", "revision": "v2", "description": null, "started": "2026-01-01T00:00:00Z",
            "finished": "2026-01-01T00:00:00Z", "outcome": "passed", "errors": [], "warnings": [], "instance": null,
            "expires_at": "2026-01-01T00:00:00Z", "released": {"state": "terminated"},
            "stages": stages.iter().map(stage).collect::<Vec<_>>(),
            "collected": {"files": 1, "bytes": 1, "incomplete": 0}});
        SampleResults {
            report: serde_json::from_value(report).unwrap(),
            facts: None,
            manifest: None,
            config: config.map(str::to_owned),
            metrics: None,
            logs: Vec::new(),
        }
    }

    fn planned(samples: Vec<SampleResults>) -> Value {
        let run = RunResults {
            report: None,
            figures: None,
            samples,
        };
        serde_json::to_value(plan(&run)).unwrap()
    }

    #[test]
    fn a_plan_has_what_was_asked_for_and_what_came_of_it() {
        let of_run = |turn: u32, took: f64| {
            let steps = json!([step("measure.sh", took), step("gone.sh", 1.0)]);
            (
                "run",
                json!({"arm": "candidate", "turn": turn, "steps": steps}),
            )
        };
        let setup = |arm: &str| {
            (
                "setup",
                json!({"arm": arm, "steps": [step("build.sh", 9.0)]}),
            )
        };
        let stages = [
            setup("candidate"),
            setup("baseline"),
            of_run(1, 30.0),
            of_run(2, 20.0),
            ("launch", json!({})),
        ];
        let shorter = &stages[..3];
        let plan = planned(vec![sample(&stages, Some(CONFIG)), sample(shorter, None)]);
        assert_eq!(
            plan,
            json!([
                {"stage": "launch", "does": "makes a home directory on this machine", "times": "once", "took": [2.0, 2.0], "steps": []},
                {"stage": "setup", "does": null, "times": "once for each revision", "took": [2.0, 2.0], "steps": [
                    {"script": "build.sh", "place": "remote", "options": "", "timeout": "none", "took": [9.0, 9.0]}]},
                {"stage": "run", "does": null, "times": "1 to 2 turns", "took": [2.0, 2.0], "steps": [
                    {"script": "warm-up.sh", "place": "local", "options": "", "timeout": "none", "took": null},
                    {"script": "measure.sh", "place": "remote", "options": "--fast (a failure only warns)", "timeout": "1m30s", "took": [20.0, 30.0]},
                    {"script": "gone.sh", "place": "remote", "options": "", "timeout": "", "took": [1.0, 1.0]}]},
                {"stage": "after_collect", "does": null, "times": "not carried out", "took": null, "steps": [
                    {"script": "tell.sh", "place": "remote", "options": "", "timeout": "none", "took": null}]},
            ])
        );
    }

    #[test]
    fn a_config_of_another_version_costs_the_time_outs_only() {
        let stages = [("run", json!({"steps": [step("a.sh", 1.0)]}))];
        for config in [None, Some("main: {unheard_of: 1}"), Some("{")] {
            let plan = planned(vec![sample(&stages, config)]);
            assert_eq!(plan[0]["times"], "once");
            assert_eq!(plan[0]["steps"][0]["timeout"], "");
        }
    }
}
