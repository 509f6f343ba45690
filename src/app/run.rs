//! A run: the plan, made of the command line and the config, and who carries it out.

use std::env;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::geteuid;

use super::open_shell;
use super::paths::expand_home;
use super::revision::{self, Scratch};
use super::shard::{Part, leave_to_merge};
use super::state_directory::{local, records, state_directory};
use crate::arm::Arm;
use crate::cancel::{Completion, until_cancelled};
use crate::cli::{JobArgs, RunArgs};
use crate::config::{Config, Ec2Spec, ProviderSpec};
use crate::error::Error;
use crate::fleet;
use crate::github::WorkflowJob;
use crate::github::http::client;
use crate::github::id_token::JobIdTokens;
use crate::github::state::State;
use crate::instance::RunId;
use crate::interrupt::Interrupt;
use crate::phase::Phase;
use crate::project::Project;
use crate::provider::ec2::{Account, Ec2};
use crate::provider::identity::Role;
use crate::provider::{Provider, ProviderError};
use crate::report::RunReport;
use crate::reporter::{Event, Reporter};
use crate::sample::{Baseline, LocalHost, Plan, Run};
use crate::shell::process::ProcessShell;
use crate::shell::ssh::Keys;

/// The default session length of configure-aws-credentials.
const DEFAULT_SESSION: Duration = Duration::from_hours(1);

/// An invocation of a run, besides its plan.
pub(super) struct Invocation<'a, R> {
    pub(super) job: Option<&'a WorkflowJob>,
    pub(super) args: &'a JobArgs,
    pub(super) reporter: &'a R,
    pub(super) interrupt: &'a Interrupt,
}

/// Runs what the arguments ask for; the instances are gone when it returns, or the report says so.
///
/// # Errors
/// When nothing was launched.
pub(super) async fn run(
    args: &RunArgs,
    job: Option<&WorkflowJob>,
    reporter: &impl Reporter,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let in_workspace = |path: &Path| match job {
        Some(job) if env::current_dir().ok().as_deref() != Some(&job.workspace) => {
            job.workspace.join(path)
        }
        _ => path.to_owned(),
    };
    let revision = revision::choose(args, job, reporter, interrupt).await?;
    let mut project = Project::open(&in_workspace(&args.config), args.local)?;
    args.override_config(&mut project.config);
    expect_feasible(&project.config)?;
    let part = Part::of(args, job, &project, &revision)?;
    let share = part.share;
    for note in leave_to_merge(&mut project.config, share) {
        reporter.report(Event::Note(note));
    }
    for warning in project.config.uncompared() {
        reporter.report(Event::Warning(warning));
    }
    let shell = open_shell::occasion(args.shell, job, share.count())?;
    if job.is_none() && project.config.provider == ProviderSpec::Local && geteuid().is_root() {
        let warning =
            "a rehearsal as root: the steps may change this machine, for example install packages";
        reporter.report(Event::Warning(warning.into()));
    }
    if let (ProviderSpec::Local, Some(destination)) = (&project.config.provider, &project.config.s3)
    {
        let note = format!("a rehearsal sends no archive to s3://{destination}");
        reporter.report(Event::Note(note));
    }
    if project.config.quiet && project.config.provider == ProviderSpec::Local {
        let note = "a rehearsal leaves this machine as it is: `quiet` is for instances of EC2";
        reporter.report(Event::Note(note.into()));
    }
    if project.config.provider == ProviderSpec::Local && project.config.bake.take().is_some() {
        let note = "a rehearsal has no images: every phase runs";
        reporter.report(Event::Note(note.into()));
    }
    let output = expand_home(args.output.as_deref().unwrap_or(&project.config.output));
    let scratch = Scratch::of(&part.run)?;
    let baseline = project.config.baseline.clone();
    let looked_up = async {
        let found = scratch
            .look_up(&project, &revision, Arm::Candidate, reporter, interrupt)
            .await?;
        let Some(baseline) = baseline else {
            return Ok((found, None));
        };
        let compared = revision::baseline(&baseline, &revision, args, job, interrupt).await?;
        let of_baseline = scratch
            .look_up(&project, &compared, Arm::Baseline, reporter, interrupt)
            .await?;
        let baseline = Baseline {
            revision: compared,
            found: of_baseline,
        };
        let same_commit = found.commit.is_some() && found.commit == baseline.found.commit;
        if same_commit || revision == baseline.revision {
            let note = "the revision is compared with itself (A/A): whatever is found is noise, or a false alarm";
            reporter.report(Event::Note(note.into()));
        }
        Ok((found, Some(baseline)))
    };
    let (found, baseline) = match looked_up.await {
        Ok(looked_up) => looked_up,
        Err(error) => {
            scratch.remove(interrupt).await;
            return Err(error);
        }
    };
    let plan = Plan {
        config_name: project.name(),
        config: project.config,
        config_file: project.text,
        directory: project.directory,
        output: in_workspace(&output),
        revision,
        found,
        baseline,
        seed: args.seed.unwrap_or(part.seed),
        description: args.description.clone(),
        run: part.run,
        share,
        bakes: false,
        in_workflow: job.is_some(),
        shell,
    };
    let invocation = Invocation {
        job,
        args: &args.job,
        reporter,
        interrupt,
    };
    let report = run_with(&plan, &invocation).await;
    scratch.remove(interrupt).await;
    report
}

/// Refuses a config with what only comparisons have for a run that is none, a duet that cannot be, results that would be
/// nowhere, and an image that cannot be made.
///
/// # Errors
/// When there is no baseline, both revisions would write to the same place at the same time, nothing would have the results
/// or be read from them, or nothing can be baked.
pub(super) fn expect_feasible(config: &Config) -> Result<(), Error> {
    if config.baseline.is_none() && config.phases.contains_key(&Phase::OnRegression) {
        return Err(Error::NoComparison);
    }
    config.check_duet()?;
    config.check_download()?;
    if config.provider != ProviderSpec::Local {
        config.check_bake()?;
    }
    Ok(())
}

