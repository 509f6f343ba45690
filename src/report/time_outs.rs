//! The time-outs of a run: each is a pass by contract, and nobody should have to look for it.

use super::{Outcome, RunReport, SampleReport, StepReport};
use crate::config::plural;
use crate::step::StepOutcome;

/// An outcome, and what ran out of time, for people: `passed (measure.sh timed out)`.
pub fn result(outcome: Outcome, timed_out: &[impl AsRef<str>]) -> String {
    format!("{}{}", outcome.label(), time_outs(timed_out))
}

/// The steps that ran out of time, behind an outcome: nothing, or ` (measure.sh timed out)`.
pub fn time_outs(scripts: &[impl AsRef<str>]) -> String {
    match scripts {
        [] => String::new(),
        [script] => format!(" ({} timed out)", script.as_ref()),
        several => format!(" ({} timed out)", plural(several.len(), "step")),
    }
}

impl SampleReport {
    /// The scripts that ran out of time, in the order in which they ran.
    pub fn timed_out(&self) -> Vec<String> {
        let steps = self.stages.iter().flat_map(|stage| &stage.steps);
        let timed_out = steps.filter(|step| step.outcome == StepOutcome::TimedOut);
        timed_out
            .map(|StepReport { script, .. }| script.clone())
            .collect()
    }

    /// Its outcome, and what ran out of time, for people.
    pub fn result(&self) -> String {
        result(self.outcome, &self.timed_out())
    }
}

impl RunReport {
    /// The scripts that ran out of time, of all samples.
    pub fn timed_out(&self) -> Vec<String> {
        self.samples
            .iter()
            .flat_map(SampleReport::timed_out)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_stands_beside_the_outcome() {
        assert_eq!(result(Outcome::Passed, &[""; 0]), "passed");
        assert_eq!(
            result(Outcome::Passed, &["measure.sh"]),
            "passed (measure.sh timed out)"
        );
        assert_eq!(
            result(Outcome::StepFailed, &["a", "b"]),
            "failed (2 steps timed out)"
        );
    }
}
