//! The wait until instances run: one question about all of them at a time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::instance::{Instance, InstanceId, InstanceState};
use crate::provider::{ProviderError, Sweep};

/// The deadline for an instance that was granted to run.
const RUNNING_DEADLINE: Duration = Duration::from_mins(5);

/// The pause between two questions.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The deadline for the question whether an instance still lives.
const ALIVE_DEADLINE: Duration = Duration::from_secs(10);

/// Asks whether an instance has ended, and if so why; `None` also where the provider does not tell.
pub async fn has_ended<P: Sweep>(provider: &P, id: &InstanceId) -> Option<ProviderError> {
    let ids = [id.clone()];
    let states = timeout(ALIVE_DEADLINE, provider.states(&ids)).await;
    states
        .ok()?
        .ok()?
        .into_iter()
        .find_map(|(id, state)| match state {
            InstanceState::Gone { state, reason } => {
                Some(ProviderError::InstanceGone { id, state, reason })
            }
            InstanceState::Pending | InstanceState::Running(_) => None,
        })
}

/// The states of the instances of a run, asked for together.
#[derive(Debug)]
pub struct Readiness<'a, P> {
    provider: &'a P,
    states: RefCell<BTreeMap<InstanceId, InstanceState>>,
    /// Held by whoever asks; the time of the next question.
    asking: Mutex<Instant>,
}

impl<'a, P: Sweep> Readiness<'a, P> {
    /// Nothing is asked until somebody waits.
    pub fn new(provider: &'a P) -> Self {
        Self {
            provider,
            states: RefCell::default(),
            asking: Mutex::new(Instant::now()),
        }
    }

    /// Waits until the instance runs. Trouble of the provider's is waited out: the instance is paid for.
    ///
    /// # Errors
    /// When the instance has ended, the provider refuses to tell, or the deadline has passed.
    pub async fn wait(&self, id: &InstanceId) -> Result<Instance, ProviderError> {
        let deadline = Instant::now() + RUNNING_DEADLINE;
        self.states
            .borrow_mut()
            .insert(id.clone(), InstanceState::Pending);
        let mut trouble = None;
        // The first question is about all that are launched together, not about the first of them.
        yield_now().await;
        let waiting = async {
            loop {
                let mut next = self.asking.lock().await;
                if let Some(answer) = self.answer(id) {
                    return answer;
                }
                sleep_until(*next).await;
                let ids = self.pending();
                let answer = self.provider.states(&ids).await;
                *next = Instant::now() + POLL_INTERVAL;
                match answer {
                    Ok(states) => self.states.borrow_mut().extend(states),
                    Err(error) if error.is_transient() => trouble = Some(error),
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout_at(deadline, waiting).await {
            Ok(ready) => ready,
            Err(_) => Err(trouble.unwrap_or_else(|| ProviderError::TooSlow {
                id: id.clone(),
                what: "running",
                seconds: RUNNING_DEADLINE.as_secs(),
            })),
        }
    }

    fn pending(&self) -> Vec<InstanceId> {
        self.states
            .borrow()
            .iter()
            .filter(|(_, state)| **state == InstanceState::Pending)
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn answer(&self, id: &InstanceId) -> Option<Result<Instance, ProviderError>> {
        match self.states.borrow().get(id)? {
            InstanceState::Pending => None,
            InstanceState::Running(instance) => Some(Ok(instance.clone())),
            InstanceState::Gone { state, reason } => Some(Err(ProviderError::InstanceGone {
                id: id.clone(),
                state: state.clone(),
                reason: reason.clone(),
            })),
        }
    }
}
