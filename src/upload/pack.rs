//! Packs files into tar streams as they are read, and hashes them on the way.
//! A compressed one has several members, each at the level that brought most of the files in a second before.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::portions::{Format, Portions};
use crate::project_file::{Content, ProjectFile};
use crate::records::{FilePath, UploadedContent, UploadedFile};
use crate::tuning::Request;

/// The permissions that travel.
const MODE: u32 = 0o777;

/// The permissions that the owner of a directory has on the instance.
const OWNER: u32 = 0o700;

/// The permissions of what is not on disk as it is sent.
const TEXT_MODE: u32 = 0o644;
const LINK_MODE: u32 = 0o777;

/// The most that is read of a file at once, in bytes.
const READ_SIZE: usize = 128 << 10;

/// The level of zstd at which it does little more than to copy.
const PLAIN_ZSTD: i32 = -100_000;

/// A stream that was packed.
#[derive(Debug)]
pub(super) struct Packed {
    /// The number of files that were packed; what is behind them is to come in a stream of the other kind.
    pub(super) files: usize,
    pub(super) sent: Vec<UploadedFile>,
    pub(super) portions: Portions,
}

/// Why not everything was packed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackError {
    /// A file cannot be read, or is not what it was.
    #[error("{path}: {source}")]
    Unreadable {
        /// Its place on the instance.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The stream was not taken.
    #[error("the stream was not read to its end: {0}")]
    Untaken(io::Error),
}

/// Packs files, at least the first of them, and returns what was in them. `done` counts the bytes that were read.
pub(super) fn pack(
    files: &[ProjectFile],
    into: impl Write,
    format: Format,
    portions: Portions,
    done: &AtomicU64,
) -> Result<Packed, PackError> {
    let members = Members::new(into, format, portions).map_err(PackError::Untaken)?;
    let mut archive = Builder::new(members);
    let mut sent = Vec::new();
    let mut count = 0;
    for file in files {
        sent.extend(append(&mut archive, file, done)?);
        count += 1;
        if archive.get_ref().portions.need_another(format) {
            break;
        }
    }
    let (mut stream, portions) = archive
        .into_inner()
        .and_then(Members::finish)
        .map_err(PackError::Untaken)?;
    stream.flush().map_err(PackError::Untaken)?;
    Ok(Packed {
        files: count,
        sent,
        portions,
    })
}

/// The files and links as they would be sent. Reads all of them.
pub(super) fn hash(files: &[ProjectFile]) -> Result<Vec<UploadedFile>, PackError> {
    let mut archive = Builder::new(io::sink());
    let done = AtomicU64::new(0);
    let hashed = files.iter().map(|file| append(&mut archive, file, &done));
    hashed.filter_map(Result::transpose).collect()
}

/// A stream whose level of compression follows what the link and the processor bear.
struct Members<W: Write> {
    /// None after an error only.
    encoder: Option<Encoder<W>>,
    format: Format,
    portions: Portions,
}

impl<W: Write> Members<W> {
    fn new(into: W, format: Format, portions: Portions) -> io::Result<Self> {
        Ok(Self {
            encoder: Some(Encoder::new(into, format, portions.request())?),
            format,
            portions,
        })
    }

    fn encoder(&mut self) -> io::Result<&mut Encoder<W>> {
        self.encoder.as_mut().ok_or_else(failed_before)
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let into = self.encoder.take().ok_or_else(failed_before)?.finish()?;
        self.portions.begin_next();
        self.encoder = Some(Encoder::new(into, self.format, self.portions.request())?);
        Ok(())
    }

    fn finish(mut self) -> io::Result<(W, Portions)> {
        let into = self.encoder.ok_or_else(failed_before)?.finish()?;
        self.portions.advance();
        Ok((into, self.portions))
    }
}

