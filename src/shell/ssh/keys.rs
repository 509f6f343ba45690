//! The two keys of a run: made in memory, never on this machine's disk.

use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};

/// The client's key, and the key that the instance is to show.
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) client: Arc<PrivateKey>,
    host: PrivateKey,
}

/// Making a key failed; the system has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("making a key: {0}")]
pub struct KeyError(#[from] russh::keys::ssh_key::Error);

impl Keys {
    /// Makes both, Ed25519.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let key = || PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519);
        Ok(Self {
            client: Arc::new(key()?),
            host: key()?,
        })
    }

    /// The client's public key, as a line of `authorized_keys`.
    ///
    /// # Errors
    /// Never for a key that was made here.
    pub fn client_public(&self) -> Result<String, KeyError> {
        Ok(self.client.public_key().to_openssh()?)
    }

    /// The host's private key, as OpenSSH stores it.
    ///
    /// # Errors
    /// Never for a key that was made here.
    pub fn host_private(&self) -> Result<String, KeyError> {
        Ok(self.host.to_openssh(LineEnding::LF)?.to_string())
    }

    /// The host's public key, as OpenSSH stores it.
    ///
    /// # Errors
    /// Never for a key that was made here.
    pub fn host_public(&self) -> Result<String, KeyError> {
        Ok(self.host.public_key().to_openssh()?)
    }

    pub(super) fn expected_host(&self) -> &PublicKey {
        self.host.public_key()
    }
}
