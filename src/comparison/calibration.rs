//! The meaning of calibrations: how far two may be apart, and what a host's own two mean for what was measured between them.

use super::Reservation;
use super::text::percent;
use crate::records::{Calibration, Calibrations};

/// A speed that calibrations measure.
#[derive(Debug)]
pub(super) struct Speed {
    /// Its name, in words.
    pub(super) name: &'static str,
    /// Its value in a calibration.
    pub(super) of: fn(&Calibration) -> Option<f64>,
    /// Its unit, and how many of the value are one of that.
    pub(super) unit: (&'static str, f64),
    /// The ratio of two that is more than their noise: some times the deviation of one on a machine that does not change.
    pub(super) tolerance: f64,
}

pub(super) const INTEGER_SPEED: Speed = Speed {
    name: "integer speed",
    of: |calibration| calibration.integer_rounds_per_s,
    unit: ("rounds/ms", 1e3),
    tolerance: 1.05,
};
pub(super) const MEMORY_SPEED: Speed = Speed {
    name: "memory speed",
    of: |calibration| calibration.memory_bytes_per_s,
    unit: ("GB/s", 1e9),
    tolerance: 1.3,
};
pub(super) const DISK_SPEED: Speed = Speed {
    name: "disk speed",
    of: |calibration| calibration.disk_bytes_per_s,
    unit: ("MB/s", 1e6),
    tolerance: 1.3,
};

/// The share of time for which the clock of a host may be held up before `setup`, when nothing of the user's runs.
const SAID_HELD_UP: f64 = 0.02;

impl Speed {
    /// These speeds in words: those that differ by their noise only, one to the next, have the same words.
    pub(super) fn describe(&self, speeds: &[Option<f64>]) -> Vec<Option<String>> {
        let mut sorted: Vec<f64> = speeds.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let alike = |slower: &f64, faster: &f64| *faster <= *slower * self.tolerance;
        let groups: Vec<&[f64]> = sorted.chunk_by(alike).collect();
        let text = |speed: &f64| {
            let group = groups.iter().find(|group| group.contains(speed))?;
            let (first, last) = (group.first()?, group.last()?);
            let (unit, size) = self.unit;
            let number = |speed: &f64| {
                let speed = speed / size;
                let decimals = usize::from(speed < 10.0);
                format!("{speed:.decimals$}")
            };
            let (first, last) = (number(first), number(last));
            Some(if first == last {
                format!("{first} {unit}")
            } else {
                format!("{first} to {last} {unit}")
            })
        };
        speeds
            .iter()
            .map(|speed| speed.as_ref().and_then(text))
            .collect()
    }
}

impl Calibrations {
    /// The limits of the answer of a run with this on the host of a sample.
    pub fn reservations(&self, sample: u32) -> Vec<Reservation> {
        let mut reasons = Vec::new();
        if let Some(held_up) = self.before.and_then(|before| before.clock_held_up_percent)
            && held_up / 100.0 > SAID_HELD_UP
        {
            let share = percent(held_up / 100.0);
            reasons.push(format!(
                "sample {sample} was busy before `setup`: its clock was held up for {share} of the time"
            ));
        }
        for speed in [INTEGER_SPEED, MEMORY_SPEED, DISK_SPEED] {
            let [before, after] = [self.before, self.after].map(|one| (speed.of)(&one?));
            let Some((before, after)) = before.zip(after) else {
                continue;
            };
            if before.max(after) > before.min(after) * speed.tolerance {
                let change = percent((after / before.max(f64::MIN_POSITIVE) - 1.0).abs());
                let way = if after < before { "fell" } else { "rose" };
                reasons.push(format!(
                    "the {} of sample {sample} {way} by {change} from before `setup` to after the last turn",
                    speed.name
                ));
            }
        }
        let said = reasons.into_iter().map(|reason| Reservation {
            reason,
            voids: false,
        });
        said.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(integer: f64, held_up: f64) -> Calibration {
        Calibration {
            integer_rounds_per_s: Some(integer),
            clock_held_up_percent: Some(held_up),
            ..Calibration::default()
        }
    }

    fn reasons(calibrations: Calibrations) -> Vec<String> {
        let reservations = calibrations.reservations(2);
        assert!(reservations.iter().all(|one| !one.voids));
        reservations.into_iter().map(|one| one.reason).collect()
    }

    #[test]
    fn speeds_that_differ_by_noise_are_one() {
        let speeds = [1000.0, 1040.0, 1300.0, 1085.0].map(|speed| Some(1000.0 * speed));
        let texts = INTEGER_SPEED.describe(&[&speeds[..], &[None]].concat());
        let slow = Some("1000 to 1085 rounds/ms".to_owned());
        let fast = Some("1300 rounds/ms".to_owned());
        assert_eq!(texts, [slow.clone(), slow.clone(), fast, slow, None]);
    }

    #[test]
    fn a_drifting_host_and_a_busy_one_are_said() {
        let steady = Calibrations {
            before: Some(calibration(1000.0, 0.1)),
            after: Some(calibration(970.0, 60.0)),
        };
        assert_eq!(reasons(steady), [""; 0]);
        let drifting = Calibrations {
            before: Some(calibration(1000.0, 12.5)),
            after: Some(calibration(900.0, 0.1)),
        };
        assert_eq!(
            reasons(drifting),
            [
                "sample 2 was busy before `setup`: its clock was held up for 12.5 % of the time",
                "the integer speed of sample 2 fell by 10.0 % from before `setup` to after the last turn",
            ]
        );
        let unfinished = Calibrations {
            after: None,
            ..steady
        };
        assert_eq!(reasons(unfinished), [""; 0]);
        assert_eq!(reasons(Calibrations::default()), [""; 0]);
    }
}
