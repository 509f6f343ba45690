//! Hostile archives.

mod forgery;

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use proptest::prelude::*;
use tar::EntryType;

use super::*;
use crate::collect::names::INCOMING;
use forgery::Forgery;

/// Counts what is read.
struct Counted<'a, R>(R, &'a Cell<u64>);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.set(self.1.get() + count as u64);
        Ok(count)
    }
}

/// The results, with the directory that they lie in and everything that must not change there.
struct Results {
    outside: tempfile::TempDir,
    wanted: Vec<(usize, Listed)>,
    hashes: Arc<Hashes>,
    keep_changed: bool,
    compressed: bool,
    stop: CancellationToken,
    arrivals: Arrivals,
}

impl Results {
    /// Expects a file of this content.
    fn expecting(files: &[(&str, &str, &[u8])]) -> Self {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir(outside.path().join("results")).unwrap();
        fs::write(outside.path().join("precious"), "untouched").unwrap();
        let mut wanted = Vec::new();
        for (position, (source, destination, content)) in files.iter().enumerate() {
            let listed = Listed {
                source: source.as_bytes().into(),
                destination: Path::new(destination).into(),
                size: content.len() as u64,
                mode: 0o640,
                modified: SystemTime::UNIX_EPOCH,
                sha256: None,
            };
            wanted.push((position, listed));
        }
        let hashes = Hashes::of(&wanted);
        for (source, _, content) in files {
            hashes.insert(source.as_bytes(), Sha256::digest(content).into());
        }
        Self {
            outside,
            wanted,
            hashes: Arc::new(hashes),
            keep_changed: false,
            compressed: true,
            stop: CancellationToken::new(),
            arrivals: Arrivals::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.outside.path().join("results")
    }

    fn unpack(&self, stream: &[u8]) -> Unpacked {
        self.unpack_from(&mut io::BufReader::new(stream))
    }

    fn unpack_from(&self, stream: &mut impl BufRead) -> Unpacked {
        let incoming = self.path().join(INCOMING);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.build().unwrap();
        let made = self.arrivals.make_incoming(&incoming);
        runtime.block_on(made).unwrap();
        let mut writer = Unpacker {
            places: Places::below(&self.path()),
            hashes: Arc::clone(&self.hashes),
            keep_changed: self.keep_changed,
            compressed: self.compressed,
            done: Arc::default(),
            arrivals: self.arrivals.clone(),
            cost: 0,
            buffer: vec![0; COPY_BUFFER].into(),
            held: 0,
        };
        let mut unpacked = writer.unpack(self.wanted.clone(), stream, &self.stop);
        writer.judge_waiting(&mut unpacked, true, &self.stop);
        fs::remove_dir_all(incoming).unwrap();
        let precious = fs::read_to_string(self.outside.path().join("precious")).unwrap();
        assert_eq!(precious, "untouched");
        assert_eq!(fs::read_dir(self.outside.path()).unwrap().count(), 2);
        assert!(unpacked.error.is_none(), "{unpacked:?}");
        unpacked
    }

    /// Every name below the results, each of them a plain file or a directory.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut open = vec![self.path()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                assert!(kind.is_file() || kind.is_dir(), "{entry:?}");
                if kind.is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path();
                    let below = path.strip_prefix(self.path()).unwrap();
                    names.push(below.display().to_string());
                }
            }
        }
        names.sort();
        names
    }
}

fn two_files() -> Results {
    Results::expecting(&[("/tmp/a", "a", b"one"), ("/tmp/d/b", "d/b", b"two")])
}

