//! The tags of what collector makes.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use jiff::Timestamp;

use super::account::{Account, TAG_EXPIRES, TAG_LEASE, TAG_REVISION, TAG_RUN};
use super::refusal::from_sdk_error;
use crate::instance::{InstanceId, LaunchRequest};
use crate::provider::ProviderError;
use crate::report::utc_to_the_second;

/// The value of the tag `Name`, as in the first collector.
const NAME_VALUE: &str = "collector";

/// The tags of everything that a launch makes, on each of these kinds of resources.
pub(super) fn tags(
    request: &LaunchRequest,
    kinds: impl IntoIterator<Item = ResourceType>,
) -> Vec<TagSpecification> {
    let pairs = [
        ("Name", NAME_VALUE.to_owned()),
        (TAG_LEASE, request.lease.to_string()),
        (TAG_RUN, request.run.to_string()),
        (TAG_REVISION, request.revision.to_string()),
        (TAG_EXPIRES, utc_to_the_second(request.expires_at)),
    ];
    let tags: Vec<Tag> = pairs
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    kinds
        .into_iter()
        .map(|kind| {
            TagSpecification::builder()
                .resource_type(kind)
                .set_tags(Some(tags.clone()))
                .build()
        })
        .collect()
}

impl Account {
    /// Says on an instance when it may be reaped, in place of what its tag said.
    pub(super) async fn tag_expiry(
        &self,
        id: &InstanceId,
        at: Timestamp,
    ) -> Result<(), ProviderError> {
        let expires = Tag::builder().key(TAG_EXPIRES).value(utc_to_the_second(at));
        self.client
            .create_tags()
            .resources(id.as_str())
            .tags(expires.build())
            .send()
            .await
            .map_err(|error| from_sdk_error("CreateTags", &error))?;
        Ok(())
    }
}
