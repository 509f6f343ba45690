//! The results of one sample on this machine's disk.
//!
//! They grow in a directory with a temporary name, `.<run>.partial`, and get their final name when what is
//! collected is complete; a killed collector leaves the temporary one behind, with all logs.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;

use crate::instance::InstanceId;
use crate::phase::Phase;
use crate::report::{RunReport, SampleReport};
use crate::revision::Revision;
use crate::step::ScriptPath;

/// Where collector's own records lie, below the results.
pub const RECORDS: &str = "collector";

/// Where the config lies, below the results; its `version`, `description` and `collector.revision` are an
/// interface for analysis tools.
pub const CONFIG: &str = "config";

/// The deadline for the lock of an index that other processes write, too.
const LOCK_DEADLINE: Duration = Duration::from_secs(10);
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Something on this machine's disk went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct ResultsError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl ResultsError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("make room, or choose another `output`")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Some("make `output` writable, or choose another one")
            }
            io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty => {
                Some("a file is in the way: remove it, or choose another `output`")
            }
            _ => None,
        }
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ResultsError + 'a {
    move |source| ResultsError {
        action,
        path: path.to_owned(),
        source,
    }
}

/// The results of one sample.
#[derive(Debug, Clone)]
pub struct Results {
    revision_directory: PathBuf,
    revision: Revision,
    name: String,
    path: PathBuf,
}

impl Results {
    /// Makes the directory, under its temporary name; `name` is its final one until an instance is known.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub fn create(
        output: &Path,
        revision: &Revision,
        temporary: &str,
        name: &str,
    ) -> Result<Self, ResultsError> {
        let revision_directory = output.join(revision.directory());
        let path = revision_directory.join(format!(".{temporary}.partial"));
        let logs = path.join(RECORDS).join("logs");
        fs::create_dir_all(&logs).map_err(failed("creating", &logs))?;
        let path = fs::canonicalize(&path).map_err(failed("opening", &path))?;
        Ok(Self {
            revision_directory: path.parent().unwrap_or(&path).to_owned(),
            revision: revision.clone(),
            name: name.to_owned(),
            path,
        })
    }

    /// Results that another process has left, under their final name.
    pub fn open(path: &Path, revision: &Revision) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            revision_directory: path.parent().unwrap_or(path).to_owned(),
            revision: revision.clone(),
            name: name.into_owned(),
            path: path.to_owned(),
        }
    }

    /// Where the results are now, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The instance is known: the final name will be its id.
    pub fn name_after(&mut self, id: &InstanceId) {
        self.name = id.to_string();
    }

    /// Gives the directory its final name.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn finalize_name(&mut self) -> Result<(), ResultsError> {
        let last = self.revision_directory.join(&self.name);
        if last != self.path {
            fs::rename(&self.path, &last).map_err(failed("renaming the results to", &last))?;
            self.path = last;
        }
        Ok(())
    }

    /// Copies the files of another sample.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn copy_from(&self, other: &Self) -> Result<(), ResultsError> {
        copy_tree(&other.path, &self.path).map_err(failed("copying to", &self.path))
    }

    /// Removes the results of a sample that never was.
    pub fn discard(&self) {
        // What stays is hidden, and small.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// The path of a step's log, relative to the results.
    pub fn log_name(number: u32, phase: Phase, script: &ScriptPath) -> String {
        format!(
            "{RECORDS}/logs/{number:02}-{phase}-{}.log",
            script.file_name()
        )
    }

    /// Creates a file below the results, with its directories.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn file(&self, name: &str) -> Result<File, ResultsError> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("creating", parent))?;
        }
        File::create(&path).map_err(failed("creating", &path))
    }

    /// Writes a file below the results.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), ResultsError> {
        let path = self.path.join(name);
        self.file(name)?
            .write_all(content)
            .map_err(failed("writing", &path))
    }

    /// Writes a record as JSON; it appears whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record(&self, name: &str, value: &impl Serialize) -> Result<(), ResultsError> {
        write_json(self.path.join(RECORDS).join(name), value).await
    }

    /// Packs the results into `<instance-id>.tar.gz` beside them, paths starting with `<revision>/<instance-id>/`.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing but the archive is lost then.
    pub fn archive(&self) -> Result<PathBuf, ResultsError> {
        let archive = self
            .revision_directory
            .join(format!("{}.tar.gz", self.name));
        let temporary = self.unfinished_archive();
        let root = Path::new(&self.revision.directory()).join(&self.name);
        pack(&self.path, &root, &temporary)
            .and_then(|()| fs::rename(&temporary, &archive))
            .map_err(|error| {
                // Half an archive is worth nothing, and its space may be what is missing.
                let _ = fs::remove_file(&temporary);
                failed("writing", &archive)(error)
            })?;
        Ok(archive)
    }

    fn unfinished_archive(&self) -> PathBuf {
        self.revision_directory
            .join(format!(".{}.tar.gz.partial", self.name))
    }

    /// Removes an archive whose writing was broken off.
    pub fn discard_archive(&self) {
        // There may be none yet; one that stays is hidden and harmless.
        let _ = fs::remove_file(self.unfinished_archive());
    }

    /// Writes `run.json`, and the index with it.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub async fn index_after(&self, report: &SampleReport) -> Result<(), ResultsError> {
        self.record("run.json", report).await?;
        let results = self.clone();
        off_the_runtime(&self.revision_directory, move || results.index()).await
    }

    /// Writes `index.json` of the revision anew from what lies there, under a lock: right with any number of writers.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn index(&self) -> Result<(), ResultsError> {
        let directory = &self.revision_directory;
        let lock = directory.join(".index.lock");
        let file = File::create(&lock).map_err(failed("creating", &lock))?;
        wait_for_lock(&file).map_err(failed("locking", &lock))?;
        let samples = samples(directory).map_err(failed("reading", directory))?;
        let index = serde_json::json!({
            "format": 1,
            "revision": self.revision,
            "samples": samples,
        });
        let path = directory.join("index.json");
        let text = to_json(&index).map_err(failed("writing", &path))?;
        write_whole(&path, &text).map_err(failed("writing", &path))
    }
}

