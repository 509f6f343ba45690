//! Units: times become seconds, and some units tell what is better.

use super::Direction;

/// A unit as it is shown, and the way of a value into it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) better: Option<Direction>,
    /// The divisor of a value: dividing rounds once, where multiplying by a thousandth rounds twice.
    divisor: f64,
}

/// Units of time, each with its number in a second.
const TIMES: [(&[&str], f64); 5] = [
    (&["ns", "nsec", "nanosecond", "nanoseconds"], 1e9),
    (
        &[
            "us",
            "\u{b5}s",
            "\u{3bc}s",
            "usec",
            "microsecond",
            "microseconds",
        ],
        1e6,
    ),
    (&["ms", "msec", "millisecond", "milliseconds"], 1e3),
    (&["s", "sec", "secs", "second", "seconds"], 1.0),
    (&["min", "mins", "minute", "minutes"], 1.0 / 60.0),
];

/// Units of throughput without a slash.
const RATES: [&str; 8] = ["ops", "iops", "rps", "qps", "tps", "eps", "bps", "flops"];

/// The names of an operation below the stroke of a cost.
const OPERATIONS: [&str; 5] = ["op", "iter", "iteration", "call", "request"];

impl Unit {
    /// A unit as a file writes it.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        let (above, below) = match text.rsplit_once('/') {
            Some((above, below)) => (above.trim(), Some(below.trim())),
            None => (text, None),
        };
        let per_operation = below.is_some_and(|below| OPERATIONS.contains(&below));
        if let Some(divisor) = seconds(above)
            && (below.is_none() || per_operation)
        {
            return Self {
                divisor,
                ..Self::seconds()
            };
        }
        let lower = text.to_lowercase();
        let per_time = below.is_some_and(|below| seconds(below).is_some())
            || lower.ends_with(" per second")
            || lower.ends_with(" per sec");
        let better = if per_operation {
            Some(Direction::Less)
        } else if (per_time && seconds(above).is_none()) || RATES.contains(&lower.as_str()) {
            Some(Direction::More)
        } else {
            None
        };
        Self {
            better,
            ..Self::plain(text)
        }
    }

    /// A unit that says no more than its name.
    pub(super) fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            better: None,
            divisor: 1.0,
        }
    }

    /// Seconds.
    pub(super) fn seconds() -> Self {
        Self {
            better: Some(Direction::Less),
            ..Self::plain("s")
        }
    }

    /// Nanoseconds, shown as seconds.
    pub(super) fn nanoseconds() -> Self {
        Self::parse("ns")
    }

    /// Milliseconds, shown as seconds.
    pub(super) fn milliseconds() -> Self {
        Self::parse("ms")
    }

    /// A rate of something a second.
    pub(super) fn rate(name: &str) -> Self {
        Self {
            better: Some(Direction::More),
            ..Self::plain(name)
        }
    }

    /// The same unit of something of which this is better.
    pub(super) fn with_better(self, better: Direction) -> Self {
        Self {
            better: Some(better),
            ..self
        }
    }

    /// A value as it is shown.
    pub(super) fn convert(&self, value: f64) -> f64 {
        value / self.divisor
    }

    /// Whether it is a time.
    pub(super) fn is_time(&self) -> bool {
        self.name == "s"
    }
}

/// The number of these units of time in a second.
fn seconds(unit: &str) -> Option<f64> {
    let mut times = TIMES.iter();
    let found = times.find(|(names, _)| names.contains(&unit));
    found.map(|(_, divisor)| *divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_seconds() {
        for (text, value, expected) in [
            ("ns", 12.5, 1.25e-8),
            ("\u{b5}s", 3.0, 3e-6),
            ("ms/op", 250.0, 0.25),
            ("ns/iter", 1e9, 1.0),
            ("min", 2.0, 120.0),
            ("seconds", 7.0, 7.0),
        ] {
            let unit = Unit::parse(text);
            assert_eq!(
                (unit.name.as_str(), unit.better),
                ("s", Some(Direction::Less))
            );
            assert!(
                (unit.convert(value) - expected).abs() <= expected * 1e-15,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_better_is_told_by_throughput_and_costs_alone() {
        for text in [
            "ops/s",
            "MB/s",
            "ops/us",
            "rps",
            "IOPS",
            "requests per second",
        ] {
            assert_eq!(Unit::parse(text).better, Some(Direction::More), "{text}");
        }
        for text in ["B/op", "allocs/op"] {
            assert_eq!(Unit::parse(text).better, Some(Direction::Less), "{text}");
        }
        for text in ["", "B", "%", "ms/s", "m", "points"] {
            let unit = Unit::parse(text);
            assert_eq!((unit.name.as_str(), unit.better), (text, None), "{text}");
        }
    }
}
