//! `collect schema`: what an editor takes for a config.

use super::json::pretty;
use crate::config;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::reporter::console::Console;

/// Prints the schema of the config.
pub(super) fn schema(console: &Console) -> Result<ExitStatus, Error> {
    console.say(&pretty(&config::schema())?);
    Ok(ExitStatus::Passed)
}
