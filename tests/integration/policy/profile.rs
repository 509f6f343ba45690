//! The phase for a slower candidate: it runs on the sample that measures last, and takes nothing from what was measured.

use collector::arm::Arm;
use collector::phase::{Phase, Stage};
use collector::report::{SampleReport, Signal};
use collector::step::StepOutcome;

use super::done::Done;
use super::harness::{Scenario, bare_run, script};
use crate::doubles::{Incident, Trigger};
use crate::turns::measurement;

/// A comparison whose candidate takes so many percent more, and is profiled by this script if that is seen.
fn compared(slower: u32, profile: &str) -> Scenario {
    bare_run()
        .results("out/*")
        .compared()
        .setup("mkdir out")
        .measure(script(measurement(slower)))
        .on(Phase::OnRegression, profile)
}

const PROFILE: &str =
    "echo \"$VERSION $COLLECTOR_ARM ${COLLECTOR_ROUND:-none} $(cat turns | wc -l)\" > out/flame";

/// The revisions that a sample profiled.
fn profiled(sample: &SampleReport) -> Vec<Arm> {
    let phase = Stage::Scripts(Phase::OnRegression);
    let stages = sample.stages.iter().filter(|stage| stage.stage == phase);
    stages.filter_map(|stage| stage.arm).collect()
}

/// The numbers of the samples that profiled.
fn profilers(done: &Done) -> Vec<u32> {
    let samples = done.report.samples.iter();
    let profiled = samples.filter(|sample| !profiled(sample).is_empty());
    profiled.map(|sample| sample.sample).collect()
}

#[test]
fn both_revisions_are_profiled_in_their_homes_where_the_candidate_is_slower() {
    let done = compared(10, PROFILE).go();
    done.exits(0).gave_back().noted_once("2 figures are slower");
    assert_eq!(profiled(done.sample()), [Arm::Baseline, Arm::Candidate]);
    // The home of each has seen its six turns, and no turn lasts any more.
    let left = |arm: &str| done.read(&format!("{arm}/on_regression/flame"));
    assert_eq!(left("baseline"), "v1 baseline none 6\n");
    assert_eq!(left("candidate"), "abc1234 candidate none 6\n");
    assert_eq!(
        done.sample().profiles,
        ["baseline/on_regression", "candidate/on_regression"]
    );
}

#[test]
fn nothing_is_profiled_where_the_candidate_is_as_fast() {
    let done = compared(0, PROFILE).go();
    done.exits(0).gave_back();
    assert_eq!(profiled(done.sample()), []);
    assert!(done.report.profiles().is_none());
}

#[test]
fn what_a_profile_leaves_is_no_figure() {
    let plain = compared(10, "true").go();
    let done = compared(10, "echo 'latency: 1 ms' > out/figures.txt").go();
    assert_eq!(
        done.read("candidate/on_regression/figures.txt"),
        "latency: 1 ms\n"
    );
    let values = |done: &Done| {
        let figures = done.report.figures.as_ref().unwrap();
        figures.figures.clone()
    };
    assert_eq!(values(&done), values(&plain));
    plain.warned("on_regression of the candidate left no file that matches");
}

#[test]
fn a_profile_that_fails_or_hangs_is_no_failure_of_the_run() {
    let fails = compared(10, "exit 7").go();
    fails.exits(0).gave_back();
    fails.ended(Phase::OnRegression, StepOutcome::Warned);
    fails.warned("on_regression-0.sh exited with status 7");
    let dies = compared(10, "kill -KILL $PPID; sleep 60").go();
    dies.exits(0).gave_back();
    dies.ended(Phase::OnRegression, StepOutcome::Warned);
    let hangs = compared(10, "")
        .on(
            Phase::OnRegression,
            script("echo so far > out/flame; sleep 300").timeout_ms(300),
        )
        .go();
    hangs.exits(0).gave_back();
    hangs.ended(Phase::OnRegression, StepOutcome::TimedOut);
    assert_eq!(hangs.read("candidate/on_regression/flame"), "so far\n");
    for done in [fails, dies, hangs] {
        assert_eq!(profiled(done.sample()).len(), 2);
        assert!(done.report.figures.is_some());
    }
}

#[test]
fn a_signal_while_a_revision_is_profiled_ends_the_run() {
    let term = Incident::Cancel(Signal::Term);
    let busy = compared(10, "echo busy; sleep 300").when(Trigger::Says("busy"), term);
    busy.go().exits(143).gave_back();
}

#[test]
fn of_several_samples_the_one_that_measures_last_profiles() {
    let late = |number: u32| {
        let wait = format!("[ $COLLECTOR_SAMPLE != {number} ] || sleep 0.3; ");
        compared(10, PROFILE)
            .measure(script(wait + &measurement(10)))
            .samples(3)
    };
    for number in [1, 2] {
        let done = late(number).go();
        done.exits(0);
        assert_eq!((done.launched, done.terminated), (3, 3));
        assert_eq!(profilers(&done), [number]);
    }
    let one_by_one = late(1).parallel(1).go();
    assert_eq!((one_by_one.launched, one_by_one.terminated), (3, 3));
    assert_eq!(profilers(&one_by_one), [3]);
}

#[test]
fn a_sample_that_fails_is_not_waited_for() {
    let done = compared(10, PROFILE)
        .setup("[ $COLLECTOR_SAMPLE != 2 ] && mkdir out")
        .samples(2)
        .go();
    done.exits(1);
    assert_eq!((done.launched, done.terminated), (2, 2));
    assert_eq!(profilers(&done), [1]);
}

#[test]
fn only_the_last_stage_of_a_comparison_is_profiled() {
    let done = compared(10, PROFILE).samples(4).go();
    done.exits(0);
    assert_eq!((done.launched, done.terminated), (4, 4));
    assert_eq!(profilers(&done), [4]);
}
