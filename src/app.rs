//! Composition: which implementations a run works with. The only place that knows them all.

use std::env;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

use crate::cli::{AccountArgs, Cli, Command, ReapArgs, RunArgs};
use crate::config::{Ec2Spec, ProviderSpec};
use crate::error::Error;
use crate::instance::{Found, Instance, Owner, RunId};
use crate::interrupt::Interrupt;
use crate::lease::{LeaseRecords, REAP, release};
use crate::pipeline::{Here, Pipeline, Plan, Workplace, run};
use crate::project::Project;
use crate::provider::ec2::{Account, Ec2};
use crate::provider::local::Local;
use crate::provider::{Provider, ProviderError, Reclaim};
use crate::report::{Release, RunReport};
use crate::reporter::console::{Console, Verbosity, aligned};
use crate::revision::Revision;
use crate::shell::process::ProcessShell;
use crate::shell::ssh::{Keys, SshShell, Target};
use crate::shell::{Shell, ShellError};
use crate::shutdown;

/// Where jobs leave their files on an instance; root's alone.
const REMOTE_JOBS: &str = "/var/lib/collector";

/// A lease older than this is not waiting for its launch any more.
const SETTLED: SignedDuration = SignedDuration::from_mins(15);

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(u8);

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.0.into()
    }
}

