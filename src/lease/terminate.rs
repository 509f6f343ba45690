//! Termination: many instances in one request, until it is confirmed. Deaf to cancellation, on purpose: only a deadline
//! ends it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::Backoff;
use crate::cancel::{Completion, until_panicked};
use crate::instance::{InstanceId, Owner};
use crate::provider::{ProviderError, Reclaim};
use crate::report::Release;

/// Asks the provider once; a panic is an error like any other, for the instance costs money all the same.
pub(super) async fn attempt<T>(
    deadline: Instant,
    request: impl Future<Output = Result<T, ProviderError>>,
    reason: &mut String,
) -> Option<T> {
    match timeout_at(deadline, until_panicked(request)).await {
        Ok(Completion::Returned(Ok(answer))) => return Some(answer),
        Ok(Completion::Returned(Err(error))) => {
            *reason = match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
        }
        Ok(Completion::Panicked(message)) => *reason = format!("collector panicked: {message}"),
        Ok(Completion::Cancelled) | Err(_) => {}
    }
    None
}

/// The terminations of one lease: what is asked for while a request is under way shares the next one.
#[derive(Debug)]
pub(super) struct Terminations<'a, P> {
    provider: &'a P,
    state: RefCell<State>,
    under_way: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    wanted: BTreeSet<InstanceId>,
    gone: BTreeSet<InstanceId>,
    reason: String,
}

impl<'a, P: Reclaim> Terminations<'a, P> {
    pub(super) fn new(provider: &'a P) -> Self {
        Self {
            provider,
            state: RefCell::default(),
            under_way: Mutex::new(()),
        }
    }

    /// Terminates an instance.
    pub(super) async fn terminate(&self, id: &InstanceId, deadline: Instant) -> Release {
        let mut backoff = Backoff::until(deadline);
        self.state.borrow_mut().wanted.insert(id.clone());
        loop {
            if let Ok(turn) = timeout_at(deadline, self.under_way.lock()).await {
                let wanted: Vec<_> = self.state.borrow().wanted.iter().cloned().collect();
                if wanted.contains(id) {
                    let mut reason = String::new();
                    let gone =
                        attempt(deadline, self.provider.terminate(&wanted), &mut reason).await;
                    let mut state = self.state.borrow_mut();
                    for id in gone.into_iter().flatten() {
                        state.wanted.remove(&id);
                        state.gone.insert(id);
                    }
                    if !reason.is_empty() {
                        state.reason = reason;
                    }
                }
                drop(turn);
            }
            if self.state.borrow().gone.contains(id) {
                return Release::Terminated;
            }
            if !backoff.wait().await {
                return unconfirmed(id, &self.state.borrow().reason);
            }
        }
    }
}

fn unconfirmed(id: &InstanceId, reason: &str) -> Release {
    let reason = if reason.is_empty() {
        "no answer in time"
    } else {
        reason
    };
    Release::Unconfirmed {
        id: Some(id.clone()),
        reason: reason.into(),
    }
}

/// Terminates instances, all in one request at a time, until each is confirmed or the deadline has passed.
pub async fn terminate_all<P: Reclaim>(
    provider: &P,
    ids: &[InstanceId],
    deadline: Instant,
) -> Vec<(InstanceId, Release)> {
    let mut backoff = Backoff::until(deadline);
    let mut wanted = ids.to_vec();
    let mut reason = String::new();
    loop {
        let gone = attempt(deadline, provider.terminate(&wanted), &mut reason).await;
        wanted.retain(|id| !gone.iter().flatten().any(|gone| gone == id));
        if wanted.is_empty() || !backoff.wait().await {
            return ids
                .iter()
                .map(|id| {
                    let release = if wanted.contains(id) {
                        unconfirmed(id, &reason)
                    } else {
                        Release::Terminated
                    };
                    (id.clone(), release)
                })
                .collect();
        }
    }
}

/// Ends every instance of the owner that shows up before `waiting`, and returns what became of each. The provider is
/// asked once at least, and has until `deadline` for its answers.
///
/// # Errors
/// The reason for which it is not known whether there are any.
pub async fn sweep<P: Reclaim>(
    provider: &P,
    owner: &Owner,
    waiting: Instant,
    deadline: Instant,
) -> Result<Vec<(InstanceId, Release)>, String> {
    let mut unanswered = Backoff::until(deadline);
    let mut empty = Backoff::until(waiting);
    let mut answered = false;
    let mut reason = "no answer".to_owned();
    loop {
        let found = attempt(deadline, provider.find(owner), &mut reason).await;
        answered |= found.is_some();
        let ids: Vec<_> = found.into_iter().flatten().map(|found| found.id).collect();
        if !ids.is_empty() {
            return Ok(terminate_all(provider, &ids, deadline).await);
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
                Err(reason)
            };
        }
    }
}
