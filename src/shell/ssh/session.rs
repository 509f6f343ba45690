//! A connection, and the channels that are open before a command asks for one.

use russh::client::{self, Handle};
use russh::{Channel, Error};
use tokio::sync::Mutex;

use super::HostCheck;

/// The channels that are kept open: while results come home, two commands may follow at once. sshd allows ten on a
/// connection (`MaxSessions`), with those in use.
const SPARE_CHANNELS: usize = 2;

/// A connection that has let us in.
pub(super) struct Session {
    pub(super) handle: Handle<HostCheck>,
    /// To open a channel takes a round trip, and its answer waits behind everything that the server has already sent: of two
    /// commands that keep a wire busy, the next one would begin when it stands still.
    spares: [Mutex<Option<Channel<client::Msg>>>; SPARE_CHANNELS],
}

impl Session {
    pub(super) fn new(handle: Handle<HostCheck>) -> Self {
        let spares = Default::default();
        Self { handle, spares }
    }

    /// A channel that was kept, or a new one.
    pub(super) async fn channel(&self) -> Result<Channel<client::Msg>, Error> {
        let mut spares = self.spares.iter();
        match spares.find_map(|spare| spare.try_lock().ok()?.take()) {
            Some(channel) => Ok(channel),
            None => self.handle.channel_open_session().await,
        }
    }

    /// Opens a channel in place of one that was taken.
    pub(super) async fn keep_spare(&self) {
        let mut slots = self.spares.iter().filter_map(|spare| spare.try_lock().ok());
        if let Some(mut slot) = slots.find(|slot| slot.is_none()) {
            // Where the server opens no more, the next command asks for itself, and tells.
            *slot = self.handle.channel_open_session().await.ok();
        }
    }
}
