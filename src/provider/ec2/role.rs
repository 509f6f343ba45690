//! Credentials of a role that the workflow job's own identity may assume, new ones for as long as the job runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::provider::identity::Role;

/// The `aud` claim that AWS requires, and that AWS in China does.
const AUDIENCE: &str = "sts.amazonaws.com";
const AUDIENCE_CHINA: &str = "sts.amazonaws.com.cn";

/// The longest name of a session.
const MAX_SESSION_NAME: usize = 64;

/// The margin before the old credentials end in which new ones are fetched; a failure to do so does no harm until then.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_mins(5);

/// The pause between two checks of how long the credentials still hold.
const CREDENTIAL_CHECK_INTERVAL: Duration = Duration::from_secs(30);

impl Role {
    /// The audience of its ID tokens: the partition has its own.
    fn audience(&self) -> &'static str {
        if self.arn.starts_with("arn:aws-cn:") {
            AUDIENCE_CHINA
        } else {
            AUDIENCE
        }
    }

    /// The name of its sessions, made of what AWS takes.
    fn session_name(&self) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let name = self
            .session
            .chars()
            .map(|c| if allowed(c) { c } else { '-' });
        name.take(MAX_SESSION_NAME).collect()
    }
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
        let token = self
            .role
            .id_tokens
            .id_token(self.role.audience())
            .await
            .map_err(CredentialsError::provider_error)?;
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&self.role.arn)
            .role_session_name(self.role.session_name())
            .duration_seconds(self.role.seconds)
            .web_identity_token(token.expose_secret())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::identity::{IdTokenError, IdTokens};
    use futures_util::future::BoxFuture;
    use secrecy::SecretString;

    #[derive(Debug)]
    struct NoIdTokens;

    impl IdTokens for NoIdTokens {
        fn id_token<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SecretString, IdTokenError>> {
            Box::pin(async { Err(IdTokenError("none".into())) })
        }
    }

    fn role(arn: &str, session: &str) -> Role {
        Role {
            arn: arn.into(),
            seconds: 900,
            session: session.into(),
            id_tokens: Arc::new(NoIdTokens),
        }
    }

    #[test]
    fn each_partition_has_its_audience() {
        let audience = |arn| role(arn, "").audience();
        assert_eq!(audience("arn:aws:iam::123456789012:role/c"), AUDIENCE);
        assert_eq!(
            audience("arn:aws-us-gov:iam::123456789012:role/c"),
            AUDIENCE
        );
        assert_eq!(
            audience("arn:aws-cn:iam::123456789012:role/c"),
            AUDIENCE_CHINA
        );
    }

    #[test]
    fn a_session_is_named_as_aws_takes_it() {
        let long = "x".repeat(99);
        assert_eq!(
            role("", "octo/repo run:7").session_name(),
            "octo-repo-run-7"
        );
        assert_eq!(role("", &long).session_name().len(), MAX_SESSION_NAME);
    }
}
