//! `figures.json`: every value of every figure with the turn that it was measured in, and what the comparison says of it.

mod joined;

use serde::{Deserialize, Serialize};

use super::Record;
use crate::arm::Arm;
use crate::comparison::{Comparison, Reservation};
use crate::figures::Direction;
use crate::instance::{InstanceId, RunId};
use crate::revision::Revision;
use crate::shard::Share;

pub use joined::JoinError;

/// The figures of a run, of all of its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The version of this format.
    pub format: u32,
    /// The runs that the values are from; several after a merge.
    pub runs: Vec<RunId>,
    /// The revision that was measured.
    pub revision: Revision,
    /// The revision that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline: Option<Revision>,
    /// The seed of the order of the turns.
    pub seed: u64,
    /// The turns of each revision that were planned on each instance; absent in records from before it was entered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repeat: Option<u32>,
    /// The precision that was asked for, where one was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub precision: Option<AskedPrecision>,
    /// The part of the run that they are, where several processes shared it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub share: Option<Share>,
    /// The instances of the samples.
    pub samples: Vec<SampleOf>,
    /// The figures, in the order in which they were first found.
    pub figures: Vec<FigureRecord>,
    /// The verdicts, where there is a baseline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<Comparison>,
}

impl Record for Figures {
    const FILE: &'static str = "figures.json";
    const FORMAT: u32 = 1;
}

/// A precision that the run was to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AskedPrecision {
    /// Half of the widest interval, as a fraction of its ratio.
    pub half_width: f64,
    /// The rounds that were planned on each instance; those after them were added.
    pub planned_rounds: u32,
}

/// A sample of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleOf {
    /// The run that it belongs to.
    pub run: RunId,
    /// Its number in that run.
    pub sample: u32,
    /// Its instance.
    pub instance: InstanceId,
    /// The events that limit what its figures say.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reservations: Vec<Reservation>,
}

/// A figure and its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureRecord {
    /// The name, unique among the figures of the run.
    pub name: String,
    /// The unit; empty where none is known.
    pub unit: String,
    /// The better direction.
    pub better: Direction,
    /// The values of each turn, in the order of samples and turns.
    pub turns: Vec<TurnValues>,
}

/// The values of a figure in a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnValues {
    /// The place of the sample in `samples`, from 0.
    pub sample: usize,
    /// The revision of the turn.
    pub arm: Arm,
    /// The round on that instance, from 1.
    pub round: u32,
    /// The place of the turn among all on that instance, from 1: the order in which they were carried out.
    pub turn: u32,
    /// The raw values, as many as the program repeated its measurement.
    pub values: Vec<f64>,
}
