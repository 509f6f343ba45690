//! The image that instances are launched from: named by all that goes into it, so that none almost fits.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Fleet;
use crate::cancel::{Completion, until_cancelled};
use crate::config::ProviderSpec;
use crate::instance::{ImageId, ImageName};
use crate::phase::Phase;
use crate::project::select;
use crate::project_file::{Content, ProjectFile};
use crate::provider::{Provider, ProviderError};
use crate::records::UploadedFile;
use crate::reporter::{Event, Reporter};
use crate::revision::{Commit, Revision};
use crate::sample::{LaunchImage, Plan};
use crate::schedule::{self, Action, Draw};
use crate::shell::Shell;
use crate::upload::fingerprint;

/// The number of the form of [`Ingredients`]: another one names other images.
const FORMAT: u32 = 1;

/// The digits of a name, of a hash that has more.
const DIGITS: usize = 16;

/// A step: its script, arguments and variables.
type Step<'a> = (&'a str, &'a [String], &'a [(String, String)]);

/// Everything that the baked steps are given and that is not of one run only.
#[derive(Debug, Serialize)]
struct Ingredients<'a> {
    format: u32,
    base: &'a ImageId,
    instance_type: Option<&'a str>,
    user: Option<&'a str>,
    steps: Vec<(Phase, Vec<Step<'a>>)>,
    revision: Option<(&'a Revision, Option<&'a Commit>)>,
    files: &'a [UploadedFile],
}

/// A failed look-up.
type Reason = (String, Option<&'static str>);

impl<P: Provider, H: Shell, R: Reporter> Fleet<'_, P, H, R> {
    /// Looks for the image that the config asks for, and leaves out of `files` what is on it. Returns whether there is
    /// something to launch.
    pub(super) async fn look_up_image(&mut self, files: &mut Arc<[ProjectFile]>) -> bool {
        let plan = self.run.plan;
        let phases = plan.config.baked_phases();
        if phases.is_empty() {
            return true;
        }
        let cancel = self.cancel.clone();
        let choosing = self.choose_image(&phases, files);
        let failure = match until_cancelled(&cancel, choosing).await {
            Completion::Returned(Ok(image)) => {
                self.image = image;
                return self.image.is_some();
            }
            Completion::Returned(Err(reason)) => Some(reason),
            Completion::Panicked(message) => Some((message, None)),
            Completion::Cancelled => None,
        };
        if let Some(first) = self.samples.first_mut() {
            first.end_look_up(failure);
        }
        false
    }

    /// The image to launch from; none where the run would make one that is there.
    async fn choose_image(
        &self,
        phases: &[Phase],
        files: &mut Arc<[ProjectFile]>,
    ) -> Result<Option<LaunchImage>, Reason> {
        let plan = self.run.plan;
        let provider = self.run.provider;
        let refused = |error: ProviderError| (error.to_string(), error.hint());
        let base = provider.base_image().await.map_err(refused)?;
        let (baked, fingerprints) = baked_files(plan).await?;
        let name = name(plan, phases, &base, &fingerprints)?;
        let found = provider.find_image(&name).await.map_err(refused)?;
        let keys: Vec<_> = phases.iter().map(|phase| phase.key()).collect();
        let keys = keys.join(" and ");
        let (id, done) = match found {
            Some(image) if plan.bakes => {
                let note = format!("image {} has {keys} already", image.id);
                self.run.reporter.report(Event::Note(note));
                return Ok(None);
            }
            Some(image) => {
                let note = format!("launching from image {}, which has {keys}", image.id);
                self.run.reporter.report(Event::Note(note));
                // With two revisions, each home gets the files as they are on this machine.
                if plan.baseline.is_none() {
                    let there: BTreeSet<PathBuf> =
                        baked.iter().map(|file| file.destination.clone()).collect();
                    let missing = files.iter();
                    let missing = missing.filter(|file| !there.contains(&file.destination));
                    *files = missing.cloned().collect();
                }
                (image.id, phases.to_vec())
            }
            None => {
                if plan.bakes {
                    *files = baked.into();
                } else {
                    let notice = format!(
                        "no image fits `bake`, so {keys} runs: `collect bake` makes one of these scripts and files"
                    );
                    self.run.reporter.report(Event::Notice(notice));
                }
                (base, Vec::new())
            }
        };
        Ok(Some(LaunchImage { id, name, done }))
    }
}

/// The phases of an instance that its image does not have already.
pub(super) fn schedule(plan: &Plan, image: Option<&LaunchImage>, draw: Draw) -> Vec<Action> {
    if plan.bakes {
        return schedule::baking(&plan.config);
    }
    let mut schedule = schedule::schedule(&plan.config, draw);
    let done = |action: &Action| match (action, image) {
        (Action::Phase(phase), Some(image)) => image.done.contains(phase),
        _ => false,
    };
    schedule.retain(|action| !done(action));
    schedule
}

/// The files beside the baked steps, and their hashes.
async fn baked_files(plan: &Plan) -> Result<(Vec<ProjectFile>, Vec<UploadedFile>), Reason> {
    let config = plan.config.for_bake();
    let (directory, text) = (plan.directory.clone(), plan.config_file.clone());
    let left_out: Vec<PathBuf> = plan.output.canonicalize().into_iter().collect();
    let looking = move || {
        let mut files = select(&directory, &config, &text, &left_out).files;
        // The config is sent unasked, and is no reason for another image.
        files.retain(|file| !matches!(file.content, Content::Text(_)));
        let fingerprints = fingerprint(&files)?;
        Ok((files, fingerprints))
    };
    match tokio::task::spawn_blocking(looking).await {
        Ok(looked) => looked.map_err(|reason: String| (reason, None)),
        Err(panic) => Err((panic.to_string(), None)),
    }
}

fn name(
    plan: &Plan,
    phases: &[Phase],
    base: &ImageId,
    files: &[UploadedFile],
) -> Result<ImageName, Reason> {
    let steps = |phase: &Phase| -> Vec<Step<'_>> {
        let steps = plan.config.phases.get(phase).into_iter().flatten();
        steps
            .map(|step| (step.script.as_str(), &*step.args, &*step.env))
            .collect()
    };
    let spec = match &plan.config.provider {
        ProviderSpec::Ec2(spec) => Some(spec),
        ProviderSpec::Local => None,
    };
    let ingredients = Ingredients {
        format: FORMAT,
        base,
        instance_type: spec.map(|spec| spec.instance_type.as_str()),
        user: spec.map(|spec| spec.user.as_str()),
        steps: phases.iter().map(|phase| (*phase, steps(phase))).collect(),
        revision: phases
            .contains(&Phase::Setup)
            .then_some((&plan.revision, plan.found.commit.as_ref())),
        files,
    };
    let text = serde_json::to_vec(&ingredients).map_err(|error| (error.to_string(), None))?;
    let digits: String = hex::encode(Sha256::digest(text))
        .chars()
        .take(DIGITS)
        .collect();
    Ok(ImageName::new(format!("collector-{digits}")))
}
