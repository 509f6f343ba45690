//! A run on several instances: each sample is on its own, and all of them are given back.

use std::time::Duration;

use collector::instance::InstanceId;
use collector::phase::Phase;
use collector::report::{Outcome, Release, RunReport, SampleReport, Signal};
use collector::step::StepOutcome;

use super::done::Done;
use super::harness::{Scenario, run, script};
use crate::doubles::{Faults, Incident, Launch, Outage, Ready, Terminate, Trigger};

const SAMPLES: u32 = 3;

fn three() -> Scenario {
    run().samples(SAMPLES)
}

fn ids(done: &Done) -> Vec<InstanceId> {
    let samples = done.report.samples.iter();
    samples
        .filter_map(|sample| Some(sample.instance.as_ref()?.id.clone()))
        .collect()
}

fn outcomes(done: &Done) -> Vec<Outcome> {
    let samples = done.report.samples.iter();
    samples.map(|sample| sample.outcome).collect()
}

/// Every way in which a run can end that gets its instances and can give them back, and its exit status.
fn endings() -> Vec<(&'static str, Scenario, u8)> {
    let busy = |phase| three().on(phase, "echo busy; sleep 300");
    let term = Incident::Cancel(Signal::Term);
    let faulty = |faults| three().faults(faults);
    let launch = |launch| {
        faulty(Faults {
            launch,
            ..Faults::default()
        })
    };
    let terminate = |terminate| {
        faulty(Faults {
            terminate,
            ..Faults::default()
        })
    };
    let ready = |ready| {
        faulty(Faults {
            ready,
            ..Faults::default()
        })
    };
    let mut endings = vec![
        ("a pass", three(), 0),
        ("a step that fails", three().measure("exit 3"), 1),
        (
            "a step that may fail",
            three().measure(script("exit 3").warn_only()),
            0,
        ),
        (
            "a time-out",
            three().measure(script("sleep 300").timeout_ms(100)),
            0,
        ),
        ("nothing to collect", three().results("absent"), 1),
        (
            "a connection that is lost",
            three()
                .measure("echo busy; sleep 0.2")
                .when(Trigger::Says("busy"), Incident::LoseConnection),
            0,
        ),
        (
            "a connection that is lost for ever",
            busy(Phase::Run).when(Trigger::Says("busy"), Incident::CutConnection),
            3,
        ),
        (
            "an instance that vanishes",
            ready(Ready::Vanishes)
                .measure("echo busy; sleep 1")
                .when(Trigger::Says("busy"), Incident::LoseConnection),
            3,
        ),
        ("instances that never run", ready(Ready::Fails), 3),
        (
            "a launch without an answer",
            launch(Launch::AnswerLost).in_no_time(Trigger::Launching),
            3,
        ),
        (
            "a refusal after a lost answer",
            launch(Launch::AnswerLostThenRefused),
            3,
        ),
        (
            "a signal in a launch that hangs",
            launch(Launch::Hangs)
                .in_no_time(Trigger::Launching)
                .when(Trigger::Launching, term),
            143,
        ),
        (
            "a termination that is refused for good",
            terminate(Terminate::RefusedForGood),
            0,
        ),
        (
            "a bug of collector's",
            three()
                .measure("echo busy; sleep 0.2")
                .when(Trigger::Says("busy"), Incident::Panic),
            3,
        ),
    ];
    for phase in Phase::ALL.into_iter().skip(1) {
        endings.push((
            "a signal in a phase",
            busy(phase).when(Trigger::Says("busy"), term),
            143,
        ));
    }
    for moment in [
        Trigger::Launching,
        Trigger::BecomingReady,
        Trigger::Terminating,
    ] {
        endings.push(("a signal in between", three().when(moment, term), 143));
    }
    endings
}