#[test]
fn what_was_asked_for_comes_checked_and_with_its_mode() {
    let archive = || {
        Forgery::default()
            .file("/tmp/a", b"one")
            .file("/tmp/d/b", b"two")
    };
    for stream in [archive().zstd(), archive().gzip()] {
        let results = two_files();
        let unpacked = results.unpack(&stream);
        assert_eq!(unpacked.files.len(), 2);
        assert!(unpacked.files.iter().all(|file| file.verified));
        assert_eq!(results.names(), ["a", "d/b"]);
        let mode = fs::metadata(results.path().join("a"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o7777, 0o640);
    }
}

#[test]
fn what_comes_before_its_digest_waits_in_memory_and_on_the_disk() {
    let names: Vec<String> = (0..80).map(|number| format!("{number}")).collect();
    // One more than may wait, and one that is too large.
    let content = vec![7; usize::try_from(MAX_HELD_FILE).unwrap() + 1];
    let size_of = |at: usize| content.len() - usize::from(at > 0);
    let files = names.iter().enumerate();
    let files: Vec<(&str, &str, &[u8])> = files
        .map(|(at, name)| (name.as_str(), name.as_str(), &content[..size_of(at)]))
        .collect();
    let mut results = Results::expecting(&files);
    results.hashes = Arc::new(Hashes::of(&results.wanted));
    results.keep_changed = true;
    let archive = Forgery::default();
    let archive = files
        .iter()
        .fold(archive, |all, file| all.file(file.0, file.2));
    assert_eq!(results.unpack(&archive.zstd()).files.len(), files.len());
    for (_, name, content) in files {
        assert!(fs::read(results.path().join(name)).unwrap() == content);
    }
}

#[test]
fn nothing_comes_that_was_not_asked_for_whatever_it_is_called() {
    let names: [&[u8]; 9] = [
        b"/etc/collector-was-here",
        b"../precious",
        b"../../precious",
        b"precious",
        b"a",
        b"./a",
        b"/tmp/../tmp/a",
        b"/tmp/a/",
        b"collector/run.json",
    ];
    let mut archive = Forgery::default();
    for name in names {
        archive = archive.entry(EntryType::Regular, name, "", b"one");
    }
    let results = two_files();
    assert_eq!(results.unpack(&archive.zstd()).files.len(), 0);
    assert!(results.names().is_empty());
    assert!(!Path::new("/etc/collector-was-here").exists());
}

#[test]
fn only_a_regular_file_is_written() {
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Directory,
        EntryType::GNUSparse,
        EntryType::Continuous,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::new(b'V'),
        EntryType::new(0xff),
    ];
    for kind in kinds {
        for target in ["../precious", "/etc/passwd", "a"] {
            let archive = Forgery::default()
                .entry(kind, b"/tmp/a", target, b"")
                .file("/tmp/d/b", b"two");
            let results = two_files();
            let unpacked = results.unpack(&archive.zstd());
            assert_eq!(unpacked.files.len(), 1, "{kind:?}");
            assert_eq!(results.names(), ["d/b"], "{kind:?}");
        }
    }
}

#[test]
fn a_link_in_the_stream_leads_no_file_out() {
    let archive = Forgery::default()
        .entry(EntryType::Symlink, b"/tmp/d", "..", b"")
        .entry(EntryType::Symlink, b"d", "..", b"")
        .file("/tmp/d/b", b"two");
    let results = two_files();
    assert_eq!(results.unpack(&archive.zstd()).files.len(), 1);
    assert_eq!(results.names(), ["d/b"]);
}

