//! Why a step failed: the end of its log, told at once and kept with the failure.

use super::{Plan, Sample};
use crate::phase::Stage;
use crate::provider::Provider;
use crate::report::{Outcome, StepReport, last_lines};
use crate::reporter::{Event, Reporter};
use crate::results::SampleDirectory;
use crate::shell::Shell;
use crate::step::StepOutcome;

/// The last lines are looked for in so many bytes at the end of a log.
const TAIL: u64 = 64 << 10;

/// The remedy where a step fails, with nothing that the command does not have or that was asked for already.
pub(super) const fn hint(plan: &Plan) -> &'static str {
    if plan.bakes {
        "its log is in `collector/logs` of what the bake left in `output`; a run of the same config with `--keep-on-failure 30m` leaves an instance for a look"
    } else if plan.config.keep_on_failure.is_some() {
        "its log is in `collector/logs` of the results; `warn_only: true` lets the run go on"
    } else if plan.in_workflow {
        "its log is in `collector/logs` of the results; `keep_on_failure: 30m` in `main` leaves the instance for a look, `warn_only: true` lets the run go on"
    } else {
        "its log is in `collector/logs` of the results; `--keep-on-failure 30m` leaves the instance for a look, `warn_only: true` lets the run go on"
    }
}

impl<P: Provider, H: Shell, R: Reporter> Sample<'_, P, H, R> {
    /// Adds to this one of the failures how the log of its step ends, and tells both.
    pub(super) async fn tell_why(&mut self, failure: usize, step: StepReport) {
        let log = self.results.final_path().join(&step.log);
        let directory = SampleDirectory::new(self.results.path());
        let reading = tokio::task::spawn_blocking(move || directory.log_tail(&step, TAIL));
        // A log that is not there has no end; that it is incomplete was a warning.
        let tail = reading.await.ok().and_then(Result::ok).unwrap_or_default();
        let Some(failure) = self.journal.errors.get_mut(failure) else {
            return;
        };
        failure.last_lines = last_lines(&tail);
        let failure = failure.clone();
        self.journal.report(Event::StepFailed { failure, log });
    }

    /// Enters that nothing was measured. Where a step ran out of time, that is the likely reason.
    pub(super) async fn fail_without_results(&mut self) {
        let nothing = "no file was collected: nothing was measured";
        let mut steps = self.journal.stages.iter().filter_map(|stage| {
            let Stage::Scripts(phase) = stage.stage else {
                return None;
            };
            let late = |step: &&StepReport| step.outcome == StepOutcome::TimedOut;
            Some((phase, stage.steps.iter().rfind(late)?))
        });
        let late = steps.next_back().filter(|_| !self.journal.failed);
        let Some((phase, step)) = late.map(|(phase, step)| (phase, step.clone())) else {
            self.journal.fail(
                Outcome::StepFailed,
                nothing.into(),
                Some("check `performance_results`; the logs show what the steps did"),
            );
            return;
        };
        let failure = self.journal.errors.len();
        self.journal.fail_script(
            Outcome::StepFailed,
            &step.script,
            format!("{nothing}, and {phase}: {} ran out of time", step.script),
            Some("give it a longer `timeout`, or check `performance_results`"),
        );
        self.tell_why(failure, step).await;
    }
}