#[test]
fn however_it_ends_as_many_are_terminated_as_were_launched() {
    for (ending, scenario, status) in endings() {
        let done = scenario.go();
        assert_eq!(
            (
                done.launched,
                done.terminated,
                done.report.exit_status().code()
            ),
            (3, 3, status),
            "{ending}: {:?}",
            done.report.errors
        );
        let released = done.report.samples.iter().map(|sample| &sample.released);
        for released in released {
            assert_eq!(*released, Release::Terminated, "{ending}");
        }
    }
}

#[test]
fn what_is_not_launched_need_not_be_terminated() {
    let launch = |launch| Faults {
        launch,
        ..Faults::default()
    };
    for (faults, status) in [
        (launch(Launch::Refused), 3),
        (launch(Launch::NoCapacity), 3),
        (
            Faults {
                grants: Some(0),
                ..launch(Launch::Works)
            },
            3,
        ),
    ] {
        let done = three().in_no_time(Trigger::Resolving).faults(faults).go();
        done.exits(status).launched_nothing();
    }
    let signal = Incident::Cancel(Signal::Term);
    let look_ups = three()
        .faults(launch(Launch::LookUpHangs))
        .when(Trigger::Resolving, signal);
    look_ups.go().exits(143).launched_nothing();
    let before = three()
        .on(Phase::BeforeAwsStart, "echo busy; sleep 300")
        .when(Trigger::Says("busy"), signal);
    before.go().exits(143).launched_nothing();
}

#[test]
fn terminations_that_are_not_confirmed_are_told_of_each() {
    for terminate in [Terminate::Never, Terminate::Hangs] {
        // Time must not freeze for one that has steps left.
        let ready = tempfile::tempdir().unwrap();
        let meet = format!(
            "cd '{}'; touch \"$COLLECTOR_SAMPLE\"; until [ -e 1 ] && [ -e 2 ] && [ -e {SAMPLES} ]; do sleep 0.02; done",
            ready.path().display()
        );
        let done = three()
            .on(Phase::BeforeAwsTerminate, meet.as_str())
            .faults(Faults {
                terminate,
                ..Faults::default()
            })
            .when(Trigger::Terminating, Incident::FreezeTime)
            .go();
        done.leaked();
        assert_eq!((done.launched, done.terminated), (3, 0));
        for sample in &done.report.samples {
            let Release::Unconfirmed { id: Some(id), .. } = &sample.released else {
                panic!("{:?}", sample.released);
            };
            assert_eq!(
                Some(id),
                sample.instance.as_ref().map(|instance| &instance.id)
            );
        }
    }
}

#[test]
fn a_failure_that_ends_the_others_leaves_them_all_the_time_to_be_terminated() {
    let done = three()
        .fail_fast()
        .measure("[ \"$COLLECTOR_SAMPLE\" = 2 ] || sleep 300; exit 3")
        .faults(Faults {
            terminate: Terminate::Fails(8),
            ..Faults::default()
        })
        .when(Trigger::Terminating, Incident::FreezeTime)
        .go();
    done.exits(1);
    gave_all_back(&done);
}

/// All three were launched, and all three are gone.
fn gave_all_back(done: &Done) {
    assert_eq!((done.launched, done.terminated), (3, 3));
    for sample in &done.report.samples {
        assert_eq!(sample.released, Release::Terminated);
    }
}

#[test]
fn each_sample_has_an_instance_results_and_a_report_of_its_own() {
    let done = three()
        .measure("echo $COLLECTOR_SAMPLE $COLLECTOR_INSTANCE_ID > result")
        .go();
    done.exits(0);
    gave_all_back(&done);
    assert_eq!(done.launch_calls, 1, "one call launches all");
    let ids = ids(&done);
    for (index, sample) in done.report.samples.iter().enumerate() {
        let directory = sample.directory.as_ref().unwrap();
        assert_eq!(
            directory.file_name().unwrap().to_str(),
            Some(ids[index].as_str())
        );
        let result = std::fs::read_to_string(directory.join("result")).unwrap();
        assert_eq!(result, format!("{} {}\n", index + 1, ids[index]));
        assert!(sample.archive.as_ref().unwrap().path.exists());
        assert_eq!(sample.stages.len(), done.sample().stages.len());
    }
    let revision = done.results().parent().unwrap();
    let record = revision.join(done.report.run.as_str()).join("run.json");
    let record: RunReport = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record.samples.len(), 3);
    assert_eq!(record.outcome, Outcome::Passed);
}

