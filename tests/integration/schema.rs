//! `collect schema`: what an editor takes for a config is what the program takes for one.

use std::fs;
use std::path::Path;

use collector::config::{Config, FIGURE_KEYS, Key, MAIN_KEYS, STEP_KEYS, Source, schema};
use jsonschema::Validator;
use serde_json::Value;

use crate::command::{Sandbox, run};
use crate::documents::Document;

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// YAML as an editor reads it.
fn value(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap_or_else(|error| panic!("{error}"))
}

/// Whether the program takes it, with every script that it names.
fn is_config(text: &str) -> bool {
    let source = Source {
        path: Path::new("config.yml"),
        text,
        local: false,
    };
    Config::parse(source, &|_| Ok(())).is_ok()
}

/// A config with this value for a key of `main`.
fn with_main_key(key: &str, value: &str) -> String {
    let needed = [
        ("performance_results", "x"),
        ("output", "out"),
        ("ec2_instance_size", "c7i.large"),
        ("ami", "ami-0abc"),
        // `send` has no meaning without it.
        ("repository", "."),
        // Nor has `exports`.
        ("figures", "bench.json"),
        // Nor has `download`.
        ("S3", "my-bucket"),
    ];
    // Figures are read here, where `download: false` brings none.
    let left_out = |name: &str| name == key || (name, key) == ("figures", "download");
    let rest = needed.iter().filter(|(name, _)| !left_out(name));
    let rest = rest.map(|(name, value)| format!("  {name}: {value}\n"));
    let rest: String = rest.collect();
    format!("main:\n{rest}  {key}: {value}\nrun: [measure.sh]\n")
}

/// A config with this value for an option of a step.
fn with_option(option: &str, value: &str) -> String {
    with_steps(&format!("[measure.sh: {{{option}: {value}}}]"))
}

/// A config with this value for an option of an entry of `figures`.
fn with_figure_option(option: &str, value: &str) -> String {
    let format = match option {
        "path" => "format: json, ",
        "name" | "value" | "unit" => "format: csv, ",
        _ => "",
    };
    with_main_key("figures", &format!("[a: {{{format}{option}: {value}}}]"))
}

/// A config with this list of scripts besides one that is good.
fn with_steps(steps: &str) -> String {
    let main = with_main_key("provider", "ec2");
    format!("{main}setup: {steps}\n")
}

fn supported(keys: &[Key]) -> impl Iterator<Item = &Key> {
    keys.iter().filter(|key| key.is_supported())
}

#[test]
fn it_is_printed() {
    let sandbox = Sandbox::new();
    let finished = run(sandbox.collect(&["schema"])).expect(0);
    assert_eq!(finished.stderr, "");
    let printed: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(printed, schema());
}

#[test]
fn it_is_a_schema() {
    assert_eq!(
        schema()["$schema"],
        "http://json-schema.org/draft-07/schema#"
    );
    jsonschema::draft7::meta::validate(&schema()).unwrap();
}

#[test]
fn it_takes_every_config_that_is_published() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = fs::read_dir(root.join("examples")).unwrap();
    let examples = examples.map(|entry| entry.unwrap().path().join("config.yml"));
    let examples = examples.map(|path| fs::read_to_string(path).unwrap());
    let in_documents = ["README.md", "docs/steps.md"]
        .into_iter()
        .flat_map(|path| Document::open(path).blocks("yaml"))
        .filter(|text| text.starts_with("main:"));
    let configs: Vec<String> = examples.chain(in_documents).collect();
    assert!(configs.len() >= 5, "three examples, and two in documents");
    for text in configs {
        let faults: Vec<String> = validator()
            .iter_errors(&value(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}\n{text}");
    }
}

#[test]
fn it_refuses_keys_that_the_program_refuses() {
    let planned = MAIN_KEYS.iter().filter(|key| !key.is_supported());
    let unknown = ["keypare", "Output", ""].into_iter();
    for name in planned.map(|key| key.name).chain(unknown) {
        let text = with_main_key(&format!("'{name}'"), "x");
        assert!(!validator().is_valid(&value(&text)), "{text}");
    }
    for text in [
        with_option("timout", "15m"),
        with_main_key("user", "admin") + "setpu: [a.sh]\n",
        "main: {}\nrun: [a.sh]\n".to_owned(),
        "run: [a.sh]\n".to_owned(),
        "just a text\n".to_owned(),
    ] {
        assert!(!validator().is_valid(&value(&text)), "{text}");
    }
}

