//! Fetches a portion of the listed files: sent as one stream, hashed on the instance meanwhile, checked locally.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::CollectError;
use super::hashes::Hashes;
use super::large::{LargeFile, ReceivedRange};
use super::listing::{self, Digest, Listed};
use super::place::Places;
use super::queue::Range;
use super::streams::{Answer, Arrivals, Reading, SILENCE_LIMIT, Source};
use super::unpack::{COPY_BUFFER, MAX_PADDING, Received, Unpacked, Unpacker, decompressed};
use crate::records::FileState;
use crate::reporter::{Event, Reporter};
use crate::shell::{Command, Exit, Shell, ShellError};
use crate::tuning::Request;

const SEND: &str = include_str!("send.sh");
const HASH: &str = include_str!("hash.sh");
const HASH_START: &str = include_str!("hash_start.sh");

/// The slowest that an instance reads a file, in bytes a second: it is silent while it hashes one.
const SLOWEST_READ: u64 = 16 << 20;

/// A listed file and what became of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) listed: Listed,
    pub(super) state: FileState,
    /// It became too large to be waited for.
    pub(super) outgrown: bool,
}

impl From<Listed> for Entry {
    fn from(listed: Listed) -> Self {
        Self {
            listed,
            state: FileState::Missing,
            outgrown: false,
        }
    }
}

impl Entry {
    pub(super) fn is_pending(&self) -> bool {
        self.state == FileState::Missing && !self.outgrown
    }

    pub(super) fn record(&mut self, received: &Received) {
        self.listed.size = received.size;
        self.listed.sha256 = Some(received.sha256);
        self.state = if received.verified {
            FileState::Verified
        } else {
            FileState::Changed
        };
    }
}

/// Something to be done on the instance, beside others.
pub(super) enum Task {
    Files {
        wanted: Vec<(usize, Listed)>,
        attempt: u32,
        last: bool,
        request: Request,
    },
    Range {
        range: Range,
        source: Arc<[u8]>,
        file: Arc<LargeFile>,
        request: Request,
    },
    /// Hashes the first bytes of a large file.
    Hash {
        position: usize,
        size: u64,
        source: Arc<[u8]>,
    },
}

/// The yield of a task.
pub(super) enum Fetched {
    Files {
        positions: Vec<usize>,
        attempt: u32,
        unpacked: Unpacked,
        stderr_line: String,
    },
    Range {
        range: Range,
        received: ReceivedRange,
    },
    /// The digest, and the size of the file after that.
    Hash {
        position: usize,
        start: Option<(Digest, u64)>,
    },
}

/// The load of a command, and how long it took from its first byte.
pub(super) struct Carried {
    pub(super) request: Request,
    /// In the units of the queue.
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// The end of a task.
pub(super) struct FinishedTask {
    pub(super) fetched: Fetched,
    /// Why it is not complete, as far as the instance is concerned.
    pub(super) exit: Result<Option<Exit>, ShellError>,
    pub(super) carried: Option<Carried>,
}

/// Runs tasks.
pub(super) struct Fetch<'a, S, R> {
    pub(super) shell: &'a S,
    pub(super) into: &'a Path,
    pub(super) arrivals: &'a Arrivals,
    pub(super) reporter: &'a R,
    /// The bytes that are to come.
    pub(super) total: u64,
    /// The bytes that have come.
    pub(super) done: Arc<AtomicU64>,
}

