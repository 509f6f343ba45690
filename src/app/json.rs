//! Values as JSON that a person can read, too.

use crate::error::Error;

/// The value over several lines.
///
/// # Errors
/// When it has no form in JSON.
pub(super) fn pretty(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|source| Error::System {
        what: "writing JSON",
        source: source.into(),
    })
}
