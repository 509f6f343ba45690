//! Images: the disk of an instance, kept to launch from.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LeaseToken;

name_type!(
    /// The provider's name of an image: `ami-…` on EC2.
    ImageId
);
name_type!(
    /// The name of an image that collector made: a hash of what it was made of. There is one of a name at a time.
    ImageName
);

/// An image that collector made, and that instances can be launched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakedImage {
    /// Its id.
    pub id: ImageId,
    /// The launch call whose instance it was made from; its snapshots carry it, too.
    pub lease: Option<LeaseToken>,
    /// Its content, in words.
    pub content: String,
    /// The size of its volumes, in GiB.
    pub size_gib: i64,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// The state of an image, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It is being made, or the provider does not know of it yet.
    Pending,
    /// Instances can be launched from it.
    Available,
    /// It never will be available.
    Failed(String),
}
