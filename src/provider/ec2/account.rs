//! The account: credentials, and what every call has in common.

use std::cell::{Cell, OnceCell};
use std::convert::Infallible;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName, Tag};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, tls};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::call_trace::CallTrace;
use super::price::Prices;
use super::refusal::{chain, from_sdk_error};
use super::region::suspect_region;
use super::role::AssumedRole;
use crate::instance::{
    Dollars, Found, FoundResource, InstanceId, InstanceState, LeaseToken, Owner, Resource, RunId,
};
use crate::provider::identity::Role;
use crate::provider::{ProviderError, RefusalKind, Sweep};

/// The limits of one call: for the connection, for one attempt, for all attempts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
const MAX_ATTEMPTS: u32 = 3;

/// The deadline for the question whose account this is; a machine in a private network may not reach STS at all.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(3);

/// The number of values that a filter takes.
const MAX_FILTER_VALUES: usize = 200;

/// EC2 is eventually consistent: for this long after a launch, `NotFound` does not mean gone.
const EVENTUAL_CONSISTENCY: Duration = Duration::from_mins(1);

/// The tags of everything that collector launches.
pub(super) const TAG_LEASE: &str = "collector:lease";
pub(super) const TAG_RUN: &str = "collector:run";
pub(super) const TAG_REVISION: &str = "collector:revision";
pub(super) const TAG_EXPIRES: &str = "collector:expires-at";

/// States in which an instance costs money or may come to cost it again.
const LIVING_STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// An account in one region.
#[derive(Debug)]
pub struct Account {
    pub(super) client: Client,
    sts: aws_sdk_sts::Client,
    pub(super) region: String,
    pub(super) credentials: SharedCredentialsProvider,
    /// The address in the place of AWS's own.
    pub(super) endpoint: Option<String>,
    owner: OnceCell<String>,
    role: Option<AssumedRole>,
    launched: Cell<Option<Instant>>,
    prices: Prices,
}

impl Account {
    /// Finds region and credentials as every AWS tool does: environment, profile, SSO, the machine's own role. With a
    /// `role`, that one's credentials are used instead.
    ///
    /// # Errors
    /// When there is no region, or no credentials; no call to EC2 is made.
    pub async fn open(region: Option<&str>, role: Option<Role>) -> Result<Self, ProviderError> {
        let http = Builder::new().build_with_connector_fn(|settings, components| {
            let mut connector = Connector::builder()
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .proxy_config(ProxyConfig::from_env());
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.build()
        });
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
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
        let provider = config.credentials_provider().ok_or_else(none)?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| match &role {
                Some(role) => ProviderError::Role {
                    arn: role.arn().to_owned(),
                    message: chain(&error),
                },
                None => ProviderError::NoCredentials(chain(&error)),
            })?;
        let endpoint = config.endpoint_url().map(str::to_owned);
        Ok(Self {
            client: Client::from_conf(
                aws_sdk_ec2::config::Builder::from(&config)
                    .interceptor(CallTrace)
                    .build(),
            ),
            sts: aws_sdk_sts::Client::new(&config),
            prices: Prices::new(region.clone(), endpoint.clone(), provider.clone()),
            region,
            endpoint,
            credentials: provider,
            owner: credentials
                .account_id()
                .map(|id| id.as_str().to_owned().into())
                .unwrap_or_default(),
            role,
            launched: Cell::new(None),
        })
    }

    /// Renews the credentials of a role for as long as it is polled; others need nobody to.
    pub(super) async fn renew_credentials(&self) -> Infallible {
        match &self.role {
            Some(role) => role.renew_credentials().await,
            None => std::future::pending().await,
        }
    }

    /// Asks whose account this is, where the credentials do not tell. That nobody answers is no error: a lease without an
    /// account is kept until a person forgets it.
    pub async fn identify(&self) {
        if self.owner.get().is_some() {
            return;
        }
        let answer = timeout(IDENTITY_DEADLINE, self.sts.get_caller_identity().send()).await;
        if let Ok(Ok(identity)) = answer
            && let Some(account) = identity.account()
        {
            let _ = self.owner.set(account.to_owned());
        }
    }

    /// Remembers that EC2 was asked to launch something just now, or has just named something that lives: for a while it
    /// may deny to know it.
    pub(super) fn expect_instances(&self) {
        self.launched.set(Some(Instant::now()));
    }

    /// Whether EC2 may still lag behind a launch.
    fn may_lag(&self) -> bool {
        let launched = self.launched.get();
        launched.is_some_and(|at| at.elapsed() < EVENTUAL_CONSISTENCY)
    }

    /// Those of the instances that EC2 knows. A filter, unlike a list of ids, is no error where one is unknown.
    pub(super) async fn describe(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<Instance>, ProviderError> {
        let mut instances = Vec::new();
        for ids in ids.chunks(MAX_FILTER_VALUES) {
            let ids = filter("instance-id", ids.iter().map(InstanceId::as_str));
            let mut pages = self
                .client
                .describe_instances()
                .filters(ids)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| from_sdk_error("DescribeInstances", &error))?;
                let reservations = page.reservations.unwrap_or_default().into_iter();
                instances.extend(reservations.flat_map(|r| r.instances.unwrap_or_default()));
            }
        }
        for instance in &instances {
            self.prices.note(instance);
        }
        Ok(instances)
    }

    /// Terminates those of several that can be, each in a request of its own.
    ///
    /// # Errors
    /// Of the last one that failed, where none could be terminated.
    async fn terminate_each(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        let mut gone = Vec::new();
        let mut failed = None;
        for id in ids {
            match self.terminate_known(std::slice::from_ref(id)).await {
                Ok(one) => gone.extend(one),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if gone.is_empty() => Err(error),
            _ => Ok(gone),
        }
    }

    async fn terminate_known(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        let ids = Some(ids.iter().map(ToString::to_string).collect());
        let answer = self
            .client
            .terminate_instances()
            .set_instance_ids(ids)
            .send()
            .await
            .map_err(|error| from_sdk_error(TERMINATE, &error))?;
        let gone = answer
            .terminating_instances()
            .iter()
            .filter(|change| is_gone(change.current_state().and_then(|state| state.name())));
        Ok(gone
            .filter_map(|change| change.instance_id().map(InstanceId::new))
            .collect())
    }
}

