//! Docker as tests see it: a daemon with the image of the action, the runner's way to use it, and act's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::{Sandbox, Service, skip};

/// The action around the program that is tested.
pub(crate) const IMAGE: &str = "collector:test";

/// The user and group that a runner's files belong to.
pub(crate) const RUNNER: u32 = 1001;

/// The exit status of a container that was killed.
pub(crate) const KILLED: i32 = 137;

/// Others in the PATH may be of the releases that lose signals.
const DOCKER: &str = "/usr/bin/docker";

/// A daemon of our own. It is never dropped, but the end of its input comes with the end of this process, and is its
/// word to clean up and go.
pub(crate) struct Docker {
    _daemon: Service,
    host: String,
}

/// What the runner made of a step and of what came after the job.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) main: Stage,
    pub(crate) post: Stage,
}

/// What the runner made of one container.
#[derive(Deserialize)]
pub(crate) struct Stage {
    pub(crate) exit: i32,
    pub(crate) seconds_after_signal: Option<f64>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) state: BTreeMap<String, String>,
    pub(crate) summary: String,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) groups: Vec<Group>,
    pub(crate) masks: Vec<String>,
    pub(crate) log: String,
    pub(crate) problems: Vec<String>,
    pub(crate) left: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Annotation {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) title: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<String>,
    pub(crate) message: String,
    pub(crate) shown: bool,
}

#[derive(Deserialize)]
pub(crate) struct Group {
    pub(crate) title: String,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/github")
        .join(name)
}

impl Docker {
    /// The one daemon of this process; `None` where this machine cannot run it and need not.
    #[track_caller]
    pub(crate) fn get() -> Option<&'static Self> {
        static DAEMON: OnceLock<Result<Docker, String>> = OnceLock::new();
        match DAEMON.get_or_init(Self::start) {
            Ok(docker) => Some(docker),
            Err(reason) => {
                skip(&format!("Docker is missing: {reason}"));
                None
            }
        }
    }

    fn start() -> Result<Self, String> {
        let daemon = Service::start(&mut Command::new(file("docker")))?;
        let docker = Self {
            host: daemon.facts["DOCKER_HOST"].as_str().unwrap().to_owned(),
            _daemon: daemon,
        };
        let mut build = docker.command(file("image"));
        build.args([env!("CARGO_BIN_EXE_collect"), IMAGE]);
        succeed(&mut build);
        Ok(docker)
    }

    /// A program that uses this daemon.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env("DOCKER_HOST", &self.host);
        command
    }

    /// Runs a [`job`] as the runner does.
    #[track_caller]
    pub(crate) fn run(&self, job: &Value) -> Report {
        let mut runner = self
            .command(file("mini_runner.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = runner.stdin.take().unwrap();
        stdin.write_all(job.to_string().as_bytes()).unwrap();
        drop(stdin);
        let output = runner.wait_with_output().unwrap();
        assert!(output.status.success(), "the runner gave up");
        let report: Report = serde_json::from_slice(&output.stdout).unwrap();
        assert!(
            !report.main.left && !report.post.left,
            "a container is left"
        );
        // What is killed can close nothing.
        let main = (report.main.exit != KILLED).then_some(&report.main);
        for stage in main.into_iter().chain([&report.post]) {
            assert!(
                stage.problems.is_empty(),
                "{:?} in:\n{}",
                stage.problems,
                stage.log
            );
        }
        report
    }

    /// Sends a signal to the one container that works in a directory.
    pub(crate) fn signal(&self, workspace: &Path, signal: &str) {
        let of = format!("volume={}", workspace.display());
        let mut list = self.command(DOCKER);
        let list = succeed(list.args(["ps", "--quiet", "--filter", &of]));
        let mut kill = self.command(DOCKER);
        succeed(kill.args(["kill", "--signal", signal, list.trim()]));
    }

    /// Has act run the action over the config in a directory; the ZIP of the one artifact.
    pub(crate) fn act(&self, directory: &Path, output: &Path) -> PathBuf {
        let mut act = self.command(file("act"));
        let artifacts = succeed(act.args([directory, output]).arg(IMAGE));
        artifacts.trim().into()
    }
}

/// What a command printed, which must succeed.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A job of one step: the action, with the sandbox for a checkout. What is in there belongs to the runner.
pub(crate) fn job(
    sandbox: &Sandbox,
    variables: &[(&'static str, String)],
    inputs: &Value,
) -> Value {
    for path in everything_in(sandbox.path()) {
        chown(path, Some(RUNNER), Some(RUNNER)).unwrap();
    }
    let env: BTreeMap<&str, &str> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    json!({
        "image": IMAGE,
        "workspace": sandbox.path(),
        "token": env.get("INPUT_GITHUB-TOKEN").unwrap_or(&""),
        "env": env,
        "inputs": inputs,
        "deadline": 60,
    })
}

/// A directory, and all that is in it.
pub(crate) fn everything_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(everything_in(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// What is missing is installed, whatever else is there.
#[test]
fn a_missing_daemon_is_installed_though_the_rest_is_there() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    if !rustix::process::geteuid().is_root() {
        skip("this test is not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let bin = directory.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let program = |name: &str, body: &str| {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    for name in "bash cat chmod comm dirname flock id mkdir realpath rm sed sort".split(' ') {
        symlink(Path::new("/usr/bin").join(name), bin.join(name)).unwrap();
    }
    program("mmdebstrap", ":");
    program(
        "dpkg-query",
        "printf 'installed %s\\n' mmdebstrap debian-archive-keyring",
    );
    program("apt-get", "echo \"$@\" >> \"$CALLS\"; exit 100");
    let calls = directory.path().join("calls");
    let status = Command::new(file("docker"))
        .env("PATH", &bin)
        .env("CALLS", &calls)
        .env("COLLECTOR_TEST_CACHE", directory.path().join("cache"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(77));
    let calls = fs::read_to_string(calls).unwrap();
    assert!(calls.ends_with(" install docker.io\n"), "{calls}");
}
