//! Brings the results home: listed and hashed on the instance, sent as one stream, checked here.

mod listing;
mod streams;
mod unpack;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::io::SyncIoBridge;

use crate::config::Pattern;
use crate::report::Collected;
use crate::reporter::{Event, Reporter};
use crate::shell::{Captured, Command, RECONNECT, RETRY_PAUSE, Shell, ShellError};
use listing::Listed;
use streams::{Lines, Stream};
use unpack::{Received, Unpacker};

const LIST: &str = include_str!("collect/list.sh");
const SEND: &str = include_str!("collect/send.sh");
const HASH: &str = "exec xargs -0 -r sha256sum -z --";

/// What is on its way from the shell to the disk, in bytes.
const IN_FLIGHT: usize = 256 * 1024;

/// A file that is still being written to when it is collected is read again this often.
const MAX_ROUNDS: u32 = 4;

/// Why results are not all here.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The instance could not be talked to.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The results could not be written.
    #[error("writing the results to {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is too little room for all of them.
    #[error("the results need {needed} bytes, {free} are free in {}", path.display())]
    NoRoom {
        /// Their size.
        needed: u64,
        /// What the file system has left.
        free: u64,
        /// Where.
        path: PathBuf,
    },
    /// Files came that are not what the instance listed.
    #[error(
        "{count} of the files are missing or differ from what the instance listed, the first is {first}"
    )]
    Incomplete {
        /// How many.
        count: u64,
        /// Its path on the instance.
        first: String,
    },
}

impl CollectError {
    /// What the user can do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Shell(error) => error.hint(),
            Self::Write { .. } => Some("check the directory and its file system"),
            Self::NoRoom { .. } => Some(
                "make room or choose another `output`; as many files as fit were collected, smallest first",
            ),
            Self::Incomplete { .. } => Some(
                "`collector/manifest.json` lists them; stop what still writes to them in `before_collect`",
            ),
        }
    }
}

/// How a collected file compares with its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Same size and same SHA-256.
    Verified,
    /// Here, but it changed on the instance while it was read.
    Changed,
    /// Not here.
    Missing,
}

/// A line of `manifest.json`.
#[derive(Debug, Serialize)]
struct Entry {
    path: String,
    source: String,
    size: u64,
    sha256: Option<String>,
    mode: String,
    modified: String,
    state: State,
}

/// `manifest.json`: every file that was found, and whether it is here.
#[derive(Debug, Serialize)]
pub struct Manifest {
    format: u32,
    files: Vec<Entry>,
}

/// What came home, and why not everything.
#[derive(Debug)]
pub struct Collection {
    /// Every file that was found.
    pub manifest: Manifest,
    /// The sum.
    pub collected: Collected,
    /// What is not as it should be.
    pub warnings: Vec<String>,
    /// Why something is missing.
    pub error: Option<CollectError>,
}

/// Collects what the patterns match into `into`. What can be brought home is, whatever fails.
pub async fn collect(
    shell: &impl Shell,
    patterns: &[Pattern],
    into: &Path,
    reporter: &impl Reporter,
) -> Collection {
    let mut collecting = Collecting {
        shell,
        into,
        reporter,
        files: Vec::new(),
        states: Vec::new(),
        warnings: Vec::new(),
    };
    let error = collecting.collect(patterns).await.err();
    collecting.close(error)
}

struct Collecting<'a, S, R> {
    shell: &'a S,
    into: &'a Path,
    reporter: &'a R,
    files: Vec<Listed>,
    states: Vec<State>,
    warnings: Vec<String>,
}

