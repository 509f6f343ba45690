//! Credentials of a role that the workflow job's own identity may assume, new ones for as long as the job runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::github::environment::IdTokenRequest;
use crate::github::id_token::id_token;

/// The `aud` claim that AWS requires.
const AUDIENCE: &str = "sts.amazonaws.com";

/// The name of the session in `CloudTrail`.
const SESSION_NAME: &str = "collector";

/// The margin before the old credentials end in which new ones are fetched; a failure to do so does no harm until then.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_mins(5);

/// The pause between two checks of how long the credentials still hold.
const CREDENTIAL_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// A role, and whoever proves who wants to assume it.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// For how long it is assumed at a time, in seconds.
    pub seconds: i32,
    /// Where the job's ID tokens come from.
    pub id_tokens: IdTokenRequest,
    /// Talks to that place.
    pub client: reqwest::Client,
}

/// The role's credentials: what STS gives for an ID token, which lives for minutes, so there is a new one each time.
#[derive(Debug, Clone)]
pub(super) struct AssumedRole {
    role: Role,
    sts: Client,
    held: Arc<Mutex<Option<Credentials>>>,
}

impl AssumedRole {
    /// The call to STS needs no credentials, only what all calls have in common.
    pub(super) fn new(role: Role, config: &SdkConfig) -> Self {
        Self {
            role,
            sts: Client::new(config),
            held: Arc::default(),
        }
    }

    /// The role.
    pub(super) fn arn(&self) -> &str {
        &self.role.arn
    }

    /// Renews them in time for as long as it is polled, so that whoever needs them finds them.
    pub(super) async fn renew_credentials(&self) -> Infallible {
        loop {
            sleep(CREDENTIAL_CHECK_INTERVAL).await;
            // What is held still holds; the next look tries again.
            let _ = self.credentials().await;
        }
    }

    /// Those that are held; new ones when they end soon, and the old ones again while there are none.
    async fn credentials(&self) -> provider::Result {
        let mut held = self.held.lock().await;
        let left = held.as_ref().map(|held| {
            let end = held.expiry().unwrap_or_else(SystemTime::now);
            end.duration_since(SystemTime::now()).unwrap_or_default()
        });
        match (&*held, left.unwrap_or_default()) {
            (Some(fresh), left) if left > REFRESH_BEFORE_EXPIRY => Ok(fresh.clone()),
            (old, left) => match (self.assume().await, old) {
                (Ok(new), _) => Ok(held.insert(new).clone()),
                (Err(_), Some(old)) if left > Duration::ZERO => Ok(old.clone()),
                (Err(error), _) => Err(error),
            },
        }
    }

    async fn assume(&self) -> provider::Result {
        let Role {
            arn,
            seconds,
            id_tokens,
            client,
        } = &self.role;
        let token = id_token(client, id_tokens, AUDIENCE)
            .await
            .map_err(|error| {
                CredentialsError::provider_error(format!("the job's ID token: {error}"))
            })?;
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(arn)
            .role_session_name(SESSION_NAME)
            .duration_seconds(*seconds)
            .web_identity_token(token.expose())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let given = answer
            .credentials()
            .ok_or_else(|| CredentialsError::unhandled("STS gave no credentials"))?;
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            SystemTime::try_from(*given.expiration()).ok(),
            "role-to-assume",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