#[test]
fn a_config_for_this_machine_needs_no_instance_type() {
    let main = "main:\n  output: out\n  performance_results: x\n";
    let run = "run: [measure.sh]\n";
    let local = format!("{main}  provider: local\n{run}");
    assert!(is_config(&local) && validator().is_valid(&value(&local)));
    for provider in ["", "  provider: ec2\n"] {
        let text = format!("{main}{provider}{run}");
        assert!(
            !is_config(&text) && !validator().is_valid(&value(&text)),
            "{text}"
        );
    }
}

/// Values of every kind, good and bad.
const VALUES: [&str; 47] = [
    "{slower: 5%}",
    "{slower: 5}",
    "{slower: -5%}",
    "{slower: 5%, faster: 5%}",
    "",
    "true",
    "yes",
    "7",
    "0",
    "-1",
    "1.5",
    "300",
    "70000",
    "text",
    "'7'",
    "''",
    "' '",
    "[]",
    "[a]",
    "[1]",
    "['']",
    "[a, 2]",
    "[true]",
    "[[a]]",
    "[null]",
    "[{a: b}]",
    "{}",
    "{a: 1}",
    "{A_1: x, b: true}",
    "{a: [1]}",
    "{a: }",
    "{a-b: 1}",
    "{VERSION: 1}",
    "{COLLECTOR_X: 1}",
    "15m",
    "1h 30m",
    "0s",
    "5x",
    "1h30",
    "ami-0abc",
    "ami-xyz",
    "resolve:ssm:/x",
    "a b",
    "203.0.113.7",
    "[10.0.0.0/8, '2001:db8::/64']",
    "everywhere",
    "local",
];

#[test]
fn of_every_key_it_takes_what_the_program_takes() {
    let main = supported(&MAIN_KEYS).map(|key| (key, with_main_key as fn(&str, &str) -> String));
    let step = supported(&STEP_KEYS).map(|key| (key, with_option as fn(&str, &str) -> String));
    let figure =
        supported(&FIGURE_KEYS).map(|key| (key, with_figure_option as fn(&str, &str) -> String));
    let validator = validator();
    let mut differences = Vec::new();
    for (key, config) in main.chain(step).chain(figure) {
        let example = config(key.name, key.example);
        assert!(
            is_config(&example) || key.example.contains('…'),
            "{example}"
        );
        for text in VALUES
            .map(|value| config(key.name, value))
            .into_iter()
            .chain([example])
        {
            let (editor, program) = (validator.is_valid(&value(&text)), is_config(&text));
            if editor != program {
                differences.push(format!("editor {editor}, program {program}:\n{text}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn of_steps_it_takes_what_the_program_takes() {
    let validator = validator();
    for steps in [
        "",
        "[]",
        "{}",
        "a.sh",
        "[a.sh]",
        "[a.sh, b/c.sh]",
        "[a.sh: ]",
        "[a.sh: {}]",
        "[a.sh: []]",
        "[a.sh: {local: true, timeout: 60}]",
        "[a.sh: [{local: true}, {timeout: 60}]]",
        "[a.sh: [15m]]",
        "[a.sh: [null]]",
        "[a.sh: 15m]",
        "[{a.sh: , b.sh: }]",
        "[{}]",
        "[[a.sh]]",
        "[null]",
        "[1]",
        "[true]",
        "[/bin/sh]",
        "[../x]",
        "[a/../../x]",
        "[..]",
        "['']",
        "[.]",
        "[./]",
        "[./a.sh]",
        "[a..b]",
        "[.hidden]",
        "[\"a\\nb\"]",
        "[{../x: }]",
    ] {
        let text = with_steps(steps);
        assert_eq!(
            validator.is_valid(&value(&text)),
            is_config(&text),
            "{text}"
        );
    }
}
