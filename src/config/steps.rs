//! The lists of scripts.

use std::time::Duration;

use super::Inspect;
use super::duration::human;
use super::node::{At, Node, Value};
use super::reader::{Entries, Problems};
use crate::phase::Phase;
use crate::step::{Place, ScriptPath, Step};

/// The options of a step.
const OPTIONS: [&str; 5] = ["local", "timeout", "warn_only", "args", "env"];

const EXAMPLE: &str = "write `- script.sh`, or `- script.sh:` with options below it";

pub(super) fn read(
    node: &Node,
    phase: Phase,
    lifetime: Duration,
    inspect: Inspect<'_>,
    problems: &mut Problems,
) -> Vec<Step> {
    let items = match &node.value {
        Value::Null => return Vec::new(),
        Value::List(items) => items,
        other => {
            problems.add(
                node.at,
                format!(
                    "`{phase}` is {}, a list of scripts is expected",
                    other.kind()
                ),
                EXAMPLE,
            );
            return Vec::new();
        }
    };
    let mut steps = Vec::new();
    for item in items {
        let Some((at, name, options)) = head(item, phase, problems) else {
            continue;
        };
        let Some(script) = script(at, &name, inspect, problems) else {
            continue;
        };
        let mut step = Step {
            script,
            place: if phase == Phase::BeforeAwsStart {
                Place::Here
            } else {
                Place::Instance
            },
            timeout: None,
            warn_only: false,
            args: Vec::new(),
            env: Vec::new(),
        };
        if let Some(options) = options {
            read_options(&mut step, options, phase, lifetime, problems);
        }
        steps.push(step);
    }
    steps
}

/// The script's name and the node that holds its options.
fn head<'a>(
    item: &'a Node,
    phase: Phase,
    problems: &mut Problems,
) -> Option<(At, String, Option<&'a Node>)> {
    match &item.value {
        Value::Text(name) => Some((item.at, name.clone(), None)),
        Value::Map(pairs) => {
            let [(key, options)] = pairs.as_slice() else {
                problems.add(
                    item.at,
                    format!("a step of `{phase}` has {} scripts", pairs.len()),
                    "one script a step; indent its options below it",
                );
                return None;
            };
            let name = problems.text(key, "script", "script.sh")?;
            Some((key.at, name, Some(options)))
        }
        other => {
            problems.add(
                item.at,
                format!(
                    "a step of `{phase}` is {}, a script is expected",
                    other.kind()
                ),
                EXAMPLE,
            );
            None
        }
    }
}

fn script(at: At, name: &str, inspect: Inspect<'_>, problems: &mut Problems) -> Option<ScriptPath> {
    let path = match ScriptPath::parse(name) {
        Ok(path) => path,
        Err(why) => {
            problems.add(
                at,
                format!("the script path {name:?} {why}"),
                "give a path relative to the config file",
            );
            return None;
        }
    };
    if let Err((message, remedy)) = inspect(&path) {
        problems.add(at, message, remedy);
        return None;
    }
    Some(path)
}

/// Options come as one map, or as a list of maps.
fn read_options(
    step: &mut Step,
    options: &Node,
    phase: Phase,
    lifetime: Duration,
    problems: &mut Problems,
) {
    let what = format!("the options of `{}`", step.script);
    let merged;
    let map = match &options.value {
        Value::Null => return,
        Value::List(items) => {
            let mut pairs = Vec::new();
            for item in items {
                match &item.value {
                    Value::Map(more) => pairs.extend(more.iter().cloned()),
                    other => problems.add(
                        item.at,
                        format!("an option of `{}` is {}", step.script, other.kind()),
                        "write it as `name: value`, for example `timeout: 15m`",
                    ),
                }
            }
            merged = Node {
                value: Value::Map(pairs),
                at: options.at,
            };
            &merged
        }
        _ => options,
    };
    let Some(mut entries) = Entries::of(map, &what, problems) else {
        return;
    };
    if let Some(node) = entries.take("local") {
        match problems.boolean(node, "local") {
            Some(true) => step.place = Place::Here,
            Some(false) if phase == Phase::BeforeAwsStart => problems.add(
                node.at,
                "`local: false` in `before_aws_start`, where there is no instance yet",
                "remove it, or move the step to `after_aws_start`",
            ),
            _ => {}
        }
    }
    if let Some(node) = entries.take("timeout") {
        step.timeout = problems.duration(node, "timeout");
        if let Some(timeout) = step.timeout.filter(|timeout| *timeout > lifetime) {
            problems.add(
                node.at,
                format!(
                    "`timeout` {} is longer than the instance lives ({})",
                    human(timeout),
                    human(lifetime)
                ),
                "shorten it, or raise `main.max_lifetime`",
            );
        }
    }
    if let Some(node) = entries.take("warn_only") {
        step.warn_only = problems.boolean(node, "warn_only").unwrap_or_default();
    }
    if let Some(node) = entries.take("args") {
        step.args = read_args(node, problems);
    }
    if let Some(node) = entries.take("env") {
        step.env = read_env(node, problems);
    }
    entries.finish(&OPTIONS, &what, problems);
}

fn read_args(node: &Node, problems: &mut Problems) -> Vec<String> {
    let Value::List(items) = &node.value else {
        problems.add(
            node.at,
            format!("`args` is {}, a list is expected", node.value.kind()),
            "write `args: [first, second]`",
        );
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| problems.scalar(item, "args"))
        .collect()
}

fn read_env(node: &Node, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(entries) = Entries::of(node, "`env`", problems) else {
        return Vec::new();
    };
    let mut env = Vec::new();
    for (name, at, node) in entries.into_pairs() {
        let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            problems.add(
                at,
                format!("{name:?} is not the name of a variable"),
                "use letters, digits and `_`",
            );
        } else if name == "VERSION" || name.starts_with("COLLECTOR_") {
            problems.add(
                at,
                format!("`{name}` is set by collector"),
                "choose another name",
            );
        } else if let Some(value) = problems.scalar(node, &name) {
            env.push((name, value));
        }
    }
    env
}
