//! The names of a repository, one line after the other: the one that is sought, and those that look like it.

use std::io;

use bytes::Bytes;

use crate::revision::{Commit, Nearest, Revision};
use crate::shell::{Captured, Output};

/// A longer line is no name, in bytes.
const MAX_LINE: usize = 4096;

/// The fewest digits that are taken for part of a hash.
const MIN_HASH_DIGITS: usize = 7;

/// The prefixes with which git looks a name up, in its order.
const PREFIXES: [&str; 5] = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];

/// The suffix of the name of an annotated tag whose hash is that of its commit.
const PEELED: &str = "^{}";

/// Takes lines of a hash, a tab and a full name, as `git ls-remote` writes them; the names themselves are not kept.
#[derive(Debug)]
pub(super) struct Refs<'r> {
    sought: &'r str,
    line: Vec<u8>,
    found: Option<Found>,
    nearest: Nearest<'r>,
    /// The standard error of git.
    pub(super) errors: Captured,
}

#[derive(Debug)]
struct Found {
    rank: usize,
    name: String,
    commit: Commit,
}

impl<'r> Refs<'r> {
    pub(super) fn seeking(revision: &'r Revision) -> Self {
        let sought = match revision.as_str() {
            "@" => "HEAD",
            name => name,
        };
        Self {
            sought,
            line: Vec::new(),
            found: None,
            nearest: Nearest::to(sought),
            errors: Captured::default(),
        }
    }

    /// The commit of the name that git would take, were all of them in a clone.
    pub(super) fn found(&self) -> Option<&Commit> {
        self.found.as_ref().map(|found| &found.commit)
    }

    /// The names that may have been meant, the likeliest first.
    pub(super) fn nearest(self) -> Vec<String> {
        self.nearest.names()
    }

    fn take(&mut self, line: &str) {
        let Some((hash, name)) = line.split_once('\t') else {
            return;
        };
        let Some(commit) = Commit::parse(hash) else {
            return;
        };
        if let Some(tag) = name.strip_suffix(PEELED) {
            if let Some(found) = self.found.as_mut().filter(|found| found.name == tag) {
                found.commit = commit;
            }
            return;
        }
        let sought = self.sought;
        let by_name = PREFIXES
            .iter()
            .position(|prefix| name.strip_prefix(prefix) == Some(sought));
        let by_hash = || {
            (sought.len() >= MIN_HASH_DIGITS && hash.starts_with(sought)).then_some(PREFIXES.len())
        };
        if let Some(rank) = by_name.or_else(by_hash) {
            if self.found.as_ref().is_none_or(|found| rank < found.rank) {
                self.found = Some(Found {
                    rank,
                    name: name.into(),
                    commit,
                });
            }
        } else {
            self.nearest.compare(short(name));
        }
    }
}

impl Output for Refs<'_> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() <= MAX_LINE {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take(String::from_utf8_lossy(&line).trim_end());
            }
        }
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) {
        self.errors.err(bytes);
    }
}

/// A name as a person writes it.
fn short(name: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/remotes/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn refs(sought: &str, lines: &[(&str, &str)]) -> (Option<String>, Vec<String>) {
        let revision = sought.parse().unwrap();
        let mut refs = Refs::seeking(&revision);
        for (hash, name) in lines {
            refs.take(&format!("{hash}\t{name}"));
        }
        let found = refs.found().map(ToString::to_string);
        (found, refs.nearest())
    }

    #[test]
    fn a_tag_goes_before_a_branch_and_leads_to_its_commit() {
        let lines = [
            (A, "refs/heads/v1"),
            (A, "refs/tags/v1"),
            (B, "refs/tags/v1^{}"),
        ];
        assert_eq!(refs("v1", &lines).0.as_deref(), Some(B));
        assert_eq!(refs("heads/v1", &lines).0.as_deref(), Some(A));
        assert_eq!(refs("refs/heads/v1", &lines).0.as_deref(), Some(A));
        assert_eq!(
            refs("bbbbbbb", &[(B, "refs/heads/x")]).0.as_deref(),
            Some(B)
        );
        assert_eq!(refs("bbb", &[(B, "refs/heads/x")]).0, None);
    }

    #[test]
    fn names_that_look_alike_are_told_each_once() {
        let lines = [
            (A, "refs/heads/maintenance"),
            (A, "refs/heads/main"),
            (A, "refs/tags/main"),
            (A, "refs/remotes/origin/mian"),
            (A, "refs/tags/v1"),
        ];
        assert_eq!(refs("mian", &lines).1, ["origin/mian", "main"]);
        assert!(refs("something-else", &lines).1.is_empty());
    }

    #[tokio::test]
    async fn lines_come_in_pieces() {
        let revision = "main".parse().unwrap();
        let mut refs = Refs::seeking(&revision);
        for piece in [&A[..9], &A[9..], "\trefs/he", "ads/main\n"] {
            refs.out(piece.into()).await.unwrap();
        }
        refs.out("x".repeat(2 * MAX_LINE).into()).await.unwrap();
        assert!(refs.line.len() <= MAX_LINE);
        assert_eq!(refs.found().unwrap().as_str(), A);
    }
}
