//! The job's proof of identity, for AWS to believe.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::environment::{IdTokenRequest, Secret};
use super::http::{self, HttpError, again};

/// For all attempts to get one.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// Asks the runner's service for a new ID token, which is good for five minutes; it can be asked as long as the job runs.
///
/// # Errors
/// [`HttpError`].
pub async fn id_token(
    client: &reqwest::Client,
    request: &IdTokenRequest,
    audience: &str,
) -> Result<Secret, HttpError> {
    let answer: Answer = again(Instant::now() + PATIENCE, || async {
        let question = client
            .get(&request.url)
            .query(&[("audience", audience)])
            .bearer_auth(request.token.expose());
        http::send_json(question).await
    })
    .await?;
    Ok(Secret::new(answer.value))
}
