//! Why no shell can be opened before an instance is terminated.

/// Why no shell can be opened before an instance is terminated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoShellError {
    /// Nobody could type into it.
    #[error("there is no terminal for the shell of `{0}`")]
    NoTerminal(&'static str),
    /// A job has no terminal.
    #[error("`{0}` opens a shell, and a job of GitHub Actions has no terminal")]
    InJob(&'static str),
    /// One terminal is for one shell.
    #[error("`{option}` opens one shell, and the run has {samples} samples")]
    Several {
        /// The option.
        option: &'static str,
        /// Their number.
        samples: u32,
    },
}

impl NoShellError {
    /// The remedy.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::NoTerminal(_) => {
                "standard input and standard output must be a terminal, not a file or a pipe; `--keep-on-failure 30m` leaves the instance for `collect ssh`"
            }
            Self::InJob(_) => "leave it out, and start the run from a terminal of your own",
            Self::Several { .. } => {
                "add `--samples 1`, or let `--keep-on-failure 30m` leave the instances for `collect ssh`"
            }
        }
    }
}
