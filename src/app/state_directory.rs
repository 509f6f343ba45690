//! The state directory: what must outlive a crash of collector on this machine.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::error::Error;
use crate::github::ownership::hand_over;
use crate::lease::LeaseRecords;
use crate::provider::local::Local;

/// The permission of everybody to write.
const WORLD_WRITABLE: u32 = 0o002;

/// The rehearsals on this machine.
///
/// # Errors
/// Those of [`state_directory`].
pub(super) fn local() -> Result<Local, Error> {
    Ok(Local::in_directory(state_directory()?.join("instances")))
}

/// The leases on this machine.
///
/// # Errors
/// Those of [`state_directory`].
pub(super) fn records() -> Result<LeaseRecords, Error> {
    Ok(LeaseRecords::in_directory(
        state_directory()?.join("leases"),
    ))
}

/// `COLLECTOR_STATE_DIR`, or the directory that XDG names; without a home, one that only this user can write to.
///
/// # Errors
/// When somebody else could have written what is in it: processes are ended by what it says.
pub(super) fn state_directory() -> Result<PathBuf, Error> {
    let variable = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let named = variable("COLLECTOR_STATE_DIR")
        .or_else(|| Some(variable("XDG_STATE_HOME")?.join("collector")))
        .or_else(|| Some(variable("HOME")?.join(".local/state/collector")));
    let user = geteuid().as_raw();
    let Some(directory) = named else {
        let directory = PathBuf::from(format!("/var/tmp/collector-{user}"));
        let made = DirBuilder::new().mode(0o700).create(&directory);
        made.or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(unusable(&directory, error.to_string())),
        })?;
        refuse_foreign(&directory, user, false)?;
        return Ok(directory);
    };
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    // In a container root works with what belongs to a user outside of it.
    refuse_foreign(&directory, user, user == 0)?;
    Ok(directory)
}

/// Refuses a directory that exists and that others can write to.
fn refuse_foreign(directory: &Path, user: u32, any_owner: bool) -> Result<(), Error> {
    // Of a link, the link itself and what it leads to.
    for metadata in [fs::symlink_metadata(directory), fs::metadata(directory)] {
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unusable(directory, error.to_string())),
        };
        if metadata.uid() != user && !any_owner {
            let reason = format!("it belongs to the user with the id {}", metadata.uid());
            return Err(unusable(directory, reason));
        }
        if !metadata.is_symlink() && metadata.mode() & WORLD_WRITABLE != 0 {
            return Err(unusable(directory, "everybody can write to it".into()));
        }
    }
    Ok(())
}

fn unusable(directory: &Path, reason: String) -> Error {
    Error::StateDirectory {
        path: directory.to_owned(),
        reason,
    }
}

/// In a container, gives what collector keeps in the runner's home to its owner.
pub(super) fn hand_over_state() {
    if let (Some(home), Ok(directory)) = (env::var_os("HOME"), state_directory()) {
        hand_over(Path::new(&home), &directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_that_others_can_write_to_is_unusable() {
        let directory = tempfile::tempdir().unwrap();
        let user = geteuid().as_raw();
        let path = directory.path();
        refuse_foreign(path, user, false).unwrap();
        refuse_foreign(&path.join("absent"), user, false).unwrap();
        let of_another = refuse_foreign(path, user + 1, false).unwrap_err();
        assert!(of_another.to_string().contains("belongs to"));
        refuse_foreign(path, user + 1, true).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        for any_owner in [false, true] {
            let open = refuse_foreign(path, user, any_owner).unwrap_err();
            assert!(open.to_string().contains("everybody can write"));
        }
    }
}
