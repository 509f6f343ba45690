//! What EC2 tells of an instance.

use serde::{Deserialize, Serialize};

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
