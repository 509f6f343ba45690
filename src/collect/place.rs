//! Gives complete files their names below the results, and nowhere else.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat, renameat};
use rustix::io::Errno;

use super::listing::Listed;
use super::names::INCOMING;

/// Where files go: under a temporary name first, then under their own.
#[derive(Debug, Clone)]
pub(super) struct Places {
    into: PathBuf,
    /// The directory of the last file: the next one is most often beside it.
    last: Option<PathBuf>,
    /// The directory of the temporary names, once one was needed.
    incoming: Option<Arc<OwnedFd>>,
}

impl Places {
    pub(super) fn below(into: &Path) -> Self {
        Self {
            into: into.to_owned(),
            last: None,
            incoming: None,
        }
    }

    /// The temporary name of a file.
    pub(super) fn incoming(&self, position: usize) -> PathBuf {
        self.into.join(INCOMING).join(position.to_string())
    }

    /// Makes a file under its temporary name.
    pub(super) fn create(&mut self, position: usize) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let directory = self.incoming_directory()?;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(openat(directory, position.to_string(), flags, mode)?.into())
    }

    fn incoming_directory(&mut self) -> io::Result<Arc<OwnedFd>> {
        if let Some(directory) = &self.incoming {
            return Ok(Arc::clone(directory));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, self.into.join(INCOMING), flags, Mode::empty())?;
        Ok(Arc::clone(self.incoming.insert(Arc::new(opened))))
    }

    /// Gives a file the time and the permissions of its original.
    pub(super) fn copy_metadata(target: &File, file: &Listed) -> io::Result<()> {
        target.set_modified(file.modified)?;
        target.set_permissions(Permissions::from_mode(file.mode | 0o600))
    }

    /// Writes a file that is complete in memory under its own name.
    pub(super) fn write(&mut self, file: &Listed, bytes: &[u8]) -> io::Result<()> {
        let destination = self.destination(file)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let create = || openat(CWD, &destination, flags, Mode::RUSR | Mode::WUSR);
        let created = match create() {
            // As with a rename: what was there makes room, and a link is not followed.
            Err(Errno::EXIST) => {
                fs::remove_file(&destination)?;
                create()
            }
            created => created,
        };
        let mut target = File::from(created?);
        let written = target
            .write_all(bytes)
            .and_then(|()| Self::copy_metadata(&target, file));
        if written.is_err() {
            // Half a file is not to have the name of a whole one. Why it is one is what counts.
            let _ = fs::remove_file(&destination);
        }
        written
    }

    /// Gives a complete file its own name.
    pub(super) fn place(&mut self, position: usize, file: &Listed) -> io::Result<()> {
        let destination = self.destination(file)?;
        let incoming = self.incoming_directory()?;
        Ok(renameat(incoming, position.to_string(), CWD, &destination)?)
    }

    /// The own path of a file, in a directory that is there.
    fn destination(&mut self, file: &Listed) -> io::Result<PathBuf> {
        let destination = self.into.join(&file.destination);
        if let Some(parent) = destination.parent()
            && self.last.as_deref() != Some(parent)
        {
            if let Some(below) = file.destination.parent() {
                self.create_below(below)?;
            }
            if !fs::canonicalize(parent)?.starts_with(fs::canonicalize(&self.into)?) {
                return Err(io::Error::other("a link leads out of the results"));
            }
            self.last = Some(parent.to_owned());
        }
        Ok(destination)
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
}

/// Whether an error is that of the whole disk, not of one file.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
    )
}
