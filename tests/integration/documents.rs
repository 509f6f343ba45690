//! Every document: its links lead somewhere, its commands parse, its configs are valid, its tables are the program's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use collector::cli;
use collector::config::{Config, FILE_KEYS, Kind, ProviderSpec, Source};
use collector::exit_status::ExitStatus;
use collector::figures::Format;
use collector::report::Signal;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Markdown file of the repository.
pub(crate) struct Document {
    /// The path from the root.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Document {
    pub(crate) fn open(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
        Self {
            path: path.into(),
            text,
        }
    }

    /// The fenced blocks of one language, without the indentation of a list.
    pub(crate) fn blocks(&self, language: &str) -> Vec<String> {
        let fence = format!("```{language}");
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            if !line.trim_start().starts_with("```") {
                continue;
            }
            let block = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indent..).unwrap_or_default())
                .fold(String::new(), |block, line| block + line + "\n");
            if line.trim() == fence {
                blocks.push(block);
            }
        }
        blocks
    }

    /// The text without its fenced blocks.
    fn prose(&self) -> String {
        let mut inside = false;
        let lines = self.text.lines().filter(|line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !fence && !inside
        });
        lines.fold(String::new(), |prose, line| prose + line + "\n")
    }

    /// The code in the running text.
    fn code_spans(&self) -> Vec<String> {
        let prose = self.prose();
        let spans = prose.split('`').skip(1).step_by(2);
        spans
            .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// The part below a heading, up to the next one of any level.
    #[track_caller]
    pub(crate) fn section(&self, heading: &str) -> Self {
        let start = format!("\n{heading}\n");
        let (_, rest) = self
            .text
            .split_once(&start)
            .unwrap_or_else(|| panic!("{} has no {heading:?}", self.path));
        let text = rest.split("\n#").next().unwrap().to_owned();
        Self {
            path: self.path.clone(),
            text,
        }
    }

    /// The first cells of the first table; a cell may hold several names.
    pub(crate) fn first_column(&self) -> Vec<String> {
        self.text
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .skip(2)
            .flat_map(|line| line.split('|').nth(1).unwrap().split(", "))
            .map(|name| name.trim().trim_matches('`').to_owned())
            .collect()
    }

    /// The anchors of the headings, as GitHub makes them: lower case, hyphens for spaces, no punctuation.
    fn anchors(&self) -> BTreeSet<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|heading| {
                let title = heading.trim_start_matches('#').trim().to_lowercase();
                let kept = title
                    .chars()
                    .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                kept.map(|c| if c == ' ' { '-' } else { c }).collect()
            })
            .collect()
    }

    /// The command lines in its console blocks, joined where they go on.
    fn command_lines(&self) -> Vec<String> {
        let blocks = self.blocks("console");
        let joined = blocks.into_iter().map(|block| block.replace("\\\n", " "));
        joined
            .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

/// Every document that people read.
fn documents() -> Vec<Document> {
    let mut found = vec![PathBuf::from("README.md"), "CONTRIBUTING.md".into()];
    for (directory, name) in [("docs", None), ("examples", Some("README.md"))] {
        for entry in fs::read_dir(Path::new(ROOT).join(directory)).unwrap() {
            let entry = Path::new(directory).join(entry.unwrap().file_name());
            let path = name.map_or(entry.clone(), |name| entry.join(name));
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
        .iter()
        .map(|path| Document::open(path.to_str().unwrap()))
        .collect()
}

/// The text of all source files.
fn sources() -> String {
    fn gather(directory: &Path, text: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, text);
            } else {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    gather(&Path::new(ROOT).join("src"), &mut text);
    text
}

#[test]
fn every_link_leads_somewhere() {
    let anchors: BTreeMap<PathBuf, BTreeSet<String>> = documents()
        .iter()
        .map(|document| {
            let path = Path::new(ROOT).join(&document.path);
            (path.canonicalize().unwrap(), document.anchors())
        })
        .collect();
    let mut count = 0;
    for document in documents() {
        let from = Path::new(ROOT).join(&document.path);
        let prose = document.prose();
        for rest in prose.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            count += 1;
            let place = format!("{}: {link}", document.path);
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                from.clone()
            } else {
                from.parent().unwrap().join(file)
            };
            let target = target.canonicalize();
            let target = target.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(
                anchor.is_empty() || anchors[&target].contains(anchor),
                "{place}"
            );
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_path_of_the_repository_that_is_named_exists() {
    for document in documents() {
        for span in document.code_spans() {
            let rooted = ["src/", "tests/", "docs/", "examples/"];
            let is_path = rooted.iter().any(|root| span.starts_with(root));
            if is_path && !span.contains(['*', '…', ' ']) {
                let there = Path::new(ROOT).join(&span).exists();
                assert!(there, "{}: {span}", document.path);
            }
        }
    }
}

/// The arguments for collect in a command line, however it is started there; `None` where it is not.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next().unwrap().trim();
    let ours = if let Some(run) = line.strip_prefix("collect ") {
        run
    } else if line.starts_with("docker run ") {
        line.split_once("/collector:1 ")?.1
    } else if line.starts_with("cargo run ") {
        line.split_once(" -- ")?.1
    } else {
        return None;
    };
    Some(ours.split_whitespace().collect())
}

#[test]
fn every_command_parses() {
    let parse = |words: Vec<&str>| {
        let words = ["collect"].into_iter().chain(words);
        cli::command().try_get_matches_from(words)
    };
    let mut count = 0;
    for document in documents() {
        for line in document.command_lines() {
            if let Some(words) = arguments(&line) {
                count += 1;
                if let Err(error) = parse(words) {
                    panic!("{}: {line}\n{error}", document.path);
                }
            }
        }
        for span in document.code_spans() {
            // In a sentence a command may stand for itself, and an option without its value.
            if let Some(Err(error)) = arguments(&span).map(parse) {
                let spoken = [
                    ErrorKind::DisplayHelp,
                    ErrorKind::InvalidValue,
                    ErrorKind::MissingRequiredArgument,
                ];
                let place = format!("{}: {span}\n{error}", document.path);
                assert!(spoken.contains(&error.kind()), "{place}");
            }
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn every_option_exists() {
    let definition = cli::command();
    let commands = definition.get_subcommands().chain([&definition]);
    let known: BTreeSet<String> = commands
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .chain(["help", "version"])
        .map(|name| format!("--{name}"))
        .collect();
    for document in documents() {
        for span in document.code_spans() {
            for word in span.split([' ', '=']).filter(|_| span.starts_with("--")) {
                let is_option = word.starts_with("--") && word.len() > 2;
                let place = format!("{}: {span}", document.path);
                // An argument in an example of a config is the script's.
                assert!(!is_option || known.contains(word), "{place}");
            }
        }
    }
}

fn parse(text: &str) -> Result<Config, String> {
    let source = Source {
        path: Path::new("config.yml"),
        text,
        local: false,
    };
    Config::parse(source, &|_| Ok(())).map_err(|errors| errors.to_string())
}

#[test]
fn every_config_is_valid() {
    let mut count = 0;
    for document in documents() {
        for text in document.blocks("yaml") {
            // A workflow: `tests/github/yaml` checks those.
            if text.contains("\njobs:\n") {
                continue;
            }
            let place = &document.path;
            let config = parse(&text).unwrap_or_else(|errors| panic!("{place}: {errors}\n{text}"));
            assert!(matches!(config.provider, ProviderSpec::Ec2(_)), "{text}");
            count += 1;
        }
    }
    assert!(count >= 2, "an EC2 config and the seed's");
}

#[test]
fn every_format_of_figures_has_its_row() {
    let document = Document::open("docs/figures.md").section("## Formats");
    let rows = document.text.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some(name.to_owned())
    });
    let rows: BTreeSet<String> = rows.collect();
    assert_eq!(rows, Format::NAMES.map(str::to_owned).into());
}

#[test]
fn the_whole_language_is_shown_as_the_example_has_it() {
    let example = fs::read_to_string(Path::new(ROOT).join("examples/seed/config.yml")).unwrap();
    let steps = Document::open("docs/steps.md");
    assert!(steps.blocks("yaml").contains(&example));
}

#[test]
fn the_table_of_phases_is_complete() {
    let table = Document::open("docs/steps.md").section("## Phases");
    let phases: Vec<String> = table
        .first_column()
        .into_iter()
        .filter(|phase| !phase.starts_with('*'))
        .collect();
    let keys = FILE_KEYS.iter().filter(|key| key.kind == Kind::Steps);
    assert_eq!(phases, keys.map(|key| key.name).collect::<Vec<_>>());
}

#[test]
fn the_table_of_exit_statuses_is_complete() {
    let signals = [Signal::Hup, Signal::Int, Signal::Term].map(ExitStatus::Signalled);
    let statuses = ExitStatus::WITHOUT_SIGNAL.into_iter().chain(signals);
    let statuses: Vec<String> = statuses.map(|status| status.to_string()).collect();
    let table = Document::open("docs/reference.md").section("## Exit status");
    assert_eq!(table.first_column(), statuses);
}

/// The words in a text that begin with `COLLECTOR_`.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .filter(|word| word.starts_with("COLLECTOR_"))
        .collect()
}

#[test]
fn every_variable_is_documented_and_exists() {
    let sources = sources();
    let known = variables(&sources);
    let pages = ["docs/reference.md", "docs/steps.md"].map(|path| Document::open(path).text);
    let pages = pages.concat();
    let documented = variables(&pages);
    assert!(documented.len() > 5, "{documented:?}");
    let unknown: Vec<_> = documented.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // Those of collector's own scripts and of its build say nothing to a user.
    let missing: Vec<_> = known
        .difference(&documented)
        .filter(|name| sources.contains(&format!("\"{name}\"")) && !name.ends_with('_'))
        .filter(|name| !sources.contains(&format!("env!(\"{name}\")")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_message_that_troubleshooting_quotes_exists() {
    let sources = sources();
    let messages = Document::open("docs/troubleshooting.md").first_column();
    assert!(messages.len() > 5);
    for message in messages {
        // `…` stands for what differs from case to case.
        for words in message.split('…').map(str::trim) {
            assert!(sources.contains(words), "{message}: {words}");
        }
    }
}

#[test]
fn what_the_program_says_about_a_document_is_there() {
    let sources = sources();
    let mut count = 0;
    for (start, _) in sources.match_indices("docs/") {
        let rest = &sources[start..];
        // A page of somebody else's.
        if sources[..start].ends_with('/') {
            continue;
        }
        let path = rest
            .split(|c: char| !c.is_ascii_alphanumeric() && !"/.-_".contains(c))
            .next()
            .unwrap();
        let path = path.trim_end_matches('.');
        assert!(Path::new(ROOT).join(path).is_file(), "{path}");
        count += 1;
        let section = rest[path.len()..]
            .strip_prefix(", section \\\"")
            .and_then(|rest| rest.split_once('\\'));
        if let Some((title, _)) = section {
            Document::open(path).section(&format!("## {title}"));
        }
    }
    assert!(count > 3, "{count}");
}
