//! The artifact service: JSON over Twirp, with the job's token.

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ArtifactError, ArtifactName};
use crate::github::http::{self, HttpError, retry};
use crate::report::utc_to_the_second;

const PATH: &str = "twirp/github.actions.results.api.v1.ArtifactService";

/// The version of the protocol for artifacts that are ZIPs; every server that has the service takes it.
const VERSION: u32 = 4;

/// For all attempts of one call.
const CALL_DEADLINE: Duration = Duration::from_mins(5);

const CREATE: &str = "CreateArtifact";
const FINALIZE: &str = "FinalizeArtifact";
const LIST: &str = "ListArtifacts";

/// The job's token, and what it says.
#[derive(Debug)]
pub(super) struct Token {
    secret: SecretString,
    run: String,
    job: String,
    /// When it ends.
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Claims {
    scp: String,
    exp: Option<i64>,
}

impl Token {
    /// Reads the claims of the token; that it is genuine is for the service to say.
    pub(super) fn read(secret: &SecretString) -> Result<Self, ArtifactError> {
        let payload = secret.expose_secret().split('.').nth(1);
        let payload = payload.ok_or(ArtifactError::Token("it is no JSON Web Token"))?;
        let claims: Claims = URL_SAFE_NO_PAD
            .decode(payload)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or(ArtifactError::Token("its claims are not readable"))?;
        let scope = claims
            .scp
            .split_whitespace()
            .find_map(|scope| scope.strip_prefix("Actions.Results:")?.split_once(':'))
            .filter(|(_, job)| !job.contains(':'));
        let (run, job) = scope.ok_or(ArtifactError::Token("it is not for the artifact service"))?;
        Ok(Self {
            secret: secret.clone(),
            run: run.into(),
            job: job.into(),
            expires: claims.exp.and_then(|at| Timestamp::from_second(at).ok()),
        })
    }
}

/// An artifact that waits for its content.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) name: ArtifactName,
    /// Where the content goes; whoever knows the address may write there.
    pub(super) url: String,
}

impl Created {
    /// When the address ends, where it says so.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let url = reqwest::Url::parse(&self.url).ok()?;
        let (_, end) = url.query_pairs().find(|(name, _)| name == "se")?;
        end.parse().ok()
    }

    /// The part of the address that is the right to use it, as it stands there and as it is meant.
    pub(super) fn signatures(&self) -> Vec<SecretString> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let written = query.split('&').find_map(|pair| pair.strip_prefix("sig="));
        let url = reqwest::Url::parse(&self.url).ok();
        let meant = url
            .as_ref()
            .and_then(|url| url.query_pairs().find(|(name, _)| name == "sig"))
            .map(|(_, value)| value.into_owned());
        let both = written.map(str::to_owned).into_iter().chain(meant);
        both.map(SecretString::from).collect()
    }
}

#[derive(Deserialize)]
struct CreateAnswer {
    ok: bool,
    #[serde(alias = "signedUploadUrl", default)]
    signed_upload_url: String,
}

#[derive(Deserialize)]
struct FinalizeAnswer {
    ok: bool,
    #[serde(alias = "artifactId", default)]
    artifact_id: Value,
}

#[derive(Deserialize)]
struct ListAnswer {
    #[serde(default)]
    artifacts: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(alias = "databaseId", default)]
    database_id: Value,
    /// A text, or an object that holds one.
    #[serde(default)]
    digest: Value,
}

/// The service, as one job may use it.
#[derive(Debug)]
pub(super) struct Service<'a> {
    client: &'a reqwest::Client,
    base: String,
    token: Token,
    deadline: Instant,
}

