//! A sample as a table: what ran, how it ended, and how long it took.

use std::time::Duration;

use super::{SampleReport, StageReport, StepReport};
use crate::arm::Arm;
use crate::config::human_duration;
use crate::phase::Stage;
use crate::step::StepOutcome;

/// A script over all turns of a revision.
struct Folded<'a> {
    stage: Stage,
    arm: Option<Arm>,
    script: &'a str,
    /// The place of its row.
    row: usize,
    count: u32,
    took: Duration,
    worst: &'a StepReport,
}

impl SampleReport {
    /// The heads of the columns of [`Self::rows`].
    pub const COLUMNS: [&str; 5] = ["phase", "script", "result", "exit", "time"];

    /// The steps, their outcomes and times; a phase is named at the first of its scripts. The turns of a revision are
    /// one row a script, with the mean of their times: `each`.
    pub fn rows(&self) -> Vec<[String; 5]> {
        let mut rows = Vec::new();
        let mut turns: Vec<Folded<'_>> = Vec::new();
        for stage in &self.stages {
            let mut name = named(stage);
            if stage.steps.is_empty() {
                let result = if stage.ok { "ok" } else { "failed" };
                let took = human_duration(stage.took);
                rows.push([name, String::new(), result.into(), String::new(), took]);
                continue;
            }
            for step in &stage.steps {
                if stage.turn.is_none() {
                    let time = human_duration(step.took);
                    rows.push(row(std::mem::take(&mut name), step, time));
                } else if let Some(turn) = turns.iter_mut().find(|turn| turn.is_of(stage, step)) {
                    turn.add(step);
                } else {
                    turns.push(Folded {
                        stage: stage.stage,
                        arm: stage.arm,
                        script: &step.script,
                        row: rows.len(),
                        count: 1,
                        took: step.took,
                        worst: step,
                    });
                    rows.push(Default::default());
                }
            }
        }
        for turn in turns {
            let name = turn.arm.map_or_else(
                || format!("{} ×{}", turn.stage, turn.count),
                |arm| format!("{} ({arm} ×{})", turn.stage, turn.count),
            );
            let mut time = human_duration(turn.took / turn.count);
            if turn.count > 1 {
                time.push_str(" each");
            }
            if let Some(place) = rows.get_mut(turn.row) {
                *place = row(name, turn.worst, time);
            }
        }
        rows
    }
}

impl<'a> Folded<'a> {
    fn is_of(&self, stage: &StageReport, step: &StepReport) -> bool {
        self.stage == stage.stage && self.arm == stage.arm && self.script == step.script
    }

    fn add(&mut self, step: &'a StepReport) {
        self.count += 1;
        self.took += step.took;
        // The first of those that did not pass is shown.
        if self.worst.outcome == StepOutcome::Passed {
            self.worst = step;
        }
    }
}

/// The phase, and the revision that it was for.
fn named(stage: &StageReport) -> String {
    match stage.arm {
        Some(arm) => format!("{} ({arm})", stage.stage),
        None => stage.stage.to_string(),
    }
}

fn row(name: String, step: &StepReport, time: String) -> [String; 5] {
    let exit = step.exit_code.map(|code| code.to_string());
    [
        name,
        step.script.clone(),
        step.outcome.to_string(),
        exit.unwrap_or_default(),
        time,
    ]
}
