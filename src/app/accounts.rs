//! The places where `list` and `reap` look for instances, besides this machine.

use super::state_directory::records;
use crate::cli::AccountArgs;
use crate::error::Error;
use crate::lease::LeaseRecord;
use crate::provider::ec2::Account;
use crate::provider::{ProviderError, Sweep as _};
use crate::reporter::console::Console;

/// The failure that a command ends with. Those before it are told at once, so that each place is named.
pub(super) struct Failures<'a> {
    console: &'a Console,
    pub(super) last: Option<Error>,
}

impl<'a> Failures<'a> {
    pub(super) const fn told_to(console: &'a Console) -> Self {
        Self {
            console,
            last: None,
        }
    }

    pub(super) fn add(&mut self, error: Error) {
        if let Some(earlier) = self.last.replace(error) {
            self.console.error(&earlier.to_string(), earlier.hint());
        }
    }
}

/// The regions to look in: the one that was asked for or is configured, and those with a lease on this machine.
///
/// The failures are those of regions that cannot be looked at; the others are still there.
pub(super) async fn accounts<'a>(
    args: &AccountArgs,
    console: &'a Console,
) -> Result<(Vec<Account>, Failures<'a>), Error> {
    let mut accounts = Vec::new();
    let mut failures = Failures::told_to(console);
    if args.local {
        return Ok((accounts, failures));
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
    let records = records()?.all();
    for record in &records {
        let known = accounts
            .iter()
            .any(|account| account.region() == record.region);
        if record.provider == "ec2" && !known {
            match Account::open(Some(&record.region), None).await {
                Ok(account) => accounts.push(account),
                Err(error) => failures.add(in_region(&records, &record.region, error)),
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
    Ok((accounts, failures))
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
