//! A person's shell on an instance, over the connection of the run.

use std::convert::Infallible;
use std::io;

use russh::{ChannelMsg, ChannelWriteHalf, client};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use super::SshShell;
use crate::shell::terminal::{Screen, Size, Terminal};
use crate::shell::{Exit, ShellError};

const WHAT: &str = "an interactive shell";

fn terminal_failed(source: io::Error) -> ShellError {
    ShellError::LocalIo {
        what: "the terminal",
        source,
    }
}

impl SshShell {
    /// Gives this process's terminal to a login shell of the login user, until that ends.
    pub(super) async fn give_terminal(&self) -> Result<Exit, ShellError> {
        let session = self.session().await?;
        let Terminal { keys, mut screen } = Terminal::take().map_err(terminal_failed)?;
        let resized = signal(SignalKind::window_change()).map_err(terminal_failed)?;
        let Size { columns, rows } = Screen::size().map_err(terminal_failed)?;
        let channel = self.open(async {
            let channel = session.channel().await?;
            let kind = Screen::kind();
            channel
                .request_pty(true, &kind, columns, rows, 0, 0, &[])
                .await?;
            channel.request_shell(true).await?;
            Ok(channel)
        });
        let channel = channel.await?;
        let (mut reader, writer) = channel.split();
        let keys = pass_keys(keys, &writer);
        let sizes = pass_sizes(resized, &writer);
        tokio::pin!(keys, sizes);
        let mut exit = None;
        loop {
            let message = tokio::select! {
                message = reader.wait() => message,
                never = &mut keys => match never {},
                never = &mut sizes => match never {},
            };
            match message {
                Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                    screen.show(&data).await.map_err(terminal_failed)?;
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    exit = Some(Exit::Code(i32::try_from(exit_status).unwrap_or(i32::MAX)));
                }
                Some(ChannelMsg::ExitSignal { .. }) => exit = Some(Exit::Signal),
                Some(ChannelMsg::Failure) => {
                    return Err(ShellError::Start {
                        address: self.address(),
                        what: WHAT,
                        reason: "the server refused it".into(),
                    });
                }
                Some(ChannelMsg::Close) | None => break,
                Some(_) => {}
            }
        }
        exit.ok_or_else(|| self.lost("it ended before the shell did"))
    }
}

/// Sends what is typed, and the end of the input when the terminal is gone.
async fn pass_keys(
    mut keys: Receiver<Vec<u8>>,
    writer: &ChannelWriteHalf<client::Msg>,
) -> Infallible {
    while let Some(typed) = keys.recv().await {
        // A broken connection shows where its messages are read.
        if writer.data_bytes(typed).await.is_err() {
            break;
        }
    }
    let _ = writer.eof().await;
    std::future::pending().await
}

/// Tells the shell how large the terminal is whenever that changes.
async fn pass_sizes(mut resized: Signal, writer: &ChannelWriteHalf<client::Msg>) -> Infallible {
    while resized.recv().await.is_some() {
        if let Ok(Size { columns, rows }) = Screen::size() {
            let _ = writer.window_change(columns, rows, 0, 0).await;
        }
    }
    std::future::pending().await
}
