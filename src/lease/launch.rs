//! The launch: asked for until it is answered, and looked for by its tag where it was not.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{EVENTUAL_CONSISTENCY, Lessor, TERMINATION_DEADLINE, sweep};
use crate::backoff::Backoff;
use crate::cancel::{Completion, until_cancelled, until_panicked};
use crate::instance::{InstanceId, LaunchRequest, Owner};
use crate::provider::{Provider, ProviderError, RefusalKind};
use crate::report::Release;

/// The deadline of a launch: past it a provider that is busy is not asked again.
const LAUNCH_DEADLINE: Duration = Duration::from_mins(2);

/// The deadline of a launch that the provider has no time for: EC2 gives an account two instances a second once the first
/// thousand are out, so the last shards of a large run wait for hours. It is no longer than this part of the instance's life,
/// whose end is written down before the launch.
const THROTTLED_DEADLINE: Duration = Duration::from_hours(2);
const THROTTLED_PART: u32 = 4;

/// The longest pause meanwhile.
const MAX_THROTTLED_PAUSE: Duration = Duration::from_mins(2);

/// The deadline of a launch that no connection was made for: a network that is down is told soon.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(20);

/// The time that a launch still has after a signal, before its instances are looked for by their tag instead.
const LAUNCH_GRACE_AFTER_SIGNAL: Duration = Duration::from_secs(1);

/// A launch that gave no instances.
pub(super) struct NotLaunched {
    /// The error; `None` where it was cancelled.
    pub(super) error: Option<ProviderError>,
    /// The fate of the instances that it may have launched.
    pub(super) release: Release,
    /// One request at least got no answer: what it made may show up later.
    pub(super) unanswered: bool,
}

impl NotLaunched {
    /// A launch that certainly launched nothing.
    fn nothing(error: Option<ProviderError>) -> Self {
        Self {
            error,
            release: Release::NothingLaunched,
            unanswered: false,
        }
    }
}

/// The end of the attempts with one candidate.
struct Failed {
    error: Option<ProviderError>,
    unanswered: bool,
}

