//! Both revisions at the same time, each on a half of the CPUs.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::command::{Sandbox, run};
use crate::turns::{collect, measurement, read, report};

/// Goes on when the other revision is here as well: a FIFO is opened by two or by none.
const MEET: &str = "echo >> met; meeting=../meeting-$(wc -l < met); mkfifo $meeting 2> /dev/null; \
    case $COLLECTOR_ARM in \
        baseline) timeout 30 sh -c \": > $meeting\" ;; \
        *) timeout 30 sh -c \": < $meeting\" ;; \
    esac || exit 9";

fn sandbox(main: &str, measure: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = format!("performance_results: ['out/*']\nduet: true\n{main}");
    sandbox.config(&main, "setup: [build.sh]\nrun: [measure.sh]\n");
    sandbox.script("build.sh", "mkdir out");
    sandbox.script("measure.sh", measure);
    sandbox
}

/// The CPUs of a list such as `0-2,5`.
fn cpus(list: &str) -> BTreeSet<u32> {
    let numbers = |part: &str| {
        let (first, end) = part.split_once('-').unwrap_or((part, part));
        first.parse().unwrap()..=end.parse::<u32>().unwrap()
    };
    list.trim().split(',').flat_map(numbers).collect()
}

#[test]
fn both_revisions_run_at_the_same_time_on_cpus_of_their_own() {
    let measure = format!(
        "{MEET}; sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status > out/allowed; \
         echo $COLLECTOR_CPUS > out/announced; echo \"$VERSION is here\""
    );
    let sandbox = sandbox("baseline: v1\nrepeat: 4", &measure);
    let finished = collect(&sandbox, &["--seed", "3", "--events", "events"]).expect(0);
    finished.says("[baseline] v1 is here");
    finished.says("[candidate] v2 is here");
    for arm in ["baseline", "candidate"] {
        finished.says(&format!("run: measure.sh ({arm})"));
        finished.says(&format!("measure.sh ({arm}): ok after "));
    }
    let events = std::fs::read_to_string(sandbox.path().join("events")).unwrap();
    let ends = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let ends = ends.filter(|line: &Value| {
        line["event"] == "step_finished" && line["details"]["script"] == "measure.sh"
    });
    let of_baseline = ends.map(|end| end["details"]["arm"] == "baseline");
    let of_baseline: Vec<bool> = of_baseline.collect();
    assert_eq!(of_baseline.len(), 8);
    for both in of_baseline.chunks(2) {
        assert_ne!(both[0], both[1]);
    }
    let mut halves = Vec::new();
    for turn in 1..=4 {
        let [baseline, candidate] = ["baseline", "candidate"].map(|arm| {
            let seen = |what: &str| cpus(&read(&sandbox, &format!("{arm}/turn-{turn:02}/{what}")));
            assert_eq!(seen("allowed"), seen("announced"));
            seen("allowed")
        });
        assert!(
            baseline.is_disjoint(&candidate),
            "{baseline:?} {candidate:?}"
        );
        assert_eq!(baseline.len(), candidate.len());
        halves.push((baseline, candidate));
    }
    for round in halves.chunks(2) {
        let swapped = (round[1].1.clone(), round[1].0.clone());
        assert_eq!(round[0], swapped);
    }
    let report = report(&sandbox);
    let turns = report["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 8);
    for both in turns.chunks(2) {
        assert_ne!(both[0]["arm"], both[1]["arm"]);
        assert_eq!(both[0]["of_arm"], both[1]["of_arm"]);
        for turn in both {
            let (arm, number) = (turn["arm"].as_str().unwrap(), &turn["of_arm"]);
            let announced = read(&sandbox, &format!("{arm}/turn-0{number}/announced"));
            assert_eq!(turn["cpus"], announced.trim());
        }
    }
}

#[test]
fn a_duet_has_the_further_rounds_of_a_precision_and_an_answer() {
    let measure = format!("{MEET}; {}", measurement(10));
    let main = "baseline: v1\nrepeat: 4\nfigures: figures.txt\nmetrics: off\nprecision: 1%";
    let sandbox = sandbox(main, &measure);
    let finished = collect(&sandbox, &["--seed", "3"]).expect(0);
    let answer = "v2 against v1: 2 slower; 1 instance, 3 rounds (1 added)";
    assert!(finished.stdout.contains(answer), "{}", finished.stdout);
}

#[test]
fn one_core_is_too_few_and_nothing_is_measured() {
    let sandbox = sandbox("baseline: v1", "touch out/measured");
    let whole = sandbox.collect(&["--local", "config.yml", "v2"]);
    let mut pinned = Command::new("taskset");
    pinned
        .args(["-c", "0"])
        .arg(whole.get_program())
        .args(whole.get_args())
        .current_dir(sandbox.path())
        .env_clear();
    for (name, value) in whole.get_envs() {
        pinned.env(name, value.unwrap());
    }
    let finished = run(pinned).expect(3);
    finished.says("there are no two cores alike for them: one core may be used");
    finished.says("choose a larger instance type");
    let report = report(&sandbox);
    let mut stages = report["stages"].as_array().unwrap().iter();
    assert!(stages.all(|stage| stage["steps"].as_array().is_none_or(Vec::is_empty)));
}

#[test]
fn a_duet_needs_two_revisions_and_a_place_for_the_files_of_each() {
    let alone = sandbox("repeat: 2", "true");
    collect(&alone, &[])
        .expect(2)
        .says("there is no `baseline`");
    run(alone.collect(&["check", "--local", "config.yml"]))
        .expect(0)
        .says("`duet` without a `baseline`");
    run(alone.collect(&["plan", "--local", "config.yml", "v2", "--baseline", "v1"])).expect(0);
    let shared = Sandbox::new();
    let main = "performance_results: /tmp/x/*\nduet: true\nbaseline: v1";
    shared.config(main, "");
    for words in [
        ["--local", "config.yml", "v2"].as_slice(),
        &["check", "--local", "config.yml"],
        &["plan", "--local", "config.yml", "v2"],
    ] {
        let finished = run(shared.collect(words)).expect(2);
        finished.says("nothing tells which of them wrote a file of `/tmp/x/*`");
        finished.says("a relative glob");
    }
}
