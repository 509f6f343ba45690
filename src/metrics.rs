//! `metrics.csv`: the system metrics of an instance, as its sampler writes them, and what in them disturbs a measurement.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use crate::arm::Arm;
use crate::comparison::{Reservation, percent};
use rows::{Mean, Row, rows};

/// The name of the file, among the records of a sample.
pub(crate) const FILE: &str = "metrics.csv";

/// The share of CPU time that others may take, or a limit withhold, before it is said, and before nothing is concluded any more.
const SAID_SHARE: f64 = 0.01;
const VOID_SHARE: f64 = 0.05;

/// The share of the CPUs that programs outside of the steps may have, before it is said, and before a turn or an arm is named. A service
/// that the steps use is such a program: nothing is concluded from it.
const SAID_BESIDE: f64 = 0.02;
const NAMED_BESIDE: f64 = 0.05;

/// The bytes that are read in a second from a volume that is not initialized, before it is said, and before a turn is named: the
/// first reading of a block comes at some 5 MiB a second, so that these are 5 % of the time, and 20 %.
const SAID_UNINITIALIZED: f64 = 262_144.0;
const NAMED_UNINITIALIZED: f64 = 1_048_576.0;

/// The swapping on average that is told of, and that from which nothing is concluded any more, in bytes a second.
const SAID_SWAPPING: f64 = 4096.0;
const VOID_SWAPPING: f64 = 1_048_576.0;

/// The distance between the lowest and the highest frequency, to their mean, that is said.
const SAID_DRIFT: f64 = 0.02;

/// The distance between the mean frequencies of the arms, to the mean of both, from which nothing is concluded any more.
const VOID_FREQUENCY: f64 = 0.05;

/// The time that is measured for at least, in seconds, before one share is compared with another: in less, a few ticks of the
/// kernel's clock are some points of a percentage.
const COMPARED_SECONDS: f64 = 10.0;

/// What a step belongs to alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope {
    pub(crate) turn: Option<u32>,
    pub(crate) arm: Option<Arm>,
}

/// The steps of a sample that measured, and what its metrics do not tell of the machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measurement {
    /// The number of the sample.
    pub(crate) sample: u32,
    /// The steps, named by their logs, with the turn and the arm that each is of, where it is of one alone.
    pub(crate) steps: BTreeMap<String, Scope>,
    /// The CPUs of the machine; none where steps ran at the same time, for then only one of them is told of.
    pub(crate) cpus: Option<u32>,
    /// The disks that are volumes of EBS which are not initialized.
    pub(crate) uninitialized_disks: Vec<String>,
}

/// The system metrics of the time in which some steps ran.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Disturbances {
    /// The share of CPU time that the hypervisor gave to others.
    steal: f64,
    /// The share of time for which a limit held CPUs up.
    throttled: f64,
    /// The share of all CPUs that programs outside of the steps had; a moment does not tell it.
    beside: Option<f64>,
    /// The bytes swapped in and out in a second.
    swapped: f64,
    /// The bytes read in a second from volumes that are not initialized.
    uninitialized: f64,
    /// The distance between the lowest and the highest mean frequency of a step, to the mean of both.
    drift: f64,
    /// The mean frequency.
    frequency: Option<f64>,
}

impl Disturbances {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let [mut stolen, mut held_up, mut held_up_step, mut beside] = [Mean::default(); 4];
        let [mut swapped, mut uninitialized, mut frequency] = [Mean::default(); 3];
        let mut frequencies: Vec<(&str, Mean)> = Vec::new();
        for row in rows {
            stolen.add(row.steal, row.seconds);
            held_up.add(row.throttled, row.seconds);
            held_up_step.add(row.throttled_step, row.seconds);
            beside.add(row.beside, row.seconds);
            swapped.add(row.swapped, row.seconds);
            uninitialized.add(row.uninitialized, row.seconds);
            frequency.add(row.frequency, row.seconds);
            if frequencies.last().is_none_or(|(last, _)| *last != row.step) {
                frequencies.push((&row.step, Mean::default()));
            }
            if let Some((_, mean)) = frequencies.last_mut() {
                mean.add(row.frequency, row.seconds);
            }
        }
        let means = frequencies.into_iter().filter_map(|(_, mean)| mean.get());
        let ends = means.fold(None, |ends: Option<(f64, f64)>, mean| {
            let (low, high) = ends.unwrap_or((mean, mean));
            Some((low.min(mean), high.max(mean)))
        });
        let known = |mean: Mean| mean.get().unwrap_or_default();
        Self {
            steal: known(stolen),
            throttled: known(held_up).max(known(held_up_step)),
            beside: beside.over(COMPARED_SECONDS),
            swapped: known(swapped),
            uninitialized: known(uninitialized),
            drift: ends.map_or(0.0, |(low, high)| distance(low, high)),
            frequency: frequency.get(),
        }
    }
}

/// To the mean of both.
fn distance(one: f64, other: f64) -> f64 {
    (one - other).abs() / f64::midpoint(one, other).max(1.0)
}

