//! The readings of one file, with distinct names, and its flaws.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::Unit;
use super::{Position, Reading};

/// The most flaws of one file that are kept.
const MAX_FLAWS: usize = 20;

/// A position and what is wrong there.
pub(super) type Fault = (Position, String);

/// The readings of a file and its flaws, in their order.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    readings: Vec<Reading>,
    places: BTreeMap<String, usize>,
    /// Names that have more than one unit.
    ambiguous: BTreeSet<String>,
    flaws: Vec<Fault>,
    dropped: usize,
}

impl Sheet {
    /// Enters values of a figure; further ones of the same name are repetitions.
    pub(super) fn enter(&mut self, position: &Position, name: &str, unit: &Unit, values: &[f64]) {
        let name: String = name
            .trim()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if name.is_empty() {
            self.refuse(position.clone(), "a figure without a name");
            return;
        }
        let values: Vec<f64> = values.iter().map(|value| unit.convert(*value)).collect();
        if values.is_empty() {
            self.refuse(position.clone(), format!("`{name}` has no values"));
            return;
        }
        if !values.iter().all(|value| value.is_finite()) {
            let reason = format!("`{name}` has a value that is not a finite number");
            self.refuse(position.clone(), reason);
            return;
        }
        let known = self.places.get(&name).copied();
        let Some(reading) = known.and_then(|index| self.readings.get_mut(index)) else {
            self.places.insert(name.clone(), self.readings.len());
            self.readings.push(Reading {
                name,
                unit: unit.name.clone(),
                better: unit.better,
                values,
            });
            return;
        };
        if reading.unit == unit.name && reading.better == unit.better {
            reading.values.extend(values);
        } else {
            let reason = format!(
                "`{name}` is given in `{}` and in `{}`, so it is left out",
                reading.unit, unit.name
            );
            if self.ambiguous.insert(name) {
                self.refuse(position.clone(), reason);
            }
        }
    }

    /// Enters a flaw.
    pub(super) fn refuse(&mut self, position: Position, reason: impl Into<String>) {
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push((position, reason.into()));
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn refuse_fault(&mut self, (position, reason): Fault) {
        self.refuse(position, reason);
    }

    /// Says so where nothing at all was found.
    pub(super) fn finish(&mut self) {
        if self.readings.is_empty() && self.flaws.is_empty() {
            self.refuse(Position::File, "there is no figure in it");
        }
    }

    /// The readings that are certain.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading> {
        let certain = |reading: &&Reading| !self.ambiguous.contains(&reading.name);
        self.readings.iter().filter(certain)
    }

    /// The readings that are certain, and the flaws.
    pub(super) fn into_parts(mut self) -> (Vec<Reading>, Vec<Fault>) {
        if self.dropped > 0 {
            let reason = format!("{} more flaws of this kind", self.dropped);
            self.flaws.push((Position::File, reason));
        }
        let ambiguous = self.ambiguous;
        self.readings
            .retain(|reading| !ambiguous.contains(&reading.name));
        (self.readings, self.flaws)
    }
}

/// Names with what tells them apart behind them, where the name alone does not.
pub(super) fn distinguish(names: Vec<(String, String)>) -> Vec<String> {
    let mut qualifiers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, qualifier) in &names {
        let known = qualifiers.entry(name.clone()).or_default();
        known.insert(qualifier.clone());
    }
    let several = |name: &str| qualifiers.get(name).is_some_and(|known| known.len() > 1);
    names
        .into_iter()
        .map(|(name, qualifier)| {
            if several(&name) && !qualifier.is_empty() {
                format!("{name} ({qualifier})")
            } else {
                name
            }
        })
        .collect()
}

/// A finite number as programs write it: no thousands separators, no decimal comma.
pub(super) fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(number)
}
