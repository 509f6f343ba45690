//! Two revisions that are measured at the same time: neither waits for the other, each has its own end, and what ends one run
//! ends both.

use std::ops::RangeInclusive;

use collector::arm::Arm;
use collector::phase::{Phase, Stage};
use collector::report::{Signal, StageReport, StepReport};
use collector::step::StepOutcome;

use super::done::Done;
use super::harness::{run, script};
use crate::doubles::{Incident, Trigger};

/// Goes on when the other revision is here as well: a FIFO is opened by two or by none. Two that run one after the other miss
/// each other, and fail.
const MEET: &str = "mkfifo ../meeting 2> /dev/null; \
    case $COLLECTOR_ARM in \
        baseline) timeout 30 sh -c ': > ../meeting' ;; \
        *) timeout 30 sh -c ': < ../meeting' ;; \
    esac || exit 9";

/// The stages of the phase `run`, each with its only step.
fn measured(done: &Done) -> Vec<(&StageReport, &StepReport)> {
    let stages = done.sample().stages.iter();
    let stages = stages.filter(|stage| stage.stage == Stage::Scripts(Phase::Run));
    stages.map(|stage| (stage, &stage.steps[0])).collect()
}

fn outcomes(done: &Done) -> Vec<StepOutcome> {
    let measured = measured(done).into_iter();
    measured.map(|(_, step)| step.outcome).collect()
}

#[test]
fn both_steps_are_under_way_at_the_same_time() {
    let measure = format!("{MEET}; echo 42 > result");
    let done = run().duet(2).measure(script(measure)).go();
    done.exits(0).gave_back();
    let measured = measured(&done);
    assert_eq!(measured.len(), 4);
    for (stage, step) in &measured {
        assert_eq!(step.outcome, StepOutcome::Passed);
        let arm = stage.arm.unwrap();
        assert!(stage.turn.is_some() && stage.ok);
        for turn in ["turn-01", "turn-02"] {
            assert_eq!(done.read(&format!("{arm}/{turn}/result")), "42\n");
        }
    }
    let turns = &done.sample().turns;
    assert_eq!(turns.len(), 4);
    assert!(turns.iter().all(|turn| turn.ok));
}

#[test]
fn a_lost_connection_loses_no_line_of_either() {
    // Who comes back to the same place may still find the other there from the last time.
    let meet_again = MEET.replace("meeting", "second-meeting");
    let measure = format!("{MEET}; echo 42 > result; echo met; seq 100; {meet_again}; seq 100 200");
    let done = run()
        .duet(1)
        .measure(script(measure))
        .when(Trigger::Says("met"), Incident::LoseConnection)
        .go();
    done.exits(0).gave_back();
    let numbers = |range: RangeInclusive<u32>| {
        let lines: Vec<String> = range.map(|number| number.to_string()).collect();
        lines.join("\n")
    };
    let whole = format!("run\nmet\n{}\n{}\n", numbers(1..=100), numbers(100..=200));
    for (_, step) in measured(&done) {
        assert_eq!(done.read(&step.log), whole);
    }
}

#[test]
fn a_signal_ends_both() {
    let done = run()
        .duet(2)
        .measure(script(format!("{MEET}; echo busy; sleep 300")))
        .when(Trigger::Says("busy"), Incident::Cancel(Signal::Term))
        .go();
    done.exits(143).gave_back();
    assert_eq!(outcomes(&done), [StepOutcome::Interrupted; 2]);
}

#[test]
fn the_first_ctrl_c_stops_both_and_collects() {
    let done = run()
        .duet(2)
        .measure(script(format!(
            "{MEET}; echo 42 > result; echo busy; sleep 300"
        )))
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .go();
    done.exits(130).gave_back();
    assert_eq!(outcomes(&done), [StepOutcome::Stopped; 2]);
    done.noted_once("stopping run-0.sh, then collecting");
}

#[test]
fn a_time_out_is_of_each_step_and_the_other_goes_on() {
    let measure = "echo 42 > result; [ $COLLECTOR_ARM = candidate ] || sleep 300";
    let done = run().duet(1).measure(script(measure).timeout_ms(3000)).go();
    for (stage, step) in measured(&done) {
        let waits = stage.arm == Some(Arm::Baseline);
        let expected = if waits {
            StepOutcome::TimedOut
        } else {
            StepOutcome::Passed
        };
        assert_eq!(step.outcome, expected);
        assert_eq!(step.took.as_millis() >= 3000, waits, "{step:?}");
    }
}

#[test]
fn one_that_fails_costs_the_round_of_both_and_says_why() {
    let measure = format!(
        "{MEET}; echo 42 > result; \
         [ \"$COLLECTOR_ARM $COLLECTOR_ROUND\" != 'baseline 2' ] || {{ echo broken; exit 3; }}"
    );
    let done = run().duet(6).measure(script(measure)).go();
    done.exits(1).gave_back();
    let turns = &done.sample().turns;
    let of_round = |round: u32| turns.iter().filter(move |turn| turn.turn.round == round);
    assert_eq!(of_round(2).count(), 2);
    assert!(of_round(2).all(|turn| !turn.ok));
    for round in [1, 3] {
        assert_eq!(of_round(round).filter(|turn| turn.ok).count(), 4);
    }
    let errors = &done.sample().errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].last_lines, ["run", "broken"]);
}

#[test]
fn the_system_metrics_are_of_the_step_that_goes_on_longer() {
    let measure = format!("{MEET}; echo 42 > result; [ $COLLECTOR_ARM = candidate ] || sleep 1.2");
    let done = run().duet(1).with_metrics().measure(script(measure)).go();
    done.exits(0).gave_back();
    let metrics = done.read("collector/metrics.csv");
    let of_run = |row: &&str| row.contains("-run-run-0.sh");
    let last = metrics.lines().rfind(of_run).unwrap();
    let (_, longer) = measured(&done)
        .into_iter()
        .find(|(stage, _)| stage.arm == Some(Arm::Baseline))
        .unwrap();
    let label = longer.log.strip_prefix("collector/logs/").unwrap();
    assert_eq!(last.split(',').nth(2), label.strip_suffix(".log"));
}
