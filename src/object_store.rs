//! The seam to a store of archives: an object is put together from parts, and whoever has a signed address may send one.

use std::convert::Infallible;

/// The size of a part in bytes, unless there would be too many.
const PART_SIZE: u64 = 8 << 20;

/// The most parts that an object may have.
const MAX_PARTS: u64 = 10_000;

/// The size of the parts of so many bytes, with room for one part more.
pub(crate) fn part_size(bytes: u64) -> u64 {
    PART_SIZE.max(bytes.div_ceil(MAX_PARTS - 1))
}

/// An object that is being put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectUpload {
    /// Its key.
    pub key: String,
    /// The store's name for the attempt.
    pub id: String,
}

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its place, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum, without which the store takes nothing.
    pub sha256: [u8; 32],
}

/// A part that the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// The part.
    pub part: Part,
    /// The store's name for its content.
    pub tag: String,
}

/// The right to send one part, with a plain HTTP `PUT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// The address, which is a secret until it expires.
    pub url: String,
    /// The one header that has to go with it, as `name: value`.
    pub header: String,
}

/// Why the store did not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It said no.
    #[error("{action} was refused: {message} ({code})")]
    Refused {
        /// The request.
        action: &'static str,
        /// Its code.
        code: String,
        /// Its words.
        message: String,
        /// The remedy.
        hint: Option<&'static str>,
    },
    /// No answer, or none that can be understood, however often it was asked.
    #[error("{action} got no answer: {message}")]
    Unanswered {
        /// The request.
        action: &'static str,
        /// The failure.
        message: String,
    },
    /// The object in the store is not what was sent.
    #[error("the checksum of {key} is {stored} there, and {sent} was sent")]
    Differs {
        /// The object.
        key: String,
        /// The store's.
        stored: String,
        /// The one that it should be.
        sent: String,
    },
    /// The file on this machine cannot be read.
    #[error("reading {path}: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        message: String,
    },
}

impl StoreError {
    /// The remedy.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { hint, .. } => *hint,
            Self::Unanswered { .. } => Some("check the network, the proxy and AWS_ENDPOINT_URL"),
            Self::Differs { .. } => Some("delete the object, and send the archive again"),
            Self::Unreadable { .. } => None,
        }
    }
}

/// Keeps archives.
pub trait ObjectStore {
    /// The object as a person names it.
    fn address(&self, name: &str) -> String;

    /// Begins an object of this name. What is begun is ended by [`Self::complete`] or [`Self::abort`].
    async fn begin(&self, name: &str) -> Result<ObjectUpload, StoreError>;

    /// Signs the right to send each of the parts, in their order; it is good for an hour.
    async fn sign(
        &self,
        upload: &ObjectUpload,
        parts: &[Part],
    ) -> Result<Vec<SignedPut>, StoreError>;

    /// Sends a part; the store refuses it where its checksum is another one.
    async fn put(
        &self,
        upload: &ObjectUpload,
        part: Part,
        bytes: Vec<u8>,
    ) -> Result<StoredPart, StoreError>;

    /// Makes the object of its parts, which are all there, and checks that it is what was sent.
    async fn complete(&self, upload: &ObjectUpload, parts: &[StoredPart])
    -> Result<(), StoreError>;

    /// Gives up an object, so that its parts cost nothing.
    async fn abort(&self, upload: &ObjectUpload) -> Result<(), StoreError>;
}

/// Providers without a store have this one, which cannot be had.
impl ObjectStore for Infallible {
    fn address(&self, _: &str) -> String {
        match *self {}
    }

    async fn begin(&self, _: &str) -> Result<ObjectUpload, StoreError> {
        match *self {}
    }

    async fn sign(&self, _: &ObjectUpload, _: &[Part]) -> Result<Vec<SignedPut>, StoreError> {
        match *self {}
    }

    async fn put(&self, _: &ObjectUpload, _: Part, _: Vec<u8>) -> Result<StoredPart, StoreError> {
        match *self {}
    }

    async fn complete(&self, _: &ObjectUpload, _: &[StoredPart]) -> Result<(), StoreError> {
        match *self {}
    }

    async fn abort(&self, _: &ObjectUpload) -> Result<(), StoreError> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_any_size_fits_into_its_parts() {
        for bytes in [0, 1, PART_SIZE, 1 << 30, 5 << 40] {
            let size = part_size(bytes);
            assert!(
                size >= PART_SIZE && bytes.div_ceil(size) < MAX_PARTS,
                "{bytes}"
            );
        }
    }
}
