//! A deadline for streams: whatever their size, something must move.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, sleep_until};

use super::{Command, Exit, Output, Shell, ShellError};

/// Executes a command and ends the wait for it once nothing was read or written for `limit`.
///
/// # Errors
/// [`ShellError::Stalled`], and those of the shell.
pub async fn execute_unless_stalled(
    shell: &impl Shell,
    what: &'static str,
    command: &Command,
    stdin: impl AsyncRead + Unpin,
    output: &mut impl Output,
    limit: Duration,
) -> Result<Exit, ShellError> {
    let moved = Cell::new(Instant::now());
    let stdin = Watch {
        inner: stdin,
        moved: &moved,
    };
    let mut output = Watch {
        inner: output,
        moved: &moved,
    };
    let execution = pin!(shell.execute(command, stdin, &mut output));
    let stalled = async {
        while Instant::now() < moved.get() + limit {
            sleep_until(moved.get() + limit).await;
        }
    };
    tokio::select! { biased;
        result = execution => result,
        () = stalled => Err(ShellError::Stalled { what, seconds: limit.as_secs() }),
    }
}

/// A stream whose last movement is noted.
struct Watch<'a, T> {
    inner: T,
    moved: &'a Cell<Instant>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watch<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.moved.set(Instant::now());
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<O: Output> Output for Watch<'_, &mut O> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        self.moved.set(Instant::now());
        let taken = self.inner.out(bytes).await;
        self.moved.set(Instant::now());
        taken
    }

    fn err(&mut self, bytes: &[u8]) {
        self.moved.set(Instant::now());
        self.inner.err(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Captured;
    use tokio::time::sleep;

    /// A machine that says a word every `pause`, so many times, and then nothing more.
    struct Slow {
        pause: Duration,
        words: u32,
    }

    impl Shell for Slow {
        async fn execute(
            &self,
            _: &Command,
            _: impl AsyncRead + Unpin,
            output: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            for _ in 0..self.words {
                sleep(self.pause).await;
                output.err(b"word");
            }
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_may_take_its_time_as_long_as_it_moves() {
        let since = Instant::now();
        let shell = Slow {
            pause: Duration::from_secs(50),
            words: 10,
        };
        let limit = Duration::from_mins(1);
        let command = Command::new::<&str>("", []);
        let mut captured = Captured::default();
        let input = tokio::io::empty();
        let end = execute_unless_stalled(&shell, "x", &command, input, &mut captured, limit).await;
        assert!(matches!(end, Err(ShellError::Stalled { seconds: 60, .. })));
        assert_eq!(since.elapsed(), Duration::from_secs(10 * 50 + 60));
    }
}
