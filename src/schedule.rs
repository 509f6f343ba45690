//! The schedule of a sample: what is done on its instance, in which order, as a value.
//!
//! With a baseline, both revisions are set up on the instance, each in a home directory of its own, and have turns: `run`
//! and `before_collect`, after which what was measured is moved aside. Turns are grouped into rounds of `A B B A` or
//! `B A A B`, so that what drifts, and what the slot in a round does, hits both alike; a last odd turn of each makes a round
//! of two. Which order a round has is drawn for each sample from the seed of the run, and the two homes alternate between the
//! samples from a drawn start, so that a plan and its seed always give the same schedule.
//!
//! In a duet both revisions have a turn at the same time, each on a half of the CPUs: two turns that follow each other are
//! a duet, of which the first has the first half. So a round is two duets between which the halves are swapped. Which
//! revision has which half first is not drawn for each round but alternates, between the rounds and between the samples, from
//! a drawn start: with few rounds, independent draws often give all of them the same, and then that one half is slower cannot
//! be told from a revision that changes within its rounds.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arm::Arm;
use crate::config::Config;
use crate::phase::Phase;

/// One entry of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
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
    /// Measure how fast and how evenly the machine works.
    Calibrate(CalibrationPoint),
    /// Make an image of the instance.
    Bake,
    /// Bring the results home.
    Collect,
}

/// When an instance is calibrated: before it is measured on, and when that is over, so that a drift shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalibrationPoint {
    /// Before `setup`.
    BeforeSetup,
    /// After the last turn.
    AfterLastTurn,
}

impl fmt::Display for CalibrationPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeSetup => "calibration before setup",
            Self::AfterLastTurn => "calibration after the last turn",
        })
    }
}

impl Action {
    /// The turns that it is, which last at the same time.
    pub(crate) const fn turns(&self) -> &[Turn] {
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
            Self::Calibrate(_) => f.write_str("calibrate"),
            Self::Bake => f.write_str("bake"),
            Self::Collect => f.write_str("collect"),
        }
    }
}

/// A turn: `run` and `before_collect` of one revision.
#[expect(clippy::struct_field_names, reason = "the records name the fields so")]
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

/// The draw for a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the sample.
    pub sample: u32,
}

impl Draw {
    /// The revision that gets the first of the two homes, and is set up first. Samples alternate from a drawn start: with few
    /// of them, independent draws often give all of them the same home, which nobody could tell from the revision then.
    pub(crate) fn first_home(self) -> Arm {
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

    /// The revision that has the first half of the CPUs in the first duet of a round, and in the second one the other half.
    fn first_half(self, round: u32) -> Arm {
        let start = Self { sample: 0, ..self }.coin("halves", 0);
        if (self.sample + round).is_multiple_of(2) {
            start
        } else {
            start.other()
        }
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

/// The actions on the instance of a sample, from its launch to its end; phases without a script are left out.
pub(crate) fn schedule(config: &Config, draw: Draw) -> Vec<Action> {
    let phase = |phase| {
        config
            .phases
            .contains_key(&phase)
            .then_some(Action::Phase(phase))
    };
    let calibrate = |point| config.calibrate.then_some(Action::Calibrate(point));
    let mut schedule = vec![Action::Ready];
    schedule.extend(phase(Phase::AfterAwsStart));
    schedule.extend(calibrate(CalibrationPoint::BeforeSetup));
    let arms: &[Arm] = match config.baseline {
        Some(_) => match draw.first_home() {
            Arm::Baseline => &Arm::BOTH,
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
        schedule.extend(calibrate(CalibrationPoint::AfterLastTurn));
        if config.is_compared() && config.phases.contains_key(&Phase::OnRegression) {
            schedule.push(Action::Profile);
        }
    } else {
        schedule.extend(
            [phase(Phase::Run), phase(Phase::BeforeCollect)]
                .into_iter()
                .flatten(),
        );
        schedule.extend(calibrate(CalibrationPoint::AfterLastTurn));
    }
    schedule.push(Action::Collect);
    schedule.extend(
        [phase(Phase::AfterCollect), phase(Phase::BeforeAwsTerminate)]
            .into_iter()
            .flatten(),
    );
    schedule
}

/// The actions on the instance of which an image is made.
pub(crate) fn baking(config: &Config) -> Vec<Action> {
    let phases = config.baked_phases().into_iter().map(Action::Phase);
    let ready = std::iter::once(Action::Ready);
    ready.chain(phases).chain([Action::Bake]).collect()
}

/// Whether the instance is measured on more than once, so that what each turn measured has a directory of its own.
pub(crate) fn has_turns(config: &Config) -> bool {
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
            round(config, draw, number, before, repeat - before)
        })
        .collect()
}

/// The rounds of a comparison that are planned on each instance.
pub(crate) fn planned_rounds(config: &Config) -> u32 {
    config.turns().div_ceil(2)
}

/// A round after those that are planned, from 1: drawn as they are, so that the seed gives its order, too.
pub(crate) fn further_round(config: &Config, draw: Draw, further: u32) -> Vec<Action> {
    let before = config.turns() + 2 * (further - 1);
    let number = planned_rounds(config) + further;
    measurements(config, round(config, draw, number, before, 2))
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
fn round(config: &Config, draw: Draw, round: u32, before: u32, left: u32) -> Vec<Turn> {
    let outer = if config.is_duet() {
        draw.first_half(round)
    } else {
        draw.outer(round)
    };
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
mod tests;
