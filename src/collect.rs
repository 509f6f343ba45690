//! Brings the results home: listed on the instance, sent in a few streams while it hashes them, checked locally.

mod fetch;
mod hashes;
mod large;
mod listing;
mod names;
mod place;
mod queue;
mod streams;
mod transfer;
mod unpack;
mod warnings;

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::blocking::off_the_runtime;
use crate::config::Pattern;
use crate::records::{FilePath, FileState, Manifest, ManifestEntry, Sha256};
use crate::report::Collected;
use crate::reporter::Reporter;
use crate::results::FreeSpace;
use crate::shell::{Command, Reconnect, Shell, ShellError};
use listing::Listing;
use names::INCOMING;
pub use streams::Arrivals;
use streams::{Answer, Reading, SILENCE_LIMIT};
use transfer::Transfer;
use warnings::Warnings;

const LIST: &str = include_str!("collect/list.sh");

/// The bytes that are left for collector's own records, and for the line of each file in them.
const RESERVE: u64 = 256 << 10;
const RESERVE_FOR_FILE: u64 = 512;

/// The size of a block, in bytes: a file takes whole ones.
const BLOCK: u64 = 4096;

/// Why results did not all come home.
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
    #[error(
        "the results need {needed} bytes, {free} are free in {}: no room for {left} of {count} files, the smallest of them is {smallest}",
        path.display()
    )]
    NoRoom {
        /// Their size.
        needed: u64,
        /// The number of those that stay on the instance.
        left: usize,
        /// The number of all.
        count: usize,
        /// The path of the smallest of those that stay.
        smallest: String,
        /// The space that the file system has left.
        free: u64,
        /// Where.
        path: PathBuf,
    },
    /// There are more files than one collection can hold.
    #[error("more files match than can be collected; the first {count} were")]
    TooMany {
        /// The number that was taken.
        count: usize,
    },
    /// Files came that are not what the instance listed.
    #[error(
        "{count} of the files are missing or differ from what the instance listed, the first is {first}"
    )]
    Incomplete {
        /// The number.
        count: u64,
        /// Its path on the instance.
        first: String,
    },
}

impl CollectError {
    /// The remedy.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Shell(error) => error.hint(),
            Self::Write { .. } => Some("check the directory and its file system"),
            Self::NoRoom { .. } => Some(
                "make room or choose another `output`; as many files as fit were collected, smallest first",
            ),
            Self::TooMany { .. } => {
                Some("pack them into one file in `before_collect`, or narrow `performance_results`")
            }
            Self::Incomplete { .. } => Some(
                "`collector/manifest.json` lists them; stop what still writes to them in `before_collect`",
            ),
        }
    }
}

/// The files that came home, and why not all of them.
#[derive(Debug)]
pub struct Collection {
    /// Every file that was found.
    pub manifest: Manifest,
    /// The sum.
    pub collected: Collected,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Why something is missing.
    pub error: Option<CollectError>,
}

/// Collects what the patterns match into `into`. What can be brought home is, whatever fails.
pub async fn collect(
    shell: &impl Shell,
    patterns: &[Pattern],
    into: &Path,
    arrivals: &Arrivals,
    reporter: &impl Reporter,
) -> Collection {
    let mut collecting = Collecting::new(shell, into, arrivals, reporter);
    let mut entries = Vec::new();
    let error = collecting.collect(patterns, &mut entries).await.err();
    arrivals.finish().await;
    collecting.close(entries, error)
}

/// Lists what the patterns match and leaves it on the instance, for the store to have it from the instance.
pub async fn survey(
    shell: &impl Shell,
    patterns: &[Pattern],
    into: &Path,
    arrivals: &Arrivals,
    reporter: &impl Reporter,
) -> Collection {
    let mut collecting = Collecting::new(shell, into, arrivals, reporter);
    match collecting.list(patterns).await {
        Ok(mut entries) => {
            for entry in &mut entries {
                entry.state = FileState::Stored;
            }
            collecting.close(entries, None)
        }
        Err(error) => collecting.close(Vec::new(), Some(error)),
    }
}

struct Collecting<'a, S, R> {
    shell: &'a S,
    into: &'a Path,
    arrivals: &'a Arrivals,
    reporter: &'a R,
    warnings: Vec<String>,
    file_warnings: Warnings,
    /// Why something is missing although the rest was brought home.
    deferred: Option<CollectError>,
}

impl<'a, S: Shell, R: Reporter> Collecting<'a, S, R> {
    fn new(shell: &'a S, into: &'a Path, arrivals: &'a Arrivals, reporter: &'a R) -> Self {
        Self {
            shell,
            into,
            arrivals,
            reporter,
            warnings: Vec::new(),
            file_warnings: Warnings::default(),
            deferred: None,
        }
    }

    async fn collect(
        &mut self,
        patterns: &[Pattern],
        entries: &mut Vec<fetch::Entry>,
    ) -> Result<(), CollectError> {
        *entries = self.list(patterns).await?;
        let fitting = self.fitting(entries).await?;
        let incoming = self.into.join(INCOMING);
        let made = self.arrivals.make_incoming(&incoming).await;
        made.map_err(|source| CollectError::Write {
            path: incoming,
            source,
        })?;
        let (into, arrivals) = (self.into, self.arrivals);
        let (warnings, deferred) = (&mut self.file_warnings, &mut self.deferred);
        Transfer::new(into, arrivals, fitting, warnings, deferred)
            .run(self.shell, self.reporter)
            .await
    }

