//! `run.json`: the report of a sample, and that of a run of several.

use super::Record;
use crate::report::{RunReport, SampleReport};

impl Record for SampleReport {
    const FILE: &'static str = "run.json";
    const FORMAT: u32 = 2;
}

impl Record for RunReport {
    const FILE: &'static str = "run.json";
    const FORMAT: u32 = 2;
}
