//! The schedule of a sample: what is done on its instance, in which order, as a value.
//!
//! With a baseline, both revisions are set up on the instance, each in a home directory of its own, and have turns: `run`
//! and `before_collect`, after which what was measured is moved aside. Turns are grouped into rounds of `A B B A` or
//! `B A A B`, so that what drifts, and what the slot in a round does, hits both alike; a last odd turn of each makes a round
//! of two. Which order a round has is drawn for each sample from the seed of the run, and the two homes alternate between the
//! samples from a drawn start, so that a plan and its seed always give the same schedule.
//!
//! In a duet both revisions have a turn at the same time, each on a half of the CPUs. The turns and their order are the same:
//! two that follow each other are a duet, of which the first has the first half. So a round is two duets between which the
//! halves are swapped.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arm::Arm;
use crate::config::Config;
use crate::phase::Phase;

/// One entry of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Wait until the instance can be worked with, and send it the scripts.
    Ready,
    /// Run the scripts of a phase.
    Phase(Phase),
    /// Run the scripts of `setup` for one of two revisions.
    SetUp(Arm),
    /// Measure once.
    Turn(Turn),
    /// Measure both revisions at the same time, the first of them on the first half of the CPUs.
    Duet([Turn; 2]),
    /// Measure on, a [further round](further_round) at a time, until the intervals are as narrow as is asked for.
    FurtherRounds,
    /// Run `on_regression` for both revisions, where this sample measures last and a figure is slower.
    Profile,
    /// Bring the results home.
    Collect,
}

impl Action {
    /// The turns that it is, which last at the same time.
    pub const fn turns(&self) -> &[Turn] {
        match self {
            Self::Turn(turn) => std::slice::from_ref(turn),
            Self::Duet(turns) => turns,
            _ => &[],
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Phase(phase) => phase.fmt(f),
            Self::SetUp(arm) => write!(f, "setup of the {arm}"),
            Self::Turn(turn) => turn.fmt(f),
            Self::Duet([first, second]) => write!(f, "{first}, beside {second}"),
            Self::FurtherRounds => f.write_str("further rounds"),
            Self::Profile => Phase::OnRegression.fmt(f),
            Self::Collect => f.write_str("collect"),
        }
    }
}

/// A turn: `run` and `before_collect` of one revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The place among all turns on the instance, from 1.
    pub turn: u32,
    /// The round that it belongs to, from 1.
    pub round: u32,
    /// The revision.
    pub arm: Arm,
    /// The number among the turns of that revision, from 1.
    pub of_arm: u32,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            turn, round, arm, ..
        } = self;
        write!(f, "turn {turn}: {arm}, round {round}")
    }
}

/// What is drawn for a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the sample.
    pub sample: u32,
}

impl Draw {
    /// The revision that gets the first of the two homes, and is set up first. Samples alternate from a drawn start: with few
    /// of them, independent draws often give all of them the same home, which nobody could tell from the revision then.
    pub fn first_home(self) -> Arm {
        let start = Self { sample: 0, ..self }.coin("homes", 0);
        if self.sample.is_multiple_of(2) {
            start
        } else {
            start.other()
        }
    }

    /// The revision that begins and ends a round.
    fn outer(self, round: u32) -> Arm {
        self.coin("round", round)
    }

    /// One of two with the same probability. SHA-256 gives the same everywhere and for ever.
    fn coin(self, what: &str, number: u32) -> Arm {
        let Self { seed, sample } = self;
        let hash = Sha256::digest(format!("{seed} {sample} {what} {number}"));
        match hash.first() {
            Some(byte) if byte & 1 == 1 => Arm::Candidate,
            _ => Arm::Baseline,
        }
    }
}

/// What is done on the instance of a sample, from its launch to its end; phases without a script are left out.
pub fn schedule(config: &Config, draw: Draw) -> Vec<Action> {
    let phase = |phase| {
        config
            .phases
            .contains_key(&phase)
            .then_some(Action::Phase(phase))
    };
    let mut schedule = vec![Action::Ready];
    schedule.extend(phase(Phase::AfterAwsStart));
    let arms: &[Arm] = match config.baseline {
        Some(_) => match draw.first_home() {
            Arm::Baseline => &[Arm::Baseline, Arm::Candidate],
            Arm::Candidate => &[Arm::Candidate, Arm::Baseline],
        },
        None => &[],
    };
    if arms.is_empty() {
        schedule.extend(phase(Phase::Setup));
    } else if config.phases.contains_key(&Phase::Setup) {
        schedule.extend(arms.iter().copied().map(Action::SetUp));
    }
    if has_turns(config) {
        schedule.extend(measurements(config, turns(config, draw)));
        if config.asked_precision().is_some() {
            schedule.push(Action::FurtherRounds);
        }
        if config.is_compared() && config.phases.contains_key(&Phase::OnRegression) {
            schedule.push(Action::Profile);
        }
    } else {
        schedule.extend(
            [phase(Phase::Run), phase(Phase::BeforeCollect)]
                .into_iter()
                .flatten(),
        );
    }
    schedule.push(Action::Collect);
    schedule.extend(
        [phase(Phase::AfterCollect), phase(Phase::BeforeAwsTerminate)]
            .into_iter()
            .flatten(),
    );
    schedule
}

