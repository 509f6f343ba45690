//! A line of `upload`: a path, a glob, or behind a `!` what does not travel.

use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

use super::node::At;
use super::pattern::Pattern;

/// As in a shell: `*` ends at a slash, and a leading dot has to be written.
const WILDCARDS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Names that stay on this machine are matched as a whole, hidden ones too.
const EXCEPTIONS: MatchOptions = MatchOptions {
    require_literal_leading_dot: false,
    ..WILDCARDS
};

/// Files that the scripts need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its place in the config file.
    pub at: At,
    /// The text of it, for messages.
    pub text: String,
    /// Its meaning.
    pub kind: UploadKind,
}

/// The meaning of a line of `upload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadKind {
    /// A file or a directory by its name, wherever it lies.
    Path {
        /// Relative to the config file, absolute, or with a `~` in front.
        source: PathBuf,
        /// Its place below the home directory on the instance; empty for that itself.
        destination: PathBuf,
    },
    /// A glob below the directory of the config file.
    Glob(Wildcards),
    /// Files that stay on this machine.
    Except(Wildcards),
}

/// Globs that one text with braces stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcards {
    globs: Vec<glob::Pattern>,
    options: MatchOptions,
    /// The directory in front of the first wildcard of all of them.
    base: PathBuf,
    /// The most names that a match has; none where `**` matches any number.
    max_depth: Option<usize>,
}