impl<P: Provider> Lessor<'_, P> {
    /// Launches the first candidate that the provider has room for.
    pub(super) async fn launch(
        &self,
        candidates: Vec<P::Candidate>,
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, NotLaunched> {
        let mut last = None;
        for mut candidate in candidates {
            if let Err(Failed { error, unanswered }) = self.prepare(&mut candidate, request).await {
                return Err(NotLaunched {
                    unanswered,
                    ..NotLaunched::nothing(error)
                });
            }
            match self.attempt_launch(&candidate, request).await {
                Ok(ids) => return Ok(ids),
                Err(Failed {
                    error,
                    unanswered: true,
                }) => {
                    return Err(NotLaunched {
                        error,
                        release: self.find_unanswered(request).await,
                        unanswered: true,
                    });
                }
                Err(Failed { error, .. }) => {
                    let no_room = matches!(
                        error,
                        Some(ProviderError::Refused {
                            kind: RefusalKind::Capacity,
                            ..
                        })
                    );
                    last = error;
                    if !no_room {
                        break;
                    }
                }
            }
        }
        Err(NotLaunched::nothing(last))
    }

    async fn prepare(
        &self,
        candidate: &mut P::Candidate,
        request: &LaunchRequest,
    ) -> Result<(), Failed> {
        let mut backoff = Backoff::until(Instant::now() + LAUNCH_DEADLINE);
        let mut unanswered = false;
        while !self.cancel.is_cancelled() {
            // Not raced with the token, as a launch: what is dropped may be made all the same, and nobody knows of it.
            let error = tokio::select! { biased;
                answer = until_panicked(self.provider.prepare(candidate, request)) => match answer {
                    Completion::Returned(Ok(())) if self.cancel.is_cancelled() => break,
                    Completion::Returned(Ok(())) => return Ok(()),
                    Completion::Returned(Err(error)) => error,
                    Completion::Panicked(message) => {
                        return Err(Failed { error: Some(panicked(&message)), unanswered: true });
                    }
                    Completion::Cancelled => break,
                },
                () = self.too_late() => return Err(Failed { error: None, unanswered: true }),
            };
            unanswered |= error.may_have_taken_effect();
            let again = error.is_transient() && self.waits(&mut backoff).await;
            if !again {
                return Err(Failed {
                    error: Some(error),
                    unanswered,
                });
            }
        }
        Err(Failed {
            error: None,
            unanswered,
        })
    }

    /// Waits before the next attempt; `false` where there is none, for it is too late or the run was cancelled.
    async fn waits(&self, backoff: &mut Backoff) -> bool {
        let waited = until_cancelled(self.cancel, backoff.wait()).await;
        matches!(waited, Completion::Returned(true))
    }

    /// Passes when a launch has had its time after a signal.
    async fn too_late(&self) {
        self.signal.cancelled().await;
        self.deadline_after_signal();
        sleep(LAUNCH_GRACE_AFTER_SIGNAL).await;
    }

    /// Asks for the launch until there is an answer. Asking again is safe: the lease is the same.
    async fn attempt_launch(
        &self,
        candidate: &P::Candidate,
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, Failed> {
        let since = Instant::now();
        let mut backoff = Backoff::until(since + LAUNCH_DEADLINE);
        let patience = (request.max_lifetime / THROTTLED_PART).min(THROTTLED_DEADLINE);
        let mut throttled =
            Backoff::until(since + patience.max(LAUNCH_DEADLINE)).up_to(MAX_THROTTLED_PAUSE);
        let mut unanswered = false;
        loop {
            // Not raced with the token: a launch that is dropped is an instance forgotten. Only its time is limited.
            let error = tokio::select! { biased;
                answer = until_panicked(self.provider.launch(candidate, request)) => match answer {
                    Completion::Returned(Ok(ids)) if !ids.is_empty() => return Ok(ids),
                    Completion::Returned(Ok(_)) => {
                        no_answer("the answer names no instance".into())
                    }
                    Completion::Returned(Err(error)) => error,
                    Completion::Panicked(message) => {
                        return Err(Failed { error: Some(panicked(&message)), unanswered: true });
                    }
                    Completion::Cancelled => return Err(Failed { error: None, unanswered: true }),
                },
                () = self.too_late() => return Err(Failed { error: None, unanswered: true }),
            };
            // A refusal says nothing about an earlier attempt that got no answer.
            unanswered |= error.may_have_taken_effect();
            let unconnected = !unanswered && matches!(error, ProviderError::Unreachable { .. });
            let backoff = match error {
                ProviderError::Refused {
                    kind: RefusalKind::Transient,
                    ..
                } if !unanswered => &mut throttled,
                _ => &mut backoff,
            };
            let again = error.is_transient()
                && !(unconnected && since.elapsed() >= CONNECTION_DEADLINE)
                && self.waits(backoff).await;
            if !again {
                return Err(Failed {
                    error: Some(error),
                    unanswered,
                });
            }
        }
    }

    /// Ends what a launch without an answer may have left.
    async fn find_unanswered(&self, request: &LaunchRequest) -> Release {
        let now = Instant::now();
        let hurry = self.signal.is_cancelled();
        let (waiting, deadline) = if hurry {
            let deadline = self.termination_deadline_after_signal();
            (deadline, deadline)
        } else {
            (now + EVENTUAL_CONSISTENCY, now + TERMINATION_DEADLINE)
        };
        let owner = Owner::Lease(request.lease.clone());
        match sweep(self.provider, &owner, &[], waiting, deadline).await {
            Err(reason) => Release::Unconfirmed { id: None, reason },
            // There was too little time for the instance to show up: that nothing was found says nothing.
            Ok(releases) if releases.is_empty() && hurry => Release::Unconfirmed {
                id: None,
                reason: "the launch was under way when the signal came".into(),
            },
            Ok(releases) => releases
                .into_iter()
                .map(|(_, release)| release)
                .reduce(|worst, release| match worst {
                    Release::Unconfirmed { .. } => worst,
                    _ => release,
                })
                .unwrap_or(Release::NothingLaunched),
        }
    }
}

fn no_answer(message: String) -> ProviderError {
    ProviderError::Unanswered {
        action: "launch",
        message,
    }
}

fn panicked(message: &str) -> ProviderError {
    no_answer(format!("collector panicked: {message}"))
}
