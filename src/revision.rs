//! The revision that a run measures.

mod nearest;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use nearest::{Nearest, did_you_mean};

/// The commit that this collector was built from; its version where that is not known.
pub const OF_COLLECTOR: &str = env!("COLLECTOR_REVISION");

/// The longest revision that is accepted, in characters.
pub const MAX_LENGTH: usize = 128;

/// The name of a revision as git takes it: a hash, a tag, a branch.
///
/// Made of `[0-9A-Za-z._/+@-]` only, so it is also a legal EC2 tag value and needs no quoting in a shell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(String);

impl Revision {
    /// The revision as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the one directory that holds the results of this revision.
    ///
    /// A slash becomes `~`, which no revision contains, so two revisions never share a directory.
    pub fn directory(&self) -> String {
        self.0.replace('/', "~")
    }

    /// The revision for people: of the whole hash of a commit its beginning, any other name as it is.
    pub fn short(&self) -> &str {
        match Commit::parse(&self.0) {
            Some(_) => self.0.get(..SHORT).unwrap_or(&self.0),
            None => &self.0,
        }
    }
}

impl TryFrom<String> for Revision {
    type Error = RevisionError;

    fn try_from(text: String) -> Result<Self, RevisionError> {
        text.parse()
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// So many digits of a hash name a commit in all but the largest repositories.
const SHORT: usize = 10;

/// A commit, by its whole hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(String);

impl Commit {
    /// The commit of this hash; `None` where it is not a whole one in lower case, of SHA-1 or SHA-256.
    pub fn parse(hash: &str) -> Option<Self> {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let whole = matches!(hash.len(), 40 | 64) && hash.chars().all(hexadecimal);
        whole.then(|| Self(hash.into()))
    }

    /// The hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning of the hash, for people.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Commit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not the hash of a commit"))
    }
}

impl From<Commit> for String {
    fn from(commit: Commit) -> Self {
        commit.0
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// Nothing was given.
    #[error("the revision is empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("the revision has {0} characters, {MAX_LENGTH} are allowed")]
    TooLong(usize),
    /// A character that git, a file name or a tag would not take.
    #[error("the revision {text:?} contains {character:?}")]
    Character {
        /// The text that was given.
        text: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// It starts with `-`, `.` or `/`.
    #[error("the revision {text:?} starts with {first:?}")]
    Start {
        /// The text that was given.
        text: String,
        /// Its first character.
        first: char,
    },
    /// It contains `..`.
    #[error("the revision {0:?} contains `..`")]
    Dots(String),
}

impl RevisionError {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => {
                "give a revision behind the config file: a commit hash, a tag or a branch (in GitHub Actions GITHUB_SHA is the default)"
            }
            Self::TooLong(_) => "give the commit hash instead",
            Self::Character { .. } => {
                "a revision is made of letters, digits and `. _ / + @ -`; give the commit hash instead"
            }
            Self::Start { .. } => "a revision starts with a letter, a digit or one of `_ + @`",
            Self::Dots(_) => "a range is not a revision: give one commit, tag or branch",
        }
    }
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._/+@-".contains(c);
        let first = text.chars().next().ok_or(RevisionError::Empty)?;
        let length = text.chars().count();
        if length > MAX_LENGTH {
            return Err(RevisionError::TooLong(length));
        }
        if let Some(character) = text.chars().find(|c| !allowed(*c)) {
            return Err(RevisionError::Character {
                text: text.into(),
                character,
            });
        }
        if "-./".contains(first) {
            return Err(RevisionError::Start {
                text: text.into(),
                first,
            });
        }
        if text.contains("..") {
            return Err(RevisionError::Dots(text.into()));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_what_git_takes() {
        for text in [
            "abc1234",
            "v1.2.3",
            "feature/login",
            "release+1",
            "a@b",
            "_x",
            &"f".repeat(MAX_LENGTH),
        ] {
            assert_eq!(text.parse::<Revision>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_everything_else_and_says_how_to_go_on() {
        for text in [
            "",
            " ",
            "-rf",
            ".hidden",
            "/etc/passwd",
            "a..b",
            "../x",
            "a b",
            "a;reboot",
            "$(id)",
            "a\nb",
            "é",
            "a\0",
            "`id`",
            &"f".repeat(MAX_LENGTH + 1),
        ] {
            let error = text.parse::<Revision>().unwrap_err();
            assert!(!error.hint().is_empty(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_revision_is_one_plain_directory_name(text in "\\PC{0,140}|[0-9A-Za-z._/+@-]{1,130}") {
            if let Ok(revision) = text.parse::<Revision>() {
                let directory = revision.directory();
                prop_assert!(!directory.contains('/') && !directory.starts_with('.') && !directory.is_empty());
                prop_assert_eq!(directory.replace('~', "/"), revision.as_str());
            }
        }
    }
}
