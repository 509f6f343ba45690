//! A run: the plan, made of the command line and the config, and who carries it out.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::places::{expand_home, local, records, state_directory};
use crate::cli::{JobArgs, RunArgs};
use crate::config::{Config, Ec2Spec, ProviderSpec};
use crate::error::Error;
use crate::github::WorkflowJob;
use crate::github::http::client;
use crate::github::state::State;
use crate::instance::{Instance, RunId};
use crate::interrupt::Interrupt;
use crate::lease::{Ended, until_cancelled};
use crate::pipeline::{Here, Pipeline, Plan, Workplace, run};
use crate::project::Project;
use crate::provider::ec2::{Account, Ec2, Role};
use crate::provider::{Provider, ProviderError};
use crate::report::RunReport;
use crate::reporter::{Event, Reporter};
use crate::shell::process::ProcessShell;
use crate::shell::ssh::{Keys, SshShell, Target};
use crate::shell::{Shell, ShellError};

/// Where jobs leave their files on an instance; root's alone.
const REMOTE_JOBS: &str = "/var/lib/collector";

/// For so long other tools assume a role unless they are told otherwise.
const USUAL_SESSION: Duration = Duration::from_hours(1);

/// Who takes part in a run besides the plan.
struct Cast<'a, R> {
    job: Option<&'a WorkflowJob>,
    args: &'a JobArgs,
    reporter: &'a R,
    interrupt: &'a Interrupt,
}

/// Measures what the arguments ask for; the instance is gone when it returns, or the report says so.
///
/// # Errors
/// When nothing was launched.
pub(super) async fn measure(
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
    let revision = args.revision().parse()?;
    let config = args.config.as_deref().unwrap_or(Path::new(""));
    let mut project = Project::open(&in_workspace(config), args.local)?;
    if let (Some(region), ProviderSpec::Ec2(spec)) = (&args.region, &mut project.config.provider) {
        spec.region = Some(region.clone());
    }
    let output = expand_home(args.output.as_deref().unwrap_or(&project.config.output));
    let plan = Plan {
        config: project.config,
        files: project.files,
        directory: project.directory,
        output: in_workspace(&output),
        revision,
        description: args.description.clone(),
        run: RunId::generate(Timestamp::now()),
    };
    let cast = Cast {
        job,
        args: &args.job,
        reporter,
        interrupt,
    };
    match plan.config.provider.clone() {
        ProviderSpec::Local => Box::pin(here(&plan, &cast)).await,
        ProviderSpec::Ec2(spec) => Box::pin(on_ec2(&plan, spec, &cast)).await,
    }
}

/// Runs the plan on instances of this provider.
async fn with<P: Provider, S: Shell, R: Reporter>(
    plan: &Plan,
    provider: &P,
    connect: impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
    cast: &Cast<'_, R>,
) -> Result<RunReport, Error> {
    let jobs: PathBuf = state_directory().join("steps").join(plan.run.as_str());
    let here = Here {
        shell: ProcessShell::in_directory(&plan.directory),
        jobs,
    };
    let state = State {
        run: plan.run.clone(),
        provider: provider.name().into(),
        region: provider.region().into(),
        role: cast.args.role_to_assume.clone(),
        results: std::path::absolute(plan.output.join(plan.revision.directory()))
            .unwrap_or_default(),
        directory: plan.directory.clone(),
    };
    if let Some(job) = cast.job {
        // Before anything is rented: what a killed run leaves is found by this.
        state.save(job)?;
    }
    let pipeline = Pipeline {
        plan,
        provider,
        records: &records(),
        here: &here,
        reporter: cast.reporter,
        interrupt: cast.interrupt,
    };
    let report = Box::pin(run(pipeline, connect)).await;
    if let Some(job) = cast.job {
        state.hand_over(job);
        if report.is_err() {
            // Nothing was launched: the post step need not look for it.
            State::save_released(job)?;
        }
    }
    Ok(report?)
}

async fn here<R: Reporter>(plan: &Plan, cast: &Cast<'_, R>) -> Result<RunReport, Error> {
    let provider = local();
    let connect = async |instance: &Instance| {
        Ok::<_, ShellError>(Workplace {
            shell: ProcessShell::at_home(provider.home(&instance.id)),
            jobs: provider.jobs(&instance.id).to_string_lossy().into_owned(),
            fresh: false,
        })
    };
    Box::pin(with(plan, &provider, connect, cast)).await
}

async fn on_ec2<R: Reporter>(
    plan: &Plan,
    spec: Ec2Spec,
    cast: &Cast<'_, R>,
) -> Result<RunReport, Error> {
    let keys = Keys::generate()?;
    let JobArgs {
        role_to_assume,
        role_duration,
        ..
    } = cast.args;
    let role = role_to_assume
        .as_ref()
        .map(|arn| role(arn, *role_duration, cast.job))
        .transpose()?;
    if role.is_none() {
        outlast(&plan.config, cast.reporter)?;
    }
    let opening = Box::pin(Account::open(spec.region.as_deref(), role));
    let account = match until_cancelled(cast.interrupt.run(), opening).await {
        Ended::Returned(account) => account?,
        Ended::Panicked(message) => return Err(ProviderError::NoCredentials(message).into()),
        Ended::Cancelled => return Err(Error::Interrupted(cast.interrupt.signal())),
    };
    let provider = Ec2::new(
        account,
        spec.clone(),
        &keys,
        plan.config.max_lifetime,
        cast.reporter,
    )?;
    let connect = async |instance: &Instance| {
        let target = Target {
            address: instance.address.clone(),
            port: spec.ssh_port,
            user: spec.user.clone(),
            keys: keys.clone(),
        };
        Ok(Workplace {
            shell: SshShell::connect(target).await?,
            jobs: format!("{REMOTE_JOBS}/{}", plan.run),
            fresh: true,
        })
    };
    tokio::select! {
        report = Box::pin(with(plan, &provider, connect, cast)) => report,
        never = provider.stay_fresh() => match never {},
    }
}

/// The role that this job may assume.
///
/// # Errors
/// When the job has no identity to do so.
pub(super) fn role(arn: &str, seconds: i32, job: Option<&WorkflowJob>) -> Result<Role, Error> {
    let id_tokens = job.and_then(|job| job.id_tokens.clone());
    Ok(Role {
        arn: arn.into(),
        seconds,
        id_tokens: id_tokens.ok_or(ProviderError::NoIdToken)?,
        client: client()?,
    })
}

/// Refuses credentials that end before the run may: nobody could give the instance back with them.
///
/// Only those in the environment are looked at: others the SDK renews by itself.
fn outlast(config: &Config, reporter: &impl Reporter) -> Result<(), ProviderError> {
    let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if given("AWS_ACCESS_KEY_ID").is_none() || given("AWS_SESSION_TOKEN").is_none() {
        return Ok(());
    }
    let longest = config.longest();
    let end = given("AWS_CREDENTIAL_EXPIRATION").and_then(|end| end.parse::<Timestamp>().ok());
    let Some(end) = end else {
        if longest > USUAL_SESSION {
            reporter.report(&Event::Warning(
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
