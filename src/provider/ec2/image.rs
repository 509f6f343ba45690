//! Images of instances: made, found by their tags, and deleted with their snapshots.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, Image, ImageState as State, ResourceType};
use jiff::Timestamp;

use super::account::{Account, TAG_EXPIRES, TAG_LEASE, filter, of_owner, tag};
use super::refusal::from_sdk_error;
use super::tags::tags;
use super::{Ec2, JOBS_DIR, base_image};
use crate::instance::{
    BakedImage, FoundResource, ImageId, ImageName, ImageState, InstanceId, LaunchRequest,
    LeaseToken, Owner, Resource,
};
use crate::provider::{Images, ProviderError, RefusalKind};
use crate::shell::Command;

/// Removes what belongs to one instance alone.
const CLEAN: &str = include_str!("clean.sh");

const DESCRIBE: &str = "DescribeImages";

/// Where this account's own are asked for.
const SELF: &str = "self";

impl Account {
    /// The images that collector made in this account, and that are available.
    ///
    /// # Errors
    /// When EC2 cannot be asked, or refuses.
    pub async fn images(&self) -> Result<Vec<BakedImage>, ProviderError> {
        let images = self.describe_images(of_owner(&Owner::Anyone)).await?;
        let images = images.iter().filter(|image| is_finished(image));
        Ok(images.filter_map(baked_image).collect())
    }

    async fn describe_images(&self, filter: Filter) -> Result<Vec<Image>, ProviderError> {
        let asking = self.client.describe_images().owners(SELF).filters(filter);
        let answer = asking.send().await;
        let answer = answer.map_err(|error| from_sdk_error(DESCRIBE, &error))?;
        Ok(answer.images.unwrap_or_default())
    }

    /// Images that are not finished, and snapshots of no finished image; the images first, for they hold the snapshots.
    pub(super) async fn unfinished_images(
        &self,
        owner: &Owner,
    ) -> Result<Vec<FoundResource>, ProviderError> {
        let images = self.describe_images(of_owner(owner)).await?;
        let (finished, unfinished): (Vec<_>, Vec<_>) = images.into_iter().partition(is_finished);
        // An image and its snapshots are made under a lease that makes nothing else of the kind.
        let leases: BTreeSet<_> = finished
            .iter()
            .filter_map(|image| tag(image.tags(), TAG_LEASE))
            .collect();
        let mut found: Vec<_> = unfinished
            .iter()
            .filter(|image| image.state() != Some(&State::Deregistered))
            .filter_map(|image| {
                let resource = Resource::Image(image.image_id()?.to_owned());
                Some(found_resource(resource, image.tags()))
            })
            .collect();
        let asking = self.client.describe_snapshots().owner_ids(SELF);
        let answer = asking.filters(of_owner(owner)).send().await;
        let snapshots = match answer {
            Ok(answer) => answer.snapshots.unwrap_or_default(),
            Err(error) => match from_sdk_error("DescribeSnapshots", &error) {
                // Who may not even look at snapshots has made no image.
                error if error.refusal_kind() == Some(RefusalKind::Final) => Vec::new(),
                error => return Err(error),
            },
        };
        found.extend(snapshots.iter().filter_map(|snapshot| {
            let lease = tag(snapshot.tags(), TAG_LEASE)?;
            let resource = Resource::Snapshot(snapshot.snapshot_id()?.to_owned());
            (!leases.contains(&lease)).then(|| found_resource(resource, snapshot.tags()))
        }));
        Ok(found)
    }

    pub(super) async fn deregister(&self, id: &str) -> Result<bool, ProviderError> {
        let answer = self.client.deregister_image().image_id(id).send().await;
        deleted(answer.map_err(|error| from_sdk_error("DeregisterImage", &error)))
    }

    pub(super) async fn delete_snapshot(&self, id: &str) -> Result<bool, ProviderError> {
        let answer = self.client.delete_snapshot().snapshot_id(id).send().await;
        deleted(answer.map_err(|error| from_sdk_error("DeleteSnapshot", &error)))
    }
}

