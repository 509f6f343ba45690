//! The inputs of the action are defined once, and told three times: in `action.yml`, in `--help`, in `docs/github-actions.md`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use collector::exit_status::ExitStatus;
use serde_json::Value;

use crate::documents::Document;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn text(file: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{file}")).unwrap()
}

fn action() -> Value {
    serde_saphyr::from_str(&text("action.yml")).unwrap()
}

/// The keys of a section of `action.yml`, with the default of each that has one.
fn section(name: &str) -> BTreeMap<String, Option<String>> {
    let action = action();
    let entries = action[name].as_object().unwrap().iter();
    entries
        .map(|(key, entry)| (key.clone(), entry["default"].as_str().map(str::to_owned)))
        .collect()
}

fn page() -> Document {
    Document::open("docs/github-actions.md")
}

/// What `--help` says, as a list of `(argument, variable)`.
fn arguments() -> Vec<(String, String)> {
    let help = Command::new(env!("CARGO_BIN_EXE_collect"))
        .arg("--help")
        .env_clear()
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut argument = String::new();
    let mut found = Vec::new();
    for line in help.lines() {
        let start = line.trim_start();
        if let Some(name) = start.strip_prefix("--").or_else(|| start.strip_prefix("<")) {
            let end = name.find([' ', '>', '=']).unwrap_or(name.len());
            argument = name[..end].to_lowercase();
        }
        if let Some((_, rest)) = line.split_once("[env: ") {
            let variable = rest.split([']', '=']).next().unwrap();
            found.push((argument.clone(), variable.to_owned()));
        }
    }
    found
}

#[test]
fn every_input_is_an_argument_with_a_variable_of_its_own() {
    let inputs: Vec<String> = section("inputs").into_keys().collect();
    let mut arguments = arguments();
    arguments.sort();
    let names: Vec<String> = arguments.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, inputs);
    for (name, variable) in arguments {
        assert_eq!(variable, format!("INPUT_{}", name.to_uppercase()));
    }
}

#[test]
fn the_page_has_every_input_and_every_output() {
    let mut inputs = page().section("## Inputs").first_column();
    inputs.sort();
    assert_eq!(inputs, section("inputs").into_keys().collect::<Vec<_>>());
    let mut outputs = page().section("## Outputs").first_column();
    outputs.sort();
    assert_eq!(outputs, section("outputs").into_keys().collect::<Vec<_>>());
}

#[test]
fn defaults_are_the_same_everywhere() {
    let help = Command::new(env!("CARGO_BIN_EXE_collect"))
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let inputs = section("inputs");
    for name in ["role-duration", "comment"] {
        let default = inputs[name].as_ref().unwrap();
        assert!(
            help.contains(&format!("[default: {default}]")),
            "{name}: {default}"
        );
        let row = format!("| `{name}` | `{default}` |");
        assert!(page().text.contains(&row), "{row}");
    }
}

#[test]
fn the_entrypoints_are_in_the_image() {
    let action = action();
    let runs = &action["runs"];
    let dockerfile = text("Dockerfile");
    assert_eq!(runs["entrypoint"], "/usr/local/bin/collect");
    assert_eq!(runs["post-entrypoint"], "/usr/local/bin/collect-post");
    assert!(dockerfile.contains("ENTRYPOINT [\"/usr/local/bin/collect\"]"));
    assert!(dockerfile.contains("ln -s collect /usr/local/bin/collect-post"));
}

#[test]
fn a_step_sets_every_output() {
    let delivery = text("src/app/delivery.rs");
    for name in section("outputs").into_keys() {
        assert!(delivery.contains(&format!("\"{name}\",")), "{name}");
    }
}

#[test]
fn every_base_image_is_pinned_by_its_digest() {
    let dockerfile = text("Dockerfile");
    let from = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "));
    let bases: Vec<&str> = from.filter(|image| image.contains(':')).collect();
    let images = ["rust:1.95-slim-bookworm", "debian:trixie-slim"];
    assert_eq!(bases.len(), images.len(), "{bases:?}");
    for (base, image) in bases.iter().zip(images) {
        let digest = base.strip_prefix(image).unwrap_or(base);
        let digest = digest
            .strip_prefix("@sha256:")
            .and_then(|rest| rest.get(..64));
        let is_digest = digest.is_some_and(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(is_digest, "{base}");
    }
}

/// The steps of a job of the release, by name or action, in their order.
fn steps_of_release(job: &str) -> Vec<String> {
    let workflow: Value = serde_saphyr::from_str(&text(".github/workflows/release.yml")).unwrap();
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap().iter();
    let name = |step: &Value| {
        step["name"]
            .as_str()
            .or(step["uses"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    steps.map(name).collect()
}

#[test]
fn a_release_runs_the_image_before_it_tags_anything_and_moves_tags_last() {
    let build = steps_of_release("build");
    assert!(build.contains(&"Run it by its digest".into()), "{build:?}");
    let publish = steps_of_release("publish");
    let place = |name: &str| publish.iter().position(|step| step == name).unwrap();
    let order = [
        "Pull it as anybody can",
        "Attest the image",
        "Attest the binaries",
        "Tag a commit that pins the image",
        "Release it",
        "Move the tags of the version",
    ];
    assert!(order.is_sorted_by_key(|name| place(name)), "{publish:?}");
    assert_eq!(publish.last().unwrap(), order.last().unwrap());
    let needs = text(".github/workflows/release.yml");
    assert!(needs.contains("needs: [version, test, build]"));
}

#[test]
fn a_release_has_the_completions_and_the_manual_pages() {
    let release = text(".github/workflows/release.yml");
    for shell in ["bash", "zsh", "fish"] {
        assert!(release.contains(&format!(
            "binary/collect completions {shell} > binary/completions/"
        )));
    }
    assert!(release.contains("binary/collect man binary/man"));
    assert!(release.contains("--directory binary collect completions man"));
}

#[test]
fn the_changelog_begins_with_the_version_that_is_released_next() {
    let changelog = text("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## "));
    let heading = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(first.unwrap().starts_with(&heading), "{first:?}");
}

#[test]
fn the_action_tells_of_every_exit_status() {
    let description = action()["outputs"]["exit-status"]["description"].to_string();
    for status in ExitStatus::WITHOUT_SIGNAL {
        let status = status.to_string();
        let mut words = description.split(|c: char| !c.is_ascii_digit());
        assert!(words.any(|word| word == status), "{status}: {description}");
    }
}

#[test]
fn no_workflow_runs_an_image_by_its_tag() {
    for entry in fs::read_dir(format!("{ROOT}/.github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow = fs::read_to_string(&path).unwrap();
        let (_, runs) = workflow.split_once("docker run").unwrap_or_default();
        let command = runs.split("\n      - ").next().unwrap();
        let pinned =
            command.is_empty() || command.contains("@sha256:") || command.contains("@$DIGEST");
        assert!(pinned, "{}: {command}", path.display());
    }
}

#[test]
fn a_reusable_workflow_is_told_what_its_matrix_is() {
    let description = action()["inputs"]["matrix"]["description"].to_string();
    assert!(description.contains("reusable workflow") && description.contains("caller"));
    assert!(
        page()
            .text
            .contains("hand over the `toJSON(matrix)` of the caller")
    );
}
