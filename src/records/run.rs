//! `run.json`: the report of a sample, and that of a run of several.

use serde::Deserialize;

use super::Record;
use crate::report::{Outcome, RunReport, SampleReport};

impl Record for SampleReport {
    const FILE: &'static str = "run.json";
    const FORMAT: u32 = 3;
}

impl Record for RunReport {
    const FILE: &'static str = "run.json";
    const FORMAT: u32 = 3;

    fn parse(text: &[u8]) -> serde_json::Result<Self> {
        /// The key in whose place format 3 has an outcome of its own.
        #[derive(Deserialize)]
        struct Format2 {
            #[serde(default)]
            worse: bool,
        }
        let mut report: Self = serde_json::from_slice(text)?;
        if serde_json::from_slice::<Format2>(text)?.worse {
            report.outcome = report.outcome.max(Outcome::Slower);
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_format_2_that_was_too_slow_is_so_still() {
        let old = br#"{"format": 2, "run": "r", "asked": 2, "started": "2026-11-22T19:56:04Z", "errors": [],
            "finished": "2026-11-22T19:57:04Z", "outcome": "passed", "worse": true, "samples": []}"#;
        assert_eq!(RunReport::from_json(old).unwrap().outcome, Outcome::Slower);
    }
}
