//! File work, which waits for the disk.

use std::io;

use tokio::task::spawn_blocking;

/// Does file work on a thread that may wait for the disk.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
