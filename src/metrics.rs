//! `metrics.csv`: the system metrics of an instance, as its sampler writes them, and what in them disturbs a measurement.

use std::collections::{BTreeMap, BTreeSet};

use crate::arm::Arm;
use crate::comparison::{Reservation, percent};

/// The name of the file, among the records of a sample.
pub(crate) const FILE: &str = "metrics.csv";

/// The share of CPU time that others may take, or a limit withhold, before it is said, and before nothing is concluded any more.
const SAID_SHARE: f64 = 0.01;
const VOID_SHARE: f64 = 0.05;

/// The swapping on average that is told of, and that from which nothing is concluded any more, in bytes a second.
const SAID_SWAPPING: f64 = 4096.0;
const VOID_SWAPPING: f64 = 1_048_576.0;

/// The distance between the lowest and the highest frequency, to their mean, that is said.
const SAID_DRIFT: f64 = 0.02;

/// The distance between the mean frequencies of the arms, to the mean of both, from which nothing is concluded any more.
const VOID_FREQUENCY: f64 = 0.05;

/// The time that an arm is measured for at least, in seconds, before it is compared with the other: in less, a few ticks of the
/// kernel's clock are some points of a percentage.
const COMPARED_SECONDS: f64 = 10.0;

/// What a step belongs to alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope {
    pub(crate) turn: Option<u32>,
    pub(crate) arm: Option<Arm>,
}

/// The system metrics of the time in which some steps ran.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Disturbances {
    /// The share of CPU time that the hypervisor gave to others.
    steal: f64,
    /// The share of time for which a limit held CPUs up.
    throttled: f64,
    /// The bytes swapped in and out in a second.
    swapped: f64,
    /// The distance between the lowest and the highest mean frequency of a step, to the mean of both.
    drift: f64,
    /// The mean frequency.
    frequency: Option<f64>,
}

/// A row of the metrics of a step that measured; what cannot be read is left out.
#[derive(Debug)]
struct Row {
    step: String,
    scope: Scope,
    seconds: f64,
    steal: Option<f64>,
    throttled: Option<f64>,
    throttled_step: Option<f64>,
    swapped: Option<f64>,
    frequency: Option<f64>,
}

/// A mean over time.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    seconds: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>, seconds: f64) {
        if let Some(value) = value {
            self.sum += value * seconds;
            self.seconds += seconds;
        }
    }

    fn get(self) -> Option<f64> {
        (self.seconds > 0.0).then_some(self.sum / self.seconds)
    }
}

/// The rows of these steps, which are named by their logs.
fn rows(steps: &BTreeMap<String, Scope>, text: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let Ok(header) = reader.byte_headers().cloned() else {
        return rows;
    };
    let place = |name: &str| header.iter().position(|other| other == name.as_bytes());
    let (up, step) = (place("uptime_s"), place("step"));
    let metrics = [
        "cpu.steal_percent",
        "cpu.throttled_percent",
        "step.throttled_percent",
        "swap.in_bytes_per_s",
        "swap.out_bytes_per_s",
        "cpu.frequency_mhz",
    ];
    let places = metrics.map(place);
    let mut before = None;
    for row in reader.byte_records().map_while(Result::ok) {
        let number = |place: Option<usize>| {
            let text = std::str::from_utf8(row.get(place?)?).ok()?;
            text.parse::<f64>().ok().filter(|number| number.is_finite())
        };
        let Some(now) = number(up) else { break };
        let seconds = before.map_or(0.0, |before: f64| (now - before).max(0.0));
        before = Some(now);
        let name = step.and_then(|step| row.get(step)).unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        let Some((step, scope)) = steps.get_key_value(name.as_ref()) else {
            continue;
        };
        let [steal, throttled, throttled_step, read, written, frequency] = places.map(number);
        rows.push(Row {
            step: step.clone(),
            scope: *scope,
            seconds,
            steal,
            throttled,
            throttled_step,
            swapped: read.zip(written).map(|(read, written)| read + written),
            frequency,
        });
    }
    rows
}

