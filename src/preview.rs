//! A run before it happens: every setting with its resolved value, and the schedule with its steps.

mod settings;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::arm::Arm;
use crate::config::{Config, ProviderSpec, plural};
use crate::phase::{Phase, Stage};
use crate::revision::{Commit, Revision};
use crate::schedule::{Action, Draw, schedule};
use crate::shard::Share;
use crate::step::{Location, ScriptPath, Step};
use settings::settings;
use variables::{Variable, variables};

/// The preview of a run.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// The number of this form.
    pub format: u32,
    /// The revision that would be measured.
    pub revision: Revision,
    /// The commit that it is, where a clone on this machine tells it.
    pub commit: Option<Commit>,
    /// The settings of the whole run, by their keys in the config.
    pub settings: Vec<Setting>,
    /// The stages, in order; from `launch` to `terminate` once for each sample.
    pub schedule: Vec<Entry>,
}

/// A setting of the run.
#[derive(Debug, Serialize)]
pub struct Setting {
    /// The key in the config, or what stands for none.
    pub key: &'static str,
    /// The value that is known; `null` where there is none yet, or none at all.
    pub value: Value,
    /// A remark beside the value: above all, what AWS decides or looks up when the run starts.
    pub note: Option<String>,
}

/// A part of the schedule.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The phase or the built-in stage.
    pub stage: String,
    /// The work of collector itself.
    pub does: Option<String>,
    /// The scripts that run, in this order.
    pub steps: Vec<StepPreview>,
}

/// A script that would run.
#[derive(Debug, Serialize)]
pub struct StepPreview {
    /// Its path below the config's directory.
    pub script: ScriptPath,
    /// The machine that it runs on.
    #[serde(rename = "place")]
    pub location: Location,
    /// The time after which it is ended.
    pub timeout_seconds: Option<f64>,
    /// Whether a non-zero exit is a warning only.
    pub warn_only: bool,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables, those of every step included; `null` is filled by the run.
    pub env: BTreeMap<String, Option<String>>,
}

/// The inputs of a preview besides the config.
#[derive(Debug)]
pub struct Surroundings {
    /// The config file.
    pub config: PathBuf,
    /// The revision.
    pub revision: Revision,
    /// The commit that it is, where a clone on this machine tells it.
    pub commit: Option<Commit>,
    /// The commit of the baseline.
    pub baseline_commit: Option<Commit>,
    /// The directory that holds the results of all revisions, `~` expanded.
    pub output: PathBuf,
    /// The region that the environment names, with the variable's name.
    pub region: Option<(String, &'static str)>,
    /// The seed of the order of turns.
    pub seed: u64,
    /// The samples that it measures.
    pub share: Share,
}

impl Preview {
    const FORMAT: u32 = 1;

