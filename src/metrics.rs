//! `metrics.csv`: the system metrics of an instance, as its sampler writes them, and what in them disturbs a measurement.

use std::collections::BTreeSet;

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

/// The system metrics of the time in which some steps ran.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Disturbances {
    /// The share of CPU time that the hypervisor gave to others.
    pub steal: f64,
    /// The share of time for which a limit held CPUs up.
    pub throttled: f64,
    /// The bytes swapped in and out in a second.
    pub swapped: f64,
    /// The distance between the lowest and the highest mean frequency of a step, to the mean of both.
    pub drift: f64,
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

impl Disturbances {
    /// Reads the metrics of the time in which these steps ran, named by their logs. What cannot be read is left out.
    pub(crate) fn during(steps: &BTreeSet<String>, text: &[u8]) -> Self {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let Ok(header) = reader.byte_headers().cloned() else {
            return Self::default();
        };
        let place = |name: &str| header.iter().position(|other| other == name.as_bytes());
        let (up, step) = (place("uptime_s"), place("step"));
        let metrics = [
            "cpu.steal_percent",
            "cpu.throttled_percent",
            "step.throttled_percent",
        ];
        let [steal, throttled, of_step] = metrics.map(place);
        let swap = ["swap.in_bytes_per_s", "swap.out_bytes_per_s"].map(place);
        let frequency = place("cpu.frequency_mhz");
        let [mut stolen, mut held_up, mut held_up_step, mut swapped] = [Mean::default(); 4];
        let mut frequencies: Vec<(String, Mean)> = Vec::new();
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
            let name = String::from_utf8_lossy(name).into_owned();
            if !steps.contains(&name) {
                continue;
            }
            stolen.add(number(steal), seconds);
            held_up.add(number(throttled), seconds);
            held_up_step.add(number(of_step), seconds);
            let [read, written] = swap.map(number);
            swapped.add(
                read.zip(written).map(|(read, written)| read + written),
                seconds,
            );
            if frequencies.last().is_none_or(|(last, _)| *last != name) {
                frequencies.push((name, Mean::default()));
            }
            if let Some((_, mean)) = frequencies.last_mut() {
                mean.add(number(frequency), seconds);
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
            drift: ends.map_or(0.0, |(low, high)| {
                (high - low) / f64::midpoint(low, high).max(1.0)
            }),
        }
    }

    /// The limits of the answer of a run that had this on a sample, in words.
    pub(crate) fn reservations(&self, sample: u32) -> Vec<Reservation> {
        let mut reservations = Vec::new();
        let mut add = |size: f64, said: f64, void: f64, reason: String| {
            if size > said {
                reservations.push(Reservation {
                    reason,
                    voids: size > void,
                });
            }
        };
        let Self {
            steal,
            throttled,
            swapped,
            drift,
        } = *self;
        let reason = format!("sample {sample} lost {} to steal", percent(steal));
        add(steal, SAID_SHARE, VOID_SHARE, reason);
        let reason = format!(
            "sample {sample} was throttled for {} of the time",
            percent(throttled)
        );
        add(throttled, SAID_SHARE, VOID_SHARE, reason);
        let reason = format!(
            "sample {sample} swapped {:.0} KiB a second",
            swapped / 1024.0
        );
        add(swapped, SAID_SWAPPING, VOID_SWAPPING, reason);
        let reason = format!(
            "the CPU frequency of sample {sample} drifted by {}",
            percent(drift)
        );
        add(drift, SAID_DRIFT, f64::INFINITY, reason);
        reservations
    }
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

    fn during(steps: &[&str]) -> Disturbances {
        let steps = steps.iter().map(|step| (*step).to_owned()).collect();
        Disturbances::during(&steps, TEXT.as_bytes())
    }

    #[test]
    fn only_the_time_of_the_steps_counts_and_each_second_alike() {
        let found = during(&["02-run-a.sh", "03-run-a.sh"]);
        assert!((found.steal - 0.07).abs() < 1e-9, "{found:?}");
        let reservations = found.reservations(2);
        let words: Vec<(&str, bool)> = reservations
            .iter()
            .map(|one| (one.reason.as_str(), one.voids))
            .collect();
        assert_eq!(
            words,
            [
                ("sample 2 lost 7.0 % to steal", true),
                ("the CPU frequency of sample 2 drifted by 10.5 %", false)
            ]
        );
    }

    #[test]
    fn a_quiet_sample_has_no_reservation() {
        assert_eq!(during(&[]).reservations(1), []);
        let nothing = Disturbances::during(&BTreeSet::new(), b"nonsense");
        assert_eq!(nothing, Disturbances::default());
    }

    #[test]
    fn a_little_steal_is_said_and_voids_nothing() {
        let some = Disturbances {
            steal: 0.02,
            ..Disturbances::default()
        };
        let reservations = some.reservations(1);
        assert_eq!(reservations.len(), 1);
        assert!(!reservations[0].voids);
    }
}
