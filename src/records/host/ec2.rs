//! What EC2 tells of an instance.

use serde::{Deserialize, Serialize};

use super::HostFacts;

/// The facts about a rented instance; one that EC2 does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ec2Facts {
    /// The instance type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The AMI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether other customers may be on the same hardware: `default`, `dedicated` or `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenancy: Option<String>,
    /// What happens once the CPU credits of a burstable type are spent: `standard` or `unlimited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_credits: Option<String>,
    /// The volumes that are attached to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<EbsVolume>,
}

/// A volume of EBS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EbsVolume {
    /// The name of the device that it is attached as, which the kernel may call otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id, which a disk has as its `volume`.
    pub id: String,
    /// Its type, such as `gp3`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The operations a second that it is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iops: Option<u64>,
    /// The throughput that it is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<u64>,
    /// Whether it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The snapshot that it is made from: a block is fetched from there when it is first used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// How fast all blocks are fetched from the snapshot, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialized_bytes_per_s: Option<u64>,
}

impl EbsVolume {
    /// Whether its blocks are fetched only when they are first used.
    pub fn is_uninitialized(&self) -> bool {
        self.snapshot.is_some() && self.initialized_bytes_per_s.is_none()
    }
}

impl HostFacts {
    /// The kernel's names for the disks that are volumes which are not initialized.
    pub fn uninitialized_disks(&self) -> Vec<String> {
        let volumes = self.ec2.iter().flat_map(|ec2| &ec2.volumes);
        let uninitialized = volumes.filter(|volume| volume.is_uninitialized());
        let disks = uninitialized.filter_map(|volume| {
            let mut disks = self.disks.iter();
            disks.find(|disk| disk.volume.as_ref() == Some(&volume.id))
        });
        disks.map(|disk| disk.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_uninitialized_where_its_volume_is_fetched_from_a_snapshot() {
        let mut facts = HostFacts::from_answer(
            "disk\tnvme0n1\t1\t0\tnone\tAmazon Elastic Block Store\tvol01\n\
             disk\tnvme1n1\t1\t0\tnone\tAmazon Elastic Block Store\tvol02\n\
             disk\tnvme2n1\t1\t0\tnone\tAmazon Elastic Block Store\tvol03\n\
             disk\tnvme3n1\t1\t0\tnone\tAmazon EC2 NVMe Instance Storage\tAWS04\n",
        );
        assert_eq!(facts.uninitialized_disks(), [""; 0]);
        let volume = |id: &str, snapshot: Option<&str>, initialized_bytes_per_s| EbsVolume {
            id: id.into(),
            snapshot: snapshot.map(str::to_owned),
            initialized_bytes_per_s,
            ..EbsVolume::default()
        };
        let volumes = vec![
            volume("vol-01", Some("snap-1"), None),
            volume("vol-02", Some("snap-1"), Some(100 << 20)),
            volume("vol-03", None, None),
            volume("vol-05", Some("snap-1"), None),
        ];
        facts.ec2 = Some(Ec2Facts {
            volumes,
            ..Ec2Facts::default()
        });
        assert_eq!(facts.uninitialized_disks(), ["nvme0n1"]);
    }
}
