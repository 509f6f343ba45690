//! Writes a tar stream to disk: only files that were asked for, only where they were given a place, and checked.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::listing::{Digest, Listed};

/// The name of a file that is not complete yet.
pub(super) const INCOMING: &str = ".incoming";

/// The largest window that a compressed stream may ask for: 8 MiB.
const WINDOW_LOG: u32 = 23;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

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
    /// Why this machine could not write; a stream that breaks off is the shell's to report.
    pub(super) error: Option<io::Error>,
}

/// Where each wanted file goes and what it must be.
#[derive(Debug)]
pub(super) struct Unpacker {
    into: PathBuf,
    wanted: HashMap<Vec<u8>, (usize, Listed, Option<Digest>)>,
    keep_changed: bool,
    done: Arc<AtomicU64>,
}

impl Unpacker {
    pub(super) fn new(
        into: &Path,
        wanted: &[Listed],
        hashes: &HashMap<Vec<u8>, Digest>,
        keep_changed: bool,
        done: Arc<AtomicU64>,
    ) -> Self {
        let wanted = wanted
            .iter()
            .enumerate()
            .map(|(position, file)| {
                let digest = hashes.get(&file.source).copied();
                (file.source.clone(), (position, file.clone(), digest))
            })
            .collect();
        Self {
            into: into.to_owned(),
            wanted,
            keep_changed,
            done,
        }
    }

    /// Reads the stream to its end, or to where it breaks.
    pub(super) fn unpack(mut self, stream: &mut impl Read) -> Unpacked {
        let mut unpacked = Unpacked::default();
        let mut stream = BufReader::with_capacity(64 * 1024, stream);
        let compressed_with_zstd = match stream.fill_buf() {
            Ok(start) => start.starts_with(&ZSTD_MAGIC),
            Err(_) => return unpacked,
        };
        let reader: Box<dyn Read + '_> = if compressed_with_zstd {
            match zstd::stream::read::Decoder::with_buffer(stream) {
                Ok(mut decoder) => {
                    if let Err(error) = decoder.window_log_max(WINDOW_LOG) {
                        unpacked.error = Some(error);
                        return unpacked;
                    }
                    Box::new(decoder)
                }
                Err(error) => {
                    unpacked.error = Some(error);
                    return unpacked;
                }
            }
        } else {
            Box::new(flate2::bufread::MultiGzDecoder::new(stream))
        };
        let mut archive = tar::Archive::new(reader);
        let Ok(entries) = archive.entries() else {
            return unpacked;
        };
        for entry in entries {
            let Ok(mut entry) = entry else { break };
            let path = entry.path_bytes().into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let Some((position, file, digest)) = self.wanted.remove(&path) else {
                continue;
            };
            let size = entry.size();
            match self.write(&mut entry, size, &file, digest) {
                Ok(Some((size, sha256, verified))) => unpacked.files.push(Received {
                    position,
                    size,
                    verified,
                    sha256,
                }),
                Ok(None) => {}
                Err(Broken::Place(error)) => unpacked.unplaced.push((position, error)),
                Err(Broken::Stream) => break,
                Err(Broken::Disk(error)) => {
                    unpacked.error = Some(error);
                    break;
                }
            }
        }
        let _ = fs::remove_file(self.into.join(INCOMING));
        unpacked
    }

    /// Writes one file under a temporary name and gives it its own if it is what the instance has.
    fn write(
        &self,
        entry: &mut impl Read,
        announced: u64,
        file: &Listed,
        expected: Option<Digest>,
    ) -> Result<Option<(u64, Digest, bool)>, Broken> {
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
        Ok(Some((size, digest, verified)))
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
