//! Several turns on one instance: both revisions in homes of their own, in an order that is drawn, and nothing of one turn in
//! another.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::command::{Finished, Sandbox, run};
use crate::lab::{Guest, Lab};

/// A rehearsal in turns; `main` are further keys.
fn sandbox(main: &str, measure: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = format!("performance_results: ['out/*']\n{main}");
    sandbox.config(
        &main,
        "setup: [build.sh]\nrun: [measure.sh]\nbefore_collect: [sum.sh]\n",
    );
    sandbox.script(
        "build.sh",
        "[ ! -e built ] && echo \"$VERSION\" > built && mkdir out",
    );
    sandbox.script("measure.sh", measure);
    sandbox.script("sum.sh", "cat out/* > out/sum");
    sandbox
}

const MEASURE: &str = "[ -z \"$(ls out)\" ] && [ \"$(cat built)\" = \"$VERSION\" ] \
     && echo \"$VERSION $BASELINE $COLLECTOR_ARM $COLLECTOR_ROUND ${PWD##*/}\" > out/seen";

pub(crate) fn collect(sandbox: &Sandbox, words: &[&str]) -> Finished {
    run(sandbox.collect(&[&["--local", "config.yml", "v2"], words].concat()))
}

pub(crate) fn read(sandbox: &Sandbox, path: &str) -> String {
    let path = sandbox.sample("v2").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn report(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&read(sandbox, "collector/run.json")).unwrap()
}

/// The revisions of the turns, in their order.
fn order(sandbox: &Sandbox) -> String {
    let report = report(sandbox);
    let turns = report["turns"].as_array().unwrap();
    let letter = |turn: &Value| match turn["arm"].as_str() {
        Some("baseline") => 'A',
        _ => 'B',
    };
    turns.iter().map(letter).collect()
}

#[test]
fn both_revisions_have_their_turns_in_homes_of_their_own() {
    let sandbox = sandbox("baseline: v1\nrepeat: 5", MEASURE);
    collect(&sandbox, &["--seed", "7"]).expect(0);
    let mut homes = BTreeMap::new();
    for (arm, version) in [("baseline", "v1"), ("candidate", "v2")] {
        for turn in 1..=5 {
            let seen = read(&sandbox, &format!("{arm}/turn-{turn:02}/seen"));
            assert_eq!(read(&sandbox, &format!("{arm}/turn-{turn:02}/sum")), seen);
            let (known, home) = seen.trim().rsplit_once(' ').unwrap();
            assert_eq!(known, format!("{version} v1 {arm} {}", (turn + 1) / 2));
            homes.insert(arm, home.to_owned());
        }
    }
    let homes: Vec<_> = homes.into_values().collect();
    assert!(
        homes[0] != homes[1] && homes[0].len() == homes[1].len(),
        "{homes:?}"
    );
    // Four turns make a round, the last two a pair.
    let order = order(&sandbox);
    for round in [&order[..4], &order[4..8]] {
        assert!(["ABBA", "BAAB"].contains(&round), "{order}");
    }
    assert!(["AB", "BA"].contains(&&order[8..]), "{order}");
}

#[test]
fn without_a_baseline_a_revision_is_measured_several_times() {
    let sandbox = sandbox("repeat: 3", MEASURE);
    collect(&sandbox, &[]).expect(0);
    for turn in 1..=3 {
        let seen = read(&sandbox, &format!("turn-{turn:02}/seen"));
        assert!(seen.starts_with(&format!("v2   {turn} ")), "{seen}");
    }
    assert_eq!(order(&sandbox), "BBB");
}

