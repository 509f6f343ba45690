//! The job's post step: ends what a killed run left behind, and says in one line what it found.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::delivery::belated::Undelivered;
use super::run::role;
use super::state_directory::{hand_over_state, local, records};
use super::{ExitStatus, block_on};
use crate::backoff::Backoff;
use crate::cli::Request;
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::github::state::State;
use crate::instance::{InstanceId, Owner};
use crate::lease::{DELETION_DEADLINE, EVENTUAL_CONSISTENCY, delete_resources, sweep};
use crate::provider::ec2::Account;
use crate::provider::{ProviderError, Sweep};
use crate::report::{Diagnostic, Release, utc_to_the_second};
use crate::reporter::console::{Console, Verbosity};
use crate::reporter::workflow::WorkflowLog;
use crate::reporter::{Event, Reporter as _};

/// The deadline for AWS to answer in.
const SWEEP_DEADLINE: Duration = Duration::from_mins(1);

/// The deadline for deleting a temporary group, which its instances hold until they are terminated. What is left then is for
/// `reap`.
const GROUP_DEADLINE: Duration = Duration::from_mins(2);

/// The shortest time that a role can be assumed for, in seconds.
const MIN_SESSION: i32 = 900;

/// Sweeps up after the run of this job.
pub(super) fn run() -> ExitStatus {
    let Some(job) = WorkflowJob::current() else {
        Console::new(Verbosity::Normal).error(
            "this is the post step of a GitHub Actions job, and no job is running",
            Some("`collect reap` ends what was left behind"),
        );
        return ExitStatus::Misused;
    };
    let log = WorkflowLog::new(&job, Path::new(""));
    let undelivered = State::undelivered();
    let Some((state, released)) = State::saved() else {
        if let Some(since) = undelivered {
            return deliver(None, since, ExitStatus::Passed, &job);
        }
        log.report(Event::Note(
            "this job never got far enough to launch an instance".into(),
        ));
        return ExitStatus::Passed;
    };
    // An instance that is known to be gone will not show up any more.
    let waiting = if released {
        Duration::ZERO
    } else {
        EVENTUAL_CONSISTENCY
    };
    let status = match block_on(swept(&job, &state, waiting, &log)) {
        Ok(found) => tell(&found, &state, &log),
        Err(error) if released => {
            log.report(Event::Note(format!(
                "run {} gave its instance back; looking again failed: {error}",
                state.run
            )));
            ExitStatus::Passed
        }
        Err(error) => {
            let State { run, region, .. } = &state;
            let message =
                format!("could not check whether run {run} left an instance in {region}: {error}");
            report_leftover(&message, &state, &log);
            ExitStatus::Leaked
        }
    };
    // It looks at every file of the workspace, so what costs money comes first.
    state.hand_over(&job);
    hand_over_state();
    match undelivered {
        Some(since) => deliver(Some(&state), since, status, &job),
        None => status,
    }
}

/// Delivers what the run could not, after the instances: a cancelled job has some minutes left.
fn deliver(
    state: Option<&State>,
    since: Timestamp,
    status: ExitStatus,
    job: &WorkflowJob,
) -> ExitStatus {
    // Main has told what is wrong with the inputs.
    let Ok(Request::Run(args)) = Request::read() else {
        return status;
    };
    let log = WorkflowLog::new(job, &args.config);
    let delivered = block_on(async {
        let undelivered = Undelivered {
            args: &args,
            job,
            state,
            since,
            leaked: status != ExitStatus::Passed,
            log: &log,
        };
        undelivered.deliver().await;
        Ok(())
    });
    if let Err(error) = delivered {
        log.report(Event::Warning(error.to_string()));
    }
    if let Some(state) = state {
        state.hand_over(job);
    }
    status
}

async fn swept(
    job: &WorkflowJob,
    state: &State,
    waiting: Duration,
    log: &WorkflowLog,
) -> Result<Vec<(InstanceId, Release)>, Error> {
    let now = Instant::now();
    let owner = Owner::Run(state.run.clone());
    let mut kept = records()?.kept_instances(Timestamp::now());
    kept.retain(|instance| instance.run == state.run);
    let spared: Vec<_> = kept.iter().map(|instance| instance.id.clone()).collect();
    for instance in kept {
        log.report(Event::Note(format!(
            "instance {} in {} stays until {}, as was asked for, and ends itself then",
            instance.id,
            instance.region,
            utc_to_the_second(instance.expires_at)
        )));
    }
    let local = local()?;
    let swept = if state.provider == local.name() {
        sweep(&local, &owner, &spared, now + waiting, now + SWEEP_DEADLINE).await
    } else {
        let role = state
            .role
            .as_ref()
            .map(|arn| role(arn, MIN_SESSION, &state.run, Some(job)))
            .transpose()?;
        let account = Account::open(Some(&state.region), role).await?;
        {
            let deadline = now + SWEEP_DEADLINE;
            let swept = sweep(&account, &owner, &spared, now + waiting, deadline).await;
            // An instance that stays holds the group for longer than anybody waits.
            if spared.is_empty() {
                delete_when_free(&account, &owner).await;
            }
            swept
        }
    };
    let unreachable = |message| ProviderError::Unreachable {
        action: "the search for it",
        message,
    };
    Ok(swept.map_err(unreachable)?)
}

/// Deletes the temporary group of the run, which must wait until its instances are quite gone.
async fn delete_when_free(account: &Account, owner: &Owner) {
    let mut backoff = Backoff::until(Instant::now() + GROUP_DEADLINE);
    loop {
        let remaining = delete_resources(account, owner, Instant::now() + DELETION_DEADLINE).await;
        if remaining.is_ok_and(|remaining| remaining.is_empty()) || !backoff.wait().await {
            return;
        }
    }
}

fn tell(found: &[(InstanceId, Release)], state: &State, log: &WorkflowLog) -> ExitStatus {
    let State { run, region, .. } = state;
    let mut left = false;
    for (id, release) in found {
        if let Release::Unconfirmed { reason, .. } = release {
            left = true;
            let message =
                format!("{id} in {region}, left behind by run {run}, could not be ended: {reason}");
            report_leftover(&message, state, log);
        } else {
            log.report(Event::Warning(format!(
                "terminated {id} in {region}, which run {run} had left behind"
            )));
        }
    }
    if found.is_empty() {
        log.report(Event::Note(format!(
            "run {run} left no instance behind in {region}"
        )));
    }
    if left {
        ExitStatus::Leaked
    } else {
        ExitStatus::Passed
    }
}

fn report_leftover(message: &str, state: &State, log: &WorkflowLog) {
    let State { run, region, .. } = state;
    let remedy = format!("`collect reap --region {region} --run {run}` tries again");
    log.report(Event::Error(Diagnostic::new(message, Some(&remedy))));
}
