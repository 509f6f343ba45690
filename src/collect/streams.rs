//! Where the instance's answers go while results are collected: a list, and the stream of files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncWriteExt as _, DuplexStream};

use crate::reporter::{Event, Reporter};
use crate::shell::{Captured, Output};

/// No list of results is longer, in bytes; a hostile instance is not to fill this machine's memory.
const MAX_LIST: usize = 64 << 20;

/// Keeps all of standard output: the list of files, a few hundred bytes each.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) errors: Captured,
}

impl Output for Lines {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() > MAX_LIST {
            return Err(io::Error::other(
                "the instance lists more than 64 MiB of names",
            ));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) {
        self.errors.err(bytes);
    }
}

/// Passes the stream on to the unpacking thread and tells how far that is.
pub(super) struct Stream<'a, R> {
    pub(super) pipe: DuplexStream,
    pub(super) errors: Captured,
    pub(super) done: Arc<AtomicU64>,
    pub(super) total: u64,
    pub(super) reporter: &'a R,
}

impl<R: Reporter> Output for Stream<'_, R> {
    async fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reporter.report(Event::Transferred {
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
        });
        self.pipe.write_all(bytes).await
    }

    fn err(&mut self, bytes: &[u8]) {
        self.errors.err(bytes);
    }
}
