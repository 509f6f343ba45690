//! Where collector keeps its own things on this machine.

use std::env;
use std::path::{Path, PathBuf};

use crate::github::ownership::hand_over;
use crate::lease::LeaseRecords;
use crate::provider::local::Local;

/// The rehearsals on this machine.
pub(super) fn local() -> Local {
    Local::in_directory(state_directory().join("instances"))
}

/// The leases on this machine.
pub(super) fn records() -> LeaseRecords {
    LeaseRecords::in_directory(state_directory().join("leases"))
}

/// Where collector keeps what must outlive a crash: `COLLECTOR_STATE_DIR`, or the place that XDG names.
pub(super) fn state_directory() -> PathBuf {
    let given = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let directory = given("COLLECTOR_STATE_DIR")
        .or_else(|| Some(given("XDG_STATE_HOME")?.join("collector")))
        .or_else(|| Some(given("HOME")?.join(".local/state/collector")))
        .unwrap_or_else(|| "/var/tmp/collector".into());
    std::path::absolute(&directory).unwrap_or(directory)
}

/// `~` at the start of a path, as a shell expands it.
pub(super) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), env::var_os("HOME")) {
        (Some(""), Some(home)) => home.into(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Path::new(&home).join(rest.trim_start_matches('/'))
        }
        _ => path.into(),
    }
}

/// In a container, gives what collector keeps in the runner's home to its owner.
pub(super) fn hand_over_state() {
    if let Some(home) = env::var_os("HOME") {
        hand_over(Path::new(&home), &state_directory());
    }
}
