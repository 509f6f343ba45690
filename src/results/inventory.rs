//! The inventory of an output directory: every sample that lies there, and what is left of runs that were broken off.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::index::{LOCK, samples};
use super::occupancy::is_occupied;
use super::read_run;
use super::sample_directory::ReadError;
use super::{RECORDS, ResultsError, failed};
use crate::instance::RunId;
use crate::records::{Index, IndexEntry, Record as _};
use crate::report::{Outcome, RunReport};
use crate::revision::Revision;

/// A directory of results.
#[derive(Debug, Clone, Serialize)]
pub struct StoredSample {
    /// Where it is.
    pub path: PathBuf,
    /// The revision in whose directory it lies.
    pub revision: Revision,
    /// Its content.
    #[serde(flatten)]
    pub contents: Contents,
}

/// The content of a directory of results.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Contents {
    /// A sample that is over, and its report.
    Complete(Box<IndexEntry>),
    /// The partial results of a run that goes on, or was broken off.
    Partial {
        /// The run.
        run: RunId,
        /// When it began, or something came home last.
        started: Option<Timestamp>,
        /// The run is going on.
        running: bool,
    },
    /// Something that cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl StoredSample {
    /// The run that it belongs to, where that is known.
    pub fn run(&self) -> Option<&RunId> {
        match &self.contents {
            Contents::Complete(entry) => Some(&entry.run),
            Contents::Partial { run, .. } => Some(run),
            Contents::Unreadable { .. } => None,
        }
    }

    /// Whether it is of this instance, or of this run.
    pub fn is_of(&self, id: &str) -> bool {
        let instance = match &self.contents {
            Contents::Complete(entry) => entry.instance.as_ref(),
            _ => None,
        };
        instance.is_some_and(|instance| instance.id.as_str() == id)
            || self.run().is_some_and(|run| run.as_str() == id)
            || self.path.file_name().is_some_and(|name| name == id)
    }

    fn started(&self) -> Option<Timestamp> {
        match &self.contents {
            Contents::Complete(entry) => Some(entry.started),
            Contents::Partial { started, .. } => *started,
            Contents::Unreadable { .. } => None,
        }
    }
}

/// Everything below an output directory that collector left there, newest first; what cannot be read is last. May block.
///
/// # Errors
/// When the output directory cannot be read.
pub fn inventory(
    output: &Path,
    revision: Option<&Revision>,
) -> Result<Vec<StoredSample>, ResultsError> {
    let entries = fs::read_dir(output)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(failed("reading", output))?;
    let mut stored = Vec::new();
    for entry in entries {
        if let Some(of) = revision_of(&entry)
            && revision.is_none_or(|wanted| *wanted == of)
        {
            read(&entry.path(), &of, &mut stored);
        }
    }
    stored.sort_by_cached_key(|stored| (Reverse(stored.started()), stored.path.clone()));
    Ok(stored)
}

/// The revision whose samples a directory holds.
fn revision_of(entry: &DirEntry) -> Option<Revision> {
    if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        return None;
    }
    revision_in(&entry.file_name().to_string_lossy())
}

/// The revision that a directory is named after.
pub(super) fn revision_in(name: &str) -> Option<Revision> {
    name.replace('~', "/").parse().ok()
}

/// The run that a temporary name was made for: `.<run>-<sample>.partial`.
pub(super) fn run_in(name: &str) -> Option<RunId> {
    let lease = name.strip_prefix('.')?.strip_suffix(".partial")?;
    let (run, sample) = lease.rsplit_once('-')?;
    sample.parse::<u32>().ok()?;
    Some(RunId::new(run))
}

/// Adds what lies in the directory of a revision; in one that is none, nothing does.
fn read(directory: &Path, revision: &Revision, stored: &mut Vec<StoredSample>) {
    let mut add = |path: PathBuf, contents| {
        stored.push(StoredSample {
            path,
            revision: revision.clone(),
            contents,
        });
    };
    let found = samples(directory, &directory.join(Index::FILE));
    let partial = partial(directory);
    let (found, partial) = match (found, partial) {
        (Ok(found), Ok(partial)) => (found, partial),
        (Err(error), _) | (_, Err(error)) => {
            let reason = error.to_string();
            add(directory.to_owned(), Contents::Unreadable { reason });
            return;
        }
    };
    let mut slower: HashMap<RunId, bool> = HashMap::new();
    for (name, sample) in found {
        let path = directory.join(name);
        match sample {
            Ok(mut entry) => {
                // Of several samples, only the report of their run tells how its figures were judged.
                if entry.outcome == Outcome::Passed
                    && *slower.entry(entry.run.clone()).or_insert_with_key(|run| {
                        read_run::<RunReport>(directory, run)
                            .is_ok_and(|report| report.outcome == Outcome::Slower)
                    })
                {
                    entry.outcome = Outcome::Slower;
                }
                add(path, Contents::Complete(Box::new(entry)));
            }
            Err(error) if is_sample(&path, &error) => {
                let reason = error.to_string();
                add(path, Contents::Unreadable { reason });
            }
            Err(_) => {}
        }
    }
    for (path, contents) in partial {
        add(path, contents);
    }
}

/// Whether a directory without a report is a sample's all the same: others have no records, or can be looked into.
fn is_sample(path: &Path, error: &ReadError) -> bool {
    match (error, path.join(RECORDS).symlink_metadata()) {
        (ReadError::Record { .. }, _) => true,
        (_, Ok(records)) => records.is_dir(),
        (_, Err(error)) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// The directories that have a temporary name.
fn partial(directory: &Path) -> io::Result<Vec<(PathBuf, Contents)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(run) = run_in(&entry.file_name().to_string_lossy())
            && entry.file_type()?.is_dir()
        {
            let path = entry.path();
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let contents = Contents::Partial {
                run,
                started: modified.ok().and_then(|at| at.try_into().ok()),
                running: is_occupied(&path),
            };
            found.push((path, contents));
        }
    }
    Ok(found)
}

/// Whether a directory is one of a revision's, as collector makes it.
pub(super) fn is_of_revision(directory: &Path) -> bool {
    directory.join(LOCK).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_tells_its_run() {
        let run = |name| run_in(name).map(|run| run.to_string());
        let name = ".20261122T195604Z-b91e9525-2.partial";
        assert_eq!(run(name).unwrap(), "20261122T195604Z-b91e9525");
        assert_eq!(run(".i-01.tar.gz.partial"), None);
        assert_eq!(run("20261122T195604Z-b91e9525"), None);
    }

    #[test]
    fn what_is_not_of_collector_is_passed_over() {
        let output = tempfile::tempdir().unwrap();
        for directory in ["v1/collection/run", ".git/objects", "v2/collector"] {
            fs::create_dir_all(output.path().join(directory)).unwrap();
        }
        fs::write(output.path().join("README"), "").unwrap();
        assert!(inventory(output.path(), None).unwrap().is_empty());
    }
}
