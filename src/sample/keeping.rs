//! An instance that stays after a failure: the way back to it, and the time for which it stays.

use std::time::Duration;

use jiff::Timestamp;

use super::Sample;
use crate::instance::{Instance, InstanceId};
use crate::lease::KeptInstance;
use crate::provider::{InstanceAccess, Provider};
use crate::report::{Outcome, Release, SampleReport};
use crate::reporter::Reporter;
use crate::shell::Shell;

impl<P: Provider, H: Shell, R: Reporter> Sample<'_, P, H, R> {
    /// The time for which the instance is to stay: where that is asked for, and the work on it failed.
    pub(crate) fn keep_time(&self) -> Option<Duration> {
        let failed = matches!(
            self.journal.outcome,
            Outcome::StepFailed | Outcome::Unavailable
        );
        let ready = self.journal.instance.is_some();
        self.run
            .plan
            .config
            .keep_on_failure
            .filter(|_| failed && ready)
    }

    /// Notes how to come back to the instance, where it may have to stay, before anything can go wrong there.
    pub(super) async fn record_access(&mut self, instance: &Instance) {
        let plan = self.run.plan;
        if plan.config.keep_on_failure.is_none() {
            return;
        }
        let Some(InstanceAccess {
            access,
            private_key,
            jobs_dir,
        }) = self.run.provider.access(instance)
        else {
            return;
        };
        let patterns = self.patterns(&jobs_dir);
        let kept = KeptInstance {
            id: instance.id.clone(),
            region: instance.region.clone(),
            run: plan.run.clone(),
            sample: self.index,
            lease: self.lease.clone(),
            access,
            jobs_dir,
            revision: plan.revision.clone(),
            performance_results: patterns
                .iter()
                .map(|glob| glob.as_str().to_owned())
                .collect(),
            partial_results: self.results.path().to_owned(),
            results: self.results.final_path(),
            archive: plan.config.archive,
            report: self.report_of_loss(&instance.id),
            expires_at: self.expires_at,
            kept: false,
        };
        match self.run.records.save_instance(kept, private_key).await {
            Ok(lock) => self.under_way = Some(lock),
            Err(error) => self.journal.warn(format!(
                "the key of instance {} cannot be kept: {error}; it ends with the run",
                instance.id
            )),
        }
    }

    /// The report that holds where collector is killed while it works with the instance.
    fn report_of_loss(&self, id: &InstanceId) -> SampleReport {
        let first = self.journal.stages.first();
        let mut report = self.report(first.map_or_else(Timestamp::now, |stage| stage.started));
        // How the one ended that goes on, nobody will know.
        report.stages.retain(|stage| stage.ok);
        report.released = Release::Kept {
            id: id.clone(),
            until: self.expires_at,
        };
        report.fail(
            Outcome::Unavailable,
            "collector was ended before the sample was over",
            Some("`collector/logs` tells how far the steps came; run it again for a whole result"),
        );
        report
    }
}
