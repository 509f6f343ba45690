//! The copy that a further sample begins with.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Copies what is in a directory, but for the room that is set aside in both. Links stay links, wherever they lead;
/// sockets and pipes have no content.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        let taken = target.symlink_metadata().is_ok();
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() && !taken {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() && !taken {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
