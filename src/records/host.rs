//! `host.json`: the facts about a machine that two measurements must have in common to be compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Record;

/// The facts about a machine; one that it does not tell is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The version of this format.
    pub format: u32,
    /// The instruction set, as `uname -m` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The command line of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_command_line: Option<String>,
    /// The name and version of the distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<String>,
    /// The manufacturer and model of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The model of the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// The revision of the CPU's microcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_microcode: Option<String>,
    /// The number of CPUs that are online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// The governor of the first CPU's frequency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_governor: Option<String>,
    /// Simultaneous multithreading, as the kernel tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<String>,
    /// The clock source in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_source: Option<String>,
    /// Transparent huge pages, as the kernel tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparent_huge_pages: Option<String>,
    /// The memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The swap space in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<u64>,
    /// The load averages over 1, 5 and 15 minutes before the steps began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// The state of each CPU vulnerability that the kernel knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vulnerabilities: BTreeMap<String, String>,
}

impl Record for HostFacts {
    const FILE: &'static str = "host.json";
    const FORMAT: u32 = 1;
}

impl HostFacts {
    /// The facts in the answer of `host.sh`: lines of a name, a tab and a value.
    pub fn from_answer(answer: &str) -> Self {
        let (vulnerabilities, facts): (BTreeMap<_, _>, BTreeMap<_, _>) = answer
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, value)| (name, value.trim()))
            .filter(|(_, value)| !value.is_empty())
            .partition(|(name, _)| name.starts_with(VULNERABILITY));
        let fact = |name: &str| facts.get(name).copied();
        let text = |name: &str| fact(name).map(str::to_owned);
        Self {
            format: Self::FORMAT,
            architecture: text("architecture"),
            kernel: text("kernel"),
            kernel_command_line: text("kernel_command_line"),
            operating_system: text("operating_system"),
            machine: text("machine"),
            cpu_model: text("cpu_model"),
            cpu_microcode: text("cpu_microcode"),
            cpu_count: fact("cpu_count").and_then(|count| count.parse().ok()),
            cpu_governor: text("cpu_governor"),
            smt: text("smt"),
            clock_source: text("clock_source"),
            transparent_huge_pages: text("transparent_huge_pages"),
            memory_bytes: fact("memory").and_then(bytes),
            swap_bytes: fact("swap").and_then(bytes),
            load_average: fact("load_average").and_then(loads),
            vulnerabilities: vulnerabilities
                .into_iter()
                .map(|(name, state)| {
                    let name = name.strip_prefix(VULNERABILITY).unwrap_or(name);
                    (name.to_owned(), state.to_owned())
                })
                .collect(),
        }
    }
}

const VULNERABILITY: &str = "vulnerability_";

/// An amount as `/proc/meminfo` gives it; its `kB` are 1024 bytes.
fn bytes(amount: &str) -> Option<u64> {
    let kilobytes: u64 = amount.strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The first three numbers of `/proc/loadavg`.
fn loads(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    let mut next = || {
        numbers
            .next()
            .flatten()
            .filter(|load: &f64| load.is_finite())
    };
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        let facts = HostFacts::from_answer(
            "cpu_count\t8\nmemory\t16384 kB\nswap\t0 kB\nload_average\t0.10 0.20 1.5 1/234 567\n\
             kernel\t6.8.0\nsmt\t\nvulnerability_meltdown\tNot affected\nunknown\tx\nno tab\n",
        );
        assert_eq!(facts.cpu_count, Some(8));
        assert_eq!(facts.memory_bytes, Some(16_777_216));
        assert_eq!(facts.swap_bytes, Some(0));
        assert_eq!(facts.load_average, Some([0.1, 0.2, 1.5]));
        assert_eq!(facts.kernel.as_deref(), Some("6.8.0"));
        assert_eq!(facts.smt, None);
        assert_eq!(facts.vulnerabilities["meltdown"], "Not affected");
    }

    #[test]
    fn what_is_no_number_is_absent() {
        let facts = HostFacts::from_answer("cpu_count\tmany\nmemory\t12 GB\nload_average\t1 2\n");
        assert_eq!(facts, HostFacts::from_answer(""));
    }
}
