//! The part of a run that this process is to measure: from the command line, and from the engine that started it.

use std::env;

use jiff::Timestamp;

use crate::cli::{RunArgs, ShardChoice};
use crate::config::Config;
use crate::error::{Error, ShardError};
use crate::github::WorkflowJob;
use crate::instance::RunId;
use crate::phase::Phase;
use crate::project::Project;
use crate::revision::Revision;
use crate::shard::{RunName, Shard, Share};

/// The variable that AWS Batch gives the children of an array job; it counts them from 0.
const BATCH_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
const BATCH_SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";
const BATCH_JOB: &str = "AWS_BATCH_JOB_ID";
const BATCH_ATTEMPT: &str = "AWS_BATCH_JOB_ATTEMPT";

/// A run, or a shard of one.
pub(super) struct Part {
    /// Its id.
    pub(super) run: RunId,
    /// Its samples.
    pub(super) share: Share,
    /// The seed of the order of the turns, unless that is given.
    pub(super) seed: u64,
}

impl Part {
    /// The part that the arguments ask for. All shards of a run find the same name and seed, without talking to each other.
    pub(super) fn of(
        args: &RunArgs,
        job: Option<&WorkflowJob>,
        project: &Project,
        revision: &Revision,
    ) -> Result<Self, Error> {
        let share = share(args, &project.config)?;
        if args.shard.is_none() {
            return Ok(Self {
                run: RunId::generate(Timestamp::now()),
                share,
                seed: rand::random(),
            });
        }
        let (name, attempt) = match &args.run {
            Some(name) => (name.clone(), String::new()),
            None => of_engine(job).ok_or(ShardError::NoName)?,
        };
        let baseline = project.config.baseline.as_ref();
        let baseline = baseline.map(ToString::to_string).unwrap_or_default();
        let text = String::from_utf8_lossy(&project.text);
        let plan = [text.as_ref(), revision.as_str(), &baseline];
        let region = args.region.as_deref().unwrap_or_default();
        let place = [region, job.map_or("", |job| &job.job), &attempt];
        Ok(Self {
            run: name.id(share.shard, &[plan, place].concat()),
            share,
            seed: name.seed(&plan),
        })
    }
}

/// The samples that this process measures.
pub(super) fn share(args: &RunArgs, config: &Config) -> Result<Share, ShardError> {
    let shard = match args.shard {
        None => Shard::WHOLE,
        Some(ShardChoice::These(shard)) => shard,
        Some(ShardChoice::Auto) => of_array().ok_or(ShardError::NoArray)?,
    };
    if shard.has_others() && config.precision.is_some() {
        return Err(ShardError::Precision);
    }
    Ok(Share::new(shard, config.samples)?)
}

/// Takes from the config what only the whole run can do, and says so, and of what is left that it goes by a part of the run.
pub(super) fn leave_to_merge(config: &mut Config, share: Share) -> Vec<String> {
    let part = share.shard;
    if !part.has_others() {
        return Vec::new();
    }
    let stages = config.has_stages().then_some("`confirm`");
    let limit = config.fail_on.take().map(|_| "`fail_on`");
    config.confirm = false;
    let left: Vec<&str> = [stages, limit].into_iter().flatten().collect();
    let left = (!left.is_empty()).then(|| {
        let is = if left.len() == 1 { "is" } else { "are" };
        format!(
            "shard {part} measures all of its samples and has no verdict of its own: {} {is} for the whole run, which `collect merge` joins",
            left.join(" and ")
        )
    });
    let profiled = config.phases.contains_key(&Phase::OnRegression).then(|| {
        format!(
            "{} goes by the samples of shard {part} only: each shard in which a figure is slower profiles, and none where it takes all shards to see that",
            Phase::OnRegression
        )
    });
    left.into_iter().chain(profiled).collect()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The shard that this process is as the child of an array job.
fn of_array() -> Option<Shard> {
    let number = |name| variable(name)?.parse::<u32>().ok();
    Shard::new(number(BATCH_INDEX)?.checked_add(1)?, number(BATCH_SIZE)?).ok()
}

/// The name that all shards of an engine have in common, and the attempt at this one.
fn of_engine(job: Option<&WorkflowJob>) -> Option<(RunName, String)> {
    if let Some(job) = job {
        let name = format!("github-{}", job.run_id).parse().ok()?;
        return Some((name, job.run_attempt.to_string()));
    }
    // `<the array's id>:<the child's index>`, a UUID that would be too long with its hyphens.
    let id = variable(BATCH_JOB)?;
    let array = id.split(':').next()?.replace('-', "");
    let attempt = variable(BATCH_ATTEMPT).unwrap_or_default();
    Some((array.parse().ok()?, attempt))
}
