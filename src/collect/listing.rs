//! The instance's list of its files, and where each goes on this machine. Everything in it is taken for hostile.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{BufRead, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::fetch::Entry;
use super::names::Names;
use super::warnings::Warnings;
use crate::config::Pattern;
use crate::records::Sha256;

/// The most files, and bytes of their paths, that one collection brings home: a hostile instance is not to fill this
/// machine's memory.
const MAX_FILES: usize = 1_000_000;
const MAX_NAME_BYTES: usize = 64 << 20;

/// The longest record that is read, in bytes: the kernel opens no longer path than 4096, and some fields stand before it.
const MAX_RECORD_BYTES: u64 = 4096 + 256;

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// A file on the instance.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its path on the instance.
    pub(super) source: Arc<[u8]>,
    /// Its path below the results.
    pub(super) destination: Arc<Path>,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) modified: SystemTime,
    pub(super) sha256: Option<Digest>,
}

impl Listed {
    /// The path for people: what a hostile name may do to a terminal is escaped.
    pub(super) fn shown(&self) -> String {
        shown(&self.source)
    }
}

/// The answer to a listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Entry>,
    /// Patterns without a file, by their index.
    pub(super) unmatched: Vec<usize>,
    pub(super) warnings: Warnings,
    /// There was more than one collection can hold.
    pub(super) cut: bool,
}

/// Reads what `list.sh` prints and gives every file a free name below `into`.
pub(super) fn read(stream: &mut impl BufRead, patterns: &[Pattern], into: &Path) -> Listing {
    let mut record = Vec::new();
    let mut listing = Listing::default();
    let home = match next_record(stream, &mut record) {
        Next::Record => record.clone(),
        Next::TooLong | Next::End => Vec::new(),
    };
    let mut matched = HashSet::new();
    let mut known = HashSet::new();
    let mut names = Names::below(into);
    let mut bytes = 0;
    loop {
        match next_record(stream, &mut record) {
            Next::End => break,
            Next::TooLong => {
                listing
                    .warnings
                    .push(|| "a file whose path is too long stays on the instance".into());
                continue;
            }
            Next::Record => {}
        }
        let Some(entry) = Record::parse(&record) else {
            listing
                .warnings
                .push(|| "the instance listed something unreadable".into());
            continue;
        };
        matched.insert(entry.pattern.min(patterns.len()));
        if known.contains(entry.path) {
            continue;
        }
        bytes += entry.path.len();
        if bytes > MAX_NAME_BYTES || known.len() >= MAX_FILES {
            listing.cut = true;
            break;
        }
        let source: Arc<[u8]> = entry.path.into();
        known.insert(Arc::clone(&source));
        if entry.kind != b"f" {
            listing.warnings.push(|| {
                format!(
                    "{} is not a regular file and stays on the instance",
                    shown(&source)
                )
            });
            continue;
        }
        let base = patterns.get(entry.pattern).map_or("", Pattern::base);
        let below = below(&source, base.as_bytes(), &home);
        let destination = names.give(&below);
        if *destination != *below {
            listing.warnings.push(|| {
                format!(
                    "{} is collected as {}: its own name is taken",
                    shown(&source),
                    shown(destination.as_os_str().as_bytes())
                )
            });
        }
        listing.files.push(Entry::from(Listed {
            source,
            destination,
            size: entry.size,
            mode: entry.mode,
            modified: entry.modified,
            sha256: None,
        }));
    }
    if !listing.cut {
        listing.unmatched = (0..patterns.len())
            .filter(|index| !matched.contains(index))
            .collect();
    }
    listing
}

/// The next item of a stream of records.
enum Next {
    Record,
    TooLong,
    End,
}

