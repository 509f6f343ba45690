//! `collect report`: local results as a page, or as lines for a terminal.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::ExitStatus;
use super::results::output;
use crate::cli::{OutputArgs, ReportArgs};
use crate::comparison::{Side, compare_sides};
use crate::error::Error;
use crate::records::Figures;
use crate::report_page::{Across, RunResults, page};
use crate::reporter::console::Console;
use crate::reporter::metrics::sparklines;
use crate::results::{
    Contents, FiguresError, StoredRunsError, StoredSample, inventory, stored_runs, unpack,
};
use crate::revision::Revision;

/// Makes the page.
pub(super) fn report(args: &ReportArgs, console: &Console) -> Result<ExitStatus, Error> {
    let mut archives = Vec::new();
    let mut directories = Vec::new();
    for text in &args.results {
        if Path::new(text).is_file() {
            let unpacked = tempfile::tempdir().map_err(|source| Error::System {
                what: "making a temporary directory",
                source,
            })?;
            unpack(Path::new(text), unpacked.path())?;
            directories.push(unpacked.path().to_owned());
            archives.push((unpacked, PathBuf::from(text)));
        } else {
            directories.extend(meant(text, args)?);
        }
    }
    let found = stored_runs(directories.iter().map(PathBuf::as_path));
    let (runs, warnings) = found.map_err(|error| match error {
        StoredRunsError::None(empty) => {
            let mut archives = archives.iter();
            let archive = archives.find(|(unpacked, _)| unpacked.path() == empty);
            StoredRunsError::None(archive.map_or(empty, |(_, archive)| archive.clone()))
        }
        error => error,
    })?;
    for warning in warnings {
        console.note(&warning);
    }
    let across = across(&runs);
    if args.terminal {
        show(&runs, across.as_ref(), console);
        return Ok(ExitStatus::Passed);
    }
    let text = page(&runs, across.as_ref(), Timestamp::now()).map_err(|source| Error::System {
        what: "writing JSON",
        source: source.into(),
    })?;
    fs::write(&args.output, text).map_err(|source| Error::Write {
        what: "writing the page to",
        path: args.output.clone(),
        source,
    })?;
    console.say(&args.output.display().to_string());
    Ok(ExitStatus::Passed)
}

/// The directories that an argument stands for: itself, all of a revision, or those of a run or an instance.
fn meant(text: &str, args: &ReportArgs) -> Result<Vec<PathBuf>, Error> {
    if Path::new(text).is_dir() {
        return Ok(vec![text.into()]);
    }
    let output = output(&OutputArgs {
        output: None,
        config: args.config.clone(),
    })?;
    let revision: Option<Revision> = text.parse().ok();
    let is_meant = |stored: &&StoredSample| {
        let complete = matches!(stored.contents, Contents::Complete(_));
        complete && (stored.is_of(text) || Some(&stored.revision) == revision.as_ref())
    };
    let stored = inventory(&output, None)?;
    let found: Vec<PathBuf> = stored
        .iter()
        .filter(is_meant)
        .map(|stored| stored.path.clone())
        .collect();
    if found.is_empty() {
        let name = text.to_owned();
        return Err(FiguresError::Unknown { name, output }.into());
    }
    Ok(found)
}

/// The comparison of two revisions that were measured in runs of their own; the one that was measured first is the baseline.
fn across(runs: &[RunResults]) -> Option<Across> {
    let mut revisions: Vec<&Revision> = Vec::new();
    for figures in runs.iter().filter_map(|run| run.figures.as_ref()) {
        if !revisions.contains(&&figures.revision) {
            revisions.push(&figures.revision);
        }
    }
    let [first, second] = revisions.as_slice() else {
        return None;
    };
    // Turns that alternated say more than runs that did not.
    if runs.iter().any(|run| run.comparison().is_some()) {
        return None;
    }
    let [baseline, candidate] = [first, second].map(|revision| side(runs, revision));
    let (comparison, differences) = compare_sides(&baseline?, &candidate?);
    Some(Across {
        comparison,
        differences,
        revisions: [first, second].map(|revision| revision.short().to_owned()),
    })
}

fn side(runs: &[RunResults], revision: &Revision) -> Option<Side> {
    let of_revision = |figures: &&Figures| figures.revision == *revision;
    let mut parts = runs
        .iter()
        .filter_map(|run| Some((run, run.figures.as_ref().filter(of_revision)?)));
    let (first, figures) = parts.next()?;
    let mut side = Side {
        figures: figures.of_candidate(),
        hosts: first.hosts(),
    };
    for (run, figures) in parts {
        // What was measured otherwise is no part of it.
        if side.figures.join(&figures.of_candidate()).is_ok() {
            side.hosts.extend(run.hosts());
        }
    }
    Some(side)
}

/// The table of each comparison, and the metrics of each sample.
fn show(runs: &[RunResults], across: Option<&Across>, console: &Console) {
    if let Some(across) = across {
        console.comparison(&across.comparison, false);
    }
    for run in runs {
        if let Some(comparison) = run.comparison() {
            console.comparison(&comparison, false);
        }
        for sample in &run.samples {
            let report = &sample.report;
            console.say("");
            console.say(&format!(
                "{}, sample {}: {}",
                report.revision,
                report.sample,
                report.outcome.label()
            ));
            match &sample.metrics {
                Some(metrics) => {
                    for line in sparklines(metrics) {
                        console.say(&line);
                    }
                }
                None => console.say("no metrics"),
            }
        }
    }
}
