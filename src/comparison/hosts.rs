//! The facts in which the hosts of two sides differ, of those that change what is measured.

use std::collections::{BTreeMap, BTreeSet};

use super::Reservation;
use super::facts::{COMPARED_FACTS, ComparedFact, Weight};
use crate::instance::InstanceId;
use crate::records::HostFacts;

/// A host that was measured on.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its instance.
    pub instance: InstanceId,
    /// The instance type, where it has one.
    pub instance_type: Option<String>,
    /// The facts that the machine told of itself, where they are known.
    pub facts: Option<HostFacts>,
}

/// A fact that is not the same on all hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The fact, in words.
    pub fact: String,
    /// Its weight in a comparison, where it is between the sides.
    pub weight: Weight,
    /// Its values on the hosts of the baseline.
    pub baseline: BTreeSet<String>,
    /// Its values on those of the candidate.
    pub candidate: BTreeSet<String>,
}

impl Difference {
    /// Whether no host of one side is like one of the other in this: the difference between the sides may be this one.
    pub fn is_between_sides(&self) -> bool {
        self.baseline.is_disjoint(&self.candidate)
    }

    /// Its meaning, in words.
    pub fn meaning(&self) -> String {
        if self.is_between_sides() {
            self.weight.to_string()
        } else {
            "within a side".into()
        }
    }
}

/// The word for a fact that a host does not tell.
const UNKNOWN: &str = "unknown";

/// The facts that differ between any two hosts, the most important first. A fact that one side does not tell at all is no difference.
pub fn differences(baseline: &[Host], candidate: &[Host]) -> Vec<Difference> {
    COMPARED_FACTS
        .iter()
        .flat_map(|fact| differences_in(fact, baseline, candidate))
        .collect()
}

/// The facts that [`differences`] finds among these hosts, with their value on each, where that is known.
pub fn differing(hosts: &[Option<Host>]) -> Vec<(String, Vec<Option<String>>)> {
    let known: Vec<Host> = hosts.iter().flatten().cloned().collect();
    let of_fact = |compared: &ComparedFact| {
        let told = compared.on(&Vec::from_iter(&known));
        let values = move |difference: Difference| {
            let mut told = told.iter();
            let mut value = |_: &Host| told.next()?.get(&difference.fact).cloned();
            let values = hosts.iter().map(|host| value(host.as_ref()?));
            let values = values.collect();
            (difference.fact, values)
        };
        differences_in(compared, &known, &known)
            .into_iter()
            .map(values)
            .collect::<Vec<_>>()
    };
    COMPARED_FACTS.iter().flat_map(of_fact).collect()
}

fn differences_in(
    compared: &ComparedFact,
    baseline: &[Host],
    candidate: &[Host],
) -> Vec<Difference> {
    let all: Vec<&Host> = baseline.iter().chain(candidate).collect();
    let told = compared.on(&all);
    let (baseline, candidate) = told.split_at(baseline.len().min(told.len()));
    let names = told.iter().flat_map(BTreeMap::keys);
    let names: BTreeSet<&String> = names.collect();
    let values = |side: &[BTreeMap<String, String>], name: &String| -> BTreeSet<String> {
        let values = side.iter().map(|told| told.get(name));
        values
            .map(|value| value.map_or(UNKNOWN, String::as_str).to_owned())
            .collect()
    };
    let differences = names.into_iter().map(|name| Difference {
        fact: name.clone(),
        weight: compared.weight,
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

/// The limits of the answer for two sides with these differences between their hosts.
pub fn between_sides(differences: &[Difference]) -> Vec<Reservation> {
    let reservation = |weight: Weight| {
        let facts = differences
            .iter()
            .filter(|difference| difference.is_between_sides() && difference.weight == weight);
        let facts: Vec<&str> = facts.map(|difference| difference.fact.as_str()).collect();
        let voids = weight == Weight::NoVerdict;
        let part = if voids {
            ""
        } else {
            ", which may be a part of it"
        };
        (!facts.is_empty()).then(|| Reservation {
            reason: format!("the hosts of the sides differ: {}{part}", facts.join(", ")),
            voids,
        })
    };
    let weights = [Weight::NoVerdict, Weight::Reservation];
    weights.into_iter().filter_map(reservation).collect()
}

/// The limits of the answer of samples that measured both revisions each: unlike hosts are no reason for a difference between
/// those, but what holds for all of them together may hold for none.
pub fn between_samples(hosts: &[Host]) -> Option<Reservation> {
    let differences = differences(hosts, hosts);
    let facts: Vec<&str> = differences.iter().map(|one| one.fact.as_str()).collect();
    (!facts.is_empty()).then(|| Reservation {
        reason: format!("the hosts of the samples differ: {}", facts.join(", ")),
        voids: false,
    })
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

    #[test]
    fn a_difference_weighs_what_its_fact_does() {
        let one = host(
            "c7i.large",
            "libc\tglibc 2.36\nkernel_command_line\tquiet\ncpu_model\tX\n",
        );
        let other = host(
            "c7i.large",
            "libc\tglibc 2.41\nkernel_command_line\tdebug\ncpu_model\tX\n",
        );
        let said = between_sides(&differences(from_ref(&one), from_ref(&other)));
        assert_eq!(
            said,
            [Reservation {
                reason:
                    "the hosts of the sides differ: kernel command line, libc, which may be a part of it"
                        .into(),
                voids: false,
            }]
        );
        let larger = Host {
            instance_type: Some("c7i.xlarge".into()),
            ..other.clone()
        };
        let said = between_sides(&differences(from_ref(&one), from_ref(&larger)));
        assert_eq!(
            said[0].reason,
            "the hosts of the sides differ: instance type"
        );
        assert!(said[0].voids && !said[1].voids);
        // Each revision ran on both.
        let both = [one.clone(), larger];
        assert_eq!(between_sides(&differences(&both, &both)), []);
    }

    #[test]
    fn samples_on_unlike_hosts_keep_their_verdict_and_say_so() {
        let one = host("m5.large", "cpu_model\tX\n");
        let other = host("m5.large", "cpu_model\tY\n");
        assert_eq!(between_samples(&[one.clone(), one.clone()]), None);
        let said = between_samples(&[one, other]).unwrap();
        assert_eq!(said.reason, "the hosts of the samples differ: CPU");
        assert!(!said.voids);
    }
}
