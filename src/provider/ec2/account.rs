//! The account: credentials, and what every call has in common.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, InstanceStateName};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};
use jiff::Timestamp;

use super::role::{AssumedRole, Role};
use crate::instance::{Found, InstanceId, LeaseToken, Owner, RunId};
use crate::provider::{ProviderError, Reclaim};

/// Limits of one call: for the connection, for one attempt, for all attempts.
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(20);
const OPERATION: Duration = Duration::from_mins(1);
const ATTEMPTS: u32 = 3;

/// The tags of everything that collector launches.
pub(super) const TAG_LEASE: &str = "collector:lease";
pub(super) const TAG_RUN: &str = "collector:run";
pub(super) const TAG_REVISION: &str = "collector:revision";
pub(super) const TAG_EXPIRES: &str = "collector:expires-at";

/// States in which an instance costs money or may come to cost it again.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// An account in one region.
#[derive(Debug)]
pub struct Account {
    pub(super) client: Client,
    region: String,
    role: Option<AssumedRole>,
}

impl Account {
    /// Finds region and credentials as every AWS tool does: environment, profile, SSO, the machine's own role. With a
    /// `role`, that one's credentials are used instead.
    ///
    /// # Errors
    /// When there is no region, or no credentials; no call to EC2 is made.
    pub async fn open(region: Option<&str>, role: Option<Role>) -> Result<Self, ProviderError> {
        let http = Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if role.is_some() {
            loader = loader.no_credentials();
        }
        let mut config = loader.load().await;
        let role = role.map(|role| AssumedRole::new(role, &config));
        if let Some(role) = &role {
            let provider = SharedCredentialsProvider::new(role.clone());
            config = config.into_builder().credentials_provider(provider).build();
        }
        let region = config.region().ok_or(ProviderError::NoRegion)?.to_string();
        let none = || ProviderError::NoCredentials("none are configured".into());
        config
            .credentials_provider()
            .ok_or_else(none)?
            .provide_credentials()
            .await
            .map_err(|error| match &role {
                Some(role) => ProviderError::Role {
                    arn: role.arn().to_owned(),
                    message: chain(&error),
                },
                None => ProviderError::NoCredentials(chain(&error)),
            })?;
        Ok(Self {
            client: Client::new(&config),
            region,
            role,
        })
    }

    /// Renews the credentials of a role for as long as it is polled; others need nobody to.
    pub(super) async fn stay_fresh(&self) -> Infallible {
        match &self.role {
            Some(role) => role.stay_fresh().await,
            None => std::future::pending().await,
        }
    }

    /// Ends an instance; `unknown_is_gone` where EC2 cannot be lagging behind its own launch.
    pub(super) async fn end(
        &self,
        id: &InstanceId,
        unknown_is_gone: bool,
    ) -> Result<(), ProviderError> {
        const ACTION: &str = "TerminateInstances";
        let answer = self
            .client
            .terminate_instances()
            .instance_ids(id.as_str())
            .send()
            .await;
        let answer = match answer {
            Err(error) if unknown_is_gone && error.code() == Some("InvalidInstanceID.NotFound") => {
                return Ok(());
            }
            answer => answer.map_err(|error| refusal(ACTION, &error))?,
        };
        let state = answer
            .terminating_instances()
            .iter()
            .find(|change| change.instance_id() == Some(id.as_str()))
            .and_then(|change| change.current_state()?.name());
        match state {
            Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => Ok(()),
            other => Err(ProviderError::Unanswered {
                action: ACTION,
                message: format!("{id} is {other:?}"),
            }),
        }
    }
}

impl Reclaim for Account {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn region(&self) -> &str {
        &self.region
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), ProviderError> {
        self.end(id, true).await
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        let by_owner = match owner {
            Owner::Lease(lease) => filter(&format!("tag:{TAG_LEASE}"), [lease.as_str()]),
            Owner::Run(run) => filter(&format!("tag:{TAG_RUN}"), [run.as_str()]),
            Owner::Anyone => filter("tag-key", [TAG_LEASE]),
        };
        let mut pages = self
            .client
            .describe_instances()
            .filters(by_owner)
            .filters(filter("instance-state-name", LIVING))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| refusal("DescribeInstances", &error))?;
            for instance in page
                .reservations()
                .iter()
                .flat_map(aws_sdk_ec2::types::Reservation::instances)
            {
                let tag = |key: &str| {
                    let tag = instance.tags().iter().find(|tag| tag.key() == Some(key));
                    tag.and_then(|tag| tag.value()).map(str::to_owned)
                };
                let Some(id) = instance.instance_id() else {
                    continue;
                };
                found.push(Found {
                    id: InstanceId::new(id),
                    region: self.region.clone(),
                    lease: tag(TAG_LEASE).map(LeaseToken::new),
                    run: tag(TAG_RUN).map(RunId::new),
                    revision: tag(TAG_REVISION),
                    expires_at: tag(TAG_EXPIRES).and_then(|at| at.parse::<Timestamp>().ok()),
                    state: instance
                        .state()
                        .and_then(|state| state.name())
                        .map_or_else(String::new, |name| name.as_str().to_owned()),
                });
            }
        }
        Ok(found)
    }
}

/// A filter of a `Describe…` call.
pub(super) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// What EC2's answer means: a refusal is final, anything else leaves open what was done.
pub(super) fn refusal<E, R>(action: &'static str, error: &SdkError<E, R>) -> ProviderError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error, error.code()) {
        (SdkError::ServiceError(_), Some(code))
            if !["InternalError", "Unavailable"].contains(&code) =>
        {
            ProviderError::Refused {
                action,
                code: code.into(),
                message: error
                    .message()
                    .unwrap_or("no reason given")
                    .trim_end_matches('.')
                    .into(),
            }
        }
        // A question changes nothing, whoever does not answer it.
        _ if action.starts_with("Describe") => ProviderError::Unreachable {
            action,
            message: chain(error),
        },
        _ => ProviderError::Unanswered {
            action,
            message: chain(error),
        },
    }
}

/// An error and its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !parts.contains(&part) {
            parts.push(part);
        }
        source = error.source();
    }
    parts.join(": ")
}
