//! The seam to whoever keeps images of instances.

use super::ProviderError;
use crate::instance::{BakedImage, ImageId, ImageName, ImageState, InstanceId, LaunchRequest};

/// Makes images of instances. Until it is available, an image is a resource of its lease, and so is a snapshot without one.
pub trait Images {
    /// The id of the image that the config names. Safe to drop.
    async fn base_image(&self) -> Result<ImageId, ProviderError> {
        Err(ProviderError::NoImages)
    }

    /// The image of this name, once it is available. Safe to drop.
    async fn find_image(&self, name: &ImageName) -> Result<Option<BakedImage>, ProviderError> {
        let _ = name;
        Err(ProviderError::NoImages)
    }

    /// Removes from an instance what belongs to it alone and begins to make an image of it, tagged with the lease and with
    /// `content` in words. The instance cannot be worked with any more. Safe to drop: what was made is found by its lease.
    async fn create_image(
        &self,
        id: &InstanceId,
        name: &ImageName,
        content: &str,
        request: &LaunchRequest,
    ) -> Result<ImageId, ProviderError> {
        let _ = (id, name, content, request);
        Err(ProviderError::NoImages)
    }

    /// The state of an image. Safe to drop.
    async fn image_state(&self, id: &ImageId) -> Result<ImageState, ProviderError> {
        let _ = id;
        Err(ProviderError::NoImages)
    }
}
