//! EC2 as a provider.

mod account;
mod base_image;
mod call_trace;
mod facts;
mod group;
mod image;
mod parameter;
mod price;
mod public_address;
mod refusal;
mod region;
mod role;
mod s3;
mod signature;
mod sweep;
mod tags;
mod user_data;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    HttpTokensState, InstanceMetadataOptionsRequest, InstanceType, ResourceType, ShutdownBehavior,
};
use jiff::Timestamp;

use super::{Access, InstanceAccess, Login, Provider, ProviderError, RefusalKind, Resolved, Sweep};
use crate::config::{AddressKind, Ec2Spec, S3Destination};
use crate::instance::{Instance, InstanceId, LaunchRequest, LeaseToken};
use crate::object_store::StoreError;
use crate::records::Ec2Facts;
use crate::remote_host::RemoteHost;
use crate::shell::ssh::{KeyError, Keys, SshShell, Target};
use crate::shell::{Command, ShellError, run_script};
use base_image::BaseImage;
use facts::KnownFacts;
use group::Group;
use image::Imaging;
use refusal::from_sdk_error;
use region::suspect_region;
use tags::tags;
use user_data::{FirstBoot, shorten_life};

pub use account::Account;
pub use s3::Bucket;

/// The directory of the jobs on an instance; root's alone.
const JOBS_DIR: &str = "/var/lib/collector";

/// The number of network hops that an answer of the metadata service may take: none beyond the instance, so that no
/// container on it borrows the instance's role.
const METADATA_HOPS: i32 = 1;

/// The deadline for an instance's answer to being told to power off, now or later.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// Powers a machine off once the command has been answered.
const POWER_OFF: &str =
    "setsid sh -c 'sleep 0.2; poweroff || shutdown -h now' < /dev/null > /dev/null 2>&1 &";

/// Instances as a config describes them.
pub struct Ec2 {
    account: Account,
    spec: Ec2Spec,
    keys: Keys,
    user_data: Blob,
    bucket: Option<Bucket>,
    /// The instances that were connected to.
    targets: RefCell<BTreeMap<InstanceId, Target>>,
    facts: KnownFacts,
    imaging: Cell<Imaging>,
}

impl fmt::Debug for Ec2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ec2")
            .field("account", &self.account)
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// The answers that were looked up for a launch.
#[derive(Debug)]
pub struct Candidate {
    group: Group,
    keypair: Option<String>,
    image: BaseImage,
}

impl Ec2 {
    /// Prepares launches of one kind of instance, with these keys on it.
    ///
    /// # Errors
    /// Never for keys that this process made.
    pub fn new(
        account: Account,
        spec: Ec2Spec,
        keys: Keys,
        max_lifetime: Duration,
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
            keys,
            user_data: Blob::new(cloud_config),
            bucket: None,
            targets: RefCell::default(),
            facts: KnownFacts::default(),
            imaging: Cell::default(),
        })
    }

    /// The same with a bucket for the archives.
    ///
    /// # Errors
    /// When this machine has no certificates to trust.
    pub fn with_bucket(mut self, destination: S3Destination) -> Result<Self, StoreError> {
        self.bucket = Some(Bucket::new(&self.account, destination)?);
        Ok(self)
    }

    /// Renews the credentials for as long as it is polled, so that after a signal they need not be fetched first.
    pub async fn renew_credentials(&self) -> Infallible {
        self.account.renew_credentials().await
    }

    /// Tells an instance that was connected to before to do something, over a connection of its own, for the other one may
    /// be busy or broken: it needs the run's keys and nothing of AWS.
    async fn tell(
        &self,
        id: &InstanceId,
        what: &'static str,
        command: &Command,
    ) -> Result<(), ShellError> {
        let target = self.targets.borrow().get(id).cloned();
        let target = target.ok_or_else(|| ShellError::Command {
            what,
            reason: "it never let collector in".into(),
        })?;
        let shell = SshShell::connect(target).await?;
        run_script(&shell, what, command, &[], ANSWER_DEADLINE).await?;
        Ok(())
    }

    /// The configured key pair; a missing one is a warning, since collector never uses it.
    async fn keypair(&self) -> Result<(Option<String>, Option<String>), ProviderError> {
        let Some(name) = &self.spec.keypair else {
            return Ok((None, None));
        };
        let answer = self
            .account
            .client
            .describe_key_pairs()
            .key_names(name)
            .send()
            .await;
        match answer {
            Ok(_) => Ok((Some(name.clone()), None)),
            Err(error) => match from_sdk_error("DescribeKeyPairs", &error) {
                error if error.refusal_kind() == Some(RefusalKind::NotFound) => {
                    let warning = format!(
                        "the key pair `{name}` does not exist in {}: only collector can log in",
                        self.account.region()
                    );
                    Ok((None, Some(warning)))
                }
                error => Err(error),
            },
        }
    }

    /// Looks up the bucket of the archives, where there is one.
    async fn look_up_bucket(&self) -> Result<(), ProviderError> {
        match &self.bucket {
            Some(bucket) => bucket.look_up().await.map_err(ProviderError::Store),
            None => Ok(()),
        }
    }

    fn describe(
        &self,
        id: &InstanceId,
        instance: &aws_sdk_ec2::types::Instance,
    ) -> Result<Instance, ProviderError> {
        let known = |address: Option<&str>| {
            address
                .filter(|address| !address.is_empty())
                .map(str::to_owned)
        };
        let public = known(instance.public_ip_address());
        let private = known(instance.private_ip_address());
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
            tenancy: instance
                .placement()
                .and_then(|placement| placement.tenancy())
                .map(|tenancy| tenancy.as_str().to_owned()),
            price_per_hour: None,
        })
    }
}

