//! What GitHub shows of a run, and how it is said.

pub mod comment;
pub mod markdown;
pub mod summary;

#[cfg(test)]
mod reading;

use crate::report::Outcome;

/// One look is enough.
const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅",
        Outcome::Interrupted => "⚠️",
        Outcome::StepFailed | Outcome::Unavailable | Outcome::Leaked => "❌",
    }
}

/// The end of a run with its mark.
fn verdict(outcome: Outcome) -> String {
    let words = match outcome {
        Outcome::Passed => "passed",
        Outcome::StepFailed => "failed",
        Outcome::Unavailable => "broken off",
        Outcome::Interrupted => "ended early",
        Outcome::Leaked => "the instance may still be running",
    };
    format!("{} {words}", mark(outcome))
}

/// Stands above what may cost money.
const CAUTION: &str = "> [!CAUTION]\n";
