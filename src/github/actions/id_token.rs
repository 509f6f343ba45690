//! ID tokens of the job.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::environment::IdTokenRequest;
use crate::github::http::{self, HttpError, retry};
use crate::provider::identity::{IdTokenError, IdTokens};

/// For all attempts to get one.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Answer {
    value: SecretString,
}

/// The runner's service, which gives ID tokens as long as the job runs; each is good for five minutes.
#[derive(Debug)]
pub(crate) struct JobIdTokens {
    client: reqwest::Client,
    request: IdTokenRequest,
}

impl JobIdTokens {
    /// The service that the job was told of.
    pub(crate) fn new(client: reqwest::Client, request: IdTokenRequest) -> Self {
        Self { client, request }
    }

    async fn request(&self, audience: &str) -> Result<SecretString, HttpError> {
        let answer: Answer = retry(Instant::now() + PATIENCE, || async {
            let request = self
                .client
                .get(&self.request.url)
                .query(&[("audience", audience)])
                .bearer_auth(self.request.token.expose_secret());
            http::send_json(request).await
        })
        .await?;
        Ok(answer.value)
    }
}

impl IdTokens for JobIdTokens {
    fn id_token<'a>(
        &'a self,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<SecretString, IdTokenError>> {
        Box::pin(async move {
            let answer = self.request(audience).await;
            answer.map_err(|error| IdTokenError(error.to_string()))
        })
    }
}
