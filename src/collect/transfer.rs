//! Brings the listed files home: a few commands at a time, over as many connections as it takes.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::CollectError;
use super::fetch::{Entry, Fetch, Fetched, FinishedTask, Task};
use super::large::{Hash, Large, LargeFile, ReceivedRange, next_to_hash};
use super::place::{Places, is_full};
use super::queue::{Portion, Queue, Range};
use super::streams::Arrivals;
use super::unpack::{Received, Unpacked, size_limit};
use super::warnings::Warnings;
use crate::reporter::{Event, Reporter};
use crate::shell::{Reconnect, Shell, ShellError};
use crate::tuning::Tuning;

/// The number of portions under way at once: while one waits for an answer the other keeps the wire busy.
const STREAM_COUNT: usize = 2;

/// A file that is still being written to when it is collected is read again this often.
const MAX_ATTEMPTS: u32 = 4;

/// This many files may have outgrown what was listed before they cost the others an attempt.
const MAX_OUTGROWN: usize = 100;

/// After this many portions that came to a standstill the rest is given up.
const MAX_STANDSTILLS: u32 = 2;

/// The files of a collection on their way.
pub(super) struct Transfer<'a> {
    into: &'a Path,
    arrivals: &'a Arrivals,
    entries: &'a mut [Entry],
    queue: Queue,
    tuning: Tuning,
    large: HashMap<usize, Large>,
    /// The number of files that had outgrown what was listed.
    outgrown: usize,
    standstills: u32,
    warnings: &'a mut Warnings,
    /// Why something is missing although the rest was brought home.
    deferred: &'a mut Option<CollectError>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        into: &'a Path,
        arrivals: &'a Arrivals,
        entries: &'a mut [Entry],
        warnings: &'a mut Warnings,
        deferred: &'a mut Option<CollectError>,
    ) -> Self {
        Self {
            into,
            arrivals,
            queue: Queue::of(entries),
            entries,
            tuning: Tuning::default(),
            large: HashMap::new(),
            outgrown: 0,
            standstills: 0,
            warnings,
            deferred,
        }
    }

    /// Brings home what can be.
    pub(super) async fn run<S: Shell, R: Reporter>(
        mut self,
        shell: &S,
        reporter: &R,
    ) -> Result<(), CollectError> {
        let fetch = Fetch {
            shell,
            into: self.into,
            arrivals: self.arrivals,
            reporter,
            total: self.entries.iter().map(|entry| entry.listed.size).sum(),
            done: Arc::new(AtomicU64::new(0)),
        };
        let mut reconnect = Reconnect::new(shell);
        let mut under_way = FuturesUnordered::new();
        let mut streams = 0;
        let mut lost: Option<ShellError> = None;
        loop {
            while lost.is_none() && self.standstills < MAX_STANDSTILLS {
                if streams < STREAM_COUNT
                    && let Some(task) = self.next_portion().await?
                {
                    streams += 1;
                    under_way.push(fetch.run(task));
                } else if let Some(hash) = self.next_hash() {
                    under_way.push(fetch.run(hash));
                } else {
                    break;
                }
            }
            let Some(ended) = under_way.next().await else {
                let Some(error) = lost.take() else {
                    return Ok(());
                };
                if !reconnect.is_under_way() {
                    reporter.report(self.interruption(&error));
                }
                reconnect.after(error).await?;
                continue;
            };
            let FinishedTask {
                fetched,
                exit,
                carried,
            } = ended?;
            if let Some(carried) = &carried {
                streams -= 1;
                if exit.is_ok() {
                    self.tuning
                        .measured(carried.request, carried.bytes, carried.time);
                }
            }
            let failed = match exit {
                Ok(_) => None,
                Err(error) if error.is_connection() => Some(error),
                Err(error @ ShellError::Stalled { .. }) => {
                    self.standstills += 1;
                    self.deferred.get_or_insert(error.into());
                    self.give_up(&fetched);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let cut = failed.is_some();
            let progressed = match fetched {
                Fetched::Files {
                    positions,
                    attempt,
                    unpacked,
                    stderr_line,
                } => {
                    if !stderr_line.is_empty() {
                        reporter.report(Event::Detail(format!("tar: {stderr_line}")));
                        if attempt >= MAX_ATTEMPTS {
                            self.warnings
                                .push(|| format!("tar on the instance: {stderr_line}"));
                        }
                    }
                    self.files(&positions, attempt, unpacked, cut)?
                }
                Fetched::Range { range, received } => self.range(range, received, cut).await?,
                Fetched::Hash { position, start } => {
                    if let Some(large) = self.large.get_mut(&position) {
                        large.hash = if cut {
                            Hash::NotAsked
                        } else {
                            Hash::Told(start)
                        };
                    }
                    self.finish(position).await?
                }
            };
            if progressed {
                reconnect.progressed();
            }
            lost = lost.or(failed);
        }
    }

    fn interruption(&self, error: &ShellError) -> Event {
        let pending = self.entries.iter().filter(|entry| entry.is_pending());
        let count = pending.count();
        Event::Warning(format!(
            "{error}; collecting the remaining {count} files again"
        ))
    }

    fn next_hash(&mut self) -> Option<Task> {
        let (position, large) = next_to_hash(&mut self.large)?;
        let entry = self.entries.get(position)?;
        large.hash = Hash::UnderWay;
        Some(Task::Hash {
            position,
            size: entry.listed.size,
            source: Arc::clone(&entry.listed.source),
        })
    }

    async fn next_portion(&mut self) -> Result<Option<Task>, CollectError> {
        if self.queue.is_empty() {
            return Ok(None);
        }
        let request = self.tuning.next(self.queue.left());
        match self.queue.next(request.size) {
            None => Ok(None),
            Some(Portion::Files { positions, attempt }) => {
                let listed = |at: usize| Some((at, self.entries.get(at)?.listed.clone()));
                Ok(Some(Task::Files {
                    wanted: positions.into_iter().filter_map(listed).collect(),
                    attempt,
                    last: attempt >= MAX_ATTEMPTS,
                    request,
                }))
            }
            Some(Portion::Range(range)) => {
                let Some(entry) = self.entries.get(range.position) else {
                    return Ok(None);
                };
                let path = Places::below(self.into).incoming(range.position);
                let large = match self.large.entry(range.position) {
                    Slot::Occupied(large) => large.into_mut(),
                    Slot::Vacant(slot) => slot.insert(Large {
                        file: Self::create(path, self.arrivals).await?,
                        attempt: range.attempt,
                        listed: entry.listed.size,
                        left: entry.listed.size,
                        hash: Hash::NotAsked,
                    }),
                };
                Ok(Some(Task::Range {
                    range,
                    source: Arc::clone(&entry.listed.source),
                    file: Arc::clone(&large.file),
                    request,
                }))
            }
        }
    }

    /// Enters what came of a stream of files; whether any did.
    fn files(
        &mut self,
        positions: &[usize],
        attempt: u32,
        unpacked: Unpacked,
        cut: bool,
    ) -> Result<bool, CollectError> {
        for (position, error) in unpacked.unplaced {
            self.unplaced(position, &error);
        }
        let progressed = !unpacked.files.is_empty();
        for received in unpacked.files {
            if let Some(entry) = self.entries.get_mut(received.position) {
                entry.record(&received);
            }
        }
        if let Some(source) = unpacked.error {
            let path = self.into.to_owned();
            return Err(CollectError::Write { path, source });
        }
        let mut again = cut;
        if let Some((position, size)) = unpacked.outgrown {
            self.outgrow(position, size);
            again |= self.outgrown <= MAX_OUTGROWN;
        }
        let next = if again { attempt } else { attempt + 1 };
        for position in positions.iter().copied() {
            let entry = self.entries.get(position);
            if let Some(entry) = entry.filter(|entry| entry.is_pending() && next <= MAX_ATTEMPTS) {
                self.queue.add(position, entry.listed.size, next);
            }
        }
        Ok(progressed)
    }

    /// Enters what came of a range; whether anything did.
    async fn range(
        &mut self,
        range: Range,
        received: ReceivedRange,
        cut: bool,
    ) -> Result<bool, CollectError> {
        let large = self.large.get_mut(&range.position);
        let Some(large) = large.filter(|large| large.attempt == range.attempt) else {
            return Ok(false);
        };
        if let Some(source) = received.error {
            let path = large.file.path.clone();
            return Err(CollectError::Write { path, source });
        }
        large.left = large.left.saturating_sub(received.bytes);
        let missing = range.count - received.bytes;
        if missing > 0 && cut {
            self.queue.resume(Range {
                from: range.from + received.bytes,
                count: missing,
                ..range
            });
        } else if missing > 0 {
            // It became shorter than it was listed, or is gone: the answer to the hash will tell.
            large.left = 0;
            self.queue.drop_ranges(range.position);
        }
        self.finish(range.position).await?;
        Ok(received.bytes > 0)
    }

    /// Judges a large file once it has come and its digest, too; whether it has got its name.
    async fn finish(&mut self, position: usize) -> Result<bool, CollectError> {
        let (Some(large), Some(entry)) = (
            self.large.get_mut(&position),
            self.entries.get_mut(position),
        ) else {
            return Ok(false);
        };
        let Hash::Told(start) = large.hash else {
            return Ok(false);
        };
        if large.left > 0 {
            return Ok(false);
        }
        let size = entry.listed.size;
        let sha256 = large.file.digest(size);
        let same = sha256.is_some() && start.map(|(digest, _)| digest) == sha256;
        let now = start.map_or(size, |(_, now)| now);
        let last = large.attempt >= MAX_ATTEMPTS;
        match sha256 {
            Some(sha256) if last || (same && now == size) => {
                let received = Received {
                    position,
                    size,
                    verified: same && now == size,
                    sha256,
                };
                self.keep(&received).await
            }
            _ if last => {
                self.large.remove(&position);
                Ok(false)
            }
            _ if now > size_limit(large.listed) => {
                self.large.remove(&position);
                self.outgrow(position, now);
                Ok(false)
            }
            _ => {
                // What was added to a file comes behind what has come; any other change costs all of it.
                let from = if same && now > size { size } else { 0 };
                if from == 0 {
                    large.file = Self::create(large.file.path.clone(), self.arrivals).await?;
                }
                entry.listed.size = now;
                large.attempt += 1;
                large.left = now - from;
                large.hash = Hash::NotAsked;
                self.queue.resume(Range {
                    position,
                    from,
                    count: now - from,
                    attempt: large.attempt,
                });
                Ok(false)
            }
        }
    }

    /// Gives a large file its name.
    async fn keep(&mut self, received: &Received) -> Result<bool, CollectError> {
        let position = received.position;
        let (Some(large), Some(entry)) =
            (self.large.remove(&position), self.entries.get_mut(position))
        else {
            return Ok(false);
        };
        let (file, listed) = (Arc::clone(&large.file), entry.listed.clone());
        let mut places = Places::below(self.into);
        let naming = self.arrivals.work(move |stop| {
            if stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Places::copy_metadata(&file.file, &listed)?;
            places.place(position, &listed)
        });
        match naming.await.flatten() {
            Ok(()) => {
                entry.record(received);
                if received.verified {
                    self.arrivals.add(received.size);
                }
                Ok(true)
            }
            Err(source) if is_full(&source) => {
                let path = large.file.path.clone();
                Err(CollectError::Write { path, source })
            }
            Err(error) => {
                self.unplaced(position, &error);
                Ok(false)
            }
        }
    }

    fn unplaced(&mut self, position: usize, error: &io::Error) {
        if let Some(entry) = self.entries.get(position) {
            self.warnings.push(|| {
                format!(
                    "{} could not be written on this machine: {error}",
                    entry.listed.shown()
                )
            });
        }
    }

    fn outgrow(&mut self, position: usize, size: u64) {
        let Some(entry) = self.entries.get_mut(position) else {
            return;
        };
        entry.outgrown = true;
        self.outgrown += 1;
        self.warnings.push(|| {
            format!(
                "{} grew from {} to {size} bytes while it was collected and stays on the instance",
                entry.listed.shown(),
                entry.listed.size
            )
        });
    }

    /// Does not ask again for what came to a standstill.
    fn give_up(&mut self, fetched: &Fetched) {
        let position = match fetched {
            Fetched::Files { .. } => return,
            Fetched::Range { range, .. } => range.position,
            Fetched::Hash { position, .. } => *position,
        };
        self.large.remove(&position);
        self.queue.drop_ranges(position);
    }

    async fn create(path: PathBuf, arrivals: &Arrivals) -> Result<Arc<LargeFile>, CollectError> {
        let creating = path.clone();
        let created = arrivals.work(move |_| LargeFile::create(&creating));
        let created = created.await.flatten();
        created
            .map(Arc::new)
            .map_err(|source| CollectError::Write { path, source })
    }
}
