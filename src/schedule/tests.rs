//! The order of turns and duets.

use std::num::NonZeroU32;

use super::*;
use crate::config::{Baseline, Source};

fn config(baseline: bool, repeat: u32) -> Config {
    let text = "main: {performance_results: x, output: out, provider: local}\n\
                setup: [a.sh]\nrun: [a.sh]\nafter_collect: [a.sh]\n";
    let source = Source {
        path: "config.yml".as_ref(),
        text,
        local: true,
    };
    let mut config = Config::parse(source, &|_| Ok(())).unwrap();
    config.baseline = baseline.then_some(Baseline::Auto);
    config.repeat = NonZeroU32::new(repeat);
    config
}

/// The turns of a schedule, a letter each and a space between rounds.
fn order(repeat: u32, seed: u64, sample: u32) -> String {
    let mut round = 1;
    let mut order = String::new();
    for action in schedule(&config(true, repeat), Draw { seed, sample }) {
        if let Action::Turn(turn) = action {
            if turn.round > round {
                order.push(' ');
                round = turn.round;
            }
            order.push(if turn.arm == Arm::Baseline { 'A' } else { 'B' });
        }
    }
    order
}

fn text(schedule: &[Action]) -> Vec<String> {
    schedule.iter().map(ToString::to_string).collect()
}

#[test]
fn a_host_is_calibrated_around_what_is_measured_on_it_and_never_between_turns() {
    let draw = Draw { seed: 1, sample: 1 };
    let calibrated = |baseline, repeat| {
        let mut config = Config {
            calibrate: true,
            ..config(baseline, repeat)
        };
        let steps = config.phases[&Phase::Run].clone();
        config.phases.insert(Phase::AfterAwsStart, steps);
        text(&schedule(&config, draw))
    };
    assert_eq!(
        calibrated(false, 1),
        [
            "ready",
            "after_aws_start",
            "calibrate",
            "setup",
            "run",
            "calibrate",
            "collect",
            "after_collect"
        ]
    );
    let compared = calibrated(true, 2);
    assert_eq!([&compared[2], &compared[9]], ["calibrate", "calibrate"]);
    assert_eq!(compared.len(), 12, "{compared:?}");
}

#[test]
fn one_revision_that_is_measured_once_has_no_turns() {
    let draw = Draw { seed: 1, sample: 1 };
    assert_eq!(
        text(&schedule(&config(false, 1), draw)),
        ["ready", "setup", "run", "collect", "after_collect"]
    );
    assert_eq!(
        text(&schedule(&config(false, 2), draw)),
        [
            "ready",
            "setup",
            "turn 1: candidate, round 1",
            "turn 2: candidate, round 2",
            "collect",
            "after_collect"
        ]
    );
}

#[test]
fn both_are_set_up_in_the_order_of_their_homes() {
    for seed in 0..20 {
        let draw = Draw { seed, sample: 1 };
        let schedule = schedule(&config(true, 2), draw);
        let set_up = |action: &Action| match action {
            Action::SetUp(arm) => Some(*arm),
            _ => None,
        };
        let arms: Vec<_> = schedule.iter().filter_map(set_up).collect();
        assert_eq!(arms, [draw.first_home(), draw.first_home().other()]);
    }
}

#[test]
fn each_home_has_each_revision_on_every_other_sample() {
    for seed in 0..20 {
        let homes = (1..=4).map(|sample| Draw { seed, sample }.first_home());
        let homes: Vec<_> = homes.collect();
        assert!(homes.windows(2).all(|two| two[0] != two[1]), "{homes:?}");
    }
}

