//! What the user's scripts do, in every phase.

use std::time::Duration;

use collector::phase::Phase;
use collector::step::StepOutcome;

use super::harness::{Scenario, run, script};

/// What still runs after a failure in this phase: bringing home what there is always makes sense.
fn ran_with_failure_in(phase: Phase) -> Vec<Phase> {
    let skipped = [Phase::AfterAwsStart, Phase::Setup, Phase::Run];
    Phase::ALL
        .into_iter()
        .filter(|other| *other <= phase || !skipped.contains(other))
        .collect()
}

#[test]
fn all_is_well() {
    run().go().exits(0).ran(&Phase::ALL).gave_back().collected();
}

#[test]
fn what_a_local_step_leaves_running_ends_with_a_run_that_passes() {
    run()
        .on(
            Phase::AfterCollect,
            script("setsid sleep 300 < /dev/null > /dev/null 2>&1 &").local(),
        )
        .go()
        .exits(0)
        .gave_back();
}

#[test]
fn a_failure_on_this_machine_before_the_launch_ends_the_run() {
    run()
        .on(Phase::BeforeAwsStart, "exit 3")
        .go()
        .exits(1)
        .ran(&[Phase::BeforeAwsStart])
        .launched_nothing();
}

#[test]
fn after_a_failure_nothing_more_is_measured_but_everything_is_collected() {
    for phase in Phase::ALL.into_iter().skip(1) {
        let done = run()
            .on(phase, "echo 42 > result; echo oh no; exit 3")
            .then(phase, "touch ran-after-failure")
            .go();
        done.exits(1)
            .ran(&ran_with_failure_in(phase))
            .ended(phase, StepOutcome::Failed)
            .gave_back();
        assert_eq!(done.log(phase), "oh no\n");
        assert_eq!(done.step(phase).exit_code, Some(3));
        assert!(!done.home.join("ran-after-failure").exists());
        done.collected();
    }
}

#[test]
fn what_to_do_about_a_failure_fits_the_command() {
    let hint = |scenario: Scenario| {
        let done = scenario.on(Phase::AfterAwsStart, "exit 3").go();
        done.sample().errors[0].hint.clone().unwrap()
    };
    assert!(hint(run()).contains("`--keep-on-failure 30m` leaves the instance"));
    let kept = hint(run().keep_on_failure(Duration::from_mins(30)));
    assert!(!kept.contains("--keep-on-failure"), "{kept}");
    let baked = hint(run().bakes());
    assert!(
        baked.contains("a run of the same config") && !baked.contains("warn_only"),
        "{baked}"
    );
}

#[test]
fn warnings_stop_nothing() {
    let mut warned = run();
    for phase in Phase::ALL {
        warned = warned.on(phase, script("echo 42 > result; exit 3").warn_only());
    }
    let done = warned.go();
    done.exits(0).ran(&Phase::ALL).gave_back().collected();
    for phase in Phase::ALL {
        done.ended(phase, StepOutcome::Warned)
            .warned(&format!("{phase}-0.sh exited with status 3"));
    }
}

#[test]
fn a_time_out_is_a_pass() {
    let mut slow = run().on(Phase::AfterAwsStart, "echo 42 > result");
    for phase in Phase::ALL {
        slow = slow.then(phase, script("sleep 300").local().timeout_ms(1));
    }
    let done = slow.go();
    done.exits(0).ran(&Phase::ALL).gave_back().collected();
    let steps = done.sample().stages.iter().flat_map(|stage| &stage.steps);
    let late = steps.filter(|step| step.outcome == StepOutcome::TimedOut);
    assert_eq!(late.count(), Phase::ALL.len());
}

#[test]
fn a_time_out_ends_what_ignores_it_and_what_left_the_family() {
    let stubborn = "
        trap '' TERM
        setsid sh -c 'trap \"\" TERM; echo child; sleep 300; sleep 300' &
        env -i setsid sleep 300 &
        while :; do sleep 1; done";
    for step in [script(stubborn), script(stubborn).local()] {
        let done = run().setup(step.timeout_ms(1000)).go();
        done.exits(0)
            .ran(&Phase::ALL)
            .ended(Phase::Setup, StepOutcome::TimedOut)
            .gave_back();
        assert!(done.log(Phase::Setup).starts_with("child\n"));
        assert!(done.step(Phase::Setup).took.as_secs() < 10);
    }
}

#[test]
fn the_log_of_a_time_out_has_no_gap() {
    let chatty = "i=0; while :; do echo $i; i=$((i+1)); done";
    let done = run().measure(script(chatty).timeout_ms(1500)).go();
    done.exits(0).ended(Phase::Run, StepOutcome::TimedOut);
    let log = done.log(Phase::Run);
    // The last line may be cut short by the end of its process.
    let whole = &log[..=log.rfind('\n').unwrap()];
    for (number, line) in whole.lines().enumerate() {
        assert_eq!(line, number.to_string());
    }
}

#[test]
fn words_and_variables_reach_a_script_as_they_are() {
    let nasty = "it's \"$(touch pwned)\" `id` $HOME\n\\ * ; é";
    for local in [false, true] {
        let mut asked = script("printf '%s\\0%s\\0%s' \"$1\" \"$2\" \"$NASTY\"")
            .arg(nasty)
            .arg("")
            .env("NASTY", nasty);
        if local {
            asked = asked.local();
        }
        let done = run().setup(asked).go();
        assert_eq!(done.log(Phase::Setup), format!("{nasty}\0\0{nasty}"));
        assert!(!done.home.join("pwned").exists());
    }
}
