//! The one exception from giving every instance back: one that was asked to stay after a failure, and whose own timer
//! ends it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::Lessor;
use crate::cancel::{Completion, until_cancelled};
use crate::instance::InstanceId;
use crate::provider::Provider;
use crate::report::Release;

/// The deadline for an instance to set its timer; it costs money meanwhile.
const KEEP_DEADLINE: Duration = Duration::from_secs(30);

impl<P: Provider> Lessor<'_, P> {
    /// Leaves an instance alive for so long, and no longer than it lives anyway. Before that it has confirmed that it ends
    /// itself then, and it is on record.
    ///
    /// # Errors
    /// Why it cannot be left alive.
    pub(super) async fn keep(
        &self,
        id: &InstanceId,
        time: Duration,
        expires_at: Timestamp,
    ) -> Result<Release, String> {
        let now = Timestamp::now();
        let until = now
            .checked_add(time)
            .map_or(expires_at, |until| until.min(expires_at));
        if until <= now {
            return Err("its time is over".into());
        }
        // Also where that is the end of its life: an instance that nobody can speak to may have no timer at all.
        let keeping = timeout(KEEP_DEADLINE, self.provider.keep(id, until));
        match until_cancelled(self.signal, keeping).await {
            Completion::Returned(Ok(kept)) => kept.map_err(|error| error.to_string())?,
            Completion::Returned(Err(_)) => return Err("it did not answer in time".into()),
            Completion::Cancelled => return Err("a signal came".into()),
            Completion::Panicked(message) => {
                return Err(format!("collector panicked: {message}"));
            }
        }
        let noted = self.records.note_kept(id, until).await;
        noted.map_err(|error| format!("it cannot be noted: {error}"))?;
        Ok(Release::Kept {
            id: id.clone(),
            until,
        })
    }
}
