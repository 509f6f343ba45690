//! The provider does not do what it should. Deadlines of minutes pass at once here.

use collector::phase::Phase;
use collector::report::Signal;

use super::harness::{Scenario, bare_run, run};
use crate::doubles::{Faults, Find, Incident, Launch, Ready, Terminate, Trigger};

const TERM: Incident = Incident::Cancel(Signal::Term);

/// A run that starts no process, so that its deadlines can pass at once.
fn frozen(faults: Faults) -> Scenario {
    bare_run().in_frozen_time().faults(faults)
}

fn launch(launch: Launch) -> Faults {
    Faults {
        launch,
        ..Faults::default()
    }
}

fn ready(ready: Ready) -> Faults {
    Faults {
        ready,
        ..Faults::default()
    }
}

fn terminate(terminate: Terminate) -> Faults {
    Faults {
        terminate,
        ..Faults::default()
    }
}

#[test]
fn a_refused_launch() {
    run()
        .faults(launch(Launch::Refused))
        .go()
        .exits(3)
        .ran(&[Phase::BeforeAwsStart])
        .launched_nothing();
}

#[test]
fn an_instance_whose_launch_got_no_answer_is_found_and_given_back() {
    for find in [Find::Works, Find::Lags(5)] {
        let faults = Faults {
            find,
            ..launch(Launch::AnswerLost)
        };
        frozen(faults).go().exits(3).ran(&[]).gave_back();
    }
}

#[test]
fn a_launch_that_never_arrived_is_looked_for_in_vain() {
    let done = frozen(launch(Launch::RequestLost)).go();
    done.exits(3).launched_nothing();
    assert_eq!(done.leases.len(), 1, "`reap` can look again");
}

#[test]
fn an_instance_that_cannot_be_looked_for_may_be_left() {
    let faults = Faults {
        find: Find::Fails,
        ..launch(Launch::AnswerLost)
    };
    frozen(faults).go().leaked();
}

#[test]
fn a_signal_does_not_wait_for_a_launch_that_hangs() {
    frozen(launch(Launch::Hangs))
        .when(Trigger::Launching, TERM)
        .go()
        .exits(143)
        .gave_back();
    // That there is nothing to find says nothing while the request is under way.
    frozen(launch(Launch::HangsBefore))
        .when(Trigger::Launching, TERM)
        .go()
        .leaked();
}

#[test]
fn after_a_signal_there_is_too_little_time_to_say_that_a_launch_without_an_answer_did_nothing() {
    frozen(launch(Launch::RequestLost))
        .when(Trigger::Launching, TERM)
        .go()
        .leaked();
}

#[test]
fn an_instance_that_never_becomes_ready() {
    frozen(ready(Ready::Fails))
        .go()
        .exits(3)
        .ran(&[])
        .gave_back();
    frozen(ready(Ready::Hangs))
        .when(Trigger::BecomingReady, TERM)
        .go()
        .exits(143)
        .ran(&[])
        .gave_back();
}

#[test]
fn termination_is_tried_until_it_works() {
    run()
        .faults(terminate(Terminate::Fails(2)))
        .go()
        .exits(0)
        .ran(&Phase::ALL)
        .gave_back()
        .collected();
}

#[test]
fn an_instance_that_the_provider_does_not_take_back_is_told_to_power_itself_off() {
    let refused = || run().faults(terminate(Terminate::RefusedForGood));
    refused()
        .go()
        .exits(0)
        .ran(&Phase::ALL)
        .gave_back()
        .collected();
    refused()
        .measure("echo busy; sleep 300")
        .when(Trigger::Says("busy"), TERM)
        .go()
        .exits(143)
        .gave_back();
}

#[test]
fn what_cannot_be_terminated_outranks_everything() {
    for fault in [Terminate::Never, Terminate::Hangs] {
        let faults = terminate(fault);
        let at_release = Trigger::Terminating;
        for script in ["", "exit 3"] {
            let done = run()
                .on(Phase::AfterCollect, script)
                .faults(faults)
                .when(at_release, Incident::FreezeTime)
                .go();
            done.leaked().ran(&Phase::ALL).collected();
        }
        frozen(Faults {
            ready: Ready::Fails,
            ..faults
        })
        .go()
        .leaked();
        frozen(Faults {
            ready: Ready::Hangs,
            ..faults
        })
        .when(Trigger::BecomingReady, TERM)
        .go()
        .leaked();
        frozen(faults).when(Trigger::Launching, TERM).go().leaked();
    }
}

#[test]
fn a_refusal_after_a_lost_answer_does_not_hide_the_instance() {
    run()
        .faults(launch(Launch::AnswerLostThenRefused))
        .go()
        .exits(3)
        .gave_back();
}

#[test]
fn a_signal_during_the_look_ups_ends_a_run_that_launched_nothing() {
    run()
        .faults(launch(Launch::LookUpHangs))
        .when(Trigger::Resolving, TERM)
        .go()
        .exits(143)
        .launched_nothing();
}

#[test]
fn trouble_of_the_provider_does_not_cost_an_instance_that_is_paid_for() {
    run()
        .faults(Faults {
            troubles: 2,
            ..Faults::default()
        })
        .go()
        .exits(0)
        .collected()
        .gave_back();
}
