//! The room that a file system has left.

use std::io;
use std::path::Path;

/// The room that a file system has left for this user.
#[derive(Debug, Clone, Copy)]
pub struct FreeSpace {
    /// In bytes; all there are where the file system does not count its blocks.
    pub bytes: u64,
    /// The size of a block, in bytes: a file takes whole ones.
    pub block: u64,
}

impl FreeSpace {
    /// Asks the file system of a path. May block.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn at(path: &Path) -> io::Result<Self> {
        let space = rustix::fs::statvfs(path)?;
        let counted = space.f_blocks > 0;
        Ok(Self {
            bytes: if counted {
                space.f_bavail.saturating_mul(space.f_frsize)
            } else {
                u64::MAX
            },
            block: space.f_frsize.max(1),
        })
    }
}
