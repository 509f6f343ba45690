//! Figures at rest: those of a sample, of a run, or of all that a directory holds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sample_directory::{ReadError, SampleDirectory, read_record};
use super::{CONFIG, RECORDS, ResultsError, failed, record_file};
use crate::comparison::hosts::Host;
use crate::instance::InstanceId;
use crate::records::{Figures, HostFacts, JoinError, Record as _, SampleOf};
use crate::report::{RunReport, SampleReport};

/// The config below the directory of a sample.
pub(super) const CONFIG_FILE: &str = "config.yml";

/// Why figures at rest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// Nothing has figures.
    #[error("there are no figures in {}", .0.display())]
    None(PathBuf),
    /// Nothing is of that name.
    #[error("nothing in {} is of a revision, a run or an instance `{name}`, and no directory has that name", output.display())]
    Unknown {
        /// The argument.
        name: String,
        /// Where.
        output: PathBuf,
    },
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The measurements are not of one plan.
    #[error("{} cannot be joined to {}: {source}", other.display(), first.display())]
    Join {
        /// The first figures.
        first: PathBuf,
        /// Those that do not fit.
        other: PathBuf,
        /// The difference.
        source: JoinError,
    },
    /// The configs differ.
    #[error("{} cannot be joined to {}: their configs differ", other.display(), first.display())]
    Configs {
        /// The first figures.
        first: PathBuf,
        /// Those that do not fit.
        other: PathBuf,
    },
    /// The sides of a comparison share what was measured.
    #[error("both sides have sample {} of the run {}: nothing is compared with itself", .0.sample, .0.run)]
    Same(SampleOf),
    /// The file system refuses.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl FiguresError {
    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::None(_) => Some(
                "`figures` in the config says which files hold them; measure again with it, or name a directory with a `figures.json`",
            ),
            Self::Unknown { .. } => {
                Some("`collect results` lists what is there; `--output` or `--config` says where")
            }
            Self::Read(error) => error.hint(),
            Self::Join { source, .. } => Some(source.hint()),
            Self::Configs { .. } => {
                Some("join what one config has measured; `collect compare` takes any two")
            }
            Self::Same(_) => Some(
                "name two runs or revisions that `collect results` lists; a run that has measured its baseline is compared with it by `collect compare <baseline> <run>`",
            ),
            Self::Results(error) => error.hint(),
        }
    }
}

/// The figures of a run at rest, or of some of its samples.
#[derive(Debug, Clone)]
pub struct StoredFigures {
    /// The file that they are from.
    pub path: PathBuf,
    /// The figures.
    pub figures: Figures,
    /// The hosts that they were measured on.
    pub hosts: Vec<Host>,
    /// The text of the config, where it lies there.
    pub config: Option<String>,
    /// The directories of the samples.
    directories: Vec<(InstanceId, PathBuf)>,
}

impl StoredFigures {
    /// The figures in a directory: of a sample, of a run, of a revision, or of anything that has such directories in it.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn in_directory(directory: &Path) -> Result<Vec<Self>, FiguresError> {
        if let Some(place) = Place::of(directory)? {
            return Ok(vec![place.read()?]);
        }
        let mut places: BTreeMap<PathBuf, Place> = BTreeMap::new();
        let entries = fs::read_dir(directory)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(failed("reading", directory))?;
        for entry in entries {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.path().is_dir() {
                Place::add(&mut places, &entry.path())?;
            }
        }
        Self::of_places(places, directory)
    }

    /// The figures of some samples, each run once. Samples without figures are passed over.
    ///
    /// # Errors
    /// When none has figures, or they cannot be read.
    pub fn of_samples<'a>(
        directories: impl IntoIterator<Item = &'a Path>,
        output: &Path,
    ) -> Result<Vec<Self>, FiguresError> {
        let mut places = BTreeMap::new();
        for directory in directories {
            Place::add(&mut places, directory)?;
        }
        Self::of_places(places, output)
    }

    fn of_places(
        places: BTreeMap<PathBuf, Place>,
        directory: &Path,
    ) -> Result<Vec<Self>, FiguresError> {
        let places = places.into_values().map(Place::read);
        let stored: Vec<Self> = places.collect::<Result<_, _>>()?;
        if stored.is_empty() {
            return Err(FiguresError::None(directory.to_owned()));
        }
        Ok(stored)
    }

    /// Writes joined figures to a directory, which is made where it is missing, with the records and the config of each sample that they are from.
    ///
    /// # Errors
    /// When that cannot be written to.
    pub fn write(
        directory: &Path,
        figures: &Figures,
        from: &[Self],
    ) -> Result<PathBuf, FiguresError> {
        let path = directory.join(Figures::FILE);
        fs::create_dir_all(directory).map_err(failed("creating", directory))?;
        let temporary = record_file::temporary(directory, Figures::FILE);
        figures
            .to_json()
            .map_err(io::Error::from)
            .and_then(|text| record_file::write(&temporary, &path, &text))
            .map_err(failed("writing", &path))?;
        for (instance, sample) in from.iter().flat_map(|stored| &stored.directories) {
            let records =
                [SampleReport::FILE, HostFacts::FILE].map(|file| Path::new(RECORDS).join(file));
            for file in records
                .into_iter()
                .chain([Path::new(CONFIG).join(CONFIG_FILE)])
            {
                let (source, target) = (
                    sample.join(&file),
                    directory.join(instance.as_str()).join(file),
                );
                if source.is_file() {
                    copy(&source, &target).map_err(failed("writing", &target))?;
                }
            }
        }
        Ok(path)
    }
}

