//! The commit that is measured, and its files on whatever machine a step runs on.

use super::{Host, Sample};
use crate::arm::Arm;
use crate::provider::Provider;
use crate::report::human_bytes;
use crate::reporter::{Event, Reporter};
use crate::repository::Found;
use crate::shell::{Shell, ShellError};
use crate::step::Location;
use crate::upload::progress;

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Brings the checkout of the commit to the instance, where one is to be sent.
    pub(super) async fn send_source(&mut self, host: &Host<'a, P, R>) -> Result<(), ShellError> {
        let plan = self.run.plan;
        let arms: &[Arm] = match plan.baseline {
            Some(_) => &Arm::BOTH,
            None => &[Arm::Candidate],
        };
        for arm in arms {
            if let Found {
                commit: Some(commit),
                checkout: Some(checkout),
                ..
            } = plan.found_of(*arm)
            {
                let home = self.home(Some(*arm));
                let progress = progress(self.journal.reporter(), checkout.size);
                let path = host
                    .send_source(&checkout.archive, commit, home, progress)
                    .await?;
                let size = human_bytes(checkout.size);
                self.journal
                    .report(Event::Detail(format!("sent {commit} to {path} ({size})")));
                self.sources.insert(*arm, path);
            }
        }
        Ok(())
    }

    /// The revision that steps run for.
    pub(super) fn arm(&self) -> Arm {
        self.scope.arm.unwrap_or(Arm::Candidate)
    }

    /// The commit; empty where it was not looked up.
    pub(super) fn commit(&self) -> String {
        let commit = self.run.plan.found_of(self.arm()).commit.as_ref();
        commit.map(ToString::to_string).unwrap_or_default()
    }

    /// The path of the checkout; empty where there is none.
    pub(super) fn source(&self, location: Location) -> String {
        let checkout = self.run.plan.found_of(self.arm()).checkout.as_ref();
        match location {
            Location::Local => {
                checkout.map(|checkout| checkout.directory.to_string_lossy().into_owned())
            }
            Location::Remote => self.sources.get(&self.arm()).cloned(),
        }
        .unwrap_or_default()
    }
}
