//! An instance as a shell: SSH with keys that were made for this run, and a connection that is renewed when it breaks.

mod interactive;
mod keys;
mod session;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use jiff::Timestamp;
use russh::client;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, ChannelWriteHalf, Preferred, cipher, kex};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

pub use keys::{KeyError, Keys, LoginKeys};
use session::Session;

use super::{Command, Exit, Output, Shell, ShellError, quote};

/// Past this an instance that runs but does not let us in is broken, not slow.
const FIRST_LOGIN_DEADLINE: Duration = Duration::from_mins(5);

/// Between two looks at the port of an instance that boots.
const PROBE_PAUSE: Duration = Duration::from_millis(50);

/// A packet that gets no answer in this time was dropped on the way, by a host that is not there yet.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// From the open port to the login; a fresh machine makes its first entropy here.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// Opening a channel on a connection that holds.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(30);

/// A dead connection is noticed after four of these.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const MAX_MISSED_KEEPALIVES: usize = 4;

/// The round trip, measured as the port answers, up to which a way is short.
const SHORT_WAY: Duration = Duration::from_millis(15);

/// The most of a command's output that the server sends unasked, in bytes. Over a long way that is what is under way; over a
/// short one it lies in the server's memory, where much of it costs more than the cipher does.
const SHORT_WINDOW: u32 = 4 << 20;
const LONG_WINDOW: u32 = 16 << 20;

/// Two to five times the throughput of the library's default, in bytes.
const PACKET_SIZE: u32 = 65_535;

/// The most that OpenSSH's server takes in a packet, in bytes.
const SENT_PACKET_SIZE: usize = 32 << 10;

/// The number of packets that may wait for the disk before the network is held up: bounds the memory of a transfer.
const CHANNEL_BUFFER: usize = 8;

/// The host to connect to, and the login.
#[derive(Debug, Clone)]
pub struct Target {
    /// Address of the instance.
    pub address: String,
    /// Where its sshd listens.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// Ours, and the one it must show.
    pub keys: LoginKeys,
}

/// A shell over SSH.
pub struct SshShell {
    target: Target,
    session: Mutex<Option<Arc<Session>>>,
    port_open: OnceLock<Timestamp>,
}

impl std::fmt::Debug for SshShell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshShell")
            .field("address", &self.target.address)
            .finish_non_exhaustive()
    }
}

/// Accepts one host key and remembers any other.
struct HostCheck {
    expected: PublicKey,
    shown: Arc<OnceLock<String>>,
}

impl client::Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let fingerprint = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                if key.key_data() == self.expected.key_data() {
                    return Ok(true);
                }
                key.fingerprint(HashAlg::Sha256).to_string()
            }
            PublicKeyOrCertificate::Certificate(_) => "a certificate".into(),
        };
        let _ = self.shown.set(fingerprint);
        Ok(false)
    }
}

impl SshShell {
    /// Waits until the instance answers and lets us in.
    ///
    /// # Errors
    /// A wrong host key at once, everything else when [`FIRST_LOGIN_DEADLINE`] has passed.
    pub async fn connect(target: Target) -> Result<Self, ShellError> {
        Self::connect_within(FIRST_LOGIN_DEADLINE, target).await
    }

    /// The same with a deadline of its own, for an instance that has let us in before.
    ///
    /// # Errors
    /// A wrong host key at once, everything else when the time has passed.
    pub async fn connect_within(time: Duration, target: Target) -> Result<Self, ShellError> {
        let shell = Self {
            target,
            session: Mutex::new(None),
            port_open: OnceLock::new(),
        };
        let deadline = Instant::now() + time;
        loop {
            match shell.login().await {
                Ok(session) => {
                    *shell.session.lock().await = Some(Arc::new(session));
                    return Ok(shell);
                }
                Err(error @ ShellError::HostKey { .. }) => return Err(error),
                Err(error) if Instant::now() >= deadline => {
                    let reason = match error {
                        ShellError::Lost { reason, .. } => reason,
                        other => other.to_string(),
                    };
                    return Err(ShellError::Unreachable {
                        address: shell.address(),
                        seconds: time.as_secs(),
                        reason,
                    });
                }
                Err(_) => sleep(PROBE_PAUSE).await,
            }
        }
    }

    /// When the port first answered.
    pub fn port_open(&self) -> Option<Timestamp> {
        self.port_open.get().copied()
    }

    fn address(&self) -> String {
        format!("{}:{}", self.target.address, self.target.port)
    }

    /// Opens a channel with what is asked of it, or tells that the connection is lost.
    async fn open(
        &self,
        opening: impl Future<Output = Result<Channel<client::Msg>, russh::Error>>,
    ) -> Result<Channel<client::Msg>, ShellError> {
        timeout(CHANNEL_TIMEOUT, opening)
            .await
            .map_err(|_| self.lost("no channel was opened"))?
            .map_err(|error| self.lost(error.to_string()))
    }

    fn lost(&self, reason: impl Into<String>) -> ShellError {
        ShellError::Lost {
            address: self.address(),
            reason: reason.into(),
        }
    }

