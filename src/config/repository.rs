//! The repository of what is measured: a URL, or a clone on this machine.

use super::Config;
use super::node::At;
use super::reader::Problems;
use super::section::Section;

/// Where a revision is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repository {
    /// A repository that git reaches by this URL.
    Url(String),
    /// A clone on this machine.
    Clone {
        /// A path in it, as written: relative to the config file, `~` is not expanded.
        path: String,
        /// Whether the instance gets a checkout of the commit.
        send: bool,
    },
}

impl Config {
    /// Whether the instance gets a checkout of the commit.
    pub const fn sends_checkout(&self) -> bool {
        matches!(self.repository, Some(Repository::Clone { send: true, .. }))
    }
}

/// Reads `repository` and `send`; what is wrong with them is entered.
pub(super) fn read(main: &mut Section<'_, '_, '_>) -> Option<Repository> {
    let written = main.read("repository", Problems::text);
    let send = main.read("send", Problems::boolean).unwrap_or_default();
    let refused =
        |key: &str, main: &Section<'_, '_, '_>| main.node(key).map(|node| node.at).filter(|_| send);
    let Some(written) = written else {
        if main.node("repository").is_none()
            && let Some(at) = refused("send", main)
        {
            main.add_problem(
                at,
                "`send` without `repository`",
                "add `repository: .`, or the path of another clone on this machine",
            );
        }
        return None;
    };
    let at = main.node("repository").map(|node| node.at)?;
    check(&written, at, main)?;
    if !is_url(&written) {
        return Some(Repository::Clone {
            path: written,
            send,
        });
    }
    if let Some(at) = refused("send", main) {
        main.add_problem(
            at,
            "`send` needs a clone on this machine, and `repository` is a URL",
            "give `repository` the path of a clone, or remove `send` and let a script fetch from the URL",
        );
    }
    Some(Repository::Url(written))
}

fn check(written: &str, at: At, main: &mut Section<'_, '_, '_>) -> Option<()> {
    let (message, remedy) = if written.starts_with('-') || written.contains(char::is_control) {
        (
            "`repository` is neither a URL nor a path",
            "give a URL, `.`, or the path of a clone",
        )
    } else if holds_password(written) {
        (
            "the URL in `repository` holds a password, and the config file comes home with the results",
            "remove it; git takes it from a credential helper, or SSH from an agent",
        )
    } else {
        return Some(());
    };
    main.add_problem(at, message, remedy);
    None
}

/// Tells a URL from a path as git does: by its scheme, or by a colon in front of the first slash, as in `git@host:path`.
fn is_url(written: &str) -> bool {
    written.contains("://")
        || written
            .split_once(':')
            .is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
}

/// Whether a URL has a password behind the name of its user.
fn holds_password(written: &str) -> bool {
    let rest = written.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths_as_git_does() {
        for url in [
            "https://github.com/o/r",
            "ssh://git@host/r",
            "git@github.com:o/r.git",
            "host:r",
            "file:///srv/r",
        ] {
            assert!(is_url(url), "{url}");
        }
        for path in [".", "..", "/srv/r", "~/src/r", "./odd:name", "r", "a/b:c"] {
            assert!(!is_url(path), "{path}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_seen() {
        for url in ["https://user:hush@host/r", "ssh://git:hush@host/r"] {
            assert!(holds_password(url), "{url}");
        }
        for url in [
            "https://host/r@v1:2",
            "https://me@host/r",
            "ssh://git@host/r",
            "git@host:r",
            "https://host:8443/r",
        ] {
            assert!(!holds_password(url), "{url}");
        }
    }
}
