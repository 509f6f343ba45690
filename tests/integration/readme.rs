//! What the README says is what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use collector::config::{Config, Key, MAIN_KEYS, ProviderSpec, STEP_KEYS, Source};
use collector::exit_status::ExitStatus;
use collector::report::Signal;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FIRST_COMMAND: &str =
    "cargo run --no-default-features --quiet -- --local examples/gzip-levels demo";

pub(crate) fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

/// The fenced blocks of one language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let block: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .fold(String::new(), |block, line| block + line + "\n");
        if info == language {
            blocks.push(block);
        }
    }
    blocks
}

/// The text without its fenced blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    text.lines()
        .filter(|line| {
            let fence = line.starts_with("```");
            inside ^= fence;
            !fence && !inside
        })
        .fold(String::new(), |prose, line| prose + line + "\n")
}

/// The first column of the table below a heading, without the table's head.
fn first_column(text: &str, heading: &str) -> Vec<String> {
    let rows = text
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("| "));
    rows.skip(1)
        .map(|row| {
            let cell = row.split('|').next().unwrap();
            cell.trim().trim_matches('`').to_owned()
        })
        .collect()
}

fn parse(text: &str) -> Result<Config, String> {
    let source = Source {
        path: Path::new("config.yml"),
        text,
        local: false,
    };
    Config::parse(source, &|_| Ok(())).map_err(|errors| errors.to_string())
}

fn collect(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_collect"))
        .args(args)
        .current_dir(ROOT)
        .output()
        .unwrap()
}

#[test]
fn every_config_is_valid() {
    // The others are workflows; `tests/github/yaml` checks those.
    let configs: Vec<String> = blocks(&readme(), "yaml")
        .into_iter()
        .filter(|text| text.starts_with("main:"))
        .collect();
    assert!(configs.len() >= 2, "an EC2 config and the seed's");
    for text in configs {
        let config = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(matches!(config.provider, ProviderSpec::Ec2(_)), "{text}");
    }
}

#[test]
fn the_whole_language_is_shown_as_the_example_has_it() {
    let example = fs::read_to_string(Path::new(ROOT).join("examples/seed/config.yml")).unwrap();
    assert!(blocks(&readme(), "yaml").contains(&example));
}

#[test]
fn the_tables_of_keys_are_those_of_the_program() {
    for keys in [&MAIN_KEYS[..], &STEP_KEYS] {
        let supported = keys.iter().filter(|key| key.is_supported());
        let table = supported.fold(String::new(), |table, key| {
            let Key { name, meaning, .. } = key;
            table + &format!("| `{name}` | {} | {meaning} |\n", key.default_text())
        });
        assert!(readme().contains(&table), "the README has to say:\n{table}");
    }
}

#[test]
fn the_table_of_exit_statuses_is_complete() {
    let statuses = [
        ExitStatus::Passed,
        ExitStatus::StepFailed,
        ExitStatus::Misused,
        ExitStatus::Unavailable,
        ExitStatus::Leaked,
        ExitStatus::Signalled(Signal::Hup),
        ExitStatus::Signalled(Signal::Int),
        ExitStatus::Signalled(Signal::Term),
    ];
    let statuses = statuses.map(|status| status.to_string());
    assert_eq!(first_column(&readme(), "## Exit status"), statuses);
}

