//! The price of an instance, and what it has cost so far.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The least time that is billed.
const MIN_BILLED: Duration = Duration::from_mins(1);

const HOUR: f64 = 3600.0;

/// An amount of money in US dollars, the currency of AWS's prices.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dollars(f64);

// It is always a number.
impl Eq for Dollars {}

impl Dollars {
    /// The price of an hour, as a price list has it; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let amount: f64 = text.parse().ok()?;
        (amount.is_finite() && amount > 0.0).then_some(Self(amount))
    }

    /// The cost of an instance after so long, where this is its price for an hour.
    #[must_use]
    pub fn for_time(self, time: Duration) -> Self {
        Self(self.0 * time.max(MIN_BILLED).as_secs_f64() / HOUR)
    }
}

impl std::iter::Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|Self(amount)| amount).sum())
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 < 1.0 { 4 } else { 2 };
        write!(f, "${:.digits$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_for_a_moment_costs_a_minute() {
        let price = Dollars::parse("0.0969000000").unwrap();
        let cost = |seconds| price.for_time(Duration::from_secs(seconds)).to_string();
        assert_eq!(cost(5), cost(60));
        assert_eq!(cost(60), "$0.0016");
        assert_eq!(cost(3600), "$0.0969");
        assert_eq!(cost(36_000 * 4), "$3.88");
    }

    #[test]
    fn a_price_of_nothing_is_no_price() {
        for text in ["0.0000000000", "-1", "inf", "NaN", "", "free"] {
            assert_eq!(Dollars::parse(text), None, "{text}");
        }
    }
}
