//! The archive in the store: sent in parts, several at once, and given up whole where one of them cannot be sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Sample;
use super::journal::Journal;
use super::straight::Straight;
use crate::blocking::off_the_runtime;
use crate::cancel::{Completion, until_cancelled};
use crate::collect::{Collection, collect, survey};
use crate::config::Pattern;
use crate::object_store::{ObjectStore, ObjectUpload, Part, StoreError, StoredPart, part_size};
use crate::provider::Provider;
use crate::report::{Diagnostic, SampleReport};
use crate::reporter::{Event, Reporter};
use crate::schedule::has_turns;
use crate::shell::Shell;

/// So many parts are under way at once; this bounds the memory.
const MAX_PARTS_AT_ONCE: usize = 4;

/// The deadline for giving an object up: a signal may wait for it.
const ABORT_DEADLINE: Duration = Duration::from_secs(3);

/// The objects of a sample that the store has, or is about to have.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// The object that is not whole.
    unfinished: Option<ObjectUpload>,
    /// The address of the results that it has from the instance.
    pub(super) address: Option<String>,
}

/// Sends the archive to the store. The results are local, so that it fails is a warning.
pub(super) async fn store_archive<R: Reporter>(
    store: &impl ObjectStore,
    report: &mut SampleReport,
    journal: &Journal<'_, R>,
    cancel: &CancellationToken,
) {
    let Some(archive) = report.archive.clone() else {
        return;
    };
    // Where the instance has sent the results, this is the rest.
    let behind = if report.stored.is_some() {
        ".records.tar.gz"
    } else {
        ".tar.gz"
    };
    let name = object_name(report, behind);
    let address = store.address(&name);
    journal.report(Event::Note(format!("sending the archive to {address} …")));
    let sent = match store.begin(&name).await {
        Ok(upload) => {
            let sending = async {
                let parts = send_file(store, &upload, &archive.path, 1).await?;
                store.complete(&upload, &parts).await
            };
            conclude(store, &upload, until_cancelled(cancel, sending).await).await
        }
        Err(error) => Err(Diagnostic::new(error.to_string(), error.hint())),
    };
    match sent {
        Ok(()) if report.stored.is_some() => {}
        Ok(()) => report.stored = Some(address),
        Err(error) => {
            let warning = Diagnostic {
                message: format!("the archive is not in the bucket: {}", error.message),
                ..error
            };
            journal.report(Event::Warning(warning.to_string()));
            report.warnings.push(warning.to_string());
        }
    }
}

impl<P: Provider, H: Shell, R: Reporter> Sample<'_, P, H, R> {
    /// Brings the results to where they are to be.
    pub(super) async fn collection(&mut self, shell: &impl Shell, jobs_dir: &str) -> Collection {
        let patterns = self.patterns(jobs_dir);
        if let Some(collection) = self.store_straight(shell, jobs_dir, &patterns).await {
            return collection;
        }
        let (into, reporter) = (self.results.path(), self.journal.reporter());
        let mut collection = collect(shell, &patterns, into, &self.arrivals, reporter).await;
        if let (true, [harvested]) = (has_turns(&self.run.plan.config), patterns.as_slice()) {
            // Nobody knows the place where the files of the turns are set aside.
            let asked = &self.run.plan.config.performance_results;
            let asked = asked
                .iter()
                .map(|pattern| format!("`{}`", pattern.as_str()));
            let asked = asked.collect::<Vec<_>>().join(" or ");
            let harvested = format!("`{}`", harvested.as_str());
            for warning in &mut collection.warnings {
                *warning = warning.replace(&harvested, &asked);
            }
        }
        collection
    }

    /// Has the instance send the results to the store, where they are not to be downloaded, and returns what there was. Without
    /// that, or where it fails, they have to be collected: nothing else has them.
    async fn store_straight(
        &mut self,
        shell: &impl Shell,
        jobs_dir: &str,
        patterns: &[Pattern],
    ) -> Option<Collection> {
        let store = self.run.provider.store()?;
        if self.run.plan.config.download {
            return None;
        }
        let reporter = *self.journal.reporter();
        let into = self.results.path();
        let surveyed = survey(shell, patterns, into, &self.arrivals, &reporter).await;
        if surveyed.error.is_some() || surveyed.manifest.files.is_empty() {
            return None;
        }
        let instance = self.results.final_path();
        let instance = instance.file_name()?.to_string_lossy();
        let root = format!("{}/{instance}", self.run.plan.revision.directory());
        let name = format!("{root}.tar.gz");
        let straight = Straight {
            shell,
            store,
            directory: format!("{jobs_dir}/bucket"),
        };
        let sent = async {
            let parts = straight.pack(Path::new(&root), &surveyed.manifest).await?;
            let upload = self.stored.unfinished.insert(store.begin(&name).await?);
            straight.send(upload, &parts).await
        };
        let sent = sent.await;
        straight.remove().await;
        match sent {
            Ok(()) => {
                self.stored.unfinished = None;
                let address = store.address(&name);
                self.journal
                    .report(Event::Note(format!("the results are in {address}")));
                self.stored.address = Some(address);
                Some(surveyed)
            }
            Err(error) => {
                self.give_up_object().await;
                let error = Diagnostic::new(
                    format!(
                        "the results did not get straight to the bucket, and are downloaded: {error}"
                    ),
                    error.hint(),
                );
                self.journal.warn(error.to_string());
                None
            }
        }
    }

    /// Gives up what is not whole in the store; a signal may have come in between.
    pub(super) async fn give_up_object(&mut self) {
        if let (Some(store), Some(upload)) =
            (self.run.provider.store(), self.stored.unfinished.take())
        {
            // What stays is for a rule of the bucket to remove.
            let _ = timeout(ABORT_DEADLINE, store.abort(&upload)).await;
        }
    }
}

