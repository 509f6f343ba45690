//! `report.html` beside the records that it is made of.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::record_file;
use super::stored_runs::{StoredRunsError, stored_runs};
use super::{ResultsError, failed};
use crate::report_page::page;

/// The name of the page.
const FILE: &str = "report.html";

/// Makes the page of the results in a directory, in `target`. May take seconds where there is much to read, on a thread that may block.
///
/// # Errors
/// When they cannot be read, or the page cannot be written; nothing but the page is lost then.
pub async fn write_report(results: &Path, target: &Path) -> Result<(), StoredRunsError> {
    let (results, target) = (results.to_owned(), target.to_owned());
    let path = target.join(FILE);
    let making = tokio::task::spawn_blocking(move || make(&results, &target));
    match making.await {
        Ok(made) => made,
        Err(panic) => Err(lost(&path, io::Error::other(panic)).into()),
    }
}

fn make(results: &Path, target: &Path) -> Result<(), StoredRunsError> {
    let path = target.join(FILE);
    let (runs, _) = stored_runs([results])?;
    let text = page(&runs, None, Timestamp::now()).map_err(|error| lost(&path, error.into()))?;
    let temporary = record_file::temporary(target, FILE);
    record_file::write(&temporary, &path, text.as_bytes()).map_err(|error| {
        // Half a page is worth nothing, and its space may be what is missing.
        let _ = std::fs::remove_file(&temporary);
        lost(&path, error).into()
    })
}

fn lost(path: &Path, source: io::Error) -> ResultsError {
    failed("writing", path)(source)
}
