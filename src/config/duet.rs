//! How often phases are carried out, one time after the other, and whether two revisions can be measured at the same time.

use super::Config;
use crate::phase::Phase;

/// Why two revisions cannot be measured at the same time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DuetError {
    /// There is one revision only.
    #[error("`duet` measures two revisions at the same time, and there is no `baseline`")]
    NoBaseline,
    /// Both would write to the same place.
    #[error(
        "`duet` measures two revisions at the same time, and nothing tells which of them wrote a file of `{0}`"
    )]
    SharedPattern(String),
}

impl DuetError {
    /// What the user can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoBaseline => "name a revision as the `baseline`, or leave out `duet`",
            Self::SharedPattern(_) => {
                "let the scripts write below the directory that they start in, which each revision has for itself, and name that in `performance_results`: a relative glob"
            }
        }
    }
}

impl Config {
    /// Checks that a duet is possible where one is asked for.
    ///
    /// # Errors
    /// When there is no baseline, or results of both would lie in the same place.
    pub fn check_duet(&self) -> Result<(), DuetError> {
        if !self.duet {
            return Ok(());
        }
        if self.baseline.is_none() {
            return Err(DuetError::NoBaseline);
        }
        let mut patterns = self.performance_results.iter();
        match patterns.find(|pattern| pattern.leads_out()) {
            Some(shared) => Err(DuetError::SharedPattern(shared.as_str().to_owned())),
            None => Ok(()),
        }
    }

    /// Whether both revisions have their turns at the same time.
    pub const fn is_duet(&self) -> bool {
        self.duet && self.baseline.is_some()
    }

    /// How often a phase is carried out on each instance, one time after the other.
    pub fn times(&self, phase: Phase) -> u32 {
        match phase {
            Phase::Setup | Phase::OnRegression if self.baseline.is_some() => 2,
            Phase::Run | Phase::BeforeCollect => self.in_turn() * self.turns(),
            _ => 1,
        }
    }

    /// The revisions that have a turn one after the other.
    pub(super) const fn in_turn(&self) -> u32 {
        if self.baseline.is_some() && !self.duet {
            2
        } else {
            1
        }
    }
}
