//! Files beside the config that a script seems to call and that do not travel.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::CONFIG_FILE;
use crate::config::{Config, Repository};
use crate::project_file::ProjectFile;
use crate::step::{Location, ScriptPath};

/// As much of a script is read, in bytes: more is no text that somebody wrote.
const MAX_READ: u64 = 1 << 20;

/// Where a script on the instance finds what lies beside the config.
const HOMES: [&str; 4] = ["./", "~/", "$HOME/", "${HOME}/"];

/// The scripts for the instance whose text names a file beside the config that does not travel, and the file.
pub(crate) fn unsent_calls(
    directory: &Path,
    config: &Config,
    sent: &[ProjectFile],
) -> Vec<(ScriptPath, PathBuf)> {
    let sent: BTreeSet<&Path> = sent.iter().map(|file| file.destination.as_path()).collect();
    let mut calls = Vec::new();
    for (script, text) in scripts(directory, config) {
        let named: BTreeSet<PathBuf> = words(&text).filter_map(path).collect();
        let unsent = named.into_iter().filter(|path| {
            !sent.contains(path.as_path())
                && path != Path::new(CONFIG_FILE)
                && directory.join(path).is_file()
        });
        calls.extend(unsent.map(|path| (script.clone(), path)));
    }
    calls
}

/// The scripts for the instance that need the checkout, where none is sent.
pub(crate) fn calls_for_checkout(directory: &Path, config: &Config) -> Vec<ScriptPath> {
    if matches!(
        config.repository,
        Some(Repository::Clone { send: true, .. })
    ) {
        return Vec::new();
    }
    let needs = |(script, text): (&ScriptPath, String)| {
        let mut words = words(&text);
        words
            .any(|word| word.contains("$COLLECTOR_SOURCE") || word.contains("${COLLECTOR_SOURCE}"))
            .then(|| script.clone())
    };
    scripts(directory, config).filter_map(needs).collect()
}

/// The scripts for the instance with their texts. A program has no words.
fn scripts<'a>(
    directory: &Path,
    config: &'a Config,
) -> impl Iterator<Item = (&'a ScriptPath, String)> {
    let steps = config
        .steps()
        .filter(|(_, step)| step.location == Location::Remote);
    let scripts: BTreeSet<&ScriptPath> = steps.map(|(_, step)| &step.script).collect();
    scripts.into_iter().filter_map(|script| {
        let mut text = Vec::new();
        let file = File::open(directory.join(script.as_str())).ok()?;
        file.take(MAX_READ).read_to_end(&mut text).ok()?;
        Some((script, String::from_utf8(text).ok()?))
    })
}

/// The words of a script, less its comments.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || ";|&()<>\"'`=,:[]".contains(c)))
        .filter(|word| !word.is_empty())
}

/// A word as a path beside the config. A bare word may be anything: a file's has a slash or a dot.
fn path(word: &str) -> Option<PathBuf> {
    let bare = HOMES.iter().find_map(|home| word.strip_prefix(home));
    if bare.is_none() && !word.contains(['/', '.']) {
        return None;
    }
    let path = Path::new(bare.unwrap_or(word));
    let mut parts = path.components();
    parts
        .all(|part| matches!(part, Component::Normal(_)))
        .then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        let paths = words(text).filter_map(path);
        paths.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn the_ways_to_call_a_file_are_known() {
        assert_eq!(named("./lib.sh; echo"), ["lib.sh"]);
        assert_eq!(named("source common.sh"), ["common.sh"]);
        assert_eq!(named(". ./env"), ["env"]);
        assert_eq!(named("python3 tools/plot.py --x"), ["tools/plot.py"]);
        assert_eq!(named("x=$(cat \"$HOME/data.json\")"), ["data.json"]);
        assert_eq!(
            named("subprocess.run([\"./tool\"])"),
            ["subprocess.run", "tool"]
        );
        assert_eq!(named("#!/bin/sh\n  # ./not-this\nmake test"), [""; 0]);
        assert_eq!(named("cat /etc/passwd ../x"), [""; 0]);
    }
}