impl<S: Shell, R: Reporter> Fetch<'_, S, R> {
    pub(super) async fn run(&self, task: Task) -> Result<FinishedTask, CollectError> {
        match task {
            Task::Files {
                wanted,
                attempt,
                last,
                request,
            } => self.files(wanted, attempt, last, request).await,
            Task::Range {
                range,
                source,
                file,
                request,
            } => self.range(range, &source, file, request).await,
            Task::Hash {
                position,
                size,
                source,
            } => self.hash_start(position, size, &source).await,
        }
    }

    async fn files(
        &self,
        wanted: Vec<(usize, Listed)>,
        attempt: u32,
        last: bool,
        request: Request,
    ) -> Result<FinishedTask, CollectError> {
        let positions = wanted.iter().map(|(position, _)| *position).collect();
        let sources = wanted.iter().map(|(_, file)| &*file.source);
        let paths: Vec<u8> = sources
            .flat_map(|source| source.iter().copied().chain([0]))
            .collect();
        let hashes = Arc::new(Hashes::of(&wanted));
        let mut writer = Unpacker {
            places: Places::below(self.into),
            hashes: Arc::clone(&hashes),
            keep_changed: last,
            compressed: request.is_compressed(),
            done: Arc::clone(&self.done),
            arrivals: self.arrivals.clone(),
            cost: 0,
            buffer: vec![0; COPY_BUFFER].into(),
            held: 0,
        };
        let hashing = self.hash(&paths, wanted.len(), attempt, hashes);
        let send = Command::new(SEND, [request.level().to_string()]).as_root();
        let reading = self.reading("fetching the results", SILENCE_LIMIT);
        let sending = reading.run(
            &send,
            &paths,
            || self.progress(),
            move |source| {
                let _ = source.stream.fill_buf();
                let since = Instant::now();
                let unpacked = writer.unpack(wanted, &mut source.stream, &source.stop);
                (unpacked, writer, since.elapsed())
            },
        );
        let (digests, answer) = tokio::join!(hashing, sending);
        let Answer {
            read: (mut unpacked, mut writer, time),
            exit,
            stderr_line,
        } = answer?;
        let bytes = writer.cost;
        let judging = self.arrivals.work(move |stop| {
            writer.judge_waiting(&mut unpacked, true, stop);
            unpacked
        });
        let unpacked = judging.await.map_err(|source| CollectError::Write {
            path: self.into.to_owned(),
            source,
        })?;
        // A file that went away has no hash, which makes the command fail and is told below.
        let exit = digests?.and(exit);
        Ok(FinishedTask {
            fetched: Fetched::Files {
                positions,
                attempt,
                unpacked,
                stderr_line,
            },
            exit,
            carried: Some(Carried {
                request,
                bytes,
                time,
            }),
        })
    }

    async fn range(
        &self,
        range: Range,
        source: &[u8],
        file: Arc<LargeFile>,
        request: Request,
    ) -> Result<FinishedTask, CollectError> {
        let arguments = [
            request.level().to_string(),
            range.from.to_string(),
            range.count.to_string(),
        ];
        let send = Command::new(SEND, arguments).as_root();
        let path = [source, &[0]].concat();
        let done = Arc::clone(&self.done);
        let reading = self.reading("fetching the results", SILENCE_LIMIT);
        let read = move |source: &mut Source| {
            let stop = source.stop.clone();
            let _ = source.stream.fill_buf();
            let since = Instant::now();
            let received = match decompressed(&mut source.stream, request.is_compressed()) {
                Ok(Some(stream)) => file.receive(range.from, range.count, stream, &done, &stop),
                Ok(None) => ReceivedRange::default(),
                Err(error) => ReceivedRange {
                    bytes: 0,
                    error: Some(error),
                },
            };
            let time = since.elapsed();
            // A command that cannot write its last bytes would count as one that failed.
            let rest = source.stream.by_ref().take(MAX_PADDING);
            let _ = io::copy(&mut { rest }, &mut io::sink());
            (received, time)
        };
        let progress = || self.progress();
        let answer = reading.run(&send, &path, progress, read).await?;
        let (received, time) = answer.read;
        let carried = Carried {
            request,
            bytes: received.bytes,
            time,
        };
        Ok(FinishedTask {
            fetched: Fetched::Range { range, received },
            exit: answer.exit,
            carried: Some(carried),
        })
    }

    async fn hash(
        &self,
        paths: &[u8],
        count: usize,
        attempt: u32,
        hashes: Arc<Hashes>,
    ) -> Result<Result<Option<Exit>, ShellError>, CollectError> {
        // openssl writes names with these in a form of its own. Where it fails, the second attempt is without it.
        let plain = attempt == 1 && !paths.iter().any(|byte| matches!(byte, b'\n' | b'\\'));
        let hash = Command::new(HASH, [if plain { "fast" } else { "any" }]).as_root();
        let answer = self
            .reading("hashing the results", SILENCE_LIMIT)
            .run(
                &hash,
                paths,
                || (),
                move |source| {
                    listing::read_hashes(&mut source.stream, count, |path, digest| {
                        hashes.insert(path, digest);
                    });
                },
            )
            .await?;
        Ok(answer.exit)
    }

    async fn hash_start(
        &self,
        position: usize,
        size: u64,
        source: &[u8],
    ) -> Result<FinishedTask, CollectError> {
        let hash = Command::new(HASH_START, [size.to_string()]).as_root();
        let path = [source, &[0]].concat();
        let patience = SILENCE_LIMIT + Duration::from_secs(size / SLOWEST_READ);
        let reading = self.reading("hashing the results", patience);
        let read = |source: &mut Source| listing::read_start(&mut source.stream);
        let answer = reading.run(&hash, &path, || (), read).await?;
        Ok(FinishedTask {
            fetched: Fetched::Hash {
                position,
                start: answer.read,
            },
            exit: answer.exit,
            carried: None,
        })
    }

    fn reading(&self, what: &'static str, patience: Duration) -> Reading<'_, S> {
        Reading {
            shell: self.shell,
            arrivals: self.arrivals,
            into: self.into,
            what,
            patience,
        }
    }

    fn progress(&self) {
        self.reporter.report(Event::Transferred {
            done: self.done.load(Ordering::Relaxed).min(self.total),
            total: self.total,
        });
    }
}
