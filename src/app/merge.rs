//! `collect merge`: what several runs of one plan have measured, as one run.

use super::ExitStatus;
use super::stored::joined;
use crate::cli::MergeArgs;
use crate::comparison::Comparison;
use crate::config::plural;
use crate::error::Error;
use crate::records::Figures;
use crate::reporter::console::Console;
use crate::results::{FiguresError, StoredFigures};

/// Joins the figures in the directories, writes them and shows the table.
pub(super) fn merge(args: &MergeArgs, console: &Console) -> Result<ExitStatus, Error> {
    let mut stored = Vec::new();
    for directory in &args.directories {
        stored.extend(StoredFigures::in_directory(directory)?);
    }
    let Some(mut figures) = joined(&stored, Figures::clone)? else {
        return Err(FiguresError::None(args.output.clone()).into());
    };
    if stored.iter().any(|stored| stored.config.is_none()) {
        console
            .note("not every run has its config beside it: whether they are the same is not known");
    }
    if figures.baseline.is_some() {
        let comparison = Comparison::of_arms(&figures, &[]);
        console.comparison(&comparison, args.all);
        figures.comparison = Some(comparison);
    } else {
        console.note("there is no baseline to compare with; `collect compare` takes two revisions");
    }
    let path = StoredFigures::write(&args.output, &figures, &stored)?;
    console.note(&format!(
        "{} of {} are in {}",
        plural(figures.figures.len(), "figure"),
        plural(figures.runs.len(), "run"),
        path.display()
    ));
    Ok(ExitStatus::Passed)
}
