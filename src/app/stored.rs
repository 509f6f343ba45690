//! The results at rest that an argument stands for.

use std::path::Path;

use super::results::output;
use crate::cli::OutputArgs;
use crate::comparison::Comparison;
use crate::comparison::hosts::between_samples;
use crate::error::Error;
use crate::records::Figures;
use crate::reporter::console::Console;
use crate::results::{Contents, FiguresError, StoredFigures, StoredSample, inventory};
use crate::revision::Revision;

/// The figures that an argument stands for: of a directory, of a run or an instance, or of a revision. Of a revision, those that
/// the config of the newest run has measured.
pub(super) fn meant(
    text: &str,
    args: &OutputArgs,
    console: &Console,
) -> Result<Vec<StoredFigures>, Error> {
    let directory = Path::new(text);
    if directory.is_dir() {
        return Ok(StoredFigures::in_directory(directory)?);
    }
    let output = output(args)?;
    let stored = inventory(&output, None)?;
    let complete = |stored: &&StoredSample| matches!(stored.contents, Contents::Complete(_));
    let complete: Vec<&StoredSample> = stored.iter().filter(complete).collect();
    let of_id = complete.iter().filter(|stored| stored.is_of(text));
    let of_id: Vec<&Path> = of_id.map(|stored| stored.path.as_path()).collect();
    if !of_id.is_empty() {
        return Ok(StoredFigures::of_samples(of_id, &output)?);
    }
    let revision: Option<Revision> = text.parse().ok();
    let of_revision = complete
        .iter()
        .filter(|stored| Some(&stored.revision) == revision.as_ref());
    let of_revision: Vec<&Path> = of_revision.map(|stored| stored.path.as_path()).collect();
    let Some(newest) = of_revision.first() else {
        let name = text.to_owned();
        return Err(FiguresError::Unknown { name, output }.into());
    };
    let newest = StoredFigures::of_samples([*newest], &output);
    let mut all = StoredFigures::of_samples(of_revision, &output.join(text.replace('/', "~")))?;
    let count = all.len();
    if let Ok([StoredFigures { config, .. }]) = newest.as_deref() {
        all.retain(|stored| stored.config == *config);
    }
    if all.len() < count {
        console.note(&format!(
            "{} of {count} runs of {text} are left out: another config measured them",
            count - all.len()
        ));
    }
    Ok(all)
}

/// The figures of several runs of one plan as those of one; `part` of each.
pub(super) fn joined(
    stored: &[StoredFigures],
    part: fn(&Figures) -> Figures,
) -> Result<Option<Figures>, FiguresError> {
    let Some((first, others)) = stored.split_first() else {
        return Ok(None);
    };
    let mut joined = part(&first.figures);
    for other in others {
        let paths = || (first.path.clone(), other.path.clone());
        if let (Some(one), Some(another)) = (&first.config, &other.config)
            && one != another
        {
            let (first, other) = paths();
            return Err(FiguresError::Configs { first, other });
        }
        joined.join(&part(&other.figures)).map_err(|source| {
            let (first, other) = paths();
            FiguresError::Join {
                first,
                other,
                source,
            }
        })?;
    }
    Ok(Some(joined))
}

/// The comparison of the arms of joined figures, with what their hosts have to say about it.
pub(super) fn of_arms(figures: &Figures, stored: &[StoredFigures]) -> Comparison {
    let hosts = stored
        .iter()
        .flat_map(|stored| stored.hosts.iter().cloned());
    let hosts: Vec<_> = hosts.collect();
    let unlike = between_samples(&hosts);
    Comparison::of_arms(figures, unlike.as_slice())
}
