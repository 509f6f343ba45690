//! Very many results, and results that are on their way when the run ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use collector::collect::{Arrivals, CollectError, collect};
use collector::config::Pattern;
use collector::reporter::{Reporter, TimedEvent};
use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::sync::CancellationToken;

use crate::command::{Running, Sandbox, run, say, wait_for};

const MIB: u64 = 1 << 20;

/// A script that makes this many small files, twelve directories deep.
fn make(directory: &Path, count: u32) -> String {
    let deep: Vec<String> = (1..=12).map(|level| format!("level-{level}")).collect();
    format!(
        "mkdir -p '{0}/{1}'; cd '{0}/{1}'; seq {count} | split -l 1 -a 5 - measured-",
        directory.display(),
        deep.join("/")
    )
}

fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn each_of_very_many_files_comes_home_once() {
    let count: u32 = std::env::var("COLLECTOR_TESTS_FILES").map_or(30_000, |n| n.parse().unwrap());
    let sandbox = Sandbox::new();
    let many = sandbox.path().join("many");
    sandbox
        .config(
            &format!("performance_results: {}/**", many.display()),
            "run:\n  - make.sh\n",
        )
        .script("make.sh", &make(&many, count));
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    assert!(
        finished.stdout.contains(&format!("{count} files")),
        "{}",
        finished.stdout
    );
    say(&format!(
        "peak memory for {count} small files: {} MiB",
        finished.peak_memory / MIB
    ));
    let sample = sandbox.sample("v1");
    let manifest = fs::read(sample.join("collector/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), count as usize);
    assert!(files.iter().all(|file| file["state"] == "verified"));
    assert_eq!(files_below(&sample.join("level-1")).len(), files.len());
}

#[test]
fn a_signal_while_results_come_home_leaves_them_in_one_directory_and_counts_them() {
    let sandbox = Sandbox::new();
    let many = sandbox.path().join("many");
    sandbox
        .config(
            &format!("performance_results: {}/*", many.display()),
            "run:\n  - make.sh\n",
        )
        .script("make.sh", &make(&many, 30_000));
    let running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    wait_for("the first result", || {
        let samples = sandbox.samples("v1");
        samples
            .iter()
            .any(|sample| sample.join("level-1").exists())
            .then_some(())
    });
    running.signal(Signal::TERM);
    let finished = running.finish().expect(143);
    let sample = sandbox.sample("v1");
    let report = fs::read(sample.join("collector/run.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let here = files_below(&sample.join("level-1")).len();
    assert!(here > 0 && here < 30_000, "{here}");
    assert_eq!(report["collected"]["files"], here, "{}", finished.stdout);
    assert!(!sample.join(".incoming").exists());
}

pub(crate) struct Silent;

impl Reporter for Silent {
    fn take(&self, _: TimedEvent) {}
}

/// This machine, on which a file grows before it is sent.
struct Growing {
    shell: ProcessShell,
    file: PathBuf,
    size: u64,
}

impl Shell for Growing {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if command.argv().any(|word| word.contains("tar --create")) {
            let file = File::options().write(true).open(&self.file).unwrap();
            file.set_len(self.size).unwrap();
        }
        self.shell.execute(command, stdin, output).await
    }
}

#[tokio::test]
async fn a_file_of_two_bytes_that_becomes_gibibytes_costs_only_itself() {
    let instance = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    let growing = instance.path().join("1-grows");
    fs::write(&growing, "ab").unwrap();
    fs::write(instance.path().join("2-stays"), "whole").unwrap();
    let shell = Growing {
        shell: ProcessShell::in_directory(instance.path()),
        file: growing,
        size: 6 << 30,
    };
    let patterns = Pattern::parse("*").unwrap();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, results.path(), &arrivals, &Silent).await;
    assert_eq!(collection.collected.files, 1);
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 1);
    let error = collection.error.unwrap();
    assert!(matches!(error, CollectError::Incomplete { count: 1, .. }));
    let warnings = collection.warnings.join("\n");
    assert!(
        warnings.contains("1-grows grew from 2 to 6442450944 bytes"),
        "{warnings}"
    );
}

#[tokio::test]
async fn what_was_listed_before_the_listing_failed_is_brought_home() {
    /// This machine, whose listing says one thing and fails.
    struct Failing(ProcessShell);

    impl Shell for Failing {
        async fn execute(
            &self,
            command: &Command,
            stdin: impl AsyncRead + Unpin,
            output: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            let exit = self.0.execute(command, stdin, output).await?;
            let listing = command.argv().any(|word| word.contains("find "));
            Ok(if listing { Exit::Code(1) } else { exit })
        }
    }

    let instance = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    fs::write(instance.path().join("file"), "content").unwrap();
    let shell = Failing(ProcessShell::in_directory(instance.path()));
    let patterns = Pattern::parse("*").unwrap();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, results.path(), &arrivals, &Silent).await;
    assert_eq!(collection.collected.files, 1);
    assert!(matches!(collection.error, Some(CollectError::Shell(_))));
}

#[tokio::test]
async fn an_instance_that_hashes_slowly_has_few_commands_at_once() {
    /// This machine, which has no digest before the last file is sent.
    struct Slow {
        shell: ProcessShell,
        last: Vec<u8>,
        last_is_sent: CancellationToken,
        hashing: AtomicUsize,
        most: AtomicUsize,
    }

    impl Shell for Slow {
        async fn execute(
            &self,
            command: &Command,
            mut stdin: impl AsyncRead + Unpin,
            output: &mut impl Output,
        ) -> Result<Exit, ShellError> {
            let mut input = Vec::new();
            stdin.read_to_end(&mut input).await.unwrap();
            if command.argv().any(|word| word.contains("sha256sum")) {
                let hashing = self.hashing.fetch_add(1, Ordering::Relaxed) + 1;
                self.most.fetch_max(hashing, Ordering::Relaxed);
                self.last_is_sent.cancelled().await;
                self.hashing.fetch_sub(1, Ordering::Relaxed);
            } else if input.ends_with(&self.last) {
                self.last_is_sent.cancel();
            }
            self.shell.execute(command, &*input, output).await
        }
    }

    let instance = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    for number in 1..=8 {
        let file = File::create(instance.path().join(format!("{number}"))).unwrap();
        file.set_len(16 * MIB).unwrap();
    }
    let shell = Slow {
        shell: ProcessShell::in_directory(instance.path()),
        last: b"/8\0".into(),
        last_is_sent: CancellationToken::new(),
        hashing: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    };
    let patterns = Pattern::parse("*").unwrap();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, results.path(), &arrivals, &Silent).await;
    assert_eq!(collection.collected.files, 8, "{collection:?}");
    assert_eq!(shell.most.into_inner(), 3);
}