#[test]
fn the_local_steps_before_the_launch_run_once() {
    let done = three()
        .on(Phase::BeforeAwsStart, script("echo once >> ran").local())
        .go();
    done.exits(0);
    let ran = std::fs::read_to_string(done.directory.path().join("project/ran")).unwrap();
    assert_eq!(ran, "once\n");
    for sample in &done.report.samples {
        let log = sample
            .directory
            .as_ref()
            .unwrap()
            .join(&sample.stages[0].steps[0].log);
        assert!(log.exists(), "{}", log.display());
    }
}

#[test]
fn one_that_fails_disturbs_no_other() {
    let done = three()
        .measure("[ \"$COLLECTOR_SAMPLE\" != 2 ] || exit 3; echo 42 > result")
        .go();
    done.exits(1);
    gave_all_back(&done);
    let expected = [Outcome::Passed, Outcome::StepFailed, Outcome::Passed];
    assert_eq!(outcomes(&done), expected);
}

#[test]
fn with_fail_fast_the_first_failure_ends_the_others() {
    let begun = tempfile::tempdir().unwrap();
    let measure = format!(
        "cd '{}' || exit 4\n\
         if [ \"$COLLECTOR_SAMPLE\" != 2 ]; then touch \"$COLLECTOR_SAMPLE\"; sleep 300; fi\n\
         until [ -e 1 ] && [ -e 3 ]; do sleep 0.1; done\n\
         exit 3",
        begun.path().display()
    );
    let done = three().fail_fast().measure(measure.as_str()).go();
    done.exits(1);
    gave_all_back(&done);
    let ended = |sample: usize| {
        let stages = done.report.samples[sample].stages.iter();
        let mut steps = stages.flat_map(|stage| &stage.steps);
        steps.any(|step| step.outcome == StepOutcome::Interrupted)
    };
    assert!(ended(0) && ended(2));
}

#[test]
fn parallel_bounds_how_many_there_are_at_once() {
    let done = three().parallel(2).go();
    done.exits(0);
    gave_all_back(&done);
    assert_eq!(done.launch_calls, 2);
}

#[test]
fn fewer_instances_than_asked_for_are_used_and_said() {
    let done = three()
        .faults(Faults {
            grants: Some(2),
            ..Faults::default()
        })
        .go();
    done.exits(3);
    assert_eq!((done.launched, done.terminated), (2, 2));
    assert_eq!(outcomes(&done), [Outcome::Passed, Outcome::Passed]);
    let said = &done.report.errors[0].message;
    assert!(said.contains("2 of 3 instances"), "{said}");
}

#[test]
fn a_signal_in_any_phase_ends_all_of_them() {
    for phase in Phase::ALL {
        let done = three()
            .on(phase, "echo busy; sleep 300")
            .when(Trigger::Says("busy"), Incident::Cancel(Signal::Term))
            .go();
        done.exits(143);
        if phase == Phase::BeforeAwsStart {
            done.launched_nothing();
        } else {
            gave_all_back(&done);
        }
    }
}

#[test]
fn a_signal_while_they_become_ready_or_are_ended_ends_all_of_them() {
    for moment in [
        Trigger::Launching,
        Trigger::BecomingReady,
        Trigger::Terminating,
    ] {
        let done = three().when(moment, Incident::Cancel(Signal::Int)).go();
        done.exits(130);
        gave_all_back(&done);
    }
}

#[test]
fn after_a_signal_one_call_ends_all_of_them() {
    let done = three()
        .measure("echo busy; sleep 300")
        .when(Trigger::Says("busy"), Incident::Cancel(Signal::Term))
        .go();
    gave_all_back(&done);
    assert_eq!(done.terminate_calls, 1);
}

