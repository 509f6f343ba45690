//! The guarantee: instances exist only inside [`Lessor::with_instances`], and are gone when it returns, but for those that
//! were asked to stay after a failure and end themselves.

mod current_stage;
mod keep;
mod kept_instance;
mod launch;
mod ready;
mod records;
mod terminate;

use std::cell::OnceCell;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use current_stage::StageFile;
pub use kept_instance::{KeptInstance, LoginFiles};
pub use ready::{Readiness, has_ended};
pub use records::{LeaseRecord, LeaseRecords};
pub use terminate::{sweep, terminate_all};

use crate::cancel::{Completion, until_cancelled};
use crate::instance::{InstanceId, LaunchRequest, Owner, Resource};
use crate::provider::{Provider, ProviderError, Sweep};
use crate::report::Release;
use terminate::{Terminations, attempt};

/// The deadline of a termination after a run that ended by itself, and of one that `reap` asks for.
pub const TERMINATION_DEADLINE: Duration = Duration::from_mins(2);

/// The deadline of everything under a lease after a signal, counted from the signal: the process is to be gone within 6 s,
/// and the runner kills it after 10 s.
const CLEAN_UP_DEADLINE_AFTER_SIGNAL: Duration = Duration::from_secs(4);

/// The part of it that is kept for deleting what costs nothing.
const DELETION_RESERVE: Duration = Duration::from_millis(500);

/// The time in which an instance whose launch got no answer shows up: EC2 is eventually consistent.
pub const EVENTUAL_CONSISTENCY: Duration = Duration::from_secs(20);

/// The deadline for deleting what costs nothing; what must wait for the instance is left to `reap` and the post step.
pub const DELETION_DEADLINE: Duration = Duration::from_secs(2);

/// The parties to a lease.
#[derive(Debug)]
pub struct Lessor<'a, P> {
    provider: &'a P,
    records: &'a LeaseRecords,
    /// Ends the work, but not the clean-up.
    cancel: &'a CancellationToken,
    /// Leaves the clean-up little time.
    signal: &'a CancellationToken,
    /// The end of that time, from when the signal was noticed.
    hurried: OnceCell<Instant>,
}

/// An instance that was lent, and the work on it is over.
#[derive(Debug)]
pub struct Rental {
    /// The instance.
    pub id: InstanceId,
    /// The end of the work on it.
    pub ended: Completion<()>,
    /// Whether it is gone.
    pub release: Release,
    /// Why it was not left alive although that was wished for.
    pub not_kept: Option<String>,
    /// When its termination was first asked for.
    pub terminate_started: Timestamp,
    /// The time until that was confirmed or given up.
    pub terminate_took: Duration,
}

/// The result of a lease.
#[derive(Debug)]
pub struct Leased {
    /// Why there was no instance; `Ok(None)` where the launch was cancelled or worked.
    pub error: Option<ProviderError>,
    /// The fate of a launch that gave no instances.
    pub unanswered: Release,
    /// The instances that were lent, in the order in which the provider named them.
    pub rentals: Vec<Rental>,
    /// Resources that could not be deleted yet.
    pub remaining: Vec<Resource>,
}

impl<'a, P: Provider> Lessor<'a, P> {
    /// Rents from this provider and notes it in these records. `cancel` ends the work; `signal`, which ends it too, leaves
    /// the clean-up a few seconds.
    pub const fn new(
        provider: &'a P,
        records: &'a LeaseRecords,
        cancel: &'a CancellationToken,
        signal: &'a CancellationToken,
    ) -> Self {
        Self {
            provider,
            records,
            cancel,
            signal,
            hurried: OnceCell::new(),
        }
    }

    /// The end of the clean-up after a signal. The first to notice the signal starts the clock.
    fn deadline_after_signal(&self) -> Instant {
        *self
            .hurried
            .get_or_init(|| Instant::now() + CLEAN_UP_DEADLINE_AFTER_SIGNAL)
    }

    /// The same, for terminations.
    fn termination_deadline_after_signal(&self) -> Instant {
        self.deadline_after_signal() - DELETION_RESERVE
    }

    /// The deadline for deleting resources from now on.
    fn deletion_deadline(&self) -> Instant {
        let unhurried = Instant::now() + DELETION_DEADLINE;
        if self.signal.is_cancelled() {
            unhurried.min(self.deadline_after_signal())
        } else {
            unhurried
        }
    }

