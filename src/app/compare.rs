//! `collect compare`: two local results, in one table.

use std::path::Path;

use super::ExitStatus;
use super::json::pretty;
use super::stored::{joined, meant, of_arms};
use crate::cli::CompareArgs;
use crate::comparison::{Comparison, Side, compare_sides};
use crate::error::Error;
use crate::records::{Figures, SampleOf};
use crate::reporter::comparison::hosts;
use crate::reporter::console::Console;
use crate::results::{FiguresError, StoredFigures};

/// Compares the candidate with the baseline.
pub(super) fn compare(args: &CompareArgs, console: &Console) -> Result<ExitStatus, Error> {
    let of_candidate = meant(&args.candidate, &args.output, console)?;
    let interleaved = interleaved(&args.baseline, &of_candidate)?;
    let (comparison, differences) = if let Some(comparison) = interleaved {
        (comparison, Vec::new())
    } else {
        let of_baseline = meant(&args.baseline, &args.output, console)?;
        let baseline = side(of_baseline, &args.baseline)?;
        let candidate = side(of_candidate, &args.candidate)?;
        if let Some(sample) = shared(&baseline.figures, &candidate.figures) {
            return Err(FiguresError::Same(sample.clone()).into());
        }
        compare_sides(&baseline, &candidate)
    };
    if args.json {
        console.print(&(pretty(&comparison)? + "\n"));
        return Ok(ExitStatus::Passed);
    }
    console.comparison(&comparison, args.all);
    let hosts = hosts(&differences);
    if !hosts.is_empty() {
        console.say("");
    }
    for line in hosts {
        console.say(&line);
    }
    Ok(ExitStatus::Passed)
}

/// The comparison that the candidate's own runs carry, where they measured the baseline in turns with it.
fn interleaved(baseline: &str, stored: &[StoredFigures]) -> Result<Option<Comparison>, Error> {
    let is_baseline = |stored: &StoredFigures| {
        let revision = stored.figures.baseline.as_ref();
        revision.is_some_and(|revision| revision.as_str() == baseline)
    };
    if Path::new(baseline).is_dir() || !stored.iter().all(is_baseline) {
        return Ok(None);
    }
    // What a run says of itself, it said with all that it knew.
    if let [
        StoredFigures {
            figures:
                Figures {
                    comparison: Some(comparison),
                    ..
                },
            ..
        },
    ] = stored
    {
        return Ok(Some(comparison.clone()));
    }
    let figures = joined(stored, Figures::clone)?;
    Ok(figures.map(|figures| of_arms(&figures, stored)))
}

/// A sample that both have measured values of.
fn shared<'a>(one: &Figures, other: &'a Figures) -> Option<&'a SampleOf> {
    let same = |a: &SampleOf, b: &SampleOf| {
        (&a.run, a.sample, &a.instance) == (&b.run, b.sample, &b.instance)
    };
    let mut samples = other.samples.iter();
    samples.find(|sample| one.samples.iter().any(|known| same(known, sample)))
}

/// The figures of the revision that an argument stands for.
fn side(stored: Vec<StoredFigures>, name: &str) -> Result<Side, Error> {
    let figures = joined(&stored, Figures::of_candidate)?;
    let figures = figures.ok_or_else(|| FiguresError::None(name.into()))?;
    let hosts = stored.into_iter().flat_map(|stored| stored.hosts);
    Ok(Side {
        figures,
        hosts: hosts.collect(),
    })
}
