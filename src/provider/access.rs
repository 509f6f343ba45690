//! The way to an instance for whoever comes later: another process, or a person.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The way to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Access {
    /// Over SSH.
    Ssh(Login),
    /// A directory of this machine.
    Home {
        /// The home of the login user.
        path: PathBuf,
    },
}

/// A login over SSH; its private key is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The address.
    pub address: String,
    /// The port of sshd.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// The public key that the host must show, as OpenSSH writes it.
    pub host_key: String,
}

/// The facts that another process needs to come back to an instance.
#[derive(Clone)]
pub struct InstanceAccess {
    /// The way.
    pub access: Access,
    /// The private key of the login, as OpenSSH stores it.
    pub private_key: Option<SecretString>,
    /// The directory of the jobs on the instance.
    pub jobs_dir: String,
}

impl fmt::Debug for InstanceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceAccess")
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
