//! The JSON Schema of a config file, made from the tables of its keys: what an editor completes, explains and underlines.
//!
//! It is draft 7, which every language server knows. It is no stricter than the reader; what only the reader can see, such
//! as a script that does not exist, `collect check` finds.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::duration::{MAX_SECONDS, MINUTE};
use super::keys::{
    DefaultValue, FAIL_ON_KEYS, FIGURE_KEYS, FILE_KEYS, Key, Kind, MAIN_KEYS, STEP_KEYS, Scope,
};
use super::node;

/// The place where each release publishes its schema.
const URL: &str =
    "https://github.com/andresriancho/collector/releases/latest/download/collector.schema.json";

/// One or more numbers with a unit, or a bare number of minutes; not zero.
const DURATION: &str =
    r"^(?=.*[1-9])\s*((([0-9]+\.?[0-9]*|\.[0-9]+)[smhd]\s*)+|([0-9]+\.?[0-9]*|\.[0-9]+)\s*)$";

/// One or more numbers with a unit; not zero.
const DURATION_WITH_UNIT: &str = r"^(?=.*[1-9])\s*(([0-9]+\.?[0-9]*|\.[0-9]+)[smhd]\s*)+$";

/// A number with a percent sign.
const PERCENT: &str = r"^\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*%\s*$";

/// A path that stays below its directory.
const SCRIPT: &str = r"^(?!/)(?!(.*/)?\.\.(/|$))(?!(\./*)*\.?$)[^\r\n]+$";

/// A glob below the directory of the results.
const COLLECTED: &str = r"^(?![/~])(?!(.*/)?\.\.(/|$))[^\r\n]*\S[^\r\n]*$";

/// The schema of a config file.
pub fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": URL,
        "title": "A config of collector",
        "definitions": {
            "main": main_section(),
            "steps": { "type": ["array", "null"], "items": step() },
            "figure_options": { "type": ["object", "null"], "properties": properties(&FIGURE_KEYS), "additionalProperties": false },
            "options": { "type": ["object", "null"], "properties": properties(&STEP_KEYS), "additionalProperties": false },
        },
        "type": "object",
        "properties": properties(&FILE_KEYS),
        "additionalProperties": false,
        "required": required(&FILE_KEYS, Scope::EveryProvider),
        // Without a phase there is nothing to do.
        "minProperties": 2,
    })
}

fn main_section() -> Value {
    json!({
        "type": "object",
        "properties": properties(&MAIN_KEYS),
        "additionalProperties": false,
        "required": required(&MAIN_KEYS, Scope::EveryProvider),
        "if": { "properties": { "provider": { "const": "local" } }, "required": ["provider"] },
        "else": { "required": required(&MAIN_KEYS, Scope::Ec2) },
    })
}

/// A script, or a script with options.
fn step() -> Value {
    with_options(SCRIPT, "options")
}

/// A glob, or a glob with options.
fn figure_files() -> Value {
    with_options(COLLECTED, "figure_options")
}

/// A text, or a text with options, which are one map or a list of maps.
fn with_options(pattern: &str, definition: &str) -> Value {
    let options = json!({ "$ref": format!("#/definitions/{definition}") });
    json!({
        "anyOf": [
            { "type": "string", "pattern": pattern },
            {
                "type": "object",
                "propertyNames": { "pattern": pattern },
                "additionalProperties": {
                    "anyOf": [options, { "type": "array", "items": { "allOf": [options, { "type": "object" }] } }],
                },
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    })
}

fn required(table: &[Key], scope: Scope) -> Vec<&'static str> {
    let required = table
        .iter()
        .filter(|key| key.default == DefaultValue::Required && key.scope == scope);
    required.map(|key| key.name).collect()
}

fn properties(table: &[Key]) -> Map<String, Value> {
    let supported = table.iter().filter(|key| key.is_supported());
    supported
        .map(|key| (key.name.to_owned(), property(key)))
        .collect()
}

/// The values of a key, and what an editor says about it.
fn property(key: &Key) -> Value {
    let mut property = values(key);
    let meaning = key.meaning;
    property.insert("description".into(), plain(meaning).into());
    let default = match key.default {
        DefaultValue::Required => format!("It is {}.", key.default_text()),
        DefaultValue::Value(_) | DefaultValue::Behaviour(_) => {
            format!("Default: {}", key.default_text())
        }
    };
    property.insert(
        "markdownDescription".into(),
        format!("{meaning}\n\n{default}").into(),
    );
    if let DefaultValue::Value(value) = key.default {
        property.extend(yaml(value).map(|value| ("default".into(), value)));
    }
    // That of a section is there for its form, and not a whole one.
    if key.kind != Kind::Section {
        property.extend(yaml(key.example).map(|value| ("examples".into(), json!([value]))));
    }
    property.into()
}

/// Markdown without its code marks.
fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}

