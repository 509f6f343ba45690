//! A preview of a run as a person reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::text::{aligned, printable};
use crate::config::human_duration;
use crate::preview::{Entry, Preview, Setting, StepPreview};
use crate::quoting::quote_where_needed;
use crate::step::Location;

/// The settings, then the schedule with a line for each step, then the variables of every step.
pub fn lines(preview: &Preview) -> Vec<String> {
    let settings = preview.settings.iter().map(setting);
    let revision = match &preview.commit {
        Some(commit) if commit.as_str() != preview.revision.as_str() => {
            format!("{} (commit {commit})", preview.revision)
        }
        _ => preview.revision.to_string(),
    };
    let revision = ["revision".to_owned(), revision];
    let settings: Vec<_> = [revision].into_iter().chain(settings).collect();
    let heads = ["phase", "script", "on", "time-out", "options"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(preview.schedule.iter().flat_map(entry));
    let mut lines = aligned(&settings);
    lines.push(String::new());
    lines.extend(aligned(&rows));
    lines.push(String::new());
    lines.extend(variables(preview));
    lines.iter().map(|line| printable(line)).collect()
}

fn setting(setting: &Setting) -> [String; 2] {
    let value = match &setting.value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            (!items.is_empty()).then(|| items.join("  "))
        }
        value => Some(value.to_string()),
    };
    let said = match (value, &setting.note) {
        (Some(value), Some(note)) => format!("{value} ({note})"),
        (Some(value), None) => value,
        (None, Some(note)) => format!("({note})"),
        (None, None) => "-".into(),
    };
    [setting.key.to_owned(), said]
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn entry(entry: &Entry) -> Vec<[String; 5]> {
    let does = entry.does.iter().map(|does| {
        let does = format!("({does})");
        [does, String::new(), String::new(), String::new()]
    });
    let rows = does.chain(entry.steps.iter().map(step));
    let stages = [entry.stage.clone()].into_iter();
    stages
        .chain(std::iter::repeat(String::new()))
        .zip(rows)
        .map(|(stage, [script, location, timeout, options])| {
            [stage, script, location, timeout, options]
        })
        .collect()
}

fn step(step: &StepPreview) -> [String; 4] {
    let location = match step.location {
        Location::Local => "this machine",
        Location::Remote => "instance",
    };
    let timeout = step.timeout_seconds.map_or_else(
        || "none".to_owned(),
        |seconds| human_duration(Duration::from_secs_f64(seconds)),
    );
    let own = step.env.iter().filter(|(name, _)| !is_of_every_step(name));
    let own = own.map(|(name, value)| {
        let value = value.as_deref().unwrap_or_default();
        format!("{name}={}", quote_where_needed(value))
    });
    let args = step.args.iter().map(|arg| quote_where_needed(arg));
    let warn_only = step.warn_only.then(|| "(a failure only warns)".to_owned());
    let options: Vec<String> = args.chain(own).chain(warn_only).collect();
    [
        step.script.to_string(),
        location.to_owned(),
        timeout,
        options.join(" "),
    ]
}

fn is_of_every_step(name: &str) -> bool {
    ["VERSION", "BASELINE"].contains(&name) || name.starts_with("COLLECTOR_")
}

/// The variables that every step has, with the values that are known.
fn variables(preview: &Preview) -> Vec<String> {
    let steps = preview.schedule.iter().flat_map(|entry| &entry.steps);
    let mut all: BTreeMap<&String, BTreeSet<&Option<String>>> = BTreeMap::new();
    for (name, value) in steps.flat_map(|step| &step.env) {
        all.entry(name).or_default().insert(value);
    }
    let head = ["variable", "value in every step"].map(str::to_owned);
    let rows = all
        .into_iter()
        .filter(|(name, _)| is_of_every_step(name))
        .map(|(name, values)| {
            let value = match (name.as_str(), values.last()) {
                ("COLLECTOR_PHASE", _) => "(the phase of the step)".into(),
                ("COLLECTOR_OUTPUT", _) => "(the results' directory, on this machine only)".into(),
                ("VERSION", _) if values.len() > 1 => "(the revision whose turn it is)".into(),
                ("COLLECTOR_COMMIT", _) if values.len() > 1 => {
                    "(that of the revision whose turn it is)".into()
                }
                ("BASELINE", Some(Some(value))) if value.is_empty() => {
                    "(empty: there is none)".into()
                }
                (_, Some(Some(value))) if !values.contains(&None) && value.is_empty() => {
                    "(empty)".into()
                }
                (_, Some(Some(value))) if !values.contains(&None) => value.clone(),
                _ => "(known during the run)".into(),
            };
            [name.clone(), value]
        });
    let rows: Vec<[String; 2]> = [head].into_iter().chain(rows).collect();
    aligned(&rows)
}
