//! How narrow the intervals of a comparison are to be, and how far a run goes for that.

use super::{Config, FIRST_STAGE, Percent, plural};

/// A precision makes at most this many times the planned turns.
const MOST_TIMES: u32 = 10;

impl Config {
    /// How narrow the intervals are to be, where there will be any.
    pub fn asked_precision(&self) -> Option<Percent> {
        self.precision.filter(|_| self.is_compared())
    }

    /// The most rounds that a precision adds on an instance: each is four turns, two of each revision.
    pub fn most_further_rounds(&self) -> u32 {
        self.asked_precision()
            .map_or(0, |_| (MOST_TIMES - 1) * self.turns().div_ceil(2))
    }

    /// What the precision means for a run, in words; none where it has no effect.
    pub fn precision_in_words(&self) -> Option<String> {
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
