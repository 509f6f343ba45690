//! `collect ssh` and `collect fetch`: back to an instance that outlived its run.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;

use super::ExitStatus;
use super::state_directory::records;
use crate::cli::InstanceArgs;
use crate::error::{Error, VisitError};
use crate::lease::{KeptInstance, LeaseRecords, LoginFiles};
use crate::provider::{Access, Login};
use crate::reporter::console::Console;
use crate::sample::{Fetched, fetch as collect_again};
use crate::shell::process::ProcessShell;
use crate::shell::ssh::{LoginKeys, SshShell, Target};

/// The deadline for an instance that has let collector in before to do so again.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);

/// The instance that is meant.
fn find(args: &InstanceArgs, records: &LeaseRecords) -> Result<KeptInstance, VisitError> {
    records.forget_expired_instances(Timestamp::now());
    let all = records.instances();
    let of_run = all.iter().filter(|instance| instance.run == args.run);
    let wanted: Vec<_> = of_run
        .filter(|instance| args.sample.is_none_or(|sample| sample == instance.sample))
        .collect();
    match wanted.as_slice() {
        [] => {
            let mut known: Vec<_> = all.iter().map(|instance| instance.run.as_str()).collect();
            known.dedup();
            Err(VisitError::NoWayBack {
                run: args.run.clone(),
                known: match known.as_slice() {
                    [] => String::new(),
                    known => format!("; there is one for: {}", known.join(", ")),
                },
            })
        }
        [instance] => Ok((*instance).clone()),
        several => {
            let samples = several.iter().map(|instance| instance.sample.to_string());
            Err(VisitError::Several {
                run: args.run.clone(),
                samples: samples.collect::<Vec<_>>().join(", "),
            })
        }
    }
}

/// Becomes a shell on the instance, or a command there.
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
) -> Result<Command, VisitError> {
    if !home.is_dir() {
        return Err(VisitError::Gone(instance.id.clone()));
    }
    let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut command = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    command.current_dir(home).env("HOME", home);
    if !words.is_empty() {
        // As ssh does it: one line for the shell there.
        command.arg("-c").arg(words.join(" ".as_ref()));
    }
    Ok(command)
}

/// Collects again from the instance.
pub(super) async fn fetch(args: &InstanceArgs, console: &Console) -> Result<ExitStatus, Error> {
    let records = records()?;
    let instance = find(args, &records)?;
    if records.is_under_way(&instance) {
        return Err(VisitError::UnderWay(instance.id).into());
    }
    let fetched = match &instance.access {
        Access::Ssh(login) => {
            let target = target(login, &instance, &records)?;
            let shell = SshShell::connect_within(LOGIN_DEADLINE, target)
                .await
                .map_err(VisitError::from)?;
            collect_again(&shell, &instance, console).await
        }
        Access::Home { path } if path.is_dir() => {
            let shell = ProcessShell::at_home(path.clone());
            collect_again(&shell, &instance, console).await
        }
        Access::Home { .. } => return Err(VisitError::Gone(instance.id).into()),
    };
    let Fetched {
        collected,
        directory,
        error,
    } = fetched.map_err(VisitError::from)?;
    console.say(&collected.to_string());
    console.say(&format!("results  {}", directory.display()));
    match error {
        Some(error) => Err(VisitError::from(error).into()),
        None => Ok(ExitStatus::Passed),
    }
}

fn target(
    login: &Login,
    instance: &KeptInstance,
    records: &LeaseRecords,
) -> Result<Target, VisitError> {
    let path = records.login_files(instance).private_key;
    let read = |source: io::Error| VisitError::KeyFile {
        id: instance.id.clone(),
        source,
    };
    let private_key = std::fs::read_to_string(path).map_err(read)?;
    Ok(Target {
        address: login.address.clone(),
        port: login.port,
        user: login.user.clone(),
        keys: LoginKeys::from_openssh(&private_key, &login.host_key)?,
    })
}
