//! Copies: of a script, and of what a further sample begins with.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
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

/// Copies what is in a file, and whether it can be executed.
pub(super) fn copy_file(from: &mut File, to: &mut File) -> io::Result<()> {
    io::copy(from, to)?;
    let executable = from.metadata()?.permissions().mode() & 0o111;
    let mut permissions = to.metadata()?.permissions();
    permissions.set_mode(permissions.mode() | executable);
    to.set_permissions(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Results;

    #[tokio::test]
    async fn a_script_can_be_executed_where_it_is_copied_to_and_in_the_archive() {
        let output = tempfile::tempdir().unwrap();
        let results = Results::create(output.path(), &"v1".parse().unwrap(), "1", "1").unwrap();
        for (name, mode) in [("run.sh", 0o755), ("data.csv", 0o644)] {
            let source = output.path().join(name);
            fs::write(&source, "x").unwrap();
            fs::set_permissions(&source, fs::Permissions::from_mode(mode)).unwrap();
            let copy = format!("config/{name}");
            results.copy(&source, &copy).await.unwrap();
            let copied = fs::metadata(results.path().join(copy)).unwrap();
            assert_eq!(copied.permissions().mode() & 0o111, mode & 0o111, "{name}");
        }
        let packed = results.archive().await.unwrap();
        let packed = flate2::read::GzDecoder::new(File::open(packed.path).unwrap());
        let mut packed = tar::Archive::new(packed);
        let entries = packed.entries().unwrap().map(Result::unwrap);
        let executable = entries
            .filter(|one| one.header().entry_type().is_file())
            .filter(|one| one.header().mode().unwrap() & 0o111 != 0)
            .map(|one| one.path().unwrap().file_name().unwrap().to_owned());
        assert_eq!(executable.collect::<Vec<_>>(), ["run.sh"]);
    }
}
