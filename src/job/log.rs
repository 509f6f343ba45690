//! The log of a job: read in pieces, each of which may be asked for again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::path;
use crate::shell::{
    Command, Output, Reconnect, Shell, ShellError, execute_unless_stalled, run_idempotent,
};

const READ: &str = include_str!("read.sh");
const LOGS: &str = include_str!("logs.sh");

/// The time after which a log of which nothing moves has stalled.
const STALL: Duration = Duration::from_mins(1);

/// The most that is read of what a log has beyond its local copy.
const MAX_REST: u64 = 256 << 20;

/// Where a log goes. It knows how far it has come, so that what is missing is asked for again.
pub trait Log: Output {
    /// The byte of the log that comes next.
    fn next(&self) -> u64;

    /// Whether it takes no more of a log that goes on.
    fn is_full(&self) -> bool;
}

/// Reads the log of a job up to the byte `end`, over as many connections as it takes.
///
/// # Errors
/// When the machine cannot be reached again, when the log takes nothing, and when there is less than `end`.
pub async fn read_log(
    shell: &impl Shell,
    directory: &str,
    number: u32,
    end: u64,
    log: &mut impl Log,
) -> Result<(), ShellError> {
    let what = "fetching a log";
    let mut reconnect = Reconnect::new(shell);
    while log.next() < end {
        let before = log.next();
        let args = [
            path(directory, number),
            before.to_string(),
            (end - before).to_string(),
        ];
        let command = Command::new(READ, args).as_root();
        let input = tokio::io::empty();
        let reading = execute_unless_stalled(shell, what, &command, input, log, STALL).await;
        let moved = log.next() > before;
        if moved {
            reconnect.progressed();
        }
        match reading {
            Ok(_) if moved => {}
            Ok(_) => {
                return Err(ShellError::Command {
                    what,
                    reason: format!("it ends after {before} bytes, and had {end}"),
                });
            }
            Err(error) => reconnect.after(error).await?,
        }
    }
    Ok(())
}

/// Reads what the log of a job has now beyond its local copy, over as many connections as it takes.
///
/// # Errors
/// When the machine cannot be reached again, when there is no such log, and when the log takes nothing.
pub async fn read_rest(
    shell: &impl Shell,
    directory: &str,
    number: u32,
    log: &mut impl Log,
) -> Result<(), ShellError> {
    let what = "fetching a log";
    let mut reconnect = Reconnect::new(shell);
    loop {
        let before = log.next();
        let args = [
            path(directory, number),
            before.to_string(),
            MAX_REST.to_string(),
        ];
        let command = Command::new(READ, args).as_root();
        let input = tokio::io::empty();
        let reading = execute_unless_stalled(shell, what, &command, input, log, STALL).await;
        if log.next() > before {
            reconnect.progressed();
        }
        match reading {
            Ok(exit) if exit.success() => return Ok(()),
            Ok(exit) => {
                return Err(ShellError::Command {
                    what,
                    reason: format!("{exit:?}"),
                });
            }
            Err(error) => reconnect.after(error).await?,
        }
    }
}

/// Asks for the size of the log of each job in `directory`, in bytes.
///
/// # Errors
/// When the machine cannot be talked to.
pub async fn log_sizes(
    shell: &impl Shell,
    directory: &str,
) -> Result<BTreeMap<u32, u64>, ShellError> {
    let command = Command::new(LOGS, [directory]).as_root();
    let answer = run_idempotent(shell, "asking for the logs", &command, &[], STALL).await?;
    Ok(String::from_utf8_lossy(&answer.stdout)
        .lines()
        .filter_map(|line| {
            let (number, size) = line.split_once(' ')?;
            Some((number.parse().ok()?, size.trim().parse().ok()?))
        })
        .collect())
}
