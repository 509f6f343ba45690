//! The seam through which a provider is told whose job this is.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

/// A source of ID tokens: short-lived, signed statements about this job that others can verify.
pub trait IdTokens: Debug + Send + Sync {
    /// A new ID token for this audience.
    fn id_token<'a>(
        &'a self,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<SecretString, IdTokenError>>;
}

/// There is no ID token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the job's ID token: {0}")]
pub struct IdTokenError(pub String);

/// A role, and the proof of who wants to assume it.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The length of a session, in seconds.
    pub seconds: i32,
    /// The name of its sessions, by which `CloudTrail` tells runs apart.
    pub session: String,
    /// The source of the proof.
    pub id_tokens: Arc<dyn IdTokens>,
}
