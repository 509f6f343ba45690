//! What earlier runs have left: listed by `collect results`, removed by `collect rm`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;
use serde_json::Value;

use crate::command::{Running, Sandbox, run};
use crate::terminal::Terminal;

/// A sandbox with a measurement that writes one file.
fn measured(revisions: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed.csv", "run:\n  - measure.sh\n")
        .script("measure.sh", "echo 42 > speed.csv");
    for revision in revisions {
        let args = ["config.yml", revision, "--local", "--description", "a try"];
        run(sandbox.collect(&args)).expect(0);
    }
    sandbox
}

/// A sandbox with what a collector left that was killed, as its step went on.
fn broken_off() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed.csv", "run:\n  - wait.sh\n")
        .script("wait.sh", "echo waiting\nexec sleep 1000");
    Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"])).kill_after("waiting");
    run(sandbox.collect(&["reap", "--local", "--all"])).expect(0);
    let partial = sandbox.sample("v1");
    (sandbox, partial)
}

/// What `collect results` prints as JSON.
#[track_caller]
fn stored(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    let args = [&["results", "--json"], args].concat();
    let finished = run(sandbox.collect(&args)).expect(0);
    let lines = finished.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What `collect results` prints.
#[track_caller]
fn listed(sandbox: &Sandbox) -> String {
    run(sandbox.collect(&["results"])).expect(0).stdout
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn results_are_listed_newest_first() {
    let sandbox = measured(&["v1", "feature/x", "v1"]);
    let listed = listed(&sandbox);
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 4, "{listed}");
    assert!(rows[0].starts_with("when "), "{listed}");
    for (row, revision) in rows[1..].iter().zip(["v1", "feature/x", "v1"]) {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[1..5], [revision, "passed", "local", "1"], "{listed}");
        assert!(row.contains("3 B") && row.contains("a try"), "{listed}");
        assert!(Path::new(words.last().unwrap()).is_dir(), "{listed}");
    }
    let of_revision = stored(&sandbox, &["feature/x"]);
    assert_eq!(of_revision.len(), 1);
    assert_eq!(of_revision[0]["revision"], "feature/x");
    assert_eq!(of_revision[0]["state"], "complete");
    assert_eq!(of_revision[0]["collected"]["files"], 1);
    assert!(Path::new(of_revision[0]["path"].as_str().unwrap()).is_dir());
}

#[test]
fn a_revision_without_results_is_named_with_those_that_have_some() {
    let sandbox = measured(&["v1.2", "v1.3"]);
    let none = run(sandbox.collect(&["results", "zzz"])).expect(0);
    none.says("there are no results of `zzz` in ");
    none.says("/out, but 2 samples of other revisions\n");
    let near = run(sandbox.collect(&["results", "v1.4"])).expect(0);
    near.says("2 samples of other revisions; did you mean `v1.");
}

#[test]
fn results_lie_where_they_are_said_to_lie() {
    let sandbox = measured(&["v1"]);
    assert_eq!(stored(&sandbox, &["--output", "out"]).len(), 1);
    assert_eq!(stored(&sandbox, &["--config", "config.yml"]).len(), 1);
    sandbox.file("elsewhere/.keep", "");
    assert!(stored(&sandbox, &["--output", "elsewhere"]).is_empty());
    let absent = run(sandbox.collect(&["results", "--output", "absent"])).expect(2);
    absent.says("reading absent: No such file or directory");
    absent.says("`--help` says where results are looked for");
    // Without a config here, they are where the examples put them.
    fs::rename(
        sandbox.path().join("config.yml"),
        sandbox.path().join("other.yml"),
    )
    .unwrap();
    fs::rename(sandbox.output(), sandbox.path().join("results")).unwrap();
    assert_eq!(stored(&sandbox, &[]).len(), 1);
}

#[test]
fn a_step_that_ran_out_of_time_is_shown_beside_the_result() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: speed.csv",
            "run:\n  - measure.sh: {timeout: 1s}\n",
        )
        .script("measure.sh", "echo 42 > speed.csv\nexec sleep 1000");
    let finished = run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    let last = finished.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("passed after ") && last.contains(" (measure.sh timed out); instance "),
        "{last}"
    );
    assert!(listed(&sandbox).contains("passed (measure.sh timed out)"));
    assert_eq!(stored(&sandbox, &[])[0]["timed_out"][0], "measure.sh");
}