    async fn login(&self) -> Result<Session, ShellError> {
        let Target {
            address,
            port,
            user,
            keys,
        } = &self.target;
        tracing::debug!(address, port, user, "SSH login");
        let since = Instant::now();
        let stream = timeout(PROBE_TIMEOUT, TcpStream::connect((address.as_str(), *port)))
            .await
            .map_err(|_| self.lost("the port does not answer"))?
            .map_err(|error| self.lost(error.to_string()))?;
        self.port_open.get_or_init(Timestamp::now);
        stream
            .set_nodelay(true)
            .map_err(|error| self.lost(error.to_string()))?;
        let window = if since.elapsed() < SHORT_WAY {
            SHORT_WINDOW
        } else {
            LONG_WINDOW
        };
        let shown = Arc::new(OnceLock::new());
        let check = HostCheck {
            expected: keys.host.clone(),
            shown: shown.clone(),
        };
        let config = Arc::new(config(window));
        let handshake = async {
            let mut handle = client::connect_stream(config, stream, check).await?;
            let key = PrivateKeyWithHashAlg::new(keys.client.clone(), None);
            let result = handle.authenticate_publickey(user.as_str(), key).await?;
            Ok::<_, russh::Error>((handle, result.success()))
        };
        let result = timeout(HANDSHAKE_TIMEOUT, handshake).await;
        if let Some(shown) = shown.get() {
            return Err(ShellError::HostKey {
                address: self.address(),
                shown: shown.clone(),
                expected: keys.host.fingerprint(HashAlg::Sha256).to_string(),
            });
        }
        match result {
            Err(_) => Err(self.lost("the login took too long")),
            Ok(Err(error)) => Err(self.lost(error.to_string())),
            Ok(Ok((_, false))) => {
                Err(self.lost(format!("user `{user}` is not let in with collector's key")))
            }
            Ok(Ok((handle, true))) => Ok(Session::new(handle)),
        }
    }

    /// The living connection, or a new one.
    async fn session(&self) -> Result<Arc<Session>, ShellError> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.handle.is_closed()) {
            return Ok(session.clone());
        }
        let session = Arc::new(self.login().await?);
        *slot = Some(session.clone());
        Ok(session)
    }

    /// The command as the one line that SSH carries.
    fn line(&self, command: &Command) -> String {
        let words: Vec<String> = command.argv().map(quote).collect();
        let sudo = if command.wants_root() && self.target.user != "root" {
            "sudo -n -- "
        } else {
            ""
        };
        format!("{sudo}{}", words.join(" "))
    }
}

/// Sends what a command reads. The library's own way is to copy 8 KiB at a time, each in a packet of its own.
async fn feed(
    writer: &ChannelWriteHalf<client::Msg>,
    mut stdin: impl AsyncRead + Unpin,
) -> Result<(), russh::Error> {
    loop {
        let mut packet = BytesMut::with_capacity(SENT_PACKET_SIZE);
        if stdin.read_buf(&mut packet).await? == 0 {
            return Ok(());
        }
        writer.data_bytes(packet.freeze()).await?;
    }
}

fn config(window_size: u32) -> client::Config {
    let mut ciphers = vec![cipher::AES_128_GCM, cipher::AES_256_GCM];
    let mut exchanges = vec![kex::CURVE25519, kex::CURVE25519_PRE_RFC_8731];
    let preferred = Preferred::DEFAULT;
    ciphers.extend(
        preferred
            .cipher
            .iter()
            .filter(|name| !ciphers.contains(name))
            .copied()
            .collect::<Vec<_>>(),
    );
    exchanges.extend(
        preferred
            .kex
            .iter()
            .filter(|name| !exchanges.contains(name))
            .copied()
            .collect::<Vec<_>>(),
    );
    client::Config {
        window_size,
        maximum_packet_size: PACKET_SIZE,
        channel_buffer_size: CHANNEL_BUFFER,
        nodelay: true,
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        keepalive_max: MAX_MISSED_KEEPALIVES,
        inactivity_timeout: None,
        preferred: Preferred {
            cipher: Cow::Owned(ciphers),
            kex: Cow::Owned(exchanges),
            ..preferred
        },
        ..client::Config::default()
    }
}

impl Shell for SshShell {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        let session = self.session().await?;
        let channel = self.open(async {
            let channel = session.channel().await?;
            channel.exec(true, self.line(command)).await?;
            Ok(channel)
        });
        let channel = channel.await?;
        let keep_spare = session.keep_spare();
        let (mut reader, writer) = channel.split();
        let feeding = async move {
            // A command that does not read all of its input is in its right; a broken connection shows below.
            let _ = feed(&writer, stdin).await;
            let _ = writer.eof().await;
            writer
        };
        tokio::pin!(feeding, keep_spare);
        let mut writer_kept = None;
        let mut spare_kept = false;
        let mut exit = None;
        loop {
            let message = tokio::select! {
                writer = &mut feeding, if writer_kept.is_none() => {
                    writer_kept = Some(writer);
                    continue;
                }
                () = &mut keep_spare, if !spare_kept => {
                    spare_kept = true;
                    continue;
                }
                message = reader.wait() => message,
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    output
                        .out(data)
                        .await
                        .map_err(|source| ShellError::LocalIo {
                            what: "passing on a command's output",
                            source,
                        })?;
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => output.err(&data),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    exit = Some(Exit::Code(i32::try_from(exit_status).unwrap_or(i32::MAX)));
                }
                Some(ChannelMsg::ExitSignal { .. }) => exit = Some(Exit::Signal),
                Some(ChannelMsg::Failure) => {
                    return Err(ShellError::Start {
                        address: self.address(),
                        what: "a command",
                        reason: "the server refused it".into(),
                    });
                }
                Some(ChannelMsg::Close) | None => break,
                Some(_) => {}
            }
        }
        tracing::debug!(address = self.target.address, ?exit, "SSH command ended");
        exit.ok_or_else(|| self.lost("it ended before the command did"))
    }

    async fn interactive(&self) -> Result<Exit, ShellError> {
        self.give_terminal().await
    }
}
