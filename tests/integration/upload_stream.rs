//! The stream of an upload: what arrives, and what comes of one that breaks.

use std::cell::{Cell, RefCell};
use std::env;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use collector::project_file::{Content, ProjectFile};
use collector::records::Uploads;
use collector::reporter::{Event, Reporter, TimedEvent};
use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use collector::upload::upload;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::doubles::CountingShell;
use crate::skip::say;

/// Counts the events that are about progress.
#[derive(Default)]
struct RecordingReporter {
    transfers: Cell<u32>,
    last: Cell<(u64, u64)>,
}

impl Reporter for RecordingReporter {
    fn take(&self, event: TimedEvent) {
        if let Event::Transferred { done, total } = event.event {
            self.transfers.set(self.transfers.get() + 1);
            self.last.set((done, total));
        }
    }
}

/// A machine whose connection breaks in the middle of the first stream.
struct Breaking {
    shell: ProcessShell,
    broken: Cell<bool>,
}

impl Shell for Breaking {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if self.broken.replace(true) {
            return self.shell.execute(command, stdin, output).await;
        }
        let part = stdin.take(100_000);
        let _ = self.shell.execute(command, part, output).await;
        Err(ShellError::Lost {
            address: "the instance".into(),
            reason: "the test says so".into(),
        })
    }
}

/// A machine with programs of its own.
struct WithPath {
    home: PathBuf,
    path: String,
    last_argument: RefCell<String>,
}

impl Shell for WithPath {
    async fn execute(
        &self,
        command: &Command,
        mut stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        let argv: Vec<&str> = command.argv().collect();
        self.last_argument.replace(argv.last().unwrap().to_string());
        let mut child = tokio::process::Command::new(argv[0])
            .args(&argv[1..])
            .current_dir(&self.home)
            .env("PATH", &self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let _ = tokio::io::copy(&mut stdin, &mut pipe).await;
        drop(pipe);
        let ended = child.wait_with_output().await.unwrap();
        output.out(ended.stdout.into()).await.unwrap();
        Ok(Exit::Code(ended.status.code().unwrap()))
    }
}

/// A home and a directory beside it, with what is sent.
struct Sandbox {
    directory: tempfile::TempDir,
    files: Vec<ProjectFile>,
}

impl Sandbox {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self {
            directory,
            files: Vec::new(),
        }
    }

    fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    fn file(mut self, name: &str, content: &[u8], mode: u32) -> Self {
        let source = self.source().join(name);
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, content).unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(mode)).unwrap();
        self.files.push(ProjectFile {
            destination: name.into(),
            content: Content::File {
                source,
                size: content.len() as u64,
            },
        });
        self
    }

    async fn send(&self, shell: &impl Shell) -> (Result<Uploads, ShellError>, RecordingReporter) {
        let reporter = RecordingReporter::default();
        let files = self.files.clone().into();
        (upload(shell, files, &reporter).await, reporter)
    }

    fn shell(&self) -> ProcessShell {
        ProcessShell::at_home(self.home())
    }
}

/// Bytes that no compression makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fs::File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut bytes)
        .unwrap();
    bytes
}

#[tokio::test]
async fn files_directories_and_links_arrive_as_they_are() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let mut sandbox = Sandbox::new()
        .file("run.sh", b"#!/bin/sh\n", 0o755)
        .file("a b\n$(id)'\u{fc}", b"odd", 0o600)
        .file(&long, b"long", 0o644);
    fs::create_dir(sandbox.source().join("empty")).unwrap();
    fs::set_permissions(
        sandbox.source().join("empty"),
        fs::Permissions::from_mode(0o550),
    )
    .unwrap();
    symlink("run.sh", sandbox.source().join("link")).unwrap();
    sandbox.files.push(ProjectFile {
        destination: "empty".into(),
        content: Content::Directory {
            source: sandbox.source().join("empty"),
        },
    });
    sandbox.files.push(ProjectFile {
        destination: "link".into(),
        content: Content::Link {
            target: "run.sh".into(),
        },
    });
    let (uploads, reporter) = sandbox.send(&sandbox.shell()).await;
    let uploads = uploads.unwrap();
    assert_eq!(uploads.files.len(), 4, "directories are not on record");
    let mode = |name: &str| {
        let metadata = fs::symlink_metadata(sandbox.home().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("run.sh"), 0o755);
    assert_eq!(mode("a b\n$(id)'\u{fc}"), 0o600);
    assert_eq!(mode("empty"), 0o750);
    assert_eq!(fs::read(sandbox.home().join(&long)).unwrap(), b"long");
    assert_eq!(
        fs::read_link(sandbox.home().join("link")).unwrap(),
        Path::new("run.sh")
    );
    let modified = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    assert_eq!(
        seconds(modified(sandbox.home().join("run.sh"))),
        seconds(modified(sandbox.source().join("run.sh")))
    );
    assert_eq!(
        reporter.transfers.get(),
        0,
        "small files are not worth a bar"
    );
}

