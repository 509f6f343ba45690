//! `collect plan`: what a run would do.

use std::env;

use super::json::pretty;
use super::paths::expand_home;
use super::revision::local_commit;
use super::run::expect_feasible;
use super::shard::{leave_to_merge, share};
use crate::cli::PlanArgs;
use crate::config::Baseline;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::preview::{Preview, Surroundings};
use crate::project::Project;
use crate::reporter::console::Console;
use crate::reporter::preview::lines;

/// The variables in which AWS's tools look for a region, in their order.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Shows what a run would do.
pub(super) async fn plan(args: &PlanArgs, console: &Console) -> Result<ExitStatus, Error> {
    let PlanArgs { run, json } = args;
    let revision = run.revision.parse()?;
    let mut project = Project::open(&run.config, run.local)?;
    run.override_config(&mut project.config);
    expect_feasible(&project.config)?;
    let commit = local_commit(&project, &revision).await?;
    let baseline_commit = match &project.config.baseline {
        Some(Baseline::Revision(baseline)) => local_commit(&project, baseline).await?,
        _ => None,
    };
    let Project { mut config, .. } = project;
    let share = share(run, &config)?;
    leave_to_merge(&mut config, share);
    let output = expand_home(run.output.as_deref().unwrap_or(&config.output));
    let surroundings = Surroundings {
        config: run.config.clone(),
        revision,
        commit,
        baseline_commit,
        output: std::path::absolute(&output).unwrap_or(output),
        region: region(),
        seed: run.seed.unwrap_or_default(),
        share,
    };
    let preview = Preview::new(&config, &surroundings);
    if *json {
        console.say(&pretty(&preview)?);
    } else {
        console.say(&lines(&preview).join("\n"));
    }
    Ok(ExitStatus::Passed)
}

/// The region of the environment, where it names one.
fn region() -> Option<(String, &'static str)> {
    REGION_VARIABLES.into_iter().find_map(|name| {
        let region = env::var(name).ok().filter(|region| !region.is_empty());
        region.map(|region| (region, name))
    })
}
