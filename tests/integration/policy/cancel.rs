//! A signal ends the run at once, wherever it is; on a terminal the first Ctrl-C ends only the measurement.

use collector::phase::{Phase, Stage};
use collector::report::{Outcome, Signal};
use collector::step::StepOutcome;

use super::harness::{run, script};
use crate::doubles::{Incident, Trigger};

const TERM: Incident = Incident::Cancel(Signal::Term);

fn up_to(phase: Phase) -> Vec<Phase> {
    Phase::ALL
        .into_iter()
        .filter(|other| *other <= phase)
        .collect()
}

#[test]
fn a_signal_in_the_middle_of_a_step_ends_the_run_with_all_its_processes() {
    for phase in Phase::ALL {
        let step = "trap '' TERM; echo busy; setsid sleep 300 & sleep 300; sleep 300";
        let done = run().on(phase, step).when(Trigger::Says("busy"), TERM).go();
        done.exits(143)
            .ran(&up_to(phase))
            .ended(phase, StepOutcome::Interrupted);
        assert_eq!(done.log(phase), "busy\n");
        match phase {
            Phase::BeforeAwsStart => done.launched_nothing(),
            _ => done.gave_back(),
        };
    }
}

#[test]
fn a_signal_ends_local_steps_beside_the_instance_too() {
    for phase in [Phase::Setup, Phase::Run, Phase::AfterCollect] {
        let step = script("trap '' TERM; echo busy; while :; do sleep 1; done").local();
        run()
            .on(phase, step)
            .when(Trigger::Says("busy"), Incident::Cancel(Signal::Int))
            .go()
            .exits(130)
            .ran(&up_to(phase))
            .gave_back();
    }
}

#[test]
fn a_signal_at_the_very_start_of_a_step_leaves_nothing_of_it() {
    for phase in [Phase::BeforeAwsStart, Phase::Setup] {
        for step in [script("sleep 300"), script("sleep 300").local()] {
            run()
                .on(phase, step)
                .when(Trigger::Step(phase), TERM)
                .go()
                .exits(143)
                .ran(&up_to(phase));
        }
    }
}

#[test]
fn a_signal_before_the_launch_saves_it() {
    run()
        .when(Trigger::Stage(Stage::Launch), TERM)
        .go()
        .exits(143)
        .ran(&[Phase::BeforeAwsStart])
        .launched_nothing();
}

#[test]
fn a_signal_during_the_launch_waits_for_the_answer() {
    run()
        .when(Trigger::Launching, TERM)
        .go()
        .exits(143)
        .ran(&[Phase::BeforeAwsStart])
        .gave_back();
}

#[test]
fn a_signal_while_the_instance_becomes_ready() {
    for moment in [Trigger::Stage(Stage::Ready), Trigger::BecomingReady] {
        run()
            .when(moment, TERM)
            .go()
            .exits(143)
            .ran(&[Phase::BeforeAwsStart])
            .gave_back();
    }
}

#[test]
fn a_signal_during_collect() {
    run()
        .when(Trigger::Stage(Stage::Collect), TERM)
        .go()
        .exits(143)
        .ran(&up_to(Phase::BeforeCollect))
        .gave_back();
}

#[test]
fn a_signal_during_release_does_not_stop_it() {
    for moment in [Trigger::Stage(Stage::Terminate), Trigger::Terminating] {
        let done = run().when(moment, TERM).go();
        done.exits(143).ran(&Phase::ALL).gave_back().collected();
        assert_eq!(done.report.outcome, Outcome::Interrupted);
    }
}

#[test]
fn the_first_ctrl_c_ends_only_the_measurement() {
    let done = run()
        .measure("echo 42 > result; echo busy; exec sleep 300")
        .then(Phase::Run, "touch second-measurement")
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .go();
    done.exits(130)
        .ran(&Phase::ALL)
        .ended(Phase::Run, StepOutcome::Stopped)
        .gave_back()
        .collected();
    assert_eq!(done.log(Phase::Run), "busy\n");
    assert!(!done.home.join("second-measurement").exists());
}

#[test]
fn the_second_ctrl_c_ends_the_run() {
    for moment in [
        Trigger::Stage(Stage::Scripts(Phase::BeforeCollect)),
        Trigger::Stage(Stage::Collect),
    ] {
        run()
            .measure("echo busy; sleep 300")
            .when(Trigger::Says("busy"), Incident::CtrlC)
            .when(moment, Incident::CtrlC)
            .go()
            .exits(130)
            .ran(&up_to(Phase::BeforeCollect))
            .gave_back();
    }
}

#[test]
fn two_at_once_end_the_run() {
    run()
        .measure("echo busy; sleep 300")
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .go()
        .exits(130)
        .ran(&up_to(Phase::Run))
        .gave_back();
}

#[test]
fn outside_of_the_measurement_the_first_ctrl_c_ends_the_run() {
    run()
        .setup("echo busy; sleep 300")
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .go()
        .exits(130)
        .ran(&up_to(Phase::Setup))
        .gave_back();
}
