//! A large file that comes in ranges: what has come stays when the connection breaks.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::listing::Digest;

/// The size of a read, in bytes.
const CHUNK: usize = 256 << 10;

/// The number of large files that are hashed at once: where the instance hashes more slowly than it sends, further ones would
/// only take the connection's channels.
const MAX_HASHES: usize = 3;

/// A large file on its way.
pub(super) struct Large {
    pub(super) file: Arc<LargeFile>,
    pub(super) attempt: u32,
    /// The size in the listing.
    pub(super) listed: u64,
    /// The bytes that have not come.
    pub(super) left: u64,
    pub(super) hash: Hash,
}

/// The answer of the instance about the start of a large file.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    NotAsked,
    UnderWay,
    /// The digest, and the size of the file after that; none where it could not be read.
    Told(Option<(Digest, u64)>),
}

/// A large file whose start is to be hashed; none while as many are as may be.
pub(super) fn next_to_hash(large: &mut HashMap<usize, Large>) -> Option<(usize, &mut Large)> {
    let hashes = large.values().map(|large| large.hash);
    let under_way = hashes.filter(|hash| matches!(hash, Hash::UnderWay));
    if under_way.count() >= MAX_HASHES {
        return None;
    }
    large
        .iter_mut()
        .find(|(_, large)| matches!(large.hash, Hash::NotAsked))
        .map(|(position, large)| (*position, large))
}

/// A large file under its temporary name.
#[derive(Debug)]
pub(super) struct LargeFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Held during a write: the kernel lets one thread at a time write to a file, and another one spins until it may.
    writing: Mutex<()>,
    arrived: Mutex<Arrived>,
}

/// The ranges that have come, and how much, from the start, is hashed.
#[derive(Debug)]
struct Arrived {
    /// The ends of the ranges that are not hashed yet, by their starts.
    ranges: BTreeMap<u64, u64>,
    hashed: u64,
    /// None while the range that comes next is hashed as it arrives.
    hasher: Option<Sha256>,
}

impl Default for Arrived {
    fn default() -> Self {
        Self {
            ranges: BTreeMap::new(),
            hashed: 0,
            hasher: Some(Sha256::new()),
        }
    }
}

/// The result of fetching a range.
#[derive(Debug, Default)]
pub(super) struct ReceivedRange {
    pub(super) bytes: u64,
    /// Why this machine could not write.
    pub(super) error: Option<io::Error>,
}

impl LargeFile {
    /// Creates it; what writes to an earlier one of this name goes on with that.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            writing: Mutex::default(),
            arrived: Mutex::default(),
        })
    }

    /// Writes up to `count` bytes of a stream behind the first `from` of the file, and hashes what is complete up to their end.
    pub(super) fn receive(
        &self,
        from: u64,
        count: u64,
        stream: impl BufRead,
        done: &AtomicU64,
        stop: &CancellationToken,
    ) -> ReceivedRange {
        let mut received = ReceivedRange::default();
        let mut hasher = self.hasher_at(from);
        let mut stream = stream.take(count);
        while !stop.is_cancelled() {
            let bytes = match stream.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // What came before it is good; the shell tells why it broke.
                Err(_) => break,
            };
            if let Err(error) = self.write(bytes, from + received.bytes) {
                received.error = Some(error);
                break;
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(bytes);
            }
            let count = bytes.len();
            stream.consume(count);
            received.bytes += count as u64;
            done.fetch_add(count as u64, Ordering::Relaxed);
        }
        let hashing = self.arrived(from, received.bytes, hasher, stop);
        received.error = received.error.or(hashing.err());
        received
    }

    /// The digest of the first `size` bytes, where all of them have come.
    pub(super) fn digest(&self, size: u64) -> Option<Digest> {
        let arrived = lock(&self.arrived);
        let hasher = arrived.hasher.as_ref().filter(|_| arrived.hashed == size);
        hasher.map(|hasher| hasher.clone().finalize().into())
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let _alone = lock(&self.writing);
        self.file.write_all_at(bytes, at)
    }

    /// The hasher, for whom everything before `from` is hashed.
    fn hasher_at(&self, from: u64) -> Option<Sha256> {
        let mut arrived = lock(&self.arrived);
        if arrived.hashed == from {
            arrived.hasher.take()
        } else {
            None
        }
    }

    /// Enters a range, with the hasher where it is hashed, and reads back what it joins to the start.
    fn arrived(
        &self,
        from: u64,
        count: u64,
        hasher: Option<Sha256>,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let mut arrived = lock(&self.arrived);
        let arrived = &mut *arrived;
        if hasher.is_some() {
            arrived.hasher = hasher;
            arrived.hashed += count;
        } else if count > 0 {
            arrived.ranges.insert(from, from + count);
        }
        let Some(hasher) = &mut arrived.hasher else {
            return Ok(());
        };
        let mut buffer = Vec::new();
        while let Some(end) = arrived.ranges.remove(&arrived.hashed) {
            buffer.resize(CHUNK, 0);
            while arrived.hashed < end && !stop.is_cancelled() {
                let left = usize::try_from(end - arrived.hashed).unwrap_or(usize::MAX);
                let most = left.min(buffer.len());
                let wanted = buffer.get_mut(..most).unwrap_or_default();
                self.file.read_exact_at(wanted, arrived.hashed)?;
                hasher.update(&*wanted);
                arrived.hashed += most as u64;
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