/// A member on its way.
enum Encoder<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    fn new(into: W, format: Format, request: Request) -> io::Result<Self> {
        Ok(match format {
            Format::Plain => Self::Plain(into),
            Format::Gzip => {
                let level = Compression::new(request.level().into());
                Self::Gzip(GzEncoder::new(into, level))
            }
            Format::Zstd => {
                let level = match request.level() {
                    0 => PLAIN_ZSTD,
                    level => level.into(),
                };
                let mut encoder = zstd::Encoder::new(into, level)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(into) => Ok(into),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(into) => into.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(into) => into.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

fn failed_before() -> io::Error {
    io::Error::other("it failed before")
}

impl<W: Write> Write for Members<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.portions.is_complete() {
            self.begin_next()?;
        }
        let count = self.encoder()?.write(bytes)?;
        self.portions.add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder()?.flush()
    }
}

/// Packs one file, link or directory; what was sent of it, but for a directory.
fn append(
    archive: &mut Builder<impl Write>,
    file: &ProjectFile,
    done: &AtomicU64,
) -> Result<Option<UploadedFile>, PackError> {
    let place = file.destination.as_path();
    let unreadable = |source| PackError::Unreadable {
        path: place.display().to_string(),
        source,
    };
    let mut header = Header::new_gnu();
    let content = match &file.content {
        Content::File { source, .. } => {
            // What became a pipe since it was looked at would be waited for without end.
            let metadata = fs::metadata(source).map_err(unreadable)?;
            if !metadata.is_file() {
                return Err(unreadable(io::Error::other("it is not a file any more")));
            }
            let opened = File::open(source).map_err(unreadable)?;
            describe(&mut header, &opened.metadata().map_err(unreadable)?);
            append_file(archive, &mut header, place, opened, done)?
        }
        Content::Text(text) => {
            header.set_mode(TEXT_MODE);
            header.set_size(text.len() as u64);
            append_file(archive, &mut header, place, text.as_slice(), done)?
        }
        Content::Directory { source } => {
            describe(&mut header, &fs::metadata(source).map_err(unreadable)?);
            header.set_entry_type(EntryType::Directory);
            // What is sent again is written into it once more.
            let mode = header.mode().map_err(PackError::Untaken)?;
            header.set_mode(mode | OWNER);
            header.set_size(0);
            let appended = archive.append_data(&mut header, place, io::empty());
            appended.map_err(PackError::Untaken)?;
            return Ok(None);
        }
        Content::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(LINK_MODE);
            header.set_size(0);
            let appended = archive.append_link(&mut header, place, target);
            appended.map_err(PackError::Untaken)?;
            let link = FilePath::new(target.as_os_str().as_bytes());
            UploadedContent::Link { link }
        }
    };
    Ok(Some(UploadedFile {
        path: FilePath::new(place.as_os_str().as_bytes()),
        content,
    }))
}

fn describe(header: &mut Header, metadata: &fs::Metadata) {
    header.set_mode(metadata.mode() & MODE);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_size(metadata.len());
}

fn append_file(
    archive: &mut Builder<impl Write>,
    header: &mut Header,
    place: &Path,
    content: impl Read,
    done: &AtomicU64,
) -> Result<UploadedContent, PackError> {
    let size = header.size().map_err(PackError::Untaken)?;
    let mut reader = Hashed {
        // What is appended to it meanwhile does not travel.
        inner: content.take(size),
        hash: Sha256::new(),
        size: 0,
        done,
        error: None,
    };
    // What appends it reads a few KiB at a time.
    let capacity = usize::try_from(size).map_or(READ_SIZE, |size| size.min(READ_SIZE));
    let appended = archive.append_data(
        header,
        place,
        BufReader::with_capacity(capacity, &mut reader),
    );
    let unreadable = |source| PackError::Unreadable {
        path: place.display().to_string(),
        source,
    };
    if let Some(error) = reader.error {
        return Err(unreadable(error));
    }
    appended.map_err(PackError::Untaken)?;
    if reader.size < size {
        let fault = format!(
            "it shrank from {size} to {} bytes while it was read",
            reader.size
        );
        return Err(unreadable(io::Error::other(fault)));
    }
    Ok(UploadedContent::File {
        size,
        sha256: crate::records::Sha256(reader.hash.finalize().into()),
        mode: header.mode().map_err(PackError::Untaken)?,
    })
}

/// A file that is hashed and counted as it is read.
struct Hashed<'a, R> {
    inner: R,
    hash: Sha256,
    size: u64,
    done: &'a AtomicU64,
    /// Why it could not be read, which is not the fault of who takes the stream.
    error: Option<io::Error>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let kind = error.kind();
                self.error = Some(error);
                return Err(kind.into());
            }
        };
        self.hash.update(buffer.get(..count).unwrap_or_default());
        self.size += count as u64;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::{GzDecoder, MultiGzDecoder};

    use super::*;

    /// More than the first portions, so that several members follow each other.
    const SIZE: usize = 40 << 20;

    fn text(name: &str, text: &[u8]) -> ProjectFile {
        ProjectFile {
            destination: name.into(),
            content: Content::Text(text.to_vec()),
        }
    }

    /// The names of an archive with their content.
    fn entries(archive: impl Read) -> Vec<(String, Vec<u8>)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut read = Vec::new();
            entry.read_to_end(&mut read).unwrap();
            (entry.path().unwrap().display().to_string(), read)
        });
        entries.collect()
    }

    #[test]
    fn a_stream_of_several_members_reads_as_one() {
        let line = b"timestamp=1 level=info request served\n";
        let content: Vec<u8> = line.iter().copied().cycle().take(SIZE).collect();
        let files = [text("text", &content)];
        for format in [Format::Gzip, Format::Zstd] {
            let (mut stream, done) = (Vec::new(), AtomicU64::new(0));
            let portions = Portions::new(SIZE as u64);
            let packed = pack(&files, &mut stream, format, portions, &done).unwrap();
            assert_eq!((packed.files, packed.sent.len()), (1, 1));
            assert_eq!(done.into_inner(), SIZE as u64);
            let stream = stream.as_slice();
            let (whole, mut single): (Box<dyn Read>, Box<dyn Read>) = if format == Format::Gzip {
                (
                    Box::new(MultiGzDecoder::new(stream)),
                    Box::new(GzDecoder::new(stream)),
                )
            } else {
                (
                    Box::new(zstd::Decoder::new(stream).unwrap()),
                    Box::new(zstd::Decoder::new(stream).unwrap().single_frame()),
                )
            };
            assert!(entries(whole) == [("text".to_owned(), content.clone())]);
            // A single member ends before the last entry does.
            let mut first = Vec::new();
            single.read_to_end(&mut first).unwrap();
            assert!(first.len() < SIZE, "one member of {} bytes", first.len());
        }
    }

    #[test]
    fn where_the_link_is_faster_than_both_ends_the_rest_comes_plainly_in_a_stream_of_its_own() {
        let files = [text("a", b"1"), text("b", b"2"), text("c", b"3")];
        let done = AtomicU64::new(0);
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        let fast = Portions::on_the_way(&[300, 500], 1 << 30);
        let packed = pack(&files, &mut first, Format::Zstd, fast, &done).unwrap();
        assert_eq!(packed.files, 1);
        let first = entries(zstd::Decoder::new(first.as_slice()).unwrap());
        assert_eq!(first, [("a".to_owned(), b"1".to_vec())]);

        let packed = pack(
            &files[1..],
            &mut rest,
            Format::Plain,
            packed.portions,
            &done,
        );
        assert_eq!(packed.unwrap().files, 2);
        let rest = entries(rest.as_slice());
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[1], ("c".to_owned(), b"3".to_vec()));
    }

    #[test]
    fn what_would_be_sent_is_hashed_as_what_is() {
        let files = [text("a", b"1"), text("b", b"2")];
        let portions = Portions::new(2);
        let packed = pack(
            &files,
            io::sink(),
            Format::Gzip,
            portions,
            &AtomicU64::new(0),
        );
        assert_eq!(hash(&files).unwrap(), packed.unwrap().sent);
    }
}
