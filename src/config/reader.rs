//! Takes a tree apart key by key and keeps every problem on the way.

use std::num::NonZeroU32;
use std::time::Duration;

use super::duration;
use super::node::{At, Node, Value};
use super::problem::Problem;

/// How far a typing error may be from the key that was meant.
const NEAREST: f64 = 0.7;

/// Collects problems, so that the first is not the only one.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, at: At, message: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem::new(at, message, remedy));
    }

    fn wrong_type(&mut self, node: &Node, key: &str, wanted: &str, example: &str) {
        let found = node.value.kind();
        self.add(
            node.at,
            format!("`{key}` is {found}, {wanted} is expected"),
            format!("for example `{key}: {example}`"),
        );
    }

    pub(super) fn text(&mut self, node: &Node, key: &str, example: &str) -> Option<String> {
        match &node.value {
            Value::Text(text) if !text.trim().is_empty() => return Some(text.clone()),
            Value::Text(_) | Value::Null => self.add(
                node.at,
                format!("`{key}` is empty"),
                format!("give it a value, for example `{key}: {example}`, or remove the key"),
            ),
            Value::Number(_) | Value::Bool(_) => self.add(
                node.at,
                format!("`{key}` is {}, a text is expected", node.value.kind()),
                "put it in quotes",
            ),
            _ => self.wrong_type(node, key, "a text", example),
        }
        None
    }

    /// One text, or a list of texts.
    pub(super) fn texts(&mut self, node: &Node, key: &str, example: &str) -> Vec<(At, String)> {
        match &node.value {
            Value::List(items) => items
                .iter()
                .filter_map(|item| Some((item.at, self.text(item, key, example)?)))
                .collect(),
            _ => self
                .text(node, key, example)
                .map(|text| (node.at, text))
                .into_iter()
                .collect(),
        }
    }

    pub(super) fn boolean(&mut self, node: &Node, key: &str) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong_type(node, key, "`true` or `false`", "true");
        None
    }

    pub(super) fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let parsed = match &node.value {
            Value::Number(minutes) => duration::from_minutes(*minutes),
            Value::Text(text) => duration::parse(text),
            _ => {
                self.wrong_type(node, key, "a duration", "15m");
                return None;
            }
        };
        parsed
            .map_err(|why| {
                self.add(
                    node.at,
                    format!("`{key}` {why}"),
                    format!("write `{key}: 90s`, `15m` or `1h`; a bare number is minutes"),
                );
            })
            .ok()
    }

    /// A port number.
    /// A whole number from 1 to `most`.
    pub(super) fn count(&mut self, node: &Node, key: &str, most: u32) -> Option<NonZeroU32> {
        if let Value::Number(number) = node.value
            && number.fract() == 0.0
            && (1.0..=f64::from(most)).contains(&number)
        {
            return format!("{number}").parse().ok();
        }
        self.add(
            node.at,
            format!("`{key}` is not a whole number from 1 to {most}"),
            format!("give a number, for example `{key}: 5`"),
        );
        None
    }

    /// A TCP port.
    pub(super) fn port(&mut self, node: &Node, key: &str) -> Option<u16> {
        if let Value::Number(number) = node.value
            && number.fract() == 0.0
            && (1.0..=65535.0).contains(&number)
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "just checked"
            )]
            return Some(number as u16);
        }
        self.wrong_type(node, key, "a port from 1 to 65535", "22");
        None
    }

    /// A text or a number or a boolean, as the text that the user wrote for it.
    pub(super) fn scalar(&mut self, node: &Node, key: &str) -> Option<String> {
        match &node.value {
            Value::Text(text) if text.contains('\0') => {
                self.add(node.at, format!("`{key}` contains a NUL"), "remove it");
                None
            }
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => {
                self.wrong_type(node, key, "a text", "value");
                None
            }
        }
    }
}

/// The entries of a map, to be taken one by one; what is left over is unknown.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    left: Vec<(String, At, &'a Node)>,
}

impl<'a> Entries<'a> {
    /// Checks that the node is a map with text keys that do not repeat.
    pub(super) fn of(node: &'a Node, what: &str, problems: &mut Problems) -> Option<Self> {
        let Value::Map(pairs) = &node.value else {
            problems.add(
                node.at,
                format!("{what} is {}, a map is expected", node.value.kind()),
                "write `key: value` lines",
            );
            return None;
        };
        let mut left: Vec<(String, At, &Node)> = Vec::new();
        for (key, value) in pairs {
            let Some(name) = problems.scalar(key, "key") else {
                continue;
            };
            match left.iter().find(|(earlier, ..)| *earlier == name) {
                Some((_, first, _)) => problems.add(
                    key.at,
                    format!("`{name}` is given twice"),
                    format!("keep one; the first is in line {}", first.line),
                ),
                None => left.push((name, key.at, value)),
            }
        }
        Some(Self { left })
    }

    /// Removes and returns the value of a key.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a Node> {
        let index = self.left.iter().position(|(name, ..)| name == key)?;
        Some(self.left.swap_remove(index).2)
    }

    /// Reports all keys that nobody took, each with the nearest of `known`.
    pub(super) fn finish(self, known: &[&str], what: &str, problems: &mut Problems) {
        for (name, at, _) in self.left {
            let nearest = known
                .iter()
                .map(|key| {
                    (
                        strsim::normalized_damerau_levenshtein(
                            &name.to_lowercase(),
                            &key.to_lowercase(),
                        ),
                        *key,
                    )
                })
                .filter(|(score, _)| *score >= NEAREST)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let remedy = match nearest {
                Some((_, key)) => format!("did you mean `{key}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            problems.add(at, format!("unknown key `{name}` in {what}"), remedy);
        }
    }

    /// The remaining entries, with their keys.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (String, At, &'a Node)> {
        self.left.into_iter()
    }
}
