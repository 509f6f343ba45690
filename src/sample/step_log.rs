//! The log of a step on this machine: its beginning and its end, however much the step writes in between.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::marked_lines::MarkedLines;
use crate::blocking::off_the_runtime;
use crate::job::{Log, read_log};
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::shell::{Output, Shell, ShellError};

/// The most of a log's beginning, and of its end, that is kept; and the least, however full the disk is.
const MAX_PART: u64 = 16 << 20;
const MIN_PART: u64 = 64 << 10;

/// The share of the free disk that the beginning of a log may take, and its end: there is room for the results after it.
const PART_OF_FREE: u64 = 8;

/// The most of a log's end that is shown when its middle was left out.
const SHOWN_END: u64 = 64 << 10;

/// The job whose log is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) directory: &'a str,
    pub(super) number: u32,
}

/// A log and how much of it has come.
pub(super) struct StepLog<'a, R> {
    path: PathBuf,
    reporter: SampleReporter<'a, R>,
    /// The mark in front of its lines where they are shown among those of another log.
    mark: Option<MarkedLines>,
    file: Option<Arc<File>>,
    /// A write that may still be going on although nobody waits for it.
    writing: Option<JoinHandle<io::Result<()>>>,
    part: u64,
    /// The file has the log up to here.
    kept: u64,
    /// The log was reported up to here.
    shown: u64,
    /// The byte that comes next.
    next: u64,
    end: Option<End>,
    /// Every byte is wanted: what cannot be written is an error.
    strict: bool,
    trouble: Option<String>,
    /// The gap that the user was told of.
    told: Option<Gap>,
}

/// A gap in the log on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Its middle is left out, for it is too large.
    Cut,
    /// It could not be brought home as a whole.
    Incomplete,
}

/// The end of a log whose middle is left out.
#[derive(Debug, Clone, Copy)]
struct End {
    /// Its first byte in the log, and its place in the file.
    from: u64,
    at: u64,
    /// The file has it up to here.
    kept: u64,
}

impl<'a, R: Reporter> StepLog<'a, R> {
    /// An empty log in a file of its own; `free` are the bytes that the disk has left.
    pub(super) async fn create(path: PathBuf, free: u64, reporter: SampleReporter<'a, R>) -> Self {
        let mut log = Self {
            path,
            reporter,
            mark: None,
            file: None,
            writing: None,
            part: (free / PART_OF_FREE).clamp(MIN_PART, MAX_PART),
            kept: 0,
            shown: 0,
            next: 0,
            end: None,
            strict: false,
            trouble: None,
            told: None,
        };
        log.open().await;
        log
    }

    /// The same log, shown in lines that are marked.
    pub(super) fn marked(self, mark: Option<MarkedLines>) -> Self {
        Self { mark, ..self }
    }