#[tokio::test]
async fn after_a_lost_connection_everything_is_sent_again() {
    let content = noise(3 << 20);
    let sandbox = Sandbox::new()
        .file("large", &content, 0o644)
        .file("small", b"x", 0o644);
    let shell = Breaking {
        shell: sandbox.shell(),
        broken: Cell::new(false),
    };
    let (uploads, reporter) = sandbox.send(&shell).await;
    assert_eq!(uploads.unwrap().files.len(), 2);
    assert!(fs::read(sandbox.home().join("large")).unwrap() == content);
    assert!(sandbox.home().join("small").exists());
    assert!(reporter.transfers.get() > 1);
    let total = (3 << 20) + 1;
    assert_eq!(reporter.last.get(), (total, total));
}

#[tokio::test]
async fn a_file_that_is_gone_or_shorter_is_named() {
    let sandbox = Sandbox::new()
        .file("here", b"x", 0o644)
        .file("gone", b"x", 0o644);
    fs::remove_file(sandbox.source().join("gone")).unwrap();
    let error = sandbox.send(&sandbox.shell()).await.0.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`gone` could not be sent: No such file"),
        "{error}"
    );
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn where_zstd_is_broken_gzip_carries_a_large_upload() {
    let broken = "#!/bin/sh\necho 'cannot' >&2\nexit 1\n";
    let content = noise(17 << 20);
    let sandbox = Sandbox::new()
        .file("programs/zstd", broken.as_bytes(), 0o755)
        .file("sent", &content, 0o644);
    let path = env::var("PATH").unwrap();
    let without = format!("{}:{path}", sandbox.source().join("programs").display());
    for (path, program) in [(path, "zstd"), (without, "gzip")] {
        let shell = WithPath {
            home: sandbox.home(),
            path,
            last_argument: RefCell::default(),
        };
        sandbox.send(&shell).await.0.unwrap();
        assert_eq!(shell.last_argument.take(), program);
        assert!(fs::read(sandbox.home().join("sent")).unwrap() == content);
        fs::remove_file(sandbox.home().join("sent")).unwrap();
    }
}

/// Where the machine is fast, the rest comes plainly, in a second stream.
#[tokio::test]
async fn a_large_upload_arrives_whole_in_as_many_streams_as_it_takes() {
    let content = noise(16 << 20);
    let names: Vec<String> = (0..8).map(|number| format!("d/{number}")).collect();
    let mut sandbox = Sandbox::new();
    for name in &names {
        sandbox = sandbox.file(name, &content, 0o640);
    }
    sandbox = sandbox.file("last", b"x", 0o755);
    fs::set_permissions(
        sandbox.source().join("d"),
        fs::Permissions::from_mode(0o555),
    )
    .unwrap();
    let directory = ProjectFile {
        destination: "d".into(),
        content: Content::Directory {
            source: sandbox.source().join("d"),
        },
    };
    sandbox.files.insert(0, directory);
    let shell = CountingShell::of(sandbox.shell());
    let (uploads, reporter) = sandbox.send(&shell).await;
    let sent: Vec<String> = uploads
        .unwrap()
        .files
        .iter()
        .map(|file| file.path.as_path().display().to_string())
        .collect();
    assert_eq!(sent[..8], names);
    assert_eq!(sent[8..], ["last"]);
    for name in &names {
        let path = sandbox.home().join(name);
        assert!(fs::read(&path).unwrap() == content);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
    assert_eq!(fs::read(sandbox.home().join("last")).unwrap(), b"x");
    let total = (128 << 20) + 1;
    assert_eq!(reporter.last.get(), (total, total));
    // The first command only asks for zstd.
    say(&format!("128 MiB in {} streams", shell.commands() - 1));
}

#[tokio::test]
async fn a_machine_that_does_not_take_it_is_quoted() {
    let sandbox = Sandbox::new().file("large", &noise(3 << 20), 0o644);
    fs::create_dir_all(sandbox.home().join("large/in-the-way")).unwrap();
    let error = sandbox.send(&sandbox.shell()).await.0.unwrap_err();
    assert!(matches!(error, ShellError::Command { .. }), "{error}");
    assert!(error.to_string().contains("large"), "{error}");
}
