//! Another collection from an instance that outlives its run, or whose collector was killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::metrics::MetricsFile;
use super::step_log::{Source, StepLog};
use crate::collect::{Arrivals, CollectError, Collection, collect};
use crate::config::Pattern;
use crate::job::{Sampler, log_sizes};
use crate::lease::KeptInstance;
use crate::records::{FileState, Manifest, ManifestEntry, Record};
use crate::report::{Archive, Collected, SampleReport};
use crate::reporter::{Event, Reporter, SampleReporter, TimedEvent};
use crate::results::{RECORDS, Results, ResultsError, SampleDirectory, write_report};
use crate::shell::Shell;

/// The result of another collection.
#[derive(Debug)]
pub struct Fetched {
    /// The sum of the files on this machine.
    pub collected: Collected,
    /// Where it is.
    pub directory: PathBuf,
    /// The archive, where there is one.
    pub archive: Option<Archive>,
    /// Why something is missing.
    pub error: Option<CollectError>,
}

/// Collects the results and the logs into the directory of the sample, gives that its final name, and brings its records
/// up to date.
///
/// # Errors
/// When the results cannot be written.
pub async fn fetch<R: Reporter>(
    shell: &impl Shell,
    instance: &KeptInstance,
    reporter: &R,
) -> Result<Fetched, ResultsError> {
    let KeptInstance {
        partial_results,
        results,
        revision,
        archive,
        report,
        ..
    } = instance;
    let path = if results.is_dir() {
        results
    } else {
        partial_results
    };
    let mut results = Results::open_partial(path, results, revision);
    results.make_directories()?;
    let warn = |text: String| reporter.report(Event::Warning(text));
    if let Err(error) = fetch_logs(shell, instance, &results).await {
        warn(format!("not all logs are complete: {error}"));
    }
    let globs = instance.performance_results.iter();
    // They were read once already.
    let patterns: Vec<Pattern> = globs
        .filter_map(|glob| Pattern::parse(glob).ok())
        .flatten()
        .collect();
    let sampler = Sampler {
        directory: &instance.jobs_dir,
    };
    let mut metrics = MetricsFile::of(results.path());
    // Where there are none, none are missing.
    let _ = sampler.read(shell, &mut metrics).await;
    // Beside the local results, whose names it would have to avoid otherwise; it takes the place of that when it has come.
    let arriving = results.make_arrival_directory().await?;
    let arrivals = Arrivals::default();
    let Collection {
        manifest,
        warnings,
        error,
        ..
    } = collect(shell, &patterns, &arriving, &arrivals, reporter).await;
    warnings.into_iter().for_each(warn);
    let earlier = read::<Manifest>(results.path()).await;
    results.take_over(arriving, manifest.clone()).await?;
    let manifest = manifest.completed_by(earlier);
    let collected = sum(&manifest);
    results.record(manifest).await?;
    results.finalize_name().await?;
    let records = results.path().join(RECORDS);
    let report = match read::<SampleReport>(results.path()).await {
        // It is a newer collector's, or damaged: nothing of it is lost.
        None if records.join(SampleReport::FILE).exists() => None,
        None => Some(SampleReport {
            finished: Timestamp::now(),
            ..report.clone()
        }),
        written => written,
    };
    if let Some(report) = report {
        let report = SampleReport {
            collected: collected.clone(),
            ..report
        };
        results.record(report).await?;
    }
    results.release_reserve();
    results.index().await?;
    if let Err(error) = write_report(results.path(), &records).await {
        warn(error.to_string());
    }
    let archive = if *archive {
        let packed = results.archive().await;
        packed.map_err(|error| warn(error.to_string())).ok()
    } else {
        None
    };
    Ok(Fetched {
        collected,
        directory: results.path().to_owned(),
        archive,
        error,
    })
}

/// The sum of the files of a manifest.
fn sum(manifest: &Manifest) -> Collected {
    let is_local =
        |entry: &&ManifestEntry| matches!(entry.state, FileState::Verified | FileState::Stored);
    let files = manifest.files.iter().filter(is_local);
    let count = files.clone().count();
    Collected {
        files: count as u64,
        bytes: files.map(|entry| entry.size).sum(),
        incomplete: (manifest.files.len() - count) as u64,
    }
}

/// A record of the sample, where there is one.
async fn read<T: Record + Send + 'static>(path: &Path) -> Option<T> {
    let directory = SampleDirectory::new(path);
    let reading = tokio::task::spawn_blocking(move || directory.read().ok());
    reading.await.ok().flatten()
}

/// Brings home what the logs on the instance have beyond their local copies.
async fn fetch_logs(
    shell: &impl Shell,
    instance: &KeptInstance,
    results: &Results,
) -> Result<(), String> {
    let logs = results.path().join(RECORDS).join("logs");
    let logs = tokio::task::spawn_blocking(move || logs_in(&logs));
    let logs = logs
        .await
        .map_err(|panic| panic.to_string())?
        .map_err(|error| error.to_string())?;
    let directory = instance.jobs_dir.as_str();
    let sizes = log_sizes(shell, directory)
        .await
        .map_err(|error| error.to_string())?;
    for (number, path, length) in logs {
        let Some(size) = sizes.get(&number).filter(|size| **size > length) else {
            continue;
        };
        let free = results.free_space().await;
        let silent = SampleReporter {
            reporter: &Silence,
            sample: instance.sample,
        };
        let source = Source { directory, number };
        let mut log = StepLog::create(path, free, silent).await;
        log.complete(shell, source, *size)
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The local logs, with the numbers of their steps and their lengths.
fn logs_in(directory: &Path) -> io::Result<Vec<(u32, PathBuf, u64)>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name
            .split_once('-')
            .and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number {
            logs.push((number, entry.path(), entry.metadata()?.len()));
        }
    }
    Ok(logs)
}

/// Nobody watches: what comes was shown before, or is shown later.
pub(super) struct Silence;

impl Reporter for Silence {
    fn take(&self, _: TimedEvent) {}
}
