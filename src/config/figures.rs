//! Entries of `figures`: a glob of collected files, or one with options below it.

use std::path::{Component, Path};

use glob::MatchOptions;

use super::keys::{FIGURE_KEYS, Key};
use super::node::{At, Node, Value};
use super::pattern::Pattern;
use super::reader::Problems;
use super::section::{Section, merge};
use crate::figures::{Direction, Format, JsonPath, Options};

/// As in a shell: `*` ends at a slash, and a leading dot has to be written.
const WILDCARDS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

const EXAMPLE: &str = "write `- bench.json`, or `- bench.json:` with options below it";

/// Collected files that hold figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFiles {
    /// Its place in the config file.
    pub at: At,
    /// The text of the glob, for messages.
    pub text: String,
    /// The options of their reader.
    pub options: Options,
    globs: Vec<glob::Pattern>,
}

impl FigureFiles {
    /// Its globs, without braces.
    pub fn globs(&self) -> impl Iterator<Item = &str> {
        self.globs.iter().map(glob::Pattern::as_str)
    }

    /// Whether this is one of the files; the path is relative to the results of an instance.
    pub fn matches(&self, path: &Path) -> bool {
        // A name that is not UTF-8 is matched by wildcards all the same.
        let path = path.to_string_lossy();
        let mut globs = self.globs.iter();
        globs.any(|glob| glob.matches_with(&path, WILDCARDS))
    }
}

impl Problems<'_> {
    /// Entries of `figures`: one glob, or a list of globs, each of which may have options.
    pub(super) fn figures(&mut self, key: &Key, node: &Node) -> Option<Vec<FigureFiles>> {
        let Value::List(items) = &node.value else {
            let text = self.text(key, node)?;
            return Some(self.entry(node.at, &text, None).into_iter().collect());
        };
        if items.is_empty() {
            // As for a text that is empty.
            self.text(
                key,
                &Node {
                    value: Value::Null,
                    ..node.clone()
                },
            );
        }
        let entries = items.iter().filter_map(|item| {
            let (glob, options) = if let Value::Map(pairs) = &item.value {
                let [(glob, options)] = pairs.as_slice() else {
                    let count = pairs.len();
                    let message = format!("an entry of `{}` has {count} globs", key.name);
                    self.add(
                        item.at,
                        message,
                        "one glob an entry; indent its options below it",
                    );
                    return None;
                };
                (glob, Some(options))
            } else {
                (item, None)
            };
            let text = self.glob_text(key, glob)?;
            self.entry(glob.at, &text, options)
        });
        Some(entries.collect())
    }

    fn glob_text(&mut self, key: &Key, node: &Node) -> Option<String> {
        if let Value::Text(text) = &node.value
            && !text.trim().is_empty()
        {
            return Some(text.clone());
        }
        let kind = node.value.kind();
        let message = format!("an entry of `{}` is {kind}, a glob is expected", key.name);
        self.add(node.at, message, EXAMPLE);
        None
    }

    fn entry(&mut self, at: At, text: &str, options: Option<&Node>) -> Option<FigureFiles> {
        let globs = self.collected(at, text);
        // A glob that cannot be read does not hide what is wrong with its options.
        let options = match options {
            Some(node) => self.figure_options(text, node),
            None => Options::default(),
        };
        Some(FigureFiles {
            at,
            text: text.to_owned(),
            options,
            globs: globs?,
        })
    }

    /// Globs of files among the results, with their braces expanded.
    fn collected(&mut self, at: At, text: &str) -> Option<Vec<glob::Pattern>> {
        let leads_out = text.starts_with(['/', '~'])
            || Path::new(text)
                .components()
                .any(|part| part == Component::ParentDir);
        if leads_out {
            let message = format!("the glob `{text}` leads out of the results");
            let remedy = "give it as the file lies below the directory of the instance, for example `*.json` or `**/*.json`";
            self.add(at, message, remedy);
            return None;
        }
        let patterns = Pattern::parse(text);
        let patterns = patterns.map_err(|why| {
            self.add(
                at,
                format!("the glob {why}"),
                "give a glob such as `**/*.json`",
            );
        });
        let globs = patterns.ok()?.into_iter().map(|pattern| {
            let parts = Path::new(pattern.as_str()).components();
            let normal = parts.filter(|part| matches!(part, Component::Normal(_)));
            let normal = normal.collect::<std::path::PathBuf>();
            glob::Pattern::new(&normal.to_string_lossy())
        });
        let globs: Result<Vec<_>, _> = globs.collect();
        globs
            .map_err(|error| {
                let message = format!("the glob `{text}` cannot be read: {}", error.msg);
                let remedy = "`[` and `**` stand for themselves in brackets: `[[]`, `[*][*]`";
                self.add(at, message, remedy);
            })
            .ok()
    }

    /// Reads options, which come as one map, or as a list of maps.
    fn figure_options(&mut self, glob: &str, node: &Node) -> Options {
        let merged;
        let node = match &node.value {
            Value::Null => return Options::default(),
            Value::List(items) => {
                let pairs = merge(glob, items, "better: less", self);
                merged = Node {
                    value: Value::Map(pairs),
                    ..node.clone()
                };
                &merged
            }
            _ => node,
        };
        let title = format!("the options of `{glob}`");
        let Some(mut section) = Section::open(node, &title, &FIGURE_KEYS, self) else {
            return Options::default();
        };
        let format = section.read("format", Problems::text);
        let better = section.read("better", Problems::text);
        let options = Options {
            format: format.as_deref().and_then(Format::named),
            better: match better.as_deref() {
                Some("less") => Some(Direction::Less),
                Some("more") => Some(Direction::More),
                _ => None,
            },
            name: section.read("name", Problems::text),
            value: section.read("value", Problems::text),
            unit: section.read("unit", Problems::text),
            path: section.read("path", Problems::json_path),
        };
        // What cannot be read is a problem already.
        let is_known = (format.is_none() || options.format.is_some())
            && (options.path.is_some() || section.node("path").is_none());
        if is_known {
            check(&options, &mut section);
        }
        options
    }

    fn json_path(&mut self, key: &Key, node: &Node) -> Option<JsonPath> {
        let text = self.text(key, node)?;
        let path = JsonPath::parse(&text);
        path.map_err(|error| {
            let Key { name, example, .. } = key;
            self.add(
                node.at,
                format!("`{name}` cannot be read: {error}"),
                format!("give a JSONPath (RFC 9535), for example `{name}: {example}`"),
            );
        })
        .ok()
    }
}

