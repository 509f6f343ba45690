//! The width that the intervals of a comparison are to have, and how far a run goes for that.

use super::{Config, FIRST_STAGE, Percent, plural};

/// A precision makes at most this many times the planned turns.
const MAX_FACTOR: u32 = 10;

/// Reads how narrow intervals are to be.
///
/// # Errors
/// The mistake in the text, as the rest of a sentence that begins with its name.
pub fn parse(text: &str) -> Result<Percent, &'static str> {
    let precision: Percent = text.parse()?;
    if precision.fraction() > 0.0 {
        Ok(precision)
    } else {
        Err("is 0, and every interval has a width")
    }
}

impl Config {
    /// The width that the intervals are to have, where there will be any.
    pub fn asked_precision(&self) -> Option<Percent> {
        self.precision.filter(|_| self.is_compared())
    }

    /// The most rounds that a precision adds on an instance: each is four turns, two of each revision.
    pub fn most_further_rounds(&self) -> u32 {
        self.asked_precision()
            .map_or(0, |_| (MAX_FACTOR - 1) * self.turns().div_ceil(2))
    }

    /// The effect of the precision on a run, in words; none where it has none.
    pub fn describe_precision(&self) -> Option<String> {
        let precision = self.asked_precision()?;
        let rounds = usize::try_from(self.most_further_rounds()).unwrap_or(usize::MAX);
        let rounds = plural(rounds, "further round");
        let instances = if self.has_stages() {
            let samples = self.samples;
            format!(", and on up to {samples} instances instead of {FIRST_STAGE}")
        } else {
            String::new()
        };
        Some(format!(
            "up to {rounds} on each instance{instances}, until every interval is within ±{precision}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interval_is_asked_for_that_cannot_be() {
        assert!(parse("0.5%").is_ok());
        assert_eq!(parse("0%"), Err("is 0, and every interval has a width"));
        assert_eq!(parse("0.0001%"), parse("0%"));
    }
}
