//! The ZIP around an archive: what comes before it and what comes after, computed without writing the ZIP anywhere.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// From this size on an entry needs ZIP64, in bytes.
const LARGE: u64 = u32::MAX as u64;

/// A ZIP with one stored entry whose content stays where it is on disk.
#[derive(Debug)]
pub(super) struct StoredZip {
    before: Vec<u8>,
    content: File,
    length: u64,
    after: Vec<u8>,
    digest: String,
}

impl StoredZip {
    /// Reads the file twice: for the sums of its entry, and for the digest of the whole.
    pub(super) fn around(path: &Path, entry: &str) -> io::Result<Self> {
        let content = File::open(path)?;
        let length = content.metadata()?.len();
        let recorder = HeaderRecorder::default();
        let mut zip = ZipWriter::new(recorder.clone());
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(length >= LARGE)
            .unix_permissions(0o644);
        zip.start_file(entry, options)?;
        recorder.content_begins();
        let copied = io::copy(&mut (&content).take(length), &mut zip)?;
        recorder.content_ends();
        zip.finish()?;
        if copied != length {
            return Err(io::Error::other(
                "the file became shorter while it was read",
            ));
        }
        let Headers { before, after, .. } = recorder.0.take();
        let mut stored = Self {
            before,
            content,
            length,
            after,
            digest: String::new(),
        };
        stored.digest = stored.sum()?;
        Ok(stored)
    }

    /// The size of the ZIP, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.before.len() as u64 + self.length + self.after.len() as u64
    }

    /// The SHA-256 of the ZIP, in hexadecimal digits.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The bytes of the ZIP from `offset` on, at most `length` of them.
    pub(super) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += self.read_part(offset + filled as u64, rest)?;
        }
        Ok(bytes)
    }

    /// Fills the start of `bytes` from the part of the ZIP that `offset` lies in.
    fn read_part(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let begin = self.before.len() as u64;
        let end = begin + self.length;
        if offset >= begin && offset < end {
            let room = usize::try_from(end - offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let part = bytes.get_mut(..room).unwrap_or_default();
            self.content.read_exact_at(part, offset - begin)?;
            return Ok(room);
        }
        let (part, from) = if offset < begin {
            (&self.before, offset)
        } else {
            (&self.after, offset - end)
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        part.get(from..).unwrap_or_default().read(bytes)
    }

    fn sum(&self) -> io::Result<String> {
        let mut hash = Sha256::new();
        let mut offset = 0;
        loop {
            let bytes = self.read(offset, CHUNK)?;
            if bytes.is_empty() {
                break;
            }
            hash.update(&bytes);
            offset += bytes.len() as u64;
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// A place to write a ZIP to that keeps all of it but the content of its entry.
#[derive(Debug, Clone, Default)]
struct HeaderRecorder(Rc<RefCell<Headers>>);

#[derive(Debug, Default)]
struct Headers {
    position: u64,
    end: u64,
    before: Vec<u8>,
    after: Vec<u8>,
    content: Option<u64>,
    content_end: Option<u64>,
}

impl HeaderRecorder {
    fn content_begins(&self) {
        let mut headers = self.0.borrow_mut();
        headers.content = Some(headers.position);
    }

    fn content_ends(&self) {
        let mut headers = self.0.borrow_mut();
        headers.content_end = Some(headers.position);
    }
}

impl Write for HeaderRecorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut headers = self.0.borrow_mut();
        let position = headers.position;
        // A write never crosses the borders: the writer seeks back to the header for its sums, and to the end again.
        match (headers.content, headers.content_end) {
            (Some(begin), _) if position < begin => put(&mut headers.before, position, bytes)?,
            (None, _) => put(&mut headers.before, position, bytes)?,
            (Some(_), Some(end)) if position >= end => {
                put(&mut headers.after, position - end, bytes)?;
            }
            _ => {}
        }
        headers.position += bytes.len() as u64;
        headers.end = headers.end.max(headers.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put(part: &mut Vec<u8>, at: u64, bytes: &[u8]) -> io::Result<()> {
    let at = usize::try_from(at).map_err(io::Error::other)?;
    let end = at + bytes.len();
    if part.len() < end {
        part.resize(end, 0);
    }
    if let Some(place) = part.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
    Ok(())
}

impl Seek for HeaderRecorder {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut headers = self.0.borrow_mut();
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => headers.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => headers.position.checked_add_signed(offset),
        };
        headers.position = position.ok_or_else(|| io::Error::other("a seek before the start"))?;
        Ok(headers.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same ZIP, written in the usual way.
    fn written(content: &[u8], entry: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .unix_permissions(0o644);
        zip.start_file(entry, options).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn the_headers_and_the_file_are_the_zip() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive");
        let entry = "v1/i-0abc.tar.gz";
        for length in [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7] {
            let content: Vec<u8> = (0..length)
                .map(|n| u8::try_from(n % 251).unwrap())
                .collect();
            std::fs::write(&path, &content).unwrap();
            let stored = StoredZip::around(&path, entry).unwrap();
            let expected = written(&content, entry);
            assert_eq!(stored.size(), expected.len() as u64, "{length}");
            for block in [7, 100, 4096, 1 << 20] {
                if length > 1000 && block < 4096 {
                    continue;
                }
                let mut read = Vec::new();
                while read.len() < expected.len() {
                    read.extend(stored.read(read.len() as u64, block).unwrap());
                }
                assert!(read == expected, "{length} in blocks of {block}");
            }
            assert_eq!(stored.digest(), hex::encode(Sha256::digest(&expected)));
        }
    }
}
