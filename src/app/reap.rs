//! `collect reap`: the end of what was left over.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::ExitStatus;
use super::accounts::{accounts, in_region};
use super::images;
use super::state_directory::{local, records};
use crate::cli::{AccountArgs, ReapArgs};
use crate::error::Error;
use crate::instance::{Found, FoundResource, LOCAL_REGION, LeaseToken, Owner};
use crate::lease::{
    DELETION_DEADLINE, LeaseRecord, LeaseRecords, TERMINATION_DEADLINE, delete_resources,
    terminate_all,
};
use crate::provider::{ProviderError, Sweep};
use crate::report::Release;
use crate::reporter::console::Console;

/// The instances of a lease whose process died show up before it is so old.
const ORPHAN_AGE: SignedDuration = SignedDuration::from_mins(15);

/// The owner that `reap` looks for, and the records in which it notes what became of it.
struct Reaping<'a> {
    owner: Owner,
    /// Only what has outlived its tag.
    expired: bool,
    records: LeaseRecords,
    console: &'a Console,
}

/// The result of a search in one place.
#[derive(Debug, Default)]
struct Reaped {
    /// Instances and resources.
    found: usize,
    /// Instances that could not be ended, and resources that could not be deleted.
    left: usize,
}

/// The resources that were found without an instance.
#[derive(Debug, Default)]
struct Leftovers {
    found: usize,
    /// Those whose deletion was refused.
    refused: usize,
    /// The leases of those that are still there.
    leases: Vec<LeaseToken>,
}

/// Ends instances that were left over.
pub(super) async fn reap(
    args: &AccountArgs,
    which: &ReapArgs,
    console: &Console,
) -> Result<ExitStatus, Error> {
    let reaping = Reaping {
        owner: which
            .run
            .as_ref()
            .map_or(Owner::Anyone, |run| Owner::Run(run.clone())),
        expired: which.expired,
        records: records()?,
        console,
    };
    if let Some(lease) = &which.forget {
        return forget(lease, &reaping.records, console).await;
    }
    if which.images || which.image.is_some() {
        return images::delete(args, which.image.as_ref(), console).await;
    }
    let (accounts, mut failures) = accounts(args, console).await?;
    let mut places = vec![(LOCAL_REGION, reaping.reap_from(&local()?).await)];
    for account in &accounts {
        places.push((account.region(), reaping.reap_from(account).await));
    }
    let mut total = Reaped::default();
    let mut searched = Vec::new();
    // What cannot be looked at in one place does not keep the others from being reaped.
    for (region, reaped) in places {
        match reaped {
            Ok(Reaped { found, left }) => {
                total.found += found;
                total.left += left;
                searched.push(region);
            }
            Err(error) => failures.add(error),
        }
    }
    if total.found == 0 && !searched.is_empty() {
        let whose = match &reaping.owner {
            Owner::Run(run) => format!("run {run} has"),
            _ if reaping.expired => "nothing has expired: there is".into(),
            _ => "there is".into(),
        };
        let places = searched.join(", ");
        console.note(&format!("{whose} no instance to end in: {places}"));
    }
    match failures.last {
        Some(error) if total.left > 0 => {
            console.error(&error.to_string(), error.hint());
            Err(Error::NotReaped(total.left))
        }
        Some(error) => Err(error),
        None if total.left > 0 => Err(Error::NotReaped(total.left)),
        None => Ok(ExitStatus::Passed),
    }
}

/// Drops a lease that nobody can look for any more.
async fn forget(
    lease: &LeaseToken,
    records: &LeaseRecords,
    console: &Console,
) -> Result<ExitStatus, Error> {
    let all = records.all();
    let Some(record) = all.iter().find(|record| record.lease == *lease) else {
        let known: Vec<_> = all.iter().map(|record| record.lease.as_str()).collect();
        return Err(Error::UnknownLease {
            lease: lease.clone(),
            known: match known.as_slice() {
                [] => String::new(),
                known => format!("; there are: {}", known.join(", ")),
            },
        });
    };
    records.forget(lease).await;
    console.say(&format!(
        "forgot lease {lease} in {}; what it launched, if anything, was not looked for",
        record.region
    ));
    Ok(ExitStatus::Passed)
}