    /// The preview of a run of this config.
    pub fn new(config: &Config, surroundings: &Surroundings) -> Self {
        let revision = surroundings.revision.clone();
        let steps = |phase: Phase, arm: Arm| {
            let known = variables(config, surroundings, phase, arm);
            let steps = config.phases.get(&phase).into_iter().flatten();
            steps.map(|step| preview(step, &known)).collect()
        };
        let built_in = |stage: Stage| Entry {
            stage: stage.to_string(),
            does: Some(work(stage, config, surroundings.share)),
            steps: Vec::new(),
        };
        let scripts = |phase: Phase| Entry {
            stage: phase.to_string(),
            does: None,
            steps: steps(phase, Arm::Candidate),
        };
        let set_up = |arm: Arm| Entry {
            stage: Action::SetUp(arm).to_string(),
            does: None,
            steps: steps(Phase::Setup, arm),
        };
        let turns = |action: &Action| Entry {
            stage: action.to_string(),
            does: None,
            steps: [Phase::Run, Phase::BeforeCollect]
                .into_iter()
                .flat_map(|phase| action.turns().iter().map(move |turn| (phase, turn.arm)))
                .flat_map(|(phase, arm)| steps(phase, arm))
                .collect(),
        };
        let draw = Draw {
            seed: surroundings.seed,
            sample: surroundings.share.first(),
        };
        let first = config.phases.contains_key(&Phase::BeforeAwsStart);
        let mut entries: Vec<Entry> = first
            .then(|| scripts(Phase::BeforeAwsStart))
            .into_iter()
            .collect();
        entries.push(built_in(Stage::Launch));
        entries.extend(
            schedule(config, draw)
                .into_iter()
                .map(|action| match action {
                    Action::Ready => built_in(Stage::Ready),
                    Action::Phase(phase) => scripts(phase),
                    Action::SetUp(arm) => set_up(arm),
                    Action::Turn(_) | Action::Duet(_) => turns(&action),
                    Action::FurtherRounds => Entry {
                        stage: action.to_string(),
                        does: config.describe_precision(),
                        steps: Vec::new(),
                    },
                    Action::Calibrate(_) => Entry {
                        stage: action.to_string(),
                        does: Some("measure how fast the machine is, for two seconds".into()),
                        steps: Vec::new(),
                    },
                    Action::Profile => Entry {
                        does: Some(
                            "of each revision, on one instance, if a figure is slower".into(),
                        ),
                        ..scripts(Phase::OnRegression)
                    },
                    Action::Bake => built_in(Stage::Bake),
                    Action::Collect => built_in(Stage::Collect),
                }),
        );
        entries.push(built_in(Stage::Terminate));
        entries.push(built_in(Stage::Archive));
        Self {
            format: Self::FORMAT,
            settings: settings(config, surroundings),
            schedule: entries,
            commit: surroundings.commit.clone(),
            revision,
        }
    }
}

fn preview(step: &Step, known: &[Variable]) -> StepPreview {
    let known = known
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let output = (step.location == Location::Local).then(|| ("COLLECTOR_OUTPUT".to_owned(), None));
    let own = step.env.iter().cloned();
    let own = own.map(|(name, value)| (name, Some(value)));
    StepPreview {
        script: step.script.clone(),
        location: step.location,
        timeout_seconds: step.timeout.map(|timeout| timeout.as_secs_f64()),
        warn_only: step.warn_only,
        args: step.args.clone(),
        env: known.chain(output).chain(own).collect(),
    }
}

/// The work of collector in a stage of its own.
fn work(stage: Stage, config: &Config, share: Share) -> String {
    let samples = share.count();
    match (stage, &config.provider) {
        (Stage::Launch, ProviderSpec::Local) => "make a home directory on this machine".into(),
        (Stage::Launch, ProviderSpec::Ec2(spec)) => match config.parallel {
            Some(parallel) if parallel.get() < samples => {
                format!("rent {samples} {}, {parallel} at once", spec.instance_type)
            }
            _ => format!("rent {samples} {}", spec.instance_type),
        },
        (Stage::Ready, ProviderSpec::Local) => format!("copy {} into it", sent(config)),
        (Stage::Ready, ProviderSpec::Ec2(_)) => {
            format!("wait for the first boot, send {}", sent(config))
        }
        (Stage::Collect, provider) => {
            let patterns = plural(config.performance_results.len(), "pattern");
            match (&config.s3, provider) {
                (Some(bucket), ProviderSpec::Ec2(_)) if !config.download => {
                    format!("send what matches {patterns} to s3://{bucket}")
                }
                _ => format!("bring home what matches {patterns}"),
            }
        }
        (Stage::Bake, _) => "make an image of the instance".into(),
        (Stage::Terminate, ProviderSpec::Local) => "remove the home directory".into(),
        (Stage::Terminate, ProviderSpec::Ec2(_)) => "give the instance back".into(),
        (Stage::Archive, _) if config.archive => "write the archive and the index".into(),
        (Stage::Archive, _) => "write the index".into(),
        (Stage::Scripts(phase), _) => phase.to_string(),
    }
}

/// What the instance gets before its first step.
const fn sent(config: &Config) -> &'static str {
    if config.sends_checkout() {
        "the scripts and the checkout"
    } else {
        "the scripts"
    }
}
