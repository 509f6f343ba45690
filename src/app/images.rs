//! The images of collector's: those of a region as a table, and their deletion.

use jiff::Timestamp;
use tokio::time::Instant;

use super::ExitStatus;
use super::accounts::{accounts, in_region};
use super::list::age;
use super::state_directory::records;
use crate::cli::AccountArgs;
use crate::error::Error;
use crate::instance::{BakedImage, ImageId, Owner, Resource};
use crate::lease::{TERMINATION_DEADLINE, delete_resources};
use crate::provider::Sweep as _;
use crate::provider::ec2::Account;
use crate::reporter::console::Console;
use crate::reporter::text::elapsed;

/// The heads of the columns.
pub(super) const COLUMNS: [&str; 5] = ["image", "region", "size", "age", "has"];

/// An image as a row.
pub(super) fn row(image: BakedImage, region: &str, now: Timestamp) -> [String; 5] {
    [
        image.id.to_string(),
        region.to_owned(),
        format!("{} GiB", image.size_gib),
        image
            .created_at
            .map(|at| elapsed(age(at, now)))
            .unwrap_or_default(),
        image.content,
    ]
}

/// Deletes one image, or all of them, with their snapshots.
pub(super) async fn delete(
    args: &AccountArgs,
    only: Option<&ImageId>,
    console: &Console,
) -> Result<ExitStatus, Error> {
    let (accounts, mut failures) = accounts(args, console).await?;
    let records = records()?.all();
    let mut left = 0;
    let mut found = 0;
    for account in &accounts {
        let images = match account.images().await {
            Ok(images) => images,
            Err(error) => {
                failures.add(in_region(&records, account.region(), error));
                continue;
            }
        };
        for image in images {
            if only.is_none_or(|only| *only == image.id) {
                found += 1;
                match delete_one(account, &image, console).await {
                    Ok(remaining) => left += remaining,
                    Err(error) => failures.add(error),
                }
            }
        }
    }
    match (failures.last, only) {
        (Some(error), _) => Err(error),
        (None, Some(id)) if found == 0 => Err(Error::NoSuchImage(id.clone())),
        (None, _) if left > 0 => Err(Error::NotReaped(left)),
        (None, _) => {
            if found == 0 {
                console.note("there is no image");
            }
            Ok(ExitStatus::Passed)
        }
    }
}

/// Deletes an image. Returns the number of things that are left of it.
async fn delete_one(
    account: &Account,
    image: &BakedImage,
    console: &Console,
) -> Result<usize, Error> {
    let region = account.region();
    let resource = Resource::Image(image.id.to_string());
    if !account.delete(&resource).await? {
        console.error(&format!("{resource} in {region} is in use"), None);
        return Ok(1);
    }
    let mut remaining = Vec::new();
    if let Some(lease) = &image.lease {
        let owner = Owner::Lease(lease.clone());
        let deadline = Instant::now() + TERMINATION_DEADLINE;
        match delete_resources(account, &owner, deadline).await {
            Ok(left) => remaining = left,
            Err(reason) => {
                let message = format!("the snapshots of {resource} in {region}: {reason}");
                console.error(&message, None);
                return Ok(1);
            }
        }
    }
    console.say(&format!("deleted {resource} in {region}"));
    for resource in &remaining {
        console.error(&format!("{resource} in {region} is left"), None);
    }
    Ok(remaining.len())
}