/// Refuses options that mean nothing for the format.
fn check(options: &Options, section: &mut Section<'_, '_, '_>) {
    use Format::{Csv, Json, Lines};
    let format = options.format();
    for (key, formats, remedy) in [
        ("path", &[Json][..], "remove it, or write `format: json`"),
        ("value", &[Csv], "remove it, or write `format: csv`"),
        ("name", &[Csv, Json], "remove it, or write `format: csv`"),
        (
            "unit",
            &[Csv, Json, Lines],
            "remove it, or write `format: csv`, `json` or `lines`",
        ),
    ] {
        let Some(node) = section.node(key) else {
            continue;
        };
        match format {
            Some(format) if formats.contains(&format) => {}
            Some(format) => {
                section.add_problem(
                    node.at,
                    format!("`{key}` has no meaning for {format}"),
                    remedy,
                );
            }
            None => section.add_problem(node.at, format!("`{key}` without a format"), remedy),
        }
    }
    if format == Some(Json)
        && section.node("path").is_none()
        && let Some(node) = section.node("format")
    {
        section.add_problem(
            node.at,
            "`format: json` without `path`",
            "add for example `path: '$.results[*].seconds'`",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::MAIN_KEYS;
    use super::super::node;
    use super::*;

    /// The entries of a list, or what is wrong with it.
    fn parse(text: &str) -> Result<Vec<FigureFiles>, Vec<String>> {
        let mut problems = Problems::of(text);
        let key = MAIN_KEYS.iter().find(|key| key.name == "figures").unwrap();
        let files = problems.figures(key, &node::read(text).unwrap());
        if problems.found.is_empty() {
            return Ok(files.unwrap());
        }
        let found = problems.found.into_iter().map(|problem| {
            assert!(!problem.remedy.is_empty());
            let At { line, column } = problem.at;
            format!("{line}:{column}: {}", problem.message)
        });
        Err(found.collect())
    }

    #[test]
    fn an_entry_is_a_glob_or_has_options() {
        let text = "- '*.json'\n- ./a/**/*.{csv,tsv}: {value: seconds, unit: s}\n- x.txt:\n  - format: lines\n  - better: more\n- y.json: {path: '$.a[*].b', name: b}\n- z:\n";
        let files = parse(text).unwrap();
        let formats: Vec<Option<Format>> =
            files.iter().map(|files| files.options.format()).collect();
        assert_eq!(
            formats,
            [
                None,
                Some(Format::Csv),
                Some(Format::Lines),
                Some(Format::Json),
                None
            ]
        );
        assert_eq!(files[2].options.better, Some(Direction::More));
        assert_eq!(files[1].options.value.as_deref(), Some("seconds"));
        assert_eq!(files[3].at, At { line: 6, column: 3 });
        for (files, path, expected) in [
            (&files[0], "bench.json", true),
            (&files[0], "a/bench.json", false),
            (&files[0], ".hidden.json", false),
            (&files[1], "a/b.tsv", true),
            (&files[1], "a/b/c/d.csv", true),
            (&files[1], "b/d.csv", false),
        ] {
            assert_eq!(files.matches(Path::new(path)), expected, "{path}");
        }
        assert_eq!(parse("bench.json").unwrap().len(), 1);
    }

    #[test]
    fn every_problem_has_its_place() {
        let text = "- a: {formt: csv, better: best}\n- [b]\n- {c: , d: }\n- ../e\n- '[f'\n- g: {format: exel}\n- h: {format: hyperfine, path: $.x, unit: s}\n- i: {format: json}\n- j: {path: 'x['}\n- k: {unit: s}\n- l: [x]\n- 7\n";
        assert_eq!(
            parse(text).unwrap_err(),
            [
                "1:7: unknown key `formt` in the options of `a`",
                "1:27: `better` must be `less` or `more`, not `best`",
                "2:3: an entry of `figures` is a list, a glob is expected",
                "3:3: an entry of `figures` has 2 globs",
                "4:3: the glob `../e` leads out of the results",
                "5:3: the glob `[f` cannot be read: invalid range pattern",
                "6:15: `format` must be `bmf`, `criterion`, `csv`, `fio`, `github-action-benchmark`, `go`, `google-benchmark`, `hyperfine`, `jmh`, `json`, `k6`, `lines`, `oha`, `openmetrics`, `pytest-benchmark`, `sysbench` or `wrk`, not `exel`",
                "7:32: `path` has no meaning for hyperfine",
                "7:43: `unit` has no meaning for hyperfine",
                "8:15: `format: json` without `path`",
                "9:13: `path` cannot be read: at position 0, parser error",
                "10:13: `unit` without a format",
                "11:7: an option of `l` is a text",
                "12:3: an entry of `figures` is a number, a glob is expected",
            ]
        );
        assert_eq!(parse("[]").unwrap_err(), ["1:1: `figures` is empty"]);
        assert_eq!(parse("{}").unwrap_err().len(), 1);
    }
}
