//! Simulated timings: rounds of turns on instances, with a true ratio, a bias of each machine and noise of each turn.

use collector::statistics::{Round, Series};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

/// What disturbs the turns besides the bias of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Normal noise, and nothing else.
    Normal,
    /// Exponential noise: slow turns are much slower, fast ones a little faster.
    Skewed,
    /// Noise of Student's t with three degrees of freedom.
    HeavyTailed,
    /// Each turn is slower by 0.3 % than the one before it.
    Drift,
    /// The second turn of each pair is slower by 3 %.
    SlotBias,
    /// One of the two homes is slower by 1 %; the arms change homes from instance to instance, after a drawn start.
    HomeBias,
    /// The bias of a machine is the same for all figures.
    SharedBias,
    /// Values are rounded to steps of 2 %, as by a coarse clock.
    CoarseClock,
}

impl Disturbance {
    pub(crate) const ALL: [Self; 8] = [
        Self::Normal,
        Self::Skewed,
        Self::HeavyTailed,
        Self::Drift,
        Self::SlotBias,
        Self::HomeBias,
        Self::SharedBias,
        Self::CoarseClock,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal noise",
            Self::Skewed => "skewed noise",
            Self::HeavyTailed => "heavy-tailed noise",
            Self::Drift => "drift",
            Self::SlotBias => "slot bias",
            Self::HomeBias => "home bias",
            Self::SharedBias => "bias shared by all figures",
            Self::CoarseClock => "coarse clock",
        }
    }
}

/// A design, and the truth that it is to find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Design {
    pub(crate) figures: usize,
    pub(crate) rounds: usize,
    /// The standard deviation of the log-ratio between machines.
    pub(crate) bias: f64,
    /// The standard deviation of the log-ratio of a pair.
    pub(crate) pair_noise: f64,
    /// The standard deviation, over the figures, of the logarithm of both.
    pub(crate) variety: f64,
    /// The true change of the first figure; the others have none.
    pub(crate) effect: f64,
    pub(crate) disturbance: Disturbance,
}

impl Design {
    /// The design of the tables: three rounds, pair noise 2 %, figures that differ in both by a factor of e^0.5.
    pub(crate) const fn of(figures: usize, bias: f64) -> Self {
        Self {
            figures,
            rounds: 3,
            bias,
            pair_noise: 0.02,
            variety: if figures == 1 { 0.0 } else { 0.5 },
            effect: 0.0,
            disturbance: Disturbance::Normal,
        }
    }
}

/// The machine-to-machine bias and the turn noise of one figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    bias: f64,
    noise: f64,
    /// The logarithm of the baseline's value: it decides where that lies between two steps of a clock.
    baseline: f64,
}

/// A seeded source of timings.
#[derive(Debug)]
pub(crate) struct Simulation {
    random: Xoshiro256PlusPlus,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// A number below a limit, for the bootstraps of the peers.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.random.random_range(0..limit)
    }

    /// A standard normal number (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let (one, other): (f64, f64) = (1.0 - self.random.random::<f64>(), self.random.random());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// Noise with a mean of 0 and a variance of 1.
    fn noise(&mut self, disturbance: Disturbance) -> f64 {
        match disturbance {
            Disturbance::Skewed => -(1.0 - self.random.random::<f64>()).ln() - 1.0,
            Disturbance::HeavyTailed => {
                let square: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
                self.normal() / (square / 3.0).sqrt() / 3.0_f64.sqrt()
            }
            _ => self.normal(),
        }
    }

    /// Draws what the figures of a table are like.
    pub(crate) fn natures(&mut self, design: &Design) -> Vec<Nature> {
        let turn_noise = design.pair_noise / std::f64::consts::SQRT_2;
        (0..design.figures)
            .map(|_| Nature {
                bias: design.bias * (design.variety * self.normal()).exp(),
                noise: turn_noise * (design.variety * self.normal()).exp(),
                baseline: match design.disturbance {
                    Disturbance::CoarseClock => 0.02 * self.random.random::<f64>(),
                    _ => 0.0,
                },
            })
            .collect()
    }

    /// Measures a table on so many instances.
    pub(crate) fn measure(
        &mut self,
        design: &Design,
        natures: &[Nature],
        instances: usize,
    ) -> Vec<Series> {
        let mut table = vec![Series::default(); natures.len()];
        let mut home = if self.random.random() { 0.01 } else { -0.01 };
        for _ in 0..instances {
            let shared = self.normal();
            home = -home;
            let orders: Vec<bool> = (0..design.rounds).map(|_| self.random.random()).collect();
            let mut effect = design.effect.ln_1p();
            for (series, nature) in table.iter_mut().zip(natures) {
                let bias = match design.disturbance {
                    Disturbance::SharedBias => shared,
                    _ => self.normal(),
                };
                let layout = match design.disturbance {
                    Disturbance::HomeBias => home,
                    _ => 0.0,
                };
                let ratio = effect + layout + nature.bias * bias;
                effect = 0.0;
                let mut start = 0.0;
                let rounds = orders.iter().map(|baseline_first| {
                    let round = self.round(design, *nature, ratio, *baseline_first, start);
                    start += 4.0;
                    round
                });
                series.instances.push(rounds.collect());
            }
        }
        table
    }

    /// A round of four turns, A B B A or B A A B.
    fn round(
        &mut self,
        design: &Design,
        nature: Nature,
        ratio: f64,
        baseline_first: bool,
        start: f64,
    ) -> Round {
        let mut turn = |log: f64, place: f64| {
            let shift = match design.disturbance {
                Disturbance::Drift => 0.003 * (start + place),
                Disturbance::SlotBias => 0.03 * (place % 2.0),
                _ => 0.0,
            };
            let value =
                (nature.baseline + log + shift + nature.noise * self.noise(design.disturbance))
                    .exp();
            match design.disturbance {
                Disturbance::CoarseClock => ((value / 0.02).round() * 0.02).max(0.02),
                _ => value,
            }
        };
        let (outer, inner) = if baseline_first {
            (0.0, ratio)
        } else {
            (ratio, 0.0)
        };
        let turns = [
            turn(outer, 0.0),
            turn(inner, 1.0),
            turn(inner, 2.0),
            turn(outer, 3.0),
        ];
        let [first, second, third, fourth] = turns;
        let (outer, inner) = (vec![first, fourth], vec![second, third]);
        let (baseline, candidate) = if baseline_first {
            (outer, inner)
        } else {
            (inner, outer)
        };
        Round {
            baseline,
            candidate,
        }
    }
}
