use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Output, Stdio};
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::records::{FilePath, FileState, ManifestEntry};

/// Past this a script hangs.
const DEADLINE: Duration = Duration::from_secs(30);

const ROOT: &str = "v1/i-1";

/// Waits until the gate is opened before it compresses, where there is one.
const PIGZ: &str = "#!/bin/sh\n[ -z \"$GATE\" ] || read -r _ < \"$GATE\"\nexec gzip -1 -c\n";

/// Leaves a line for each lock that is asked for.
const FLOCK: &str = "#!/bin/sh\necho >> \"$ASKED\"\nPATH=$PLAIN_PATH exec flock \"$@\"\n";

/// Answers in two moves: the tag that is written to the gate, and the end.
const CURL: &str = "#!/bin/sh
while [ \"$1\" != --dump-header ]; do shift; done
echo > \"$GATE.reached\"
read -r tag < \"$GATE\" && printf 'ETag: \"%s\"\\r\\n' \"$tag\" > \"$2\"
read -r _ < \"$GATE\" && printf 200
";

fn write_program(directory: &Path, name: &str, text: &str) {
    let program = directory.join(name);
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn make_gate(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

/// The path for programs, with those of a test before the others.
fn programs(first: &Path) -> String {
    format!("{}:{}", first.display(), std::env::var("PATH").unwrap())
}

fn wait_until(what: &str, mut comes: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !comes() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// A machine with results, on which `pack.sh` runs.
struct Packing {
    machine: TempDir,
    links: Vec<u8>,
}

impl Packing {
    fn new() -> Self {
        let machine = tempfile::tempdir().unwrap();
        let path = |name: &str| machine.path().join(name);
        fs::create_dir(path("programs")).unwrap();
        for (name, text) in [("pigz", PIGZ), ("flock", FLOCK)] {
            write_program(&path("programs"), name, text);
        }
        make_gate(&path("gate"));
        fs::create_dir(path("results")).unwrap();
        // The first is larger than a pipe: whoever packs it is held up there.
        let files = [("a", 300_000), ("b", 20_000), ("c", 0)].map(|(name, size)| {
            let source = path("results").join(name);
            let noise = (0..size / 32).map(|number: u32| Sha256::digest(number.to_le_bytes()));
            fs::write(&source, noise.flatten().collect::<Vec<_>>()).unwrap();
            ManifestEntry {
                path: FilePath::new(name.as_bytes()),
                source: FilePath::new(source.to_str().unwrap().as_bytes()),
                size: size.into(),
                sha256: None,
                mode: 0o644,
                modified: None,
                state: FileState::Stored,
            }
        });
        let links = links(Path::new(ROOT), &Manifest::new(files.into())).unwrap();
        Self { machine, links }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.machine.path().join(name)
    }

    /// Begins an attempt that gets so many bytes of the names.
    fn attempt(&self, names: usize, gate: &str) -> Child {
        let size = self.links.len().to_string();
        let directory = self.path("bucket");
        let mut attempt = Process::new("bash")
            .args(["-c", PACK, "collector", directory.to_str().unwrap()])
            .args(["10000", "v1", &size])
            .env("PATH", programs(&self.path("programs")))
            .env("PLAIN_PATH", std::env::var("PATH").unwrap())
            .env("ASKED", self.path("asked"))
            .env("GATE", gate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = attempt.stdin.take().unwrap();
        // Whoever has its answer needs no names.
        let _ = stdin.write_all(&self.links[..names]);
        attempt
    }

    fn attempt_to_its_end(&self, names: usize) -> Output {
        self.attempt(names, "").wait_with_output().unwrap()
    }

    /// How often the lock was asked for.
    fn asked(&self) -> usize {
        fs::read(self.path("asked")).map_or(0, |lines| lines.len())
    }

    /// The attempt ended well, and the parts are what it tells of them, and together all of the results.
    fn packed(&self, told: &Output) {
        assert!(told.status.success(), "{told:?}");
        let mut archive = Vec::new();
        for (number, line) in (1..).zip(String::from_utf8_lossy(&told.stdout).lines()) {
            let bytes = fs::read(self.path("bucket/parts").join(format!("{number:05}"))).unwrap();
            let sum = Sha256::digest(&bytes).into();
            let size = bytes.len() as u64;
            let is = Part {
                number,
                size,
                sha256: sum,
            };
            assert_eq!(part(number, line), Some(is));
            archive.extend(bytes);
        }
        let unpacked = self.path("unpacked");
        tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice()))
            .unpack(&unpacked)
            .unwrap();
        for name in ["a", "b", "c"] {
            let copy = fs::read(unpacked.join(ROOT).join(name)).unwrap();
            assert_eq!(copy, fs::read(self.path("results").join(name)).unwrap());
        }
    }
}

#[test]
fn an_attempt_leaves_the_one_alone_whose_connection_was_lost() {
    let packing = Packing::new();
    let (all, gate) = (packing.links.len(), packing.path("gate"));
    let mut lost = packing.attempt(all, gate.to_str().unwrap());
    // Opens once it packs.
    let mut gate = OpenOptions::new().write(true).open(gate).unwrap();
    drop((lost.stdout.take(), lost.stderr.take()));

    let mut next = packing.attempt(all, "");
    wait_until("it waits or ends", || {
        packing.asked() == 2 || next.try_wait().unwrap().is_some()
    });
    gate.write_all(b"\n").unwrap();
    lost.wait().unwrap();
    packing.packed(&next.wait_with_output().unwrap());
}

#[test]
fn names_that_did_not_all_arrive_are_not_taken_for_all() {
    let packing = Packing::new();
    // Behind a whole header.
    let cut = packing.attempt_to_its_end(512);
    assert!(!cut.status.success(), "{cut:?}");
    let all = packing.links.len();
    packing.packed(&packing.attempt_to_its_end(all));
}

#[test]
fn an_attempt_to_send_does_not_take_the_answers_to_another_for_its_own() {
    let machine = tempfile::tempdir().unwrap();
    let path = |name: &str| machine.path().join(name);
    write_program(machine.path(), "curl", CURL);
    let attempt = |name: &str| {
        make_gate(&path(name));
        let gate = OpenOptions::new().read(true).write(true).open(path(name));
        let mut attempt = Process::new("sh")
            .args(["-c", PUT, "collector", machine.path().to_str().unwrap()])
            .env("PATH", programs(machine.path()))
            .env("GATE", path(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = attempt.stdin.take().unwrap();
        stdin.write_all(b"1 address header\n").unwrap();
        drop(stdin);
        let reached = format!("{name}.reached");
        wait_until("it sends", || path(&reached).exists());
        (attempt, gate.unwrap())
    };
    let answered = |tag: &str| {
        let all = ["1.head", "*/1.head"].map(|name| path(name).display().to_string());
        let list = format!("cat {} 2> /dev/null", all.join(" "));
        let heads = Process::new("sh").args(["-c", &list]).output().unwrap();
        String::from_utf8_lossy(&heads.stdout).contains(tag)
    };
    let (mut lost, mut gate_of_lost) = attempt("lost");
    drop(lost.stdout.take());
    let (next, mut gate) = attempt("next");
    gate.write_all(b"tag\n").unwrap();
    wait_until("it is answered", || answered("tag"));
    gate_of_lost.write_all(b"late\n").unwrap();
    wait_until("the other one is, too", || answered("late"));
    gate.write_all(b"\n").unwrap();
    assert_eq!(next.wait_with_output().unwrap().stdout, b"1 tag\n");
    gate_of_lost.write_all(b"\n").unwrap();
    lost.wait().unwrap();
}

#[test]
fn only_what_looks_like_a_part_or_a_tag_is_taken_for_one() {
    let sum = "ab".repeat(32);
    let expected = Part {
        number: 3,
        size: 12,
        sha256: [0xab; 32],
    };
    assert_eq!(part(3, &format!("{sum} 12")), Some(expected));
    assert_eq!(part(3, &format!("{sum}00 12")), None);
    assert_eq!(part(3, &sum), None);
    assert_eq!(tag("7 0a1b-2"), Some((7, "0a1b-2".into())));
    assert_eq!(tag("again 7"), None);
    assert_eq!(tag("7 <Part>"), None);
}
