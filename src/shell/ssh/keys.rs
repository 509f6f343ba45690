//! The two keys of a run: made in memory. Only the client's is ever on this machine's disk, and only where an instance
//! may outlive its run.

use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use secrecy::SecretString;

/// The client's key, and the key that the instance is to show.
#[derive(Debug, Clone)]
pub struct Keys {
    client: Arc<PrivateKey>,
    host: PrivateKey,
}

/// The keys of a login: our own, and the one that the host must show.
#[derive(Debug, Clone)]
pub struct LoginKeys {
    pub(super) client: Arc<PrivateKey>,
    pub(super) host: PublicKey,
}

impl LoginKeys {
    /// Reads both as OpenSSH stores them.
    ///
    /// # Errors
    /// When one is none.
    pub fn from_openssh(client_private: &str, host_public: &str) -> Result<Self, KeyError> {
        Ok(Self {
            client: Arc::new(PrivateKey::from_openssh(client_private)?),
            host: PublicKey::from_openssh(host_public)?,
        })
    }
}

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("an SSH key: {0}")]
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
    /// Never for a key that this process made.
    pub fn client_public(&self) -> Result<String, KeyError> {
        Ok(self.client.public_key().to_openssh()?)
    }

    /// The host's private key, as OpenSSH stores it.
    ///
    /// # Errors
    /// Never for a key that this process made.
    pub fn host_private(&self) -> Result<String, KeyError> {
        Ok(self.host.to_openssh(LineEnding::LF)?.to_string())
    }

    /// The host's public key, as OpenSSH stores it.
    ///
    /// # Errors
    /// Never for a key that this process made.
    pub fn host_public(&self) -> Result<String, KeyError> {
        Ok(self.host.public_key().to_openssh()?)
    }

    /// The client's private key, as OpenSSH stores it.
    ///
    /// # Errors
    /// Never for a key that this process made.
    pub fn client_private(&self) -> Result<SecretString, KeyError> {
        let text = self.client.to_openssh(LineEnding::LF)?;
        Ok(text.as_str().into())
    }

    /// The part of both that a login needs.
    pub fn login(&self) -> LoginKeys {
        LoginKeys {
            client: self.client.clone(),
            host: self.host.public_key().clone(),
        }
    }
}
