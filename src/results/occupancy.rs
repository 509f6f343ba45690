//! The sign that somebody works with a directory of results: a lock that ends with its process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

/// The sign that a process works with a directory, for as long as it lives.
#[derive(Debug, Clone)]
pub(super) struct Occupancy {
    _directory: Arc<File>,
}

impl Occupancy {
    /// Puts the sign up; none where the file system has no locks.
    pub(super) fn of(directory: &Path) -> Option<Self> {
        let directory = File::open(directory).ok()?;
        directory.try_lock_shared().ok()?;
        Some(Self {
            _directory: Arc::new(directory),
        })
    }
}

/// Whether a process works with a directory, as far as its file system tells.
pub(super) fn is_occupied(directory: &Path) -> bool {
    let locked = |directory: File| matches!(directory.try_lock(), Err(TryLockError::WouldBlock));
    File::open(directory).is_ok_and(locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_occupied_until_nobody_works_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let (before, after) = (directory.path().join("a"), directory.path().join("b"));
        std::fs::create_dir(&before).unwrap();
        assert!(!is_occupied(&before));
        let occupancy = Occupancy::of(&before).unwrap();
        std::fs::rename(&before, &after).unwrap();
        assert!(is_occupied(&after), "another name, the same directory");
        drop(occupancy);
        assert!(!is_occupied(&after));
        assert!(!is_occupied(&before), "there is none");
    }
}
