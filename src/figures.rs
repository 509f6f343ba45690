//! Figures: what the user's own programs measured, as their files say it.

use serde::{Deserialize, Serialize};

/// What is better of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less, as of a time.
    Less,
    /// More, as of a throughput.
    More,
}

/// What a file says of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The name, as the program gives it, with its parameters.
    pub name: String,
    /// The unit; empty where none is known.
    pub unit: String,
    /// What is better, where the format or the unit tells.
    pub better: Option<Direction>,
    /// The finite values: the raw ones where the file has them, else the one that it has.
    pub values: Vec<f64>,
}
