//! One comment that many jobs write to: each joins its row to what is there, and stays until it has seen it stay.
//!
//! The API has no conditional write, so two jobs that read at the same time overwrite each other. Rows are joined (see
//! [`Sheet::merge`]), so nothing but a row can be lost, and its job writes it again: a job leaves only when its row is
//! on the comment [`SETTLE`] after it wrote it. By then whoever had read the comment before has written it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::api::{Api, Comment, Thread};
use super::comment::{Key, Row, Sheet};
use super::http::HttpError;

/// Longer than any job takes between reading the comment and writing it.
const SETTLE: Duration = Duration::from_millis(2500);

/// By chance up to so much longer, at first; it doubles, so that jobs that met once do not meet again.
const SPREAD: Duration = Duration::from_secs(1);
const WIDEST: Duration = Duration::from_secs(16);

/// After this a job leaves, whatever the comment looks like.
const PATIENCE: Duration = Duration::from_mins(3);

/// Why there is no comment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommentError {
    /// The token may not write.
    #[error("the token may not write it ({0})")]
    ReadOnly(HttpError),
    /// GitHub failed.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl CommentError {
    /// A failure, told by what it means: a token that may not see something is told that it is not there.
    pub fn of(error: HttpError) -> Self {
        match &error {
            HttpError::Refused {
                status: 401 | 403 | 404,
                retry_after: None,
                ..
            } => Self::ReadOnly(error),
            _ => Self::Http(error),
        }
    }
}

/// What a look at the thread led to.
enum Look {
    /// The row is there, or one that takes its place; the comment's address.
    Settled(String),
    /// Something was written, by this author.
    Written(String),
}

/// Brings a row onto the thread's comment, and returns the comment's address.
///
/// Takes some seconds, mostly of waiting.
///
/// # Errors
/// [`CommentError`]; there may be a comment all the same.
pub async fn publish(
    api: &Api<'_>,
    thread: &Thread,
    key: &Key,
    row: &Row,
) -> Result<String, CommentError> {
    let deadline = Instant::now() + PATIENCE;
    let mut login = api.login().await;
    let mut spread = SPREAD;
    let mut last = HttpError::Unanswered("no answer in time".into());
    loop {
        let looking = look(api, thread, &login, key, row);
        let mut wanted = Duration::ZERO;
        match timeout_at(deadline, looking).await {
            Ok(Ok(Look::Settled(url))) => return Ok(url),
            Ok(Ok(Look::Written(author))) => login = author,
            Ok(Err(error)) if error.is_passing() => {
                if let HttpError::Refused {
                    retry_after: Some(after),
                    ..
                } = &error
                {
                    wanted = *after;
                }
                last = error;
            }
            Ok(Err(error)) => return Err(CommentError::of(error)),
            Err(_) => return Err(last.into()),
        }
        let pause = wanted + SETTLE + spread.mul_f64(rand::random_range(0.0..1.0));
        spread = (spread * 2).min(WIDEST);
        if Instant::now() + pause >= deadline {
            return Err(last.into());
        }
        sleep(pause).await;
    }
}

async fn look(
    api: &Api<'_>,
    thread: &Thread,
    login: &str,
    key: &Key,
    row: &Row,
) -> Result<Look, HttpError> {
    // Anyone can write a comment with the marker in it; only our own are believed.
    let own = |comment: Comment| {
        let sheet = Sheet::parse(comment.body(), key)?;
        (comment.author() == login).then_some((comment, sheet))
    };
    let mut ours: Vec<_> = api
        .comments(thread)
        .await?
        .into_iter()
        .filter_map(own)
        .collect();
    ours.sort_by_key(|(comment, _)| comment.id);
    let there = ours.iter().map(|(_, sheet)| sheet.clone());
    let joined = there.fold(Sheet::from(row.clone()), Sheet::merge);
    let mut ours = ours.into_iter();
    let Some((first, sheet)) = ours.next() else {
        let created = api.create(thread, &joined.body(key)).await?;
        return Ok(Look::Written(created.author().to_owned()));
    };
    let later: Vec<u64> = ours.map(|(comment, _)| comment.id).collect();
    if later.is_empty() && sheet.contains(row) {
        return Ok(Look::Settled(first.html_url));
    }
    let updated = api.update(thread, first.id, &joined.body(key)).await?;
    for id in later {
        api.delete(thread, id).await?;
    }
    Ok(Look::Written(updated.author().to_owned()))
}