/// Copies a file to a directory that may be missing.
fn copy(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(directory) = target.parent() {
        fs::create_dir_all(directory)?;
    }
    // A file that is copied to its own place would end up empty.
    if target.exists() && fs::canonicalize(source)? == fs::canonicalize(target)? {
        return Ok(());
    }
    fs::copy(source, target).map(drop)
}

/// The place of some figures.
#[derive(Debug)]
struct Place {
    /// The file.
    path: PathBuf,
    /// The directory in which each sample has one of its own; none where the file is in that of the only sample.
    samples: Option<PathBuf>,
    /// The samples that are meant; none where all are.
    only: Option<Vec<InstanceId>>,
}

impl Place {
    /// The place of the figures of a sample or a run; none where the directory is another.
    fn of(directory: &Path) -> Result<Option<Self>, FiguresError> {
        let of_sample = directory.join(RECORDS).join(Figures::FILE);
        if of_sample.is_file() {
            return Ok(Some(Self {
                path: of_sample,
                samples: None,
                only: None,
            }));
        }
        let of_run = directory.join(Figures::FILE);
        if of_run.is_file() {
            let parent = fs::canonicalize(directory).map_err(failed("reading", directory))?;
            return Ok(Some(Self {
                path: of_run,
                samples: parent.parent().map(Path::to_owned),
                only: None,
            }));
        }
        let Ok(report) = SampleDirectory::new(directory).read::<SampleReport>() else {
            return Ok(None);
        };
        // One of several samples: its figures are with those of the others.
        let directory = fs::canonicalize(directory).map_err(failed("reading", directory))?;
        let of_revision = directory.parent().unwrap_or(&directory);
        let path = of_revision.join(report.run.as_str()).join(Figures::FILE);
        Ok(match report.instance {
            Some(instance) if path.is_file() => Some(Self {
                path,
                samples: Some(of_revision.to_owned()),
                only: Some(vec![instance.id]),
            }),
            _ => None,
        })
    }

    /// Adds the place of a directory's figures, where it has any.
    fn add(places: &mut BTreeMap<PathBuf, Self>, directory: &Path) -> Result<(), FiguresError> {
        let Some(place) = Self::of(directory)? else {
            return Ok(());
        };
        let path = fs::canonicalize(&place.path).map_err(failed("reading", &place.path))?;
        match places.get_mut(&path) {
            Some(known) => match (&mut known.only, place.only) {
                (Some(instances), Some(more)) => instances.extend(more),
                (only, None) => *only = None,
                (None, Some(_)) => {}
            },
            None => {
                places.insert(path, place);
            }
        }
        Ok(())
    }

    fn read(self) -> Result<StoredFigures, FiguresError> {
        let figures: Figures = read_record(&self.path)?;
        let figures = match &self.only {
            Some(instances)
                if !figures
                    .samples
                    .iter()
                    .all(|sample| instances.contains(&sample.instance)) =>
            {
                figures.only(|sample| instances.contains(&sample.instance))
            }
            _ => figures,
        };
        let report = self.path.with_file_name(RunReport::FILE);
        let report = self
            .samples
            .is_some()
            .then(|| read_record::<RunReport>(&report).ok());
        let report = report.flatten();
        let hosts = figures
            .samples
            .iter()
            .map(|sample| self.host(sample, report.as_ref()));
        let directories = figures.samples.iter().filter_map(|sample| {
            let directory = self.directory(sample)?;
            Some((sample.instance.clone(), directory))
        });
        let config = figures.samples.iter().find_map(|sample| {
            let config = self.directory(sample)?.join(CONFIG).join(CONFIG_FILE);
            fs::read_to_string(config).ok()
        });
        Ok(StoredFigures {
            hosts: hosts.collect(),
            directories: directories.collect(),
            config,
            path: self.path.clone(),
            figures,
        })
    }

    /// The directory of a sample; none of one whose name leads elsewhere: the record may be from anywhere.
    fn directory(&self, sample: &SampleOf) -> Option<PathBuf> {
        let name = sample.instance.as_str();
        if name.contains('/') || name.starts_with('.') || name.is_empty() {
            return None;
        }
        match &self.samples {
            // Beside the figures of a run, or below joined ones.
            Some(samples) => [samples.as_path(), self.path.parent()?]
                .map(|directory| directory.join(name))
                .into_iter()
                .find(|directory| directory.is_dir()),
            None => Some(self.path.parent()?.parent()?.to_owned()),
        }
    }

    /// The facts of a sample's host that are on record.
    fn host(&self, sample: &SampleOf, run: Option<&RunReport>) -> Host {
        let directory = self.directory(sample).map(SampleDirectory::new);
        let directory = directory.as_ref();
        let report = directory.and_then(|directory| directory.read::<SampleReport>().ok());
        let of_run = run.and_then(|run| {
            let mut reports = run.samples.iter();
            reports.find(|report| report.sample == sample.sample && report.run == sample.run)
        });
        let instance = report
            .as_ref()
            .or(of_run)
            .and_then(|report| report.instance.as_ref());
        Host {
            instance: sample.instance.clone(),
            instance_type: instance.and_then(|instance| instance.instance_type.clone()),
            facts: directory.and_then(|directory| directory.read::<HostFacts>().ok()),
        }
    }
}
