//! The job's post step: ends what a killed run left behind, and says in one line what it found.

use std::path::Path;
use std::time::Duration;

use super::measure::role;
use super::places::{hand_over_state, local};
use super::{ExitStatus, block_on, refused};
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::github::ownership::hand_over;
use crate::github::state::State;
use crate::instance::{InstanceId, Owner};
use crate::lease::{SWEEP, sweep as end_all};
use crate::provider::Reclaim;
use crate::provider::ec2::Account;
use crate::report::{Complaint, Release};
use crate::reporter::workflow::WorkflowLog;
use crate::reporter::{Event, Reporter as _};

/// Where a run is known to have given its instance back, one look is enough.
const ONE_LOOK: Duration = Duration::from_millis(200);

/// The shortest time that a role can be assumed for, in seconds.
const SHORT_SESSION: i32 = 900;

/// Sweeps up after the run of this job.
pub(super) fn sweep() -> ExitStatus {
    let Some(job) = WorkflowJob::current() else {
        let console =
            crate::reporter::console::Console::new(crate::reporter::console::Verbosity::Normal);
        console.error(
            "this is the post step of a GitHub Actions job, and here is none",
            Some("`collect reap` ends what was left behind"),
        );
        return ExitStatus(2);
    };
    let log = WorkflowLog::new(&job, Path::new(""));
    let Some((state, released)) = State::saved() else {
        log.report(&Event::Note(
            "no run of this job came so far that it could have left anything".into(),
        ));
        return ExitStatus(0);
    };
    hand_over(&job.workspace, &state.results);
    hand_over_state();
    let patience = if released { ONE_LOOK } else { SWEEP };
    let swept = block_on(swept(&job, &state, patience));
    swept.map_or_else(
        |error| refused(&error, &log),
        |found| tell(&found, &state, &log),
    )
}

type Found = Result<Vec<(InstanceId, Release)>, String>;

async fn swept(job: &WorkflowJob, state: &State, patience: Duration) -> Result<Found, Error> {
    let owner = Owner::Run(state.run.clone());
    let local = local();
    if state.provider == local.name() {
        return Ok(end_all(&local, &owner, patience).await);
    }
    let role = state
        .role
        .as_ref()
        .map(|arn| role(arn, SHORT_SESSION, Some(job)))
        .transpose()?;
    let account = Account::open(Some(&state.region), role.as_ref()).await?;
    Ok(end_all(&account, &owner, patience).await)
}

fn tell(found: &Found, state: &State, log: &WorkflowLog) -> ExitStatus {
    let State { run, region, .. } = state;
    let complain = |message: String| {
        let hint = format!("`collect reap --run {run}` tries again");
        log.report(&Event::Error(&Complaint {
            message,
            hint: Some(hint),
            script: None,
        }));
    };
    let found = match found {
        Ok(found) => found,
        Err(reason) => {
            complain(format!(
                "nobody knows whether an instance of run {run} is left in {region}: {reason}"
            ));
            return ExitStatus(4);
        }
    };
    let mut left = 0;
    for (id, release) in found {
        match release {
            Release::Unconfirmed { reason, .. } => {
                left += 1;
                complain(format!(
                    "{id} in {region}, left behind by run {run}, could not be ended: {reason}"
                ));
            }
            _ => log.report(&Event::Warning(format!(
                "terminated {id} in {region}, which run {run} had left behind"
            ))),
        }
    }
    if found.is_empty() {
        log.report(&Event::Note(format!(
            "run {run} left no instance behind in {region}"
        )));
    }
    ExitStatus(if left > 0 { 4 } else { 0 })
}
