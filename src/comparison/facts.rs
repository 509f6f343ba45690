//! The facts about hosts that are compared, and what a difference in each means: one list, which the documentation shows.

use std::collections::BTreeMap;
use std::fmt;

use super::calibration::{DISK_SPEED, INTEGER_SPEED, MEMORY_SPEED, Speed};
use super::hosts::Host;
use crate::records::{EbsVolume, HostFacts};

/// The weight of a fact in which no host of one side is like one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It may be all of the difference that was measured: no figure has a verdict.
    NoVerdict,
    /// It may be a part of it, which is said.
    Reservation,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoVerdict => "no verdict",
            Self::Reservation => "reservation",
        })
    }
}

/// A fact that is compared.
#[derive(Debug)]
pub(super) struct ComparedFact {
    /// The fact, in words.
    pub name: &'static str,
    /// The weight of a difference.
    pub weight: Weight,
    /// Its value on a host.
    told: Told,
}

/// The reader of a fact.
#[derive(Debug)]
enum Told {
    /// One value, of the rental.
    OfRental(fn(&Host) -> Option<String>),
    /// One value, of what the machine told.
    OfMachine(fn(&HostFacts) -> Option<String>),
    /// One of each CPU vulnerability, named after it.
    Mitigations,
    /// A speed of the calibration before `setup`, which is a little different each time.
    Calibrated(Speed),
}

