//! Duets on machines whose two halves of the CPUs differ in speed: simulated values of turns, in the order that is scheduled,
//! through everything that judges real ones.

use std::num::NonZeroU32;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::{figure, figures};
use crate::comparison::{Comparison, Verdict};
use crate::config::{Baseline, Config, Source};
use crate::schedule::{Draw, schedule};

/// The first half of the CPUs is slower by this.
const HALVES: f64 = 0.02;

const RUNS: u64 = 1000;

fn config(repeat: u32) -> Config {
    let text =
        "main: {performance_results: x, output: out, provider: local, duet: true}\nrun: [a.sh]\n";
    let source = Source {
        path: "config.yml".as_ref(),
        text,
        local: true,
    };
    Config {
        baseline: Some(Baseline::Auto),
        repeat: NonZeroU32::new(repeat),
        ..Config::parse(source, &|_| Ok(())).unwrap()
    }
}

/// A standard normal number.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (one, other): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

/// Counts the runs of the same program twice that have a finding, and those without a verdict.
fn wrong_and_without(repeat: u32, samples: u32, noise: f64) -> (usize, usize) {
    let config = config(repeat);
    let verdicts = (0..RUNS).map(|seed| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut turns = Vec::new();
        for sample in 1..=samples {
            for duet in schedule(&config, Draw { seed, sample }) {
                for (turn, slower) in duet.turns().iter().zip([HALVES, 0.0]) {
                    let value = (slower + noise * normal(&mut random)).exp();
                    let place = usize::try_from(sample - 1).unwrap();
                    turns.push((place, turn.arm, turn.round, turn.turn, value));
                }
            }
        }
        let figures = figures(samples, vec![figure("f", &turns)]);
        Comparison::of_arms(&figures, &[]).rows[0].verdict
    });
    let verdicts: Vec<Verdict> = verdicts.collect();
    let count = |wanted: &[Verdict]| {
        let these = verdicts.iter().filter(|verdict| wanted.contains(verdict));
        these.count()
    };
    (
        count(&[Verdict::Slower, Verdict::Faster]),
        count(&[Verdict::NoVerdict]),
    )
}

#[test]
fn halves_that_differ_in_speed_make_neither_a_finding_nor_a_doubt() {
    for repeat in [6, 8] {
        for samples in [1, 3, 5] {
            for noise in [0.001, 0.014] {
                let (wrong, without) = wrong_and_without(repeat, samples, noise);
                let design = format!("{repeat} turns, {samples} samples, noise {noise}");
                // 5 % of them. Halves that are drawn for each round leave a fifth of three rounds without a verdict.
                assert!(wrong <= 50, "{design}: {wrong} of {RUNS}");
                assert!(without <= 50, "{design}: {without} of {RUNS}");
            }
        }
    }
}