impl Provider for Ec2 {
    type Candidate = Candidate;
    type Shell = SshShell;
    type Store = Bucket;

    async fn resolve(&self) -> Result<Resolved<Candidate>, ProviderError> {
        let look_ups = async {
            tokio::try_join!(
                group::resolve(&self.account, &self.spec),
                self.keypair(),
                base_image::resolve(&self.account, &self.spec.image),
                self.look_up_bucket()
            )
        };
        let (looked_up, ()) = tokio::join!(look_ups, self.account.identify());
        let ((group, group_warning), (keypair, keypair_warning), (image, image_warning), ()) =
            looked_up.map_err(|error| suspect_region(error, self.region()))?;
        Ok(Resolved {
            candidates: vec![Candidate {
                group,
                keypair,
                image,
            }],
            warnings: [group_warning, keypair_warning, image_warning]
                .into_iter()
                .flatten()
                .collect(),
        })
    }

    async fn prepare(
        &self,
        candidate: &mut Candidate,
        request: &LaunchRequest,
    ) -> Result<(), ProviderError> {
        candidate
            .group
            .create(&self.account, request, self.spec.ssh_port)
            .await
    }

    async fn launch(
        &self,
        candidate: &Candidate,
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        const ACTION: &str = "RunInstances";
        let metadata = InstanceMetadataOptionsRequest::builder()
            .http_tokens(HttpTokensState::Required)
            .http_put_response_hop_limit(METADATA_HOPS)
            .build();
        let tagged = [
            ResourceType::Instance,
            ResourceType::Volume,
            ResourceType::NetworkInterface,
        ];
        // Repeated by the policy, which then knows of each attempt: a refusal after an answer that was lost must not be
        // taken for the whole truth.
        let one_attempt =
            aws_sdk_ec2::config::Config::builder().retry_config(RetryConfig::disabled());
        let count = i32::try_from(request.count.get()).unwrap_or(i32::MAX);
        let BaseImage { id, volumes } = &candidate.image;
        let volumes = Some(volumes.clone()).filter(|volumes| !volumes.is_empty());
        let image = request.image.as_ref();
        let image = image.map_or(id.as_str(), |image| image.as_str());
        // Before the call: its answer may be lost.
        self.account.expect_instances();
        let answer = self
            .account
            .client
            .run_instances()
            .min_count(1)
            .max_count(count)
            .client_token(request.lease.as_str())
            .image_id(image)
            .instance_type(InstanceType::from(self.spec.instance_type.as_str()))
            .set_security_group_ids(candidate.group.id().map(|id| vec![id.to_owned()]))
            .set_key_name(candidate.keypair.clone())
            .set_subnet_id(self.spec.subnet.clone())
            .set_block_device_mappings(volumes)
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .metadata_options(metadata)
            .set_tag_specifications(Some(tags(request, tagged)))
            .user_data(base64(self.user_data.as_ref()))
            .customize()
            .config_override(one_attempt)
            .send()
            .await
            .map_err(|error| {
                let error = candidate.group.settling(from_sdk_error(ACTION, &error));
                suspect_region(error, self.region())
            })?;
        self.account.expect_instances();
        let mut instances: Vec<_> = answer.instances().iter().collect();
        instances.sort_by_key(|instance| instance.ami_launch_index());
        Ok(instances
            .into_iter()
            .filter_map(|instance| instance.instance_id())
            .map(InstanceId::new)
            .collect())
    }

    async fn connect(
        &self,
        instance: &Instance,
        _: &LeaseToken,
    ) -> Result<RemoteHost<SshShell>, ShellError> {
        let target = Target {
            address: instance.address.clone(),
            port: self.spec.ssh_port,
            user: self.spec.user.clone(),
            keys: self.keys.login(),
        };
        let shell = SshShell::connect(target.clone()).await?;
        self.targets
            .borrow_mut()
            .insert(instance.id.clone(), target);
        Ok(RemoteHost {
            port_open: shell.port_open(),
            shell,
            jobs_dir: JOBS_DIR.into(),
            just_booted: true,
        })
    }

    async fn facts(&self, instance: &Instance, lease: &LeaseToken) -> Option<Ec2Facts> {
        Some(self.facts.of(&self.account, instance, lease).await)
    }

    fn access(&self, instance: &Instance) -> Option<InstanceAccess> {
        Some(InstanceAccess {
            access: Access::Ssh(Login {
                address: instance.address.clone(),
                port: self.spec.ssh_port,
                user: self.spec.user.clone(),
                host_key: self.keys.host_public().ok()?,
            }),
            private_key: Some(self.keys.client_private().ok()?),
            jobs_dir: JOBS_DIR.into(),
        })
    }

    fn store(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    async fn keep(&self, id: &InstanceId, until: Timestamp) -> Result<(), ShellError> {
        let time = until.duration_since(Timestamp::now()).unsigned_abs();
        self.tell(id, "setting its timer", &shorten_life(time))
            .await?;
        // That `reap --expired` comes later for it is all that a missing permission costs.
        let _ = self.account.tag_expiry(id, until).await;
        Ok(())
    }

    async fn power_off(&self, id: &InstanceId) -> bool {
        let command = Command::new::<&str>(POWER_OFF, []).as_root();
        self.tell(id, "powering off", &command).await.is_ok()
    }
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

#[cfg(test)]
mod tests;
