//! Brings a portion of the listed files home: hashed on the instance, sent as one stream, checked here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::CollectError;
use super::listing::{self, Digest, Listed};
use super::streams::{Arrivals, Reading, SILENCE_LIMIT};
use super::unpack::{Received, Unpacked, Unpacker};
use super::warnings::Warnings;
use crate::records::FileState;
use crate::reporter::{Event, Reporter};
use crate::shell::{Command, Exit, Shell, ShellError};

const SEND: &str = include_str!("send.sh");
const HASH: &str = "exec xargs -0 -r sha256sum -z --";

/// The most files that are hashed and sent at once: what is kept for each of them is small, but not nothing.
pub(super) const PORTION_FILES: usize = 10_000;

/// The slowest that an instance reads a file, in bytes a second: it is silent while it hashes one.
const SLOWEST_READ: u64 = 16 << 20;

/// A listed file and what became of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) listed: Listed,
    pub(super) state: FileState,
    /// It became too large to be waited for.
    outgrown: bool,
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
    fn is_pending(&self) -> bool {
        self.state == FileState::Missing && !self.outgrown
    }

    fn settle(&mut self, received: &Received) {
        self.listed.size = received.size;
        self.listed.sha256 = Some(received.sha256);
        self.state = if received.verified {
            FileState::Verified
        } else {
            FileState::Changed
        };
    }
}

/// How many files of a portion are still to come.
pub(super) fn pending(portion: &[Entry]) -> usize {
    portion.iter().filter(|entry| entry.is_pending()).count()
}

/// How a round ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The stream was read to its end, whatever was in it.
    Whole,
    /// A file had outgrown its size in the listing: what stood behind it was not read.
    Outgrown,
}

/// Fetches files, portion by portion.
pub(super) struct Fetch<'a, S, R> {
    pub(super) shell: &'a S,
    pub(super) into: &'a Path,
    pub(super) arrivals: &'a Arrivals,
    pub(super) reporter: &'a R,
    /// The bytes that all portions have.
    pub(super) total: u64,
    /// The bytes of the files that came.
    pub(super) settled: u64,
    /// The number of files that had outgrown what was listed.
    pub(super) outgrown: usize,
}

impl<S: Shell, R: Reporter> Fetch<'_, S, R> {
    /// Hashes and fetches the pending files of a portion; those that match are settled, in the last round all that came.
    pub(super) async fn round(
        &mut self,
        portion: &mut [Entry],
        last_round: bool,
        warnings: &mut Warnings,
    ) -> Result<Ended, CollectError> {
        let wanted: Vec<(usize, Listed)> = portion
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.is_pending())
            .map(|(position, entry)| (position, entry.listed.clone()))
            .collect();
        let paths: Vec<u8> = wanted
            .iter()
            .flat_map(|(_, file)| file.source.iter().copied().chain([0]))
            .collect();
        let largest = wanted.iter().map(|(_, file)| file.size).max();
        let patience =
            SILENCE_LIMIT + Duration::from_secs(largest.unwrap_or_default() / SLOWEST_READ);
        let hashes = self.hash(&paths, wanted.len(), patience).await?;
        let reading = self.reading("fetching the results", patience);
        let done = Arc::new(AtomicU64::new(self.settled));
        let unpacker = Unpacker {
            into: self.into.to_owned(),
            keep_changed: last_round,
            done: Arc::clone(&done),
            arrivals: self.arrivals.clone(),
        };
        let (reporter, total) = (self.reporter, self.total);
        let progress = || {
            let done = done.load(Ordering::Relaxed);
            reporter.report(Event::Transferred { done, total });
        };
        let send = Command::new::<&str>(SEND, []).as_root();
        let answer = reading
            .run(&send, &paths, progress, move |source| {
                unpacker.unpack(wanted, &hashes, &mut source.stream, &source.stop)
            })
            .await?;
        if !answer.complaint.is_empty() {
            let complaint = answer.complaint;
            self.reporter
                .report(Event::Detail(format!("tar: {complaint}")));
            if last_round {
                warnings.push(|| format!("tar on the instance: {complaint}"));
            }
        }
        self.account(portion, answer.read, warnings, answer.exit)
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

    async fn hash(
        &self,
        paths: &[u8],
        count: usize,
        patience: Duration,
    ) -> Result<HashMap<Vec<u8>, Digest>, CollectError> {
        let hash = Command::new::<&str>(HASH, []).as_root();
        let answer = self
            .reading("hashing the results", patience)
            .run(
                &hash,
                paths,
                || (),
                move |source| listing::hashes(&mut source.stream, count),
            )
            .await?;
        // A file that went away has no hash, which makes the command fail and is told below.
        answer.exit?;
        Ok(answer.read)
    }

    /// Enters what came of a stream.
    fn account(
        &mut self,
        portion: &mut [Entry],
        unpacked: Unpacked,
        warnings: &mut Warnings,
        exit: Result<Option<Exit>, ShellError>,
    ) -> Result<Ended, CollectError> {
        for (position, error) in unpacked.unplaced {
            if let Some(entry) = portion.get(position) {
                warnings.push(|| {
                    format!(
                        "{} could not be written here: {error}",
                        entry.listed.shown()
                    )
                });
            }
        }
        for received in unpacked.files {
            if let Some(entry) = portion.get_mut(received.position) {
                entry.settle(&received);
                self.settled += received.size;
            }
        }
        if let Some(source) = unpacked.error {
            return Err(CollectError::Write {
                path: self.into.to_owned(),
                source,
            });
        }
        let outgrown = unpacked
            .outgrown
            .and_then(|(position, size)| Some((portion.get_mut(position)?, size)));
        if let Some((entry, size)) = outgrown {
            entry.outgrown = true;
            self.outgrown += 1;
            warnings.push(|| {
                format!(
                    "{} grew from {} to {size} bytes while it was collected and stays on the instance",
                    entry.listed.shown(),
                    entry.listed.size
                )
            });
            return Ok(Ended::Outgrown);
        }
        exit?;
        Ok(Ended::Whole)
    }
}
