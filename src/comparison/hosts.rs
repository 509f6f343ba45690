//! The facts in which the hosts of two sides differ, of those that change what is measured.

use std::collections::{BTreeMap, BTreeSet};

use crate::instance::InstanceId;
use crate::records::HostFacts;

/// A host that was measured on.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its instance.
    pub instance: InstanceId,
    /// The instance type, where it has one.
    pub instance_type: Option<String>,
    /// What the machine told of itself, where that is known.
    pub facts: Option<HostFacts>,
}

/// A fact that is not the same on all hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The fact, in words.
    pub fact: String,
    /// What it is on the hosts of the baseline.
    pub baseline: BTreeSet<String>,
    /// What it is on those of the candidate.
    pub candidate: BTreeSet<String>,
}

impl Difference {
    /// Whether no host of one side is like one of the other in this: the difference between the sides may be this one.
    pub fn is_between_sides(&self) -> bool {
        self.baseline.is_disjoint(&self.candidate)
    }
}

/// What stands for a fact that a host does not tell.
const UNKNOWN: &str = "unknown";

/// The facts that differ between any two hosts, the most important first. A fact that one side does not tell at all is no difference.
pub fn differences(baseline: &[Host], candidate: &[Host]) -> Vec<Difference> {
    let sides = [baseline, candidate].map(|hosts| hosts.iter().map(facts).collect::<Vec<_>>());
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in sides.iter().flatten().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let values = |side: &[Facts], name: &str| -> BTreeSet<String> {
        let values = side.iter().map(|facts| {
            let fact = facts.iter().find(|(other, _)| other == name);
            fact.map_or(UNKNOWN, |(_, value)| value.as_str()).to_owned()
        });
        values.collect()
    };
    let [baseline, candidate] = &sides;
    let differences = names.into_iter().map(|name| Difference {
        fact: name.clone(),
        baseline: values(baseline, name),
        candidate: values(candidate, name),
    });
    differences
        .filter(|difference| {
            let all = difference.baseline.union(&difference.candidate);
            let untold = |side: &BTreeSet<String>| side.iter().all(|value| value == UNKNOWN);
            all.count() > 1 && !untold(&difference.baseline) && !untold(&difference.candidate)
        })
        .collect()
}

/// The facts of a host that matter, by their names.
type Facts = Vec<(String, String)>;

fn facts(host: &Host) -> Facts {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        facts.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("instance type", host.instance_type.clone());
    let Some(of_host) = &host.facts else {
        return facts;
    };
    add("architecture", of_host.architecture.clone());
    add("CPU", of_host.cpu_model.clone());
    add("microcode", of_host.cpu_microcode.clone());
    add("CPUs", of_host.cpu_count.map(|count| count.to_string()));
    add("memory", of_host.memory_bytes.map(gibibytes));
    add("swap", of_host.swap_bytes.map(gibibytes));
    add("kernel", of_host.kernel.clone());
    add("operating system", of_host.operating_system.clone());
    add("governor", of_host.cpu_governor.clone());
    add("SMT", of_host.smt.clone());
    add("clock source", of_host.clock_source.clone());
    add("huge pages", of_host.transparent_huge_pages.clone());
    let mitigations: BTreeMap<_, _> = of_host.vulnerabilities.iter().collect();
    for (name, state) in mitigations {
        add(&format!("mitigation of {name}"), Some(state.clone()));
    }
    facts
}

/// An amount without what the kernel sets aside of it, which is not the same after each boot.
fn gibibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_euclid(1 << 30);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn host(instance_type: &str, answer: &str) -> Host {
        Host {
            instance: InstanceId::new("i-01"),
            instance_type: Some(instance_type.into()),
            facts: Some(HostFacts::from_answer(answer)),
        }
    }

    #[test]
    fn only_what_differs_is_named() {
        let one = host(
            "c7i.large",
            "kernel\t6.8\ncpu_model\tX\nload_average\t0 0 0\nmemory\t3996762 kB\n",
        );
        let other = host(
            "c7i.large",
            "kernel\t6.9\ncpu_model\tX\nload_average\t1 1 1\nmemory\t3996700 kB\n",
        );
        let found = differences(from_ref(&one), &[one.clone(), other.clone()]);
        let facts: Vec<&str> = found.iter().map(|found| found.fact.as_str()).collect();
        assert_eq!(facts, ["kernel"]);
        assert!(!found[0].is_between_sides());
        let found = differences(&[one], &[other]);
        assert!(found[0].is_between_sides());
    }

    #[test]
    fn what_a_side_does_not_tell_is_no_difference() {
        let told = host(
            "c7i.large",
            "kernel\t6.8\nvulnerability_meltdown\tNot affected\n",
        );
        let silent = Host {
            facts: None,
            ..told.clone()
        };
        assert_eq!(differences(from_ref(&told), &[silent]), []);
        let other = host(
            "m7i.large",
            "kernel\t6.8\nvulnerability_meltdown\tMitigation: PTI\n",
        );
        let found = differences(&[told], &[other]);
        let facts: Vec<&str> = found.iter().map(|found| found.fact.as_str()).collect();
        assert_eq!(facts, ["instance type", "mitigation of meltdown"]);
    }
}