#[test]
fn a_link_that_lies_among_the_results_leads_no_file_out() {
    let results = Results::expecting(&[
        ("/tmp/l/precious", "l/precious", b"evil"),
        ("/tmp/a", "a", b"one"),
    ]);
    symlink("..", results.path().join("l")).unwrap();
    symlink("../precious", results.path().join("a")).unwrap();
    symlink("../precious", results.path().join(INCOMING)).unwrap();
    let archive = Forgery::default()
        .file("/tmp/l/precious", b"evil")
        .file("/tmp/a", b"one");
    let unpacked = results.unpack(&archive.zstd());
    assert_eq!(unpacked.unplaced.len(), 1);
    assert_eq!(unpacked.files.len(), 1);
    assert!(
        results
            .path()
            .join("a")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
}

#[test]
fn the_first_of_two_is_the_one_that_counts() {
    let archive = Forgery::default()
        .file("/tmp/a", b"one")
        .file("/tmp/a", b"eins");
    let results = two_files();
    assert_eq!(results.unpack(&archive.zstd()).files.len(), 1);
    assert_eq!(fs::read(results.path().join("a")).unwrap(), b"one");
}

#[test]
fn what_is_not_what_was_hashed_comes_in_the_last_round_only_and_is_named() {
    let archive = || {
        Forgery::default()
            .file("/tmp/a", b"onf")
            .file("/tmp/d/b", b"two")
    };
    let mut results = two_files();
    assert_eq!(results.unpack(&archive().zstd()).files.len(), 1);
    assert_eq!(results.names(), ["d/b"]);
    results.keep_changed = true;
    let unpacked = results.unpack(&archive().zstd());
    let verified: Vec<_> = unpacked.files.iter().map(|file| file.verified).collect();
    assert_eq!(verified, [false, true]);
}

#[test]
fn a_size_that_lies_costs_the_rest_of_the_stream_and_nothing_else() {
    // Larger than its content: it takes what comes after it for its own. Smaller: what follows is no header.
    for size in [1 << 10, 1 << 20, 1] {
        let archive = Forgery::default()
            .lying_entry(EntryType::Regular, b"/tmp/a", "", size, &[7; 600])
            .file("/tmp/d/b", b"two");
        let results = two_files();
        results.unpack(&archive.zstd());
        assert!(!results.path().join("a").exists(), "{size}");
    }
}

#[test]
fn a_file_that_outgrew_its_listing_is_not_read() {
    for size in [(64 << 20) + 4, 6 << 30, u64::MAX >> 1] {
        let archive = Forgery::default().file("/tmp/d/b", b"two").lying_entry(
            EntryType::Regular,
            b"/tmp/a",
            "",
            size,
            b"one",
        );
        let mut results = two_files();
        results.keep_changed = true;
        let unpacked = results.unpack(&archive.zstd());
        assert_eq!(unpacked.outgrown, Some((0, size)));
        assert_eq!(results.names(), ["d/b"]);
    }
}

#[test]
fn a_file_may_grow_a_little_or_double() {
    assert_eq!(size_limit(2), (64 << 20) + 2);
    assert_eq!(size_limit(1 << 40), 1 << 41);
    assert_eq!(size_limit(u64::MAX), u64::MAX);
}

#[test]
fn a_long_name_is_a_name() {
    let path = format!("/tmp/{}", "long/".repeat(700) + "name");
    let results = Results::expecting(&[(&path, "here", b"one"), ("/tmp/a", "a", b"two")]);
    let archive = Forgery::default()
        .entry(
            EntryType::GNULongName,
            b"././@LongLink",
            "",
            format!("{path}\0").as_bytes(),
        )
        .entry(
            EntryType::GNULongLink,
            b"././@LongLink",
            "",
            b"/etc/passwd\0",
        )
        .file("/tmp/a", b"one")
        .file("/tmp/a", b"two");
    assert_eq!(results.unpack(&archive.zstd()).files.len(), 2);
    assert_eq!(results.names(), ["a", "here"]);
    assert_eq!(fs::read(results.path().join("here")).unwrap(), b"one");
}

#[test]
fn a_name_or_an_extension_of_gibibytes_takes_neither_memory_nor_time() {
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let start = Forgery::default().file("/tmp/d/b", b"two").lying_entry(
            kind,
            b"name",
            "",
            4 << 30,
            &[],
        );
        let zeros = io::repeat(0).take(4 << 30);
        let sent = Cell::new(0);
        let archive = Counted(start.0.chain(zeros), &sent);
        let compressed = zstd::stream::read::Encoder::new(archive, 1).unwrap();
        let results = two_files();
        let unpacked = results.unpack_from(&mut io::BufReader::new(compressed));
        assert_eq!(unpacked.files.len(), 1, "{kind:?}");
        // Two files may grow by 64 MiB each; what lies behind that is not even unpacked.
        assert!(sent.get() < 200 << 20, "{kind:?}: {} bytes", sent.get());
    }
}

#[test]
fn a_stream_that_breaks_off_anywhere_leaves_whole_files_only() {
    let archive = || {
        Forgery::default()
            .file("/tmp/a", b"one")
            .file("/tmp/d/b", b"two")
    };
    for stream in [archive().zstd(), archive().gzip()] {
        for end in 0..stream.len() {
            let results = two_files();
            results.unpack(&stream[..end]);
            for name in results.names() {
                let length = fs::metadata(results.path().join(&name)).unwrap().len();
                assert!(name != INCOMING && length == 3, "{name} after {end}");
            }
        }
    }
}

#[test]
fn a_window_that_would_fill_the_memory_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder
        .write_all(&Forgery::default().file("/tmp/a", b"one").end())
        .unwrap();
    let results = two_files();
    assert_eq!(results.unpack(&encoder.finish().unwrap()).files.len(), 0);
}

#[test]
fn once_it_is_stopped_nothing_gets_its_name() {
    let results = two_files();
    results.stop.cancel();
    let archive = Forgery::default().file("/tmp/a", b"one");
    assert_eq!(results.unpack(&archive.zstd()).files.len(), 0);
    assert!(results.names().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_stream_brings_no_damaged_file(at in any::<prop::sample::Index>(), damage in 1_u8.., zstd in any::<bool>()) {
        let archive = Forgery::default()
            .file("/tmp/a", b"one")
            .file("/tmp/d/b", b"two");
        let mut stream = if zstd { archive.zstd() } else { archive.gzip() };
        let at = at.index(stream.len());
        stream[at] ^= damage;
        let results = two_files();
        results.unpack(&stream);
        for name in results.names() {
            let content = fs::read(results.path().join(&name)).unwrap();
            let expected: &[u8] = if name == "a" { b"one" } else { b"two" };
            prop_assert_eq!(content, expected);
        }
    }

    #[test]
    fn no_stream_at_all_is_an_archive(stream in prop::collection::vec(any::<u8>(), 0..2000)) {
        let results = two_files();
        prop_assert!(results.unpack(&stream).files.is_empty());
        prop_assert!(results.names().is_empty());
    }
}
