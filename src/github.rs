//! What GitHub shows of a run, and how it is said.

pub mod markdown;
pub mod summary;

#[cfg(test)]
mod reading;

use crate::report::Outcome;

/// The mark and the words for the end of a run.
const fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅ passed",
        Outcome::StepFailed => "❌ failed",
        Outcome::Unavailable => "❌ broken off",
        Outcome::Interrupted => "⚠️ ended early",
        Outcome::Leaked => "❌ the instance may still be running",
    }
}
