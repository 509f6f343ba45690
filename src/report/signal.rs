//! The signals that end a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The signal that ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// The terminal is gone.
    Hup,
    /// The terminal's or the runner's cancel.
    Int,
    /// The terminal's quit key.
    Quit,
    /// A watchdog's, or `abort`.
    Abrt,
    /// A signal of the user's own.
    Usr1,
    /// Another one.
    Usr2,
    /// A timer of whoever started the process.
    Alrm,
    /// A polite kill.
    Term,
    /// The limit of CPU time.
    Xcpu,
    /// The limit of file size.
    Xfsz,
    /// A timer of the CPU time spent by the process itself.
    Vtalrm,
    /// A timer of all CPU time.
    Prof,
    /// The power fails.
    Pwr,
}

impl Signal {
    /// Every signal that ends a run; all would end the process and leave its instances.
    pub const ALL: [Self; 13] = [
        Self::Hup,
        Self::Int,
        Self::Quit,
        Self::Abrt,
        Self::Usr1,
        Self::Usr2,
        Self::Alrm,
        Self::Term,
        Self::Xcpu,
        Self::Xfsz,
        Self::Vtalrm,
        Self::Prof,
        Self::Pwr,
    ];

    /// The signal's number on Linux.
    pub const fn number(self) -> u8 {
        match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Abrt => 6,
            Self::Usr1 => 10,
            Self::Usr2 => 12,
            Self::Alrm => 14,
            Self::Term => 15,
            Self::Xcpu => 24,
            Self::Xfsz => 25,
            Self::Vtalrm => 26,
            Self::Prof => 27,
            Self::Pwr => 30,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Abrt => "ABRT",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
            Self::Alrm => "ALRM",
            Self::Term => "TERM",
            Self::Xcpu => "XCPU",
            Self::Xfsz => "XFSZ",
            Self::Vtalrm => "VTALRM",
            Self::Prof => "PROF",
            Self::Pwr => "PWR",
        })
    }
}
