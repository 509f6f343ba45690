//! CSV as RFC 4180 has it: a line for each value that was measured.

use crate::arm::Arm;
use crate::figures::Direction;
use crate::records::Figures;

const HEAD: &str =
    "figure,unit,better,revision,arm,run,sample,instance,round,turn,repetition,value";

pub(super) fn write(figures: &Figures) -> String {
    let mut text = format!("{HEAD}\r\n");
    for figure in &figures.figures {
        for turn in &figure.turns {
            let Some(sample) = figures.samples.get(turn.sample) else {
                continue;
            };
            let revision = match turn.arm {
                Arm::Baseline => figures.baseline.as_ref(),
                Arm::Candidate => Some(&figures.revision),
            };
            let better = match figure.better {
                Direction::Less => "less",
                Direction::More => "more",
            };
            for (repetition, value) in (1..).zip(&turn.values) {
                let cells: [String; 12] = [
                    quoted(&figure.name),
                    quoted(&figure.unit),
                    better.into(),
                    revision.map(ToString::to_string).unwrap_or_default(),
                    turn.arm.to_string(),
                    quoted(sample.run.as_str()),
                    sample.sample.to_string(),
                    quoted(sample.instance.as_str()),
                    turn.round.to_string(),
                    turn.turn.to_string(),
                    i32::to_string(&repetition),
                    value.to_string(),
                ];
                text += &cells.join(",");
                text += "\r\n";
            }
        }
    }
    text
}

/// A cell, in quotes where it has to be.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
