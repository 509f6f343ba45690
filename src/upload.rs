//! Sends the scripts, and what else they need, to the instance: read from disk and sent as a tar stream, or as
//! several, where some of it is to be compressed and some not.

mod pack;
mod portions;

use std::io::{self, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::project_file::ProjectFile;
use crate::records::{UploadedFile, Uploads};
use crate::reporter::{Event, Reporter};
use crate::shell::{Captured, Command, Reconnect, Shell, ShellError, execute_unless_stalled};
use pack::{PackError, Packed, hash, pack};
use portions::{Format, Portions};

const RECEIVE: &str = include_str!("upload/receive.sh");

const WHAT: &str = "uploading the scripts";

/// The time after which an upload of which nothing moves has stalled.
const STALL: Duration = Duration::from_mins(2);

/// The deadline for the thread that reads when nobody takes anything from it: it is in the middle of one read at most.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What the reading thread hands over at once, in bytes, and how often before it waits for the shell.
const PARCEL_SIZE: usize = 64 << 10;
const PARCELS: usize = 4;

/// An upload of less is over before anybody could look at its progress, in bytes.
const MIN_SIZE_WITH_PROGRESS: u64 = 1 << 20;

/// From this size on, in bytes, it pays to ask the instance whether it has zstd.
const MIN_SIZE_TO_ASK: u64 = 16 << 20;

/// The deadline for the answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Says whether zstd does what it is there for.
const HAS_ZSTD: &str = "printf x | zstd -q -c | zstd -d -q -c";

/// Puts the files into the login user's home directory, with their modes. After a lost connection all are sent again.
///
/// # Errors
/// When one cannot be read, or not be written on the instance.
pub async fn upload(
    shell: &impl Shell,
    files: Arc<[ProjectFile]>,
    reporter: &impl Reporter,
) -> Result<Uploads, ShellError> {
    let total: u64 = files.iter().map(ProjectFile::size).sum();
    let mut reconnect = Reconnect::new(shell);
    loop {
        match send(shell, files.clone(), total, progress(reporter, total)).await {
            Ok(sent) => return Ok(Uploads::new(sent)),
            Err(error) => {
                reconnect.after(error).await?;
                reporter.report(Event::Detail("uploading everything again".into()));
            }
        }
    }
}

/// Reports how far an upload of so many bytes in all has come, where somebody has the time to look at it.
pub(crate) fn progress(reporter: &impl Reporter, total: u64) -> impl FnMut(u64) + Unpin {
    move |done| {
        if total >= MIN_SIZE_WITH_PROGRESS {
            // A file may have grown since it was looked at.
            let done = done.min(total);
            reporter.report(Event::Transferred { done, total });
        }
    }
}

/// The files and links as they would travel, with their hashes. Reads all of them.
///
/// # Errors
/// Which of them cannot be read, and why.
pub fn fingerprint(files: &[ProjectFile]) -> Result<Vec<UploadedFile>, String> {
    hash(files).map_err(|error| error.to_string())
}

/// Sends the files, of so many bytes in all, once.
async fn send(
    shell: &impl Shell,
    files: Arc<[ProjectFile]>,
    total: u64,
    mut progress: impl FnMut(u64) + Unpin,
) -> Result<Vec<UploadedFile>, ShellError> {
    let compressed = if total < MIN_SIZE_TO_ASK {
        Format::Gzip
    } else {
        best_format(shell).await?
    };
    let mut format = compressed;
    let mut portions = Portions::new(total);
    let mut sent = Vec::new();
    let mut from = 0;
    let done = Arc::new(AtomicU64::new(0));
    loop {
        let (sender, parcels) = mpsc::channel(PARCELS);
        let packing = {
            let (files, done) = (Arc::clone(&files), Arc::clone(&done));
            let stream = Parcels::new(sender);
            tokio::task::spawn_blocking(move || {
                let files = files.get(from..).unwrap_or_default();
                pack(files, stream, format, portions, &done)
            })
        };
        let stdin = Counted {
            parcels,
            current: Bytes::new(),
            done: &done,
            progress: &mut progress,
        };
        let packed = send_stream(shell, format, stdin, packing).await?;
        sent.extend(packed.sent);
        from += packed.files;
        if from >= files.len() {
            return Ok(sent);
        }
        portions = packed.portions;
        format = match format {
            Format::Plain => compressed,
            Format::Gzip | Format::Zstd => Format::Plain,
        };
    }
}

/// Sends a stream, which a thread packs, to its end.
async fn send_stream(
    shell: &impl Shell,
    format: Format,
    stdin: impl AsyncRead + Unpin,
    packing: JoinHandle<Result<Packed, PackError>>,
) -> Result<Packed, ShellError> {
    let command = Command::new(RECEIVE, format.program()).in_bash();
    let mut captured = Captured::default();
    let exit = execute_unless_stalled(shell, WHAT, &command, stdin, &mut captured, STALL).await;
    match (packed(packing).await, exit) {
        (Err(PackError::Unreadable { path, source }), _) => {
            Err(ShellError::Unsent { path, source })
        }
        (_, Err(error)) => Err(error),
        (Ok(packed), Ok(exit)) if exit.success() => Ok(packed),
        (packed, Ok(exit)) => {
            let stderr_line = captured.stderr_line();
            let reason = match packed {
                _ if !stderr_line.is_empty() => stderr_line,
                Err(error) => error.to_string(),
                Ok(_) => format!("{exit:?}"),
            };
            Err(ShellError::Command { what: WHAT, reason })
        }
    }
}

/// The compression that costs the instance least.
async fn best_format(shell: &impl Shell) -> Result<Format, ShellError> {
    let command = Command::new::<&str>(HAS_ZSTD, []);
    let mut captured = Captured::default();
    let input = tokio::io::empty();
    let asked =
        execute_unless_stalled(shell, WHAT, &command, input, &mut captured, ANSWER_DEADLINE);
    asked.await?;
    Ok(if captured.stdout == b"x" {
        Format::Zstd
    } else {
        Format::Gzip
    })
}

/// The result of the reading thread; it ends when nobody takes anything from it any more.
async fn packed(packing: JoinHandle<Result<Packed, PackError>>) -> Result<Packed, PackError> {
    match timeout(STOP_DEADLINE, packing).await {
        Ok(Ok(packed)) => packed,
        Ok(Err(panic)) => Err(PackError::Untaken(io::Error::other(panic))),
        Err(_) => Err(PackError::Untaken(io::ErrorKind::TimedOut.into())),
    }
}

/// Passes on what is written to it.
struct Parcels {
    sender: Sender<Bytes>,
    parcel: BytesMut,
}

impl Parcels {
    fn new(sender: Sender<Bytes>) -> Self {
        Self {
            sender,
            parcel: BytesMut::new(),
        }
    }
}

impl Write for Parcels {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.parcel.capacity() == 0 {
            self.parcel.reserve(PARCEL_SIZE);
        }
        let room = self.parcel.capacity() - self.parcel.len();
        let (taken, _) = bytes.split_at(bytes.len().min(room));
        self.parcel.extend_from_slice(taken);
        if taken.len() == room {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let parcel = mem::take(&mut self.parcel);
        if parcel.is_empty() {
            return Ok(());
        }
        let sent = self.sender.blocking_send(parcel.freeze());
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A stream of parcels that tells how far the files in it have come.
struct Counted<'a, F> {
    parcels: Receiver<Bytes>,
    current: Bytes,
    done: &'a AtomicU64,
    progress: F,
}

impl<F: FnMut(u64) + Unpin> AsyncRead for Counted<'_, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = self.done.load(Ordering::Relaxed);
        (self.progress)(done);
        if self.current.is_empty() {
            match ready!(self.parcels.poll_recv(context)) {
                Some(parcel) => self.current = parcel,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.current.len().min(buffer.remaining());
        buffer.put_slice(&self.current.split_to(count));
        Poll::Ready(Ok(()))
    }
}
