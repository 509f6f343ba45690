//! Results with names that mean harm, and results of many runs at once.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::thread;

use collector::phase::Phase;
use collector::records::{Index, Manifest, Record as _};
use collector::results::SampleDirectory;

use super::harness::{bare_run, run};

#[test]
fn names_are_only_names() {
    let names: [&[u8]; 8] = [
        b"$(touch pwned)",
        b"`touch pwned`",
        b"two\nlines",
        b" some  spaces ",
        b"-rf",
        b"--checkpoint-action=exec=touch pwned",
        b"\xff\xfe.csv",
        b"quote'\"\\n*",
    ];
    let mut makes = vec!["mkdir -p out/deep && cd out".to_owned()];
    for name in names {
        let octal: Vec<String> = name.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let octal = octal.concat();
        makes.push(format!("name=$(printf '{octal}x'); name=${{name%x}}"));
        makes.push("printf %s one > \"./$name\"; printf %s two > \"deep/$name\"".into());
    }
    makes.push("printf %s hidden > deep/.hidden".into());
    let done = run().setup(makes.join("\n").as_str()).results("out/*").go();
    done.exits(0).ran(&Phase::ALL).gave_back();
    for name in names {
        let name = OsStr::from_bytes(name);
        let results = done.results();
        assert_eq!(fs::read(results.join(name)).unwrap(), b"one", "{name:?}");
        let deep = results.join("deep").join(name);
        assert_eq!(fs::read(deep).unwrap(), b"two", "{name:?}");
    }
    assert_eq!(done.read("deep/.hidden"), "hidden");
    assert_eq!(done.sample().collected.files, 17);
    let manifest: Manifest = SampleDirectory::new(done.results()).read().unwrap();
    let distinct: BTreeSet<_> = manifest.files.iter().map(|file| &file.path).collect();
    assert_eq!(distinct.len(), 17);
    for file in &manifest.files {
        let there = fs::metadata(done.results().join(file.path.as_path())).unwrap();
        assert_eq!(there.len(), file.size, "{}", file.path);
    }
    assert!(!finds(done.directory.path(), "pwned") && !Path::new("pwned").exists());
}

#[test]
fn a_link_to_a_file_is_the_file_and_one_to_a_directory_stays() {
    let done = run()
        .setup(
            "mkdir -p out elsewhere/below; echo far > elsewhere/below/file; cd out
            ln -s ../elsewhere linked; ln -s ../elsewhere/below/file link; ln -s . loop
            ln -s /nonexistent dangling; mkfifo fifo; echo near > file",
        )
        .results("out/*")
        .go();
    done.exits(0)
        .ran(&Phase::ALL)
        .gave_back()
        .warned("fifo is not a regular file")
        .warned("linked is not a regular file")
        .warned("loop is not a regular file");
    assert_eq!(done.read("file"), "near\n");
    assert_eq!(done.read("link"), "far\n");
    for name in ["fifo", "linked", "loop", "dangling"] {
        assert!(
            done.results().join(name).symlink_metadata().is_err(),
            "{name}"
        );
    }
    for path in everything(done.results()) {
        let kind = path.symlink_metadata().unwrap().file_type();
        assert!(kind.is_file() || kind.is_dir(), "{}", path.display());
    }
}

#[test]
fn a_pattern_is_no_command() {
    run()
        .results("$(touch pwned)`touch pwned`;touch pwned*")
        .go()
        .exits(1)
        .gave_back()
        .warned("matches no file");
}

#[test]
fn the_record_of_a_run_is_kept_even_if_its_name_is_taken() {
    let done = run().with_taken_name().go();
    done.exits(3).gave_back();
    assert_eq!(done.read("result"), "42\n");
}

#[test]
fn an_index_that_eight_runs_write_lists_them_all() {
    let output = tempfile::tempdir().unwrap();
    let runs = (0..8).map(|_| bare_run().output(output.path()));
    let threads: Vec<_> = runs.map(|run| thread::spawn(|| run.go())).collect();
    let mut leases = Vec::new();
    for thread in threads {
        let done = thread.join().unwrap();
        done.exits(0).gave_back();
        leases.push(format!("i-{}", done.sample().lease));
    }
    let index = fs::read(output.path().join("abc1234/index.json")).unwrap();
    let Index { samples, .. } = Index::from_json(&index).unwrap();
    let mut listed: Vec<&str> = samples.iter().map(|one| one.directory.as_str()).collect();
    listed.sort_unstable();
    leases.sort_unstable();
    assert_eq!(listed, leases);
    assert!(samples.iter().all(|sample| sample.archive.is_some()));
}

#[test]
fn an_index_that_stays_locked_costs_neither_the_archive_nor_the_run() {
    let output = tempfile::tempdir().unwrap();
    let revision = output.path().join("abc1234");
    fs::create_dir(&revision).unwrap();
    let lock = fs::File::create(revision.join(".index.lock")).unwrap();
    lock.lock().unwrap();
    let done = run().output(output.path()).go();
    done.exits(0)
        .gave_back()
        .collected()
        .warned("another process holds .index.lock");
    assert!(done.sample().archive.as_ref().unwrap().path.exists());
    assert!(!revision.join("index.json").exists());
}

fn everything(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found
}

fn finds(directory: &Path, name: &str) -> bool {
    everything(directory)
        .iter()
        .any(|path| path.ends_with(name))
}
