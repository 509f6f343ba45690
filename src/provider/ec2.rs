//! EC2 as a provider.

mod account;
mod role;
mod user_data;

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    HttpTokensState, InstanceMetadataOptionsRequest, InstanceType, ResourceType, ShutdownBehavior,
    Tag, TagSpecification,
};
use tokio::time::{Instant, sleep};

use super::{Provider, ProviderError, Reclaim};
use crate::config::{AddressKind, Ec2Spec};
use crate::instance::{Found, Instance, InstanceId, LaunchRequest, Owner};
use crate::reporter::{Event, Reporter};
use crate::shell::ssh::{KeyError, Keys};
use account::{TAG_EXPIRES, TAG_LEASE, TAG_REVISION, TAG_RUN, filter, refusal};
use user_data::FirstBoot;

pub use account::Account;
pub use role::Role;

/// Past this an instance that was granted does not come up.
const RUNNING: Duration = Duration::from_mins(5);

/// Between two looks at the instance's state.
const STATE_PAUSE: Duration = Duration::from_secs(1);

/// For so long after a launch EC2 may deny to know the instance.
const LAG: Duration = Duration::from_mins(1);

/// The value of `Name`, as in the first collector.
const NAME: &str = "collector";

/// Instances as a config describes them, and the ones that are left over.
#[derive(Debug)]
pub struct Ec2<'a, R> {
    account: Account,
    spec: Ec2Spec,
    user_data: Blob,
    launched: Cell<Option<Instant>>,
    reporter: &'a R,
}

impl<'a, R: Reporter> Ec2<'a, R> {
    /// Prepares launches of one kind of instance, with these keys on it.
    ///
    /// # Errors
    /// Never for keys that were made here.
    pub fn new(
        account: Account,
        spec: Ec2Spec,
        keys: &Keys,
        max_lifetime: Duration,
        reporter: &'a R,
    ) -> Result<Self, KeyError> {
        let cloud_config = FirstBoot {
            user: &spec.user,
            client_public: &keys.client_public()?,
            host_private: &keys.host_private()?,
            host_public: &keys.host_public()?,
            max_lifetime,
        }
        .cloud_config();
        Ok(Self {
            account,
            spec,
            user_data: Blob::new(cloud_config),
            launched: Cell::new(None),
            reporter,
        })
    }

    /// Keeps the credentials fresh for as long as it is polled, so that after a signal they need not be fetched first.
    pub async fn stay_fresh(&self) -> Infallible {
        self.account.stay_fresh().await
    }

    /// The id of the security group, which may be given by its name.
    async fn security_group(&self) -> Result<String, ProviderError> {
        let name = &self.spec.security_group;
        if name.starts_with("sg-") {
            return Ok(name.clone());
        }
        let client = &self.account.client;
        let vpc = match &self.spec.subnet {
            None => filter("is-default", ["true"]),
            Some(subnet) => {
                let answer = client.describe_subnets().subnet_ids(subnet).send().await;
                let answer = answer.map_err(|error| refusal("DescribeSubnets", &error))?;
                let vpc = answer.subnets().iter().find_map(|subnet| subnet.vpc_id());
                filter("vpc-id", vpc)
            }
        };
        let vpcs = client.describe_vpcs().filters(vpc).send().await;
        let vpcs = vpcs.map_err(|error| refusal("DescribeVpcs", &error))?;
        let vpc = vpcs
            .vpcs()
            .iter()
            .find_map(|vpc| vpc.vpc_id())
            .unwrap_or("none");
        let groups = client
            .describe_security_groups()
            .filters(filter("group-name", [name.as_str()]))
            .filters(filter("vpc-id", [vpc]))
            .send()
            .await
            .map_err(|error| refusal("DescribeSecurityGroups", &error))?;
        match groups.security_groups() {
            [group] => Ok(group.group_id().unwrap_or_default().to_owned()),
            groups => Err(ProviderError::SecurityGroup {
                name: name.clone(),
                found: groups.len(),
                place: format!(" in {vpc} of {}", self.account.region()),
            }),
        }
    }

    /// The key pair if it exists; collector does not need it, so that it does not is only said.
    async fn keypair(&self) -> Result<Option<String>, ProviderError> {
        let Some(name) = &self.spec.keypair else {
            return Ok(None);
        };
        let answer = self
            .account
            .client
            .describe_key_pairs()
            .key_names(name)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Some(name.clone())),
            Err(error) if error.code() == Some("InvalidKeyPair.NotFound") => {
                self.reporter.report(&Event::Warning(format!(
                    "the key pair `{name}` does not exist in {}: only collector can log in",
                    self.account.region()
                )));
                Ok(None)
            }
            Err(error) => Err(refusal("DescribeKeyPairs", &error)),
        }
    }
}