    /// Lends instances, each to a `work` of its own, and terminates each however its work ends, unless it returns the time
    /// for which its instance is to stay. There is no other way to get one. Fewer instances than asked for may come.
    ///
    /// The lease is on disk before the launch, and off it once everything made under it is known to be gone.
    pub async fn with_instances<F: Future<Output = Option<Duration>>>(
        &self,
        candidates: Vec<P::Candidate>,
        request: &LaunchRequest,
        work: impl FnMut(InstanceId) -> F,
    ) -> Leased {
        let record = LeaseRecord {
            lease: request.lease.clone(),
            provider: self.provider.name().into(),
            region: self.provider.region().into(),
            account: self.provider.account().map(str::to_owned),
            saved_at: Timestamp::now(),
        };
        let _held = match self.records.save(&record).await {
            Ok(held) => held,
            Err(error) => {
                return Leased {
                    error: Some(error),
                    unanswered: Release::NothingLaunched,
                    rentals: Vec::new(),
                    remaining: Vec::new(),
                };
            }
        };
        let mut keep_record = false;
        let mut leased = match self.launch(candidates, request).await {
            Ok(ids) => Leased {
                error: None,
                unanswered: Release::NothingLaunched,
                rentals: self.lend(ids, request.expires_at, work).await,
                remaining: Vec::new(),
            },
            Err(failed) => {
                // EC2 may still show what nobody answered for: the record lets `reap` look again.
                keep_record = failed.unanswered && failed.release == Release::NothingLaunched;
                Leased {
                    error: failed.error,
                    unanswered: failed.release,
                    rentals: Vec::new(),
                    remaining: Vec::new(),
                }
            }
        };
        let owner = Owner::Lease(request.lease.clone());
        let remaining = delete_resources(self.provider, &owner, self.deletion_deadline()).await;
        // Where nobody knows, `reap` looks again.
        keep_record |= !matches!(&remaining, Ok(remaining) if remaining.is_empty());
        leased.remaining = remaining.unwrap_or_default();
        keep_record |= leased
            .rentals
            .iter()
            .map(|rental| &rental.release)
            .chain([&leased.unanswered])
            .any(|release| matches!(release, Release::Unconfirmed { .. } | Release::Kept { .. }));
        if !keep_record {
            self.records.forget(&request.lease).await;
        }
        leased
    }

    async fn lend<F: Future<Output = Option<Duration>>>(
        &self,
        ids: Vec<InstanceId>,
        expires_at: Timestamp,
        mut work: impl FnMut(InstanceId) -> F,
    ) -> Vec<Rental> {
        let terminations = Terminations::new(self.provider, ids.len());
        let rentals = ids.into_iter().map(|id| {
            // A future is made when it is polled, so that a panic while it is made is caught as well.
            let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(id.clone())));
            let terminations = &terminations;
            async move {
                let ended = match work {
                    Ok(work) => until_cancelled(self.cancel, work).await,
                    Err(_) => Completion::Panicked("before the work began".into()),
                };
                let (ended, time) = match ended {
                    Completion::Returned(time) => (Completion::Returned(()), time),
                    Completion::Cancelled => (Completion::Cancelled, None),
                    Completion::Panicked(message) => (Completion::Panicked(message), None),
                };
                let terminate_started = Timestamp::now();
                let since = Instant::now();
                let kept = match time {
                    Some(time) => Some(self.keep(&id, time, expires_at).await),
                    None => None,
                };
                let (release, not_kept) = match kept {
                    Some(Ok(release)) => (release, None),
                    Some(Err(reason)) => (self.give_back(terminations, &id).await, Some(reason)),
                    None => (self.give_back(terminations, &id).await, None),
                };
                Rental {
                    id,
                    ended,
                    release,
                    not_kept,
                    terminate_started,
                    terminate_took: since.elapsed(),
                }
            }
        });
        let mut rentals = join_all(rentals).await;
        if self.signal.is_cancelled() {
            let kept = |rental: &&mut Rental| matches!(rental.release, Release::Kept { .. });
            let giving_back = rentals.iter_mut().filter(kept).map(|rental| async {
                rental.release = self.give_back(&terminations, &rental.id).await;
            });
            join_all(giving_back).await;
        }
        rentals
    }

    async fn give_back(&self, terminations: &Terminations<'_, P>, id: &InstanceId) -> Release {
        if self.signal.is_cancelled() {
            self.deadline_after_signal();
        }
        // A signal does not end the termination, but it leaves it less time.
        let unhurried = terminations.terminate(id, Instant::now() + TERMINATION_DEADLINE);
        match until_cancelled(self.signal, unhurried).await {
            Completion::Returned(release) => release,
            Completion::Cancelled | Completion::Panicked(_) => {
                let deadline = self.termination_deadline_after_signal();
                terminations.terminate(id, deadline).await
            }
        }
    }
}

/// Deletes the resources of an owner that nothing uses any more, up to a deadline. Returns the others.
///
/// # Errors
/// The reason for which it is not known whether there are any.
pub async fn delete_resources<P: Sweep>(
    provider: &P,
    owner: &Owner,
    deadline: Instant,
) -> Result<Vec<Resource>, String> {
    let found = attempt(deadline, provider.find_resources(owner)).await;
    let mut remaining = Vec::new();
    for found in found.map_err(|failure| failure.reason)? {
        let deleted = attempt(deadline, provider.delete(&found.resource)).await;
        if !deleted.unwrap_or(false) {
            remaining.push(found.resource);
        }
    }
    Ok(remaining)
}
