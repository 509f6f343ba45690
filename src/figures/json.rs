//! JSON as benchmarks write it, which is not always JSON, and its nodes with their places.

use std::fmt::Write as _;

use serde_json::Value;

use super::Position;
use super::sheet::{Fault, Sheet};

/// A text in place of a number that is none, no longer than the shortest of them.
const NO_NUMBER: &str = "\"?\"";

/// The words that C++, Python and C write where there is no number.
const NO_NUMBERS: [&str; 6] = ["Infinity", "infinity", "NaN", "nan", "Inf", "inf"];

/// Reads JSON; `None` where the text is something else.
pub(super) fn parse(text: &str) -> Option<Result<Value, Fault>> {
    let text = without_preface(text)?;
    let value = serde_json::from_str(&without_bare_words(&text));
    Some(value.map_err(|error| {
        let position = Position::Line {
            line: error.line().max(1),
            column: error.column().max(1),
        };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        (position, format!("the JSON cannot be read: {message}"))
    }))
}

/// Blanks the messages that fio writes in front of its JSON, so that places stay what they are.
fn without_preface(text: &str) -> Option<String> {
    if text.trim_start().starts_with(['{', '[']) {
        return Some(text.to_owned());
    }
    let start = text.find("\n{")? + 1;
    let (preface, rest) = text.split_at(start);
    if !rest.contains("\"fio version\"") {
        return None;
    }
    let blank = |c: char| if c == '\n' { c } else { ' ' };
    Some(preface.chars().map(blank).chain(rest.chars()).collect())
}

/// Bare `NaN` and `Infinity` become a text of the same length, so that places stay what they are.
fn without_bare_words(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut in_text = false;
    let mut escaped = false;
    let mut in_word = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            in_text = true;
        } else if !in_word {
            let unsigned = rest.strip_prefix('-').unwrap_or(rest);
            let word = NO_NUMBERS.iter().find(|word| unsigned.starts_with(**word));
            if let Some(word) = word {
                let length = word.len() + rest.len() - unsigned.len();
                let _ = write!(clean, "{NO_NUMBER:length$}");
                rest = rest.get(length..).unwrap_or_default();
                in_word = true;
                continue;
            }
        }
        in_word = c.is_alphanumeric();
        clean.push(c);
        rest = after;
    }
    clean
}

/// A value and its position.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: "$".to_owned(),
        }
    }

    /// A value at a position that is known.
    pub(super) const fn at(value: &'a Value, path: String) -> Self {
        Self { value, path }
    }

    pub(super) fn position(&self) -> Position {
        Position::Json(self.path.clone())
    }

    /// The value of a key, if the key is there; `null` is not.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self {
            value,
            path: self.path_of(key),
        })
    }

    fn path_of(&self, key: &str) -> String {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain {
            format!("{}.{key}", self.path)
        } else {
            format!("{}[{key:?}]", self.path)
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(index, value)| Self {
                value,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(|(key, value)| {
                let path = self.path_of(key);
                (key.as_str(), Self { value, path })
            })
            .collect()
    }

    /// The text of a key, if there is one.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key).and_then(Value::as_str)
    }

    /// The text of a key that has to be there.
    pub(super) fn needed_text(&self, key: &str, sheet: &mut Sheet) -> Option<&'a str> {
        let text = self.text(key);
        if text.is_none() {
            sheet.refuse(self.position(), format!("`{key}` is missing, or no text"));
        }
        text
    }

    /// The items of the list of a key that has to be there.
    pub(super) fn needed_items(&self, key: &str, sheet: &mut Sheet) -> Vec<Self> {
        let list = self.get(key).filter(|node| node.value.is_array());
        let Some(list) = list else {
            sheet.refuse(self.position(), format!("`{key}` is missing, or no list"));
            return Vec::new();
        };
        if list.items().is_empty() {
            sheet.refuse(list.position(), format!("`{key}` is empty"));
        }
        list.items()
    }

    /// The number that this is, or a flaw.
    pub(super) fn number(&self, sheet: &mut Sheet) -> Option<f64> {
        let number = self.value.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            let kind = match self.value {
                Value::Null => "is empty, not a number",
                Value::Array(_) => "is a list, not a number",
                Value::Object(_) => "is a map, not a number",
                Value::Bool(_) | Value::Number(_) | Value::String(_) => "is not a finite number",
            };
            sheet.refuse(self.position(), kind);
        }
        number
    }

    /// The numbers of a list; none of them where one is none, and a flaw where there is no list.
    pub(super) fn numbers(&self, sheet: &mut Sheet) -> Option<Vec<f64>> {
        let items = self.value.as_array().filter(|items| !items.is_empty());
        let Some(items) = items else {
            sheet.refuse(self.position(), "is no list with numbers");
            return None;
        };
        let finite = |value: &Value| value.as_f64().filter(|number| number.is_finite());
        let numbers: Vec<f64> = items.iter().map_while(finite).collect();
        if numbers.len() < items.len() {
            let path = format!("{}[{}]", self.path, numbers.len());
            sheet.refuse(Position::Json(path), "is not a finite number");
            return None;
        }
        Some(numbers)
    }

    /// The first number among these keys that is there.
    pub(super) fn first_number(&self, keys: &[&str], sheet: &mut Sheet) -> Option<f64> {
        let Some(node) = keys.iter().find_map(|key| self.get(key)) else {
            let keys = keys.join("` or `");
            sheet.refuse(self.position(), format!("`{keys}` is missing"));
            return None;
        };
        node.number(sheet)
    }

    /// The entries of a map as `a=1, b=2`; empty where there is no map.
    pub(super) fn parameters(&self, key: &str) -> String {
        let entries = self.get(key).map(|node| node.entries()).unwrap_or_default();
        let entries = entries.iter().map(|(name, node)| match node.value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        entries.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_words_are_no_numbers_and_places_stay() {
        let text = "{\"a\": NaN, \"NaN \\\"inf\": [-Infinity, -nan, inf], \"b\": nul}";
        let clean = without_bare_words(text);
        assert_eq!(clean.len(), text.len());
        assert!(
            clean.starts_with("{\"a\": \"?\", \"NaN \\\"inf\": [\"?\"      , "),
            "{clean}"
        );
        let (position, reason) = parse(text).unwrap().unwrap_err();
        let column = text.find("nul}").unwrap() + 4;
        assert_eq!(position, Position::Line { line: 1, column });
        assert!(
            reason.contains("the JSON cannot be read: expected"),
            "{reason}"
        );
    }

    #[test]
    fn only_fio_may_write_something_in_front() {
        let text = "fio: note\n{\"fio version\": 1}";
        assert_eq!(parse(text).unwrap().unwrap()["fio version"], 1);
        assert!(parse("note\n{\"a\": 1}").is_none());
    }

    proptest! {
        #[test]
        fn nothing_changes_without_bare_words(text in "[\\[\\]{}\",:0-9a-f\\\\ \n]{0,40}") {
            prop_assume!(!text.contains("inf") && !text.contains("nan"));
            prop_assert_eq!(without_bare_words(&text), text);
        }
    }
}
