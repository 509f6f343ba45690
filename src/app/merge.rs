//! `collect merge`: what several runs of one plan, or the shards of one run, have measured, as one run.

use std::collections::BTreeSet;
use std::path::Path;

use super::ExitStatus;
use super::stored::{joined, of_arms};
use crate::cli::MergeArgs;
use crate::comparison::too_slow;
use crate::config::{Config, Percent, Source, plural};
use crate::error::Error;
use crate::records::Figures;
use crate::reporter::console::Console;
use crate::results::{FiguresError, StoredFigures};
use crate::shard::Share;

/// Joins the figures in the directories, writes them, shows the table and judges it as a run does.
pub(super) fn merge(args: &MergeArgs, console: &Console) -> Result<ExitStatus, Error> {
    let mut stored = Vec::new();
    for directory in &args.directories {
        stored.extend(StoredFigures::in_directory(directory)?);
    }
    // The order of their samples, in which one process would have entered them.
    stored.sort_by_cached_key(|stored| {
        let samples = stored.figures.samples.iter();
        let first = samples
            .map(|sample| (sample.run.clone(), sample.sample))
            .min();
        (first, stored.path.clone())
    });
    let Some(mut figures) = joined(&stored, Figures::clone)? else {
        return Err(FiguresError::None(args.output.clone()).into());
    };
    if stored.iter().any(|stored| stored.config.is_none()) {
        console
            .note("not every run has its config beside it: whether they are the same is not known");
    }
    if let Some(missing) = missing_shards(&stored) {
        console.warn(&missing);
    }
    if figures.baseline.is_some() {
        let comparison = of_arms(&figures, &stored);
        console.comparison(&comparison, args.all);
        figures.comparison = Some(comparison);
    } else {
        console.note("there is no baseline to compare with; `collect compare` takes two revisions");
    }
    let path = StoredFigures::write(&args.output, &figures, &stored)?;
    console.note(&format!(
        "wrote {} of {} to {}",
        plural(figures.figures.len(), "figure"),
        plural(figures.runs.len(), "run"),
        path.display()
    ));
    let limit = args.fail_on.or_else(|| configured_limit(&stored));
    let limit = limit.map(Percent::fraction);
    if let (Some(limit), Some(comparison)) = (limit, &figures.comparison) {
        let worse = comparison.worse_than(limit);
        if !worse.is_empty() {
            console.error(
                &too_slow(&worse, limit),
                Some("`--fail-on` or `fail_on` in the config is the limit"),
            );
            return Ok(ExitStatus::Worse);
        }
    }
    Ok(ExitStatus::Passed)
}

/// The limit of the config that all of them have; a config that this collector cannot read has none.
fn configured_limit(stored: &[StoredFigures]) -> Option<Percent> {
    let text = stored.iter().find_map(|stored| stored.config.as_deref())?;
    let source = Source {
        path: Path::new("config.yml"),
        text,
        local: true,
    };
    // Its scripts are not beside it, and nobody needs them any more.
    let config = Config::parse(source, &|_| Ok(())).ok()?;
    config.fail_on.map(|limit| limit.slower)
}

/// Which shards of the run have no figures among these.
fn missing_shards(stored: &[StoredFigures]) -> Option<String> {
    let shares = stored.iter().filter_map(|stored| stored.figures.share);
    let shares: Vec<Share> = shares.collect();
    let of = shares.first()?.shard.of;
    let found: BTreeSet<_> = shares
        .iter()
        .map(|share| share.shard.number.get())
        .collect();
    let missing = (1..=of.get()).filter(|number| !found.contains(number));
    let missing: Vec<String> = missing.map(|number| format!("{number}/{of}")).collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!(
        "{} of the run without figures: {}; the table is of the others",
        plural(missing.len(), "shard"),
        missing.join(", ")
    ))
}
