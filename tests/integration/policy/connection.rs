//! The connection to the instance breaks. The transport is tried again, the command never.

use std::time::Duration;

use collector::phase::{Phase, Stage};
use collector::step::StepOutcome;

use super::harness::{run, script};
use crate::doubles::{Faults, Incident, Ready, Trigger};

/// Prints thirty lines, not all at once, and counts how often it was started.
const THIRTY: &str = "
    echo started >> counter
    for i in $(seq 30); do echo \"line $i.\"; sleep 0.01; done";

fn thirty() -> String {
    let lines: Vec<String> = (1..=30).map(|i| format!("line {i}.\n")).collect();
    lines.concat()
}

#[test]
fn in_the_middle_of_a_step_it_costs_no_line_and_starts_nothing_twice() {
    let done = run()
        .measure(THIRTY)
        .results("counter")
        .when(Trigger::Step(Phase::Run), Incident::LoseConnection)
        .when(Trigger::Says("line 5."), Incident::LoseConnection)
        .when(Trigger::Says("line 20."), Incident::LoseConnection)
        .go();
    done.exits(0).ran(&Phase::ALL).gave_back();
    assert_eq!(done.log(Phase::Run), thirty());
    assert_eq!(done.read("counter"), "started\n");
}

#[test]
fn no_answer_that_is_lost_does_anything_twice() {
    let done = run()
        .measure(THIRTY)
        .then(Phase::Run, script("sleep 300").timeout_ms(100))
        .results("counter")
        .when(Trigger::Step(Phase::Run), Incident::LoseAnswers)
        .go();
    done.exits(0).ran(&Phase::ALL).gave_back();
    assert_eq!(done.log(Phase::Run), thirty());
    assert_eq!(done.read("counter"), "started\n");
}

#[test]
fn during_collect_it_is_made_anew() {
    run()
        .when(Trigger::Stage(Stage::Collect), Incident::LoseConnection)
        .go()
        .exits(0)
        .ran(&Phase::ALL)
        .gave_back()
        .collected();
}

#[test]
fn for_an_hour_it_costs_nothing_while_the_instance_lives() {
    let done = run()
        .lifetime(Duration::from_hours(3))
        .measure("echo busy; sleep 0.3; echo done")
        .when(Trigger::Says("busy"), Incident::CutConnectionForAnHour)
        .go();
    done.exits(0).ran(&Phase::ALL).gave_back().collected();
    assert_eq!(done.log(Phase::Run), "busy\ndone\n");
    done.noted_once("another connection is tried until");
    done.noted_once("connected again after 36");
}

#[test]
fn for_ever_it_costs_what_is_on_the_instance_and_nothing_here() {
    let remote = [
        Phase::AfterAwsStart,
        Phase::Setup,
        Phase::Run,
        Phase::BeforeCollect,
    ];
    for phase in remote {
        let done = run()
            .on(phase, "echo busy; sleep 300")
            .when(Trigger::Says("busy"), Incident::CutConnection)
            .go();
        let skipped = [Phase::Setup, Phase::Run];
        let ran: Vec<Phase> = Phase::ALL
            .into_iter()
            .filter(|other| *other <= phase || !skipped.contains(other))
            .collect();
        done.exits(3)
            .ran(&ran)
            .ended(phase, StepOutcome::Lost)
            .ended(Phase::AfterCollect, StepOutcome::Passed)
            .gave_back();
        assert_eq!(done.log(phase), "busy\n");
    }
}

#[test]
fn for_ever_during_collect_or_after_it() {
    run()
        .when(Trigger::Stage(Stage::Collect), Incident::CutConnection)
        .go()
        .exits(3)
        .ran(&Phase::ALL)
        .gave_back();
    for phase in [Phase::AfterCollect, Phase::BeforeAwsTerminate] {
        run()
            .on(phase, "echo busy; sleep 300")
            .when(Trigger::Says("busy"), Incident::CutConnection)
            .go()
            .exits(3)
            .ran(&Phase::ALL)
            .gave_back()
            .collected();
    }
}

#[test]
fn before_the_instance_is_ready() {
    for incident in [Incident::CutConnection, Incident::BreakShell] {
        run()
            .when(Trigger::BecomingReady, incident)
            .go()
            .exits(3)
            .ran(&[Phase::BeforeAwsStart])
            .gave_back();
    }
}

#[test]
fn a_shell_that_cannot_start_a_step() {
    for phase in Phase::ALL {
        let done = run()
            .on(phase, "true")
            .when(Trigger::Step(phase), Incident::BreakShell)
            .go();
        done.exits(3).ended(phase, StepOutcome::Lost);
        match phase {
            Phase::BeforeAwsStart => done.launched_nothing(),
            _ => done.gave_back(),
        };
    }
}

#[test]
fn an_instance_that_vanishes_ends_the_run_at_once_with_the_reason_of_its_end() {
    let since = std::time::Instant::now();
    let done = run()
        .measure("echo busy; sleep 300")
        .faults(Faults {
            ready: Ready::Vanishes,
            ..Faults::default()
        })
        .when(Trigger::Says("busy"), Incident::LoseConnection)
        .go();
    done.exits(3)
        .ended(Phase::Run, StepOutcome::Lost)
        .gave_back();
    let error = &done.sample().errors[0].message;
    assert!(error.contains("somebody else ended it"), "{error}");
    assert!(since.elapsed() < Duration::from_secs(30));
}
