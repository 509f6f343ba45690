//! The variables of every step, as far as they are known before a run.

use super::Surroundings;
use crate::arm::Arm;
use crate::config::{Baseline, Config, ProviderSpec};
use crate::instance::LOCAL_REGION;
use crate::phase::Phase;

/// A variable and its value; `None` is filled by the run.
pub(super) type Variable = (&'static str, Option<String>);

/// The variables of the steps of a phase that work for this arm, less those that depend on the step.
pub(super) fn variables(
    config: &Config,
    surroundings: &Surroundings,
    phase: Phase,
    arm: Arm,
) -> [Variable; 13] {
    let region = match &config.provider {
        ProviderSpec::Local => Some(LOCAL_REGION.to_owned()),
        ProviderSpec::Ec2(spec) => spec.region.clone().or_else(|| {
            let (region, _) = surroundings.region.as_ref()?;
            Some(region.clone())
        }),
    };
    let revision = match (arm, &config.baseline) {
        (Arm::Baseline, Some(baseline)) => baseline.to_string(),
        _ => surroundings.revision.to_string(),
    };
    let several = surroundings.share.count() > 1;
    let measures = [Phase::Run, Phase::BeforeCollect].contains(&phase);
    let of_an_arm = measures || [Phase::Setup, Phase::OnRegression].contains(&phase);
    let rented = phase != Phase::BeforeAwsStart;
    let commit = match arm {
        Arm::Baseline => &surroundings.baseline_commit,
        Arm::Candidate => &surroundings.commit,
    };
    let commit = commit.as_ref().map(ToString::to_string);
    [
        ("VERSION", Some(revision)),
        ("BASELINE", known_baseline(config)),
        (
            "COLLECTOR_ARM",
            late(config.baseline.is_some() && of_an_arm),
        ),
        ("COLLECTOR_ROUND", late(measures)),
        ("COLLECTOR_CPUS", late(config.is_duet() && measures)),
        (
            "COLLECTOR_COMMIT",
            commit.or_else(|| late(config.repository.is_some())),
        ),
        ("COLLECTOR_SOURCE", late(config.sends_checkout())),
        ("COLLECTOR_RUN_ID", None),
        ("COLLECTOR_PHASE", Some(phase.to_string())),
        ("COLLECTOR_INSTANCE_ID", late(rented)),
        ("COLLECTOR_INSTANCE_ADDRESS", late(rented)),
        ("COLLECTOR_REGION", region),
        // There is no second sample before the launch.
        (
            "COLLECTOR_SAMPLE",
            (!several || phase == Phase::BeforeAwsStart)
                .then(|| surroundings.share.first().to_string()),
        ),
    ]
}

/// A variable that the run fills, where it has a value at all.
fn late(has_value: bool) -> Option<String> {
    (!has_value).then(String::new)
}

/// The baseline as scripts see it; only a job knows which one `auto` is.
fn known_baseline(config: &Config) -> Option<String> {
    match &config.baseline {
        None => Some(String::new()),
        Some(Baseline::Revision(revision)) => Some(revision.to_string()),
        Some(Baseline::Auto) => None,
    }
}
