//! The names that files get below the results: each its own, and none of collector's.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::results::{CONFIG, RECORDS};

/// The directory of files that are not complete yet.
pub(super) const INCOMING: &str = ".incoming";

/// The names that are given away below the results.
pub(super) struct Names<'a> {
    into: &'a Path,
    /// Names that lie at the top already: only below it a name may be taken on the disk.
    present: HashSet<OsString>,
    /// The names of files: none lies below another.
    files: HashSet<Arc<Path>>,
    /// What lies above them.
    directories: HashSet<PathBuf>,
    /// The number that was last put behind a first part.
    last_numbers: HashMap<OsString, u32>,
}

impl<'a> Names<'a> {
    pub(super) fn below(into: &'a Path) -> Self {
        let entries = fs::read_dir(into).into_iter().flatten();
        Self {
            into,
            present: entries.flatten().map(|entry| entry.file_name()).collect(),
            files: HashSet::new(),
            directories: HashSet::new(),
            last_numbers: HashMap::new(),
        }
    }

    /// The wanted name; its first part gets `.2`, `.3`, … where it is taken or would hide collector's own.
    pub(super) fn give(&mut self, wanted: &Path) -> Arc<Path> {
        let mut parts = wanted.components();
        let first = parts.next().map_or(OsStr::new(""), |part| part.as_os_str());
        let rest = parts.as_path();
        let name = if self.is_free(first, wanted) {
            wanted.into()
        } else {
            self.numbered(first, rest)
        };
        for directory in name.ancestors().skip(1) {
            if self.directories.contains(directory) {
                break;
            }
            self.directories.insert(directory.to_owned());
        }
        self.files.insert(Arc::clone(&name));
        name
    }

    /// Numbers never go down again, so that many files of one name do not count from the start for each.
    fn numbered(&mut self, first: &OsStr, rest: &Path) -> Arc<Path> {
        let mut number = self.last_numbers.get(first).copied().unwrap_or(2);
        loop {
            let mut top = first.to_owned();
            top.push(format!(".{number}"));
            let mut candidate = PathBuf::from(&top);
            candidate.extend(rest);
            if self.is_free(&top, &candidate) {
                self.last_numbers.insert(first.to_owned(), number);
                return candidate.into();
            }
            number += 1;
        }
    }

    fn is_free(&self, top: &OsStr, candidate: &Path) -> bool {
        let reserved = top == RECORDS || top == CONFIG || top == INCOMING;
        !reserved && !self.is_given(candidate) && !self.is_present(top, candidate)
    }

    /// Whether a file has this name, or lies above or below it.
    fn is_given(&self, candidate: &Path) -> bool {
        let mut up = candidate.ancestors();
        self.directories.contains(candidate) || up.any(|name| self.files.contains(name))
    }

    /// Whether the disk has something of this name, or a file above it.
    fn is_present(&self, top: &OsStr, candidate: &Path) -> bool {
        self.present.contains(top)
            && !matches!(
                self.into.join(candidate).symlink_metadata(),
                Err(error) if error.kind() == io::ErrorKind::NotFound
            )
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn given(names: &mut Names<'_>, wanted: &[&str]) -> Vec<String> {
        wanted
            .iter()
            .map(|name| names.give(Path::new(name)).display().to_string())
            .collect()
    }

    #[test]
    fn a_file_is_never_above_or_below_another() {
        let empty = tempfile::tempdir().unwrap();
        let mut names = Names::below(empty.path());
        let wanted = [
            "a", "a/b", "a/b/c", "a", "d/e/f", "d/e", "d", "d/e/f", "a-b",
        ];
        assert_eq!(
            given(&mut names, &wanted),
            [
                "a", "a.2/b", "a.3/b/c", "a.4", "d/e/f", "d.2/e", "d.3", "d.4/e/f", "a-b"
            ]
        );
    }

    #[test]
    fn what_a_step_has_put_there_stays() {
        let results = tempfile::tempdir().unwrap();
        fs::write(results.path().join("file"), "").unwrap();
        fs::create_dir(results.path().join("directory")).unwrap();
        fs::write(results.path().join("directory/file"), "").unwrap();
        std::os::unix::fs::symlink("/nonexistent", results.path().join("link")).unwrap();
        let mut names = Names::below(results.path());
        let wanted = [
            "file",
            "file/below",
            "directory",
            "directory/file",
            "directory/other",
            "link",
            "config/x",
            "collector",
            ".incoming",
        ];
        assert_eq!(
            given(&mut names, &wanted),
            [
                "file.2",
                "file.3/below",
                "directory.2",
                "directory.3/file",
                "directory/other",
                "link.2",
                "config.2/x",
                "collector.2",
                ".incoming.2"
            ]
        );
    }

    #[test]
    fn thirty_thousand_files_of_one_name_take_no_time() {
        let empty = tempfile::tempdir().unwrap();
        let mut names = Names::below(empty.path());
        let since = Instant::now();
        let mut last = names.give(Path::new("name"));
        for _ in 1..30_000 {
            last = names.give(Path::new("name"));
        }
        assert_eq!(&*last, Path::new("name.30000"));
        for number in 0..30_000 {
            names.give(&Path::new("name").join(number.to_string()));
        }
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "{:?}",
            since.elapsed()
        );
    }
}
