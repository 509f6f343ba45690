//! `collect ssh`: a shell on an instance that outlived its run.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::ExitStatus;
use super::kept_instance::find;
use super::state_directory::records;
use crate::cli::InstanceArgs;
use crate::error::{Error, KeptInstanceError};
use crate::lease::{KeptInstance, LeaseRecords, LoginFiles};
use crate::provider::{Access, Login};

/// Becomes a shell on the instance, or runs a command on it.
pub(super) fn ssh(args: &InstanceArgs, words: &[OsString]) -> Result<ExitStatus, Error> {
    let records = records()?;
    let instance = find(args, &records)?;
    let (what, mut command) = match &instance.access {
        Access::Ssh(login) => (
            "starting ssh",
            system_ssh(login, &instance, &records, words),
        ),
        Access::Home { path } => ("starting a shell", rehearsal_shell(path, &instance, words)?),
    };
    let source = command.exec();
    Err(Error::System { what, source })
}

/// The system's ssh, which trusts nothing but what is on record.
fn system_ssh(
    login: &Login,
    instance: &KeptInstance,
    records: &LeaseRecords,
    words: &[OsString],
) -> Command {
    let LoginFiles {
        private_key,
        known_hosts,
    } = records.login_files(instance);
    let mut command = Command::new("ssh");
    command.arg("-i").arg(private_key);
    for option in [
        "IdentitiesOnly=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "CheckHostIP=no".to_owned(),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        format!("UserKnownHostsFile=\"{}\"", known_hosts.display()),
        format!("HostKeyAlias={}", instance.id),
        format!("Port={}", login.port),
        format!("User={}", login.user),
    ] {
        command.arg("-o").arg(option);
    }
    command.arg("--").arg(&login.address).args(words);
    command
}

/// A shell as the steps of a rehearsal have it.
fn rehearsal_shell(
    home: &Path,
    instance: &KeptInstance,
    words: &[OsString],
) -> Result<Command, KeptInstanceError> {
    if !home.is_dir() {
        return Err(KeptInstanceError::Gone(instance.id.clone()));
    }
    let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut command = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    command.current_dir(home).env("HOME", home);
    if !words.is_empty() {
        // As ssh does it: one line for the shell of the instance.
        command.arg("-c").arg(words.join(" ".as_ref()));
    }
    Ok(command)
}
