//! Values in the unit of their size, with as many digits as are read.

/// The seconds of the units of time, the longest first.
const TIMES: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

/// The bytes of the units of memory, the largest first.
const SIZES: [(f64, &str); 5] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];

/// The prefixes of large numbers, the largest first.
const PREFIXES: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];

/// A plain number has its prefix from this size on.
const PREFIXED: f64 = 1e5;

/// A number that no prefix makes shorter is written with an exponent from this size on.
const EXPONENT: f64 = 1e7;

/// The divisor of a value in this unit, and the unit that it has then.
pub(super) fn scale(value: f64, unit: &str) -> (f64, String) {
    let seconds = seconds(unit).map(|seconds| (seconds, TIMES.as_slice()));
    let bytes = (unit == "B").then_some((1.0, SIZES.as_slice()));
    if let Some((one, units)) = seconds.or(bytes) {
        let last = units.last().copied().unwrap_or((1.0, ""));
        let fits = units.iter().copied().find(|(size, _)| value * one >= *size);
        let (size, name) = match fits {
            Some(unit) => unit,
            None if value == 0.0 => return (1.0, unit.to_owned()),
            None => last,
        };
        return (size / one, name.to_owned());
    }
    let prefix = PREFIXES
        .iter()
        .find(|(size, _)| (PREFIXED.max(*size)..size * EXPONENT).contains(&value));
    match prefix {
        Some((size, prefix)) => (*size, format!("{prefix} {unit}").trim_end().to_owned()),
        None => (1.0, unit.to_owned()),
    }
}

/// The seconds of a unit of time.
pub(crate) fn seconds(unit: &str) -> Option<f64> {
    match unit {
        "us" => Some(1e-6),
        unit => TIMES
            .iter()
            .find(|(_, name)| *name == unit)
            .map(|(size, _)| *size),
    }
}

/// A number with four significant digits.
pub(super) fn significant(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        0.0 => 0,
        _ if size >= EXPONENT => return format!("{value:.3e}"),
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ if size >= 1.0 => 3,
        _ if size >= 0.1 => 4,
        _ if size >= 0.01 => 5,
        _ => return format!("{value:.3e}"),
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_longer_than_is_read() {
        let shown = |value: f64, unit: &str| {
            let (divisor, unit) = scale(value, unit);
            format!("{} {unit}", significant(value / divisor))
        };
        assert_eq!(shown(1e300, "op/s"), "1.000e300 op/s");
        assert_eq!(shown(86_400_000.0, "s"), "8.640e7 s");
        assert_eq!(shown(123_456.0, "s"), "123456 s");
        assert_eq!(shown(123_456.0, "op/s"), "123.5 k op/s");
        assert_eq!(shown(5e-12, "s"), "5.000e-3 ns");
    }
}