const TERMINATE: &str = "TerminateInstances";

fn is_gone(state: Option<&InstanceStateName>) -> bool {
    matches!(
        state,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated)
    )
}

pub(super) fn of_owner(owner: &Owner) -> Filter {
    match owner {
        Owner::Lease(lease) => filter(&format!("tag:{TAG_LEASE}"), [lease.as_str()]),
        Owner::Run(run) => filter(&format!("tag:{TAG_RUN}"), [run.as_str()]),
        Owner::Anyone => filter("tag-key", [TAG_LEASE]),
    }
}

impl Sweep for Account {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn account(&self) -> Option<&str> {
        self.owner.get().map(String::as_str)
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        match self.terminate_known(ids).await {
            Err(error) if error.refusal_kind() == Some(RefusalKind::NotFound) => {}
            Err(error) if error.refusal_kind() == Some(RefusalKind::Protected) && ids.len() > 1 => {
                // Boxed: rare, and as large as everything else in this future together.
                return Box::pin(self.terminate_each(ids)).await;
            }
            // The call may have been carried out all the same; its effect can be seen.
            Err(error) if error.may_have_taken_effect() => {
                let known = self.describe(ids).await.map_err(|_| error)?;
                return Ok(gone_of(&known));
            }
            terminated => return terminated,
        }
        // One unknown id refuses the whole request: the others are ended without it.
        let known = self.describe(ids).await?;
        let mut gone = gone_of(&known);
        let living: Vec<InstanceId> = known
            .iter()
            .filter_map(|instance| instance.instance_id().map(InstanceId::new))
            .filter(|id| !gone.contains(id))
            .collect();
        if !living.is_empty() {
            gone.extend(self.terminate_known(&living).await?);
        }
        if !self.may_lag() {
            let unknown = ids.iter().filter(|id| !living.contains(id));
            let unknown: Vec<InstanceId> =
                unknown.filter(|id| !gone.contains(id)).cloned().collect();
            gone.extend(unknown);
        }
        Ok(gone)
    }

    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        let known = self.describe(ids).await?;
        let gone = gone_of(&known);
        let state = |id: &InstanceId| {
            if gone.contains(id) {
                InstanceState::Gone {
                    state: "terminated".into(),
                    reason: "no reason given".into(),
                }
            } else {
                InstanceState::Pending
            }
        };
        Ok(ids.iter().map(|id| (id.clone(), state(id))).collect())
    }

    async fn price(&self, id: &InstanceId) -> Option<Dollars> {
        self.prices.price(id).await
    }

    async fn find_resources(&self, owner: &Owner) -> Result<Vec<FoundResource>, ProviderError> {
        let mut found = self.find_groups(owner).await?;
        found.extend(Box::pin(self.unfinished_images(owner)).await?);
        Ok(found)
    }

    async fn delete(&self, resource: &Resource) -> Result<bool, ProviderError> {
        match resource {
            Resource::SecurityGroup(id) => self.delete_group(id).await,
            Resource::Image(id) => Box::pin(self.deregister(id)).await,
            Resource::Snapshot(id) => Box::pin(self.delete_snapshot(id)).await,
        }
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        let mut pages = self
            .client
            .describe_instances()
            .filters(of_owner(owner))
            .filters(filter("instance-state-name", LIVING_STATES))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                suspect_region(from_sdk_error("DescribeInstances", &error), &self.region)
            })?;
            for instance in page
                .reservations()
                .iter()
                .flat_map(aws_sdk_ec2::types::Reservation::instances)
            {
                self.prices.note(instance);
                let tag = |key: &str| tag(instance.tags(), key);
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
                    instance_type: instance
                        .instance_type()
                        .map(|kind| kind.as_str().to_owned()),
                    address: instance
                        .public_ip_address()
                        .filter(|address| !address.is_empty())
                        .or(instance.private_ip_address())
                        .map(str::to_owned),
                    launched_at: instance
                        .launch_time()
                        .and_then(|at| Timestamp::from_second(at.secs()).ok()),
                });
            }
        }
        if !found.is_empty() {
            self.expect_instances();
        }
        Ok(found)
    }
}

pub(super) fn tag(tags: &[Tag], key: &str) -> Option<String> {
    let tag = tags.iter().find(|tag| tag.key() == Some(key));
    tag.and_then(|tag| tag.value()).map(str::to_owned)
}

/// The instances that are shutting down or terminated.
fn gone_of(instances: &[Instance]) -> Vec<InstanceId> {
    instances
        .iter()
        .filter(|instance| is_gone(instance.state().and_then(|state| state.name())))
        .filter_map(|instance| instance.instance_id().map(InstanceId::new))
        .collect()
}

/// A filter of a `Describe…` call.
pub(super) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}
