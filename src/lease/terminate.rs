//! Termination: many instances in one request, until it is confirmed. Deaf to cancellation, on purpose: only a deadline
//! ends it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::has_ended;
use crate::backoff::Backoff;
use crate::cancel::{Completion, until_panicked};
use crate::instance::{InstanceId, Owner};
use crate::provider::{Provider, ProviderError, RefusalKind, Sweep};
use crate::report::Release;

/// The reason of what nobody gave a reason for.
const NO_ANSWER: &str = "no answer in time";

/// The time that an instance has to be seen ending after it was told to power itself off.
const POWER_OFF_DEADLINE: Duration = Duration::from_secs(20);

/// The time that a request waits for others to share it, where there are several instances: EC2 counts requests.
const GATHERING_TIME: Duration = Duration::from_millis(50);

/// An attempt that failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure {
    /// The failure and its remedy.
    pub(super) reason: String,
    /// The provider refused, and will not change its mind by itself.
    is_final: bool,
}

impl Failure {
    /// Takes a later failure in its place, unless that one only says that time was up.
    fn update(&mut self, later: Self) {
        if self.reason.is_empty() || later.reason != NO_ANSWER {
            *self = later;
        }
    }
}

/// Asks the provider once; a panic is an error like any other, for the instance costs money all the same.
pub(super) async fn attempt<T>(
    deadline: Instant,
    request: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, Failure> {
    let reason = match timeout_at(deadline, until_panicked(request)).await {
        Ok(Completion::Returned(Ok(answer))) => return Ok(answer),
        Ok(Completion::Returned(Err(error))) => {
            let reason = match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
            return Err(Failure {
                reason,
                is_final: error.refusal_kind() == Some(RefusalKind::Final),
            });
        }
        Ok(Completion::Panicked(message)) => format!("collector panicked: {message}"),
        Ok(Completion::Cancelled) | Err(_) => NO_ANSWER.into(),
    };
    Err(Failure {
        reason,
        is_final: false,
    })
}

/// The terminations of one lease: what is asked for while a request is under way shares the next one.
#[derive(Debug)]
pub(super) struct Terminations<'a, P> {
    provider: &'a P,
    state: RefCell<State>,
    under_way: Mutex<()>,
    /// The time that a request waits for others to share it.
    gathering: Duration,
}

#[derive(Debug, Default)]
struct State {
    wanted: BTreeSet<InstanceId>,
    gone: BTreeSet<InstanceId>,
    failure: Failure,
}

impl<'a, P: Provider> Terminations<'a, P> {
    pub(super) fn new(provider: &'a P, instances: usize) -> Self {
        Self {
            gathering: if instances > 1 {
                GATHERING_TIME
            } else {
                Duration::ZERO
            },
            provider,
            state: RefCell::default(),
            under_way: Mutex::new(()),
        }
    }

    /// Terminates an instance. Where the provider refuses for good, the instance is told to end itself.
    pub(super) async fn terminate(&self, id: &InstanceId, deadline: Instant) -> Release {
        let mut backoff = Backoff::until(deadline);
        let mut powered_off = None;
        self.state.borrow_mut().wanted.insert(id.clone());
        loop {
            if let Ok(turn) = timeout_at(deadline, self.under_way.lock()).await {
                if self.state.borrow().wanted.contains(id) {
                    // Until the deadline of the request, if that is sooner.
                    let _ = timeout_at(deadline, sleep(self.gathering)).await;
                    let wanted: Vec<_> = self.state.borrow().wanted.iter().cloned().collect();
                    let answer = attempt(deadline, self.provider.terminate(&wanted)).await;
                    let mut state = self.state.borrow_mut();
                    match answer {
                        Ok(gone) => {
                            for id in gone {
                                state.wanted.remove(&id);
                                state.gone.insert(id);
                            }
                        }
                        Err(failure) => state.failure.update(failure),
                    }
                }
                drop(turn);
            }
            if self.state.borrow().gone.contains(id) {
                return Release::Terminated;
            }
            let Failure { reason, is_final } = self.state.borrow().failure.clone();
            if is_final && powered_off.is_none() {
                let told = timeout_at(deadline, self.provider.power_off(id)).await;
                powered_off = Some(told.unwrap_or(false));
                if powered_off == Some(true) {
                    backoff = Backoff::until(deadline.min(Instant::now() + POWER_OFF_DEADLINE));
                }
            }
            if powered_off == Some(true) {
                let ended = timeout_at(deadline, has_ended(self.provider, id)).await;
                if let Ok(Some(_)) = ended {
                    return Release::Terminated;
                }
            }
            if !backoff.wait().await {
                return match powered_off {
                    Some(true) => unconfirmed(
                        id,
                        &format!("{reason}; over SSH it was told to power itself off"),
                    ),
                    _ => unconfirmed(id, &reason),
                };
            }
        }
    }
}

fn unconfirmed(id: &InstanceId, reason: &str) -> Release {
    let reason = if reason.is_empty() { NO_ANSWER } else { reason };
    Release::Unconfirmed {
        id: Some(id.clone()),
        reason: reason.into(),
    }
}

/// Terminates instances, all in one request at a time, until each is confirmed or the deadline has passed.
pub async fn terminate_all<P: Sweep>(
    provider: &P,
    ids: &[InstanceId],
    deadline: Instant,
) -> Vec<(InstanceId, Release)> {
    let mut backoff = Backoff::until(deadline);
    let mut wanted = ids.to_vec();
    let mut failed = Failure::default();
    loop {
        match attempt(deadline, provider.terminate(&wanted)).await {
            Ok(gone) => wanted.retain(|id| !gone.contains(id)),
            Err(failure) => failed.update(failure),
        }
        if wanted.is_empty() || !backoff.wait().await {
            return ids
                .iter()
                .map(|id| {
                    let release = if wanted.contains(id) {
                        unconfirmed(id, &failed.reason)
                    } else {
                        Release::Terminated
                    };
                    (id.clone(), release)
                })
                .collect();
        }
    }
}

/// Ends every instance of the owner, but for those that are spared, that shows up before `waiting`, and returns what became of each. The provider is
/// asked once at least, and has until `deadline` for its answers.
///
/// # Errors
/// The reason for which it is not known whether there are any.
pub async fn sweep<P: Sweep>(
    provider: &P,
    owner: &Owner,
    spared: &[InstanceId],
    waiting: Instant,
    deadline: Instant,
) -> Result<Vec<(InstanceId, Release)>, String> {
    let mut unanswered = Backoff::until(deadline);
    let mut empty = Backoff::until(waiting);
    let mut answered = false;
    let mut failed = Failure::default();
    loop {
        match attempt(deadline, provider.find(owner)).await {
            Ok(found) => {
                let mut ids: Vec<_> = found.into_iter().map(|found| found.id).collect();
                ids.retain(|id| !spared.contains(id));
                if ids.is_empty() {
                    answered = true;
                } else {
                    return Ok(terminate_all(provider, &ids, deadline).await);
                }
            }
            Err(failure) => failed.update(failure),
        }
        let backoff = if answered {
            &mut empty
        } else {
            &mut unanswered
        };
        if !backoff.wait().await {
            return if answered {
                Ok(Vec::new())
            } else {
                Err(failed.reason)
            };
        }
    }
}
