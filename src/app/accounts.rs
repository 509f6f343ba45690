//! The places where `list` and `reap` look for instances, besides this machine.

use super::state_directory::records;
use crate::cli::AccountArgs;
use crate::error::Error;
use crate::lease::LeaseRecord;
use crate::provider::ec2::Account;
use crate::provider::{ProviderError, Sweep as _};
use crate::reporter::console::Console;

/// The regions to look in: the one that was asked for or is configured, and those with a lease on this machine.
///
/// The error is that of a region that cannot be looked at; the others are still there.
pub(super) async fn accounts(
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
        Err(
            error @ (ProviderError::NotBuilt
            | ProviderError::NoRegion
            | ProviderError::NoCredentials(_)),
        ) => {
            console.note(&format!("only this machine is looked at: {error}"));
        }
        Err(error) => return Err(error.into()),
    }
    let mut failed = None;
    let records = records()?.all();
    for record in &records {
        let known = accounts
            .iter()
            .any(|account| account.region() == record.region);
        if record.provider == "ec2" && !known {
            match Account::open(Some(&record.region), None).await {
                Ok(account) => accounts.push(account),
                Err(error) => failed = Some(in_region(&records, &record.region, error)),
            }
        }
    }
    for account in &accounts {
        if records
            .iter()
            .any(|record| record.region == account.region())
        {
            account.identify().await;
        }
    }
    Ok((accounts, failed))
}

/// The error with the leases that are on record for its region.
pub(super) fn in_region(records: &[LeaseRecord], region: &str, source: ProviderError) -> Error {
    let of_region = records.iter().filter(|record| record.region == region);
    let leases: Vec<_> = of_region.map(|record| record.lease.as_str()).collect();
    if leases.is_empty() {
        return source.into();
    }
    Error::Region {
        region: region.to_owned(),
        leases: leases.join(", "),
        source: Box::new(source),
    }
}