impl<'a> Service<'a> {
    /// Only the origin of the address counts.
    pub(super) fn new(
        client: &'a reqwest::Client,
        results_url: &str,
        token: Token,
        deadline: Instant,
    ) -> Self {
        let (scheme, rest) = results_url
            .split_once("://")
            .unwrap_or(("https", results_url));
        let host = rest.split('/').next().unwrap_or_default();
        Self {
            client,
            base: format!("{scheme}://{host}/{PATH}"),
            token,
            deadline,
        }
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        fields: Value,
    ) -> Result<T, HttpError> {
        let mut body = json!({
            "workflow_run_backend_id": self.token.run,
            "workflow_job_run_backend_id": self.token.job,
        });
        if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
            body.extend(fields);
        }
        let request = self
            .client
            .post(format!("{}/{method}", self.base))
            .bearer_auth(self.token.secret.expose_secret())
            .json(&body);
        http::send_json(request).await
    }

    /// Takes the name, and gets an address for the content.
    ///
    /// When an answer is lost and the name is taken then, it was probably taken by us, but its address is lost: the
    /// second name is taken instead.
    pub(super) async fn create(
        &self,
        name: &ArtifactName,
        expires_at: Option<Timestamp>,
    ) -> Result<Created, ArtifactError> {
        let lost = Cell::new(false);
        match self.create_as(name, expires_at, &lost).await {
            Err(ArtifactError::Taken(_)) if lost.get() => {
                self.create_as(&name.second(), expires_at, &lost).await
            }
            answer => answer,
        }
    }

    async fn create_as(
        &self,
        name: &ArtifactName,
        expires_at: Option<Timestamp>,
        lost: &Cell<bool>,
    ) -> Result<Created, ArtifactError> {
        let mut fields = json!({ "name": name.as_str(), "version": VERSION });
        if let (Some(at), Value::Object(fields)) = (expires_at, &mut fields) {
            let at = utc_to_the_second(at);
            fields.insert("expires_at".into(), at.into());
        }
        let answer = retry(self.patience(), || async {
            let answer = self.call::<CreateAnswer>(CREATE, fields.clone()).await;
            if answer.as_ref().is_err_and(HttpError::may_have_taken_effect) {
                lost.set(true);
            }
            answer
        })
        .await;
        match answer {
            Ok(answer) if answer.ok && !answer.signed_upload_url.is_empty() => Ok(Created {
                name: name.clone(),
                url: answer.signed_upload_url,
            }),
            Ok(_) => Err(not_ok(CREATE)),
            Err(error) if error.status() == Some(409) => Err(ArtifactError::Taken(name.clone())),
            Err(error) => Err(ArtifactError::of(CREATE, error)),
        }
    }

    /// Makes an artifact of what was sent, compares its digest where the service tells it, and returns its number.
    ///
    /// A lost answer is not asked for again before the list was looked at: the artifact may be there.
    pub(super) async fn finalize(
        &self,
        name: &ArtifactName,
        size: u64,
        digest: &str,
    ) -> Result<u64, ArtifactError> {
        let fields = json!({
            "name": name.as_str(),
            "size": size.to_string(),
            "hash": format!("sha256:{digest}"),
        });
        let unsure = Cell::new(false);
        let answer = retry(self.patience(), || async {
            if unsure.get() {
                let ours = self.listed(name).await?.into_iter();
                // In a second attempt of a run the list has the artifacts of the first one too.
                let ours = ours.filter(|listed| listed.digest().is_none_or(|it| it == digest));
                if let Some(id) = ours.filter_map(|listed| number(&listed.database_id)).max() {
                    return Ok(Some(id));
                }
            }
            let answer = self.call::<FinalizeAnswer>(FINALIZE, fields.clone()).await;
            if answer.as_ref().is_err_and(HttpError::may_have_taken_effect) {
                unsure.set(true);
            }
            answer.map(|answer| number(&answer.artifact_id).filter(|_| answer.ok))
        });
        let id = answer
            .await
            .map_err(|error| ArtifactError::of(FINALIZE, error))?
            .ok_or_else(|| not_ok(FINALIZE))?;
        // The artifact is there; that nobody can look at its digest does not undo it.
        let listed = retry(self.patience(), || self.listed(name)).await;
        let listed = listed.unwrap_or_default().into_iter();
        let mut ours = listed.filter(|listed| number(&listed.database_id) == Some(id));
        match ours.next().as_ref().and_then(Listed::digest) {
            Some(stored) if stored != digest => Err(ArtifactError::Differs {
                name: name.clone(),
                stored: stored.into(),
                sent: digest.into(),
            }),
            _ => Ok(id),
        }
    }

    /// The artifacts of this name.
    async fn listed(&self, name: &ArtifactName) -> Result<Vec<Listed>, HttpError> {
        let fields = json!({ "name_filter": name.as_str() });
        let answer: ListAnswer = self.call(LIST, fields).await?;
        let artifacts = answer.artifacts.into_iter();
        Ok(artifacts
            .filter(|artifact| artifact.name == name.as_str())
            .collect())
    }

    /// When to give a call up.
    fn patience(&self) -> Instant {
        self.deadline.min(Instant::now() + CALL_DEADLINE)
    }
}

