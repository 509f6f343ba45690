//! What many samples in one process take: time, memory, descriptors, calls to AWS.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::command::{Finished, Running, Sandbox, say, skip};
use crate::lab::{Guest, Lab};

const MIB: u64 = 1 << 20;

/// The memory that a run may take, and what each of its samples adds.
const MEMORY: u64 = 64 * MIB;
const MEMORY_PER_SAMPLE: u64 = 2 * MIB;

/// A run of so many samples on guests with OpenSSH, which each do this and hand over what `result` matches.
fn measure(lab: &Lab, samples: u32, script: &str) -> (Finished, usize) {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &lab.main(&format!(
                "performance_results: result\nsamples: {samples}\nmax_lifetime: 15m"
            )),
            "run:\n  - measure.sh\n",
        )
        .script("measure.sh", script);
    let running = Running::spawn(lab.collect(&sandbox, &["config.yml", "v1"]));
    let descriptors = running.watch_descriptors();
    let finished = running.finish().expect(0);
    let measured = sandbox.samples("v1").into_iter();
    let measured = measured.filter(|sample| sample.join("result").exists());
    assert_eq!(measured.count(), usize::try_from(samples).unwrap());
    lab.expect_nothing_left();
    (finished, descriptors.join().unwrap())
}

#[test]
fn calls_to_aws_do_not_grow_with_the_samples() {
    for samples in [1, 8, 64] {
        let Some(lab) = Lab::start(Guest::Sshd) else {
            return;
        };
        let since = Instant::now();
        let (finished, descriptors) = measure(&lab, samples, "echo 1 > result");
        let took = since.elapsed();
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        for call in lab.all_calls() {
            *calls
                .entry(call["action"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        assert_eq!(calls["RunInstances"], 1, "{calls:?}");
        say(&format!(
            "{samples} samples: {took:.1?}, {} MiB, {descriptors} descriptors, {} calls {calls:?}",
            finished.peak_memory / MIB,
            calls.values().sum::<usize>()
        ));
        assert!(finished.peak_memory < MEMORY + u64::from(samples) * MEMORY_PER_SAMPLE);
        // Samples that end together are terminated together, and none waits for another.
        let terminations = calls.remove("TerminateInstances").unwrap();
        assert!(terminations <= usize::try_from(samples).unwrap());
        assert!(
            calls.values().sum::<usize>() < 30,
            "each sample asks for itself: {calls:?}"
        );
    }
}

#[test]
fn the_results_of_many_samples_take_no_more_memory_than_those_of_one() {
    if cfg!(debug_assertions) {
        skip("this is measured in the release build only");
        return;
    }
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let samples = 8;
    let (finished, _) = measure(&lab, samples, "head -c 104857600 /dev/urandom > result");
    say(&format!(
        "{samples} samples with 100 MiB each: {} MiB",
        finished.peak_memory / MIB
    ));
    assert!(finished.peak_memory < MEMORY + u64::from(samples) * MEMORY_PER_SAMPLE);
}