/// Waits until no other process writes the index. A file system without locks is as good as one where nobody else writes.
fn wait_for_lock(file: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process holds the lock",
                ));
            }
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}

/// Runs file work on a thread that may wait for the disk.
async fn off_the_runtime(
    path: &Path,
    work: impl FnOnce() -> Result<(), ResultsError> + Send + 'static,
) -> Result<(), ResultsError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(failed("writing", path)(io::Error::other(panic))))
}

/// Writes what belongs to all samples of a run, beside them: `<output>/<revision>/<run>/run.json`.
///
/// # Errors
/// When it cannot be written.
pub async fn write_run(
    output: &Path,
    revision: &Revision,
    report: &RunReport,
) -> Result<(), ResultsError> {
    let directory = output.join(revision.directory()).join(report.run.as_str());
    write_json(directory.join("run.json"), report).await
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Every complete sample of a revision: what its `run.json` says, in the order of their starts.
fn samples(directory: &Path) -> io::Result<Vec<Value>> {
    const KEPT: [&str; 9] = [
        "run",
        "started",
        "finished",
        "outcome",
        "description",
        "provider",
        "instance",
        "collected",
        "collector",
    ];
    let mut samples = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let Ok(text) = fs::read(entry.path().join(RECORDS).join("run.json")) else {
            continue;
        };
        let Ok(Value::Object(run)) = serde_json::from_slice(&text) else {
            continue;
        };
        let mut sample: serde_json::Map<String, Value> = run
            .into_iter()
            .filter(|(key, _)| KEPT.contains(&key.as_str()))
            .collect();
        let archive = format!("{name}.tar.gz");
        if directory.join(&archive).exists() {
            sample.insert("archive".into(), archive.into());
        }
        sample.insert("directory".into(), name.into());
        samples.push(Value::Object(sample));
    }
    let started = |sample: &Value| sample.get("started").map(ToString::to_string);
    samples.sort_by_key(started);
    Ok(samples)
}

fn to_json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

async fn write_json(path: PathBuf, value: &impl Serialize) -> Result<(), ResultsError> {
    let text = to_json(value).map_err(failed("writing", &path))?;
    let written = path.clone();
    off_the_runtime(&path, move || {
        write_whole(&written, &text).map_err(failed("writing", &written))
    })
    .await
}

/// Writes a file that appears whole or not at all.
fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let temporary = path.with_extension("json.partial");
    let mut file = File::create(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn pack(from: &Path, root: &Path, to: &Path) -> io::Result<()> {
    let file = BufWriter::new(File::create(to)?);
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    // A link that a local step made is packed as what it is, not as what it points to.
    tar.follow_symlinks(false);
    tar.append_dir(root.join(""), from)?;
    append_tree(&mut tar, root, from)?;
    tar.into_inner()?.finish()?.into_inner()?.sync_all()
}

/// Appends what is in a directory. A file that grows meanwhile is packed as long as it was, one that shrinks is filled up:
/// either would make the rest of the archive unreadable. Sockets and pipes that a local step left have no content.
fn append_tree<W: io::Write>(
    tar: &mut tar::Builder<W>,
    root: &Path,
    from: &Path,
) -> io::Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), root.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            tar.append_dir(name.join(""), &path)?;
            append_tree(tar, &name, &path)?;
        } else if kind.is_symlink() {
            tar.append_path_with_name(&path, &name)?;
        } else if kind.is_file() {
            let file = File::open(&path)?;
            let metadata = file.metadata()?;
            let mut header = tar::Header::new_gnu();
            header.set_metadata(&metadata);
            let content = file.chain(io::repeat(0)).take(metadata.len());
            tar.append_data(&mut header, &name, content)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