impl Listed {
    fn digest(&self) -> Option<&str> {
        let text = self
            .digest
            .as_str()
            .or_else(|| self.digest.get("value")?.as_str())?;
        text.strip_prefix("sha256:")
    }
}

fn not_ok(call: &'static str) -> ArtifactError {
    ArtifactError::Service {
        call,
        source: HttpError::Unreadable("it is not what was asked for".into()),
    }
}

/// 64-bit numbers travel as texts in JSON; some servers send them as numbers.
fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretString {
        let payload = URL_SAFE_NO_PAD.encode(claims);
        format!("header.{payload}.signature").into()
    }

    #[test]
    fn the_token_tells_the_run_and_the_job() {
        let claims = r#"{"scp":"Actions.ExampleScope Actions.Results:ce7f54c7-61c7:ca395085-040a other:x:y","exp":1795348800}"#;
        let token = Token::read(&token(claims)).unwrap();
        assert_eq!(
            (token.run.as_str(), token.job.as_str()),
            ("ce7f54c7-61c7", "ca395085-040a")
        );
        assert_eq!(token.expires.unwrap().as_second(), 1_795_348_800);
    }

    #[test]
    fn what_is_no_token_of_the_service_is_told() {
        for bad in [
            "opaque".into(),
            "a.!!!.c".into(),
            token(r#"{"scp":"Actions.Other:1:2"}"#),
            token(r#"{"scp":"Actions.Results:1"}"#),
            token(r#"{"scp":"Actions.Results:1:2:3"}"#),
            token("{}"),
        ] {
            assert!(matches!(Token::read(&bad), Err(ArtifactError::Token(_))));
        }
    }

    #[test]
    fn the_signature_is_the_secret_of_an_address() {
        let created = Created {
            name: ArtifactName::of_sample("v1", "i-1"),
            url: "https://blob.example/c/b?sv=1&sig=a%2Bb%3D&se=2026-11-22T13%3A00%3A00Z".into(),
        };
        let end = created.expires().unwrap();
        assert_eq!(end.to_string(), "2026-11-22T13:00:00Z");
        let signatures = created.signatures();
        let texts: Vec<&str> = signatures.iter().map(SecretString::expose_secret).collect();
        assert_eq!(texts, ["a%2Bb%3D", "a+b="]);
    }

    #[test]
    fn both_spellings_and_both_kinds_of_numbers_are_read() {
        let answer: CreateAnswer =
            serde_json::from_str(r#"{"ok":true,"signedUploadUrl":"u"}"#).unwrap();
        assert_eq!(answer.signed_upload_url, "u");
        let answer: FinalizeAnswer =
            serde_json::from_str(r#"{"ok":true,"artifact_id":"17"}"#).unwrap();
        assert_eq!(number(&answer.artifact_id), Some(17));
        assert_eq!(number(&json!(18)), Some(18));
        assert_eq!(number(&Value::Null), None);
        let listed: Listed =
            serde_json::from_str(r#"{"name":"n","digest":{"value":"sha256:ab"}}"#).unwrap();
        assert_eq!(listed.digest(), Some("ab"));
    }
}