/// Whether the instance is measured on more than once, so that what each turn measured has a directory of its own.
pub fn has_turns(config: &Config) -> bool {
    config.baseline.is_some() || config.turns() > 1
}

/// The turns on an instance. Without a baseline each is a round.
fn turns(config: &Config, draw: Draw) -> Vec<Turn> {
    let repeat = config.turns();
    if config.baseline.is_none() {
        let turn = |number| Turn {
            turn: number,
            round: number,
            arm: Arm::Candidate,
            of_arm: number,
        };
        return (1..=repeat).map(turn).collect();
    }
    let rounds = 1..=planned_rounds(config);
    rounds
        .flat_map(|number| {
            let before = 2 * (number - 1);
            round(draw, number, before, repeat - before)
        })
        .collect()
}

/// The rounds of a comparison that are planned on each instance.
pub fn planned_rounds(config: &Config) -> u32 {
    config.turns().div_ceil(2)
}

/// A round after those that are planned, from 1: drawn as they are, so that the seed gives its order, too.
pub fn further_round(config: &Config, draw: Draw, further: u32) -> Vec<Action> {
    let before = config.turns() + 2 * (further - 1);
    let round = round(draw, planned_rounds(config) + further, before, 2);
    measurements(config, round)
}

/// Turns as they are carried out: one after the other, or in duets.
fn measurements(config: &Config, turns: Vec<Turn>) -> Vec<Action> {
    if !config.is_duet() {
        return turns.into_iter().map(Action::Turn).collect();
    }
    let (duets, _) = turns.as_chunks();
    duets.iter().copied().map(Action::Duet).collect()
}

/// A round of two turns of each revision, or of one where no more are `left`; each has had so many turns `before`.
fn round(draw: Draw, round: u32, before: u32, left: u32) -> Vec<Turn> {
    let outer = draw.outer(round);
    let inner = outer.other();
    let order: &[(Arm, u32)] = match left {
        1 => &[(outer, 1), (inner, 1)],
        _ => &[(outer, 1), (inner, 1), (inner, 2), (outer, 2)],
    };
    (1..)
        .zip(order)
        .map(|(place, (arm, of_arm))| Turn {
            turn: 2 * before + place,
            round,
            arm: *arm,
            of_arm: before + of_arm,
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
            for arm in [Arm::Baseline, Arm::Candidate] {
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

    #[test]
    fn a_round_of_duets_swaps_the_halves_and_is_drawn_as_that_of_turns() {
        let draw = Draw {
            seed: 42,
            sample: 1,
        };
        let in_turn = config(true, 5);
        let duet = Config {
            duet: true,
            ..in_turn.clone()
        };
        let measured = |config: &Config| -> Vec<Vec<Turn>> {
            let mut actions = schedule(config, draw);
            actions.extend(further_round(config, draw, 1));
            let turns = actions.iter().map(|action| action.turns().to_vec());
            turns.filter(|turns| !turns.is_empty()).collect()
        };
        let duets = measured(&duet);
        // Five planned ones, the last alone in its round, and a further round.
        assert_eq!(duets.len(), 7);
        assert_eq!(duets.concat(), measured(&in_turn).concat());
        for both in &duets {
            assert_eq!(both[0].arm, both[1].arm.other());
            assert_eq!(both[0].of_arm, both[1].of_arm);
        }
        for round in [&duets[0..2], &duets[2..4], &duets[5..7]] {
            assert_eq!(round[0][0].round, round[1][1].round);
            assert_eq!(round[0][0].arm, round[1][1].arm);
        }
        assert_eq!(
            text(&schedule(&duet, draw))[3],
            "turn 1: baseline, round 1, beside turn 2: candidate, round 1"
        );
    }

    #[test]
    fn the_order_of_a_seed_never_changes() {
        assert_eq!(order(8, 42, 1), "ABBA BAAB ABBA BAAB");
    }
}
