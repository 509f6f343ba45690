//! The ZIP around an archive: what comes before it and what comes after, computed without writing the ZIP anywhere.
//!
//! The format is that of PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16; fields of a size that does not fit are in ZIP64's.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use flate2::CrcReader;
use sha2::{Digest as _, Sha256};

use crate::report::Archive;

/// From this size of the archive on, sizes and places are in the fields of ZIP64, in bytes.
const LARGE_SIZE: u64 = u32::MAX as u64 - (1 << 20);

/// Versions of the format: the first one, and that with ZIP64.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// The version of the format's description, and Unix, whose modes the entry has.
const MADE_BY: u16 = 3 << 8 | 63;

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;

/// The first day that the format knows.
const DATE: u16 = 1 << 5 | 1;

/// A file that everybody may read.
const MODE: u32 = 0o100_644;

/// Stands for a size or a place that is in a field of ZIP64.
const ELSEWHERE_MARK: u32 = u32::MAX;

/// A ZIP with one stored entry whose content stays where it is on disk.
#[derive(Debug)]
pub(super) struct StoredZip {
    before: Vec<u8>,
    archive: Archive,
    after: Vec<u8>,
}

impl StoredZip {
    /// The ZIP in which the archive has the path `entry`.
    pub(super) fn around(archive: &Archive, entry: &str) -> Self {
        let large = archive.size >= LARGE_SIZE;
        let short = |size: u64| u32::try_from(size).ok().filter(|_| !large);
        let size = short(archive.size).unwrap_or(ELSEWHERE_MARK).to_le_bytes();
        let version = if large { VERSION_ZIP64 } else { VERSION };
        let mut extra = Vec::new();
        if large {
            extra.extend(words(&[1, 16]));
            extra.extend(archive.size.to_le_bytes().repeat(2));
        }
        let name_length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        let extra_length = u16::try_from(extra.len()).unwrap_or_default();
        let described = [
            &words(&[version, FLAGS, 0, 0, DATE])[..],
            &archive.crc32.to_le_bytes(),
            &size,
            &size,
            &words(&[name_length, extra_length]),
        ]
        .concat();
        let before = [b"PK\x03\x04", &described[..], entry.as_bytes(), &extra].concat();

        let begin = before.len() as u64 + archive.size;
        let mut after = [
            b"PK\x01\x02",
            &words(&[MADE_BY])[..],
            &described,
            // No comment, the first disk, no text.
            &words(&[0, 0, 0]),
            &(MODE << 16).to_le_bytes(),
            // Where the entry begins.
            &0u32.to_le_bytes(),
            entry.as_bytes(),
            &extra,
        ]
        .concat();
        let length = after.len() as u64;
        if large {
            after.extend(b"PK\x06\x06");
            after.extend(44u64.to_le_bytes());
            after.extend(words(&[MADE_BY, version, 0, 0, 0, 0]));
            after.extend([1, 1, length, begin].map(u64::to_le_bytes).concat());
            after.extend(b"PK\x06\x07");
            after.extend(0u32.to_le_bytes());
            after.extend((begin + length).to_le_bytes());
            after.extend(1u32.to_le_bytes());
        }
        after.extend(b"PK\x05\x06");
        after.extend(words(&[0, 0, 1, 1]));
        after.extend(short(length).unwrap_or(ELSEWHERE_MARK).to_le_bytes());
        after.extend(short(begin).unwrap_or(ELSEWHERE_MARK).to_le_bytes());
        after.extend(words(&[0]));
        Self {
            before,
            archive: archive.clone(),
            after,
        }
    }

    /// The path of the archive.
    pub(super) fn path(&self) -> &Path {
        &self.archive.path
    }