#[test]
fn every_option_exists() {
    // What stands behind `cargo` on a line is cargo's up to the `--`.
    let words: Vec<String> = readme()
        .replace("\\\n", " ")
        .lines()
        // What stands behind `docker run` is Docker's up to the image.
        .map(|line| match line.split_once("docker run ") {
            Some((_, after)) => after
                .split_once("/collector:1")
                .map_or("", |(_, ours)| ours),
            None => line,
        })
        // The workflow has it in two lines.
        .filter(|line| !line.trim_start().starts_with("docker run"))
        .map(|line| match line.split_once("cargo ") {
            Some((before, after)) => {
                let ours = after.split_once(" -- ").map_or("", |(_, ours)| ours);
                format!("{before} {ours}")
            }
            None => line.to_owned(),
        })
        .flat_map(|line| {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let named: BTreeSet<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| {
            word.strip_prefix("--")
                .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        })
        .collect();
    let help: String = [
        &["--help"][..],
        &["check", "--help"],
        &["plan", "--help"],
        &["init", "--help"],
        &["list", "--help"],
        &["reap", "--help"],
        &["results", "--help"],
        &["rm", "--help"],
    ]
    .iter()
    .map(|args| String::from_utf8(collect(args).stdout).unwrap())
    .collect();
    let known: BTreeSet<&str> = help
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .collect();
    assert!(named.contains("--local"), "{named:?}");
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The actions of every statement of the policy, with the statement that allows them.
fn policy() -> Vec<(String, Value)> {
    let text = readme();
    let (_, section) = text
        .split_once("\n## IAM policy\n")
        .expect("the program's hints name the section by this title");
    let policies = blocks(section, "json");
    let policy: Value = serde_json::from_str(&policies[0]).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut actions = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        match &statement["Action"] {
            Value::Array(several) => {
                for action in several {
                    actions.push((action.as_str().unwrap().to_owned(), statement.clone()));
                }
            }
            one => actions.push((one.as_str().unwrap().to_owned(), statement.clone())),
        }
    }
    actions
}

/// The SDK's operations that the provider calls, as IAM spells them.
fn called() -> BTreeSet<String> {
    const VERBS: [&str; 12] = [
        "allocate",
        "associate",
        "attach",
        "authorize",
        "create",
        "delete",
        "describe",
        "modify",
        "request",
        "revoke",
        "run",
        "terminate",
    ];
    let provider = Path::new(ROOT).join("src/provider");
    let mut files = vec![provider.join("ec2.rs")];
    if let Ok(entries) = fs::read_dir(provider.join("ec2")) {
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let mut called = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (start, _) in text.match_indices('.') {
            let rest = &text[start + 1..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let is_operation = name
                .split_once('_')
                .is_some_and(|(verb, _)| VERBS.contains(&verb))
                && rest[name.len()..].starts_with("()");
            if is_operation {
                let camel: String = name
                    .split('_')
                    .map(|word| word[..1].to_uppercase() + &word[1..])
                    .collect();
                called.insert(format!("ec2:{camel}"));
            }
        }
    }
    called
}

#[test]
fn the_policy_allows_what_is_called_and_no_more() {
    let allowed: BTreeSet<String> = policy().into_iter().map(|(action, _)| action).collect();
    let mut needed = called();
    assert!(needed.contains("ec2:RunInstances"), "{needed:?}");
    // Asked of whoever launches with tags, or from an image behind a parameter; no call of their own.
    needed.extend(["ec2:CreateTags", "ssm:GetParameters"].map(str::to_owned));
    assert_eq!(allowed, needed);
}

#[test]
fn the_policy_reaches_only_what_carries_the_tag() {
    for (action, statement) in policy() {
        let condition = &statement["Condition"];
        match action.as_str() {
            "ec2:TerminateInstances"
            | "ec2:AuthorizeSecurityGroupIngress"
            | "ec2:DeleteSecurityGroup" => assert_eq!(
                condition["Null"]["aws:ResourceTag/collector:lease"],
                "false"
            ),
            "ec2:CreateTags" => {
                assert_eq!(
                    condition["StringEquals"]["ec2:CreateAction"],
                    serde_json::json!(["RunInstances", "CreateSecurityGroup"])
                );
            }
            "ec2:RunInstances" | "ec2:CreateSecurityGroup"
                if statement["Resource"] != "arn:aws:ec2:*:*:vpc/*"
                    && statement["Sid"] != "LaunchFrom" =>
            {
                assert_eq!(condition["Null"]["aws:RequestTag/collector:lease"], "false");
            }
            _ => assert!(condition.is_null(), "{action}"),
        }
    }
}

#[test]
fn the_first_command_is_valid() {
    let text = readme();
    let first = blocks(&text, "console").remove(0);
    assert_eq!(first.trim(), FIRST_COMMAND);
    let output = collect(&["check", "--local", "examples/gzip-levels"]);
    assert!(output.status.success(), "{output:?}");
}

/// The targets of the Markdown links.
fn links(text: &str) -> Vec<String> {
    prose(text)
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect()
}

/// The anchor that a heading gets: lower case, hyphens for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let text = readme();
    let anchors: Vec<String> = prose(&text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect();
    let links = links(&text);
    assert!(!links.is_empty());
    for link in links {
        if link.starts_with("https://") {
            continue;
        }
        if let Some(name) = link.strip_prefix('#') {
            assert!(anchors.contains(&name.to_owned()), "{link}");
        } else {
            assert!(Path::new(ROOT).join(&link).exists(), "{link}");
        }
    }
}
