//! Streams of commands on the instance, each read by a thread of its own: nothing is kept in between.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::fs;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::CollectError;
use crate::report::Collected;
use crate::shell::{Captured, Command, Exit, Output, Shell, ShellError, execute_unless_stalled};

/// The number of packets that may be on their way from the shell to the disk.
const PIPE_PACKETS: usize = 16;

/// A command without a word for so long is given up.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_mins(5);

/// The most that is told of a command's standard error, in characters.
const MAX_STDERR_CHARS: usize = 500;

/// The deadline for a thread that was told to stop: it is in the middle of one write at most.
const STOP_DEADLINE: Duration = Duration::from_millis(500);

/// The files that came home so far, and the threads that bring them: both outlive a collection that is dropped.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    threads: TaskTracker,
    files: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    /// Where what is not complete lies.
    incoming: Arc<Mutex<Option<PathBuf>>>,
}

impl Arrivals {
    /// Makes an empty directory for what is not complete yet, which is removed when nothing arrives any more.
    pub(super) async fn make_incoming(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(()) => {}
            // A directory that a killed collector has left.
            Err(_) => fs::remove_dir_all(path).await?,
        }
        fs::create_dir(path).await?;
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        *incoming = Some(path.to_owned());
        Ok(())
    }

    /// Works on a thread that is told when nobody waits for it any more.
    pub(super) fn work<T: Send + 'static, F: FnOnce(&CancellationToken) -> T + Send + 'static>(
        &self,
        work: F,
    ) -> impl Future<Output = io::Result<T>> + use<T, F> {
        let stop = CancellationToken::new();
        let stop_when_dropped = stop.clone().drop_guard();
        let working = self.threads.spawn_blocking(move || work(&stop));
        async move {
            let _stop_when_dropped = stop_when_dropped;
            working.await.map_err(io::Error::other)
        }
    }

    /// Counts a file that has come and is checked.
    pub(super) fn add(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Waits for the threads of a collection that was dropped, so that nothing is written any more, and counts what
    /// they have brought home.
    pub async fn finish(&self) -> Collected {
        self.threads.close();
        // One that hangs in a write is not worth more time: its file does not get its name any more.
        let _ = timeout(STOP_DEADLINE, self.threads.wait()).await;
        let incoming = self
            .incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(path) = incoming {
            // What stays is hidden, and taken away by the next collection.
            let _ = fs::remove_dir_all(path).await;
        }
        Collected {
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            incomplete: 0,
        }
    }
}

/// The input of a thread, and how it learns that nobody waits for it any more.
pub(super) struct Source {
    pub(super) stream: Packets,
    pub(super) stop: CancellationToken,
}

/// The packets of a command's output as one stream. All that wait are taken at once: the two threads wake each other
/// once for many of them.
pub(super) struct Packets {
    receiver: Receiver<Bytes>,
    /// The last one comes next.
    taken: Vec<Bytes>,
    current: Bytes,
}

impl Packets {
    fn new(receiver: Receiver<Bytes>) -> Self {
        Self {
            receiver,
            taken: Vec::with_capacity(PIPE_PACKETS),
            current: Bytes::new(),
        }
    }
}

impl BufRead for Packets {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            if self.taken.is_empty() {
                self.receiver
                    .blocking_recv_many(&mut self.taken, PIPE_PACKETS);
                self.taken.reverse();
            }
            match self.taken.pop() {
                Some(packet) => self.current = packet,
                None => break,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current.advance(count);
    }
}

impl Read for Packets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// The result of a command and of the thread that read its output.
pub(super) struct Answer<T> {
    /// The result of the thread.
    pub(super) read: T,
    /// The end of the command; `None` where the thread had enough before.
    pub(super) exit: Result<Option<Exit>, ShellError>,
    /// The command's standard error as one line.
    pub(super) stderr_line: String,
}

/// A command on the instance whose output a thread reads.
pub(super) struct Reading<'a, S> {
    pub(super) shell: &'a S,
    pub(super) arrivals: &'a Arrivals,
    pub(super) into: &'a Path,
    /// The task of the command, for people.
    pub(super) what: &'static str,
    /// Without a word for so long it is given up.
    pub(super) patience: Duration,
}

impl<S: Shell> Reading<'_, S> {
    /// Runs the command. `progress` is called as bytes arrive.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        command: &Command,
        stdin: &[u8],
        progress: impl FnMut(),
        read: impl FnOnce(&mut Source) -> T + Send + 'static,
    ) -> Result<Answer<T>, CollectError> {
        let (pipe, receiver) = mpsc::channel(PIPE_PACKETS);
        let reading = self.arrivals.work(move |stop| {
            let stream = Packets::new(receiver);
            let stop = stop.clone();
            read(&mut Source { stream, stop })
        });
        let mut output = Piped {
            pipe,
            errors: Captured::default(),
            progress,
            refused: false,
        };
        let ended = execute_unless_stalled(
            self.shell,
            self.what,
            command,
            stdin,
            &mut output,
            self.patience,
        )
        .await;
        let stderr_line = output.errors.stderr_line();
        let refused = output.refused;
        // The thread's stream ends here.
        drop(output);
        let read = reading.await.map_err(|source| CollectError::Write {
            path: self.into.to_owned(),
            source,
        })?;
        let exit = if refused { Ok(None) } else { ended.map(Some) };
        Ok(Answer {
            read,
            exit,
            stderr_line: stderr_line.chars().take(MAX_STDERR_CHARS).collect(),
        })
    }
}

/// Passes a command's output on to the reading thread.
struct Piped<F> {
    pipe: Sender<Bytes>,
    errors: Captured,
    progress: F,
    /// The thread takes no more.
    refused: bool,
}

impl<F: FnMut()> Output for Piped<F> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        (self.progress)();
        let sent = self.pipe.send(bytes).await;
        self.refused = sent.is_err();
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn err(&mut self, bytes: &[u8]) {
        self.errors.err(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use tokio::io::AsyncRead;

    use super::*;

    /// A machine that says a word so many times, and then nothing more.
    struct Talking {
        words: u64,
    }

    impl Shell for Talking {
        async fn execute(
            &self,
            _: &Command,
            _: impl AsyncRead + Unpin,
            output: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            for _ in 0..self.words {
                let out = output.out(Bytes::from_static(b"word\n")).await;
                out.map_err(|source| ShellError::LocalIo {
                    what: "passing it on",
                    source,
                })?;
            }
            std::future::pending().await
        }
    }

    async fn run(words: u64, most: u64) -> Answer<u64> {
        let reading = Reading {
            shell: &Talking { words },
            arrivals: &Arrivals::default(),
            into: Path::new("/"),
            what: "a test",
            patience: Duration::from_millis(50),
        };
        let command = Command::new::<&str>("", []);
        let count = move |source: &mut Source| {
            io::copy(&mut source.stream.by_ref().take(most), &mut io::sink()).unwrap()
        };
        reading.run(&command, &[], || (), count).await.unwrap()
    }

    #[tokio::test]
    async fn a_command_that_falls_silent_is_given_up_with_what_it_said() {
        let answer = run(1, 100).await;
        assert_eq!(answer.read, 5);
        assert!(matches!(answer.exit, Err(ShellError::Stalled { .. })));
    }

    #[tokio::test]
    async fn a_thread_that_has_enough_ends_the_command() {
        let answer = run(u64::MAX, 1 << 20).await;
        assert_eq!(answer.read, 1 << 20);
        assert_eq!(answer.exit.unwrap(), None);
    }
}
