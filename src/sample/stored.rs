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

use super::journal::Journal;
use crate::cancel::{Completion, until_cancelled};
use crate::object_store::{ObjectStore, ObjectUpload, Part, StoreError, StoredPart, part_size};
use crate::report::{Diagnostic, SampleReport};
use crate::reporter::{Event, Reporter};

/// So many parts are under way at once; this bounds the memory.
const AT_ONCE: usize = 4;

/// The deadline for giving an object up: a signal may wait for it.
const ABORT_DEADLINE: Duration = Duration::from_secs(3);

/// Sends the archive to the store. The results are here, so that it fails is a warning.
pub(super) async fn store_archive<R: Reporter>(
    store: &impl ObjectStore,
    report: &mut SampleReport,
    journal: &Journal<'_, R>,
    cancel: &CancellationToken,
) {
    let Some(archive) = report.archive.clone() else {
        return;
    };
    let name = object_name(report, &archive);
    let address = store.address(&name);
    journal.report(Event::Note(format!("sending the archive to {address} …")));
    let sent = match store.begin(&name).await {
        Ok(upload) => {
            let sending = async {
                let parts = send_file(store, &upload, &archive, 1).await?;
                store.complete(&upload, &parts).await
            };
            conclude(store, &upload, until_cancelled(cancel, sending).await).await
        }
        Err(error) => Err(Diagnostic::new(error.to_string(), error.hint())),
    };
    match sent {
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

/// The name of a sample's object: that of its archive below the directory of the revision.
fn object_name(report: &SampleReport, archive: &Path) -> String {
    let file = archive.file_name().unwrap_or_default().to_string_lossy();
    format!("{}/{file}", report.revision.directory())
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
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
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
        .buffered(AT_ONCE)
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
