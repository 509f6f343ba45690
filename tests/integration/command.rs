//! The program as a process: scrubbed environment, real signals, its output line by line.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) use crate::skip::{say, skip};

/// Nothing that a test waits for takes longer, on a machine that does other things as well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a condition; panics with `what` when [`PATIENCE`] is over.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// A program of the tests' own that prints one line of JSON when it is ready, and lives until its standard input ends.
pub(crate) struct Service {
    child: Child,
    pub(crate) facts: Value,
}

impl Service {
    /// The error is why this machine cannot run it, which the program says with the exit status 77.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; `tests/run` installs it"));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let last_words = thread::spawn(move || {
            let mut last = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                say(&line);
                last = line;
            }
            last
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line.is_empty() {
            let status = child.wait().unwrap();
            assert_eq!(status.code(), Some(77), "{command:?} did not start");
            return Err(last_words.join().unwrap());
        }
        Ok(Self {
            facts: serde_json::from_str(&line).unwrap(),
            child,
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The end of its input is its word to clean up and go.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A directory with a config, its scripts, a home and a state directory.
pub(crate) struct Sandbox {
    directory: tempfile::TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The highest resident memory that was seen, in bytes.
    pub(crate) peak_memory: u64,
}

impl Finished {
    /// Standard error contains this.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        assert!(
            self.stderr.contains(words),
            "no {words:?} in:\n{}",
            self.stderr
        );
    }

    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path().join("out")
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> &Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn script(&self, name: &str, body: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;
        self.file(name, &format!("#!/bin/sh\n{body}\n"));
        let path = self.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A config for EC2 or this machine: `main` with these lines, then the phases, or a step that does nothing.
    pub(crate) fn config(&self, main: &str, phases: &str) -> &Self {
        let output = self.output();
        let phases = if phases.is_empty() {
            self.script("nothing.sh", ":");
            "run:\n  - nothing.sh\n"
        } else {
            phases
        };
        let main = main
            .lines()
            .fold(String::new(), |text, line| text + "  " + line + "\n");
        self.file(
            "config.yml",
            &format!("main:\n  output: {}\n{main}{phases}", output.display()),
        )
    }

    /// The program in an environment of its own.
    pub(crate) fn collect(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collect"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path().join("home"))
            .env("COLLECTOR_STATE_DIR", self.path().join("state"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// The directories of all samples of a revision.
    pub(crate) fn samples(&self, revision: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.output().join(revision)) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect()
    }

    /// The directory of the one sample of a revision.
    #[track_caller]
    pub(crate) fn sample(&self, revision: &str) -> PathBuf {
        let samples = self.samples(revision);
        assert_eq!(samples.len(), 1, "{samples:?}");
        samples[0].clone()
    }
}

/// The program while it runs.
pub(crate) struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let mut stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let all = seen.clone();
        let readers = vec![
            thread::spawn(move || {
                let mut text = String::new();
                stdout.read_to_string(&mut text).unwrap();
                text
            }),
            thread::spawn(move || {
                let mut lines = BufReader::new(stderr);
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).unwrap() > 0 {
                    all.lock()
                        .unwrap()
                        .push_str(&String::from_utf8_lossy(&line));
                    line.clear();
                }
                String::new()
            }),
        ];
        Self {
            child,
            stderr: seen,
            readers,
        }
    }

    #[track_caller]
    pub(crate) fn wait_for_output(&mut self, text: &str) {
        let seen = self.stderr.clone();
        wait_for(text, || {
            let seen = seen.lock().unwrap();
            assert!(
                seen.contains(text) || self.child.try_wait().unwrap().is_none(),
                "it ended without {text:?}:\n{seen}"
            );
            seen.contains(text).then_some(())
        });
    }

    /// Kills the program, as the system does when memory runs out, once it has written this.
    pub(crate) fn kill_after(mut self, text: &str) {
        self.wait_for_output(text);
        self.signal(Signal::KILL);
        self.finish();
    }

    /// Counts the open files of the program until it ends; the most that there were.
    pub(crate) fn watch_descriptors(&self) -> JoinHandle<usize> {
        let directory = format!("/proc/{}/fd", self.child.id());
        thread::spawn(move || {
            let mut most = 0;
            while let Some(open) = std::fs::read_dir(&directory).ok().map(Iterator::count) {
                // A process that has ended has no open files until somebody takes its status.
                if open == 0 && most > 0 {
                    break;
                }
                most = most.max(open);
                thread::park_timeout(Duration::from_millis(20));
            }
            most
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    pub(crate) fn finish(mut self) -> Finished {
        let status_file = format!("/proc/{}/status", self.child.id());
        let mut peak_memory = 0;
        let deadline = Instant::now() + 3 * PATIENCE;
        let status = loop {
            if let Some(peak) = peak(&status_file) {
                peak_memory = peak_memory.max(peak);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "still running:\n{}",
                self.stderr.lock().unwrap()
            );
            thread::park_timeout(Duration::from_millis(10));
        };
        let stdout = self.readers.remove(0).join().unwrap();
        self.readers.remove(0).join().unwrap();
        Finished {
            status: status.code().unwrap_or(-1),
            stdout,
            stderr: self.stderr.lock().unwrap().clone(),
            peak_memory,
        }
    }
}

fn peak(status_file: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status_file).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed on the way leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end.
pub(crate) fn run(command: Command) -> Finished {
    Running::spawn(command).finish()
}

/// Ids of all processes that carry the marker of one of this sandbox's runs or whose command line contains `text`.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() || name == std::process::id().to_string() {
            continue;
        }
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(text) {
            found.push(format!(
                "{name}: {}",
                String::from_utf8_lossy(&command).replace('\0', " ")
            ));
        }
    }
    found
}
