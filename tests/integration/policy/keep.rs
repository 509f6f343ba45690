//! An instance that stays after a failure: only where that is asked for, and only when it ends itself.

use std::time::Duration;

use collector::report::{Release, Signal};

use super::harness::{Scenario, run, script};
use crate::doubles::{Faults, Incident, Keep, Ready, Trigger};

const HALF_AN_HOUR: Duration = Duration::from_mins(30);
const LIFE: Duration = Duration::from_hours(6);

fn keeping() -> Scenario {
    run().lifetime(LIFE).keep_on_failure(HALF_AN_HOUR)
}

fn failing() -> Scenario {
    keeping().measure("exit 3")
}

#[test]
fn a_failed_step_leaves_the_instance_and_the_way_to_it() {
    let done = failing().go();
    done.exits(1).collected();
    assert_eq!((done.living.len(), done.terminated), (1, 0));
    let Release::Kept { id, until } = &done.sample().released else {
        panic!("{:?}", done.sample().released);
    };
    let left = until.duration_since(done.report.finished).unsigned_abs();
    assert!(left <= HALF_AN_HOUR && left + Duration::from_mins(2) > HALF_AN_HOUR);
    let way = &done.ways[0];
    assert_eq!((&way.id, way.expires_at), (id, *until));
    assert_eq!(way.results, done.results());
}

#[test]
fn a_run_that_passes_leaves_nothing() {
    keeping().go().exits(0).gave_back();
}

#[test]
fn nothing_stays_unasked() {
    run().measure("exit 3").go().exits(1).gave_back();
}

#[test]
fn an_instance_that_cannot_set_its_timer_is_terminated() {
    for keep in [Keep::Fails, Keep::Hangs] {
        let faults = Faults {
            keep,
            ..Faults::default()
        };
        let scenario = match keep {
            Keep::Hangs => failing().in_no_time(Trigger::Keeping),
            _ => failing(),
        };
        let done = scenario.faults(faults).go();
        done.exits(1).gave_back().warned("was not kept");
    }
}

#[test]
fn it_never_stays_for_longer_than_it_lives_anyway() {
    let done = failing().lifetime(HALF_AN_HOUR / 2).go();
    assert_eq!(done.exits(1).living.len(), 1);
    let sample = done.sample();
    assert_eq!(
        sample.released,
        Release::Kept {
            id: sample.instance.clone().unwrap().id,
            until: sample.expires_at
        }
    );
}

#[test]
fn one_that_lives_no_longer_anyway_has_to_confirm_its_timer_too() {
    let faults = Faults {
        keep: Keep::Fails,
        ..Faults::default()
    };
    let done = failing().lifetime(HALF_AN_HOUR / 2).faults(faults).go();
    done.exits(1).gave_back().warned("was not kept");
}

#[test]
fn an_instance_that_never_was_ready_is_terminated() {
    let faults = Faults {
        ready: Ready::Fails,
        ..Faults::default()
    };
    keeping().faults(faults).go().exits(3).gave_back();
}

#[test]
fn a_signal_terminates_at_once() {
    for moment in [Trigger::Says("measuring"), Trigger::Keeping] {
        failing()
            .measure(script("echo measuring; exit 3"))
            .when(moment, Incident::Cancel(Signal::Term))
            .go()
            .exits(143)
            .gave_back();
    }
}

#[test]
fn a_panic_terminates() {
    keeping()
        .measure("echo measuring; exit 3")
        .when(Trigger::Says("measuring"), Incident::Panic)
        .go()
        .exits(3)
        .gave_back();
}

#[test]
fn of_several_samples_those_that_failed_stay() {
    let done = keeping()
        .measure("[ \"$COLLECTOR_SAMPLE\" != 2 ]")
        .samples(3)
        .go();
    assert_eq!((done.exits(1).living.len(), done.terminated), (1, 2));
    assert_eq!(done.ways[0].sample, 2);
}