    /// The size of the ZIP, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.before.len() as u64 + self.archive.size + self.after.len() as u64
    }

    /// Reads the ZIP once, in blocks, and returns its SHA-256, in hexadecimal digits.
    ///
    /// # Errors
    /// When the archive cannot be read, is not what it was, or `take` takes no more.
    pub(super) fn read(
        &self,
        block_size: u64,
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) -> io::Result<String> {
        let content = File::open(&self.archive.path)?.take(self.archive.size);
        let mut content = CrcReader::new(content);
        let begin = self.before.as_slice().chain(&mut content);
        let mut whole = begin.chain(self.after.as_slice());
        let mut hash = Sha256::new();
        loop {
            let capacity = usize::try_from(block_size).map_err(io::Error::other)?;
            let mut block = Vec::with_capacity(capacity);
            (&mut whole).take(block_size).read_to_end(&mut block)?;
            if block.is_empty() {
                break;
            }
            hash.update(&block);
            if !take(block) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        if content.crc().sum() != self.archive.crc32 {
            return Err(io::Error::other("it is not as it was written"));
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Numbers of 16 bits, as they lie in the file.
fn words(numbers: &[u16]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek, SeekFrom};
    use std::os::unix::fs::FileExt as _;

    use zip::ZipArchive;

    use super::*;

    const ENTRY: &str = "v1/i-0abc.tar.gz";

    fn archive(path: &Path, content: &[u8]) -> Archive {
        std::fs::write(path, content).unwrap();
        let mut sum = flate2::Crc::new();
        sum.update(content);
        Archive {
            path: path.to_owned(),
            size: content.len() as u64,
            crc32: sum.sum(),
        }
    }

    #[test]
    fn the_archive_is_read_out_of_the_zip_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive");
        for length in [0, 1, 4095, 4096, 300_007] {
            let content: Vec<u8> = (0..length)
                .map(|n| u8::try_from(n % 251).unwrap())
                .collect();
            let stored = StoredZip::around(&archive(&path, &content), ENTRY);
            for block in [100, 4096, 1 << 20] {
                let mut whole = Vec::new();
                let digest = stored.read(block, |bytes| {
                    assert!(bytes.len() as u64 <= block);
                    whole.extend(bytes);
                    true
                });
                assert_eq!(stored.size(), whole.len() as u64, "{length}");
                assert_eq!(digest.unwrap(), hex::encode(Sha256::digest(&whole)));
                let mut zip = ZipArchive::new(Cursor::new(whole)).unwrap();
                let mut entry = zip.by_index(0).unwrap();
                assert_eq!(
                    (entry.name().unwrap().as_ref(), entry.unix_mode()),
                    (ENTRY, Some(0o100_644))
                );
                let mut read = Vec::new();
                entry.read_to_end(&mut read).unwrap();
                assert!(read == content, "{length} in blocks of {block}");
            }
        }
    }

    #[test]
    fn an_archive_that_changed_since_it_was_written_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive");
        let whole = archive(&path, b"whole");
        let stored = StoredZip::around(&whole, ENTRY);
        for other in ["", "shorn", "whol"] {
            std::fs::write(&path, other).unwrap();
            assert!(stored.read(100, |_| true).is_err(), "{other:?}");
        }
    }

    /// A ZIP whose content is a hole.
    struct Hole(StoredZip, u64);

    impl io::Read for Hole {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let Self(zip, at) = self;
            let begin = zip.before.len() as u64;
            let end = begin + zip.archive.size;
            let read = if *at < begin {
                (&zip.before[usize::try_from(*at).unwrap()..]).read(bytes)?
            } else if *at < end {
                let room = bytes.len().min(usize::try_from(end - *at).unwrap());
                let file = File::open(&zip.archive.path)?;
                file.read_at(&mut bytes[..room], *at - begin)?
            } else {
                (&zip.after[usize::try_from(*at - end).unwrap()..]).read(bytes)?
            };
            *at += read as u64;
            Ok(read)
        }
    }

    impl Seek for Hole {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.1 = match to {
                SeekFrom::Start(at) => at,
                SeekFrom::End(offset) => self.0.size().checked_add_signed(offset).unwrap(),
                SeekFrom::Current(offset) => self.1.checked_add_signed(offset).unwrap(),
            };
            Ok(self.1)
        }
    }

    #[test]
    fn an_archive_of_any_size_has_its_place_in_the_zip() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive");
        for size in [LARGE_SIZE - 1, LARGE_SIZE, 1 << 32, 5 << 32] {
            File::create(&path).unwrap().set_len(size).unwrap();
            let archive = Archive {
                path: path.clone(),
                size,
                crc32: 0,
            };
            let stored = StoredZip::around(&archive, ENTRY);
            let begin = stored.before.len() as u64;
            let mut zip = ZipArchive::new(Hole(stored, 0)).unwrap();
            let entry = zip.by_index(0).unwrap();
            assert_eq!((entry.size(), entry.compressed_size()), (size, size));
            assert_eq!(entry.data_start(), Some(begin));
        }
    }
}