impl Disturbances {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let [mut stolen, mut held_up, mut held_up_step] = [Mean::default(); 3];
        let [mut swapped, mut frequency] = [Mean::default(); 2];
        let mut frequencies: Vec<(&str, Mean)> = Vec::new();
        for row in rows {
            stolen.add(row.steal, row.seconds);
            held_up.add(row.throttled, row.seconds);
            held_up_step.add(row.throttled_step, row.seconds);
            swapped.add(row.swapped, row.seconds);
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
        let share = |mean: Mean| mean.get().unwrap_or_default() / 100.0;
        Self {
            steal: share(stolen),
            throttled: share(held_up).max(share(held_up_step)),
            swapped: swapped.get().unwrap_or_default(),
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

/// What limits the answer of a run with these metrics of a sample, in words. `steps` are those that measured, named by their
/// logs, with the turn and the arm that each is of, where it is of one alone.
pub(crate) fn reservations(
    sample: u32,
    steps: &BTreeMap<String, Scope>,
    text: &[u8],
) -> Vec<Reservation> {
    let rows = rows(steps, text);
    let whole = Disturbances::of(rows.iter());
    let numbers: BTreeSet<u32> = rows.iter().filter_map(|row| row.scope.turn).collect();
    let turns: Vec<(u32, Disturbances)> = numbers
        .into_iter()
        .map(|turn| {
            let of_turn = rows.iter().filter(|row| row.scope.turn == Some(turn));
            (turn, Disturbances::of(of_turn))
        })
        .collect();
    let mut reservations = Vec::new();
    let mut add = |of: fn(&Disturbances) -> f64, said, void, words: &dyn Fn(f64) -> [String; 2]| {
        let size = of(&whole);
        let hit = turns.iter().filter(|(_, turn)| of(turn) > void);
        let hit: Vec<String> = hit.map(|(turn, _)| turn.to_string()).collect();
        if size <= said && hit.is_empty() {
            return;
        }
        let [mut reason, _] = words(size);
        // Where it is all of them, the mean says enough.
        if !hit.is_empty() && hit.len() < turns.len() {
            let [_, limit] = words(void);
            let noun = if hit.len() == 1 { "turn" } else { "turns" };
            let hit = hit.join(", ");
            reason = format!("{reason}, and more than {limit} in {noun} {hit}");
        }
        reservations.push(Reservation {
            reason,
            voids: size > void,
        });
    };
    add(|one| one.steal, SAID_SHARE, VOID_SHARE, &|size| {
        let share = percent(size);
        [format!("sample {sample} lost {share} to steal"), share]
    });
    add(|one| one.throttled, SAID_SHARE, VOID_SHARE, &|size| {
        let share = percent(size);
        let reason = format!("sample {sample} was throttled for {share} of the time");
        [reason, share]
    });
    add(|one| one.swapped, SAID_SWAPPING, VOID_SWAPPING, &|size| {
        let rate = format!("{:.0} KiB a second", size / 1024.0);
        [format!("sample {sample} swapped {rate}"), rate]
    });
    add(|one| one.drift, SAID_DRIFT, f64::INFINITY, &|size| {
        let share = percent(size);
        let reason = format!("the CPU frequency of sample {sample} drifted by {share}");
        [reason, share]
    });
    reservations.extend(between_arms(sample, &rows));
    reservations
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "uptime_s,unix_s,step,cpu.steal_percent,cpu.frequency_mhz,swap.in_bytes_per_s,swap.out_bytes_per_s\n\
        1.0,11.0,,0,3000,0,0\n\
        2.0,12.0,01-setup-a.sh,90,1000,0,0\n\
        3.0,13.0,02-run-a.sh,3,3000,,0\n\
        6.0,16.0,02-run-a.sh,9,3000,0,0\n\
        8.0,18.0,03-run-a.sh,6,2700,0,0\n\
        9.0,19.0,03-ru";

    /// The words of the second sample, and whether each voids.
    fn said(text: &str, steps: &[(&str, Option<u32>)]) -> Vec<(String, bool)> {
        let steps = steps.iter();
        let steps = steps.map(|(step, turn)| {
            let (turn, arm) = (*turn, None);
            ((*step).to_owned(), Scope { turn, arm })
        });
        let said = reservations(2, &steps.collect(), text.as_bytes()).into_iter();
        said.map(|one| (one.reason, one.voids)).collect()
    }

    /// A row of ten seconds for each share of steal, of a step of its own.
    fn stolen(shares: &[u32]) -> String {
        let mut text = "uptime_s,step,cpu.steal_percent\n0,,0\n".to_owned();
        for (place, share) in shares.iter().enumerate() {
            let row = format!("{},{place}-run-a.sh,{share}\n", 10 * (place + 1));
            text.push_str(&row);
        }
        text
    }

    #[test]
    fn only_the_time_of_the_steps_counts_and_each_second_alike() {
        let steps = [("02-run-a.sh", None), ("03-run-a.sh", None)];
        assert_eq!(
            said(TEXT, &steps),
            [
                ("sample 2 lost 7.0 % to steal".to_owned(), true),
                (
                    "the CPU frequency of sample 2 drifted by 10.5 %".to_owned(),
                    false
                )
            ]
        );
    }

    #[test]
    fn a_quiet_sample_has_no_reservation() {
        assert_eq!(said(TEXT, &[]), []);
        assert_eq!(said("nonsense", &[("02-run-a.sh", Some(1))]), []);
    }

    #[test]
    fn a_little_steal_is_said_and_voids_nothing() {
        let text = stolen(&[2]);
        let reason = "sample 2 lost 2.0 % to steal".to_owned();
        assert_eq!(said(&text, &[("0-run-a.sh", Some(1))]), [(reason, false)]);
    }

    #[test]
    fn turns_that_were_hit_are_named_though_the_whole_was_not() {
        let text = stolen(&[0, 6, 0, 0, 0, 0, 0, 0]);
        let names: Vec<String> = (0..8).map(|place| format!("{place}-run-a.sh")).collect();
        let numbers = (1..).map(Some);
        let steps: Vec<(&str, Option<u32>)> =
            names.iter().map(String::as_str).zip(numbers).collect();
        let reason = "sample 2 lost 0.8 % to steal, and more than 5.0 % in turn 2".to_owned();
        assert_eq!(said(&text, &steps), [(reason, false)]);
        let text = stolen(&[30, 0, 30, 0, 0, 0, 0, 0]);
        let reason = "sample 2 lost 7.5 % to steal, and more than 5.0 % in turns 1, 3".to_owned();
        assert_eq!(said(&text, &steps), [(reason, true)]);
        let text = stolen(&[9; 8]);
        let reason = "sample 2 lost 9.0 % to steal".to_owned();
        assert_eq!(said(&text, &steps), [(reason, true)]);
    }

    #[test]
    fn what_hits_the_turns_of_one_arm_is_a_reason_of_the_sample() {
        let in_time = |seconds: u32, steal: u32, frequency: u32| {
            let text = format!(
                "uptime_s,step,cpu.steal_percent,cpu.frequency_mhz\n0,,0,0\n{seconds},a,0,1000\n{},b,{steal},{frequency}\n",
                2 * seconds
            );
            let steps = [("a", Arm::Baseline), ("b", Arm::Candidate)].map(|(step, arm)| {
                let (turn, arm) = (None, Some(arm));
                (step.to_owned(), Scope { turn, arm })
            });
            let rows = rows(&BTreeMap::from(steps), text.as_bytes());
            let said = between_arms(2, &rows).into_iter();
            said.map(|one| (one.reason, one.voids)).collect::<Vec<_>>()
        };
        let between = |steal, frequency| in_time(10, steal, frequency);
        assert_eq!(in_time(9, 50, 1000), [], "too little to compare");
        let steal = "in sample 2 the baseline lost 0.0 % to steal, and the candidate";
        assert_eq!(between(1, 1010), []);
        assert_eq!(between(2, 1000), [(format!("{steal} 2.0 %"), false)]);
        assert_eq!(between(6, 1000), [(format!("{steal} 6.0 %"), true)]);
        let frequency = "the CPU frequencies of the two revisions in sample 2 differ by";
        assert_eq!(between(0, 1030), [(format!("{frequency} 3.0 %"), false)]);
        assert_eq!(between(0, 1100), [(format!("{frequency} 9.5 %"), true)]);
    }
}
