//! `collect fetch`: the results of an instance that outlived its run.

use std::io;
use std::time::Duration;

use super::ExitStatus;
use super::kept_instance::find;
use super::state_directory::records;
use crate::cli::InstanceArgs;
use crate::error::{Error, KeptInstanceError};
use crate::lease::{KeptInstance, LeaseRecords};
use crate::provider::{Access, Login};
use crate::reporter::console::Console;
use crate::sample::{Fetched, fetch as collect_again};
use crate::shell::process::ProcessShell;
use crate::shell::ssh::{LoginKeys, SshShell, Target};

/// The deadline for an instance that has let collector in before to do so again.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);

/// Collects again from the instance.
pub(super) async fn fetch(args: &InstanceArgs, console: &Console) -> Result<ExitStatus, Error> {
    let records = records()?;
    let instance = find(args, &records)?;
    if records.is_under_way(&instance) {
        return Err(KeptInstanceError::UnderWay(instance.id).into());
    }
    let fetched = match &instance.access {
        Access::Ssh(login) => {
            let target = target(login, &instance, &records)?;
            let shell = SshShell::connect_within(LOGIN_DEADLINE, target)
                .await
                .map_err(KeptInstanceError::from)?;
            collect_again(&shell, &instance, console).await
        }
        Access::Home { path } if path.is_dir() => {
            let shell = ProcessShell::at_home(path.clone());
            collect_again(&shell, &instance, console).await
        }
        Access::Home { .. } => return Err(KeptInstanceError::Gone(instance.id).into()),
    };
    let Fetched {
        collected,
        directory,
        archive,
        error,
    } = fetched.map_err(KeptInstanceError::from)?;
    console.say(&collected.to_string());
    console.say(&format!("results  {}", directory.display()));
    if let Some(archive) = archive {
        console.say(&format!("archive  {}", archive.path.display()));
    }
    match error {
        Some(error) => Err(KeptInstanceError::from(error).into()),
        None => Ok(ExitStatus::Passed),
    }
}

fn target(
    login: &Login,
    instance: &KeptInstance,
    records: &LeaseRecords,
) -> Result<Target, KeptInstanceError> {
    let path = records.login_files(instance).private_key;
    let read = |source: io::Error| KeptInstanceError::KeyFile {
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
