//! HTTP as all of GitHub's services need it: one client, with deadlines, and one rule for when to retry.
//!
//! The client speaks to the artifact service, to the storage behind it and to the ID token service, and carries
//! octocrab's requests to the REST API. It goes through the runner's proxy, and retries nothing by itself: a `POST` whose
//! answer was lost must not be sent again before somebody has looked whether it took effect.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::backoff::Backoff;

/// For a connection, and for one request with its answer unless it carries a block of an artifact.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub(in crate::github) const REQUEST: Duration = Duration::from_secs(30);

/// The pause before the second attempt, at most, and the one that it doubles to.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A limit on what a token may write in a minute, where the server does not say when it ends.
const RATE_LIMIT_PAUSE: Duration = Duration::from_mins(1);

/// The most of an answer that is not understood that is repeated, in characters.
const MAX_EXCERPT: usize = 300;

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The server said no.
    #[error("{status}: {message}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its message.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The connection failed. What was asked may have been done.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// The request never left: it could not be made.
    #[error("nothing was sent: {0}")]
    Unsent(String),
    /// An answer that cannot be read.
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
}

impl HttpError {
    /// The time for which the server wants to be left alone.
    pub(in crate::github) fn wanted_pause(&self) -> Duration {
        match self {
            Self::Refused {
                retry_after: Some(wanted),
                ..
            } => *wanted,
            _ => Duration::ZERO,
        }
    }

    /// The status of a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the request may have taken effect in spite of the error.
    pub(crate) fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Unsent(_) => false,
            Self::Refused { status, .. } => *status >= 500,
            Self::Unanswered(_) | Self::Unreadable(_) => true,
        }
    }

    /// Whether the same question may get another answer later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unsent(_) => false,
            Self::Refused {
                status,
                retry_after,
                ..
            } => retry_after.is_some() || *status == 408 || *status == 429 || *status >= 500,
            // Something in between may have answered in the server's place.
            Self::Unanswered(_) | Self::Unreadable(_) => true,
        }
    }
}

/// The failure of a request that octocrab carried out.
pub(in crate::github) fn from_octocrab(error: octocrab::Error) -> HttpError {
    match error {
        octocrab::Error::Reqwest { source, .. } => unanswered(source),
        octocrab::Error::Service { source, .. } => match source.downcast() {
            Ok(error) => from_octocrab(*error),
            Err(source) => HttpError::Unanswered(source.to_string()),
        },
        error => HttpError::Unanswered(error.to_string()),
    }
}

/// The message of a failed request and of what made it fail.
fn unanswered(error: reqwest::Error) -> HttpError {
    // Addresses may carry a signature.
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    HttpError::Unanswered(message)
}

/// Makes the client that all services share.
///
/// # Errors
/// When this machine has no certificates to trust.
pub(crate) fn client() -> Result<reqwest::Client, HttpError> {
    // Somebody else may have chosen ring already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("collector/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST)
        // A signed address is good for one place only.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(unanswered)
}

/// Sends a request and takes only success for an answer.
///
/// # Errors
/// [`HttpError`], with the server's own message.
pub(crate) async fn send(request: RequestBuilder) -> Result<reqwest::Response, HttpError> {
    accept(request.send().await.map_err(unanswered)?).await
}

/// Takes only success for an answer.
///
/// # Errors
/// [`HttpError`], with the server's own message.
pub(in crate::github) async fn accept(
    response: reqwest::Response,
) -> Result<reqwest::Response, HttpError> {
    let status = response.status();
    // Without its query: that of a storage address is a signature.
    let path = response.url().path();
    tracing::debug!(status = status.as_u16(), path, "HTTP answered");
    if status.is_success() {
        return Ok(response);
    }
    let named = retry_after(status, response.headers(), Timestamp::now());
    let body = response.text().await.unwrap_or_default();
    let message = error_message(&body);
    let limited = status == StatusCode::FORBIDDEN && message.contains("rate limit");
    Err(HttpError::Refused {
        status: status.as_u16(),
        message,
        retry_after: named.or(limited.then_some(RATE_LIMIT_PAUSE)),
    })
}

/// Sends a request whose answer is JSON.
///
/// # Errors
/// [`HttpError`], with the server's own message.
pub(crate) async fn send_json<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<T, HttpError> {
    json(send(request).await?).await
}