/// The keywords that hold for the values of a key.
fn values(key: &Key) -> Map<String, Value> {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let keywords = match key.kind {
        Kind::Text => json!({ "type": "string", "pattern": r"\S" }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Choices(words) => one_or_more(&json!({
            "type": "string",
            "pattern": format!("^({})$", words.join("|")),
        })),
        Kind::Revision => json!({
            "type": "string",
            "pattern": r"^(?!.*\.\.)[A-Za-z0-9_+@][A-Za-z0-9._/+@-]{0,127}$",
        }),
        Kind::Image => {
            json!({ "type": "string", "pattern": r"^(ami-[0-9A-Fa-f]+|resolve:ssm:\S+)$" })
        }
        Kind::Bucket => {
            json!({ "type": "string", "pattern": r"^(?![0-9]+(\.[0-9]+){3}(/|$))(?![^/]*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$" })
        }
        Kind::UserName => {
            json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,31}$" })
        }
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Switch => json!({ "enum": ["on", "off", true, false] }),
        Kind::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Kind::Port => json!({ "type": "integer", "minimum": 1, "maximum": u16::MAX }),
        Kind::Duration(least) => json!({
            "type": ["string", "number"],
            "pattern": DURATION,
            "exclusiveMinimum": 0,
            "minimum": Duration::from_secs(least).as_secs_f64() / MINUTE,
            "maximum": MAX_SECONDS / MINUTE,
        }),
        Kind::Interval => json!({
            "type": ["string", "boolean"],
            "pattern": format!("{DURATION_WITH_UNIT}|^off$"),
            "not": { "const": true },
        }),
        Kind::Globs => one_or_more(&json!({ "type": "string", "pattern": r"^[^\n]*\S[^\n]*$" })),
        Kind::Networks => one_or_more(&json!({
            "type": "string",
            "pattern": r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?$",
        })),
        Kind::Figures => json!({
            "type": ["string", "array"],
            "pattern": COLLECTED,
            "items": figure_files(),
            "minItems": 1,
        }),
        Kind::JsonPath => json!({ "type": "string", "pattern": r"^\$" }),
        Kind::Arguments => json!({ "type": "array", "items": scalar }),
        Kind::Variables => json!({
            "type": "object",
            "propertyNames": { "pattern": "^(?!VERSION$|BASELINE$|COLLECTOR_)[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": scalar,
        }),
        Kind::Percent => json!({ "type": "string", "pattern": PERCENT }),
        Kind::Limits => json!({
            "type": "object",
            "properties": properties(&FAIL_ON_KEYS),
            "additionalProperties": false,
            "required": required(&FAIL_ON_KEYS, Scope::EveryProvider),
        }),
        Kind::Section => json!({ "allOf": [{ "$ref": "#/definitions/main" }] }),
        Kind::Steps => json!({ "allOf": [{ "$ref": "#/definitions/steps" }] }),
        Kind::Planned => json!({ "not": {} }),
    };
    match keywords {
        Value::Object(keywords) => keywords,
        _ => Map::new(),
    }
}

fn one_or_more(item: &Value) -> Value {
    json!({
        "type": ["string", "array"],
        "pattern": item["pattern"],
        "items": item,
        "minItems": 1,
    })
}

/// A value that the tables hold as YAML.
fn yaml(text: &str) -> Option<Value> {
    let node = node::read(text).ok()?;
    Some(json_value(&node, text))
}

/// A node as JSON; a number that is not whole stays as it is written.
fn json_value(node: &node::Node, text: &str) -> Value {
    match &node.value {
        node::Value::Null => Value::Null,
        node::Value::Bool(value) => (*value).into(),
        node::Value::Number(number) => {
            let written = text.get(node.bytes.clone()).unwrap_or_default();
            let whole = written.parse::<i64>().map(Value::from);
            whole.unwrap_or_else(|_| {
                if number.fract() == 0.0 {
                    (*number).into()
                } else {
                    written.into()
                }
            })
        }
        node::Value::Text(text) => text.as_str().into(),
        node::Value::List(items) => items.iter().map(|item| json_value(item, text)).collect(),
        node::Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| {
                let key = text.get(key.bytes.clone()).unwrap_or_default();
                (key.to_owned(), json_value(value, text))
            })
            .collect(),
    }
}
