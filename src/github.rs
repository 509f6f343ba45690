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

pub use environment::WorkflowJob;

use crate::report::Outcome;

#[cfg(test)]
mod reading;

/// The emoji for an outcome.
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

/// Whether a revision is a whole hash: only those have a page of their own for certain.
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit())
}

/// Opens a GitHub `[!CAUTION]` alert.
const CAUTION: &str = "> [!CAUTION]\n";
