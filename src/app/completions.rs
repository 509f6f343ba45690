//! `collect completions` and the manual pages: the command line for shells and for `man`.

use crate::cli::{self, CompletionsArgs, ManArgs};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::reporter::console::Console;

/// Prints the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs, console: &Console) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), cli::NAME, &mut script);
    console.say(String::from_utf8_lossy(&script).trim_end());
    ExitStatus::Passed
}

/// Writes a manual page for each command.
pub(super) fn man(args: &ManArgs) -> Result<ExitStatus, Error> {
    clap_mangen::generate_to(cli::command(), &args.directory).map_err(|source| Error::Write {
        what: "writing the manual pages to",
        path: args.directory.clone(),
        source,
    })?;
    Ok(ExitStatus::Passed)
}
