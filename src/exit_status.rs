//! The exit status of the process.

use std::fmt;
use std::process::ExitCode;

use crate::report::Signal;

/// The end of the process, for whoever started it; `docs/reference.md` has the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Every phase passed, and the instance is gone. A time-out is a pass.
    Passed,
    /// A step of the user's failed; what there was is collected, and the instance is gone.
    StepFailed,
    /// The arguments or the config are wrong; nothing was launched.
    Misused,
    /// AWS, SSH, GitHub or this machine failed; the instance is gone.
    Unavailable,
    /// Termination is not confirmed: this outranks every other.
    Leaked,
    /// A figure is worse than `fail_on` allows; the instance is gone.
    Worse,
    /// A signal ended the run; the instance is gone.
    Signalled(Signal),
}

impl ExitStatus {
    /// Those without a signal, by their numbers.
    pub const WITHOUT_SIGNAL: [Self; 6] = [
        Self::Passed,
        Self::StepFailed,
        Self::Misused,
        Self::Unavailable,
        Self::Leaked,
        Self::Worse,
    ];

    /// The meaning, in as few words as `--help` has room for.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::StepFailed => "a step failed",
            Self::Misused => "usage or config",
            Self::Unavailable => "AWS, SSH, GitHub or this machine failed",
            Self::Leaked => "termination not confirmed",
            Self::Worse => "slower than `fail_on` allows",
            Self::Signalled(_) => "ended by a signal",
        }
    }

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::StepFailed => 1,
            Self::Misused => 2,
            Self::Unavailable => 3,
            Self::Leaked => 4,
            Self::Worse => 5,
            Self::Signalled(signal) => 128 + signal.number(),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.code().into()
    }
}