#[test]
fn what_cannot_be_read_is_a_line_with_the_reason() {
    let sandbox = measured(&["v1", "v2"]);
    fs::write(sandbox.sample("v1").join("collector/run.json"), "{").unwrap();
    fs::remove_file(sandbox.output().join("v1/index.json")).unwrap();
    let text = listed(&sandbox);
    assert!(text.contains("v2"), "{text}");
    let line = text.lines().last().unwrap();
    assert!(line.starts_with("cannot be read: "), "{text}");
    assert!(
        line.contains("run.json is not a record of collector's"),
        "{text}"
    );
    assert_eq!(stored(&sandbox, &["v1"])[0]["state"], "unreadable");
}

/// The same command, without what lets root read everything.
fn bound_by_permissions(command: Command) -> Command {
    if !geteuid().is_root() {
        return command;
    }
    let without = "-dac_override,-dac_read_search";
    let mut bound = Command::new("setpriv");
    bound
        .arg(format!("--bounding-set={without}"))
        .arg(format!("--inh-caps={without}"))
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(directory) = command.get_current_dir() {
        bound.current_dir(directory);
    }
    bound
}

#[test]
fn a_directory_that_nobody_may_read_is_a_line_with_the_reason() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = measured(&["v1", "v2"]);
    let closed = sandbox.output().join("v1");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let text = run(bound_by_permissions(sandbox.collect(&["results"])))
        .expect(0)
        .stdout;
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        text.contains("v2") && text.contains("Permission denied"),
        "{text}"
    );
}

#[test]
fn a_run_that_was_broken_off_is_listed_and_removed() {
    let (sandbox, partial) = broken_off();
    let finished = run(sandbox.collect(&["results"])).expect(0);
    assert!(
        finished.stdout.contains("broken off"),
        "{}",
        finished.stdout
    );
    finished.says("left its logs in `collector/logs`");
    let entry = &stored(&sandbox, &[])[0];
    assert_eq!(
        (&entry["state"], &entry["running"]),
        (&"partial".into(), &false.into())
    );
    let id = entry["run"].as_str().unwrap();
    run(sandbox.collect(&["rm", "--yes", id])).expect(0);
    assert!(!partial.exists());
    assert!(
        !sandbox.output().join("v1").exists(),
        "the revision is empty"
    );
}

#[test]
fn a_sample_whose_collector_was_killed_before_its_report_is_removed() {
    let sandbox = measured(&["v1"]);
    let sample = sandbox.sample("v1");
    fs::remove_file(sample.join("collector/run.json")).unwrap();
    run(sandbox.collect(&["rm", "--yes", name(&sample)])).expect(0);
    assert!(!sample.exists());
}

#[test]
fn what_a_run_still_writes_to_is_not_removed() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed.csv", "run:\n  - wait.sh\n")
        .script("wait.sh", "echo waiting\nexec sleep 1000");
    let mut running = Running::spawn(sandbox.collect(&["config.yml", "v1", "--local"]));
    running.wait_for_output("waiting");
    assert!(listed(&sandbox).contains("running"));
    let partial = sandbox.sample("v1");
    let refused = run(sandbox.collect(&["rm", "--yes", partial.to_str().unwrap()])).expect(2);
    refused.says("a run that is going on writes to");
    assert!(partial.is_dir());
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect(143);
}

