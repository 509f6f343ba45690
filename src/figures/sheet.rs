//! The readings of one file, with distinct names, and its flaws.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::unit::Unit;
use super::{Direction, Flaw, Position, Reading};

/// The most flaws of one file that are kept.
const MAX_FLAWS: usize = 20;

/// A position and what is wrong there.
pub(super) type Fault = (Position, String);

/// The readings of a file, or of files that belong together, and its flaws, in their order.
#[derive(Debug)]
pub struct Sheet {
    file: String,
    /// The better direction where neither format nor unit tells.
    better: Option<Direction>,
    readings: Vec<Reading>,
    places: BTreeMap<String, usize>,
    /// Names that have more than one unit.
    ambiguous: BTreeSet<String>,
    flaws: Vec<Fault>,
    dropped: usize,
}

impl Sheet {
    /// A sheet of this file or directory without anything on it.
    pub(super) fn new(file: &Path, better: Option<Direction>) -> Self {
        Self {
            file: file.to_string_lossy().into_owned(),
            better,
            readings: Vec::new(),
            places: BTreeMap::new(),
            ambiguous: BTreeSet::new(),
            flaws: Vec::new(),
            dropped: 0,
        }
    }

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
        let better = unit.better.or(self.better);
        let known = self.places.get(&name).copied();
        let Some(reading) = known.and_then(|index| self.readings.get_mut(index)) else {
            self.places.insert(name.clone(), self.readings.len());
            self.readings.push(Reading {
                name,
                file: self.file.clone(),
                unit: unit.name.clone(),
                better,
                values,
            });
            return;
        };
        if reading.unit == unit.name && reading.better == better {
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
        if self.is_empty() {
            self.refuse(Position::File, "there is no figure in it");
        }
    }

    /// Whether there is neither a reading nor a flaw.
    pub(super) const fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.flaws.is_empty()
    }

    /// The readings that are certain, and the flaws.
    pub(super) fn into_parts(mut self) -> (Vec<Reading>, Vec<Flaw>) {
        if self.dropped > 0 {
            let reason = format!("{} more flaws of this kind", self.dropped);
            self.flaws.push((Position::File, reason));
        }
        let ambiguous = self.ambiguous;
        self.readings
            .retain(|reading| !ambiguous.contains(&reading.name));
        let flaws = self.flaws.into_iter().map(|(position, reason)| Flaw {
            file: self.file.clone(),
            position,
            reason,
        });
        (self.readings, flaws.collect())
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
