//! `collect list`: what is alive, since when and until when.

use std::time::Duration;

use jiff::Timestamp;

use super::ExitStatus;
use super::accounts::{accounts, in_region};
use super::images;
use super::state_directory::{local, records};
use crate::cli::AccountArgs;
use crate::error::Error;
use crate::instance::{Dollars, Found, FoundResource, InstanceId, Owner, Resource};
use crate::lease::KeptInstance;
use crate::provider::Sweep as _;
use crate::report::utc_to_the_second;
use crate::reporter::console::Console;
use crate::reporter::text::elapsed;

/// The heads of the columns.
const COLUMNS: [&str; 11] = [
    "instance", "region", "state", "phase", "type", "address", "age", "cost", "expires",
    "revision", "run",
];

/// A word that nobody tells.
const UNKNOWN: &str = "?";

/// Lists the instances that are alive, and what else of them is left.
pub(super) async fn list(args: &AccountArgs, console: &Console) -> Result<ExitStatus, Error> {
    let now = Timestamp::now();
    let kept = records()?.kept_instances(now);
    let stages = records()?.stages();
    let row = |found: Found, cost: String| row(found, cost, &kept, &stages, now);
    let found = local()?.find(&Owner::Anyone).await?;
    let free = |found| row(found, String::new());
    let mut rows: Vec<_> = found.into_iter().map(free).collect();
    let (accounts, mut failures) = accounts(args, console).await?;
    let records = records()?.all();
    let mut baked = Vec::new();
    for account in accounts {
        let region = account.region();
        match account.find(&Owner::Anyone).await {
            Ok(found) => {
                for found in found {
                    let price = account.price(&found.id).await;
                    let cost = cost(&found, price, now);
                    rows.push(row(found, cost));
                }
            }
            Err(error) => {
                failures.add(in_region(&records, region, error));
                continue;
            }
        }
        match account.find_resources(&Owner::Anyone).await {
            Ok(found) => rows.extend(found.into_iter().map(|found| resource_row(found, region))),
            Err(error) => failures.add(in_region(&records, region, error)),
        }
        match account.images().await {
            Ok(found) => baked.extend(found.into_iter().map(|one| images::row(one, region, now))),
            Err(error) => failures.add(in_region(&records, region, error)),
        }
    }
    if !rows.is_empty() {
        console.table(&COLUMNS, &rows);
    } else if failures.last.is_none() {
        console.note("no instance is alive");
    }
    if !baked.is_empty() {
        console.table(&images::COLUMNS, &baked);
    }
    failures.last.map_or(Ok(ExitStatus::Passed), Err)
}

/// An instance; one that is kept says so, and until when. What it is in the middle of is known where a collector of this
/// machine works with it.
fn row(
    found: Found,
    cost: String,
    kept: &[KeptInstance],
    stages: &[(InstanceId, String)],
    now: Timestamp,
) -> [String; 11] {
    let stage = stages.iter().find(|(id, _)| *id == found.id);
    let kept = kept.iter().find(|instance| instance.id == found.id);
    let expires_at = kept.map_or(found.expires_at, |kept| Some(kept.expires_at));
    [
        found.id.to_string(),
        found.region,
        kept.map_or(found.state, |_| "kept".into()),
        stage.map(|(_, stage)| stage.clone()).unwrap_or_default(),
        found.instance_type.unwrap_or_default(),
        found.address.unwrap_or_default(),
        found
            .launched_at
            .map(|at| elapsed(age(at, now)))
            .unwrap_or_default(),
        cost,
        shown(expires_at),
        found.revision.unwrap_or_else(|| UNKNOWN.into()),
        found
            .run
            .map_or_else(|| UNKNOWN.into(), |run| run.to_string()),
    ]
}

fn resource_row(found: FoundResource, region: &str) -> [String; 11] {
    let (id, kind) = match found.resource {
        Resource::SecurityGroup(id) => (id, "security group"),
        Resource::Image(id) => (id, "unfinished image"),
        Resource::Snapshot(id) => (id, "snapshot without image"),
    };
    let lease = found.lease.map(|lease| lease.to_string());
    let run = lease.as_deref().and_then(|lease| lease.rsplit_once('-'));
    [
        id,
        region.to_owned(),
        kind.into(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        shown(found.expires_at),
        String::new(),
        run.map_or_else(|| UNKNOWN.into(), |(run, _)| run.to_owned()),
    ]
}

/// The time since a launch; none where the clocks differ.
pub(super) fn age(launched_at: Timestamp, now: Timestamp) -> Duration {
    let age = now.duration_since(launched_at);
    Duration::try_from(age).unwrap_or_default()
}

/// The cost of an instance so far.
fn cost(found: &Found, price_per_hour: Option<Dollars>, now: Timestamp) -> String {
    let price = price_per_hour.zip(found.launched_at);
    let cost = price.map(|(price, launched_at)| price.for_time(age(launched_at, now)));
    cost.map_or_else(|| UNKNOWN.into(), |cost| cost.to_string())
}

fn shown(at: Option<Timestamp>) -> String {
    at.map_or_else(|| UNKNOWN.into(), utc_to_the_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::RunId;
    use crate::reporter::text::table;

    #[test]
    fn a_row_tells_phase_type_address_age_and_cost() {
        let now: Timestamp = "2026-11-22T20:30:00Z".parse().unwrap();
        let found = |id: &str| Found {
            id: InstanceId::new(id),
            region: "eu-central-1".into(),
            lease: None,
            run: Some(RunId::new("nightly")),
            revision: Some("v1".into()),
            expires_at: Some("2026-11-23T01:00:00Z".parse().unwrap()),
            state: "running".into(),
            instance_type: Some("c7i.large".into()),
            address: Some("192.0.2.1".into()),
            launched_at: Some("2026-11-22T19:00:00Z".parse().unwrap()),
        };
        let stages = [(InstanceId::new("i-01"), "setup".to_owned())];
        let shown = |found: Found, price: Option<Dollars>| {
            let cost = cost(&found, price, now);
            let row = row(found, cost, &[], &stages, now);
            table(&COLUMNS, &[row], None).remove(1)
        };
        assert_eq!(
            shown(found("i-01"), Dollars::parse("0.10")),
            "i-01      eu-central-1  running  setup  c7i.large  192.0.2.1  1h30m  $0.1500  2026-11-23T01:00:00Z  v1        nightly"
        );
        let unknown = Found {
            instance_type: None,
            address: None,
            launched_at: None,
            ..found("i-02")
        };
        let row = shown(unknown, Dollars::parse("0.10"));
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[..4], ["i-02", "eu-central-1", "running", "?"]);
    }
}
