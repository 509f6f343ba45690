//! GitHub Actions: what a job is told, what it says, and what it leaves: an artifact, a summary, a comment.

pub(crate) mod actions;
pub(crate) mod artifact;
pub(crate) mod comment;
pub(crate) mod comparison;
pub(crate) mod markdown;
pub(crate) mod rest;
pub(crate) mod summary;

pub(crate) use actions::environment::WorkflowJob;
pub(crate) use actions::{commands, environment, event, id_token, ownership, state};
pub(crate) use rest::{api, http};

use crate::report::Outcome;

/// The emoji for an outcome.
const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅",
        Outcome::Interrupted => "⚠️",
        Outcome::Slower | Outcome::StepFailed | Outcome::Unavailable | Outcome::Leaked => "❌",
    }
}

/// The end of a run with its mark.
fn verdict(outcome: Outcome) -> String {
    format!("{} {}", mark(outcome), outcome.label())
}

/// Opens a GitHub `[!CAUTION]` alert.
const CAUTION: &str = "> [!CAUTION]\n";
