//! A step: one script of a phase and how it is to run.

use std::fmt;
use std::path::{Component, Path};
use std::time::Duration;

/// A script's path relative to the config file, without `..` and never absolute.
///
/// It is also the script's path below the login user's home directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct ScriptPath(String);

impl ScriptPath {
    /// Accepts a relative path that stays below its directory; `./a//b` becomes `a/b`.
    ///
    /// # Errors
    /// A sentence fragment that says what is wrong with the path.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(['\0', '\n', '\r']) {
            return Err("contains a line break or a NUL");
        }
        let mut parts = Vec::new();
        for component in Path::new(text).components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str().ok_or("is not UTF-8")?),
                Component::CurDir => {}
                Component::ParentDir => return Err("leaves the config file's directory with `..`"),
                Component::RootDir | Component::Prefix(_) => {
                    return Err("is absolute, but scripts lie relative to the config file");
                }
            }
        }
        if parts.is_empty() {
            return Err("is empty");
        }
        Ok(Self(parts.join("/")))
    }

    /// The path, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as one file name, for logs and jobs: everything but letters, digits, `.`, `_` and `-` becomes `_`.
    pub fn file_name(&self) -> String {
        self.0
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect()
    }
}

impl fmt::Display for ScriptPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The machine that a step runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// On the machine that runs collector (`local: true`).
    Local,
    /// On the instance, as root.
    Remote,
}

/// One script with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The script.
    pub script: ScriptPath,
    /// The machine that it runs on.
    pub location: Location,
    /// After this the step is ended and the run goes on; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// A non-zero exit is a warning only.
    pub warn_only: bool,
    /// Arguments behind the script's path.
    pub args: Vec<String>,
    /// Variables beyond those that every step gets.
    pub env: Vec<(String, String)>,
}

/// The end of a step, the better one first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// Exit status 0.
    Passed,
    /// A non-zero exit that `warn_only` allows.
    Warned,
    /// It ran out of time; by contract a pass.
    TimedOut,
    /// The user ended it and goes on to collect.
    Stopped,
    /// A non-zero exit.
    Failed,
    /// Its exit status never came: the machine, the connection or its supervisor was lost.
    Lost,
    /// The run ended while the step was running.
    Interrupted,
}

impl StepOutcome {
    /// Whether the phase has failed with it.
    pub const fn fails(self) -> bool {
        matches!(self, Self::Failed | Self::Lost)
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "ok",
            Self::Warned => "warning",
            Self::TimedOut => "timed out",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Interrupted => "interrupted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_normalised_and_stay_below_their_directory() {
        assert_eq!(
            ScriptPath::parse("./bin//run.sh").unwrap().as_str(),
            "bin/run.sh"
        );
        for bad in ["", ".", "/bin/sh", "../x", "a/../../x", "a\nb"] {
            assert!(ScriptPath::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_file_name_is_harmless(text in "\\PC{1,40}") {
            if let Ok(path) = ScriptPath::parse(&text) {
                prop_assert!(!path.file_name().contains(['/', '\0', ' ', '$', '`', '\'', '"']));
            }
        }
    }
}