/// The facts that matter, the most important first. What differs after each boot, as the load or an address, is none of them.
pub(super) const COMPARED_FACTS: [ComparedFact; 33] = [
    rented("instance type", Weight::NoVerdict, |host| {
        host.instance_type.clone()
    }),
    told("architecture", Weight::NoVerdict, |facts| {
        facts.architecture.clone()
    }),
    told("CPU", Weight::NoVerdict, |facts| facts.cpu_model.clone()),
    told("CPUs", Weight::NoVerdict, |facts| number(facts.cpu_count)),
    told("cores", Weight::NoVerdict, |facts| number(facts.cpu_cores)),
    told("SMT", Weight::NoVerdict, |facts| facts.smt.clone()),
    told("NUMA nodes", Weight::NoVerdict, |facts| {
        number(facts.numa_nodes)
    }),
    told("memory", Weight::NoVerdict, |facts| {
        facts.memory_bytes.map(gibibytes)
    }),
    told("highest frequency", Weight::NoVerdict, |facts| {
        facts.cpu_max_mhz.map(|speed| format!("{speed} MHz"))
    }),
    told("turbo", Weight::NoVerdict, |facts| {
        let text = |turbo| if turbo { "on" } else { "off" };
        facts.turbo.map(|turbo| text(turbo).to_owned())
    }),
    told("governor", Weight::NoVerdict, |facts| {
        facts.cpu_governor.clone()
    }),
    told("clock source", Weight::NoVerdict, |facts| {
        facts.clock_source.clone()
    }),
    told("transparent huge pages", Weight::NoVerdict, |facts| {
        facts.transparent_huge_pages.clone()
    }),
    ComparedFact {
        name: "mitigation of a CPU vulnerability",
        weight: Weight::NoVerdict,
        told: Told::Mitigations,
    },
    told("microcode", Weight::NoVerdict, |facts| {
        facts.cpu_microcode.clone()
    }),
    told("frequency driver", Weight::Reservation, |facts| {
        facts.cpu_driver.clone()
    }),
    told("C-states", Weight::Reservation, c_states),
    told("kernel", Weight::NoVerdict, |facts| facts.kernel.clone()),
    told("kernel command line", Weight::Reservation, |facts| {
        facts.kernel_command_line.clone()
    }),
    told("operating system", Weight::NoVerdict, |facts| {
        facts.operating_system.clone()
    }),
    told("libc", Weight::Reservation, |facts| facts.libc.clone()),
    told("huge pages", Weight::Reservation, |facts| {
        facts.huge_pages.map(|count| count.to_string())
    }),
    told(
        "address space randomization",
        Weight::Reservation,
        |facts| number(facts.address_space_randomization),
    ),
    told("swap", Weight::NoVerdict, |facts| {
        facts.swap_bytes.map(gibibytes)
    }),
    told("disks", Weight::Reservation, |facts| {
        let disks = facts.disks.iter();
        listed(disks.map(|disk| {
            let parts = [disk.model.as_deref(), disk.scheduler.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }))
    }),
    told("network devices", Weight::Reservation, |facts| {
        let networks = facts.networks.iter();
        listed(networks.filter_map(|network| network.driver.clone()))
    }),
    told("tenancy", Weight::Reservation, |facts| {
        facts.ec2.as_ref()?.tenancy.clone()
    }),
    told("CPU credits", Weight::Reservation, |facts| {
        facts.ec2.as_ref()?.cpu_credits.clone()
    }),
    told("volumes", Weight::Reservation, |facts| {
        listed(facts.ec2.as_ref()?.volumes.iter().map(volume))
    }),
    told("what `quiet` set", Weight::Reservation, quiet),
    calibrated(INTEGER_SPEED),
    calibrated(MEMORY_SPEED),
    calibrated(DISK_SPEED),
];

const fn told(
    name: &'static str,
    weight: Weight,
    value: fn(&HostFacts) -> Option<String>,
) -> ComparedFact {
    ComparedFact {
        name,
        weight,
        told: Told::OfMachine(value),
    }
}

const fn rented(
    name: &'static str,
    weight: Weight,
    value: fn(&Host) -> Option<String>,
) -> ComparedFact {
    ComparedFact {
        name,
        weight,
        told: Told::OfRental(value),
    }
}

const fn calibrated(speed: Speed) -> ComparedFact {
    ComparedFact {
        name: speed.name,
        weight: Weight::Reservation,
        told: Told::Calibrated(speed),
    }
}

impl ComparedFact {
    /// Its values on each of these hosts, by names, none where a host does not tell.
    pub(super) fn on(&self, hosts: &[&Host]) -> Vec<BTreeMap<String, String>> {
        let Told::Calibrated(speed) = &self.told else {
            let of = hosts.iter().map(|host| self.of(host).into_iter().collect());
            return of.collect();
        };
        let before = |host: &&Host| host.facts.as_ref()?.calibration.before;
        let speeds = hosts.iter().map(|host| (speed.of)(&before(host)?));
        let texts = speed.describe(&speeds.collect::<Vec<_>>());
        let named = |text| BTreeMap::from([(self.name.to_owned(), text)]);
        let named = texts.into_iter().map(|text| text.map(named));
        named.map(Option::unwrap_or_default).collect()
    }

    fn of(&self, host: &Host) -> Vec<(String, String)> {
        let named = |value: Option<String>| {
            let value = value.map(|value| (self.name.to_owned(), value));
            value.into_iter().collect()
        };
        let facts = host.facts.as_ref();
        match self.told {
            Told::Calibrated(_) => Vec::new(),
            Told::OfRental(value) => named(value(host)),
            Told::OfMachine(value) => named(facts.and_then(value)),
            Told::Mitigations => {
                let states = facts.into_iter().flat_map(|facts| &facts.vulnerabilities);
                let state = |(name, state): (&String, &String)| {
                    (format!("mitigation of {name}"), state.clone())
                };
                states.map(state).collect()
            }
        }
    }
}

fn number(count: Option<u32>) -> Option<String> {
    count.map(|count| count.to_string())
}

/// An amount without what the kernel sets aside of it, which is not the same after each boot.
fn gibibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_euclid(1 << 30);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

/// What a volume is made for, and how it gets its content.
fn volume(volume: &EbsVolume) -> String {
    let per_s = |bytes: u64| format!("{} MiB/s", bytes >> 20);
    let parts = [
        volume.kind.clone(),
        volume.bytes.map(gibibytes),
        volume.iops.map(|iops| format!("{iops} IOPS")),
        volume.bytes_per_s.map(per_s),
        volume.is_uninitialized().then(|| "not initialized".into()),
        volume
            .initialized_bytes_per_s
            .map(|rate| format!("initialized at {}", per_s(rate))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" ")
}

/// The idle states that are in use.
fn c_states(facts: &HostFacts) -> Option<String> {
    let used = facts.c_states.iter();
    let used = used.filter(|state| state.disabled != Some(true));
    listed(used.map(|state| state.name.clone()))
}

/// The settings that `quiet` came to, or that it was not asked for.
fn quiet(facts: &HostFacts) -> Option<String> {
    let settings = facts.quiet.iter();
    let settings = settings.map(|setting| format!("{} {}", setting.name, setting.got));
    listed(settings).or_else(|| Some("nothing".into()))
}

/// Names in the order in which they stand; none where there is nothing.
fn listed(names: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_tells_whether_it_is_initialized() {
        let made = EbsVolume {
            kind: Some("gp3".into()),
            ..EbsVolume::default()
        };
        let lazy = EbsVolume {
            snapshot: Some("snap-1".into()),
            ..made.clone()
        };
        let fetched = EbsVolume {
            initialized_bytes_per_s: Some(100 << 20),
            ..lazy.clone()
        };
        let texts = ["gp3", "gp3 not initialized", "gp3 initialized at 100 MiB/s"];
        assert_eq!([made, lazy, fetched].map(|one| volume(&one)), texts);
    }

    #[test]
    fn the_documentation_has_every_fact_with_its_weight() {
        const DOCUMENTATION: &str = include_str!("../../docs/comparison-of-revisions.md");
        let (_, section) = DOCUMENTATION
            .split_once("\n| fact | a difference between the sides |\n|---|---|\n")
            .unwrap();
        let (table, _) = section.split_once("\n\n").unwrap();
        let rows = COMPARED_FACTS.map(|fact| format!("| {} | {} |", fact.name, fact.weight));
        assert_eq!(table, rows.join("\n"));
    }
}
