//! An image is made of what passed and nothing else, and nothing is left of one that is not finished.

use collector::phase::{Phase, Stage};
use collector::report::{Outcome, Signal};

use super::harness::{Scenario, run, script};
use crate::doubles::{Faults, Imaging, Incident, Trigger};

/// A run with a script in every phase, as `collect bake` has it.
fn baking() -> Scenario {
    run().bakes()
}

fn faults(imaging: Imaging) -> Faults {
    Faults {
        imaging,
        ..Faults::default()
    }
}

#[test]
fn the_baked_phases_run_and_one_image_comes_of_them() {
    let done = baking()
        .on(Phase::AfterAwsStart, "test -z \"$VERSION\"")
        .go();
    done.exits(0)
        .ran(&[Phase::BeforeAwsStart, Phase::AfterAwsStart])
        .gave_back()
        .noted_once("is available");
    assert_eq!(done.images, [1, 0]);
    let stages = done.sample().stages.iter().map(|stage| stage.stage.name());
    let stages: Vec<_> = stages.collect();
    assert_eq!(stages[4..], ["bake", "terminate"]);
}

#[test]
fn one_that_is_there_is_not_made_again() {
    let done = baking().faults(faults(Imaging::Exists)).go();
    done.exits(0).launched_nothing().noted_once("already");
}

#[test]
fn a_signal_leaves_no_image() {
    let term = Incident::Cancel(Signal::Term);
    for moment in [Trigger::Imaging, Trigger::Stage(Stage::Bake)] {
        let done = baking()
            .faults(faults(Imaging::Hangs))
            .when(moment, term)
            .go();
        done.exits(143).gave_back();
        assert_eq!(done.images, [0, 0]);
    }
    let done = baking().when(Trigger::LookingForImage, term).go();
    done.exits(143).launched_nothing();
}

#[test]
fn a_panic_leaves_no_image() {
    let done = baking().when(Trigger::Imaging, Incident::Panic).go();
    done.exits(3).gave_back();
    assert_eq!(done.images, [0, 0]);
}

#[test]
fn an_image_that_does_not_come_is_deleted() {
    for imaging in [Imaging::Refused, Imaging::AnswerLost, Imaging::Fails] {
        let done = baking().faults(faults(imaging)).go();
        done.exits(3).gave_back();
        assert_eq!(done.images, [0, 0], "{imaging:?}");
    }
    let done = baking()
        .faults(faults(Imaging::Hangs))
        .in_no_time(Trigger::Imaging)
        .go();
    done.exits(3).gave_back();
    assert!(done.sample().errors[0].message.contains("within 2 h"));
    assert_eq!(done.images, [0, 0]);
}

#[test]
fn one_that_cannot_be_deleted_stays_on_record() {
    let done = baking().faults(faults(Imaging::FailsForGood)).go();
    done.exits(3).gave_back();
    assert_eq!(done.images, [0, 1]);
    assert_eq!(done.leases.len(), 1);
}

#[test]
fn what_failed_warned_or_ran_out_of_time_is_not_baked() {
    let doubtful = [
        (script("exit 3"), 1),
        (script("exit 3").warn_only(), 1),
        (script("sleep 300").timeout_ms(100), 1),
    ];
    for (script, status) in doubtful {
        let done = baking().on(Phase::AfterAwsStart, script).go();
        done.exits(status).gave_back();
        assert_eq!(done.sample().outcome, Outcome::StepFailed);
        assert_eq!(done.images, [0, 0]);
    }
}

#[test]
fn a_run_from_an_image_leaves_out_what_it_has() {
    let done = run()
        .on(Phase::Run, "echo 42 > result")
        .uses_image()
        .faults(faults(Imaging::Exists))
        .go();
    done.exits(0).collected().gave_back();
    done.noted_once("launching from image baked");
    let ran = |stage: &collector::report::StageReport| {
        stage.stage == Stage::Scripts(Phase::AfterAwsStart)
    };
    assert!(!done.sample().stages.iter().any(ran));
}

#[test]
fn without_an_image_that_fits_every_phase_runs() {
    let done = run().uses_image().go();
    done.exits(0).collected().ran(&Phase::ALL).gave_back();
}
