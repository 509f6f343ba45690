//! The state that a run leaves for the post step, in the file that the runner keeps even when it kills the run.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::commands;
use super::environment::WorkflowJob;
use super::ownership::hand_over;
use crate::instance::RunId;

const RUN: &str = "run";
const PROVIDER: &str = "provider";
const REGION: &str = "region";
const ROLE: &str = "role";
const RESULTS: &str = "results";
const DIRECTORY: &str = "directory";
const RELEASED: &str = "released";
const FIRST: &str = "first";
const SAMPLES: &str = "samples";
const UNDELIVERED: &str = "undelivered";

/// A run, as the post step needs to know it to end what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The run.
    pub run: RunId,
    /// `ec2` or `local`.
    pub provider: String,
    /// Where it rents out.
    pub region: String,
    /// The role whose credentials it has.
    pub role: Option<String>,
    /// Where it writes.
    pub results: PathBuf,
    /// Where its local steps run.
    pub directory: PathBuf,
    /// The number of its first sample.
    pub first: u32,
    /// The number of its samples.
    pub samples: u32,
}

/// The state could not be saved, so nothing was launched.
#[derive(Debug, thiserror::Error)]
#[error("the run could not be noted in {}: {source}", path.display())]
pub(crate) struct StateError {
    path: PathBuf,
    source: io::Error,
}

impl State {
    /// Saves it for the post step; where the runner keeps no state, there is no post step either.
    ///
    /// # Errors
    /// When the runner's file cannot be written; nothing must be launched then.
    pub(crate) fn save(&self, job: &WorkflowJob) -> Result<(), StateError> {
        let results = self.results.to_string_lossy();
        let directory = self.directory.to_string_lossy();
        let first = self.first.to_string();
        let samples = self.samples.to_string();
        for (name, value) in [
            (RUN, Some(self.run.as_str())),
            (PROVIDER, Some(self.provider.as_str())),
            (REGION, Some(self.region.as_str())),
            (ROLE, self.role.as_deref()),
            (RESULTS, Some(&results)),
            (DIRECTORY, Some(&directory)),
            (FIRST, Some(&first)),
            (SAMPLES, Some(&samples)),
        ] {
            if let Some(value) = value {
                set(job.files.state.as_deref(), name, value)?;
            }
        }
        Ok(())
    }

    /// Gives what the run wrote to those who own the places: the runner's user, where a container's root wrote it.
    ///
    /// A local step may write anywhere, and what stays root's in the checkout or in `RUNNER_TEMP` makes the next job on
    /// the runner fail.
    pub(crate) fn hand_over(&self, job: &WorkflowJob) {
        for place in [Some(&job.workspace), job.temp.as_ref()]
            .into_iter()
            .flatten()
        {
            hand_over(place, place);
        }
        if let Some(home) = env::var_os("HOME") {
            hand_over(Path::new(&home), &self.results);
        }
    }

    /// Notes that the job has got nothing of the run yet, which began at this time: neither summary nor comment.
    ///
    /// # Errors
    /// When the runner's file cannot be written.
    pub(crate) fn save_undelivered(job: &WorkflowJob, since: Timestamp) -> Result<(), StateError> {
        set(job.files.state.as_deref(), UNDELIVERED, &since.to_string())
    }

    /// Notes that the job has got everything.
    ///
    /// # Errors
    /// When the runner's file cannot be written.
    pub(crate) fn save_delivered(job: &WorkflowJob) -> Result<(), StateError> {
        set(job.files.state.as_deref(), UNDELIVERED, "")
    }

    /// When the run began that has delivered nothing yet; `None` where all is delivered.
    pub(crate) fn undelivered() -> Option<Timestamp> {
        saved_value(UNDELIVERED)?.parse().ok()
    }

    /// Notes that the instance is known to be gone, so that the post step need not wait for one to show up.
    ///
    /// # Errors
    /// When the runner's file cannot be written.
    pub(crate) fn save_released(job: &WorkflowJob) -> Result<(), StateError> {
        set(job.files.state.as_deref(), RELEASED, "true")
    }

    /// The state that the run of this job saved, and whether its instance is known to be gone.
    pub(crate) fn saved() -> Option<(Self, bool)> {
        let state = Self {
            run: RunId::new(saved_value(RUN)?),
            provider: saved_value(PROVIDER)?,
            region: saved_value(REGION)?,
            role: saved_value(ROLE),
            results: saved_value(RESULTS)?.into(),
            directory: saved_value(DIRECTORY)?.into(),
            first: saved_number(FIRST),
            samples: saved_number(SAMPLES),
        };
        Some((state, saved_value(RELEASED).is_some()))
    }
}

fn saved_value(name: &str) -> Option<String> {
    let value = env::var(format!("STATE_{name}")).ok();
    value.filter(|value| !value.is_empty())
}

/// A number that is 1 where none was saved.
fn saved_number(name: &str) -> u32 {
    let saved = saved_value(name);
    saved.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn set(file: Option<&Path>, name: &str, value: &str) -> Result<(), StateError> {
    let Some(file) = file else {
        return Ok(());
    };
    commands::set(file, name, value).map_err(|source| StateError {
        path: file.to_owned(),
        source,
    })
}
