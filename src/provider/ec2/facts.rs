//! What EC2 tells of an instance beyond its state: its volumes and its CPU credits. It is asked once for all instances of a
//! lease, and a run does without what it may not ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::Volume;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::account::{Account, of_owner};
use super::refusal::from_sdk_error;
use crate::instance::{Instance, LeaseToken, Owner};
use crate::provider::ProviderError;
use crate::records::{EbsVolume, Ec2Facts};

/// The deadline for both answers: nothing depends on them.
const DEADLINE: Duration = Duration::from_secs(10);

/// What EC2 counts volumes in.
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The facts about the instances of a lease, by their ids.
type OfLease = BTreeMap<String, Ec2Facts>;

/// The facts about the instances of each lease; held by whoever asks, so that nothing is asked twice.
#[derive(Debug, Default)]
pub(super) struct KnownFacts(Mutex<BTreeMap<LeaseToken, OfLease>>);

impl KnownFacts {
    /// Those about an instance.
    pub(super) async fn of(
        &self,
        account: &Account,
        instance: &Instance,
        lease: &LeaseToken,
    ) -> Ec2Facts {
        let mut known = self.0.lock().await;
        if !known.contains_key(lease) {
            let mut of_lease = OfLease::new();
            let asking = account.ask(lease, is_burstable(instance), &mut of_lease);
            match timeout(DEADLINE, asking).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "EC2 does not tell of the instances"),
                Err(_) => tracing::debug!("EC2 did not tell of the instances in time"),
            }
            known.insert(lease.clone(), of_lease);
        }
        let told = known
            .get(lease)
            .and_then(|of_lease| of_lease.get(instance.id.as_str()));
        let instance = instance.clone();
        Ec2Facts {
            instance_type: instance.instance_type,
            image: instance.image,
            zone: instance.zone,
            tenancy: instance.tenancy,
            ..told.cloned().unwrap_or_default()
        }
    }
}

impl Account {
    /// Asks for the facts about all instances of a lease; what was told before an error is kept.
    async fn ask(
        &self,
        lease: &LeaseToken,
        burstable: bool,
        facts: &mut OfLease,
    ) -> Result<(), ProviderError> {
        let answer = self
            .client
            .describe_volumes()
            .filters(of_owner(&Owner::Lease(lease.clone())))
            .send()
            .await
            .map_err(|error| from_sdk_error("DescribeVolumes", &error))?;
        for volume in answer.volumes() {
            for attached in volume.attachments() {
                let Some(instance) = attached.instance_id() else {
                    continue;
                };
                let of = facts.entry(instance.to_owned()).or_default();
                of.volumes.push(volume_as(attached.device(), volume));
            }
        }
        for of in facts.values_mut() {
            of.volumes.sort_by(|one, other| one.name.cmp(&other.name));
        }
        if !burstable || facts.is_empty() {
            return Ok(());
        }
        let instances = facts.keys().cloned().collect();
        let answer = self
            .client
            .describe_instance_credit_specifications()
            .set_instance_ids(Some(instances))
            .send()
            .await
            .map_err(|error| from_sdk_error("DescribeInstanceCreditSpecifications", &error))?;
        for told in answer.instance_credit_specifications() {
            if let Some(of) = told.instance_id().and_then(|id| facts.get_mut(id)) {
                of.cpu_credits = told.cpu_credits().map(str::to_owned);
            }
        }
        Ok(())
    }
}

/// Whether its type earns and spends CPU credits: T, but for the first of them, which have no choice.
fn is_burstable(instance: &Instance) -> bool {
    let kind = instance.instance_type.as_deref().unwrap_or_default();
    let generation = kind.strip_prefix('t').and_then(|rest| rest.chars().next());
    generation.is_some_and(|generation| generation.is_ascii_digit() && generation != '1')
}

fn volume_as(device: Option<&str>, volume: &Volume) -> EbsVolume {
    let number = |number: Option<i32>| u64::try_from(number?).ok();
    let many = |count: Option<i32>, of: u64| number(count)?.checked_mul(of);
    EbsVolume {
        name: device.map(str::to_owned),
        id: volume.volume_id().unwrap_or_default().to_owned(),
        kind: volume.volume_type().map(|kind| kind.as_str().to_owned()),
        bytes: many(volume.size(), GIB),
        iops: number(volume.iops()),
        bytes_per_s: many(volume.throughput(), MIB),
        encrypted: volume.encrypted(),
        snapshot: volume
            .snapshot_id()
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        initialized_bytes_per_s: many(volume.volume_initialization_rate(), MIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_with_credits_are_told_from_others_that_begin_alike() {
        let burstable = |kind: &str| {
            is_burstable(&Instance {
                id: crate::instance::InstanceId::new("i-01"),
                address: "192.0.2.7".into(),
                region: "eu-central-1".into(),
                instance_type: Some(kind.into()),
                image: None,
                zone: None,
                tenancy: None,
                price_per_hour: None,
            })
        };
        assert!(
            ["t2.micro", "t3a.large", "t4g.nano"]
                .into_iter()
                .all(burstable)
        );
        assert!(
            !["t1.micro", "trn1.2xlarge", "m7i.large"]
                .into_iter()
                .any(burstable)
        );
    }
}
