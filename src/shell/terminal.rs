//! The terminal that this program was started on, for as long as a shell on an instance has it.

use std::env;
use std::fs::File;
use std::io::{self, stdin, stdout};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The type of a terminal that does not say what it is.
const DEFAULT_KIND: &str = "dumb";

/// The most keys that are read at once, in bytes.
const MAX_KEYS: usize = 4096;

/// The number of inputs that may wait to be sent, before the terminal keeps the keys itself.
const QUEUE_LENGTH: usize = 16;

/// A terminal in raw mode: every key goes to whoever reads it, Ctrl-C too.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The typed input; it ends with the terminal.
    pub(super) keys: Receiver<Vec<u8>>,
    pub(super) screen: Screen,
}

/// The side of a terminal that is looked at.
#[derive(Debug)]
pub(super) struct Screen {
    out: tokio::fs::File,
    _raw: Raw,
    /// Its other end is with the thread that reads keys, which stops when this one is closed.
    _reading: UnixStream,
}

/// Raw mode. It ends when this is dropped, since nobody could type on the terminal otherwise.
#[derive(Debug)]
struct Raw {
    before: Termios,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: u32,
    pub(super) rows: u32,
}

/// Refuses a terminal that another program has: to touch it would stop this one, with an instance in its hands.
///
/// # Errors
/// When this process is in the background.
pub(super) fn claim() -> io::Result<()> {
    // A terminal that controls nobody has no foreground.
    if tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp()) {
        return Err(io::Error::other("collector is in the background"));
    }
    Ok(())
}

impl Terminal {
    /// Takes the terminal into raw mode.
    ///
    /// # Errors
    /// Those of [`claim`], and when standard input is no terminal.
    pub(super) fn take() -> io::Result<Self> {
        claim()?;
        let (reading, stop) = UnixStream::pair()?;
        let out = File::from(stdout().as_fd().try_clone_to_owned()?);
        let raw = Raw::begin()?;
        let (typed, keys) = channel(QUEUE_LENGTH);
        thread::spawn(move || read_keys(&stop, &typed));
        Ok(Self {
            keys,
            screen: Screen {
                out: out.into(),
                _raw: raw,
                _reading: reading,
            },
        })
    }
}

impl Screen {
    /// Its type, for the programs that draw on it.
    pub(super) fn kind() -> String {
        let kind = env::var("TERM").ok().filter(|kind| !kind.is_empty());
        kind.unwrap_or_else(|| DEFAULT_KIND.into())
    }

    pub(super) fn size() -> io::Result<Size> {
        let size = tcgetwinsize(stdout())?;
        Ok(Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }

    /// Shows this. A terminal that hangs holds up only whoever waits for it.
    pub(super) async fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes).await?;
        self.out.flush().await
    }
}

impl Raw {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone has no modes.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// Reads what is typed, up to the end of the terminal or until the other end of `stop` is closed.
fn read_keys(stop: &UnixStream, typed: &Sender<Vec<u8>>) {
    let input = stdin();
    loop {
        let mut wanted = [
            PollFd::new(&input, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        match poll(&mut wanted, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        let [input_is_ready, stopped] = wanted.map(|fd| !fd.revents().is_empty());
        if stopped {
            return;
        }
        let mut keys = vec![0; MAX_KEYS];
        if input_is_ready {
            match rustix::io::read(&input, &mut keys) {
                Ok(count @ 1..) => keys.truncate(count),
                Err(rustix::io::Errno::INTR) => continue,
                _ => return,
            }
            if typed.blocking_send(keys).is_err() {
                return;
            }
        }
    }
}
