//! Questions to a person on a terminal.

use std::io::{self, IsTerminal as _};
use std::str::FromStr;

use dialoguer::Input;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Nobody is there.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// The terminal went away.
    #[error("asking: {0}")]
    Unanswered(#[from] dialoguer::Error),
}

impl PromptError {
    /// The remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoTerminal | Self::Unanswered(_) => {
                "answer with `--program`, `--build` and `--measure`, or take what is made up with `--yes`"
            }
        }
    }
}

/// Asks until there is an answer that can be used; the default is the answer of who only presses Enter.
///
/// # Errors
/// When there is no terminal, or no longer.
pub fn ask<T>(question: &str, default: T) -> Result<T, PromptError>
where
    T: FromStr + Clone + ToString,
    T::Err: ToString,
{
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(PromptError::NoTerminal);
    }
    let answer = Input::new()
        .with_prompt(question)
        .show_default(!default.to_string().is_empty())
        .default(default)
        .interact_text()?;
    Ok(answer)
}
