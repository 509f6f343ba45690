//! The image that a config names, and its volumes that would outlive an instance.

use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, Image};

use super::account::Account;
use super::parameter;
use super::refusal::from_sdk_error;
use crate::provider::ProviderError;

/// The beginning of an image that is the value of a parameter.
const PARAMETER: &str = "resolve:ssm:";

/// The image of a launch.
#[derive(Debug)]
pub(super) struct BaseImage {
    /// Its id; the parameter where its value cannot be had, which EC2 resolves then.
    pub(super) id: String,
    /// Its volumes that would outlive the instance, changed so that they do not.
    pub(super) volumes: Vec<BlockDeviceMapping>,
}

/// The id of an image, which may be the value of a parameter.
pub(super) async fn id(account: &Account, image: &str) -> Result<String, ProviderError> {
    match image.strip_prefix(PARAMETER) {
        Some(name) => parameter::value(account, name).await,
        None => Ok(image.to_owned()),
    }
}

/// Looks up the image and its volumes, and says what the user should know about them.
pub(super) async fn resolve(
    account: &Account,
    image: &str,
) -> Result<(BaseImage, Option<String>), ProviderError> {
    let id = match id(account, image).await {
        Ok(id) => id,
        // EC2 may still reach what this machine does not.
        Err(error) if error.refusal_kind().is_none() => {
            let warning = format!(
                "the volumes of `{image}` are not known ({error}): one that the image does not delete with its instance stays"
            );
            let id = image.to_owned();
            let volumes = Vec::new();
            return Ok((BaseImage { id, volumes }, Some(warning)));
        }
        Err(error) => return Err(error),
    };
    let answer = account
        .client
        .describe_images()
        .image_ids(&id)
        .send()
        .await
        .map_err(|error| from_sdk_error("DescribeImages", &error))?;
    let mappings = answer
        .images()
        .iter()
        .flat_map(Image::block_device_mappings);
    let volumes = mappings.filter_map(ending_with_instance).collect();
    Ok((BaseImage { id, volumes }, None))
}

/// The change of a volume that is kept when its instance ends; `None` for one that is not.
fn ending_with_instance(mapping: &BlockDeviceMapping) -> Option<BlockDeviceMapping> {
    let kept = mapping.ebs()?.delete_on_termination == Some(false);
    kept.then(|| {
        BlockDeviceMapping::builder()
            .set_device_name(mapping.device_name().map(str::to_owned))
            .ebs(
                EbsBlockDevice::builder()
                    .delete_on_termination(true)
                    .build(),
            )
            .build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_an_image_keeps_end_with_the_instance() {
        let mapping = |kept: Option<bool>| {
            let ebs = kept.map(|kept| {
                EbsBlockDevice::builder()
                    .delete_on_termination(!kept)
                    .build()
            });
            BlockDeviceMapping::builder()
                .device_name("/dev/sdb")
                .set_ebs(ebs)
                .build()
        };
        let change = ending_with_instance(&mapping(Some(true))).unwrap();
        assert_eq!(change.device_name(), Some("/dev/sdb"));
        assert_eq!(change.ebs().unwrap().delete_on_termination, Some(true));
        for fine in [mapping(Some(false)), mapping(None)] {
            assert_eq!(ending_with_instance(&fine), None);
        }
    }
}
