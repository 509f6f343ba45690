//! Writes a tar stream to disk: only files that were asked for, only where they were given a place, and checked.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::hashes::{Hashes, in_turn};
use super::listing::{Digest, Listed};
use super::place::{Places, is_full};
use super::queue::FILE_COST;
use super::streams::Arrivals;

/// The largest window that a compressed stream may ask for: 8 MiB.
const WINDOW_LOG: u32 = 23;

/// The most that is decompressed at once, in bytes.
const READ_BUFFER: usize = 128 << 10;

/// The size of a write, in bytes.
pub(super) const COPY_BUFFER: usize = 64 * 1024;

/// The largest file that waits in memory for its digest, and the most that a stream has there, in bytes. Of a small file that
/// is renamed, the name costs as much as the content.
const MAX_HELD_FILE: u64 = COPY_BUFFER as u64;
const MAX_HELD: u64 = 4 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The most that a file may grow between its listing and its arrival, in bytes; a large one may double.
const MAX_GROWTH: u64 = 64 << 20;

/// The longest path in a stream, in bytes: no longer one is listed.
const MAX_PATH_BYTES: u64 = 4096;

/// The most that a stream may hold for each file beside its content: headers, a long name, padding.
const MAX_OVERHEAD: u64 = 8 << 10;

/// The most that is read behind the last file, in bytes: tar pads its archives.
pub(super) const MAX_PADDING: u64 = 1 << 20;

/// A file that came.
#[derive(Debug)]
pub(super) struct Received {
    /// Its position in the list of wanted files.
    pub(super) position: usize,
    pub(super) size: u64,
    pub(super) verified: bool,
    pub(super) sha256: Digest,
}

/// A file that came before its digest.
#[derive(Debug)]
struct Waiting {
    /// Its place among the wanted files.
    turn: usize,
    position: usize,
    file: Listed,
    size: u64,
    sha256: Digest,
    content: Content,
}

/// Where the content of a file waits that came before its digest.
#[derive(Debug)]
enum Content {
    Memory(Vec<u8>),
    /// In a file under its temporary name.
    Incoming,
}

/// The files of a stream.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    pub(super) files: Vec<Received>,
    /// Files that came but could not get their local name, by their position, and why.
    pub(super) unplaced: Vec<(usize, io::Error)>,
    /// The file that was so much larger than listed that nothing was read behind it: its position and size.
    pub(super) outgrown: Option<(usize, u64)>,
    /// Why this machine could not write; a stream that breaks off is the shell's to report.
    pub(super) error: Option<io::Error>,
    /// Those that are not judged yet.
    waiting: VecDeque<Waiting>,
}

/// Unpacks a stream of wanted files.
#[derive(Debug)]
pub(super) struct Unpacker {
    pub(super) places: Places,
    /// The digests, as they come: the instance hashes while it sends.
    pub(super) hashes: Arc<Hashes>,
    /// Keeps files that are not what was hashed, too.
    pub(super) keep_changed: bool,
    /// Whether the stream was to be compressed.
    pub(super) compressed: bool,
    /// The bytes that have come.
    pub(super) done: Arc<AtomicU64>,
    pub(super) arrivals: Arrivals,
    /// The bytes of this stream's files, and what each costs beside them.
    pub(super) cost: u64,
    /// The bytes on their way to a file.
    pub(super) buffer: Box<[u8]>,
    /// The bytes that wait in memory.
    pub(super) held: u64,
}

impl Unpacker {
    /// Reads the stream of these files, by their positions, to its end, or to where it breaks. Once `stop` is cancelled
    /// no file gets its name any more: the results may be moving to theirs.
    pub(super) fn unpack(
        &mut self,
        wanted: Vec<(usize, Listed)>,
        stream: &mut impl BufRead,
        stop: &CancellationToken,
    ) -> Unpacked {
        let mut unpacked = Unpacked::default();
        let mut whole = false;
        let limit = stream_limit(wanted.iter().map(|(_, file)| file.size));
        match decompressed(&mut *stream, self.compressed) {
            Ok(Some(reader)) => {
                let reader = UntilStopped {
                    reader: reader.take(limit),
                    stop,
                };
                whole = self.read(reader, wanted, &mut unpacked).is_some();
            }
            Ok(None) => {}
            Err(error) => unpacked.error = Some(error),
        }
        if whole {
            // A command that cannot write its last bytes would count as one that failed.
            let _ = io::copy(&mut stream.take(MAX_PADDING), &mut io::sink());
        }
        unpacked
    }

    /// Judges the files whose digests have come since. When `complete`, no more will.
    pub(super) fn judge_waiting(
        &mut self,
        unpacked: &mut Unpacked,
        complete: bool,
        stop: &CancellationToken,
    ) {
        while let Some(first) = unpacked.waiting.front() {
            let expected = self.hashes.get(first.turn);
            let known = expected.is_some() || complete;
            if !known || unpacked.error.is_some() || stop.is_cancelled() {
                break;
            }
            let Some(first) = unpacked.waiting.pop_front() else {
                break;
            };
            match self.judge(first, expected) {
                Ok(received) => unpacked.files.extend(received),
                Err(Broken::Destination(position, error)) => {
                    unpacked.unplaced.push((position, error));
                }
                Err(Broken::Disk(error)) => unpacked.error = Some(error),
                Err(Broken::Stream) => {}
            }
        }
    }

