//! Paths as a person writes them.

use std::env;
use std::path::{Path, PathBuf};

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