#[test]
fn a_turn_that_fails_costs_its_round_and_no_other() {
    let fails = format!("{MEASURE}; [ \"$COLLECTOR_ARM $COLLECTOR_ROUND\" != 'candidate 2' ]");
    let sandbox = sandbox("baseline: v1\nrepeat: 6", &fails);
    collect(&sandbox, &[]).expect(1);
    let report = report(&sandbox);
    let turns = report["turns"].as_array().unwrap();
    let failed: Vec<_> = turns.iter().filter(|turn| turn["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{turns:#?}");
    assert_eq!(failed[0]["round"], 2);
    let of_round = |round: u64| turns.iter().filter(|turn| turn["round"] == round).count();
    assert_eq!((of_round(1), of_round(3)), (4, 4));
    assert!(of_round(2) < 4);
}

#[test]
fn a_revision_that_never_works_is_given_up_after_two_rounds() {
    let sandbox = sandbox("baseline: v1\nrepeat: 20", "exit 3");
    let finished = collect(&sandbox, &[]).expect(1);
    finished.says("turns were not begun");
    assert_eq!(report(&sandbox)["turns"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_that_an_earlier_turn_left_behind_is_not_measured_again() {
    let sandbox = Sandbox::new();
    let shared = sandbox.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("old"), "from before").unwrap();
    sandbox.config(
        &format!(
            "performance_results: ['{}/*', out]\nbaseline: v1\nrepeat: 2",
            shared.display()
        ),
        "run: [measure.sh]\n",
    );
    let measure = format!(
        "echo \"$VERSION\" > out; echo x > '{}/new'",
        shared.display()
    );
    sandbox.script("measure.sh", &measure);
    let finished = collect(&sandbox, &[]).expect(0);
    finished.says("shared/old was there before turn 1");
    for arm in ["baseline", "candidate"] {
        for turn in ["turn-01", "turn-02"] {
            let directory = sandbox.sample("v2").join(arm).join(turn);
            assert!(directory.join("new").exists() && directory.join("out").exists());
            assert!(!directory.join("old").exists());
        }
    }
}

/// A measurement of 100 ms for `v1`, with a noise of some tenths of a percent that is the same in every run of this test; `v2`
/// takes `slower` percent more. It goes with `metrics: off`: what this machine does meanwhile has no part in it.
pub(crate) fn measurement(slower: u32) -> String {
    format!(
        "base=10000; [ $VERSION = v1 ] || base=$((base + {slower} * 100)); echo >> turns; \
         hash=$(echo \"$COLLECTOR_SAMPLE $VERSION $(wc -l < turns)\" | cksum | cut -d' ' -f1); \
         value=$((base + hash % 61 - 30)); \
         echo \"latency: $((value / 100)).$(printf %02d $((value % 100))) ms\" > out/figures.txt; \
         echo \"throughput: $((100000000 / value)) requests/s\" >> out/figures.txt"
    )
}

fn compared(slower: u32, main: &str, words: &[&str]) -> (Sandbox, Finished) {
    let main = format!("figures: figures.txt\nmetrics: off\nbaseline: v1\n{main}");
    let sandbox = sandbox(&main, &measurement(slower));
    let finished = collect(&sandbox, &[&["--seed", "1"], words].concat());
    (sandbox, finished)
}

#[test]
fn a_slower_revision_is_found_and_said_first() {
    let (sandbox, finished) = compared(10, "repeat: 6\nsamples: 3", &[]);
    let finished = finished.expect(0);
    let lines: Vec<_> = finished.stdout.lines().map(str::trim).collect();
    assert!(
        lines.contains(&"v2 against v1: 2 slower; 3 instances, 9 rounds"),
        "{}",
        finished.stdout
    );
    finished
        .stdout
        .lines()
        .find(|line| line.contains("a rehearsal has one machine"))
        .unwrap();
    for figure in ["latency", "throughput"] {
        let row = lines.iter().find(|line| line.starts_with(figure)).unwrap();
        let verdict = row.split_whitespace().nth(1);
        assert_eq!(verdict, Some("slower"), "{row}");
    }
    let runs = fs::read_dir(sandbox.path().join("out/v2")).unwrap();
    let figures = runs
        .map(|entry| entry.unwrap().path().join("figures.json"))
        .find(|path| path.exists())
        .unwrap();
    let figures: Value = serde_json::from_str(&fs::read_to_string(figures).unwrap()).unwrap();
    assert_eq!(figures["samples"].as_array().unwrap().len(), 3);
    assert_eq!(figures["baseline"], "v1");
    assert_eq!(figures["repeat"], 6);
    assert_eq!(figures["figures"][0]["turns"].as_array().unwrap().len(), 36);
    assert_eq!(figures["comparison"]["rows"][0]["verdict"], "slower");
}

#[test]
fn the_same_speed_is_no_difference_and_one_machine_says_so() {
    let (_, finished) = compared(0, "repeat: 8", &[]);
    let finished = finished.expect(0);
    finished
        .stdout
        .lines()
        .find(|line| line.contains("2 no difference shown"))
        .unwrap();
    assert!(
        finished.stdout.contains("run (candidate ×8)"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("holds for this machine only"),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_figure_has_the_same_name_in_turns_where_another_file_lacks_it() {
    let sandbox = sandbox(
        "figures: [a.txt, b.txt]\nrepeat: 2",
        "echo 'start: 1 s' > out/a.txt; [ \"$COLLECTOR_ROUND\" = 2 ] || echo 'start: 2 s' > out/b.txt",
    );
    collect(&sandbox, &[]).expect(0);
    let figures: Value = serde_json::from_str(&read(&sandbox, "collector/figures.json")).unwrap();
    let figures = figures["figures"].as_array().unwrap().iter();
    let turns = |figure: &Value| figure["turns"].as_array().unwrap().len();
    let named = figures.map(|figure| (figure["name"].as_str().unwrap(), turns(figure)));
    let named: Vec<_> = named.collect();
    assert_eq!(named, [("start (a.txt)", 2), ("start (b.txt)", 1)]);
}

#[test]
fn what_is_slower_than_allowed_fails_the_run() {
    let (_, finished) = compared(10, "repeat: 8\nfail_on: {slower: 5%}", &[]);
    finished.expect(5).says("surely more than 5.0 % slower: ");
    let (_, finished) = compared(10, "repeat: 8\nfail_on: {slower: 20%}", &[]);
    finished.expect(0);
}

#[test]
fn a_revision_without_figures_is_measured_as_before() {
    let sandbox = sandbox("figures: none.txt", MEASURE);
    let finished = collect(&sandbox, &[]).expect(0);
    finished.says("`figures`: `none.txt` matches no file");
    assert!(!sandbox.sample("v2").join("collector/figures.json").exists());
}

#[test]
fn the_instances_after_the_third_are_for_what_looks_different() {
    let samples = |sandbox: &Sandbox| {
        let entries = fs::read_dir(sandbox.path().join("out/v2")).unwrap();
        let records = entries.map(|entry| entry.unwrap().path().join("collector/run.json"));
        records.filter(|path| path.exists()).count()
    };
    // Both measure the same in a round: by chance alone, one run in four would look different.
    let same = |main: &str| {
        let main = format!(
            "figures: figures.txt\nmetrics: off\nbaseline: v1\nrepeat: 2\nsamples: 4{main}"
        );
        let sandbox = sandbox(
            &main,
            "echo \"latency: 10$COLLECTOR_SAMPLE.$COLLECTOR_ROUND ms\" > out/figures.txt",
        );
        let finished = collect(&sandbox, &[]).expect(0);
        (sandbox, finished)
    };
    let (sandbox, finished) = same("");
    finished.says("the other 1 are not needed");
    assert_eq!(samples(&sandbox), 3);
    let (sandbox, finished) = compared(10, "repeat: 2\nsamples: 4", &[]);
    let finished = finished.expect(0);
    assert!(
        finished.stdout.contains("4 instances, 4 rounds"),
        "{}",
        finished.stdout
    );
    assert_eq!(samples(&sandbox), 4);
    let (sandbox, _) = same("\nconfirm: false");
    assert_eq!(samples(&sandbox), 4);
}

/// The rounds that were begun on each instance.
fn rounds(sandbox: &Sandbox) -> Vec<u64> {
    let entries = fs::read_dir(sandbox.path().join("out/v2")).unwrap();
    let records = entries.map(|entry| entry.unwrap().path().join("collector/run.json"));
    let reports = records.filter_map(|path| fs::read(path).ok());
    let last = reports.map(|report| {
        let report: Value = serde_json::from_slice(&report).unwrap();
        let turns = report["turns"].as_array().unwrap().last().cloned();
        turns.unwrap()["round"].as_u64().unwrap()
    });
    last.collect()
}

#[test]
fn a_baseline_without_figures_is_measured_and_said_to_be_compared_with_nothing() {
    let keys = "repeat: 1\nprecision: 1%\nfail_on: {slower: 5%}";
    let sandbox = sandbox(keys, "touch out/measured");
    let warning = "`baseline` is measured and not compared, for no figure is read";
    let idle = "`precision` has no effect without a `baseline` and `figures`";
    let finished = collect(&sandbox, &["--baseline", "v1"]).expect(0);
    finished.says(warning);
    finished.says("`figures: bench.json`");
    finished.says(idle);
    let idle_limit = "`fail_on` has no effect without a `baseline` and `figures`";
    finished.says(idle_limit);
    let words = ["plan", "--local", "config.yml", "v2", "--baseline", "v1"];
    let planned = run(sandbox.collect(&words)).expect(0).stdout;
    assert!(planned.contains("v1 (is measured and not compared"));
    assert!(planned.contains("1% (has no effect without"));
    assert!(planned.contains("slower: 5% (has no effect without"));
    let checked = run(sandbox.collect(&["check", "--local", "config.yml"])).expect(0);
    checked.says(idle);
    checked.says(idle_limit);
    assert!(!checked.stderr.contains("`baseline` is"));

    let main =
        "performance_results: x\nS3: my-bucket\ndownload: false\nbaseline: v1\nprecision: 1%";
    sandbox.config(main, "run: [measure.sh]\n");
    let stays = run(sandbox.collect(&["check", "--local", "config.yml"])).expect(0);
    stays.says("`baseline` is measured and not compared: with `download: false`");
    stays.says("`precision` has no effect with `download: false`");
}

#[test]
fn too_few_turns_on_one_instance_are_said_before_and_after() {
    let (sandbox, finished) = compared(10, "repeat: 4", &[]);
    let finished = finished.expect(0);
    let why = "on one instance that needs at least 6 turns of each revision, `--repeat 6`";
    finished.says(&format!(
        "`repeat` is 4, and no figure will have a verdict: {why}"
    ));
    assert!(
        finished
            .stdout
            .contains("too few rounds: on one instance a verdict needs at least 6 turns"),
        "{}",
        finished.stdout
    );
    let checked = run(sandbox.collect(&["check", "--local", "config.yml"])).expect(0);
    checked.says(why);
    let planned = run(sandbox.collect(&["plan", "--local", "config.yml", "v2"])).expect(0);
    assert!(planned.stdout.contains(why), "{}", planned.stdout);
}

#[test]
fn rounds_are_added_until_the_interval_is_as_narrow_as_asked_for() {
    // The noise is below 0.3 %, so that six turns of each are enough, and four are not.
    let (sandbox, finished) = compared(10, "repeat: 4\nprecision: 1%", &[]);
    let finished = finished.expect(0);
    finished.says("there are too few rounds for an interval, ±1% is asked for: further round 1");
    assert!(
        finished
            .stdout
            .contains("1 instance, 3 rounds (1 added), within ±1.0 %"),
        "{}",
        finished.stdout
    );
    assert_eq!(rounds(&sandbox), [3]);
    assert!(
        sandbox
            .sample("v2")
            .join("candidate/turn-06/figures.txt")
            .exists()
    );
    let figures: Value = serde_json::from_str(&read(&sandbox, "collector/figures.json")).unwrap();
    assert_eq!(figures["precision"]["planned_rounds"], 2);
    assert_eq!(figures["comparison"]["precision"]["further_rounds"], 1);
}

#[test]
fn a_precision_that_is_out_of_reach_ends_with_ten_times_the_turns() {
    let (sandbox, finished) = compared(10, "repeat: 1", &["--precision", "0.001%"]);
    let finished = finished.expect(0);
    assert_eq!(rounds(&sandbox), [10]);
    assert!(
        finished.stdout.contains("10 rounds (9 added), ±0."),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("where ±0.00 % was asked for"),
        "{}",
        finished.stdout
    );
}

#[test]
fn no_round_is_begun_that_the_life_of_the_instance_has_no_time_for() {
    let slow = format!("sleep 0.5; {}", measurement(10));
    let main = "figures: figures.txt\nmetrics: off\nbaseline: v1\nrepeat: 6\nmax_lifetime: 25s";
    let sandbox = sandbox(main, &slow);
    let finished = collect(&sandbox, &["--precision", "0.001%"]).expect(0);
    finished.says("there is no time for another round");
    assert!(rounds(&sandbox)[0] < 30);
}

#[test]
fn instances_are_added_until_the_interval_is_as_narrow_as_asked_for() {
    // Each instance has a ratio of its own, and no noise: a count is exact, where a time is rounded.
    let measure = "base=10000; \
        [ $VERSION = v1 ] || base=$((base + COLLECTOR_SAMPLE % 2 * 100)); \
        echo \"instructions: $base\" > out/figures.txt";
    let on_up_to = |samples: u32, precision: &str| {
        let main = format!(
            "figures: figures.txt\nmetrics: off\nbaseline: v1\nrepeat: 6\nsamples: {samples}\nprecision: {precision}"
        );
        let sandbox = sandbox(&main, measure);
        let finished = collect(&sandbox, &[]).expect(0);
        (rounds(&sandbox), finished)
    };
    let (rounds, finished) = on_up_to(6, "5%");
    finished.says("every interval is within ±5% on 3 instances: the other 3 are not needed");
    assert_eq!(rounds, [3; 3]);
    let (rounds, finished) = on_up_to(5, "0.1%");
    finished.says("±0.1% is not reached on 3 instances: measuring on 2 more");
    assert_eq!(rounds, [3; 5]);
    assert!(
        finished.stdout.contains("5 instances, 15 rounds, ±"),
        "{}",
        finished.stdout
    );
}

#[test]
fn both_revisions_are_compared_on_instances_of_ec2() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.config(
        &lab.main(
            "performance_results: out/*\nfigures: figures.txt\nmetrics: off\nbaseline: v1\nrepeat: 4\nsamples: 3",
        ),
        "setup: [build.sh]\nrun: [measure.sh]\n",
    );
    sandbox
        .script(
            "build.sh",
            "[ ! -e built ] && echo \"$VERSION\" > built && mkdir out",
        )
        .script("measure.sh", &measurement(10));
    let finished = run(lab.collect(&sandbox, &["config.yml", "v2", "--seed", "1"])).expect(0);
    assert!(
        finished.stdout.contains("2 slower; 3 instances, 6 rounds"),
        "{}",
        finished.stdout
    );
    assert!(
        !finished.stdout.contains("this machine only"),
        "{}",
        finished.stdout
    );
    assert_eq!(lab.calls("RunInstances").len(), 1);
    lab.expect_nothing_left();
}

#[test]
fn figures_are_written_for_other_tools_where_that_is_asked_for() {
    let asked = "exports: [bmf, github-action-benchmark, csv]\nrepeat: 2";
    let written = [
        "figures.json",
        "figures.bmf.json",
        "figures.smaller-is-better.json",
        "figures.bigger-is-better.json",
        "figures.csv",
    ];
    let (sandbox, _) = compared(10, asked, &[]);
    let sample = sandbox.sample("v2");
    let archive = sample.with_file_name(format!(
        "{}.tar.gz",
        sample.file_name().unwrap().to_str().unwrap()
    ));
    let mut list = std::process::Command::new("tar");
    let list = list
        .arg("--list")
        .arg("--file")
        .arg(archive)
        .output()
        .unwrap();
    let packed = String::from_utf8(list.stdout).unwrap();
    for name in written {
        assert!(sample.join("collector").join(name).is_file(), "{name}");
        assert!(packed.contains(&format!("/collector/{name}\n")), "{packed}");
    }
    assert!(!packed.contains("figures.prom"), "{packed}");
    let (sandbox, _) = compared(10, &format!("{asked}\nsamples: 2"), &[]);
    let of_run = sandbox
        .samples("v2")
        .into_iter()
        .find(|path| path.join("run.json").is_file())
        .unwrap();
    for name in written {
        assert!(of_run.join(name).is_file(), "{name}");
    }
    let csv = fs::read_to_string(of_run.join("figures.csv")).unwrap();
    assert_eq!(
        csv.lines().count(),
        1 + 2 * 2 * 4,
        "two figures, two samples, four turns: {csv}"
    );
    let (_, refused) = compared(10, "exports: [bmf, xml]", &[]);
    refused.expect(2).says("unknown format `xml`");
    let refused = collect(&self::sandbox("exports: csv", MEASURE), &[]).expect(2);
    refused.says("`exports` without `figures`");
}
