//! One comment that many jobs write to: each joins its row to what is there, and stays until it has seen it stay.
//!
//! The API has no conditional write, so two jobs that read at the same time overwrite each other. Rows are joined (see
//! [`Rows::merge`]), so nothing but a row can be lost, and its job writes it again: a job leaves only when its row is
//! on the comment [`SETTLING_TIME`] after it wrote it. By then whoever had read the comment before has written it, or has given
//! up: reading and writing together have no more time than that. What remains is a write that GitHub carries out after
//! its job has given it up.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{CommentKey, Row, Rows};
use crate::backoff::Backoff;
use crate::github::api::{Api, Comment, Thread};
use crate::github::http::HttpError;

/// A job has so long to read the comment and to write it.
const SETTLING_TIME: Duration = Duration::from_millis(2500);

/// Random extra delay between attempts, at most; it doubles after each collision. The jobs of a
/// matrix tend to end together, and GitHub takes 80 writes a minute of all of them: they keep apart from the start.
const SPREAD: Duration = Duration::from_secs(1);
const SPREAD_IN_MATRIX: Duration = Duration::from_secs(8);
const MAX_SPREAD: Duration = Duration::from_secs(64);

/// After this a job leaves, whatever the comment looks like.
const PATIENCE: Duration = Duration::from_mins(5);

/// Why there is no comment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommentError {
    /// The token may not write.
    #[error("the token may not write it ({0})")]
    ReadOnly(HttpError),
    /// Nobody may comment on it any more.
    #[error("the conversation is locked ({0})")]
    Locked(HttpError),
    /// Other jobs have written it all the time.
    #[error("other jobs wrote it all the time, and the row of this one may be missing")]
    Contended,
    /// GitHub failed.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl CommentError {
    /// A failure, told by what it means: a token that may not see something is told that it is not there.
    pub(crate) fn of(error: HttpError) -> Self {
        match &error {
            HttpError::Refused {
                status: 403,
                message,
                ..
            } if message.contains("is locked") => Self::Locked(error),
            HttpError::Refused {
                status: 401 | 403 | 404,
                retry_after: None,
                ..
            } => Self::ReadOnly(error),
            _ => Self::Http(error),
        }
    }
}

/// A comment that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// Its page.
    pub url: String,
    /// It shows a newer workflow run instead.
    pub superseded: bool,
}

/// The result of a look at the thread.
enum Look {
    /// The rows are there, or some that take their place.
    Done(Published),
    /// Something was written or is to be written again; the author of the comment.
    Retry(String),
}

/// Brings the rows of a run onto the thread's comment.
///
/// Takes some seconds, mostly of waiting, and more of them where this is one of several jobs of a matrix.
///
/// # Errors
/// [`CommentError`]; there may be a comment all the same.
pub(crate) async fn publish(
    api: &Api,
    thread: &Thread,
    key: &CommentKey,
    rows: &[Row],
    in_matrix: bool,
) -> Result<Published, CommentError> {
    let deadline = Instant::now() + PATIENCE;
    let mut login = api.login().await;
    let mut spread = SPREAD;
    if in_matrix {
        spread = SPREAD_IN_MATRIX;
        sleep(spread.mul_f64(rand::random_range(0.0..1.0))).await;
    }
    let mut backoff = Backoff::until(deadline)
        .starting_with(spread)
        .up_to(MAX_SPREAD);
    let mut last = CommentError::Http(HttpError::Unanswered("no answer in time".into()));
    loop {
        let looking = look(api, thread, &login, key, rows);
        let mut wanted = Duration::ZERO;
        match timeout_at(deadline, looking).await {
            Ok(Ok(Look::Done(published))) => return Ok(published),
            Ok(Ok(Look::Retry(author))) => {
                login = author;
                last = CommentError::Contended;
            }
            Ok(Err(error)) if error.is_transient() => {
                wanted = error.wanted_pause();
                last = error.into();
            }
            Ok(Err(error)) => return Err(CommentError::of(error)),
            Err(_) => return Err(last),
        }
        if !backoff.wait_longer(wanted + SETTLING_TIME).await {
            return Err(last);
        }
    }
}

async fn look(
    api: &Api,
    thread: &Thread,
    login: &str,
    key: &CommentKey,
    rows: &[Row],
) -> Result<Look, HttpError> {
    // Anyone can write a comment with the marker in it; only our own are believed.
    let own = |comment: Comment| {
        let table = Rows::parse(comment.body(), key)?;
        (comment.author() == login).then_some((comment, table))
    };
    let mut ours: Vec<_> = api
        .comments(thread)
        .await?
        .into_iter()
        .filter_map(own)
        .collect();
    ours.sort_by_key(|(comment, _)| comment.id);
    let there = ours.iter().map(|(_, table)| table.clone());
    let joined = there.fold(rows.iter().cloned().collect(), Rows::merge);
    let mut ours = ours.into_iter();
    let Some((first, table)) = ours.next() else {
        let created = api.create(thread, &joined.body(key)).await?;
        return Ok(Look::Retry(created.author().to_owned()));
    };
    let later: Vec<u64> = ours.map(|(comment, _)| comment.id).collect();
    if later.is_empty() && rows.iter().all(|row| table.contains(row)) {
        return Ok(Look::Done(Published {
            url: first.html_url,
            superseded: rows.iter().any(|row| table.is_newer_than(row)),
        }));
    }
    if let Ok(written) = timeout(SETTLING_TIME, rewrite(api, thread, first.id, key, joined)).await {
        let Some(written) = written? else {
            // It is gone, and what it said with it.
            return Ok(Look::Retry(login.to_owned()));
        };
        for id in later {
            api.delete(thread, id).await?;
        }
        return Ok(Look::Retry(written.author().to_owned()));
    }
    Ok(Look::Retry(login.to_owned()))
}

/// Joins rows to what the comment says at this moment.
async fn rewrite(
    api: &Api,
    thread: &Thread,
    id: u64,
    key: &CommentKey,
    rows: Rows,
) -> Result<Option<Comment>, HttpError> {
    let Some(now) = api.comment(thread, id).await? else {
        return Ok(None);
    };
    let there = Rows::parse(now.body(), key).unwrap_or_default();
    api.update(thread, id, &rows.merge(there).body(key)).await
}
