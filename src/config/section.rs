//! A section of the config file, read through its table: a key that is not in the table cannot be read.

use super::keys::{DefaultValue, Key, Scope};
use super::node::{self, At, Node, Value};
use super::reader::Problems;

/// The least similarity of a typing error to the key that was meant: two of the three letters of `run` are enough.
const MIN_SIMILARITY: f64 = 0.66;

/// A longer name is no typing error, and comparing it costs time and memory; in characters.
const MAX_COMPARED: usize = 64;

/// The keys of a section that are given, each with its value.
#[derive(Debug)]
pub(super) struct Section<'n, 'p, 's> {
    title: String,
    at: At,
    table: &'static [Key],
    given: Vec<(&'static Key, &'n Node)>,
    problems: &'p mut Problems<'s>,
}

/// A reader of the values of one kind.
type Read<'s, T> = fn(&mut Problems<'s>, &Key, &Node) -> Option<T>;

impl<'n, 'p, 's> Section<'n, 'p, 's> {
    /// Checks that the node is a map whose keys are in the table and do not repeat.
    ///
    /// A misspelt key is a problem, and read as the key that was meant: problems in its value show at once.
    pub(super) fn open(
        node: &'n Node,
        title: &str,
        table: &'static [Key],
        problems: &'p mut Problems<'s>,
    ) -> Option<Self> {
        let pairs = problems.pairs(node, title)?;
        let mut given: Vec<(&Key, &Node)> = Vec::new();
        let mut unknown = Vec::new();
        for (name, at, value) in pairs {
            match table.iter().find(|key| key.name == name) {
                Some(key) if key.is_supported() => given.push((key, value)),
                Some(key) => problems.add(
                    value.at,
                    format!("`{}` in {title} is not supported by this version of collector", key.name),
                    "remove the key; it is refused rather than ignored so that no run differs from what the file says",
                ),
                None => unknown.push((name, at, value)),
            }
        }
        for (name, at, value) in unknown {
            let meant = nearest(&name, table);
            let remedy = if let Some(key) = meant {
                format!("did you mean `{}`?", key.name)
            } else {
                let known = table.iter().filter(|key| key.is_supported());
                let known: Vec<&str> = known.map(|key| key.name).collect();
                format!("known keys: {}", known.join(", "))
            };
            problems.add(at, format!("unknown key `{name}` in {title}"), remedy);
            if let Some(key) = meant
                && !given.iter().any(|(other, _)| *other == key)
            {
                given.push((key, value));
            }
        }
        Some(Self {
            title: title.into(),
            at: node.at,
            table,
            given,
            problems,
        })
    }

    /// Enters a problem for each required key that is not given; a rehearsal may leave out what only EC2 needs.
    pub(super) fn require_keys(&mut self, local: bool) {
        for key in self.table {
            let needed = key.default == DefaultValue::Required
                && (key.scope == Scope::EveryProvider || !local);
            if needed && self.node(key.name).is_none() {
                let Key { name, example, .. } = key;
                self.problems.add(
                    self.at,
                    format!("`{name}` is missing in {}", self.title),
                    format!("add for example `{name}: {example}`"),
                );
            }
        }
    }

    /// Enters a problem that is not about the form of a value.
    pub(super) fn add_problem(&mut self, at: At, message: impl Into<String>, remedy: &str) {
        self.problems.add(at, message, remedy);
    }

    /// The value of a key, if the key is given.
    pub(super) fn node(&self, name: &str) -> Option<&'n Node> {
        let given = self.given.iter().find(|(key, _)| key.name == name);
        given.map(|(_, node)| *node)
    }

    /// Reads the value of a key, else its default; what is wrong with it is entered.
    pub(super) fn read<T>(&mut self, name: &str, read: Read<'s, T>) -> Option<T> {
        let key = self.table.iter().find(|key| key.name == name)?;
        if let Some(node) = self.node(name) {
            return read(self.problems, key, node);
        }
        let DefaultValue::Value(default) = key.default else {
            return None;
        };
        let node = node::read(default).ok()?;
        read(self.problems, key, &node)
    }
}

/// The options of one thing that come as a list of maps, in one.
pub(super) fn merge(
    title: &str,
    items: &[Node],
    example: &str,
    problems: &mut Problems<'_>,
) -> Vec<(Node, Node)> {
    let mut pairs = Vec::new();
    for item in items {
        match &item.value {
            Value::Map(more) => pairs.extend(more.iter().cloned()),
            other => problems.add(
                item.at,
                format!("an option of `{title}` is {}", other.kind()),
                format!("write it as `name: value`, for example `{example}`"),
            ),
        }
    }
    pairs
}

/// The key that was meant.
fn nearest(name: &str, table: &'static [Key]) -> Option<&'static Key> {
    if name.chars().count() > MAX_COMPARED {
        return None;
    }
    let similarity = |key: &Key| {
        strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &key.name.to_lowercase())
    };
    table
        .iter()
        .filter(|key| key.is_supported())
        .map(|key| (similarity(key), key))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
}