#[test]
fn a_sample_is_removed_with_its_archive_and_its_entry_in_the_index() {
    let sandbox = measured(&["v1", "v1"]);
    let samples = sandbox.samples("v1");
    let archive = |sample: &Path| sample.with_file_name(format!("{}.tar.gz", name(sample)));
    assert!(archive(&samples[0]).exists());
    // Not without a word: neither at this standard input, nor on a terminal.
    let unasked = run(sandbox.collect(&["rm", name(&samples[0])])).expect(2);
    unasked.says("`--yes`");
    assert!(samples[0].is_dir());
    run(sandbox.collect(&["rm", "--yes", name(&samples[0])])).expect(0);
    assert!(!samples[0].exists() && !archive(&samples[0]).exists());
    assert!(samples[1].is_dir() && archive(&samples[1]).exists());
    let index = fs::read(sandbox.output().join("v1/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["samples"].as_array().unwrap().len(), 1);
    assert_eq!(index["samples"][0]["directory"], name(&samples[1]));
}

#[test]
fn a_run_is_removed_with_all_of_its_samples() {
    let sandbox = measured(&[]);
    let args = ["config.yml", "v1", "--local", "--samples", "2"];
    run(sandbox.collect(&args)).expect(0);
    run(sandbox.collect(&["config.yml", "v1", "--local"])).expect(0);
    assert_eq!(
        sandbox.samples("v1").len(),
        4,
        "two samples, their run, and one more"
    );
    let all = stored(&sandbox, &[]);
    let run_id = all[1]["run"].as_str().unwrap();
    run(sandbox.collect(&["rm", "--yes", run_id])).expect(0);
    assert_eq!(stored(&sandbox, &[]).len(), 1);
    assert_eq!(sandbox.samples("v1").len(), 1);
}

#[test]
fn on_a_terminal_a_removal_is_asked_for() {
    let sandbox = measured(&["v1"]);
    let sample = sandbox.sample("v1");
    for (answer, stays) in [("\n", true), ("n\n", true), ("y\n", false)] {
        let command = sandbox.collect(&["rm", name(&sample)]);
        let (mut terminal, mut running) = Terminal::of_columns(80, command);
        terminal.wait_for("remove 1 sample for good? [y/N] ");
        terminal.press(answer.as_bytes());
        running.expect(0);
        assert_eq!(sample.exists(), stays, "{answer:?}");
    }
}

#[test]
fn on_a_narrow_terminal_the_table_is_a_list() {
    let sandbox = measured(&["v1"]);
    let command = sandbox.collect(&["results", "--output", "out"]);
    let (terminal, mut running) = Terminal::of_columns(60, command);
    let text = terminal.rest();
    running.expect(0);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("when         20"), "{text}");
    assert!(lines.contains(&"revision     v1"), "{text}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 60),
        "{text}"
    );
}

#[test]
fn samples_that_are_measured_one_after_the_other_do_not_mix() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: '*.csv'",
            "before_aws_start:\n  - check.sh\nrun:\n  - measure.sh\n",
        )
        .script("check.sh", "echo checked")
        .script("measure.sh", "echo $COLLECTOR_SAMPLE > speed.csv");
    let args = ["config.yml", "v1", "--local", "--samples", "3"];
    run(sandbox.collect(&args)).expect(0);
    let all = stored(&sandbox, &[]);
    assert_eq!(all.len(), 3, "{all:#?}");
    for sample in &all {
        let directory = Path::new(sample["path"].as_str().unwrap());
        let speed = fs::read_to_string(directory.join("speed.csv")).unwrap();
        assert_eq!(speed.trim(), sample["sample"].to_string());
        assert!(!directory.join("speed.csv.2").exists());
        let logs = fs::read_dir(directory.join("collector/logs")).unwrap();
        assert_eq!(logs.count(), 2, "those of its own two steps");
        let report = fs::read(directory.join("collector/run.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let stages = report["stages"].as_array().unwrap();
        let launches = stages.iter().filter(|stage| stage["stage"] == "launch");
        assert_eq!(launches.count(), 1);
    }
}

#[test]
fn nothing_but_samples_is_removed_and_no_link_is_followed() {
    let sandbox = measured(&["v1"]);
    let sample = sandbox.sample("v1");
    sandbox.file("precious/file", "x");
    symlink(sandbox.path().join("precious"), sample.join("link")).unwrap();
    symlink(&sample, sandbox.output().join("v1/alias")).unwrap();
    let refused = |what: &str| run(sandbox.collect(&["rm", "--yes", what])).expect(2);
    refused("out/v1").says("is not a sample of collector's");
    refused("precious").says("is not a sample of collector's");
    refused("out/v1/index.json").says("is not a sample of collector's");
    refused("out/v1/alias").says("is a link");
    refused("out/absent").says("there is nothing at out/absent");
    refused("i-0123").says("is of an instance or a run `i-0123`");
    // One that is refused keeps the others.
    let path = sample.to_str().unwrap();
    run(sandbox.collect(&["rm", "--yes", path, "out/absent"])).expect(2);
    assert!(sample.is_dir());
    run(sandbox.collect(&["rm", "--yes", path])).expect(0);
    assert!(!sample.exists());
    assert!(sandbox.path().join("precious/file").exists());
}

#[test]
fn an_empty_file_is_a_warning_and_no_file_a_failure() {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: '*.csv'", "run:\n  - measure.sh\n")
        .script("measure.sh", "touch empty.csv");
    run(sandbox.collect(&["config.yml", "v1", "--local"]))
        .expect(0)
        .says("empty.csv is empty");
    sandbox.script("measure.sh", ":");
    run(sandbox.collect(&["config.yml", "v2", "--local"]))
        .expect(1)
        .says("no file was collected");
}

#[test]
fn a_script_that_fails_before_the_launch_keeps_its_log_also_with_several_samples() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: x",
            "before_aws_start:\n  - check.sh\n",
        )
        .script("check.sh", "echo no disk; exit 7");
    for samples in ["1", "2"] {
        let args = ["config.yml", "v1", "--local", "--samples", samples];
        run(sandbox.collect(&args)).expect(1);
    }
    let logs = sandbox.samples("v1").into_iter().filter(|sample| {
        let log = sample.join("collector/logs/01-before_aws_start-check.sh.log");
        fs::read_to_string(log).is_ok_and(|log| log == "no disk\n")
    });
    assert_eq!(logs.count(), 2);
}
