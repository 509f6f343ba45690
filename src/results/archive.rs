//! The archive: the results as a compressed tar.

mod gzip;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use flate2::CrcWriter;
use flate2::read::MultiGzDecoder;

use super::{ResultsError, failed};
use crate::report::Archive;

/// Packs a directory; its paths start with `root` in the archive.
pub(super) fn pack(from: &Path, root: &Path, to: &Path) -> io::Result<Archive> {
    let file = CrcWriter::new(File::create(to)?);
    let file = gzip::compress(file, |gzip| {
        let mut tar = tar::Builder::new(gzip);
        // A link that a local step made is packed as what it is, not as what it points to.
        tar.follow_symlinks(false);
        tar.append_dir(root.join(""), from)?;
        append_tree(&mut tar, root, from)?;
        tar.finish()
    })?;
    let crc32 = file.crc().sum();
    let file = file.into_inner();
    file.sync_all()?;
    Ok(Archive {
        path: to.to_owned(),
        size: file.metadata()?.len(),
        crc32,
    })
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

/// Unpacks the files and directories of an archive into a directory. Links are left out: what is read of an archive from anywhere is to lie in it.
///
/// # Errors
/// When it is no archive, or the file system refuses.
pub fn unpack(archive: &Path, to: &Path) -> Result<(), ResultsError> {
    let unpack = || -> io::Result<()> {
        let mut archive = tar::Archive::new(MultiGzDecoder::new(File::open(archive)?));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            if kind.is_file() || kind.is_dir() {
                entry.unpack_in(to)?;
            }
        }
        Ok(())
    };
    unpack().map_err(failed("unpacking", archive))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use super::*;

    #[test]
    fn an_archive_is_unpacked_without_its_links() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("from/a")).unwrap();
        fs::write(path("from/a/file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path("from/link")).unwrap();
        fs::create_dir(path("to")).unwrap();
        pack(&path("from"), Path::new("root"), &path("to.tar.gz")).unwrap();
        unpack(&path("to.tar.gz"), &path("to")).unwrap();
        assert_eq!(fs::read(path("to/root/a/file")).unwrap(), b"x");
        assert!(!path("to/root/link").exists());
        unpack(&path("from/a/file"), &path("to")).unwrap_err();
    }

    /// The names in a tar of a directory, read back.
    fn packed(directory: &Path) -> Vec<String> {
        let to = tempfile::NamedTempFile::new().unwrap();
        pack(directory, Path::new("root"), to.path()).unwrap();
        let file = MultiGzDecoder::new(File::open(to.path()).unwrap());
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn a_file_that_grows_while_it_is_packed_leaves_the_archive_readable() {
        let directory = tempfile::tempdir().unwrap();
        let growing = directory.path().join("growing");
        fs::write(&growing, vec![1; 8 << 20]).unwrap();
        fs::write(directory.path().join("last"), "x").unwrap();
        let mut writer = File::options().append(true).open(&growing).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    writer.write_all(&[2; 4096]).unwrap();
                }
            });
            let names = packed(directory.path());
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(names, ["root/", "root/growing", "root/last"]);
        });
    }

    #[test]
    fn a_socket_among_the_results_does_not_cost_the_archive() {
        let directory = tempfile::tempdir().unwrap();
        let _socket =
            std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
        fs::write(directory.path().join("file"), "x").unwrap();
        assert_eq!(packed(directory.path()), ["root/", "root/file"]);
    }
}