/// What disturbed the turns of one arm more than those of the other.
fn between_arms(sample: u32, rows: &[Row]) -> Vec<Reservation> {
    let of = |arm| rows.iter().filter(move |row| row.scope.arm == Some(arm));
    let seconds = Arm::BOTH.map(|arm| of(arm).map(|row| row.seconds).sum::<f64>());
    if seconds.iter().any(|seconds| *seconds < COMPARED_SECONDS) {
        return Vec::new();
    }
    let [baseline, candidate] = Arm::BOTH.map(|arm| Disturbances::of(of(arm)));
    let mut reservations = Vec::new();
    let more = (baseline.steal - candidate.steal).abs();
    if more > SAID_SHARE {
        let (one, other) = (percent(baseline.steal), percent(candidate.steal));
        reservations.push(Reservation {
            reason: format!(
                "in sample {sample} the baseline lost {one} to steal, and the candidate {other}"
            ),
            voids: more > VOID_SHARE,
        });
    }
    if let Some((one, other)) = baseline.beside.zip(candidate.beside)
        && (one - other).abs() > NAMED_BESIDE
    {
        let (one, other) = (percent(one.max(0.0)), percent(other.max(0.0)));
        reservations.push(Reservation {
            reason: format!(
                "in sample {sample} programs outside of the steps had {one} of the CPUs in turns of the baseline, and {other} in those of the candidate"
            ),
            voids: false,
        });
    }
    let frequencies = baseline.frequency.zip(candidate.frequency);
    let apart = frequencies.map_or(0.0, |(one, other)| distance(one, other));
    if apart > SAID_DRIFT {
        let share = percent(apart);
        reservations.push(Reservation {
            reason: format!(
                "the CPU frequencies of the two revisions in sample {sample} differ by {share}"
            ),
            voids: apart > VOID_FREQUENCY,
        });
    }
    reservations
}

/// A disturbance, and the limits beyond which it is said, a turn is named, and nothing is concluded any more.
struct Limits {
    /// Its size, where that is known.
    of: fn(&Disturbances) -> Option<f64>,
    said: f64,
    named: f64,
    voids: f64,
    /// The size in words, and the whole reason with it.
    size: fn(f64) -> String,
    reason: fn(u32, &str) -> String,
}

fn rate(bytes_per_s: f64) -> String {
    format!("{:.0} KiB a second", bytes_per_s / 1024.0)
}

const LIMITS: [Limits; 6] = [
    Limits {
        of: |one| Some(one.steal),
        said: SAID_SHARE,
        named: VOID_SHARE,
        voids: VOID_SHARE,
        size: percent,
        reason: |sample, share| format!("sample {sample} lost {share} to steal"),
    },
    Limits {
        of: |one| Some(one.throttled),
        said: SAID_SHARE,
        named: VOID_SHARE,
        voids: VOID_SHARE,
        size: percent,
        reason: |sample, share| format!("sample {sample} was throttled for {share} of the time"),
    },
    Limits {
        of: |one| one.beside,
        said: SAID_BESIDE,
        named: NAMED_BESIDE,
        voids: f64::INFINITY,
        size: percent,
        reason: |sample, share| {
            format!("in sample {sample} programs outside of the steps had {share} of the CPUs")
        },
    },
    Limits {
        of: |one| Some(one.swapped),
        said: SAID_SWAPPING,
        named: VOID_SWAPPING,
        voids: VOID_SWAPPING,
        size: rate,
        reason: |sample, rate| format!("sample {sample} swapped {rate}"),
    },
    Limits {
        of: |one| Some(one.uninitialized),
        said: SAID_UNINITIALIZED,
        named: NAMED_UNINITIALIZED,
        voids: f64::INFINITY,
        size: rate,
        reason: |sample, rate| {
            format!("sample {sample} read {rate} from a volume that is not initialized")
        },
    },
    Limits {
        of: |one| Some(one.drift),
        said: SAID_DRIFT,
        named: f64::INFINITY,
        voids: f64::INFINITY,
        size: percent,
        reason: |sample, share| format!("the CPU frequency of sample {sample} drifted by {share}"),
    },
];

impl Limits {
    /// The reservation for a sample, of which these are the whole and the turns; none within the limits.
    fn reservation(
        &self,
        sample: u32,
        whole: &Disturbances,
        turns: &[(u32, Disturbances)],
    ) -> Option<Reservation> {
        let size = (self.of)(whole)?;
        let known = turns
            .iter()
            .filter_map(|(turn, one)| Some((turn, (self.of)(one)?)));
        let (hit, spared): (Vec<_>, Vec<_>) = known.partition(|(_, size)| *size > self.named);
        if size <= self.said && hit.is_empty() {
            return None;
        }
        let mut reason = (self.reason)(sample, &(self.size)(size.max(0.0)));
        // Where it is all of them, the mean says enough.
        if !hit.is_empty() && !spared.is_empty() {
            let limit = (self.size)(self.named);
            let noun = if hit.len() == 1 { "turn" } else { "turns" };
            let hit: Vec<String> = hit.iter().map(|(turn, _)| turn.to_string()).collect();
            let hit = hit.join(", ");
            reason = format!("{reason}, and more than {limit} in {noun} {hit}");
        }
        Some(Reservation {
            reason,
            voids: size > self.voids,
        })
    }
}

/// What limits the answer of a run with these metrics of a sample, in words.
pub(crate) fn reservations(measurement: &Measurement, text: &[u8]) -> Vec<Reservation> {
    let rows = rows(measurement, text);
    let whole = Disturbances::of(rows.iter());
    let numbers: BTreeSet<u32> = rows.iter().filter_map(|row| row.scope.turn).collect();
    let turns = numbers.into_iter().map(|turn| {
        let of_turn = rows.iter().filter(|row| row.scope.turn == Some(turn));
        (turn, Disturbances::of(of_turn))
    });
    let turns: Vec<(u32, Disturbances)> = turns.collect();
    let sample = measurement.sample;
    let limits = LIMITS.iter();
    let reservations = limits.filter_map(|one| one.reservation(sample, &whole, &turns));
    reservations.chain(between_arms(sample, &rows)).collect()
}

#[cfg(test)]
mod tests;