/// Runs the plan on instances of its provider.
pub(super) async fn run_with<R: Reporter>(
    plan: &Plan,
    invocation: &Invocation<'_, R>,
) -> Result<RunReport, Error> {
    match plan.config.provider.clone() {
        ProviderSpec::Local => run_on(plan, &local()?, invocation).await,
        ProviderSpec::Ec2(spec) => Box::pin(run_on_ec2(plan, spec, invocation)).await,
    }
}

/// Runs the plan on instances of this provider.
async fn run_on<P: Provider, R: Reporter>(
    plan: &Plan,
    provider: &P,
    invocation: &Invocation<'_, R>,
) -> Result<RunReport, Error> {
    let local = LocalHost {
        shell: ProcessShell::in_directory(&plan.directory),
        jobs_dir: state_directory()?.join("steps").join(plan.run.as_str()),
    };
    let state = State {
        run: plan.run.clone(),
        provider: provider.name().into(),
        region: provider.region().into(),
        role: invocation.args.role_to_assume.clone(),
        results: std::path::absolute(plan.output.join(plan.revision.directory()))
            .unwrap_or_default(),
        directory: plan.directory.clone(),
        first: plan.share.first(),
        samples: plan.share.count(),
    };
    if let Some(job) = invocation.job {
        // Before anything is rented: what a killed run leaves is found by this.
        state.save(job)?;
        State::save_undelivered(job, Timestamp::now())?;
    }
    let records = records()?;
    records.forget_expired_instances(Timestamp::now());
    let run = Run {
        plan,
        provider,
        records: &records,
        local: &local,
        reporter: invocation.reporter,
        interrupt: invocation.interrupt,
    };
    let report = {
        let guard = pin!(local.guard(plan));
        tokio::select! { biased;
            report = Box::pin(fleet::run(run)) => report,
            never = guard => match never {},
        }
    };
    if let Some(job) = invocation.job {
        let owner = job.clone();
        // Every file of the results is looked at. What fails is worth no more than the runner's own warning.
        let _ = tokio::task::spawn_blocking(move || state.hand_over(&owner)).await;
        if report.is_err() {
            // Nothing was launched: the post step need not look for it.
            State::save_released(job)?;
        }
    }
    Ok(report?)
}

async fn run_on_ec2<R: Reporter>(
    plan: &Plan,
    spec: Ec2Spec,
    invocation: &Invocation<'_, R>,
) -> Result<RunReport, Error> {
    let keys = Keys::generate()?;
    let JobArgs {
        role_to_assume,
        role_duration,
        ..
    } = invocation.args;
    let role = role_to_assume
        .as_ref()
        .map(|arn| role(arn, *role_duration, &plan.run, invocation.job))
        .transpose()?;
    if role.is_none() {
        refuse_expiring_credentials(&plan.config, invocation.reporter)?;
    }
    let opening = Box::pin(Account::open(spec.region.as_deref(), role));
    let account = match until_cancelled(invocation.interrupt.token(), opening).await {
        Completion::Returned(account) => account?,
        Completion::Panicked(message) => return Err(ProviderError::NoCredentials(message).into()),
        Completion::Cancelled => {
            return Err(Error::Interrupted(invocation.interrupt.signal()));
        }
    };
    let mut provider = Ec2::new(account, spec, keys, plan.config.max_lifetime)?;
    if let Some(destination) = plan.config.s3.clone() {
        let with_bucket = provider.with_bucket(destination);
        provider = with_bucket.map_err(ProviderError::Store)?;
    }
    tokio::select! {
        report = Box::pin(run_on(plan, &provider, invocation)) => report,
        // It never ends: it is there to be polled beside the run.
        never = provider.renew_credentials() => match never {},
    }
}

/// The role that this job may assume, for a run.
///
/// # Errors
/// When the job has no identity to do so.
pub(super) fn role(
    arn: &str,
    seconds: i32,
    run: &RunId,
    job: Option<&WorkflowJob>,
) -> Result<Role, Error> {
    let request = job.and_then(|job| job.id_tokens.clone());
    let request = request.ok_or(ProviderError::NoIdToken)?;
    Ok(Role {
        arn: arn.into(),
        seconds,
        session: format!("collector-{run}"),
        id_tokens: Arc::new(JobIdTokens::new(client()?, request)),
    })
}

/// Refuses credentials that end before the run may: nobody could give the instance back with them.
///
/// Only those in the environment are looked at: others the SDK renews by itself.
fn refuse_expiring_credentials(
    config: &Config,
    reporter: &impl Reporter,
) -> Result<(), ProviderError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if variable("AWS_ACCESS_KEY_ID").is_none() || variable("AWS_SESSION_TOKEN").is_none() {
        return Ok(());
    }
    let longest = config.max_duration();
    let end = variable("AWS_CREDENTIAL_EXPIRATION").and_then(|end| end.parse::<Timestamp>().ok());
    let Some(end) = end else {
        if longest > DEFAULT_SESSION {
            reporter.report(Event::Warning(
                "the AWS credentials are temporary and nothing tells when they end; in GitHub Actions, `role-to-assume` gives a run credentials that are renewed".into(),
            ));
        }
        return Ok(());
    };
    let planned = SignedDuration::try_from(longest)
        .ok()
        .and_then(|longest| Timestamp::now().checked_add(longest).ok())
        .unwrap_or(Timestamp::MAX);
    if end < planned {
        return Err(ProviderError::Expiring { end, planned });
    }
    Ok(())
}