/// Whether a resource is gone, from the answer to its deletion.
pub(super) fn deleted<T>(answer: Result<T, ProviderError>) -> Result<bool, ProviderError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) => match error.refusal_kind() {
            Some(RefusalKind::NotFound) => Ok(true),
            Some(RefusalKind::InUse) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Whether EC2 has nothing more to do for it.
fn is_finished(image: &Image) -> bool {
    matches!(image.state(), Some(State::Available | State::Disabled))
}

fn found_resource(resource: Resource, tags: &[aws_sdk_ec2::types::Tag]) -> FoundResource {
    FoundResource {
        resource,
        lease: tag(tags, TAG_LEASE).map(LeaseToken::new),
        expires_at: tag(tags, TAG_EXPIRES).and_then(|at| at.parse().ok()),
    }
}

fn baked_image(image: &Image) -> Option<BakedImage> {
    let volumes = image.block_device_mappings().iter();
    let sizes = volumes.filter_map(|volume| volume.ebs()?.volume_size());
    Some(BakedImage {
        id: ImageId::new(image.image_id()?),
        lease: tag(image.tags(), TAG_LEASE).map(LeaseToken::new),
        content: image.description().unwrap_or_default().to_owned(),
        size_gib: sizes.map(i64::from).sum(),
        created_at: image
            .creation_date()
            .and_then(|at| at.parse::<Timestamp>().ok()),
    })
}

/// How far the making of an image is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Imaging {
    /// None was asked for.
    #[default]
    NotAsked,
    /// One was asked for: nobody knows whether it is made.
    Unanswered,
    /// EC2 shows it, where it is made.
    Answered,
}

impl Images for Ec2 {
    async fn base_image(&self) -> Result<ImageId, ProviderError> {
        base_image::id(&self.account, &self.spec.image)
            .await
            .map(ImageId::new)
    }

    async fn find_image(&self, name: &ImageName) -> Result<Option<BakedImage>, ProviderError> {
        let named = filter("name", [name.as_str()]);
        let images = self.account.describe_images(named).await?;
        let available = |image: &&Image| image.state() == Some(&State::Available);
        Ok(images.iter().find(available).and_then(baked_image))
    }

    async fn create_image(
        &self,
        id: &InstanceId,
        name: &ImageName,
        content: &str,
        request: &LaunchRequest,
    ) -> Result<ImageId, ProviderError> {
        let no_image = |reason: String| ProviderError::NoImage {
            what: id.to_string(),
            reason,
        };
        let key = self.keys.client_public();
        let key = key.map_err(|error| no_image(error.to_string()))?;
        let clean = Command::new(CLEAN, [key.as_str(), JOBS_DIR]).as_root();
        let what = "removing what belongs to the instance alone";
        let cleaned = self.tell(id, what, &clean).await;
        cleaned.map_err(|error| no_image(error.to_string()))?;
        // Before the call: its answer may be lost.
        self.imaging.set(Imaging::Unanswered);
        let tagged = [ResourceType::Image, ResourceType::Snapshot];
        let answer = self
            .account
            .client
            .create_image()
            .instance_id(id.as_str())
            .name(name.as_str())
            .description(content)
            .set_tag_specifications(Some(tags(request, tagged)))
            .send()
            .await
            .map_err(|error| from_sdk_error("CreateImage", &error));
        if !matches!(&answer, Err(error) if error.may_have_taken_effect()) {
            self.imaging.set(Imaging::Answered);
        }
        let image = match answer {
            Ok(answer) => answer.image_id,
            // The name may be that of an attempt of this very call whose answer was lost.
            Err(error) if error.refusal_kind() == Some(RefusalKind::Duplicate) => {
                let own = of_owner(&Owner::Lease(request.lease.clone()));
                let images = self.account.describe_images(own).await?;
                let first = images.into_iter().find_map(|image| image.image_id);
                Some(first.ok_or(error)?)
            }
            Err(error) => return Err(error),
        };
        let image = image.map(ImageId::new);
        image.ok_or_else(|| no_image("the answer names none".into()))
    }

    async fn image_state(&self, id: &ImageId) -> Result<ImageState, ProviderError> {
        // A filter, unlike an id, is no error where EC2 does not know it yet.
        let named = filter("image-id", [id.as_str()]);
        let images = self.account.describe_images(named).await?;
        let Some(image) = images.first() else {
            return Ok(ImageState::Pending);
        };
        Ok(match image.state() {
            Some(State::Available) => ImageState::Available,
            Some(State::Pending | State::Transient) | None => ImageState::Pending,
            Some(state) => ImageState::Failed(
                image
                    .state_reason()
                    .and_then(|reason| reason.message())
                    .unwrap_or(state.as_str())
                    .into(),
            ),
        })
    }
}
