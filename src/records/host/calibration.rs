//! The speed of a machine in a calibration, and the settings that made it quiet.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The speed of a machine before it was measured on, and afterwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibrations {
    /// Before `setup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Calibration>,
    /// After the last turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Calibration>,
}

impl Calibrations {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The speed and the evenness of a machine; a number that it does not give is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The rounds of a loop of integer arithmetic, in the shell, on one CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integer_rounds_per_s: Option<f64>,
    /// The speed of writing to fresh memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes_per_s: Option<f64>,
    /// The speed of writing a file of 4 MiB and bringing it to the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes_per_s: Option<f64>,
    /// The longest time between two readings of the clock that was held up; 0 where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_longest_gap_us: Option<f64>,
    /// The share of time in which readings of the clock were held up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_held_up_percent: Option<f64>,
}

impl Calibration {
    /// The numbers in the answer of `calibrate.sh`; none where it gives none.
    pub fn from_answer(answer: &str) -> Option<Self> {
        let number = |name: &str| {
            let mut lines = answer.lines().filter_map(|line| line.split_once('\t'));
            let (_, value) = lines.find(|(key, _)| *key == name)?;
            let number = f64::from_str(value.trim()).ok()?;
            (number.is_finite() && number >= 0.0).then_some(number)
        };
        let calibration = Self {
            integer_rounds_per_s: number("integer_rounds_per_s"),
            memory_bytes_per_s: number("memory_bytes_per_s"),
            disk_bytes_per_s: number("disk_bytes_per_s"),
            clock_longest_gap_us: number("clock_longest_gap_us"),
            clock_held_up_percent: number("clock_held_up_percent"),
        };
        (calibration != Self::default()).then_some(calibration)
    }
}

/// A setting of `quiet`: what was wanted on the machine, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietSetting {
    /// Its name.
    pub name: String,
    /// The value that was wanted.
    pub wanted: String,
    /// The value now; `not available` where the machine has no such setting.
    pub got: String,
}

impl QuietSetting {
    /// The settings in the answer of `quiet.sh`.
    pub fn from_answer(answer: &str) -> Vec<Self> {
        let setting = |line: &str| {
            let mut parts = line.split('\t').map(|part| part.trim().to_owned());
            Some(Self {
                name: parts.next()?,
                wanted: parts.next()?,
                got: parts.next()?,
            })
        };
        answer.lines().filter_map(setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_nothing_else() {
        let answer = "integer_rounds_per_s\t431778\ndisk_bytes_per_s\tfast\nclock_held_up_percent\t0.05\nmemory_bytes_per_s\t-1\n";
        let calibration = Calibration::from_answer(answer).unwrap();
        assert_eq!(calibration.integer_rounds_per_s, Some(431_778.0));
        assert_eq!(calibration.clock_held_up_percent, Some(0.05));
        assert_eq!(
            (calibration.disk_bytes_per_s, calibration.memory_bytes_per_s),
            (None, None)
        );
        assert_eq!(Calibration::from_answer("bash: not found\n"), None);
    }
}