/// Does what the command line asks for, and has said so when it returns.
pub fn main(cli: Cli) -> ExitStatus {
    let verbosity = match (cli.run.quiet, cli.run.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let console = Console::new(verbosity);
    let result = match cli.command {
        None => block_on(measure(cli.run, &console)),
        Some(Command::Check { config, local }) => check(&config, local, &console),
        Some(Command::List(account)) => block_on(list(&account, &console)),
        Some(Command::Reap { account, which }) => block_on(reap(&account, &which, &console)),
    };
    result.unwrap_or_else(|error| {
        console.error(&error.to_string(), error.hint());
        ExitStatus(error.exit_status())
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System {
            what: "starting",
            source,
        })?;
    let result = runtime.block_on(work);
    // After a signal a thread may still be busy with files; nobody waits for it.
    runtime.shutdown_background();
    result
}

fn check(config: &Path, local: bool, console: &Console) -> Result<ExitStatus, Error> {
    let project = Project::open(config, local)?;
    console.say(&format!(
        "{} is sound: {} steps, {} patterns",
        config.display(),
        project.config.steps().count(),
        project.config.performance_results.len()
    ));
    Ok(ExitStatus(0))
}

async fn measure(args: RunArgs, console: &Console) -> Result<ExitStatus, Error> {
    let revision: Revision = args.revision.unwrap_or_default().parse()?;
    let mut project = Project::open(&args.config.unwrap_or_default(), args.local)?;
    if let (Some(region), ProviderSpec::Ec2(spec)) = (args.region, &mut project.config.provider) {
        spec.region = Some(region);
    }
    let output = args
        .output
        .unwrap_or_else(|| expand_home(&project.config.output));
    let plan = Plan {
        config: project.config,
        files: project.files,
        directory: project.directory,
        output,
        revision,
        description: args.description,
        run: RunId::generate(Timestamp::now()),
    };
    let interrupt = Interrupt::default();
    let listener = shutdown::listen(&interrupt).map_err(|source| Error::System {
        what: "listening for signals",
        source,
    })?;
    let report = match plan.config.provider.clone() {
        ProviderSpec::Local => Box::pin(measure_here(&plan, console, &interrupt)).await,
        ProviderSpec::Ec2(spec) => Box::pin(measure_on_ec2(&plan, spec, console, &interrupt)).await,
    };
    listener.abort();
    let report = report?;
    for complaint in &report.errors {
        console.error(&complaint.message, complaint.hint.as_deref());
    }
    if let Release::Unconfirmed { id, .. } = &report.released {
        console.leaked(id.as_ref(), &report.region, &report.lease);
    }
    Ok(ExitStatus(report.exit_status()))
}

/// Runs the plan on instances of this provider.
async fn measure_with<P: Provider, S: Shell>(
    plan: &Plan,
    provider: &P,
    connect: impl AsyncFn(&Instance) -> Result<Workplace<S>, ShellError>,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let here = Here {
        shell: ProcessShell::in_directory(&plan.directory),
        jobs: state_directory().join("steps").join(plan.run.as_str()),
    };
    let pipeline = Pipeline {
        plan,
        provider,
        records: &records(),
        here: &here,
        reporter: console,
        interrupt,
    };
    Ok(Box::pin(run(pipeline, connect)).await?)
}

async fn measure_here(
    plan: &Plan,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let provider = local();
    let connect = async |instance: &Instance| {
        Ok::<_, ShellError>(Workplace {
            shell: ProcessShell::at_home(provider.home(&instance.id)),
            jobs: provider.jobs(&instance.id).to_string_lossy().into_owned(),
            fresh: false,
        })
    };
    Box::pin(measure_with(plan, &provider, connect, console, interrupt)).await
}

async fn measure_on_ec2(
    plan: &Plan,
    spec: Ec2Spec,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let keys = Keys::generate()?;
    let account = Account::open(spec.region.as_deref()).await?;
    let provider = Ec2::new(
        account,
        spec.clone(),
        &keys,
        plan.config.max_lifetime,
        console,
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
    Box::pin(measure_with(plan, &provider, connect, console, interrupt)).await
}

async fn list(args: &AccountArgs, console: &Console) -> Result<ExitStatus, Error> {
    let mut rows =
        vec![["instance", "region", "state", "run", "revision", "expires"].map(str::to_owned)];
    for instance in local().find(&Owner::Anyone).await? {
        rows.push(row(instance));
    }
    let (accounts, mut failed) = accounts(args, console).await?;
    for account in accounts {
        match account.find(&Owner::Anyone).await {
            Ok(found) => rows.extend(found.into_iter().map(row)),
            Err(error) => failed = Some(error.into()),
        }
    }
    for line in aligned(&rows) {
        console.say(&line);
    }
    failed.map_or(Ok(ExitStatus(0)), Err)
}

fn row(found: Found) -> [String; 6] {
    [
        found.id.to_string(),
        found.region,
        found.state,
        found.run.map_or_else(|| "?".into(), |run| run.to_string()),
        found.revision.unwrap_or_else(|| "?".into()),
        found.expires_at.map_or_else(
            || "?".into(),
            |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ),
    ]
}

async fn reap(
    args: &AccountArgs,
    which: &ReapArgs,
    console: &Console,
) -> Result<ExitStatus, Error> {
    let owner = which
        .run
        .as_ref()
        .map_or(Owner::Anyone, |run| Owner::Run(RunId::new(run)));
    let (accounts, unreachable) = accounts(args, console).await?;
    let mut failed = unreachable;
    let mut left = 0;
    let mut reaped = vec![reap_from(&local(), &owner, which.expired, console).await];
    for account in accounts {
        reaped.push(reap_from(&account, &owner, which.expired, console).await);
    }
    // What cannot be looked at in one place does not keep the others from being reaped.
    for result in reaped {
        match result {
            Ok(count) => left += count,
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    console.error(&earlier.to_string(), earlier.hint());
                }
            }
        }
    }
    match failed {
        Some(error) if left > 0 => {
            console.error(&error.to_string(), error.hint());
            Err(Error::NotReaped(left))
        }
        Some(error) => Err(error),
        None if left > 0 => Err(Error::NotReaped(left)),
        None => Ok(ExitStatus(0)),
    }
}

/// Ends what the owner has and returns how many could not be ended.
async fn reap_from(
    provider: &impl Reclaim,
    owner: &Owner,
    expired: bool,
    console: &Console,
) -> Result<usize, Error> {
    let now = Timestamp::now();
    let mut left = 0;
    let found = provider.find(owner).await?;
    for instance in found
        .iter()
        .filter(|instance| !expired || instance.expired(now))
    {
        let Found { id, region, .. } = instance;
        if let Release::Unconfirmed { reason, .. } = release(provider, id, REAP).await {
            left += 1;
            console.error(&format!("{id} in {region}: {reason}"), None);
            continue;
        }
        if let Some(lease) = &instance.lease {
            records().forget(lease);
        }
        console.say(&format!("terminated {id} in {region}"));
    }
    forget_settled(provider, console).await;
    Ok(left)
}

/// Removes the leases on this machine behind which there is no instance any more; a young one may be about to get its.
async fn forget_settled(provider: &impl Reclaim, console: &Console) {
    let records = records();
    let ours = |record: &crate::lease::LeaseRecord| {
        let old = record.saved_at.duration_until(Timestamp::now()) > SETTLED;
        old && record.provider == provider.name() && record.region == provider.region()
    };
    for record in records.all().iter().filter(|record| ours(record)) {
        match provider.find(&Owner::Lease(record.lease.clone())).await {
            Ok(found) if found.is_empty() => records.forget(&record.lease),
            Ok(_) => {}
            Err(error) => console.error(&error.to_string(), error.hint()),
        }
    }
}

/// The regions to look in: the one that was asked for or is configured, and those with a lease on this machine.
///
/// The error is that of a region that cannot be looked at; the others are still there.
async fn accounts(
    args: &AccountArgs,
    console: &Console,
) -> Result<(Vec<Account>, Option<Error>), Error> {
    let mut accounts = Vec::new();
    if args.local {
        return Ok((accounts, None));
    }
    match Account::open(args.region.as_deref()).await {
        Ok(account) => accounts.push(account),
        Err(error) if args.region.is_some() => return Err(error.into()),
        Err(error @ (ProviderError::NoRegion | ProviderError::NoCredentials(_))) => {
            console.note(&format!("only this machine is looked at: {error}"));
        }
        Err(error) => return Err(error.into()),
    }
    let mut failed = None;
    for record in records().all() {
        let known = accounts
            .iter()
            .any(|account| account.region() == record.region);
        if record.provider == "ec2" && !known {
            match Account::open(Some(&record.region)).await {
                Ok(account) => accounts.push(account),
                Err(error) => failed = Some(error.into()),
            }
        }
    }
    Ok((accounts, failed))
}

fn local() -> Local {
    Local::in_directory(state_directory().join("instances"))
}

fn records() -> LeaseRecords {
    LeaseRecords::in_directory(state_directory().join("leases"))
}

/// Where collector keeps what must outlive a crash: `COLLECTOR_STATE_DIR`, or the place that XDG names.
fn state_directory() -> PathBuf {
    let given = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let directory = given("COLLECTOR_STATE_DIR")
        .or_else(|| Some(given("XDG_STATE_HOME")?.join("collector")))
        .or_else(|| Some(given("HOME")?.join(".local/state/collector")))
        .unwrap_or_else(|| "/var/tmp/collector".into());
    std::path::absolute(&directory).unwrap_or(directory)
}

/// `~` at the start of a path, as a shell expands it.
fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), env::var_os("HOME")) {
        (Some(""), Some(home)) => home.into(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Path::new(&home).join(rest.trim_start_matches('/'))
        }
        _ => path.into(),
    }
}
