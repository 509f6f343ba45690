//! The number of times that a phase is carried out, and whether two revisions can be measured at the same time.

use std::num::NonZeroU32;

use super::Config;
use crate::phase::Phase;

/// The turns that each revision needs on one instance: as many pairs as make an interval.
pub(super) const TURNS_OF_ONE_INSTANCE: u32 = 6;

/// The turns that each revision of a comparison has: enough on one instance; and in a duet the next number that makes the
/// rounds even.
const DEFAULT_REPEAT: u32 = TURNS_OF_ONE_INSTANCE;
const DEFAULT_REPEAT_OF_DUETS: u32 = 8;

/// The duets in two rounds: in so many, each revision begins a round as often on each half of the CPUs.
const BALANCED: u32 = 4;

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
    /// The remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoBaseline => "name a revision as the `baseline`, or leave out `duet`",
            Self::SharedPattern(_) => {
                "let the scripts write below the directory that they start in, which each revision has for itself, and name that in `performance_results`: a relative glob without `..`, such as `results/*`; or leave out `duet`, for revisions that are measured in turn may write to the same place"
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

    /// The unevenness that these numbers of turns leave between the halves of the CPUs, in words; none where there is none.
    pub fn uneven_duets(&self) -> Option<String> {
        if !self.is_duet() {
            return None;
        }
        let turns = self.turns();
        let uneven = if !turns.is_multiple_of(2) {
            "the last duet has no other in which the halves of the CPUs are swapped, and what differs between them is in the ratio".into()
        } else if !turns.is_multiple_of(BALANCED) && self.precision.is_none() {
            format!(
                "in {} rounds the revisions do not begin as often on each half of the CPUs, and what differs between the halves is in the noise of the run",
                turns / 2
            )
        } else {
            return None;
        };
        let balanced = turns.next_multiple_of(BALANCED);
        Some(format!(
            "`duet` with {turns} turns of each revision: {uneven}; in an even number of rounds it cancels, for example with `repeat: {balanced}`"
        ))
    }

    /// Whether both revisions have their turns at the same time.
    pub const fn is_duet(&self) -> bool {
        self.duet && self.baseline.is_some()
    }

    /// The number of turns of each revision on each instance.
    pub fn turns(&self) -> u32 {
        let default = match (&self.baseline, self.duet) {
            (None, _) => 1,
            (Some(_), false) => DEFAULT_REPEAT,
            (Some(_), true) => DEFAULT_REPEAT_OF_DUETS,
        };
        self.repeat.map_or(default, NonZeroU32::get)
    }

    /// The number of times that a phase is carried out on each instance, one time after the other.
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
