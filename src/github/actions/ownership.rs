//! Whose the files are: a container's root must not leave files that the runner cannot remove.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

/// Gives what this process wrote at `written`, and the directories between it and `directory`, to the owner of
/// `directory`. What lies elsewhere, or belongs to somebody else, stays as it is.
pub(crate) fn hand_over(directory: &Path, written: &Path) {
    let (Ok(directory), Ok(written)) = (fs::canonicalize(directory), fs::canonicalize(written))
    else {
        return;
    };
    let Ok(owner) = fs::metadata(&directory) else {
        return;
    };
    let us = rustix::process::geteuid().as_raw();
    if owner.uid() == us || !written.starts_with(&directory) {
        return;
    }
    give(&written, &owner, us);
    let between = written.ancestors().skip(1);
    for parent in between.take_while(|parent| parent.starts_with(&directory)) {
        give_one(parent, &owner, us);
    }
}

fn give(path: &Path, owner: &Metadata, us: u32) {
    give_one(path, owner, us);
    let is_directory = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let entries = is_directory.then(|| fs::read_dir(path).ok()).flatten();
    for entry in entries.into_iter().flatten().flatten() {
        give(&entry.path(), owner, us);
    }
}

/// Without the right to, the files stay ours; that is worth no more than the runner's own warning.
fn give_one(path: &Path, owner: &Metadata, us: u32) {
    if fs::symlink_metadata(path).is_ok_and(|found| found.uid() == us) {
        let _ = lchown(path, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_ours_in_a_place_is_handed_over() {
        if !rustix::process::geteuid().is_root() {
            crate::skip::skip("giving files away needs root");
            return;
        }
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        fs::create_dir_all(workspace.join("elsewhere")).unwrap();
        fs::write(workspace.join("elsewhere/file"), "").unwrap();
        lchown(&workspace, Some(1234), Some(1235)).unwrap();
        hand_over(&workspace, &workspace);
        for path in ["elsewhere", "elsewhere/file"] {
            let found = fs::symlink_metadata(workspace.join(path)).unwrap();
            assert_eq!((found.uid(), found.gid()), (1234, 1235), "{path}");
        }
        assert_eq!(fs::metadata(outer.path()).unwrap().uid(), 0);
    }

    #[test]
    fn what_was_written_belongs_to_the_owner_of_the_directory() {
        if !rustix::process::geteuid().is_root() {
            crate::skip::skip("giving files away needs root");
            return;
        }
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        let written = workspace.join("out/v1");
        fs::create_dir_all(written.join("sub")).unwrap();
        fs::write(written.join("sub/file"), "").unwrap();
        fs::write(workspace.join("not-ours"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", written.join("link")).unwrap();
        lchown(&workspace, Some(1234), Some(1235)).unwrap();
        hand_over(&workspace, &written);
        let owner =
            |path: &Path| fs::symlink_metadata(path).map(|found| (found.uid(), found.gid()));
        for path in ["out", "out/v1", "out/v1/sub/file", "out/v1/link"] {
            assert_eq!(
                owner(&workspace.join(path)).unwrap(),
                (1234, 1235),
                "{path}"
            );
        }
        assert_eq!(owner(&workspace.join("not-ours")).unwrap(), (0, 0));
        assert_eq!(owner(Path::new("/etc/passwd")).unwrap(), (0, 0));
    }
}