    async fn list(&mut self, patterns: &[Pattern]) -> Result<Vec<fetch::Entry>, CollectError> {
        let globs = patterns.iter().map(Pattern::as_str);
        let command = Command::new(LIST, globs).in_bash().as_root();
        let reading = Reading {
            shell: self.shell,
            arrivals: self.arrivals,
            into: self.into,
            what: "listing the results",
            patience: SILENCE_LIMIT,
        };
        let mut reconnect = Reconnect::new(self.shell);
        let answer = loop {
            let (patterns, into) = (patterns.to_vec(), self.into.to_owned());
            let answer = reading
                .run(
                    &command,
                    &[],
                    || (),
                    move |source| listing::read(&mut source.stream, &patterns, &into),
                )
                .await?;
            let lost = match answer.exit {
                Err(error) if error.is_connection() => error,
                exit => break Answer { exit, ..answer },
            };
            if let Err(error) = reconnect.after(lost).await {
                break Answer {
                    exit: Err(error),
                    ..answer
                };
            }
        };
        let Listing {
            files,
            unmatched,
            warnings,
            cut,
        } = answer.read;
        let failed = match answer.exit {
            Ok(None) if cut => Some(CollectError::TooMany { count: files.len() }),
            Ok(Some(exit)) if exit.success() => None,
            Ok(_) => Some(CollectError::Shell(ShellError::Command {
                what: reading.what,
                reason: answer.stderr_line.clone(),
            })),
            Err(error) => Some(error.into()),
        };
        if let Some(error) = failed {
            // What was listed is brought home all the same.
            if files.is_empty() {
                return Err(error);
            }
            self.deferred = Some(error);
        } else {
            self.warnings
                .extend(unmatched.into_iter().filter_map(|index| {
                    let pattern = patterns.get(index)?;
                    Some(format!("`{}` matches no file", pattern.as_str()))
                }));
        }
        if !answer.stderr_line.is_empty() {
            self.warnings
                .push(format!("listing the results: {}", answer.stderr_line));
        }
        self.file_warnings = warnings;
        Ok(files)
    }

    /// The files that fit into the free space, smallest first where not all do.
    async fn fitting<'e>(
        &mut self,
        entries: &'e mut [fetch::Entry],
    ) -> Result<&'e mut [fetch::Entry], CollectError> {
        let path = self.into.to_owned();
        let write = |source: io::Error| CollectError::Write {
            path: self.into.to_owned(),
            source,
        };
        let space = off_the_runtime(move || FreeSpace::at(&path))
            .await
            .map_err(write)?;
        let block = space.block.min(BLOCK);
        let taken =
            |entry: &fetch::Entry| entry.listed.size.next_multiple_of(block) + RESERVE_FOR_FILE;
        let room = space.bytes.saturating_sub(RESERVE);
        if entries.iter().map(taken).sum::<u64>() <= room {
            return Ok(entries);
        }
        entries.sort_by_key(|entry| entry.listed.size);
        let mut left = room;
        let fitting = entries.iter().take_while(|entry| {
            let rest = left.checked_sub(taken(entry));
            left = rest.unwrap_or(0);
            rest.is_some()
        });
        let fitting = fitting.count();
        let smallest = entries.get(fitting).map(|entry| entry.listed.shown());
        self.deferred = Some(CollectError::NoRoom {
            needed: entries.iter().map(|entry| entry.listed.size).sum(),
            left: entries.len() - fitting,
            count: entries.len(),
            smallest: smallest.unwrap_or_default(),
            free: space.bytes,
            path: self.into.to_owned(),
        });
        let (fitting, _) = entries.split_at_mut(fitting);
        Ok(fitting)
    }

    fn close(mut self, entries: Vec<fetch::Entry>, error: Option<CollectError>) -> Collection {
        let mut error = error.or(self.deferred);
        let mut collected = Collected::default();
        let mut first = None;
        let mut missing = false;
        let mut empty = entries
            .iter()
            .filter(|entry| entry.listed.size == 0 && entry.state != FileState::Missing);
        if let Some(first) = empty.next() {
            let first = first.listed.shown();
            self.warnings.push(match empty.count() {
                0 => format!("{first} is empty"),
                others => format!("{} files are empty, the first is {first}", others + 1),
            });
        }
        for fetch::Entry { listed, state, .. } in &entries {
            if matches!(state, FileState::Verified | FileState::Stored) {
                collected.files += 1;
                collected.bytes += listed.size;
            } else {
                collected.incomplete += 1;
                first.get_or_insert_with(|| listed.shown());
            }
            missing |= *state == FileState::Missing;
            if *state == FileState::Changed {
                self.file_warnings.push(|| {
                    format!(
                        "{} changed while it was collected: the copy is not checked",
                        listed.shown()
                    )
                });
            }
        }
        if let (Some(first), None, true) = (first, &error, missing) {
            error = Some(CollectError::Incomplete {
                count: collected.incomplete,
                first,
            });
        }
        let files = entries
            .into_iter()
            .map(|fetch::Entry { listed, state, .. }| ManifestEntry {
                path: FilePath::new(listed.destination.as_os_str().as_bytes()),
                source: FilePath::new(listed.source),
                size: listed.size,
                sha256: listed.sha256.map(Sha256),
                mode: listed.mode,
                modified: Timestamp::try_from(listed.modified).ok(),
                state,
            })
            .collect();
        self.warnings.extend(self.file_warnings.into_lines());
        Collection {
            manifest: Manifest::new(files),
            collected,
            warnings: self.warnings,
            error,
        }
    }
}