/// Reads an answer that is JSON.
///
/// # Errors
/// [`HttpError`]; what was asked for is done all the same.
pub(crate) async fn json<T: DeserializeOwned>(response: reqwest::Response) -> Result<T, HttpError> {
    let body = response.bytes().await.map_err(unanswered)?;
    serde_json::from_slice(&body).map_err(|error| HttpError::Unreadable(error.to_string()))
}

/// Repeats an idempotent request until its answer will not change, or the deadline comes; the last error is the one that
/// counts.
pub(in crate::github) async fn retry<T, F: Future<Output = Result<T, HttpError>>>(
    deadline: Instant,
    mut request: impl FnMut() -> F,
) -> Result<T, HttpError> {
    let mut backoff = Backoff::until(deadline)
        .starting_with(FIRST_PAUSE)
        .up_to(MAX_PAUSE);
    let mut last = HttpError::Unanswered("no answer in time".into());
    loop {
        match timeout_at(deadline, request()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if !error.is_transient() => return Err(error),
            Ok(Err(error)) => last = error,
            Err(_) => return Err(last),
        }
        if !backoff.wait_longer(last.wanted_pause()).await {
            return Err(last);
        }
    }
}

/// When the server wants to be asked again: `Retry-After`, or the end of an exhausted rate limit.
fn retry_after(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let limited = matches!(status.as_u16(), 403 | 429 | 503);
    let exhausted = number("x-ratelimit-remaining") == Some(0);
    let seconds = number(RETRY_AFTER.as_str()).or_else(|| {
        let reset = number("x-ratelimit-reset").filter(|_| exhausted)?;
        Some(reset - now.as_second())
    });
    let seconds = seconds.filter(|_| limited)?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The message of a server in the body of a refusal: that of its JSON, or the start of its text.
fn error_message(body: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = json.as_ref().and_then(|json| {
        ["message", "msg", "error"]
            .iter()
            .find_map(|key| json.get(key)?.as_str())
    });
    let text = message.unwrap_or(body).trim();
    let mut excerpt: String = text.chars().take(MAX_EXCERPT).collect();
    if excerpt.is_empty() {
        excerpt = "no reason given".into();
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    fn refused(status: u16, retry_after: Option<u64>) -> HttpError {
        HttpError::Refused {
            status,
            message: "no".into(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// Answers one after the other; what came of it, how often was asked and how long it took in paused time.
    fn asked(answers: Vec<Result<u8, HttpError>>) -> (Result<u8, HttpError>, usize, Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let since = Instant::now();
            let left = RefCell::new(answers.into_iter());
            let count = Cell::new(0);
            let result = retry(since + Duration::from_mins(2), || async {
                count.set(count.get() + 1);
                left.borrow_mut().next().unwrap()
            })
            .await;
            (result, count.get(), since.elapsed())
        })
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_not() {
        let lost = || HttpError::Unanswered("reset".into());
        assert_eq!(
            asked(vec![Err(lost()), Err(refused(500, None)), Ok(1)]).0,
            Ok(1)
        );
        let (result, count, _) = asked(vec![Err(refused(403, None)), Ok(1)]);
        assert_eq!((result, count), (Err(refused(403, None)), 1));
    }

    #[test]
    fn a_server_that_names_a_time_gets_it() {
        let (result, _, took) = asked(vec![Err(refused(429, Some(7))), Ok(1)]);
        assert_eq!(result, Ok(1));
        let seven = Duration::from_secs(7);
        assert!(took >= seven && took <= seven + FIRST_PAUSE, "{took:?}");
        let (result, count, took) = asked(vec![Err(refused(429, Some(600)))]);
        assert_eq!((result.is_err(), count, took), (true, 1, Duration::ZERO));
    }

    #[test]
    fn an_exhausted_rate_limit_ends_when_the_server_says() {
        let now = Timestamp::from_second(1_000).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", "1060".parse().unwrap());
        assert_eq!(retry_after(StatusCode::FORBIDDEN, &headers, now), None);
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        let minute = Some(Duration::from_mins(1));
        assert_eq!(retry_after(StatusCode::FORBIDDEN, &headers, now), minute);
        assert_eq!(retry_after(StatusCode::NOT_FOUND, &headers, now), None);
    }

    #[test]
    fn a_server_is_quoted() {
        assert_eq!(error_message(r#"{"message": "Not Found"}"#), "Not Found");
        assert_eq!(
            error_message(r#"{"code": "x", "msg": "expired"}"#),
            "expired"
        );
        assert_eq!(error_message("<html>"), "<html>");
        assert_eq!(error_message(""), "no reason given");
    }
}
