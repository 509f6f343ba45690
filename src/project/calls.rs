//! Files beside the config that a script seems to call and that do not travel.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::CONFIG_FILE;
use crate::config::Config;
use crate::project_file::ProjectFile;
use crate::step::{Location, ScriptPath};

/// As much of a script is read, in bytes: more is no text that somebody wrote.
const MAX_READ: u64 = 1 << 20;

/// Where a script on the instance finds what lies beside the config.
const HOMES: [&str; 4] = ["./", "~/", "$HOME/", "${HOME}/"];

/// How a script asks for its own directory.
const OWN_DIRECTORY: [&str; 3] = ["dirname", "BASH_SOURCE", "${0%"];

/// The end of an expansion that takes the name off a path.
const WITHOUT_NAME: &str = "%/*}";

/// The scripts for the instance whose text names a file beside the config that does not travel, and the file.
pub(crate) fn unsent_calls(
    directory: &Path,
    config: &Config,
    sent: &[ProjectFile],
) -> Vec<(ScriptPath, PathBuf)> {
    let sent: BTreeSet<&Path> = sent.iter().map(|file| file.destination.as_path()).collect();
    let mut calls = Vec::new();
    for (script, text) in scripts(directory, config) {
        let named = named(Path::new(script.as_str()), &text);
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
    if config.sends_checkout() {
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

/// The paths beside the config that the text of a script may name.
fn named(script: &Path, text: &str) -> BTreeSet<PathBuf> {
    let own_directory = script.parent().unwrap_or(Path::new(""));
    let mut beside_script = beside_script(text);
    if script
        .extension()
        .is_some_and(|extension| extension == "py")
    {
        beside_script.extend(imports(text));
    }
    let beside_script = beside_script.iter().map(|path| own_directory.join(path));
    let at_home = words(text).filter_map(path).chain(sourced(text));
    at_home.chain(beside_script).collect()
}

/// The lines of a script, less its comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| !line.starts_with('#'))
}

/// The words of a script, less its comments.
fn words(text: &str) -> impl Iterator<Item = &str> {
    lines(text).flat_map(words_of)
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ";|&()<>\"'`=,:[]".contains(c))
        .filter(|word| !word.is_empty())
}

/// A word as a path beside the config. A bare word may be anything: a file's has a slash or a dot.
fn path(word: &str) -> Option<PathBuf> {
    let bare = HOMES.iter().find_map(|home| word.strip_prefix(home));
    if bare.is_none() && !word.contains(['/', '.']) {
        return None;
    }
    below(bare.unwrap_or(word))
}

/// A path that stays below its directory.
fn below(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let mut parts = path.components();
    parts
        .all(|part| matches!(part, Component::Normal(_)))
        .then(|| path.to_owned())
}

/// The files that a shell reads: what is bare after `source` or `.` is one, too.
fn sourced(text: &str) -> impl Iterator<Item = PathBuf> {
    let commands = lines(text).flat_map(|line| line.split([';', '|', '&']));
    commands.filter_map(|command| {
        let mut words = words_of(command);
        let word = words.next().filter(|word| ["source", "."].contains(word));
        word.and_then(|_| below(words.next()?))
    })
}

/// The paths below the directory of a script that asks for it, at once or by a variable.
fn beside_script(text: &str) -> Vec<PathBuf> {
    let mut variables: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in lines(text) {
        let asks = OWN_DIRECTORY.iter().any(|asking| line.contains(asking));
        if let Some(name) = assigned(line).filter(|_| asks) {
            variables.extend([format!("${name}"), format!("${{{name}}}")]);
        }
        if !asks && !variables.iter().any(|variable| line.contains(variable)) {
            continue;
        }
        for word in words_of(line) {
            let known = variables.iter().map(String::as_str);
            let rest = known
                .chain([WITHOUT_NAME])
                .find_map(|start| word.split_once(start));
            let rest = rest.map_or(word, |(_, rest)| rest);
            found.extend(rest.strip_prefix('/').and_then(below));
        }
    }
    found
}

/// The variable that a line gives a value.
fn assigned(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('=')?;
    let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
    name.into_iter().next().filter(|name| !name.is_empty())
}

/// The files of the modules that a Python script may import from its own directory.
fn imports(text: &str) -> Vec<PathBuf> {
    let mut modules: Vec<String> = Vec::new();
    for line in lines(text) {
        let (modules_of, names) = match (line.strip_prefix("import "), line.strip_prefix("from ")) {
            (Some(modules), _) => (modules, ""),
            (_, Some(rest)) => rest.split_once(" import ").unwrap_or_default(),
            _ => continue,
        };
        for module in modules_of.split(',').filter_map(first_word) {
            let module = module.replace('.', "/");
            let names = names.trim_matches(['(', ')']).split(',');
            modules.extend(
                names
                    .filter_map(first_word)
                    .map(|name| format!("{module}/{name}")),
            );
            modules.push(module);
        }
    }
    let files = |module: String| [format!("{module}.py"), format!("{module}/__init__.py")];
    let files = modules.into_iter().flat_map(files);
    files.filter_map(|file| below(&file)).collect()
}

fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named_by(script: &str, text: &str) -> Vec<String> {
        let paths = super::named(Path::new(script), text);
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    fn named(text: &str) -> Vec<String> {
        named_by("measure.sh", text)
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

    #[test]
    fn a_script_may_ask_for_its_own_directory() {
        for text in [
            "\"$(dirname \"$0\")/tool\"",
            "$(dirname $0)/tool",
            "\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)/tool\" --fast",
            "\"$(dirname \"$0\")\"/tool",
            "\"${0%/*}/tool\"",
            "\"${BASH_SOURCE[0]%/*}/tool\"",
            "DIR=$(dirname \"$0\")\n\"$DIR/tool\"",
            "local here=\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)\"\n. \"${here}\"/tool",
        ] {
            assert!(named(text).contains(&"tool".to_owned()), "{text}");
            let below = named_by("steps/measure.sh", text);
            assert!(below.contains(&"steps/tool".to_owned()), "{text}");
        }
        assert_eq!(named("\"$DIR\"/tool /tool"), [""; 0]);
        assert_eq!(named("cd \"$(dirname \"$0\")/..\""), [""; 0]);
    }

    #[test]
    fn what_a_shell_sources_needs_no_slash() {
        assert_eq!(named("source common"), ["common"]);
        assert_eq!(named("set -e; . common && . \"./env\""), ["common", "env"]);
        assert_eq!(named("cp -r . common"), [""; 0]);
    }

    #[test]
    fn a_python_script_imports_what_lies_beside_it() {
        let text = "import os, plot as p\nfrom lib.text import (strip, join)\nfrom . import x";
        let named = named_by("steps/measure.py", text);
        for file in [
            "steps/plot.py",
            "steps/lib/text.py",
            "steps/lib/text/__init__.py",
            "steps/lib/text/join.py",
        ] {
            assert!(named.contains(&file.to_owned()), "{file} in {named:?}");
        }
        assert_eq!(named_by("measure.sh", "import plot"), [""; 0]);
    }
}