/// The name of a sample's object: that of its results, below the directory of the revision.
fn object_name(report: &SampleReport, behind: &str) -> String {
    let directory = report.directory.as_deref().and_then(Path::file_name);
    let sample = directory.unwrap_or_default().to_string_lossy();
    format!("{}/{sample}{behind}", report.revision.directory())
}

/// Gives up an object that is not whole, so that nobody pays for its parts.
async fn conclude<T>(
    store: &impl ObjectStore,
    upload: &ObjectUpload,
    ended: Completion<Result<T, StoreError>>,
) -> Result<T, Diagnostic> {
    let failed = match ended {
        Completion::Returned(Ok(done)) => return Ok(done),
        Completion::Returned(Err(error)) => Diagnostic::new(error.to_string(), error.hint()),
        Completion::Panicked(message) => Diagnostic::new(message, None),
        Completion::Cancelled => Diagnostic::new("the run was ended by a signal", None),
    };
    let aborted = timeout(ABORT_DEADLINE, store.abort(upload)).await;
    if matches!(aborted, Ok(Ok(()))) {
        return Err(failed);
    }
    Err(Diagnostic::new(
        format!(
            "{}; what was sent of {} may still be there",
            failed.message, upload.key
        ),
        Some(
            "a lifecycle rule of the bucket removes it (docs/s3.md), or `aws s3api abort-multipart-upload`",
        ),
    ))
}

/// Sends a file as parts of an object, the first with this number. Returns them in their order.
async fn send_file(
    store: &impl ObjectStore,
    upload: &ObjectUpload,
    path: &Path,
    first: u32,
) -> Result<Vec<StoredPart>, StoreError> {
    let unreadable = |error: io::Error| StoreError::Unreadable {
        path: path.display().to_string(),
        message: error.to_string(),
    };
    let measuring = {
        let path = path.to_owned();
        off_the_runtime(move || Ok(std::fs::metadata(path)?.len()))
    };
    let length = measuring.await.map_err(unreadable)?;
    let size = part_size(length);
    let offsets = (0..length.div_ceil(size).max(1)).map(|index| index * size);
    stream::iter((first..).zip(offsets))
        .map(async |(number, offset)| {
            let path = path.to_owned();
            let reading = tokio::task::spawn_blocking(move || read(&path, offset, size));
            let read = reading.await.map_err(io::Error::other).flatten();
            let (bytes, sha256) = read.map_err(unreadable)?;
            let part = Part {
                number,
                size: bytes.len() as u64,
                sha256,
            };
            store.put(upload, part, bytes).await
        })
        .buffered(MAX_PARTS_AT_ONCE)
        .try_collect()
        .await
}

/// The bytes of a file from an offset on, with their checksum.
fn read(path: &Path, offset: u64, size: u64) -> io::Result<(Vec<u8>, [u8; 32])> {
    let file = File::open(path)?;
    let left = file.metadata()?.len().saturating_sub(offset).min(size);
    let mut bytes = vec![0; usize::try_from(left).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    let sum = Sha256::digest(&bytes).into();
    Ok((bytes, sum))
}
