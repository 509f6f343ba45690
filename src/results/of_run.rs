//! Files that belong to all samples of a run of several.

use std::fs;
use std::path::{Path, PathBuf};

use super::sample_directory::{ReadError, read_record};
use super::{ResultsError, failed, file_work, record_file, write_record};
use crate::instance::RunId;
use crate::records::Record;
use crate::report::RunReport;
use crate::revision::Revision;

/// The room for the report of a run of several samples.
const RUN_RESERVE: u64 = 256 * 1024;

/// The directory of what belongs to all samples of a run: `<output>/<revision>/<run>/`.
pub fn run_directory(output: &Path, revision: &Revision, run: &RunId) -> PathBuf {
    output.join(revision.directory()).join(run.as_str())
}

/// Makes the directory of a run of several samples, with room for its report.
///
/// # Errors
/// When `output` cannot be written to.
pub fn create_run(output: &Path, revision: &Revision, run: &RunId) -> Result<(), ResultsError> {
    let directory = run_directory(output, revision, run);
    let of_revision = output.join(revision.directory());
    // The shards of a run are named by its owner, who may give a name twice.
    fs::create_dir_all(&of_revision)
        .and_then(|()| fs::create_dir(&directory))
        .map_err(failed("creating", &directory))?;
    let temporary = record_file::temporary(&directory, RunReport::FILE);
    record_file::reserve(&temporary, RUN_RESERVE)
        .map_err(failed("setting room aside for", &temporary))
}

/// Writes what belongs to all samples of a run, beside them.
///
/// # Errors
/// When it cannot be written.
pub async fn write_run<T: Record + Send + 'static>(
    output: &Path,
    revision: &Revision,
    run: &RunId,
    record: T,
) -> Result<(), ResultsError> {
    let directory = run_directory(output, revision, run);
    let temporary = record_file::temporary(&directory, T::FILE);
    write_record(temporary, directory.join(T::FILE), record).await
}

/// Writes a file beside those records.
///
/// # Errors
/// When it cannot be written.
pub async fn write_run_file(
    output: &Path,
    revision: &Revision,
    run: &RunId,
    name: &str,
    content: Vec<u8>,
) -> Result<(), ResultsError> {
    let path = run_directory(output, revision, run).join(name);
    let target = path.clone();
    file_work("writing", &path, move || fs::write(target, content)).await
}

/// Reads what belongs to all samples of a run, which lies beside theirs in the directory of the revision.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read_run<T: Record>(of_revision: &Path, run: &RunId) -> Result<T, ReadError> {
    read_record(&of_revision.join(run.as_str()).join(T::FILE))
}