/// A fault of a line, and its remedy.
type Flaw = (String, &'static str);

impl Upload {
    /// Reads a line.
    ///
    /// # Errors
    /// The mistake, and a remedy.
    pub(super) fn parse(at: At, text: &str) -> Result<Self, Flaw> {
        let kind = match text.strip_prefix('!') {
            Some(except) => UploadKind::Except(exception(except)?),
            None if is_glob(text) => UploadKind::Glob(wildcards(text, WILDCARDS)?),
            None => path(text)?,
        };
        Ok(Self {
            at,
            text: text.to_owned(),
            kind,
        })
    }
}

impl Wildcards {
    /// Whether a path relative to the config file is matched.
    pub fn matches(&self, path: &Path) -> bool {
        // A name that is not UTF-8 is matched by wildcards all the same.
        let path = path.to_string_lossy();
        let mut globs = self.globs.iter();
        globs.any(|glob| glob.matches_with(&path, self.options))
    }

    /// The directory outside of which nothing is matched.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Whether something below this directory may be matched.
    pub fn may_match_below(&self, directory: &Path) -> bool {
        self.max_depth
            .is_none_or(|most| directory.components().count() < most)
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn check_text(text: &str) -> Result<(), Flaw> {
    if text.contains(['\0', '\n', '\r']) {
        let fault = format!("{text:?} contains a line break or a NUL");
        return Err((fault, "give one path or glob a line of the list"));
    }
    Ok(())
}

/// A path as it is given. What lies elsewhere arrives in the home directory, under its own name.
fn path(text: &str) -> Result<UploadKind, Flaw> {
    check_text(text)?;
    let source = Path::new(text);
    let outside = text == "~"
        || text.starts_with("~/")
        || source
            .components()
            .any(|part| matches!(part, Component::ParentDir | Component::RootDir));
    let destination = if outside {
        let name = source.file_name().filter(|name| *name != "~");
        let name = name.ok_or_else(|| {
            let fault =
                format!("`{text}` has no name of its own that it could have on the instance");
            (fault, "name the files and directories in it")
        })?;
        PathBuf::from(name)
    } else {
        normal(source)
    };
    Ok(UploadKind::Path {
        source: source.to_owned(),
        destination,
    })
}

/// A path without `.` in it.
fn normal(path: &Path) -> PathBuf {
    let parts = path.components();
    parts
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// A pattern without a slash is about names, wherever they stand in the tree.
fn exception(text: &str) -> Result<Wildcards, Flaw> {
    let trimmed = text.trim_end_matches('/');
    if trimmed.is_empty() {
        let fault = format!("`!{text}` says nothing");
        return Err((
            fault,
            "give a path or a glob behind the `!`, for example `!*.tmp`",
        ));
    }
    if trimmed.contains('/') {
        wildcards(text, EXCEPTIONS)
    } else {
        wildcards(&format!("**/{trimmed}"), EXCEPTIONS)
    }
}

fn wildcards(text: &str, options: MatchOptions) -> Result<Wildcards, Flaw> {
    check_text(text)?;
    let leads_out = text.starts_with(['/', '~'])
        || Path::new(text)
            .components()
            .any(|part| part == Component::ParentDir);
    if leads_out {
        let fault = format!("the glob `{text}` leads out of the config file's directory");
        let remedy = "only a path without wildcards may: name the file or the directory itself";
        return Err((fault, remedy));
    }
    let patterns = Pattern::parse(text).map_err(|why| {
        (
            format!("the glob `{text}` {why}"),
            "shorten it, or give several",
        )
    })?;
    let mut base: Option<PathBuf> = None;
    let mut max_depth = Some(0);
    let mut globs = Vec::new();
    for pattern in patterns {
        let normal = normal(Path::new(pattern.as_str()));
        let glob = glob::Pattern::new(&normal.to_string_lossy());
        globs.push(glob.map_err(|error| {
            let fault = format!("the glob `{text}` cannot be read: {}", error.msg);
            (
                fault,
                "`[` and `**` stand for themselves in brackets: `[[]`, `[*][*]`",
            )
        })?);
        let own = normal_base(&pattern);
        base = Some(base.map_or(own.clone(), |base| common(&base, &own)));
        let deep = pattern.as_str().contains("**");
        max_depth = max_depth
            .filter(|_| !deep)
            .map(|most| normal.components().count().max(most));
    }
    Ok(Wildcards {
        globs,
        options,
        base: base.unwrap_or_default(),
        max_depth,
    })
}

fn normal_base(pattern: &Pattern) -> PathBuf {
    normal(Path::new(pattern.base()))
}

/// The directory that two paths have in common.
fn common(one: &Path, other: &Path) -> PathBuf {
    let pairs = one.components().zip(other.components());
    pairs
        .take_while(|(one, other)| one == other)
        .map(|(part, _)| part)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<UploadKind, String> {
        let at = At { line: 1, column: 1 };
        let upload = Upload::parse(at, text).map_err(|(fault, remedy)| {
            assert!(!remedy.is_empty());
            fault
        })?;
        assert_eq!(upload.text, text);
        Ok(upload.kind)
    }

    fn matches(text: &str, path: &str) -> bool {
        match parse(text).unwrap() {
            UploadKind::Glob(wildcards) | UploadKind::Except(wildcards) => {
                wildcards.matches(Path::new(path))
            }
            UploadKind::Path { .. } => panic!("{text} is a path"),
        }
    }

    #[test]
    fn a_path_keeps_its_place_and_one_from_elsewhere_its_name() {
        for (text, expected) in [
            ("./lib//common.sh", "lib/common.sh"),
            ("data/", "data"),
            (".", ""),
            ("../target/release/app", "app"),
            ("a/../b", "b"),
            ("/opt/models/", "models"),
            ("~/models", "models"),
            ("a b\u{fc}", "a b\u{fc}"),
        ] {
            let UploadKind::Path { destination, .. } = parse(text).unwrap() else {
                panic!("{text} is not a path");
            };
            assert_eq!(destination, Path::new(expected), "{text}");
        }
        for text in ["..", "/", "~", "~/", "a/.."] {
            assert!(
                parse(text).unwrap_err().contains("no name of its own"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_glob_matches_as_in_a_shell() {
        assert!(matches("*.py", "tool.py"));
        assert!(!matches("*.py", "lib/tool.py"));
        assert!(!matches("*", ".env"));
        assert!(matches(".*", ".env"));
        assert!(matches("**/*.py", "tool.py"));
        assert!(matches("./**/*.py", "lib/deep/tool.py"));
        assert!(!matches("**/*.py", ".venv/tool.py"));
        assert!(matches("lib/*.{py,sh}", "lib/common.sh"));
        assert!(matches("[[]x]", "[x]"));
        for text in ["/opt/*", "../*.sh", "~/*", "a/../*", "[x", "a**b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_stays_is_named_by_its_path_or_at_any_depth() {
        assert!(matches("!*.tmp", "deep/down/.x.tmp"));
        assert!(matches("!__pycache__/", "lib/__pycache__"));
        assert!(matches("!./build", "build"));
        assert!(!matches("!./build", "lib/build"));
        assert!(matches("!data/*.bin", "data/.hidden.bin"));
        for text in ["!", "!/", "!../x", "!/opt/x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_where_a_match_may_be_is_looked() {
        let wildcards = |text: &str| match parse(text).unwrap() {
            UploadKind::Glob(wildcards) => wildcards,
            _ => panic!("{text} is not a glob"),
        };
        let deep = wildcards("lib/{a,b}/**/*.py");
        assert_eq!(deep.base(), Path::new("lib"));
        assert!(deep.may_match_below(Path::new("lib/a/b/c/d")));
        let flat = wildcards("*/*.py");
        assert_eq!(flat.base(), Path::new(""));
        assert!(flat.may_match_below(Path::new("lib")));
        assert!(!flat.may_match_below(Path::new("lib/deep")));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,30}|[!{},a*~/.\\[\\]]{0,30}") {
            if let Ok(UploadKind::Glob(wildcards)) = parse(&text) {
                wildcards.matches(Path::new(&text));
            }
        }
    }
}
