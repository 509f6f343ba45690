//! The CPUs of an instance in two halves, for two revisions that are measured at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::RemoteHost;
use crate::shell::{Command, Shell, ShellError, run_idempotent};

const CPUS: &str = include_str!("cpus.sh");

/// The deadline for a machine that is asked for its CPUs.
const CPUS_DEADLINE: Duration = Duration::from_secs(30);

/// More CPUs than Linux is built for; a list that names others is not believed.
const MAX_CPUS: u32 = 1 << 16;

/// Why the CPUs cannot be divided.
#[derive(Debug, thiserror::Error)]
pub enum DivisionError {
    /// The machine cannot be asked.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// There are not enough of them.
    #[error(
        "`duet` measures two revisions at the same time, each on whole cores of its own, and there are no two cores alike for them: {0}"
    )]
    TooFewCores(String),
}

impl DivisionError {
    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Shell(error) => error.hint(),
            Self::TooFewCores(_) => Some(
                "choose a larger instance type: where a core has two threads, two cores are four vCPUs; or leave out `duet`, and the revisions are measured in turn",
            ),
        }
    }
}

/// The CPUs that steps may use, as lists for `taskset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// As many cores in each, and the threads of a core together.
    pub halves: [String; 2],
    /// The odd cores, which are in neither.
    pub rest: Option<String>,
}

impl<S: Shell> RemoteHost<S> {
    /// Divides the CPUs that steps may use.
    ///
    /// # Errors
    /// When there are not two cores, or the machine does not tell.
    pub async fn divide_cpus(&self) -> Result<Division, DivisionError> {
        let command = Command::new::<&str>(CPUS, []).as_root();
        let what = "asking for the CPUs";
        let answer = run_idempotent(&self.shell, what, &command, &[], CPUS_DEADLINE).await?;
        let answer = String::from_utf8_lossy(&answer.stdout);
        let cores = cores(&answer).ok_or_else(|| ShellError::Command {
            what,
            reason: format!("it answered {answer:?}"),
        })?;
        division(&cores).ok_or_else(|| DivisionError::TooFewCores(describe(&cores)))
    }
}

/// The cores of an answer, each with those of its threads that may be used.
fn cores(answer: &str) -> Option<Vec<BTreeSet<u32>>> {
    let mut lines = answer.lines();
    let (allowed, online) = (list(lines.next()?)?, list(lines.next()?)?);
    let mut rest: BTreeSet<u32> = allowed.intersection(&online).copied().collect();
    let mut cores = Vec::new();
    for line in lines {
        let core: BTreeSet<u32> = list(line)?.intersection(&rest).copied().collect();
        rest.retain(|cpu| !core.contains(cpu));
        cores.push(core);
    }
    // A machine that tells nothing of a CPU has cores of one thread.
    cores.extend(rest.into_iter().map(|cpu| BTreeSet::from([cpu])));
    cores.retain(|core| !core.is_empty());
    cores.sort();
    Some(cores)
}

/// The division: each half has as many cores of one kind, told by the number of threads, as the other. Of an odd number the
/// first stays free, for the system prefers it.
fn division(cores: &[BTreeSet<u32>]) -> Option<Division> {
    let mut kinds: BTreeMap<usize, Vec<&BTreeSet<u32>>> = BTreeMap::new();
    for core in cores {
        kinds.entry(core.len()).or_default().push(core);
    }
    let mut halves = [BTreeSet::new(), BTreeSet::new()];
    let mut rest = BTreeSet::new();
    for kind in kinds.values() {
        let (odd, even) = kind.split_at_checked(kind.len() % 2)?;
        rest.extend(odd.iter().copied().flatten());
        for (half, cores) in halves.iter_mut().zip(even.chunks((even.len() / 2).max(1))) {
            half.extend(cores.iter().copied().flatten());
        }
    }
    let text = |cpus: &BTreeSet<u32>| {
        let cpus: Vec<String> = cpus.iter().map(ToString::to_string).collect();
        cpus.join(",")
    };
    let [first, second] = &halves;
    (!first.is_empty()).then(|| Division {
        halves: [text(first), text(second)],
        rest: (!rest.is_empty()).then(|| text(&rest)),
    })
}

/// A list of the kernel, such as `0-3,8`.
fn list(text: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last >= MAX_CPUS {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

fn describe(cores: &[BTreeSet<u32>]) -> String {
    let threads: usize = cores.iter().map(BTreeSet::len).sum();
    match (cores.len(), threads) {
        (1, 1) => "one core may be used".into(),
        (1, threads) => format!("one core with {threads} threads may be used"),
        (cores, threads) => format!("{cores} cores with {threads} threads in all may be used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(answer: &str) -> Option<Division> {
        division(&cores(answer).unwrap())
    }

    #[track_caller]
    fn divides(answer: &str, first: &str, second: &str) {
        assert_eq!(divided(answer).unwrap().halves, [first, second]);
    }

    #[test]
    fn the_threads_of_a_core_stay_together() {
        let xeon = "0-7\n0-7\n0,4\n1,5\n2,6\n3,7\n";
        divides(xeon, "0,1,4,5", "2,3,6,7");
        divides("0-1\n0-1\n0\n1\n", "0", "1");
    }

    #[test]
    fn an_odd_core_stays_free() {
        divides("0-2\n0-2\n0\n1\n2\n", "1", "2");
        let rest = |answer: &str| divided(answer).unwrap().rest;
        assert_eq!(rest("0-2\n0-2\n0\n1\n2\n").as_deref(), Some("0"));
        assert_eq!(rest("0-1\n0-1\n0\n1\n"), None);
        divides("0-5\n0-5\n0-1\n2-3\n4-5\n", "2,3", "4,5");
    }

    #[test]
    fn only_what_is_online_and_allowed_is_used() {
        divides("1-3\n0-2\n0\n1\n2\n3\n", "1", "2");
        // Half a core is no match for a whole one.
        assert_eq!(divided("0-2\n0-3\n0-1\n2-3\n"), None);
        divides("0,2-5\n0-5\n0-1\n2-3\n4-5\n", "2,3", "4,5");
    }

    #[test]
    fn cores_of_two_kinds_are_divided_kind_by_kind() {
        let hybrid = "0-7\n0-7\n0-1\n2-3\n4\n5\n6\n7\n";
        divides(hybrid, "0,1,4,5", "2,3,6,7");
    }

    #[test]
    fn one_core_is_too_few() {
        for (answer, words) in [
            ("0\n0-1\n0\n1\n", "one core may be used"),
            ("0-1\n0-1\n0-1\n", "one core with 2 threads may be used"),
            (
                "0-2\n0-2\n0-1\n2\n",
                "2 cores with 3 threads in all may be used",
            ),
        ] {
            assert_eq!(divided(answer), None);
            assert_eq!(describe(&cores(answer).unwrap()), words);
        }
    }

    #[test]
    fn a_machine_without_topology_has_cores_of_one_thread() {
        divides("0-3\n0-3\n", "0,1", "2,3");
    }

    #[test]
    fn nonsense_is_no_list() {
        for answer in ["", "0\n", "x\n0\n", "0-4294967295\n0\n"] {
            assert!(cores(answer).is_none(), "{answer:?}");
        }
    }
}
