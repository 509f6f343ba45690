//! A record on disk: it appears whole or not at all, and has room set aside for it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

/// The name under which a record is written: in `directory`, which is on the file system where the record goes.
pub(super) fn temporary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.partial"))
}

/// Sets room aside for a record of so many bytes, and its inode: a disk that is full later does not cost the record.
///
/// # Errors
/// When there is no such room now. A file system that cannot set room aside is no error.
pub(super) fn reserve(temporary: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(temporary)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from) {
        Err(error) if is_full(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Writes a record into the room that is set aside for it, where it is, and gives it its name.
pub(super) fn write(temporary: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(temporary)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}
