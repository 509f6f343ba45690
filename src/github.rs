//! GitHub Actions: what a job is told, what it says, and what it leaves: an artifact, a summary, a comment.

pub mod api;
pub mod artifact;
pub mod commands;
pub mod comment;
pub mod environment;
pub mod event;
pub mod http;
pub mod id_token;
pub mod markdown;
pub mod ownership;
pub mod publish;
pub mod state;
pub mod summary;

pub use environment::{Secret, WorkflowJob};

use crate::report::Outcome;

#[cfg(test)]
mod reading;

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
    format!("{} {}", mark(outcome), outcome.label())
}

/// Stands above what may cost money.
const CAUTION: &str = "> [!CAUTION]\n";