#[test]
fn every_round_has_each_revision_twice_and_is_drawn_from_the_seed() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let order = order(6, seed, 3);
        assert!(
            order
                .split(' ')
                .all(|round| ["ABBA", "BAAB"].contains(&round))
        );
        seen.insert(order);
    }
    assert_eq!(seen.len(), 8, "three rounds of two kinds: {seen:?}");
    assert_eq!(order(6, 1, 1), order(6, 1, 1));
    assert!((2..20).any(|sample| order(6, 1, sample) != order(6, 1, 1)));
    let odd = order(3, 1, 1);
    assert!(odd.ends_with(" AB") || odd.ends_with(" BA"), "{odd}");
}

#[test]
fn further_rounds_go_on_where_the_planned_ones_end() {
    let draw = Draw {
        seed: 42,
        sample: 1,
    };
    for repeat in [1, 4, 5] {
        let config = config(true, repeat);
        let mut all = turns(&config, draw);
        let further = (1..=2).flat_map(|further| further_round(&config, draw, further));
        all.extend(further.flat_map(|action| action.turns().to_vec()));
        let places: Vec<u32> = all.iter().map(|turn| turn.turn).collect();
        let count = 2 * repeat + 8;
        assert_eq!(places, (1..=count).collect::<Vec<_>>());
        for arm in Arm::BOTH {
            let of_arm = all.iter().filter(|turn| turn.arm == arm);
            let numbers: Vec<u32> = of_arm.map(|turn| turn.of_arm).collect();
            assert_eq!(numbers, (1..=repeat + 4).collect::<Vec<_>>());
        }
        assert_eq!(all.last().unwrap().round, repeat.div_ceil(2) + 2);
    }
    // Had they been planned, they would be the same.
    let further = further_round(&config(true, 4), draw, 1);
    let planned = turns(&config(true, 6), draw).split_off(8);
    assert_eq!(further, measurements(&config(true, 6), planned));
}

/// The duets of a schedule and of a further round: on which half the baseline is, a space between rounds.
fn halves(repeat: u32, draw: Draw) -> String {
    let duet = Config {
        duet: true,
        ..config(true, repeat)
    };
    let mut actions = schedule(&duet, draw);
    actions.extend(further_round(&duet, draw, 1));
    let duets = actions.iter().map(Action::turns);
    let duets: Vec<_> = duets.filter(|turns| !turns.is_empty()).collect();
    let mut halves = String::new();
    for (number, turns) in (1..).zip(&duets) {
        assert_eq!(turns[0].arm, turns[1].arm.other());
        for (place, turn) in (1..).zip(*turns) {
            assert_eq!((turn.turn, turn.of_arm), (2 * (number - 1) + place, number));
        }
        let half = turns.iter().position(|turn| turn.arm == Arm::Baseline);
        halves.push(['1', '2'][half.unwrap()]);
        let next = duets.get(number as usize);
        if next.is_some_and(|next| next[0].round > turns[0].round) {
            halves.push(' ');
        }
    }
    halves
}

#[test]
fn each_half_has_each_revision_as_often_and_as_often_first() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let [first, second] = [1, 2].map(|sample| halves(4, Draw { seed, sample }));
        // The second sample begins where the first does not.
        let both = ["12 21 12", "21 12 21"];
        assert!(both.contains(&first.as_str()), "{first}");
        assert!(both.contains(&second.as_str()) && first != second);
        seen.insert(first);
    }
    assert_eq!(seen.len(), 2);
    // The last of five planned ones is alone in its round.
    let draw = Draw {
        seed: 42,
        sample: 1,
    };
    assert_eq!(halves(5, draw), "12 21 1 21");
}

#[test]
fn a_duet_says_what_is_beside_what() {
    let draw = Draw {
        seed: 42,
        sample: 1,
    };
    let duet = Config {
        duet: true,
        ..config(true, 1)
    };
    assert_eq!(
        text(&schedule(&duet, draw))[3],
        "turn 1: baseline, round 1, beside turn 2: candidate, round 1"
    );
}

#[test]
fn the_order_of_a_seed_never_changes() {
    assert_eq!(order(8, 42, 1), "ABBA BAAB ABBA BAAB");
}
