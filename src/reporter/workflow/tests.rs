//! The log of a job about a run.

use std::time::Duration;

use super::*;
use crate::arm::Arm;
use crate::phase::Phase;
use crate::reporter::scenario::{Screen, failure, leaked, one_sample, play, three_samples};
use crate::step::ScriptPath;

fn log() -> (WorkflowLog<Screen>, Screen) {
    let job = WorkflowJob::from_variables(|name| match name {
        "GITHUB_ACTIONS" => Some("true".into()),
        "GITHUB_WORKSPACE" => Some("/none".into()),
        _ => None,
    });
    let screen = Screen::default();
    let log = WorkflowLog::with_writer(screen.clone(), &job.unwrap(), "perf/config.yml".as_ref());
    (log, screen)
}

/// The text on the screen, with the same word for every fence.
fn text(screen: &Screen) -> String {
    let text = screen.text();
    let mut parts = text.split("fence-");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "fence-…" + &part[32..])
}

fn shown(events: Vec<TimedEvent>) -> String {
    let (log, screen) = log();
    play(events, &log);
    text(&screen)
}

#[test]
fn runs_in_a_job() {
    insta::assert_snapshot!("one_sample", shown(one_sample()));
    insta::assert_snapshot!("leaked", shown(leaked()));
    let failure = shown(failure());
    assert!(!failure.contains('␛'), "{failure}");
    insta::assert_snapshot!("failure", failure);
}

#[test]
fn the_groups_of_several_samples_neither_nest_nor_mix() {
    let shown = shown(three_samples());
    insta::assert_snapshot!("three_samples", shown);
    expect_sound_groups(&shown);
}

#[test]
fn a_sample_that_says_much_is_shown_in_parts_that_mix_with_no_other() {
    let (log, screen) = log();
    let megabyte = |event: &TimedEvent| TimedEvent {
        event: Event::Output([b"x".repeat(WAITING_LIMIT), b"\n".to_vec()].concat()),
        ..event.clone()
    };
    for event in three_samples() {
        let output = matches!(event.event, Event::Output(_)).then(|| megabyte(&event));
        log.take(event);
        if let Some(output) = output {
            log.take(output);
        }
    }
    let shown = text(&screen);
    expect_sound_groups(&shown);
    assert_eq!(shown.matches("::group::[1/3] run\n").count(), 1);
    assert_eq!(shown.matches("::group::[1/3] run (continued)\n").count(), 2);
    assert!(shown.lines().all(|line| line.len() <= MAX_LINE));
}

/// Every group ends before the next one begins, and output is in a group of its own sample and behind a fence.
#[track_caller]
fn expect_sound_groups(log: &str) {
    let (mut in_group, mut fenced) = (false, false);
    for line in log.lines() {
        if line.starts_with("::group::") {
            assert!(!in_group && !fenced, "{line}");
            in_group = true;
        } else if line == END_GROUP {
            assert!(in_group && !fenced, "{line}");
            in_group = false;
        } else if line.starts_with("::stop-commands::") {
            assert!(in_group && !fenced, "{line}");
            fenced = true;
        } else if line.starts_with("::fence-") {
            assert!(fenced, "{line}");
            fenced = false;
        } else if line.starts_with("xxx") {
            assert!(in_group && fenced, "output outside of its group");
        }
    }
    assert!(!in_group && !fenced);
}

#[test]
fn the_output_of_two_steps_at_the_same_time_is_behind_a_fence() {
    let script = || ScriptPath::parse("measure.sh").unwrap();
    let stage = Stage::Scripts(Phase::Run);
    let started = |arm| Event::StepStarted {
        phase: Phase::Run,
        script: script(),
        arm: Some(arm),
        timeout: None,
    };
    let finished = |arm| Event::StepFinished {
        script: script(),
        arm: Some(arm),
        outcome: StepOutcome::Passed,
        exit_code: Some(0),
        took: Duration::ZERO,
    };
    let output = || Event::Output(b"xxx\n".to_vec());
    let events = [
        Event::StageStarted(stage),
        started(Arm::Baseline),
        started(Arm::Candidate),
        output(),
        finished(Arm::Baseline),
        finished(Arm::Candidate),
        Event::StageFinished {
            stage,
            ok: true,
            took: Duration::ZERO,
        },
    ];
    let events = events.map(|event| TimedEvent {
        at: Timestamp::UNIX_EPOCH,
        sample: Some(1),
        event,
    });
    let shown = shown(events.into());
    assert_eq!(shown.matches("xxx").count(), 1, "{shown}");
    for arm in ["baseline", "candidate"] {
        let of_arm = format!("measure.sh ({arm})");
        assert!(shown.contains(&format!("run: {of_arm}\n")), "{shown}");
        assert!(shown.contains(&format!("{of_arm}: ok after ")), "{shown}");
    }
    expect_sound_groups(&shown);
}
