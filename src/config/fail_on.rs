//! The limits beyond which a comparison fails.

use std::fmt;
use std::str::FromStr;

use super::keys::{FAIL_ON_KEYS, Key};
use super::node::{Node, Value};
use super::precision::parse as parse_precision;
use super::reader::Problems;
use super::section::Section;

/// The change for the worse that fails a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailOn {
    /// A figure may be slower by this, and surely not by more.
    pub slower: Percent,
}

/// A share of something, kept in thousandths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent {
    thousandths: u32,
}

/// The thousandths of a percent in a whole.
const THOUSANDTHS_OF_WHOLE: f64 = 100_000.0;

/// No more is taken, in percent.
const MAX_PERCENT: f64 = 10_000.0;

impl Percent {
    /// The share as a fraction.
    pub fn fraction(self) -> f64 {
        f64::from(self.thousandths) / THOUSANDTHS_OF_WHOLE
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text
            .trim()
            .strip_suffix('%')
            .ok_or("has no `%` at its end")?;
        let number = number.trim();
        let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let percent: f64 = number
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or("is not a number of percent")?;
        if percent > MAX_PERCENT {
            return Err("is more than 10000 %");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number has no sign and is bounded"
        )]
        let thousandths = (percent * 1000.0).round() as u32;
        Ok(Self { thousandths })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.thousandths) / 1000.0)
    }
}

impl Problems<'_> {
    /// The limits beyond which a comparison fails.
    pub(super) fn fail_on(&mut self, _key: &Key, node: &Node) -> Option<FailOn> {
        if let Value::Text(_) | Value::Number(_) = node.value {
            let limit = match &node.value {
                Value::Text(text) if Percent::from_str(text).is_ok() => text.trim(),
                _ => "5%",
            };
            self.add(
                node.at,
                format!("`fail_on` is {}, a map is expected", node.value.kind()),
                format!("write `fail_on: {{slower: {limit}}}`"),
            );
            return None;
        }
        let mut section = Section::open(node, "`fail_on`", &FAIL_ON_KEYS, self)?;
        section.require_keys(false);
        let slower = section.read("slower", Problems::percent)?;
        Some(FailOn { slower })
    }

    /// A percentage.
    pub(super) fn percent(&mut self, key: &Key, node: &Node) -> Option<Percent> {
        self.percent_by(key, node, Percent::from_str)
    }

    /// The precision of a comparison.
    pub(super) fn precision(&mut self, key: &Key, node: &Node) -> Option<Percent> {
        self.percent_by(key, node, parse_precision)
    }

    fn percent_by(
        &mut self,
        key: &Key,
        node: &Node,
        parse: fn(&str) -> Result<Percent, &'static str>,
    ) -> Option<Percent> {
        let Key { name, example, .. } = key;
        let number = match &node.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        if let Some(number) = number {
            // Of a number below 1 nobody knows whether it is percent.
            let share = if number < 1.0 {
                format!(
                    ", or `{}%` for that share",
                    (number * THOUSANDTHS_OF_WHOLE).round() / 1000.0
                )
            } else {
                String::new()
            };
            self.add(
                node.at,
                format!("`{name}` has no `%` at its end"),
                format!("write `{name}: {number}%`{share}"),
            );
            return None;
        }
        let text = self.text(key, node)?;
        let parsed = parse(&text).map_err(|why| {
            let remedy = format!("for example `{name}: {example}`");
            self.add(node.at, format!("`{name}` {why}"), remedy);
        });
        parsed.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_a_number_with_its_sign() {
        let fraction = |text: &str| text.parse().map(Percent::fraction);
        assert_eq!(fraction("5%"), Ok(0.05));
        assert_eq!(fraction(" 2.5 % "), Ok(0.025));
        assert_eq!(fraction("0%"), Ok(0.0));
        for text in ["5", "%", "-5%", "1e2%", "inf%", "10001%", "5%%", ""] {
            assert!(fraction(text).is_err(), "{text}");
        }
        assert_eq!("2.50%".parse::<Percent>().unwrap().to_string(), "2.5%");
    }
}
