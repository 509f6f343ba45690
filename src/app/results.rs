//! `collect results` and `collect rm`: what earlier runs have left on this machine.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::ExitStatus;
use super::paths::expand_home;
use super::state_directory::records;
use crate::cli::{OutputArgs, ResultsArgs, RmArgs};
use crate::config::plural;
use crate::error::Error;
use crate::instance::RunId;
use crate::project::{CONFIG_FILE, Project};
use crate::records::IndexEntry;
use crate::report::{human_bytes, utc_to_the_second};
use crate::reporter::console::Console;
use crate::results::{Contents, Removal, RemovalError, StoredSample, inventory};
use crate::revision::{Nearest, Revision, did_you_mean};

/// The directory for results where no config says another one, as in the documentation's examples.
const DEFAULT_OUTPUT: &str = "results";

/// The heads of the columns of `collect results`.
const COLUMNS: [&str; 9] = [
    "when",
    "revision",
    "commit",
    "result",
    "type",
    "files",
    "size",
    "description",
    "path",
];

/// Lists the local results, newest first.
pub(super) fn list(args: &ResultsArgs, console: &Console) -> Result<ExitStatus, Error> {
    let output = output(&args.output)?;
    let stored = inventory(&output, args.revision.as_ref())?;
    if args.json {
        for sample in &stored {
            let line = serde_json::to_string(sample).map_err(|error| Error::System {
                what: "writing JSON",
                source: error.into(),
            })?;
            console.say(&line);
        }
        return Ok(ExitStatus::Passed);
    }
    let rows: Vec<_> = stored.iter().filter_map(row).collect();
    if stored.is_empty() {
        console.note(&nothing_found(&output, args.revision.as_ref())?);
    } else if !rows.is_empty() {
        console.table(&COLUMNS, &rows);
    }
    for sample in &stored {
        if let Contents::Unreadable { reason } = &sample.contents {
            console.say(&format!("cannot be read: {reason}"));
        }
    }
    if stored.iter().any(is_broken_off) {
        console.note(
            "a run that was broken off left its logs in `collector/logs`; `collect rm` removes what it left",
        );
        for run in runs_to_finish(&stored) {
            console.note(&format!(
                "an instance of run {run} may still be there: `collect fetch {run}` collects from it"
            ));
        }
    }
    Ok(ExitStatus::Passed)
}

/// The words for an output directory without a sample of the revision that is asked for.
fn nothing_found(output: &Path, revision: Option<&Revision>) -> Result<String, Error> {
    let others = match revision {
        Some(_) => inventory(output, None)?,
        None => Vec::new(),
    };
    let place = output.display();
    let (Some(revision), false) = (revision, others.is_empty()) else {
        return Ok(format!("there are no results in {place}"));
    };
    let mut nearest = Nearest::to(revision.as_str());
    for other in &others {
        nearest.compare(other.revision.as_str());
    }
    Ok(format!(
        "there are no results of `{revision}` in {place}, but {} of other revisions{}",
        plural(others.len(), "sample"),
        did_you_mean(&nearest.names())
    ))
}

/// The runs that were broken off and have an instance left to collect from. A state directory that cannot be used, which
/// `collect fetch` says, has none.
fn runs_to_finish(stored: &[StoredSample]) -> BTreeSet<RunId> {
    let Ok(records) = records() else {
        return BTreeSet::new();
    };
    records.forget_expired_instances(Timestamp::now());
    let broken_off: BTreeSet<&RunId> = stored
        .iter()
        .filter(|sample| is_broken_off(sample))
        .filter_map(StoredSample::run)
        .collect();
    let instances = records.instances().into_iter();
    let left = instances.filter(|instance| broken_off.contains(&instance.run));
    left.map(|instance| instance.run).collect()
}

