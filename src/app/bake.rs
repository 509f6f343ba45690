//! `collect bake`: a run whose instance becomes an image, and on which nothing is measured.

use std::num::NonZeroU32;

use jiff::Timestamp;

use super::paths::expand_home;
use super::revision::Scratch;
use super::run::{Invocation, run_with};
use crate::arm::Arm;
use crate::cli::{BakeArgs, JobArgs};
use crate::config::{Bake, BakeError, Interval, ProviderSpec};
use crate::error::{Error, ShardError};
use crate::instance::RunId;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::report::RunReport;
use crate::reporter::{Event, Reporter};
use crate::repository::Found;
use crate::revision::Revision;
use crate::sample::Plan;
use crate::shard::{Shard, Share};

/// The word in place of the revision where an image is of none.
const NO_REVISION: &str = "bake";

/// Makes the image that the arguments ask for; the instance is gone when it returns, or the report says so.
///
/// # Errors
/// When nothing was launched.
pub(super) async fn bake(
    args: &BakeArgs,
    reporter: &impl Reporter,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let mut project = Project::open(&args.config, false)?;
    let config = &mut project.config;
    let ProviderSpec::Ec2(spec) = &mut config.provider else {
        return Err(BakeError::Rehearsal.into());
    };
    spec.region = args.region.clone().or(spec.region.take());
    if config.bake.is_none() {
        let note = "runs use the image once `bake: auto` stands in `main`";
        reporter.report(Event::Note(note.into()));
    }
    let bake = *config.bake.get_or_insert(Bake::Auto);
    config.check_bake()?;
    let revision: Revision = match (bake, &args.revision) {
        (Bake::Setup, Some(revision)) => revision.parse()?,
        (Bake::Setup, None) => return Err(BakeError::NoRevision.into()),
        (Bake::Auto, Some(_)) => return Err(BakeError::Revision.into()),
        (Bake::Auto, None) => NO_REVISION.parse()?,
    };
    // What is baked for two revisions is what both have in common.
    let mut config = config.for_bake();
    config.samples = NonZeroU32::MIN;
    config.baseline = None;
    config.bake = Some(bake);
    config.metrics = Interval::Off;
    config.calibrate = false;
    config.quiet = false;
    config.figures.clear();
    config.keep_on_failure = None;
    config.s3 = None;
    project.config = config;
    let run = RunId::generate(Timestamp::now());
    let scratch = Scratch::of(&run)?;
    let found = match bake {
        Bake::Auto => Ok(Found::default()),
        Bake::Setup => {
            let arm = Arm::Candidate;
            scratch
                .look_up(&project, &revision, arm, reporter, interrupt)
                .await
        }
    };
    let report = match found {
        Ok(found) => {
            let plan = Plan {
                config_name: project.name(),
                output: expand_home(&project.config.output),
                config: project.config,
                config_file: project.text,
                directory: project.directory,
                revision,
                found,
                baseline: None,
                seed: 0,
                description: None,
                run,
                share: Share::new(Shard::WHOLE, NonZeroU32::MIN).map_err(ShardError::Share)?,
                bakes: true,
                in_workflow: false,
                shell: None,
            };
            let invocation = Invocation {
                job: None,
                args: &JobArgs::default(),
                reporter,
                interrupt,
            };
            run_with(&plan, &invocation).await
        }
        Err(error) => Err(error),
    };
    scratch.remove(interrupt).await;
    report
}
