//! `host.json`: the facts about a machine that two measurements must have in common to be compared, and how it booted.

mod answer;
mod calibration;
mod ec2;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::Record;
pub use calibration::{Calibration, Calibrations, QuietSetting};
pub use ec2::{EbsVolume, Ec2Facts};

/// The facts about a machine; one that it does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The version of this format.
    pub format: u32,
    /// The instruction set, as `uname -m` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The release of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The command line of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_command_line: Option<String>,
    /// The name and version of the distribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<String>,
    /// The C library and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libc: Option<String>,
    /// The manufacturer and model of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The model of the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// The revision of the CPU's microcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_microcode: Option<String>,
    /// The number of CPUs that are online: threads, where a core has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// The number of cores that have an online CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<u32>,
    /// Simultaneous multithreading, in the kernel's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smt: Option<String>,
    /// The governor of the first CPU's frequency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_governor: Option<String>,
    /// The driver of that frequency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_driver: Option<String>,
    /// The lowest frequency of the first CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_min_mhz: Option<u32>,
    /// The highest, with turbo where it has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_max_mhz: Option<u32>,
    /// Whether a CPU may exceed its base frequency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// The idle states of the first CPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub c_states: Vec<CState>,
    /// The number of NUMA nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numa_nodes: Option<u32>,
    /// The clock source in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_source: Option<String>,
    /// Transparent huge pages: the kernel's word for when it makes them.
    #[serde(
        default,
        deserialize_with = "chosen_word",
        skip_serializing_if = "Option::is_none"
    )]
    pub transparent_huge_pages: Option<String>,
    /// The number of huge pages that are set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<u64>,
    /// Their size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge_page_bytes: Option<u64>,
    /// The randomization of address spaces: 0 for none, 1 without the heap, 2 for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space_randomization: Option<u32>,
    /// The memory in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The swap space in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<u64>,
    /// The load averages over 1, 5 and 15 minutes before the steps began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// The state of each CPU vulnerability that the kernel knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vulnerabilities: BTreeMap<String, String>,
    /// The disks that are devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// The network interfaces that are devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// The settings of `quiet` on it; empty where that was not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<QuietSetting>,
    /// The speed that it had; empty where that was not measured.
    #[serde(default, skip_serializing_if = "Calibrations::is_empty")]
    pub calibration: Calibrations,
    /// The facts that EC2 tells of the instance, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2: Option<Ec2Facts>,
    /// The times of the boot; empty on a machine that did not boot for the run.
    #[serde(default, skip_serializing_if = "BootTimes::is_empty")]
    pub boot: BootTimes,
}

/// An idle state of a CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CState {
    /// Its name.
    pub name: String,
    /// The time that it takes to leave it, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_latency_us: Option<u64>,
    /// Whether it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The kernel's name for it.
    pub name: String,
    /// Its model: on EC2 it tells a volume of EBS from a disk of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether the kernel takes it for one that turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotational: Option<bool>,
    /// The scheduler of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// The id of the volume that it is, on EBS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The kernel's name for it.
    pub name: String,
    /// Its driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The largest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu_bytes: Option<u32>,
    /// Its speed, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_mbit_per_s: Option<u32>,
}

/// When an instance was how far. The clocks are those of this machine, of EC2 and of the instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTimes {
    /// The launch call was begun, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<Timestamp>,
    /// EC2 began to start it: its `pendingTime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Timestamp>,
    /// The provider was first seen to call it running, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Timestamp>,
    /// Its kernel started, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_started: Option<Timestamp>,
    /// The port of sshd first answered, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_open: Option<Timestamp>,
    /// sshd let collector in, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_in: Option<Timestamp>,
    /// cloud-init was over, by the instance's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init_done: Option<Timestamp>,
    /// The first step on it began, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_step: Option<Timestamp>,
}

impl BootTimes {
    /// The events so many seconds after the launch call, in words; nothing where that is not known.
    pub fn since_request(&self) -> Vec<(&'static str, f64)> {
        let Some(requested) = self.requested else {
            return Vec::new();
        };
        let times = [
            ("pending", self.pending),
            ("running", self.running),
            ("kernel started", self.kernel_started),
            ("port open", self.port_open),
            ("logged in", self.logged_in),
            ("cloud-init done", self.cloud_init_done),
            ("first step", self.first_step),
        ];
        let since = |at: Timestamp| at.duration_since(requested).as_secs_f64();
        let known = times
            .into_iter()
            .filter_map(|(name, at)| Some((name, since(at?))));
        known.collect()
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Record for HostFacts {
    const FILE: &'static str = "host.json";
    const FORMAT: u32 = 2;
}

/// Reads a word that format 1 had among those that were not chosen.
fn chosen_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.map(|text| answer::chosen(&text).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_1_is_read_as_what_it_says_in_format_2() {
        let old = br#"{"format": 1, "kernel": "6.8", "cpu_count": 2, "transparent_huge_pages": "always [madvise] never"}"#;
        let facts = HostFacts::from_json(old).unwrap();
        assert_eq!(facts.transparent_huge_pages.as_deref(), Some("madvise"));
        assert_eq!(
            HostFacts { format: 2, ..facts },
            HostFacts::from_answer(
                "kernel\t6.8\ncpu_count\t2\ntransparent_huge_pages\talways [madvise] never\n"
            )
        );
    }
}
