//! The user's software on the instance, as it is in a clone on the machine that runs collector.

use std::path::Path;
use std::time::Duration;

use tokio_util::io::InspectReader;

use super::RemoteHost;
use crate::revision::Commit;
use crate::shell::{
    Captured, Command, Reconnect, Shell, ShellError, execute_unless_stalled, run_idempotent,
};

const RECEIVE: &str = include_str!("receive_source.sh");
const FIND: &str = r#"cd -- "$1/collector-source" && pwd -P"#;

const SENDING: &str = "sending the checkout";

/// The time after which a transfer of which nothing moves has stalled.
const STALL: Duration = Duration::from_mins(2);

impl<S: Shell> RemoteHost<S> {
    /// Unpacks the archive of a checkout below `home`, which is relative to the login user's home directory, as root's where there is one: the user that
    /// steps run as. `progress` is told how many bytes have been read so far; after a lost connection it begins again. Returns
    /// the absolute path on the instance.
    ///
    /// # Errors
    /// When the archive cannot be read, or not be unpacked on the instance.
    pub async fn send_source(
        &self,
        archive: &Path,
        commit: &Commit,
        home: &str,
        mut progress: impl FnMut(u64),
    ) -> Result<String, ShellError> {
        let mut reconnect = Reconnect::new(&self.shell);
        loop {
            match self.attempt(archive, commit, home, &mut progress).await {
                Err(error) => reconnect.after(error).await?,
                Ok(path) => return Ok(path),
            }
        }
    }

    /// The absolute path of the checkout that the instance has already, below `home` as it is for [`Self::send_source`].
    ///
    /// # Errors
    /// When there is none.
    pub async fn find_source(&self, home: &str) -> Result<String, ShellError> {
        let command = Command::new(FIND, [home]).as_root();
        let what = "looking for the checkout";
        let answer = run_idempotent(&self.shell, what, &command, &[], STALL).await?;
        let path = String::from_utf8_lossy(&answer.stdout);
        Ok(path.trim_end_matches('\n').to_owned())
    }

    async fn attempt(
        &self,
        archive: &Path,
        commit: &Commit,
        home: &str,
        progress: &mut impl FnMut(u64),
    ) -> Result<String, ShellError> {
        let file = tokio::fs::File::open(archive).await;
        let file = file.map_err(|source| ShellError::LocalIo {
            what: "reading the checkout that is to be sent",
            source,
        })?;
        let mut done = 0;
        let file = InspectReader::new(file, |bytes: &[u8]| {
            done += bytes.len() as u64;
            progress(done);
        });
        let command = Command::new(RECEIVE, [commit.as_str(), home]).as_root();
        let mut answer = Captured::default();
        let shell = &self.shell;
        let exit =
            execute_unless_stalled(shell, SENDING, &command, file, &mut answer, STALL).await?;
        if exit.success() {
            let path = String::from_utf8_lossy(&answer.stdout);
            return Ok(path.trim_end_matches('\n').to_owned());
        }
        Err(ShellError::Command {
            what: SENDING,
            reason: answer.stderr_line(),
        })
    }
}