#[test]
fn the_first_ctrl_c_stops_the_measurement_of_all_and_collects() {
    let done = three()
        .on(Phase::AfterAwsStart, "echo 42 > result")
        .measure("echo busy; sleep 300")
        .when(Trigger::Says("busy"), Incident::CtrlC)
        .go();
    done.exits(130);
    gave_all_back(&done);
    for sample in &done.report.samples {
        assert_eq!(sample.collected.files, 1);
    }
}

#[test]
fn a_panic_in_one_costs_that_one() {
    let done = three()
        .measure("echo busy; sleep 0.2")
        .when(Trigger::Says("busy"), Incident::Panic)
        .go();
    done.exits(3);
    gave_all_back(&done);
    let failed = outcomes(&done);
    let passed = failed.iter().filter(|outcome| **outcome == Outcome::Passed);
    assert_eq!(passed.count(), 2, "{failed:?}");
}

#[test]
fn termination_that_fails_for_a_while_is_tried_again_for_all() {
    let done = three()
        .faults(Faults {
            terminate: Terminate::Fails(2),
            ..Faults::default()
        })
        .go();
    done.exits(0);
    gave_all_back(&done);
}

#[test]
fn a_step_that_would_outlive_its_instance_is_ended_in_time_to_collect() {
    let done = run()
        .on(Phase::AfterAwsStart, "echo 42 > result")
        .measure("sleep 300")
        .lifetime(Duration::from_secs(10))
        .go();
    done.exits(0)
        .ended(Phase::Run, StepOutcome::TimedOut)
        .warned("`max_lifetime`")
        .collected()
        .gave_back();
}

#[test]
fn an_outage_of_some_holds_up_no_transfer_of_another() {
    for moment in [Outage::Sending, Outage::Collecting] {
        let done = run()
            .samples(5)
            .lifetime(Duration::from_hours(1))
            .outage(moment, 4)
            .go();
        done.exits(3);
        assert_eq!((done.launched, done.terminated), (5, 5));
        let samples = done.report.samples.iter();
        let (passed, failed): (Vec<_>, Vec<_>) =
            samples.partition(|sample| sample.outcome == Outcome::Passed);
        let [passed] = passed[..] else {
            panic!("{moment:?}: {:?}", outcomes(&done));
        };
        assert_eq!(passed.collected.files, 1);
        let lasted = |sample: &SampleReport| sample.stages.iter().map(|stage| stage.took).sum();
        let lasted: Duration = lasted(passed);
        assert!(lasted < Duration::from_mins(1), "{moment:?}: {lasted:?}");
        for sample in failed {
            let stage = sample.stages.iter().max_by_key(|stage| stage.took).unwrap();
            assert!(
                stage.took > Duration::from_mins(50),
                "{moment:?}: {stage:?}"
            );
        }
    }
}

#[test]
fn a_shard_launches_its_own_samples_under_their_numbers() {
    let done = run()
        .samples(8)
        .shard(2, 3)
        .parallel(2)
        .measure("echo $COLLECTOR_SAMPLE > result")
        .go();
    done.exits(0);
    assert_eq!(
        (done.launched, done.terminated, done.launch_calls),
        (3, 3, 2)
    );
    assert_eq!(done.report.asked, 3);
    for (number, sample) in (4..).zip(&done.report.samples) {
        let directory = sample.directory.as_ref().unwrap();
        let result = std::fs::read_to_string(directory.join("result")).unwrap();
        assert_eq!((sample.sample, result), (number, format!("{number}\n")));
    }
    let run = &done.report.run;
    let leases = done
        .report
        .samples
        .iter()
        .map(|sample| sample.lease.clone());
    let leases: Vec<_> = leases.collect();
    assert_eq!(leases, [run.lease(4), run.lease(4), run.lease(6)]);
}