    /// Gives a file its name if it is what the instance has.
    fn judge(
        &mut self,
        waiting: Waiting,
        expected: Option<Digest>,
    ) -> Result<Option<Received>, Broken> {
        let Waiting {
            turn: _,
            position,
            file,
            size,
            sha256,
            content,
        } = waiting;
        if let Content::Memory(bytes) = &content {
            self.held -= bytes.len() as u64;
        }
        let verified = expected == Some(sha256);
        if !verified && !self.keep_changed {
            return Ok(None);
        }
        let placed = match content {
            Content::Memory(bytes) => self.places.write(&file, &bytes),
            Content::Incoming => self.places.place(position, &file),
        };
        placed.map_err(|error| {
            if is_full(&error) {
                Broken::Disk(error)
            } else {
                Broken::Destination(position, error)
            }
        })?;
        if verified {
            self.arrivals.add(size);
        }
        Ok(Some(Received {
            position,
            size,
            verified,
            sha256,
        }))
    }

    /// Reads the archive; `None` where it is not read to its end.
    fn read(
        &mut self,
        reader: UntilStopped<'_, impl Read>,
        wanted: Vec<(usize, Listed)>,
        unpacked: &mut Unpacked,
    ) -> Option<()> {
        let stop = reader.stop;
        let mut wanted: Vec<Option<(usize, Listed)>> = wanted.into_iter().map(Some).collect();
        let mut next = 0;
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
                .map_or_else(|| entry.path_bytes(), Cow::Owned);
            if !kind.is_file() {
                continue;
            }
            let is_wanted = |at: usize| matches!(wanted.get(at), Some(Some((_, file))) if *file.source == *name);
            let Some(turn) = in_turn(next, wanted.len(), is_wanted) else {
                continue;
            };
            let Some((position, file)) = wanted.get_mut(turn).and_then(Option::take) else {
                continue;
            };
            next = turn + 1;
            let size = entry.size();
            if size > size_limit(file.size) {
                unpacked.outgrown = Some((position, size));
                return None;
            }
            match self.take(&mut entry, position, size, &file) {
                Ok((sha256, content)) => unpacked.waiting.push_back(Waiting {
                    turn,
                    position,
                    file,
                    size,
                    sha256,
                    content,
                }),
                Err(Broken::Disk(error)) => {
                    unpacked.error = Some(error);
                    return None;
                }
                Err(_) => return None,
            }
            self.judge_waiting(unpacked, false, stop);
            if unpacked.error.is_some() {
                return None;
            }
        }
        Some(())
    }

    /// Takes one file of this size from the stream.
    fn take(
        &mut self,
        entry: &mut impl Read,
        position: usize,
        size: u64,
        file: &Listed,
    ) -> Result<(Digest, Content), Broken> {
        let taken = if size <= MAX_HELD_FILE && self.held + size <= MAX_HELD {
            self.hold(entry, size)?
        } else {
            (self.write(entry, position, size, file)?, Content::Incoming)
        };
        self.cost += FILE_COST;
        Ok(taken)
    }

    /// Reads a small file into memory.
    fn hold(&mut self, entry: &mut impl Read, size: u64) -> Result<(Digest, Content), Broken> {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let read = entry.take(size).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 != size {
            return Err(Broken::Stream);
        }
        self.held += size;
        self.count(size);
        Ok((Sha256::digest(&bytes).into(), Content::Memory(bytes)))
    }

    /// Writes a file under a temporary name; its digest.
    fn write(
        &mut self,
        entry: &mut impl Read,
        position: usize,
        size: u64,
        file: &Listed,
    ) -> Result<Digest, Broken> {
        let mut target = self.places.create(position)?;
        let mut hasher = Sha256::new();
        let mut missing = size;
        while missing > 0 {
            let count = match entry.read(&mut self.buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let bytes = self.buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Err(Broken::Stream);
            }
            target.write_all(bytes)?;
            hasher.update(bytes);
            missing = missing.saturating_sub(count as u64);
            self.count(count as u64);
        }
        Places::copy_metadata(&target, file)?;
        Ok(hasher.finalize().into())
    }

    fn count(&mut self, bytes: u64) {
        self.cost += bytes;
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The most bytes of a file that was listed with this size: it may have grown since.
pub(super) const fn size_limit(listed: u64) -> u64 {
    let growth = if listed > MAX_GROWTH {
        listed
    } else {
        MAX_GROWTH
    };
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
pub(super) fn decompressed<'a>(
    stream: &'a mut impl BufRead,
    compressed: bool,
) -> io::Result<Option<Box<dyn BufRead + 'a>>> {
    let Ok(start) = stream.fill_buf() else {
        return Ok(None);
    };
    Ok(Some(if !compressed {
        Box::new(stream)
    } else if start.starts_with(&ZSTD_MAGIC) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Box::new(BufReader::with_capacity(READ_BUFFER, decoder))
    } else {
        let decoder = flate2::bufread::MultiGzDecoder::new(stream);
        Box::new(BufReader::with_capacity(READ_BUFFER, decoder))
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
    /// This one file, by its position, cannot have its local name.
    Destination(usize, io::Error),
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
