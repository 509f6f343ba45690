//! Work that a token or a panic may end.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

/// The end of a piece of work.
#[derive(Debug)]
pub enum Completion<T> {
    /// It returned.
    Returned(T),
    /// The run was cancelled and the work dropped.
    Cancelled,
    /// It panicked, with this message.
    Panicked(String),
}

/// Runs `work` until it ends, panics or is cancelled.
pub(crate) async fn until_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Completion<T> {
    tokio::select! { biased;
        () = cancel.cancelled() => Completion::Cancelled,
        ended = until_panicked(work) => ended,
    }
}

/// Runs `work` until it ends or panics.
pub(crate) async fn until_panicked<T>(work: impl Future<Output = T>) -> Completion<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(value) => Completion::Returned(value),
        Err(panic) => Completion::Panicked(
            panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "unknown panic".into()),
        ),
    }
}

const _: () = assert!(cfg!(panic = "unwind"), "panics are caught here");
