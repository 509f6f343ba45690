//! The machine that runs collector, as a host for local steps: none of them outlives the run.

use std::convert::Infallible;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use super::{Plan, Sample};
use crate::instance::{LeaseToken, RunId};
use crate::job;
use crate::provider::Provider;
use crate::shell::{Captured, Shell};
use crate::step::Location;

/// The time that local steps which a signal left behind have after TERM, and the deadline for ending them.
const LEFTOVER_GRACE: Duration = Duration::from_millis(300);
const LEFTOVER_DEADLINE: Duration = Duration::from_millis(1200);

/// The machine that runs collector.
#[derive(Debug)]
pub struct LocalHost<H> {
    /// A shell in the config file's directory.
    pub shell: H,
    /// A directory for the jobs of this run; removed after it.
    pub jobs_dir: PathBuf,
}

/// The owner of a run's local jobs, without the sample: not the lease of an instance, which may live longer.
fn owner(run: &RunId) -> String {
    format!("{run}-local-")
}

impl<H: Shell> LocalHost<H> {
    /// Has a process of its own end the local steps of the plan, should this one be killed. It never ends: it is there to
    /// be polled beside the run.
    pub async fn guard(&self, plan: &Plan) -> Infallible {
        let mut steps = plan.config.phases.values().flatten();
        if steps.any(|step| step.location == Location::Local) {
            let guard = job::guard(&self.jobs_dir.to_string_lossy(), &owner(&plan.run));
            // Nothing is ever written into it: it closes with this process.
            let (input, _open) = tokio::io::simplex(1);
            let mut silent = Captured::default();
            // Where it fails, a kill leaves local steps running, and nothing that costs money.
            let _ = self.shell.execute(&guard, input, &mut silent).await;
        }
        pending().await
    }

    /// Ends the processes of local steps that are still there, those of all samples at once: each look reads all processes
    /// of this machine.
    pub(crate) async fn end_leftovers(&self, run: &RunId) {
        let ending = async {
            let mut directories = Vec::new();
            // Without it no local step was ever begun.
            let mut samples = tokio::fs::read_dir(&self.jobs_dir).await.ok()?;
            while let Some(jobs) = samples.next_entry().await.ok()? {
                directories.push(jobs.path().to_string_lossy().into_owned());
            }
            job::kill(&self.shell, &owner(run), LEFTOVER_GRACE, directories)
                .await
                .ok()
        };
        // Nothing can be done about local processes that survive this; the instance is gone already.
        let _ = timeout(LEFTOVER_DEADLINE, ending).await;
    }
}

impl<P: Provider, H: Shell, R> Sample<'_, P, H, R> {
    /// The directory of this sample's local jobs.
    pub(super) fn local_jobs(&self) -> String {
        let jobs = self.run.local.jobs_dir.join(self.index.to_string());
        jobs.to_string_lossy().into_owned()
    }

    /// The owner of this sample's local jobs.
    pub(super) fn local_owner(&self) -> LeaseToken {
        LeaseToken::new(format!("{}{}", owner(&self.run.plan.run), self.index))
    }
}
