//! The guarantee: an instance exists only inside [`with_instance`], and is gone when it returns.

mod records;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

pub use records::{LeaseRecord, LeaseRecords};

use crate::instance::{InstanceId, LaunchRequest, LeaseToken, Owner};
use crate::provider::{Provider, ProviderError, Reclaim};
use crate::report::Release;

/// How long termination is tried after a run that ended by itself.
const RELEASE: Duration = Duration::from_mins(2);

/// The same after a signal: the runner kills the process 10 s after its first one.
const RELEASE_AFTER_SIGNAL: Duration = Duration::from_secs(3);

/// How long a launch may still take after a signal, before the instance is looked for by its tag instead.
const LAUNCH_AFTER_SIGNAL: Duration = Duration::from_secs(1);

/// How long an instance whose launch got no answer is looked for: EC2's answers lag behind its deeds.
pub const SWEEP: Duration = Duration::from_secs(20);

/// Between two attempts, at first; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// How a piece of work ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// It returned.
    Returned(T),
    /// The run was cancelled and the work dropped.
    Cancelled,
    /// It panicked, with this message.
    Panicked(String),
}

/// What came of a lease.
#[derive(Debug)]
pub struct Leased<T> {
    /// How the work ended; the launch's error if there was no instance to work with.
    pub ended: Result<Ended<T>, ProviderError>,
    /// Whether the instance is gone.
    pub release: Release,
}

/// Runs `work` until it ends, panics or is cancelled: the one place of the policy that hears the token.
pub async fn until_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Ended<T> {
    tokio::select! { biased;
        () = cancel.cancelled() => Ended::Cancelled,
        ended = until_panicked(work) => ended,
    }
}

async fn until_panicked<T>(work: impl Future<Output = T>) -> Ended<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(value) => Ended::Returned(value),
        Err(panic) => Ended::Panicked(
            panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "unknown panic".into()),
        ),
    }
}

/// Asks the provider once; a panic is an error like any other, for the instance costs money all the same.
async fn attempt<T>(
    deadline: Instant,
    request: impl Future<Output = Result<T, ProviderError>>,
    reason: &mut String,
) -> Option<T> {
    match timeout_at(deadline, until_panicked(request)).await {
        Ok(Ended::Returned(Ok(answer))) => return Some(answer),
        Ok(Ended::Returned(Err(error))) => *reason = error.to_string(),
        Ok(Ended::Panicked(message)) => *reason = format!("collector panicked: {message}"),
        Ok(Ended::Cancelled) | Err(_) => {}
    }
    None
}

/// Lends one instance to `work` and terminates it however `work` ends. There is no other way to get one.
///
/// The lease is on disk before the launch, and off it once the instance is known to be gone. `releasing` is called
/// before the instance is given back, and must not take time.
pub async fn with_instance<P: Provider, T>(
    provider: &P,
    records: &LeaseRecords,
    request: &LaunchRequest,
    cancel: &CancellationToken,
    releasing: impl FnOnce(),
    work: impl AsyncFnOnce(&InstanceId) -> T,
) -> Leased<T> {
    let record = LeaseRecord {
        lease: request.lease.clone(),
        provider: provider.name().into(),
        region: provider.region().into(),
        saved_at: Timestamp::now(),
    };
    if let Err(error) = records.save(&record) {
        return Leased {
            ended: Err(error),
            release: Release::NothingLaunched,
        };
    }
    let leased = launched(provider, request, cancel, releasing, work).await;
    if !matches!(leased.release, Release::Unconfirmed { .. }) {
        records.forget(&request.lease);
    }
    leased
}

async fn launched<P: Provider, T>(
    provider: &P,
    request: &LaunchRequest,
    cancel: &CancellationToken,
    releasing: impl FnOnce(),
    work: impl AsyncFnOnce(&InstanceId) -> T,
) -> Leased<T> {
    let id = match launch(provider, request, cancel).await {
        Ok(id) => id,
        Err((error, release)) => {
            return Leased {
                ended: error.map_or(Ok(Ended::Cancelled), Err),
                release,
            };
        }
    };
    let ended = until_cancelled(cancel, work(&id)).await;
    // Whoever is told about it cannot keep the instance from being given back.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(releasing));
    // A signal does not end the release, but it leaves it less time.
    let hurried = async {
        cancel.cancelled().await;
        release(provider, &id, RELEASE_AFTER_SIGNAL).await
    };
    let release = tokio::select! { biased;
        release = hurried => release,
        release = release(provider, &id, RELEASE) => release,
    };
    Leased {
        ended: Ok(ended),
        release,
    }
}