/// Reads up to the next NUL. What the stream breaks off in the middle of is no record.
fn next_record(stream: &mut impl BufRead, record: &mut Vec<u8>) -> Next {
    let mut too_long = false;
    loop {
        record.clear();
        let Ok(count) = stream.by_ref().take(MAX_RECORD_BYTES).read_until(0, record) else {
            return Next::End;
        };
        if record.pop_if(|last| *last == 0).is_some() {
            return if too_long {
                Next::TooLong
            } else {
                Next::Record
            };
        }
        if (count as u64) < MAX_RECORD_BYTES {
            return Next::End;
        }
        too_long = true;
    }
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

/// Reads what `hash.sh` prints, up to `most` files.
pub(super) fn read_hashes(
    stream: &mut impl BufRead,
    most: usize,
    mut take: impl FnMut(&[u8], Digest),
) {
    let mut record = Vec::new();
    for _ in 0..most {
        match next_record(stream, &mut record) {
            Next::End => break,
            Next::TooLong => {}
            Next::Record => {
                if let Some((path, digest)) = hash(&record) {
                    take(path, digest);
                }
            }
        }
    }
}

/// Reads what `hash_start.sh` prints: a digest, and the size of the file after it was read.
pub(super) fn read_start(stream: &mut impl BufRead) -> Option<(Digest, u64)> {
    let mut answer = String::new();
    stream
        .take(MAX_RECORD_BYTES)
        .read_to_string(&mut answer)
        .ok()?;
    let mut lines = answer.lines();
    let Sha256(digest) = lines.next()?.get(..64)?.parse().ok()?;
    Some((digest, lines.next()?.parse().ok()?))
}

fn hash(record: &[u8]) -> Option<(&[u8], Digest)> {
    let (digest, path) = record.split_at_checked(64)?;
    let path = path
        .strip_prefix(b"  ")
        .or_else(|| path.strip_prefix(b" *"))?;
    let Sha256(digest) = std::str::from_utf8(digest).ok()?.parse().ok()?;
    Some((path, digest))
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
        read(&mut bytes.as_slice(), &patterns, empty.path())
            .files
            .into_iter()
            .map(|file| file.listed.destination.display().to_string())
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

    #[test]
    fn a_path_that_is_too_long_costs_only_itself() {
        let patterns = Pattern::parse("/tmp/*").unwrap();
        let mut bytes = b"/home/ubuntu\0".to_vec();
        for path in ["first", &"deep/".repeat(20_000), "last"] {
            bytes.extend(format!("0 f 1 644 0 /tmp/{path}\0").into_bytes());
        }
        let listing = read(&mut bytes.as_slice(), &patterns, Path::new("/nonexistent"));
        let found: Vec<_> = listing
            .files
            .iter()
            .map(|file| file.listed.shown())
            .collect();
        assert_eq!(found, ["/tmp/first", "/tmp/last"]);
        assert_eq!(listing.warnings.into_lines().len(), 1);
    }

    #[test]
    fn what_two_patterns_match_is_told_of_once() {
        let patterns = Pattern::parse("/tmp/* /tmp/p*").unwrap();
        let bytes = b"/h\x000 p 0 644 0 /tmp/pipe\x001 p 0 644 0 /tmp/pipe\0";
        let listing = read(&mut bytes.as_slice(), &patterns, Path::new("/nonexistent"));
        assert_eq!(listing.warnings.into_lines().len(), 1);
        assert!(listing.unmatched.is_empty());
    }

    #[test]
    fn what_breaks_off_is_not_listed() {
        let patterns = Pattern::parse("/tmp/*").unwrap();
        let bytes = b"/h\x000 f 1 644 0 /tmp/whole\x000 f 1 644 0 /tmp/half";
        let listing = read(&mut bytes.as_slice(), &patterns, Path::new("/nonexistent"));
        let found: Vec<_> = listing
            .files
            .iter()
            .map(|file| file.listed.shown())
            .collect();
        assert_eq!(found, ["/tmp/whole"]);
    }

    #[test]
    fn more_than_one_collection_can_hold_is_cut_and_the_rest_kept() {
        let patterns = Pattern::parse("/tmp/**").unwrap();
        let mut bytes = b"/h\0".to_vec();
        let name = "n".repeat(3900);
        for number in 0..18_000 {
            bytes.extend(format!("0 f 1 644 0 /tmp/{number}/{name}\0").into_bytes());
        }
        let listing = read(&mut bytes.as_slice(), &patterns, Path::new("/nonexistent"));
        assert!(listing.cut);
        assert!(listing.files.len() > 17_000);
    }

    proptest! {
        #[test]
        fn no_listing_escapes(bytes in proptest::collection::vec(any::<u8>(), 0..200), path in "[/.a]{0,20}") {
            let patterns = Pattern::parse("/a/*").unwrap();
            let mut listing = b"/h\0".to_vec();
            listing.extend(&bytes);
            listing.extend(format!("\x000 f 1 644 0 /{path}\0").into_bytes());
            for file in read(&mut listing.as_slice(), &patterns, Path::new("/nonexistent")).files {
                let plain = file.listed.destination.components().all(|part| matches!(part, Component::Normal(_)));
                prop_assert!(plain, "{:?}", file.listed.destination);
            }
            read_hashes(&mut bytes.as_slice(), 10, |_, _| ());
            let _ = read_start(&mut bytes.as_slice());
        }
    }
}
