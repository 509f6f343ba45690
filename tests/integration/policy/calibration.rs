//! The calibration of an instance, before and after what is measured on it, and that a rehearsal leaves this machine as it is.

use collector::records::{Calibrations, HostFacts, Record as _};

use super::done::Done;
use super::harness::run;

fn facts(done: &Done) -> HostFacts {
    HostFacts::from_json(done.read("collector/host.json").as_bytes()).unwrap()
}

#[test]
fn a_host_is_calibrated_before_setup_and_after_the_last_turn() {
    let done = run().calibrated().go();
    done.exits(0).gave_back().collected();
    let calibration = facts(&done).calibration;
    for calibration in [calibration.before, calibration.after] {
        let calibration = calibration.unwrap();
        assert!(calibration.integer_rounds_per_s.unwrap() > 0.0);
        assert!(calibration.clock_held_up_percent.is_some());
    }
}

#[test]
fn what_fails_is_not_calibrated_afterwards() {
    let done = run().calibrated().measure("false").go();
    done.exits(1).gave_back();
    let calibration = facts(&done).calibration;
    assert!(calibration.before.is_some() && calibration.after.is_none());
}

#[test]
fn a_rehearsal_quietens_nothing() {
    let done = run().quiet().go();
    done.exits(0).gave_back().collected();
    assert_eq!(facts(&done).quiet, []);
    assert_eq!(facts(&done).calibration, Calibrations::default());
}