fn patience(cancel: &CancellationToken) -> Duration {
    if cancel.is_cancelled() {
        RELEASE_AFTER_SIGNAL
    } else {
        RELEASE
    }
}

/// Launches, and finds by its tag what was launched without an answer.
async fn launch<P: Provider>(
    provider: &P,
    request: &LaunchRequest,
    cancel: &CancellationToken,
) -> Result<InstanceId, (Option<ProviderError>, Release)> {
    if cancel.is_cancelled() {
        return Err((None, Release::NothingLaunched));
    }
    // Not raced with the token: a launch that is dropped is an instance forgotten. Only its time is limited.
    let too_late = async {
        cancel.cancelled().await;
        sleep(LAUNCH_AFTER_SIGNAL).await;
    };
    let work = AssertUnwindSafe(provider.launch(request)).catch_unwind();
    let answer = tokio::select! { biased;
        answer = work => Some(answer),
        () = too_late => None,
    };
    match answer {
        Some(Ok(Ok(id))) => Ok(id),
        Some(Ok(Err(error))) if !error.may_have_launched() => {
            Err((Some(error), Release::NothingLaunched))
        }
        Some(Ok(Err(error))) => Err((Some(error), unanswered(provider, request, cancel).await)),
        Some(Err(_)) => {
            let error = ProviderError::Unanswered {
                action: "launch",
                message: "collector panicked".into(),
            };
            Err((Some(error), unanswered(provider, request, cancel).await))
        }
        None => Err((None, unanswered(provider, request, cancel).await)),
    }
}

/// What becomes of a launch without an answer.
async fn unanswered<P: Provider>(
    provider: &P,
    request: &LaunchRequest,
    cancel: &CancellationToken,
) -> Release {
    let patience = patience(cancel).min(SWEEP);
    match reclaim(provider, &request.lease, patience).await {
        // There was too little time for the instance to show up: that nothing was found says nothing.
        Release::NothingLaunched if cancel.is_cancelled() => Release::Unconfirmed {
            id: None,
            reason: "the launch was under way when the signal came".into(),
        },
        release => release,
    }
}

/// Ends what a launch without an answer may have left.
async fn reclaim<P: Reclaim>(provider: &P, lease: &LeaseToken, patience: Duration) -> Release {
    match sweep(provider, &Owner::Lease(lease.clone()), patience, patience).await {
        Err(reason) => Release::Unconfirmed { id: None, reason },
        Ok(releases) => {
            let worst = releases.into_iter().map(|(_, release)| release);
            worst
                .reduce(|worst, release| match worst {
                    Release::Unconfirmed { .. } => worst,
                    _ => release,
                })
                .unwrap_or(Release::NothingLaunched)
        }
    }
}

/// Ends every instance of the owner that shows up within `waiting`, and says what became of each. The provider is asked
/// once at least, and has `patience` for its answers.
///
/// # Errors
/// Why nobody knows whether there are any.
pub async fn sweep<P: Reclaim>(
    provider: &P,
    owner: &Owner,
    waiting: Duration,
    patience: Duration,
) -> Result<Vec<(InstanceId, Release)>, String> {
    let late = Instant::now() + waiting;
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    let mut answered = false;
    let mut reason = "no answer".to_owned();
    loop {
        if let Some(found) = attempt(deadline, provider.find(owner), &mut reason).await {
            answered = true;
            if !found.is_empty() {
                let mut releases = Vec::new();
                for instance in found {
                    let release = release(provider, &instance.id, patience).await;
                    releases.push((instance.id, release));
                }
                return Ok(releases);
            }
        }
        let end = if answered { late } else { deadline };
        if timeout_at(end, sleep(pause)).await.is_err() {
            return if answered {
                Ok(Vec::new())
            } else {
                Err(reason)
            };
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Gives an instance back. Deaf to cancellation, on purpose: only its own deadline ends it.
pub async fn release<P: Reclaim>(provider: &P, id: &InstanceId, patience: Duration) -> Release {
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    let mut reason = "no answer in time".to_owned();
    loop {
        if let Some(()) = attempt(deadline, provider.terminate(id), &mut reason).await {
            return Release::Terminated;
        }
        if timeout_at(deadline, sleep(pause)).await.is_err() {
            return Release::Unconfirmed {
                id: Some(id.clone()),
                reason,
            };
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// How long `reap` tries for each instance.
pub const REAP: Duration = RELEASE;

const _: () = assert!(cfg!(panic = "unwind"), "the bracket catches panics");
