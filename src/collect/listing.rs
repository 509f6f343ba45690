//! What the instance says it has, and where each file goes here. Everything in it is taken for hostile.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::config::Pattern;
use crate::results::{CONFIG, RECORDS};

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// A file on the instance.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its path on the instance.
    pub(super) source: Vec<u8>,
    /// Its path below the results.
    pub(super) destination: PathBuf,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) modified: SystemTime,
    pub(super) sha256: Option<Digest>,
}

impl Listed {
    pub(super) fn source_text(&self) -> String {
        String::from_utf8_lossy(&self.source).into_owned()
    }

    /// The path for people: what a hostile name may do to a terminal is escaped.
    pub(super) fn shown(&self) -> String {
        shown(&self.source)
    }

    pub(super) fn modified_text(&self) -> String {
        Timestamp::try_from(self.modified).map_or_else(|_| String::new(), |at| at.to_string())
    }
}

/// The answer to a listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    /// Patterns without a file, by their index.
    pub(super) unmatched: Vec<usize>,
    pub(super) warnings: Vec<String>,
}

/// Reads what `list.sh` prints and gives every file a free name below `into`.
pub(super) fn read(bytes: &[u8], patterns: &[Pattern], into: &Path) -> Listing {
    let mut records = bytes.split(|byte| *byte == 0);
    let home = records.next().unwrap_or_default().to_owned();
    let mut listing = Listing::default();
    let mut matched = HashSet::new();
    let mut known = HashSet::new();
    let mut names = Names {
        into,
        files: HashSet::new(),
        directories: HashSet::new(),
    };
    for record in records.filter(|record| !record.is_empty()) {
        let Some(entry) = Record::parse(record) else {
            listing
                .warnings
                .push("the instance listed something unreadable".into());
            continue;
        };
        let source = entry.path.to_vec();
        matched.insert(entry.pattern);
        if !known.insert(source.clone()) {
            continue;
        }
        if entry.kind != b"f" {
            listing.warnings.push(format!(
                "{} is not a regular file and stays on the instance",
                shown(&source)
            ));
            continue;
        }
        let base = patterns.get(entry.pattern).map_or("", Pattern::base);
        let below = below(&source, base.as_bytes(), &home);
        let destination = names.give(&below);
        if destination != below {
            listing.warnings.push(format!(
                "{} is collected as {}: its own name is taken",
                shown(&source),
                shown(destination.as_os_str().as_bytes())
            ));
        }
        listing.files.push(Listed {
            source,
            destination,
            size: entry.size,
            mode: entry.mode,
            modified: entry.modified,
            sha256: None,
        });
    }
    listing.unmatched = (0..patterns.len())
        .filter(|index| !matched.contains(index))
        .collect();
    listing
}

struct Record<'a> {
    pattern: usize,
    kind: &'a [u8],
    size: u64,
    mode: u32,
    modified: SystemTime,
    path: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(record: &'a [u8]) -> Option<Self> {
        let mut fields = record.splitn(6, |byte| *byte == b' ');
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        let pattern = text()?.parse().ok()?;
        let kind = text()?.as_bytes();
        let size = text()?.parse().ok()?;
        let mode = u32::from_str_radix(text()?, 8).ok()?;
        let seconds: f64 = text()?.parse().ok()?;
        let path = fields.next().filter(|path| path.starts_with(b"/"))?;
        let modified = Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
            .unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self {
            pattern,
            kind,
            size,
            mode: mode & 0o777,
            modified,
            path,
        })
    }
}

/// The path below the pattern's base, made of plain names only.
fn below(source: &[u8], base: &[u8], home: &[u8]) -> PathBuf {
    let relative = if base.starts_with(b"/") {
        source.strip_prefix(base)
    } else {
        source
            .strip_prefix(home)
            .and_then(|rest| rest.strip_prefix(b"/"))
            .and_then(|rest| rest.strip_prefix(base))
    };
    let plain: PathBuf = Path::new(OsStr::from_bytes(relative.unwrap_or(source)))
        .components()
        .filter(|component| matches!(component, Component::Normal(_)))
        .collect();
    if plain.as_os_str().is_empty() {
        PathBuf::from("unnamed")
    } else {
        plain
    }
}