impl Reaping<'_> {
    /// Ends what the owner has in one place.
    async fn reap_from(&self, provider: &impl Sweep) -> Result<Reaped, Error> {
        let Self {
            owner,
            expired,
            records,
            console,
        } = self;
        let now = Timestamp::now();
        // Its tag may say more than was left when it was kept.
        let ways = records.instances().into_iter();
        let overdue: Vec<_> = ways
            .filter(|instance| instance.expires_at <= now)
            .map(|instance| instance.id)
            .collect();
        let found = provider.find(owner).await;
        let found = found.map_err(|error| in_region(&records.all(), provider.region(), error))?;
        let found: Vec<Found> = found
            .into_iter()
            .filter(|instance| !expired || instance.expired(now) || overdue.contains(&instance.id))
            .collect();
        let mut reaped = Reaped {
            found: found.len(),
            left: 0,
        };
        let ids: Vec<_> = found.iter().map(|found| found.id.clone()).collect();
        let deadline = Instant::now() + TERMINATION_DEADLINE;
        let releases = if ids.is_empty() {
            Vec::new()
        } else {
            terminate_all(provider, &ids, deadline).await
        };
        let mut remaining = BTreeSet::new();
        for (instance, (_, release)) in found.iter().zip(releases) {
            let Found { id, region, .. } = instance;
            if let Release::Unconfirmed { reason, .. } = release {
                reaped.left += 1;
                remaining.extend(instance.lease.clone());
                console.error(&format!("{id} in {region}: {reason}"), None);
            } else {
                records.forget_instance(id).await;
                console.say(&format!("terminated {id} in {region}"));
            }
        }
        match delete_leftovers(provider, owner, *expired, console).await {
            Ok(leftovers) => {
                reaped.found += leftovers.found;
                reaped.left += leftovers.refused;
                remaining.extend(leftovers.leases);
            }
            // What costs money is ended; what cannot be looked at keeps every lease on record.
            Err(error) => {
                console.error(&error.to_string(), error.hint());
                reaped.left += 1;
                return Ok(reaped);
            }
        }
        // A lease is over when all of its instances and resources are gone.
        for lease in found.into_iter().filter_map(|instance| instance.lease) {
            if !remaining.contains(&lease) {
                records.forget(&lease).await;
            }
        }
        self.forget_orphans(provider).await;
        Ok(reaped)
    }

    /// Removes the leases on this machine that left nothing any more, and says why another one stays.
    async fn forget_orphans(&self, provider: &impl Sweep) {
        let theirs = |record: &&LeaseRecord| {
            record.provider == provider.name() && record.region == provider.region()
        };
        for record in self.records.all().iter().filter(theirs) {
            let Err(reason) = self.forget_orphan(record, provider).await else {
                continue;
            };
            self.console.note(&format!(
                "lease {} in {} stays on record: {reason}",
                record.lease, record.region
            ));
        }
    }

    /// Removes a lease that left nothing.
    async fn forget_orphan(
        &self,
        record: &LeaseRecord,
        provider: &impl Sweep,
    ) -> Result<(), String> {
        if self.records.is_held(&record.lease) {
            return Err("its run goes on".into());
        }
        if record.saved_at.duration_until(Timestamp::now()) <= ORPHAN_AGE {
            return Err("it is young, and its instances may be about to appear".into());
        }
        // Another account cannot tell whether the instances of this one are gone.
        if record.provider == "ec2" {
            let unknown = "an account that is not known";
            let of_record = record.account.as_deref().unwrap_or(unknown);
            let of_provider = provider.account().unwrap_or(unknown);
            if of_record != of_provider || of_record == unknown {
                return Err(format!(
                    "it is of {of_record}, and these credentials are of {of_provider}; `collect reap --forget {}` drops it",
                    record.lease
                ));
            }
        }
        let owner = Owner::Lease(record.lease.clone());
        let found = provider.find(&owner).await;
        if !found.map_err(|error| error.to_string())?.is_empty() {
            return Err("its instances live".into());
        }
        let deadline = Instant::now() + DELETION_DEADLINE;
        let remaining = delete_resources(provider, &owner, deadline).await?;
        if let Some(resource) = remaining.first() {
            return Err(format!("{resource} cannot be deleted yet"));
        }
        self.records.forget(&record.lease).await;
        Ok(())
    }
}

/// Deletes the resources that outlived their instances; with `expired`, those whose time is over only, for others may
/// belong to a run that is about to launch.
async fn delete_leftovers(
    provider: &impl Sweep,
    owner: &Owner,
    expired: bool,
    console: &Console,
) -> Result<Leftovers, ProviderError> {
    let now = Timestamp::now();
    let mut leftovers = Leftovers::default();
    for found in provider.find_resources(owner).await? {
        let over = found.expires_at.is_some_and(|at| at <= now);
        if expired && !over {
            continue;
        }
        leftovers.found += 1;
        let FoundResource { resource, .. } = &found;
        let region = provider.region();
        match provider.delete(resource).await {
            Ok(true) => {
                console.say(&format!("deleted {resource} in {region}"));
                continue;
            }
            Ok(false) => console.note(&format!(
                "{resource} in {region} is still used by an instance that is shutting down: try again in a minute"
            )),
            Err(error) => {
                leftovers.refused += 1;
                console.error(&format!("{resource} in {region}: {error}"), error.hint());
            }
        }
        leftovers.leases.extend(found.lease);
    }
    Ok(leftovers)
}
