//! `collect list` and `collect reap`: what is alive, and the end of it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ExitStatus;
use super::places::{local, records};
use crate::cli::{AccountArgs, ReapArgs};
use crate::error::Error;
use crate::instance::{Found, FoundResource, LeaseToken, Owner, Resource};
use crate::lease::{LeaseRecord, TERMINATION_DEADLINE, delete_resources, terminate_all};
use crate::provider::ec2::Account;
use crate::provider::{ProviderError, Reclaim};
use crate::report::Release;
use crate::reporter::console::Console;
use crate::reporter::text::aligned;

/// A lease older than this is not waiting for its launch any more.
const ORPHAN_AGE: SignedDuration = SignedDuration::from_mins(15);

/// Lists the instances that are alive.
pub(super) async fn list(args: &AccountArgs, console: &Console) -> Result<ExitStatus, Error> {
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
        match account.find_resources(&Owner::Anyone).await {
            Ok(found) => rows.extend(
                found
                    .into_iter()
                    .map(|found| resource_row(found, account.region())),
            ),
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
        shown(found.expires_at),
    ]
}

fn resource_row(found: FoundResource, region: &str) -> [String; 6] {
    let Resource::SecurityGroup(id) = found.resource;
    let lease = found.lease.map(|lease| lease.to_string());
    let run = lease.as_deref().and_then(|lease| lease.rsplit_once('-'));
    [
        id,
        region.to_owned(),
        "security group".into(),
        run.map_or_else(|| "?".into(), |(run, _)| run.to_owned()),
        String::new(),
        shown(found.expires_at),
    ]
}

fn shown(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "?".into(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// Ends instances that were left over.
pub(super) async fn reap(
    args: &AccountArgs,
    which: &ReapArgs,
    console: &Console,
) -> Result<ExitStatus, Error> {
    let owner = which
        .run
        .as_ref()
        .map_or(Owner::Anyone, |run| Owner::Run(run.clone()));
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
    let found: Vec<Found> = found
        .into_iter()
        .filter(|instance| !expired || instance.expired(now))
        .collect();
    let ids: Vec<_> = found.iter().map(|found| found.id.clone()).collect();
    let deadline = tokio::time::Instant::now() + TERMINATION_DEADLINE;
    let releases = if ids.is_empty() {
        Vec::new()
    } else {
        terminate_all(provider, &ids, deadline).await
    };
    let mut unsettled = BTreeSet::new();
    for (instance, (_, release)) in found.iter().zip(releases) {
        let Found { id, region, .. } = instance;
        if let Release::Unconfirmed { reason, .. } = release {
            left += 1;
            unsettled.extend(instance.lease.clone());
            console.error(&format!("{id} in {region}: {reason}"), None);
        } else {
            console.say(&format!("terminated {id} in {region}"));
        }
    }
    match delete_leftovers(provider, owner, expired, console).await {
        Ok(leases) => unsettled.extend(leases),
        // What costs money is ended; what cannot be looked at keeps every lease on record.
        Err(error) => {
            console.error(&error.to_string(), error.hint());
            return Ok(left);
        }
    }
    // A lease is settled when all of its instances and resources are gone.
    for lease in found.into_iter().filter_map(|instance| instance.lease) {
        if !unsettled.contains(&lease) {
            records().forget(&lease);
        }
    }
    forget_orphans(provider, console).await;
    Ok(left)
}

/// Deletes the resources that outlived their instances; with `expired`, those whose time is over only, for others may
/// belong to a run that is about to launch. Returns the leases of those that are still in use.
async fn delete_leftovers(
    provider: &impl Reclaim,
    owner: &Owner,
    expired: bool,
    console: &Console,
) -> Result<Vec<LeaseToken>, ProviderError> {
    let now = Timestamp::now();
    let mut left = Vec::new();
    for found in provider.find_resources(owner).await? {
        let over = found.expires_at.is_some_and(|at| at <= now);
        if expired && !over {
            continue;
        }
        let FoundResource { resource, .. } = &found;
        let region = provider.region();
        if provider.delete(resource).await? {
            console.say(&format!("deleted {resource} in {region}"));
        } else {
            console.note(&format!(
                "{resource} in {region} is still used by an instance that is shutting down: try again in a minute"
            ));
            left.extend(found.lease);
        }
    }
    Ok(left)
}

/// Removes the leases on this machine that left nothing any more; a young one may be about to get its instances.
async fn forget_orphans(provider: &impl Reclaim, console: &Console) {
    let records = records();
    let ours = |record: &LeaseRecord| {
        let old = record.saved_at.duration_until(Timestamp::now()) > ORPHAN_AGE;
        // Another account cannot tell whether the instances of this one are gone.
        let account = match (record.account.as_deref(), provider.account()) {
            (Some(recorded), account) => account == Some(recorded),
            (None, _) => true,
        };
        old && account && record.provider == provider.name() && record.region == provider.region()
    };
    for record in records.all().iter().filter(|record| ours(record)) {
        let owner = Owner::Lease(record.lease.clone());
        match provider.find(&owner).await {
            Ok(found) if found.is_empty() => {
                let remaining = delete_resources(provider, &owner).await;
                if remaining.is_ok_and(|remaining| remaining.is_empty()) {
                    records.forget(&record.lease);
                }
            }
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
    match Account::open(args.region.as_deref(), None).await {
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
            match Account::open(Some(&record.region), None).await {
                Ok(account) => accounts.push(account),
                Err(error) => failed = Some(error.into()),
            }
        }
    }
    Ok((accounts, failed))
}