/// The names that are given away below the results.
struct Names<'a> {
    into: &'a Path,
    files: HashSet<PathBuf>,
    directories: HashSet<PathBuf>,
}

impl Names<'_> {
    /// The wanted name; its first part gets `.2`, `.3`, … where it is taken or would hide collector's own.
    fn give(&mut self, wanted: &Path) -> PathBuf {
        let mut parts = wanted.components();
        let first = parts
            .next()
            .map(|part| part.as_os_str().to_owned())
            .unwrap_or_default();
        let rest = parts.as_path();
        let mut top = first.clone();
        let mut number = 1;
        loop {
            let candidate = if rest.as_os_str().is_empty() {
                PathBuf::from(&top)
            } else {
                Path::new(&top).join(rest)
            };
            if self.is_free(&top, &candidate) {
                self.directories
                    .extend(candidate.ancestors().skip(1).map(Path::to_owned));
                self.files.insert(candidate.clone());
                return candidate;
            }
            number += 1;
            top.clone_from(&first);
            top.push(format!(".{number}"));
        }
    }

    fn is_free(&self, top: &OsStr, candidate: &Path) -> bool {
        let reserved = top == RECORDS || top == CONFIG || top == super::unpack::INCOMING;
        let is_file = |path: &Path| self.files.contains(path) || self.into.join(path).is_file();
        !reserved
            && !self.directories.contains(candidate)
            && !candidate.ancestors().any(is_file)
            && self.into.join(candidate).symlink_metadata().is_err()
    }
}

fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Reads what `sha256sum -z` prints.
pub(super) fn hashes(bytes: &[u8]) -> HashMap<Vec<u8>, Digest> {
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|record| {
            let (digest, path) = record.split_at_checked(64)?;
            let path = path
                .strip_prefix(b"  ")
                .or_else(|| path.strip_prefix(b" *"))?;
            let mut bytes = [0; 32];
            hex::decode_to_slice(digest, &mut bytes).ok()?;
            Some((path.to_vec(), bytes))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn destinations(pattern: &str, paths: &[&str]) -> Vec<String> {
        let patterns = Pattern::parse(pattern).unwrap();
        let mut bytes = b"/home/ubuntu\0".to_vec();
        for path in paths {
            bytes.extend(format!("0 f 1 644 1.5 {path}\0").into_bytes());
        }
        let empty = tempfile::tempdir().unwrap();
        read(&bytes, &patterns, empty.path())
            .files
            .into_iter()
            .map(|file| file.destination.display().to_string())
            .collect()
    }

    #[test]
    fn files_keep_their_path_below_the_base_of_the_pattern() {
        assert_eq!(destinations("/tmp/*.cpu", &["/tmp/a.cpu"]), ["a.cpu"]);
        let paths = [
            "/tmp/a",
            "/tmp/a/b",
            "/tmp/config",
            "/tmp/collector/x",
            "/tmp/d/e",
            "/tmp/d",
        ];
        assert_eq!(
            destinations("/tmp/*", &paths),
            ["a", "a.2/b", "config.2", "collector.2/x", "d/e", "d.2"]
        );
    }

    #[test]
    fn hostile_paths_stay_inside() {
        for path in ["/tmp/../../etc/passwd", "/etc/passwd", "/tmp/./x", "/tmp//"] {
            for name in destinations("/tmp/*", &[path]) {
                assert!(!name.starts_with('/') && !name.contains(".."), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_listing_escapes(bytes in proptest::collection::vec(any::<u8>(), 0..200), path in "[/.a]{0,20}") {
            let patterns = Pattern::parse("/a/*").unwrap();
            let mut listing = b"/h\0".to_vec();
            listing.extend(&bytes);
            listing.extend(format!("\x000 f 1 644 0 /{path}\0").into_bytes());
            for file in read(&listing, &patterns, Path::new("/nonexistent")).files {
                let plain = file.destination.components().all(|part| matches!(part, Component::Normal(_)));
                prop_assert!(plain, "{:?}", file.destination);
            }
            let _ = hashes(&bytes);
        }
    }
}