impl<S: Shell, R: Reporter> Collecting<'_, S, R> {
    async fn collect(&mut self, patterns: &[Pattern]) -> Result<(), CollectError> {
        self.list(patterns).await?;
        let (mut pending, no_room) = self.fitting()?;
        let mut deadline = Instant::now() + RECONNECT;
        let mut round = 1;
        while !pending.is_empty() {
            let before = pending.len();
            match self.transfer(&mut pending, round >= MAX_ROUNDS).await {
                Ok(()) if round >= MAX_ROUNDS => break,
                Ok(()) => round += 1,
                Err(CollectError::Shell(error)) if error.is_connection() => {
                    if pending.len() < before {
                        deadline = Instant::now() + RECONNECT;
                    }
                    if Instant::now() >= deadline {
                        return Err(error.into());
                    }
                    self.reporter.report(Event::Warning(format!(
                        "{error}; collecting the remaining {} files again",
                        pending.len()
                    )));
                    sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        no_room.map_or(Ok(()), Err)
    }

    async fn list(&mut self, patterns: &[Pattern]) -> Result<(), CollectError> {
        let globs = patterns.iter().map(Pattern::as_str);
        let command = Command::new(LIST, globs).in_bash().as_root();
        let mut listed = Lines::default();
        let deadline = Instant::now() + RECONNECT;
        loop {
            match self
                .shell
                .execute(&command, tokio::io::empty(), &mut listed)
                .await
            {
                Ok(exit) if exit.success() => break,
                Ok(_) => {
                    return Err(CollectError::Shell(ShellError::Command {
                        what: "listing the results",
                        reason: listed.errors.complaint(),
                    }));
                }
                Err(error) if error.is_connection() && Instant::now() < deadline => {
                    listed = Lines::default();
                    sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let complaint = listed.errors.complaint();
        if !complaint.is_empty() {
            self.warnings
                .push(format!("listing the results: {complaint}"));
        }
        let listing = listing::read(&listed.bytes, patterns, self.into);
        for index in listing.unmatched {
            if let Some(pattern) = patterns.get(index) {
                self.warnings
                    .push(format!("`{}` matches no file", pattern.as_str()));
            }
        }
        self.warnings.extend(listing.warnings);
        self.files = listing.files;
        self.states = vec![State::Missing; self.files.len()];
        Ok(())
    }

    /// The files that fit into the free space, smallest first where not all do.
    fn fitting(&self) -> Result<(Vec<usize>, Option<CollectError>), CollectError> {
        let needed: u64 = self.files.iter().map(|file| file.size).sum();
        let write = |source: rustix::io::Errno| CollectError::Write {
            path: self.into.to_owned(),
            source: source.into(),
        };
        let space = rustix::fs::statvfs(self.into).map_err(write)?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let mut pending: Vec<usize> = (0..self.files.len()).collect();
        if needed <= free {
            return Ok((pending, None));
        }
        let size = |index: &usize| self.files.get(*index).map_or(0, |file| file.size);
        pending.sort_by_key(size);
        let mut left = free;
        pending.retain(|index| {
            let fits = size(index) <= left;
            left = if fits { left - size(index) } else { 0 };
            fits
        });
        let error = CollectError::NoRoom {
            needed,
            free,
            path: self.into.to_owned(),
        };
        Ok((pending, Some(error)))
    }

    /// Hashes and fetches the pending files; those that match leave `pending`, in the last round all that came.
    async fn transfer(
        &mut self,
        pending: &mut Vec<usize>,
        last_round: bool,
    ) -> Result<(), CollectError> {
        let wanted: Vec<Listed> = pending
            .iter()
            .filter_map(|index| self.files.get(*index).cloned())
            .collect();
        let paths: Vec<u8> = wanted
            .iter()
            .flat_map(|file| file.source.iter().copied().chain([0]))
            .collect();
        let mut hashes = Lines::default();
        let hash = Command::new::<&str>(HASH, []).as_root();
        self.shell
            .execute(&hash, paths.as_slice(), &mut hashes)
            .await?;
        let hashes = listing::hashes(&hashes.bytes);

        let done = Arc::new(AtomicU64::new(0));
        let total = wanted.iter().map(|file| file.size).sum();
        let (pipe, reader) = tokio::io::duplex(IN_FLIGHT);
        let unpacker = Unpacker::new(self.into, &wanted, &hashes, last_round, done.clone());
        let unpacking = tokio::task::spawn_blocking(move || {
            let mut bridge = SyncIoBridge::new(reader);
            let result = unpacker.unpack(&mut bridge);
            if result.error.is_none() {
                // Padding behind the last file; a disk that is full needs no more of it.
                let _ = io::copy(&mut bridge, &mut io::sink());
            }
            result
        });
        let mut stream = Stream {
            pipe,
            errors: Captured::default(),
            done,
            total,
            reporter: self.reporter,
        };
        let send = Command::new::<&str>(SEND, []).as_root();
        let outcome = self
            .shell
            .execute(&send, paths.as_slice(), &mut stream)
            .await;
        let complaint = stream.errors.complaint();
        drop(stream);
        let received = unpacking.await.map_err(|panic| CollectError::Write {
            path: self.into.to_owned(),
            source: io::Error::other(panic),
        })?;
        if !complaint.is_empty() {
            self.reporter
                .report(Event::Detail(format!("tar: {complaint}")));
            if last_round {
                self.warnings
                    .push(format!("tar on the instance: {complaint}"));
            }
        }
        for (position, error) in received.unplaced {
            if let Some(file) = wanted.get(position) {
                self.warnings.push(format!(
                    "{} could not be written here: {error}",
                    file.shown()
                ));
            }
        }
        let mut settled = HashSet::new();
        for Received {
            position,
            size,
            verified,
            sha256,
        } in received.files
        {
            let Some(index) = pending.get(position).copied() else {
                continue;
            };
            if let (Some(file), Some(state)) =
                (self.files.get_mut(index), self.states.get_mut(index))
            {
                file.size = size;
                file.sha256 = Some(sha256);
                *state = if verified {
                    State::Verified
                } else {
                    State::Changed
                };
                settled.insert(index);
            }
        }
        pending.retain(|index| !settled.contains(index));
        if let Some(source) = received.error {
            return Err(CollectError::Write {
                path: self.into.to_owned(),
                source,
            });
        }
        outcome?;
        Ok(())
    }

    fn close(mut self, mut error: Option<CollectError>) -> Collection {
        let mut collected = Collected::default();
        let mut first = None;
        for (file, state) in self.files.iter().zip(&self.states) {
            if *state == State::Verified {
                collected.files += 1;
                collected.bytes += file.size;
            } else {
                collected.incomplete += 1;
                first.get_or_insert_with(|| file.shown());
            }
            if *state == State::Changed {
                self.warnings.push(format!(
                    "{} changed while it was collected: the copy is not checked",
                    file.shown()
                ));
            }
        }
        let missing = self.states.iter().filter(|state| **state == State::Missing);
        if let (Some(first), None, 1..) = (first, &error, missing.count()) {
            error = Some(CollectError::Incomplete {
                count: collected.incomplete,
                first,
            });
        }
        let files = self
            .files
            .iter()
            .zip(&self.states)
            .map(|(file, state)| Entry {
                path: file.destination.to_string_lossy().into_owned(),
                source: file.source_text(),
                size: file.size,
                sha256: file.sha256.map(hex::encode),
                mode: format!("{:04o}", file.mode),
                modified: file.modified_text(),
                state: *state,
            })
            .collect();
        Collection {
            manifest: Manifest { format: 1, files },
            collected,
            warnings: self.warnings,
            error,
        }
    }
}
