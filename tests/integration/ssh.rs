//! The SSH adapter against an OpenSSH server.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use collector::shell::ssh::{Keys, SshShell, Target};
use collector::shell::{Captured, Exit, Shell as _, ShellError, run_script};

use tokio::io::AsyncWriteExt as _;

use crate::command::{skip, wait_for};

/// An sshd of this test's own, for the user that runs it; `None` where OpenSSH is not installed.
pub(crate) struct Sshd {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Sshd {
    /// Shows this host key and lets in whoever has the client's key.
    fn start(host_private: &str, client_public: &str) -> Option<Self> {
        let sshd = Path::new("/usr/sbin/sshd");
        if !sshd.exists() {
            skip(&format!("there is no {}", sshd.display()));
            return None;
        }
        // Privilege separation wants its directory; a machine that boots makes it, a container may not.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("host_key"), host_private).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path("host_key"), mode).unwrap();
        std::fs::write(path("authorized_keys"), client_public).unwrap();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPidFile none\nLogLevel DEBUG1\n",
            directory.path().display()
        );
        std::fs::write(path("sshd_config"), config).unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-f"])
            .arg(path("sshd_config"))
            .arg("-E")
            .arg(path("log"))
            .spawn()
            .unwrap();
        wait_for("sshd", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(Self {
            child,
            port,
            directory,
        })
    }

    /// One with keys of its own.
    pub(crate) fn with_keys() -> Option<(Self, Keys)> {
        let keys = Keys::generate().unwrap();
        let client = keys.client_public().unwrap();
        let sshd = Self::start(&keys.host_private().unwrap(), &client)?;
        Some((sshd, keys))
    }

    /// Its log, with every request of a client.
    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn target(&self, keys: &Keys) -> Target {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Target {
            address: "127.0.0.1".into(),
            port: self.port,
            user: String::from_utf8(user).unwrap().trim().into(),
            keys: keys.login(),
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(self.directory.path().exists());
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn commands_go_through_unchanged_and_megabytes_come_back() {
    let Some((sshd, keys)) = Sshd::with_keys() else {
        return;
    };
    block_on(async {
        let shell = SshShell::connect(sshd.target(&keys)).await.unwrap();
        let echo = collector::shell::Command::new(
            "printf '%s|' \"$@\"; cat; echo oops >&2; exit 7",
            ["a'b", "$(id)", ""],
        );
        let mut captured = Captured::default();
        let exit = shell
            .execute(&echo, b"input".as_slice(), &mut captured)
            .await
            .unwrap();
        assert_eq!(exit, Exit::Code(7));
        assert_eq!(captured.stdout, b"a'b|$(id)||input");
        assert_eq!(captured.stderr, b"oops\n");
        let much = collector::shell::Command::new::<&str>("wc -c", []);
        let answer = run_script(
            &shell,
            "counting",
            &much,
            &vec![b'x'; 5_000_000],
            Duration::from_mins(1),
        )
        .await
        .unwrap();
        assert_eq!(answer.stdout, b"5000000\n");
    });
}

#[test]
fn two_commands_run_at_the_same_time_over_one_connection() {
    let Some((sshd, keys)) = Sshd::with_keys() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let meeting = directory.path().join("meeting").display().to_string();
    assert!(
        Command::new("mkfifo")
            .arg(&meeting)
            .status()
            .unwrap()
            .success()
    );
    block_on(async {
        let shell = SshShell::connect(sshd.target(&keys)).await.unwrap();
        // A FIFO is opened by two or by none.
        let [writes, reads] = [
            "timeout 30 sh -c 'echo met > \"$1\"' write \"$1\"",
            "timeout 30 cat \"$1\"",
        ]
        .map(|script| collector::shell::Command::new(script, [meeting.as_str()]));
        let deadline = Duration::from_mins(1);
        let (wrote, read) = tokio::join!(
            run_script(&shell, "writing", &writes, &[], deadline),
            run_script(&shell, "reading", &reads, &[], deadline),
        );
        assert_eq!(wrote.unwrap().stdout, b"");
        assert_eq!(read.unwrap().stdout, b"met\n");
    });
}

#[test]
fn a_wrong_host_key_is_told_at_once_and_nothing_is_sent() {
    let keys = Keys::generate().unwrap();
    let other = Keys::generate().unwrap();
    let client = keys.client_public().unwrap();
    let Some(sshd) = Sshd::start(&other.host_private().unwrap(), &client) else {
        return;
    };
    let error = block_on(SshShell::connect(sshd.target(&keys))).unwrap_err();
    assert!(matches!(error, ShellError::HostKey { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("shows the host key SHA256:"), "{text}");
    assert!(error.hint().unwrap().contains("cloud-init"));
}

#[test]
fn the_next_command_finds_a_channel_that_is_open() {
    let Some((sshd, keys)) = Sshd::with_keys() else {
        return;
    };
    let requests = |kind: &str| sshd.log().matches(kind).count();
    let opened = || requests("ctype session");
    block_on(async {
        let shell = SshShell::connect(sshd.target(&keys)).await.unwrap();
        let command = collector::shell::Command::new::<&str>("cat", []);
        let (mut held, stdin) = tokio::io::duplex(1);
        let waiting = async {
            let mut captured = Captured::default();
            shell.execute(&command, stdin, &mut captured).await
        };
        let seen = async {
            while opened() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(requests("req exec"), 1);
            held.shutdown().await.unwrap();
        };
        let both = async { tokio::join!(waiting, seen).0 };
        let exit = tokio::time::timeout(Duration::from_mins(1), both).await;
        assert_eq!(exit.unwrap().unwrap(), Exit::Code(0));
    });
}