    async fn open(&mut self) {
        let path = self.path.clone();
        let opening = move || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).open(path)
        };
        match off_the_runtime(opening).await {
            Ok(file) => self.file = Some(Arc::new(file)),
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }

    /// The number of bytes that are left out when the log has `size`.
    pub(super) fn left_out(&self, size: u64) -> u64 {
        size.saturating_sub(2 * self.part)
    }

    /// Whether everything has come that is kept of a log of `size` bytes.
    pub(super) fn is_complete(&self, size: u64) -> bool {
        match self.end {
            None => self.kept == size,
            Some(end) => end.kept == size,
        }
    }

    /// Brings home what is missing of a log of `size` bytes.
    ///
    /// # Errors
    /// When the machine does not give it, or this one has no room for it.
    pub(super) async fn complete(
        &mut self,
        shell: &impl Shell,
        source: Source<'_>,
        size: u64,
    ) -> Result<(), ShellError> {
        if self.is_complete(size) {
            self.file = None;
            return Ok(());
        }
        self.strict = true;
        if self.file.is_none() {
            self.open().await;
        }
        let left_out = self.left_out(size);
        let beginning = if left_out > 0 { self.part } else { size };
        self.next = self.kept;
        self.read(shell, source, beginning).await?;
        if left_out > 0 {
            self.cut(left_out)
                .await
                .map_err(|source| ShellError::LocalIo {
                    what: "writing a log",
                    source,
                })?;
            self.shown = self.shown.max(size.saturating_sub(SHOWN_END));
            self.next = size - self.part;
            self.read(shell, source, size).await?;
        }
        self.trouble = None;
        self.file = None;
        Ok(())
    }

    async fn read(
        &mut self,
        shell: &impl Shell,
        Source { directory, number }: Source<'_>,
        end: u64,
    ) -> Result<(), ShellError> {
        read_log(shell, directory, number, end, self).await
    }

    /// Ends the beginning of the log with a line that tells what was left out.
    async fn cut(&mut self, left_out: u64) -> io::Result<()> {
        self.kept = self.kept.min(self.part);
        let line = format!("\n[collector left out {left_out} bytes here]\n");
        let at = self.part + line.len() as u64;
        let from = self.part + left_out;
        self.end = Some(End {
            from,
            at,
            kept: from,
        });
        let part = self.part;
        self.write(move |file| {
            file.set_len(part)?;
            file.write_all_at(line.as_bytes(), part)
        })
        .await
    }

    /// Does something with the file, after what was begun before.
    async fn write(
        &mut self,
        work: impl FnOnce(&File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        if let Some(writing) = &mut self.writing {
            // How it ended does not matter: it is not counted, and written again.
            let _ = writing.await;
            self.writing = None;
        }
        let Some(file) = self.file.clone() else {
            let reason = self.trouble.clone().unwrap_or_default();
            return Err(io::Error::other(reason));
        };
        let writing = self.writing.insert(spawn_blocking(move || work(&file)));
        let written = writing.await.unwrap_or_else(|panic| Err(panic.into()));
        self.writing = None;
        written
    }

    /// Keeps the bytes that come next.
    async fn keep(&mut self, bytes: Bytes) -> io::Result<()> {
        let at = match self.end {
            Some(end) if self.next >= end.from => end.at + (self.next - end.from),
            _ => self.next,
        };
        let kept = self.next + bytes.len() as u64;
        self.write(move |file| file.write_all_at(&bytes, at))
            .await?;
        match &mut self.end {
            Some(end) if self.next >= end.from => end.kept = kept,
            _ => self.kept = kept,
        }
        Ok(())
    }

    /// Shows the line that did not end.
    pub(super) fn show_rest(&mut self) {
        if let Some(rest) = self.mark.as_mut().and_then(MarkedLines::rest) {
            self.reporter.report(Event::Output(rest));
        }
    }

    /// Notes that the user is told of a gap; whether it is another one than before.
    pub(super) fn tells(&mut self, gap: Gap) -> bool {
        self.told.replace(gap) != Some(gap)
    }

    /// Why the log could not be written as it came.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl<R: Reporter> Output for StepLog<'_, R> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        // A step goes on whatever becomes of its log: what could not be written is fetched again after it.
        if self.strict || (self.trouble.is_none() && self.kept == self.next) {
            let kept = self.keep(bytes.clone()).await;
            if let Err(error) = kept {
                self.trouble = Some(error.to_string());
                if self.strict {
                    return Err(error);
                }
            }
        }
        let next = self.next + bytes.len() as u64;
        let seen = usize::try_from(self.shown.saturating_sub(self.next)).unwrap_or(usize::MAX);
        if let Some(unseen) = bytes.get(seen..).filter(|unseen| !unseen.is_empty()) {
            let shown = match &mut self.mark {
                Some(mark) => mark.take(unseen),
                None => unseen.to_vec(),
            };
            if !shown.is_empty() {
                self.reporter.report(Event::Output(shown));
            }
            self.shown = next;
        }
        self.next = next;
        Ok(())
    }

    fn err(&mut self, _: &[u8]) {}
}

impl<R: Reporter> Log for StepLog<'_, R> {
    fn next(&self) -> u64 {
        self.next
    }

    fn is_full(&self) -> bool {
        self.next >= 2 * self.part
    }
}
