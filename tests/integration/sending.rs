//! A checkout on its way to an instance whose connection breaks.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use collector::remote_host::RemoteHost;
use collector::revision::Commit;
use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use tokio::io::{AsyncRead, AsyncReadExt as _};

const HASH: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

/// A machine that gets no more than so many bytes over its first connection, and then loses it, if it does.
struct Breaking {
    shell: ProcessShell,
    first: Cell<Option<u64>>,
    noticed: bool,
}

impl Shell for Breaking {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        let Some(limit) = self.first.take() else {
            return self.shell.execute(command, stdin, output).await;
        };
        let exit = self.shell.execute(command, stdin.take(limit), output).await;
        if !self.noticed {
            return exit;
        }
        Err(ShellError::Lost {
            address: "there".into(),
            reason: "it broke".into(),
        })
    }
}

/// What becomes of an archive of which the first connection takes so many of its bytes.
async fn send(noticed: bool, cut: impl Fn(usize) -> usize) -> (Result<String, ShellError>, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [("./speed", "fast"), (".git/collector", HASH)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let archive = directory.path().join("source.tar");
    fs::write(&archive, &tar).unwrap();
    let home = directory.path().join("home");
    fs::create_dir(&home).unwrap();
    let host = RemoteHost {
        shell: Breaking {
            shell: ProcessShell::at_home(&home),
            first: Cell::new(Some(cut(tar.len()) as u64)),
            noticed,
        },
        jobs_dir: String::new(),
        just_booted: false,
        port_open: None,
    };
    let commit = Commit::parse(HASH).unwrap();
    let mut read = Vec::new();
    let progress = |done| read.push(done);
    let sent = host.send_source(&archive, &commit, ".", progress).await;
    let names = fs::read_dir(&home).unwrap();
    let names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    if let Ok(path) = &sent {
        assert_eq!(read.last(), Some(&(tar.len() as u64)), "all of it was told");
        assert_eq!(
            fs::read_to_string(Path::new(path).join("speed")).unwrap(),
            "fast"
        );
        assert!(!Path::new(path).join(".git/collector").exists());
    }
    (sent, names.join(" "))
}

#[tokio::test]
async fn a_transfer_that_broke_off_begins_anew() {
    let (sent, names) = send(true, |all| all / 3).await;
    assert!(sent.unwrap().ends_with("/home/collector-source"));
    assert_eq!(names, "collector-source");
}

/// The end of a file in an archive may be taken for the end of the archive.
#[tokio::test]
async fn half_a_checkout_is_none() {
    let (sent, names) = send(false, |_| 1024).await;
    let error = sent.unwrap_err().to_string();
    assert!(error.contains("arrived incomplete"), "{error}");
    assert_eq!(names, "");
}
