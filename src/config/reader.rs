//! Readers of values, one for each kind, that keep every problem on the way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use super::Baseline;
use super::duration::{self, Interval};
use super::keys::{Key, Kind};
use super::node::{At, Node, Value};
use super::pattern::Pattern;
use super::problem::Problem;
use super::upload::Upload;
use crate::revision::RevisionError;

/// Collects problems, so that the first is not the only one.
#[derive(Debug)]
pub(super) struct Problems<'s> {
    /// The file, for values that are kept as they are written.
    pub(super) source: &'s str,
    pub(super) found: Vec<Problem>,
}

impl<'s> Problems<'s> {
    pub(super) const fn of(source: &'s str) -> Self {
        Self {
            source,
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, at: At, message: impl Into<String>, remedy: impl Into<String>) {
        self.found.push(Problem::new(at, message, remedy));
    }

    fn add_empty(&mut self, key: &Key, node: &Node) {
        let Key { name, example, .. } = key;
        self.add(
            node.at,
            format!("`{name}` is empty"),
            format!("give it a value, for example `{name}: {example}`, or remove the key"),
        );
    }

    fn add_wrong_type(&mut self, key: &Key, node: &Node, expected: &str) {
        let Key { name, example, .. } = key;
        self.add(
            node.at,
            format!("`{name}` is {}, {expected} is expected", node.value.kind()),
            format!("for example `{name}: {example}`"),
        );
    }

    /// A text, of one of the kinds that are written as a text.
    pub(super) fn text(&mut self, key: &Key, node: &Node) -> Option<String> {
        let name = key.name;
        let text = match &node.value {
            Value::Text(text) if !text.trim().is_empty() => text,
            Value::Text(_) | Value::Null => {
                self.add_empty(key, node);
                return None;
            }
            Value::Number(_) | Value::Bool(_) => {
                self.add(
                    node.at,
                    format!("`{name}` is {}, a text is expected", node.value.kind()),
                    "put it in quotes",
                );
                return None;
            }
            Value::List(_) | Value::Map(_) => {
                self.add_wrong_type(key, node, "a text");
                return None;
            }
        };
        match key.kind {
            Kind::Choice(words) if !words.contains(&text.as_str()) => self.add(
                node.at,
                format!("`{name}` must be {}, not `{text}`", key.kind),
                format!("for example `{name}: {}`", key.example),
            ),
            Kind::Image if !is_image(text) => self.add(
                node.at,
                format!("{text:?} is not an image"),
                "give `ami-` and hexadecimal digits, or `resolve:ssm:` and the name of a parameter",
            ),
            Kind::UserName if !is_user_name(text) => self.add(
                node.at,
                format!("{text:?} is not a user name"),
                "give the login user of the image, for example `ubuntu`",
            ),
            _ => {}
        }
        Some(text.clone())
    }

    /// One text, or a list of texts.
    pub(super) fn texts(&mut self, key: &Key, node: &Node) -> Option<Vec<(At, String)>> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                self.add_empty(key, node);
                None
            }
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| Some((item.at, self.text(key, item)?)))
                    .collect(),
            ),
            _ => Some(vec![(node.at, self.text(key, node)?)]),
        }
    }

    pub(super) fn boolean(&mut self, key: &Key, node: &Node) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.add_wrong_type(key, node, "`true` or `false`");
        None
    }

    /// `on` or `off`, which are `true` and `false` for some who write YAML.
    pub(super) fn switch(&mut self, key: &Key, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(on) => return Some(*on),
            Value::Text(text) if text == "on" => return Some(true),
            Value::Text(text) if text == "off" => return Some(false),
            _ => {}
        }
        self.add_wrong_type(key, node, "`on` or `off`");
        None
    }

    pub(super) fn duration(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let name = key.name;
        let parsed = match &node.value {
            Value::Number(minutes) => duration::from_minutes(*minutes),
            Value::Text(text) => duration::parse(text),
            _ => {
                self.add_wrong_type(key, node, "a duration");
                return None;
            }
        };
        let duration = parsed
            .map_err(|why| {
                self.add(
                    node.at,
                    format!("`{name}` {why}"),
                    format!(
                        "write `{name}: 90s`, `15m`, `1h30m` or `1d`; a bare number is minutes"
                    ),
                );
            })
            .ok()?;
        if let Kind::Duration(least) = key.kind
            && duration < Duration::from_secs(least)
        {
            self.add(
                node.at,
                format!("`{name}` is shorter than {least} s"),
                "an instance needs time to boot: give it minutes or hours",
            );
        }
        Some(duration)
    }

    /// A duration of a second at least, or `off`.
    pub(super) fn interval(&mut self, key: &Key, node: &Node) -> Option<Interval> {
        let off = match &node.value {
            Value::Bool(on) => !on,
            Value::Text(text) => text.trim() == "off",
            _ => false,
        };
        if off {
            return Some(Interval::Off);
        }
        let bare = match &node.value {
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => {
                let text = text.trim();
                text.parse::<f64>().is_ok().then(|| text.to_owned())
            }
            _ => None,
        };
        if let Some(number) = bare {
            // Elsewhere it is minutes; an interval is most often meant in seconds.
            let name = key.name;
            self.add(
                node.at,
                format!("`{name}` is a number without a unit"),
                format!("write `{name}: {number}s`, or `{number}m` for minutes"),
            );
            return None;
        }
        let interval = self.duration(key, node)?;
        if interval < Duration::from_secs(1) {
            self.add(
                node.at,
                format!("`{}` is shorter than 1 s", key.name),
                "more often costs the measured program time: write `1s` or more",
            );
        }
        Some(Interval::Every(interval))
    }

    /// A whole number, from 1 to what the key allows.
    pub(super) fn count(&mut self, key: &Key, node: &Node) -> Option<NonZeroU32> {
        let Kind::Count(most) = key.kind else {
            return None;
        };
        if let Some(count) = whole(node, most) {
            return Some(count);
        }
        let Key { name, example, .. } = key;
        self.add(
            node.at,
            format!("`{name}` is not {}", key.kind),
            format!("give a number, for example `{name}: {example}`"),
        );
        None
    }

    /// A revision, or `auto`.
    pub(super) fn baseline(&mut self, key: &Key, node: &Node) -> Option<Baseline> {
        let text = self.text(key, node)?;
        text.parse()
            .map_err(|error: RevisionError| self.add(node.at, error.to_string(), error.hint()))
            .ok()
    }

    /// A TCP port.
    pub(super) fn port(&mut self, key: &Key, node: &Node) -> Option<u16> {
        let port = whole(node, u16::MAX.into()).and_then(|port| u16::try_from(port.get()).ok());
        if port.is_none() {
            self.add_wrong_type(key, node, "a port from 1 to 65535");
        }
        port
    }

    /// Globs, with their braces expanded.
    pub(super) fn globs(&mut self, key: &Key, node: &Node) -> Option<Vec<Pattern>> {
        let mut patterns = Vec::new();
        for (at, text) in self.texts(key, node)? {
            match Pattern::parse(&text) {
                Ok(expanded) => patterns.extend(expanded),
                Err(why) => self.add(
                    at,
                    format!("the pattern {why}"),
                    "give a glob such as `/tmp/*.csv`",
                ),
            }
        }
        Some(patterns)
    }

    /// Lines of `upload`.
    pub(super) fn uploads(&mut self, key: &Key, node: &Node) -> Option<Vec<Upload>> {
        let mut uploads = Vec::new();
        for (at, text) in self.texts(key, node)? {
            match Upload::parse(at, &text) {
                Ok(upload) => uploads.push(upload),
                Err((fault, remedy)) => self.add(at, fault, remedy),
            }
        }
        Some(uploads)
    }

    /// Networks in CIDR notation; a lone address is a network of one.
    pub(super) fn networks(&mut self, key: &Key, node: &Node) -> Option<Vec<IpNet>> {
        let mut networks = Vec::new();
        for (at, text) in self.texts(key, node)? {
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => networks.push(network),
                Err(_) => self.add(
                    at,
                    format!("`{text}` is not a network"),
                    "give an address or a network such as `203.0.113.7/32` or `2001:db8::/64`",
                ),
            }
        }
        Some(networks)
    }

    /// Arguments of a script.
    pub(super) fn arguments(&mut self, key: &Key, node: &Node) -> Option<Vec<String>> {
        let Value::List(items) = &node.value else {
            self.add_wrong_type(key, node, "a list");
            return None;
        };
        Some(
            items
                .iter()
                .filter_map(|item| self.scalar(key.name, item))
                .collect(),
        )
    }

    /// Environment variables of a script.
    pub(super) fn variables(&mut self, key: &Key, node: &Node) -> Option<Vec<(String, String)>> {
        let mut variables = Vec::new();
        for (name, at, node) in self.pairs(node, &format!("`{}`", key.name))? {
            let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !legal {
                self.add(
                    at,
                    format!("{name:?} is not the name of a variable"),
                    "use letters, digits and `_`",
                );
            } else if ["VERSION", "BASELINE"].contains(&name.as_str())
                || name.starts_with("COLLECTOR_")
            {
                self.add(
                    at,
                    format!("`{name}` is set by collector"),
                    "choose another name",
                );
            } else if let Some(value) = self.scalar(&name, node) {
                variables.push((name, value));
            }
        }
        Some(variables)
    }

    /// A text, or a number or a boolean exactly as it is written: `3.10` and `0755` are not numbers to a script.
    pub(super) fn scalar(&mut self, name: &str, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) if text.contains('\0') => {
                self.add(node.at, format!("`{name}` contains a NUL"), "remove it");
                None
            }
            Value::Text(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => {
                self.source.get(node.bytes.clone()).map(str::to_owned)
            }
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.add(
                    node.at,
                    format!("`{name}` is {}, a text is expected", node.value.kind()),
                    "give a text, or `\"\"` for an empty one",
                );
                None
            }
        }
    }

    /// The entries of a map; a key that repeats is a problem.
    pub(super) fn pairs<'n>(
        &mut self,
        node: &'n Node,
        title: &str,
    ) -> Option<Vec<(String, At, &'n Node)>> {
        let Value::Map(pairs) = &node.value else {
            self.add(
                node.at,
                format!("{title} is {}, a map is expected", node.value.kind()),
                "write `key: value` lines",
            );
            return None;
        };
        let mut first_lines = BTreeMap::new();
        let mut distinct = Vec::new();
        for (key, value) in pairs {
            let Some(name) = self.scalar("key", key) else {
                continue;
            };
            if let Some(line) = first_lines.get(&name) {
                self.add(
                    key.at,
                    format!("`{name}` is given twice"),
                    format!("keep one; the first is in line {line}"),
                );
            } else {
                first_lines.insert(name.clone(), key.at.line);
                distinct.push((name, key.at, value));
            }
        }
        Some(distinct)
    }
}

/// A whole number from 1 to `most`.
fn whole(node: &Node, most: u32) -> Option<NonZeroU32> {
    match node.value {
        Value::Number(number)
            if number.fract() == 0.0 && (1.0..=f64::from(most)).contains(&number) =>
        {
            format!("{number}").parse().ok()
        }
        _ => None,
    }
}

fn is_image(text: &str) -> bool {
    let id = text
        .strip_prefix("ami-")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit()));
    let parameter = text
        .strip_prefix("resolve:ssm:")
        .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    id || parameter
}

fn is_user_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
