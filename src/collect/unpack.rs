//! Writes a tar stream to disk: only files that were asked for, only where they were given a place, and checked.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::listing::{Digest, Listed};
use super::names::INCOMING;
use super::streams::Arrivals;

/// The largest window that a compressed stream may ask for: 8 MiB.
const WINDOW_LOG: u32 = 23;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How much a file may grow between its listing and its arrival, in bytes; a large one may double.
const GROWTH: u64 = 64 << 20;

/// The longest path in a stream, in bytes: no longer one is listed.
const MAX_PATH_BYTES: u64 = 4096;

/// What a stream may hold for each file beside its content: headers, a long name, padding.
const MAX_OVERHEAD: u64 = 8 << 10;

/// What is read behind the last file, in bytes: tar pads its archives.
const MAX_PADDING: u64 = 1 << 20;

/// A file that came.
#[derive(Debug)]
pub(super) struct Received {
    /// Its position in the list of wanted files.
    pub(super) position: usize,
    pub(super) size: u64,
    pub(super) verified: bool,
    pub(super) sha256: Digest,
}

/// What came of a stream.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    pub(super) files: Vec<Received>,
    /// Files that came but could not get their name here, by their position, and why.
    pub(super) unplaced: Vec<(usize, io::Error)>,
    /// The file that was so much larger than listed that nothing was read behind it: its position and size.
    pub(super) outgrown: Option<(usize, u64)>,
    /// Why this machine could not write; a stream that breaks off is the shell's to report.
    pub(super) error: Option<io::Error>,
}

/// Unpacks a stream of wanted files.
#[derive(Debug)]
pub(super) struct Unpacker {
    pub(super) into: PathBuf,
    /// Keeps files that are not what was hashed, too.
    pub(super) keep_changed: bool,
    /// The bytes that have come.
    pub(super) done: Arc<AtomicU64>,
    pub(super) arrivals: Arrivals,
}

impl Unpacker {
    /// Reads the stream of these files, by their positions, to its end, or to where it breaks. Once `stop` is cancelled
    /// no file gets its name any more: the results may be moving to theirs.
    pub(super) fn unpack(
        &self,
        wanted: Vec<(usize, Listed)>,
        hashes: &HashMap<Vec<u8>, Digest>,
        stream: &mut impl BufRead,
        stop: &CancellationToken,
    ) -> Unpacked {
        let mut unpacked = Unpacked::default();
        let mut whole = false;
        let limit = stream_limit(wanted.iter().map(|(_, file)| file.size));
        match decompressed(&mut *stream) {
            Ok(Some(reader)) => {
                let reader = UntilStopped {
                    reader: reader.take(limit),
                    stop,
                };
                whole = self.read(reader, wanted, hashes, &mut unpacked).is_some();
            }
            Ok(None) => {}
            Err(error) => unpacked.error = Some(error),
        }
        // A file that is not there any more is in nobody's way.
        let _ = fs::remove_file(self.into.join(INCOMING));
        if whole {
            // A command that cannot write its last bytes would count as one that failed.
            let _ = io::copy(&mut stream.take(MAX_PADDING), &mut io::sink());
        }
        unpacked
    }

    /// Reads the archive; `None` where it is not read to its end.
    fn read(
        &self,
        reader: impl Read,
        wanted: Vec<(usize, Listed)>,
        hashes: &HashMap<Vec<u8>, Digest>,
        unpacked: &mut Unpacked,
    ) -> Option<()> {
        let mut wanted: HashMap<Arc<[u8]>, (usize, Listed)> = wanted
            .into_iter()
            .map(|(position, file)| (Arc::clone(&file.source), (position, file)))
            .collect();
        let mut archive = tar::Archive::new(reader);
        let mut long_name = None;
        // Raw: otherwise a name or an extension of any size would be read into memory.
        for entry in archive.entries().ok()?.raw(true) {
            let mut entry = entry.ok()?;
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() {
                long_name = Some(read_name(&mut entry)?);
                continue;
            }
            if kind.is_gnu_longlink() {
                continue;
            }
            let name = long_name
                .take()
                .unwrap_or_else(|| entry.path_bytes().into_owned());
            if !kind.is_file() {
                continue;
            }
            let Some((position, file)) = wanted.remove(name.as_slice()) else {
                continue;
            };
            let size = entry.size();
            if size > size_limit(file.size) {
                unpacked.outgrown = Some((position, size));
                return None;
            }
            let digest = hashes.get(&*file.source).copied();
            match self.write(&mut entry, size, &file, digest) {
                Ok(Some((sha256, verified))) => unpacked.files.push(Received {
                    position,
                    size,
                    verified,
                    sha256,
                }),
                Ok(None) => {}
                Err(Broken::Place(error)) => unpacked.unplaced.push((position, error)),
                Err(Broken::Stream) => return None,
                Err(Broken::Disk(error)) => {
                    unpacked.error = Some(error);
                    return None;
                }
            }
        }
        Some(())
    }

