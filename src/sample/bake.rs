//! An image made of the instance, once the baked phases are over.

use std::time::Duration;

use tokio::time::Instant;

use super::{Host, Sample, Shared};
use crate::backoff::Backoff;
use crate::instance::{ImageId, ImageName, ImageState};
use crate::phase::{Phase, Stage};
use crate::provider::{Provider, ProviderError};
use crate::report::Outcome;
use crate::reporter::{Event, Reporter};
use crate::shell::{Shell, ShellError};
use crate::step::StepOutcome;

/// The deadline for an image to be available: EC2 copies a volume of some hundred GiB in most of an hour.
const IMAGE_DEADLINE: Duration = Duration::from_hours(2);

/// The longest pause between two questions for its state.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The image that the instances of a run are launched from where it makes or uses one.
#[derive(Debug, Clone)]
pub(crate) struct LaunchImage {
    /// The image to launch from.
    pub(crate) id: ImageId,
    /// The name that an image of this config has.
    pub(crate) name: ImageName,
    /// The phases that are done on it already.
    pub(crate) done: Vec<Phase>,
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Makes an image of the instance, if every step has passed.
    pub(super) async fn bake(&mut self, shared: &Shared<'_, P>) {
        if !self.passed() {
            return;
        }
        self.journal.begin(Stage::Bake);
        let steps = self.journal.stages.iter().flat_map(|stage| &stage.steps);
        let mut doubtful = steps.filter(|step| step.outcome != StepOutcome::Passed);
        if let Some(step) = doubtful.next() {
            let message = format!("no image is made: {} {}", step.script, step.outcome);
            let hint = "an image is made once for many runs, so every step of it has to pass";
            self.journal.fail(Outcome::StepFailed, message, Some(hint));
        } else {
            match self.make_image(shared).await {
                Ok(id) => self.journal.report(Event::Note(format!(
                    "image {id} is available: runs with `bake` in `main` launch from it while their scripts and files are these"
                ))),
                Err(error) => {
                    self.journal
                        .fail(Outcome::Unavailable, error.to_string(), error.hint());
                }
            }
        }
        let ok = self.passed();
        self.journal.end(ok);
    }

    async fn make_image(&self, shared: &Shared<'_, P>) -> Result<ImageId, ProviderError> {
        let provider = self.run.provider;
        let (Some(image), Some(instance)) = (&shared.image, &self.journal.instance) else {
            return Err(ProviderError::NoImages);
        };
        let phases = self.run.plan.config.baked_phases();
        let phases: Vec<_> = phases.iter().map(|phase| phase.key()).collect();
        let content = format!("{} on {}", phases.join(" and "), image.id);
        let id = provider
            .create_image(&instance.id, &image.name, &content, &shared.request)
            .await?;
        self.journal
            .report(Event::Note(format!("image {id} is being made")));
        let failed = |reason: String| ProviderError::NoImage {
            what: id.to_string(),
            reason,
        };
        let mut backoff = Backoff::until(Instant::now() + IMAGE_DEADLINE).up_to(MAX_PAUSE);
        loop {
            match provider.image_state(&id).await {
                Ok(ImageState::Available) => return Ok(id),
                Ok(ImageState::Failed(reason)) => return Err(failed(reason)),
                Ok(ImageState::Pending) => {}
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if !backoff.wait().await {
                let hours = IMAGE_DEADLINE.as_secs() / 3600;
                return Err(failed(format!("it is not available within {hours} h")));
            }
        }
    }

    /// Finds the checkout of an image that has one. Sending it again would undo what was built in it.
    pub(super) async fn find_source(&mut self, host: &Host<'a, P, R>) -> Result<(), ShellError> {
        let arm = self.arm();
        if self.run.plan.found_of(arm).checkout.is_some() {
            let path = host.find_source(self.home(Some(arm))).await?;
            self.sources.insert(arm, path);
        }
        Ok(())
    }
}
