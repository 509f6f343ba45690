//! A config and its scripts to start from, written from a few answers and the tables of keys.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use crate::config::{DefaultValue, FILE_KEYS, Key, Kind, MAIN_KEYS, schema};

/// The width of a line of comments.
const WIDTH: usize = 100;

/// The schema beside the config. An editor finds it without a network, and it is that of this version.
const SCHEMA_FILE: &str = "collector.schema.json";

/// A command that takes a moment everywhere, measured where no other one is given.
pub(crate) const DEFAULT_MEASURE: &str = "gzip -9 <\"$(command -v sh)\" >/dev/null";

/// The name of the program that is measured: it also names the file of its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramName(String);

/// Why a text cannot name a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name files: use letters, digits, `.`, `_` and `-`, and begin with a letter or a digit"
)]
pub struct ProgramNameError(String);

impl ProgramName {
    /// The name that is nearest to any text.
    pub fn nearest(text: &str) -> Self {
        let legal = |c: char| if is_legal(c) { c } else { '-' };
        let name: String = text.chars().map(legal).collect();
        let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let name = name.trim_end_matches('-');
        Self(if name.is_empty() { "program" } else { name }.to_owned())
    }
}

const fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for ProgramName {
    type Err = ProgramNameError;

    fn from_str(text: &str) -> Result<Self, ProgramNameError> {
        if text.chars().all(is_legal) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProgramNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answers that a start needs.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    /// The program.
    pub program: ProgramName,
    /// Shell commands that install it at the revision `$VERSION`; empty for none.
    pub build: String,
    /// The shell command whose time is measured.
    pub measure: String,
    /// Whether the config lies in a clone, whose revisions are measured then.
    pub in_clone: bool,
}

/// A file to start from.
#[derive(Debug)]
pub(crate) struct StarterFile {
    /// Its name in the config's directory.
    pub name: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Its content.
    pub content: String,
}

impl Answers {
    /// The files to start from; the config is the first.
    pub(crate) fn files(&self) -> Vec<StarterFile> {
        let file = |name, mode, content| StarterFile {
            name,
            mode,
            content,
        };
        vec![
            file("config.yml", 0o644, self.config()),
            file("setup.sh", 0o755, self.setup()),
            file("run.sh", 0o755, self.run()),
            file(SCHEMA_FILE, 0o644, format!("{:#}\n", schema())),
        ]
    }

    fn config(&self) -> String {
        let program = &self.program;
        let mut text = format!(
            "\
# yaml-language-server: $schema={SCHEMA_FILE}
# How {program} is measured. From this directory:
#   collect check .              finds every mistake; nothing is launched
#   collect plan . REVISION      shows what a run would do; nothing is launched
#   collect --local . REVISION   rehearses on this machine, without AWS
#   collect . REVISION           measures on an EC2 instance and gives it back
# After an update of collector, `collect schema >{SCHEMA_FILE}` tells your editor the new keys.

main:
"
        );
        let supported = || MAIN_KEYS.iter().filter(|key| key.is_supported());
        let (needed, further): (Vec<&Key>, Vec<&Key>) =
            supported().partition(|key| key.default == DefaultValue::Required);
        for key in needed {
            let value = match key.name {
                "performance_results" => "figures/*.csv # run.sh writes it",
                "output" => "./results # in the directory that collect is called from",
                _ => key.example,
            };
            comment(&mut text, "  ", key.meaning);
            entry(&mut text, &format!("  {}: {value}", key.name));
        }
        text.push_str("  # Further keys, each with an example:\n\n");
        for key in further {
            comment(
                &mut text,
                "  ",
                &format!("{} (default: {})", key.meaning, key.default_text()),
            );
            let line = match key.name {
                "figures" => {
                    format!("  figures: {program}.csv # what two revisions are compared by")
                }
                "repository" | "send" if self.in_clone => {
                    format!("  {}: {}", key.name, key.example)
                }
                name => format!("  # {name}: {}", key.example),
            };
            entry(&mut text, &line);
        }
        text.push_str("# The phases, in their order. A script lies beside this file, is executable, and names its interpreter.\n\n");
        for key in FILE_KEYS.iter().filter(|key| key.kind == Kind::Steps) {
            comment(&mut text, "", key.meaning);
            let steps = match key.name {
                "setup" => "setup:\n  - setup.sh".to_owned(),
                "run" => "run:\n  - run.sh:\n      timeout: 30m # what was measured by then is still collected".to_owned(),
                name => format!("# {name}:\n#   - {name}.sh"),
            };
            entry(&mut text, &steps);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    fn setup(&self) -> String {
        let Self { program, build, .. } = self;
        let build = match build.trim() {
            "" => "echo \"nothing to install for $VERSION\"",
            build => build,
        };
        let example = if self.in_clone {
            "# root, and starts in the checkout of the commit that is sent along. Install what it needs and build it here, for example:
#   apt-get update && apt-get install --yes make gcc && make"
                .to_owned()
        } else {
            format!(
                "# root in the login user's home. Fetch and build here, for example:
#   apt-get update && apt-get install --yes git make gcc
#   git clone https://example.org/{program}.git && cd {program} && git checkout \"$VERSION\" && make
# With `repository` and `send: true` in config.yml a clone on your own machine is sent along, and its files are there:
#   cd \"$COLLECTOR_SOURCE\" && make"
            )
        };
        let checkout = self.checkout();
        format!(
            "\
#!/bin/sh
# Installs {program} at the revision that is to be measured, on a machine that has only what its image brings. It runs as
{example}
set -eu
: \"${{VERSION:?is not set; collect sets it to the revision}}\"

{checkout}{build}
"
        )
    }

    /// The line that leads to what is measured, where it is known where that lies.
    const fn checkout(&self) -> &'static str {
        if self.in_clone {
            "cd \"$COLLECTOR_SOURCE\"\n"
        } else {
            ""
        }
    }

    fn run(&self) -> String {
        let Self {
            program, measure, ..
        } = self;
        let measure = measure.trim();
        let checkout = self.checkout();
        let start = if self.in_clone {
            "The command that is\n# measured starts in the checkout, where setup.sh built something."
        } else {
            "It starts where\n# setup.sh started, so `cd` to where that built something."
        };
        format!(
            "\
#!/bin/sh
# Measures {program}: each repetition is a line of {FIGURES}/{program}.csv, which config.yml collects. {start}
set -eu
export LC_ALL=C # a decimal point, not a comma
: \"${{VERSION:?is not set; collect sets it to the revision}}\"

repetitions=10

# In parentheses: a `cd` in there ends with it.
measured() (
{checkout}{measure}
)

csv=$PWD/{FIGURES}/{program}.csv
mkdir -p {FIGURES}
echo \"name,value,unit,revision,repetition\" >\"$csv\"

# The first one brings everything into memory and does not count.
repetition=0
while [ \"$repetition\" -le \"$repetitions\" ]; do
    start=$(date +%s%N)
    measured
    end=$(date +%s%N)
    seconds=$(awk -v ns=\"$((end - start))\" 'BEGIN {{ printf \"%.6f\", ns / 1e9 }}')
    if [ \"$repetition\" -gt 0 ]; then
        # Written at once: a time-out costs the repetitions that did not run, not those that did.
        echo \"{program},$seconds,s,$VERSION,$repetition\" >>\"$csv\"
        echo \"repetition $repetition of $repetitions: $seconds s\"
    fi
    repetition=$((repetition + 1))
done
"
        )
    }
}

/// The directory of the figures in the login user's home.
const FIGURES: &str = "figures";

/// A text as lines of comments.
fn comment(text: &mut String, indent: &str, words: &str) {
    for line in textwrap::wrap(words, WIDTH) {
        let _ = writeln!(text, "{indent}# {line}");
    }
}

/// A value and the empty line behind it.
fn entry(text: &mut String, entry: &str) {
    text.push_str(entry);
    text.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_good_for_a_file() {
        for good in ["w3af", "my-program_2.0", "7z"] {
            assert_eq!(good.parse::<ProgramName>().unwrap().to_string(), good);
        }
        for bad in ["", "-x", ".x", "a b", "a/b", "a\nb", "a'b"] {
            assert!(bad.parse::<ProgramName>().is_err(), "{bad:?}");
        }
        assert_eq!(
            ProgramName::nearest("/ My Program!").to_string(),
            "My-Program"
        );
        assert_eq!(ProgramName::nearest("…").to_string(), "program");
    }

    proptest! {
        #[test]
        fn the_nearest_name_is_one(text in "\\PC{0,20}") {
            let nearest = ProgramName::nearest(&text).to_string();
            prop_assert!(nearest.parse::<ProgramName>().is_ok(), "{nearest:?}");
        }
    }
}
