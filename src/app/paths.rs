//! Paths as a person writes them.

use std::env;
use std::path::PathBuf;

/// `~` at the start of a path, as a shell expands it.
pub(super) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), env::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => path.into(),
    }
}
