//! A bug in collector costs the run, and nothing else.

use collector::phase::{Phase, Stage};
use collector::step::StepOutcome;

use super::harness::{run, script};
use crate::doubles::{Incident, Trigger};

#[test]
fn in_the_middle_of_a_step() {
    for phase in Phase::ALL {
        for local in [true, false] {
            let mut step = script("echo busy; setsid sleep 300 & sleep 300");
            if local {
                step = step.local();
            }
            let done = run()
                .on(phase, step)
                .when(Trigger::Says("busy"), Incident::Panic)
                .go();
            done.exits(3).ended(phase, StepOutcome::Interrupted);
            assert_eq!(done.log(phase), "busy\n");
            match phase {
                Phase::BeforeAwsStart => done.launched_nothing(),
                _ => done.gave_back(),
            };
        }
    }
}

#[test]
fn during_the_launch_the_instance_is_found_again() {
    run()
        .when(Trigger::Launching, Incident::Panic)
        .go()
        .exits(3)
        .ran(&[Phase::BeforeAwsStart])
        .gave_back();
}

#[test]
fn while_the_instance_becomes_ready_or_results_come_home() {
    for moment in [Trigger::BecomingReady, Trigger::Stage(Stage::Ready)] {
        run()
            .when(moment, Incident::Panic)
            .go()
            .exits(3)
            .ran(&[Phase::BeforeAwsStart])
            .gave_back();
    }
    run()
        .when(Trigger::Stage(Stage::Collect), Incident::Panic)
        .go()
        .exits(3)
        .ran(&Phase::ALL[..5])
        .gave_back();
}

#[test]
fn during_the_release_it_is_tried_again() {
    run()
        .when(Trigger::Terminating, Incident::Panic)
        .go()
        .exits(0)
        .ran(&Phase::ALL)
        .gave_back()
        .collected();
}