    /// Writes one file under a temporary name and gives it its own if it is what the instance has.
    fn write(
        &self,
        entry: &mut impl Read,
        announced: u64,
        file: &Listed,
        expected: Option<Digest>,
    ) -> Result<Option<(Digest, bool)>, Broken> {
        let incoming = self.into.join(INCOMING);
        match fs::remove_file(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&incoming)?;
        let (size, digest) = self.copy(entry, &mut target)?;
        if size < announced {
            return Err(Broken::Stream);
        }
        let verified = expected == Some(digest);
        if !verified && !self.keep_changed {
            return Ok(None);
        }
        self.place(&target, &incoming, file)
            .map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::ReadOnlyFilesystem => Broken::Disk(error),
                _ => Broken::Place(error),
            })?;
        if verified {
            self.arrivals.add(size);
        }
        Ok(Some((digest, verified)))
    }

    /// Gives a complete file its own name.
    fn place(&self, target: &File, incoming: &Path, file: &Listed) -> io::Result<()> {
        target.set_modified(file.modified)?;
        target.set_permissions(Permissions::from_mode(file.mode | 0o600))?;
        let destination = self.into.join(&file.destination);
        if let Some(parent) = destination.parent() {
            if let Some(below) = file.destination.parent() {
                self.create_below(below)?;
            }
            if !fs::canonicalize(parent)?.starts_with(fs::canonicalize(&self.into)?) {
                return Err(io::Error::other("a link leads out of the results"));
            }
        }
        fs::rename(incoming, &destination)
    }

    /// Creates directories below the results, but never the results themselves: after a signal they have moved.
    fn create_below(&self, path: &Path) -> io::Result<()> {
        let mut directory = self.into.clone();
        for part in path {
            directory.push(part);
            match fs::create_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn copy(&self, entry: &mut impl Read, target: &mut File) -> Result<(u64, Digest), Broken> {
        let mut hasher = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Broken::Stream),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            target.write_all(bytes)?;
            hasher.update(bytes);
            size += count as u64;
            self.done.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok((size, hasher.finalize().into()))
    }
}

/// The most bytes of a file that was listed with this size: it may have grown since.
pub(super) const fn size_limit(listed: u64) -> u64 {
    let growth = if listed > GROWTH { listed } else { GROWTH };
    listed.saturating_add(growth)
}

/// The most bytes of a whole stream. Every honest one is smaller.
fn stream_limit(listed: impl Iterator<Item = u64>) -> u64 {
    listed
        .map(|size| size_limit(size).saturating_add(MAX_OVERHEAD))
        .fold(MAX_PADDING, u64::saturating_add)
}

/// A stream that breaks off once it is cancelled.
struct UntilStopped<'a, R> {
    reader: R,
    stop: &'a CancellationToken,
}

impl<R: Read> Read for UntilStopped<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.reader.read(buffer)
    }
}

/// The stream behind the compression that its first bytes tell; `None` where there are no bytes.
fn decompressed<'a>(stream: &'a mut impl BufRead) -> io::Result<Option<Box<dyn Read + 'a>>> {
    let Ok(start) = stream.fill_buf() else {
        return Ok(None);
    };
    Ok(Some(if start.starts_with(&ZSTD_MAGIC) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Box::new(decoder)
    } else {
        Box::new(flate2::bufread::MultiGzDecoder::new(stream))
    }))
}

/// Reads the long name of the next entry; `None` where it is longer than any that was asked for.
fn read_name(entry: &mut impl Read) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    entry.take(MAX_PATH_BYTES + 1).read_to_end(&mut name).ok()?;
    if name.len() as u64 > MAX_PATH_BYTES {
        return None;
    }
    name.pop_if(|last| *last == 0);
    Some(name)
}

/// Why a file is not complete.
enum Broken {
    /// The stream ended early: another connection may do better.
    Stream,
    /// This one file cannot have its name here.
    Place(io::Error),
    /// This machine cannot write.
    Disk(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

#[cfg(test)]
mod tests;
