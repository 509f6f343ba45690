//! Everything that results at rest tell of a run, as the page of them shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::sample_directory::{ReadError, SampleDirectory, read_record, read_whole};
use super::stored_figures::CONFIG_FILE;
use super::{CONFIG, RECORDS, ResultsError, failed};
use crate::records::{Figures, Record as _};
use crate::report::{RunReport, SampleReport};
use crate::report_page::{Log, RunResults, SampleResults};

/// The largest config that is shown, in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// The bytes of all logs of a page, the most of one of them, and the least.
const MAX_LOGS: u64 = 8 << 20;
const MAX_LOG: u64 = 1 << 20;
const MIN_LOG: u64 = 4 << 10;

/// The depth to which runs are looked for: in the directory of all revisions they are in the second one below it.
const SEARCH_DEPTH: u32 = 2;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum StoredRunsError {
    /// Nothing is a sample's, or a run's.
    #[error("there are no results in {}", .0.display())]
    None(PathBuf),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system refuses.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl StoredRunsError {
    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::None(_) => Some("`collect results` lists what is there"),
            Self::Read(error) => error.hint(),
            Self::Results(error) => error.hint(),
        }
    }
}

/// The runs of some directories, oldest first: of samples, of runs, of revisions, or of all revisions. May block. What a sample lacks is not
/// shown; what is there and cannot be read is named in the second part.
///
/// # Errors
/// When a directory has no results, or they cannot be read.
pub fn stored_runs<'a>(
    directories: impl IntoIterator<Item = &'a Path>,
) -> Result<(Vec<RunResults>, Vec<String>), StoredRunsError> {
    let mut found = Found::default();
    for directory in directories {
        let before = found.samples.len();
        found.look_into(directory, SEARCH_DEPTH)?;
        if found.samples.len() == before && !found.has(directory) {
            return Err(StoredRunsError::None(directory.to_owned()));
        }
    }
    Ok(found.read())
}

/// The samples that were found, by their canonical paths.
#[derive(Default)]
struct Found {
    samples: BTreeMap<PathBuf, SampleReport>,
    /// The directories that may hold what belongs to all samples of a run.
    of_runs: BTreeSet<PathBuf>,
}

impl Found {
    fn has(&self, directory: &Path) -> bool {
        let path = fs::canonicalize(directory).unwrap_or_default();
        self.samples.keys().any(|sample| sample.starts_with(&path))
    }

    fn look_into(&mut self, directory: &Path, depth: u32) -> Result<(), StoredRunsError> {
        let path = fs::canonicalize(directory).map_err(failed("reading", directory))?;
        if path.join(RECORDS).join(SampleReport::FILE).is_file() {
            return self.add(path);
        }
        if path.join(RunReport::FILE).is_file() {
            let report: RunReport = read_record(&path.join(RunReport::FILE))?;
            let parent = path.parent().unwrap_or(&path);
            for instance in report
                .samples
                .iter()
                .filter_map(|sample| sample.instance.as_ref())
            {
                let name = instance.id.as_str();
                let sample = parent.join(name);
                let is_name = !name.contains('/') && !name.starts_with('.');
                if is_name && sample.join(RECORDS).is_dir() {
                    self.add(sample)?;
                }
            }
            self.of_runs.insert(path);
            return Ok(());
        }
        if path.join(Figures::FILE).is_file() {
            self.of_runs.insert(path.clone());
        }
        if depth == 0 {
            return Ok(());
        }
        let entries = fs::read_dir(&path)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(failed("reading", &path))?;
        for entry in entries {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.look_into(&entry.path(), depth - 1)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf) -> Result<(), StoredRunsError> {
        let report: SampleReport = SampleDirectory::new(&path).read()?;
        if let Some(parent) = path.parent() {
            self.of_runs.insert(parent.join(report.run.as_str()));
        }
        self.samples.insert(path, report);
        Ok(())
    }

    fn read(self) -> (Vec<RunResults>, Vec<String>) {
        let mut warnings = Vec::new();
        let logs = self
            .samples
            .values()
            .flat_map(|report| &report.stages)
            .map(|stage| stage.steps.len());
        let logs = u64::try_from(logs.sum::<usize>()).unwrap_or(u64::MAX);
        let room = (MAX_LOGS / logs.max(1)).clamp(MIN_LOG, MAX_LOG);
        let mut runs: BTreeMap<String, RunResults> = BTreeMap::new();
        for (path, report) in self.samples {
            let directory = SampleDirectory::new(&path);
            let own: Option<Figures> = directory.read().ok();
            let run = runs
                .entry(report.run.to_string())
                .or_insert_with(|| RunResults {
                    report: None,
                    figures: None,
                    samples: Vec::new(),
                });
            run.figures = run.figures.take().or(own);
            run.samples.push(sample(&path, report, room, &mut warnings));
        }
        for directory in self.of_runs {
            let figures: Option<Figures> = read_record(&directory.join(Figures::FILE)).ok();
            let report: Option<RunReport> = read_record(&directory.join(RunReport::FILE)).ok();
            let id = report.as_ref().map(|report| report.run.to_string());
            let id = id.or_else(|| Some(figures.as_ref()?.runs.first()?.to_string()));
            if let Some(run) = id.and_then(|id| runs.get_mut(&id)) {
                run.report = report.or(run.report.take());
                run.figures = figures.or(run.figures.take());
            }
        }
        let mut runs: Vec<RunResults> = runs.into_values().collect();
        for run in &mut runs {
            run.samples.sort_by_key(|sample| sample.report.sample);
            let RunResults {
                figures, samples, ..
            } = run;
            if let Some(of_run) = figures
                && !of_run
                    .samples
                    .iter()
                    .all(|of| samples.iter().any(|sample| sample.is(of)))
            {
                *of_run = of_run.only(|of| samples.iter().any(|sample| sample.is(of)));
            }
        }
        runs.sort_by_key(RunResults::started);
        (runs, warnings)
    }
}

fn sample(
    path: &Path,
    report: SampleReport,
    room: u64,
    warnings: &mut Vec<String>,
) -> SampleResults {
    let directory = SampleDirectory::new(path);
    let steps = report.stages.iter().flat_map(|stage| &stage.steps);
    let logs = steps.filter_map(|step| {
        // The record may be from anywhere: no other file is meant by it.
        let name = Path::new(&step.log).file_name()?;
        log(&path.join(RECORDS).join("logs").join(name), &step.log, room).ok()
    });
    let metrics = directory.metrics().unwrap_or_else(|reason| {
        warnings.push(reason);
        None
    });
    let config = read_whole(&path.join(CONFIG).join(CONFIG_FILE), MAX_CONFIG).ok();
    SampleResults {
        facts: directory.read().ok(),
        manifest: directory.read().ok(),
        config: config.map(|text| String::from_utf8_lossy(&text).into_owned()),
        logs: logs.collect(),
        metrics,
        report,
    }
}

/// The first quarter of the room of a log, and its last bytes: most often the end tells what went wrong.
fn log(path: &Path, name: &str, room: u64) -> io::Result<Log> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut part = |start: u64, bytes: u64| {
        file.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        file.by_ref().take(bytes).read_to_end(&mut text)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    let cut = length > room;
    let head = if cut { room / 4 } else { length };
    let tail = if cut { room - head } else { 0 };
    Ok(Log {
        path: name.to_owned(),
        head: part(0, head)?,
        left_out: length - head - tail,
        tail: part(length - tail, tail)?,
    })
}