fn row(sample: &StoredSample) -> Option<[String; 9]> {
    let (when, result, of_report) = match &sample.contents {
        Contents::Complete(entry) => (Some(entry.started), entry.result(), Some(&**entry)),
        Contents::Partial {
            started, running, ..
        } => {
            let state = if *running { "running" } else { "broken off" };
            (*started, state.to_owned(), None)
        }
        Contents::Unreadable { .. } => return None,
    };
    let known = |value: fn(&IndexEntry) -> String| of_report.map(value).unwrap_or_default();
    Some([
        when.map(utc_to_the_second).unwrap_or_default(),
        sample.revision.to_string(),
        known(|entry| {
            let commit = entry.commit.as_ref();
            commit.map_or_else(String::new, |commit| commit.short().to_owned())
        }),
        result,
        known(|entry| {
            let instance = entry.instance.as_ref();
            let of_instance = instance.and_then(|instance| instance.instance_type.clone());
            of_instance.unwrap_or_else(|| entry.provider.clone())
        }),
        known(|entry| entry.collected.files.to_string()),
        known(|entry| human_bytes(entry.collected.bytes)),
        known(|entry| {
            let description = entry.description.as_deref().unwrap_or_default();
            description.split_whitespace().collect::<Vec<_>>().join(" ")
        }),
        sample.path.display().to_string(),
    ])
}

fn is_broken_off(sample: &StoredSample) -> bool {
    matches!(sample.contents, Contents::Partial { running: false, .. })
}

/// Removes samples with their archives.
pub(super) fn remove(args: &RmArgs, console: &Console) -> Result<ExitStatus, Error> {
    let mut removals = BTreeSet::new();
    // Everything is looked at before anything is removed.
    for sample in &args.samples {
        removals.extend(meant(sample, &args.output)?);
    }
    if !args.yes {
        for removal in &removals {
            console.say(&removal.path().display().to_string());
        }
        if !io::stdin().is_terminal() {
            return Err(Error::Unconfirmed);
        }
        let question = format!("remove {} for good?", plural(removals.len(), "sample"));
        if !console.confirm(&question) {
            console.note("nothing was removed");
            return Ok(ExitStatus::Passed);
        }
    }
    for removal in &removals {
        removal.carry_out()?;
        console.say(&format!("removed {}", removal.path().display()));
    }
    Ok(ExitStatus::Passed)
}

/// The meaning of an argument of `collect rm`: a directory, or all that is of an instance or a run.
fn meant(sample: &Path, args: &OutputArgs) -> Result<Vec<Removal>, Error> {
    let id = sample.to_string_lossy();
    if sample.symlink_metadata().is_ok() || id.contains('/') {
        return Ok(vec![Removal::of(sample)?]);
    }
    let output = output(args)?;
    let stored = inventory(&output, None)?;
    let of_id: Vec<&StoredSample> = stored.iter().filter(|stored| stored.is_of(&id)).collect();
    if of_id.is_empty() {
        let id = id.into_owned();
        return Err(RemovalError::UnknownId { id, output }.into());
    }
    let mut paths: BTreeSet<Cow<'_, Path>> = BTreeSet::new();
    for stored in of_id {
        paths.insert((&stored.path).into());
        // What belongs to all samples of a run of several goes with the run.
        let of_run = stored.path.with_file_name(&*id);
        if of_run.is_dir() {
            paths.insert(of_run.into());
        }
    }
    let removals = paths.iter().map(|path| Removal::of(path));
    Ok(removals.collect::<Result<_, _>>()?)
}

/// The directory that holds the results of all revisions.
pub(super) fn output(args: &OutputArgs) -> Result<PathBuf, Error> {
    let of_config = |config: &Path| -> Result<PathBuf, Error> {
        let project = Project::open(config, true)?;
        Ok(expand_home(&project.config.output))
    };
    match (&args.output, &args.config) {
        (Some(output), _) => Ok(expand_home(output)),
        (None, Some(config)) => of_config(config),
        (None, None) if Path::new(CONFIG_FILE).is_file() => of_config(Path::new(CONFIG_FILE)),
        (None, None) => Ok(DEFAULT_OUTPUT.into()),
    }
}
