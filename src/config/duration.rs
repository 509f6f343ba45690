//! Durations as users write them: `90s`, `15m`, `1h30m`, and a bare number of minutes.

use std::fmt;
use std::time::Duration;

pub(super) const MINUTE: f64 = 60.0;

/// The longest duration that is accepted: 30 days.
pub(super) const MAX_SECONDS: f64 = 30.0 * 24.0 * 60.0 * MINUTE;

/// The interval of something that is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Never.
    Off,
    /// Once in this time.
    Every(Duration),
}

impl Interval {
    /// The time in between; none where it is never done.
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::Every(duration) => Some(duration),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Every(duration) => f.write_str(&human(*duration)),
        }
    }
}

/// A bare number, in minutes.
pub(super) fn from_minutes(minutes: f64) -> Result<Duration, &'static str> {
    from_seconds(minutes * MINUTE)
}

/// A text: one or more numbers, each with `s`, `m`, `h` or `d`; or a bare number of minutes.
///
/// # Errors
/// A sentence fragment that says what is wrong with it.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "is not a duration";
    let text = text.trim();
    if let Ok(minutes) = text.parse::<f64>() {
        return from_minutes(minutes);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or(FORM)?;
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| FORM)?;
        let unit = tail.chars().next().ok_or(FORM)?;
        seconds += number
            * match unit {
                's' => 1.0,
                'm' => MINUTE,
                'h' => 60.0 * MINUTE,
                'd' => 24.0 * 60.0 * MINUTE,
                _ => return Err(FORM),
            };
        rest = tail.strip_prefix(unit).ok_or(FORM)?.trim_start();
    }
    from_seconds(seconds)
}

fn from_seconds(seconds: f64) -> Result<Duration, &'static str> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Err("must be longer than zero");
    }
    if seconds > MAX_SECONDS {
        return Err("is longer than 30 days");
    }
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "is not a duration")?;
    if duration < Duration::from_millis(1) {
        return Err("must be longer than zero");
    }
    Ok(duration)
}

/// A duration as a person writes it: `350ms`, `8.2s`, `3m07s`, `1h02m`.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() == 0 => "0s".to_owned(),
        0 => format!("{}ms", duration.as_millis()),
        1..=59 => format!("{:.1}s", duration.as_secs_f64()),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_numbers_are_minutes_and_units_are_units() {
        let seconds = |text| parse(text).unwrap().as_secs();
        assert_eq!(seconds("60"), 3600);
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("1h"), 3600);
        assert_eq!(seconds("1h30m"), 5400);
        assert_eq!(seconds("1d"), 86_400);
        assert_eq!(from_minutes(0.5).unwrap().as_secs(), 30);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "0", "0s", "-5", "5x", "m", "1h30", "nan", "inf", "1e300", "90 s x", "31d",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn people_read_them() {
        let human = |millis| human(Duration::from_millis(millis));
        assert_eq!(human(0), "0s");
        assert_eq!(human(350), "350ms");
        assert_eq!(human(8_240), "8.2s");
        assert_eq!(human(187_000), "3m07s");
        assert_eq!(human(3_720_000), "1h02m");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,20}|[0-9smhd. ]{0,12}") {
            let _ = parse(&text);
        }
    }
}
