//! The terminal that a person sees during a run.

use indicatif::ProgressDrawTarget;

use super::*;
use crate::reporter::scenario::{Screen, failure, leaked, one_sample, play, three_samples};

fn console(verbosity: Verbosity, colours: bool) -> (Console<Screen, Screen>, Screen) {
    let screen = Screen::default();
    let stream = || Stream::new(screen.clone(), colours);
    let hidden = ProgressDrawTarget::hidden();
    let console = Console::with_streams(verbosity, stream(), stream(), hidden);
    (console, screen)
}

fn shown(events: Vec<TimedEvent>, verbosity: Verbosity) -> String {
    let (console, screen) = console(verbosity, false);
    play(events, &console);
    screen.text()
}

#[test]
fn a_run_of_one_sample() {
    insta::assert_snapshot!("normal", shown(one_sample(), Verbosity::Normal));
    insta::assert_snapshot!("quiet", shown(one_sample(), Verbosity::Quiet));
    insta::assert_snapshot!("verbose", shown(one_sample(), Verbosity::Verbose));
}

#[test]
fn colours_are_reset_after_every_step() {
    let (console, screen) = console(Verbosity::Normal, true);
    play(one_sample(), &console);
    insta::assert_snapshot!("colours", screen.text());
}

#[test]
fn a_run_of_three_samples() {
    insta::assert_snapshot!("three_samples", shown(three_samples(), Verbosity::Normal));
    insta::assert_snapshot!(
        "three_samples_quiet",
        shown(three_samples(), Verbosity::Quiet)
    );
}

#[test]
fn what_an_instance_says_does_nothing_to_the_terminal() {
    let text = shown(failure(), Verbosity::Normal);
    assert!(!text.contains('␛'), "{text}");
    insta::assert_snapshot!("failure", text);
    let (console, screen) = console(Verbosity::Normal, false);
    console.say("a tag\x1b]0;owned\x07");
    console.error("\x1b[2J", Some("\x1b[2J"));
    assert!(!screen.text().contains('␛'), "{}", screen.text());
}

#[test]
fn an_instance_that_may_be_left_is_the_last_line() {
    insta::assert_snapshot!("leaked", shown(leaked(), Verbosity::Normal));
}