fn tags(request: &LaunchRequest) -> Vec<TagSpecification> {
    let pairs = [
        ("Name", NAME.to_owned()),
        (TAG_LEASE, request.lease.to_string()),
        (TAG_RUN, request.run.to_string()),
        (TAG_REVISION, request.revision.to_string()),
        (
            TAG_EXPIRES,
            request
                .expires_at
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        ),
    ];
    let tags: Vec<Tag> = pairs
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    [
        ResourceType::Instance,
        ResourceType::Volume,
        ResourceType::NetworkInterface,
    ]
    .into_iter()
    .map(|kind| {
        TagSpecification::builder()
            .resource_type(kind)
            .set_tags(Some(tags.clone()))
            .build()
    })
    .collect()
}

impl<R: Reporter> Reclaim for Ec2<'_, R> {
    fn name(&self) -> &'static str {
        self.account.name()
    }

    fn region(&self) -> &str {
        self.account.region()
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), ProviderError> {
        let fresh = self.launched.get().is_some_and(|at| at.elapsed() < LAG);
        self.account.end(id, !fresh).await
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        self.account.find(owner).await
    }
}

impl<R: Reporter> Provider for Ec2<'_, R> {
    async fn launch(&self, request: &LaunchRequest) -> Result<InstanceId, ProviderError> {
        const ACTION: &str = "RunInstances";
        let group = self.security_group().await?;
        let keypair = self.keypair().await?;
        let metadata = InstanceMetadataOptionsRequest::builder()
            .http_tokens(HttpTokensState::Required)
            .build();
        let answer = self
            .account
            .client
            .run_instances()
            .min_count(1)
            .max_count(1)
            .client_token(request.lease.as_str())
            .image_id(&self.spec.image)
            .instance_type(InstanceType::from(self.spec.instance_type.as_str()))
            .security_group_ids(group)
            .set_key_name(keypair)
            .set_subnet_id(self.spec.subnet.clone())
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .metadata_options(metadata)
            .set_tag_specifications(Some(tags(request)))
            .user_data(base64(self.user_data.as_ref()))
            .send()
            .await
            .map_err(|error| refusal(ACTION, &error))?;
        self.launched.set(Some(Instant::now()));
        answer
            .instances()
            .iter()
            .find_map(|instance| instance.instance_id())
            .map(InstanceId::new)
            .ok_or(ProviderError::Unanswered {
                action: ACTION,
                message: "the answer names no instance".into(),
            })
    }

    async fn ready(&self, id: &InstanceId) -> Result<Instance, ProviderError> {
        let deadline = Instant::now() + RUNNING;
        let mut seen = String::new();
        loop {
            let answer = self
                .account
                .client
                .describe_instances()
                .instance_ids(id.as_str())
                .send()
                .await;
            let answer = match answer {
                Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => None,
                answer => Some(answer.map_err(|error| refusal("DescribeInstances", &error))?),
            };
            let instance = answer
                .as_ref()
                .and_then(|answer| answer.reservations().first()?.instances().first());
            if let Some(instance) = instance {
                let state = instance
                    .state()
                    .and_then(|state| state.name())
                    .map_or("", |name| name.as_str());
                if state != seen {
                    self.reporter
                        .report(&Event::Detail(format!("instance {id} is {state}")));
                    state.clone_into(&mut seen);
                }
                match state {
                    "pending" | "" => {}
                    "running" => return self.describe(id, instance),
                    state => {
                        let reason = instance.state_reason();
                        return Err(ProviderError::Ended {
                            id: id.clone(),
                            state: state.into(),
                            reason: reason
                                .and_then(|reason| reason.message())
                                .unwrap_or("no reason given")
                                .into(),
                        });
                    }
                }
            }
            if Instant::now() >= deadline {
                return Err(ProviderError::TooSlow {
                    id: id.clone(),
                    what: "running",
                    seconds: RUNNING.as_secs(),
                });
            }
            sleep(STATE_PAUSE).await;
        }
    }
}

impl<R> Ec2<'_, R> {
    fn describe(
        &self,
        id: &InstanceId,
        instance: &aws_sdk_ec2::types::Instance,
    ) -> Result<Instance, ProviderError> {
        let given = |address: Option<&str>| {
            address
                .filter(|address| !address.is_empty())
                .map(str::to_owned)
        };
        let public = given(instance.public_ip_address());
        let private = given(instance.private_ip_address());
        let (address, kind) = match self.spec.address {
            AddressKind::Auto => (public.or(private), "public or private"),
            AddressKind::Public => (public, "public"),
            AddressKind::Private => (private, "private"),
        };
        Ok(Instance {
            id: id.clone(),
            address: address.ok_or(ProviderError::NoAddress {
                id: id.clone(),
                kind,
            })?,
            region: self.account.region().to_owned(),
            instance_type: instance
                .instance_type()
                .map(|kind| kind.as_str().to_owned()),
            image: instance.image_id().map(str::to_owned),
            zone: instance
                .placement()
                .and_then(|placement| placement.availability_zone())
                .map(str::to_owned),
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

#[cfg(test)]
mod tests;
