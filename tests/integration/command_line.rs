//! Words of the command line, and all that `--help` and `check` print.

use std::fs::File;
use std::process::{Command, Stdio};

use collector::cli;

use crate::command::{Finished, Sandbox, run};

/// Both streams of a program that has ended, without the sandbox's path.
fn printed(sandbox: &Sandbox, finished: &Finished) -> String {
    let text = format!("{}{}", finished.stdout, finished.stderr);
    text.replace(
        &sandbox.path().canonicalize().unwrap().display().to_string(),
        "…",
    )
    .replace(&sandbox.path().display().to_string(), "…")
}

/// What `collect check` prints about a config with these scripts beside it, in this order: a good one, one that cannot be
/// executed and has no interpreter line, one with Windows line ends.
fn check(config: &str, status: i32) -> String {
    let sandbox = Sandbox::new();
    sandbox
        .file("config.yml", config)
        .script("good.sh", "exit 0")
        .file("plain.sh", "echo\n")
        .script("dos.sh", "")
        .file("dos.sh", "#!/bin/sh\r\n");
    let finished = run(sandbox.collect(&["check", "config.yml"])).expect(status);
    printed(&sandbox, &finished)
}

#[test]
fn help_of_every_command() {
    let sandbox = Sandbox::new();
    let help = |name: &str, words: &[&str]| {
        let finished = run(sandbox.collect(words)).expect(0);
        assert_eq!(finished.stderr, "");
        insta::assert_snapshot!(name, finished.stdout);
    };
    help("help", &["--help"]);
    help("help_short", &["-h"]);
    help("help_plan_short", &["plan", "-h"]);
    let definition = cli::command();
    for command in definition.get_subcommands().map(clap::Command::get_name) {
        help(&format!("help_{command}"), &[command, "--help"]);
    }
}

#[test]
fn faults_of_the_command_line() {
    let sandbox = Sandbox::new();
    let faults = [
        &[][..],
        &["config.yml"],
        &["--fast", "config.yml", "v1"],
        &["--samples", "0", "config.yml", "v1"],
        &["--parallel", "257", "config.yml", "v1"],
        &["--keep-on-failure", "5x", "config.yml", "v1"],
        &["--keep-on-failure", "5s", "config.yml", "v1"],
        &["--quiet", "--verbose", "config.yml", "v1"],
        &["check"],
        &["check", "absent"],
        &["reap"],
        &["reap", "--run", "*"],
        &["chek", "config.yml"],
        &["lst"],
        &["paln", ".", "v1"],
        &["completions", "sh"],
        &["check", "config.yml", "v1"],
        &["check", "config.yml", "--revision", "v1"],
        &["config.yml", "--revision", "v1"],
        &["config.yml", "v1", "v2"],
        &["--local", "list"],
        &["plan", "config.yml", "v1", "v2"],
        &["bake", "config.yml", "v1", "v2"],
        &["results", "config.yml", "v1"],
        &["list", "config.yml"],
        &["fetch", "config.yml", "v1"],
        &["results"],
        &["merge", "absent", "--output", "joined"],
    ];
    let text = faults.map(|words| {
        let finished = run(sandbox.collect(words)).expect(2);
        let printed = printed(&sandbox, &finished);
        format!("$ collect {}\n{printed}\n", words.join(" "))
    });
    insta::assert_snapshot!("faults_of_the_command_line", text.concat());
}

#[test]
fn check_of_a_valid_config() {
    let main = "main:\n  output: out\n  performance_results: x\n  provider: local\n";
    let one = check(&format!("{main}run: [good.sh: {{timeout: 5m}}]\n"), 0);
    assert_eq!(
        one,
        "config.yml is valid: 1 step, 1 pattern\nresults would go to …/out/<revision>/<instance>\nto the instance: 2 files, 110 B\n      93 B  config.yml\n      17 B  good.sh\n"
    );
    let main = main.replace(" x\n", " '*.{a,b}'\n");
    let several = check(&format!("{main}setup: [good.sh, good.sh, good.sh]\n"), 0);
    assert_eq!(
        several,
        "config.yml is valid: 3 steps, 2 patterns\nresults would go to …/out/<revision>/<instance>\nto the instance: 2 files, 123 B\n     106 B  config.yml\n      17 B  good.sh\n"
    );
}

#[test]
fn check_warns_of_a_measurement_that_may_hang() {
    let main = "main: {output: out, performance_results: x, provider: local, max_lifetime: 2h}\n";
    let endless = check(&format!("{main}run: [good.sh, good.sh]\n"), 0);
    assert_eq!(
        endless,
        "config.yml is valid: 2 steps, 1 pattern\n\
         results would go to …/out/<revision>/<instance>\n\
         to the instance: 2 files, 120 B\n     103 B  config.yml\n      17 B  good.sh\n\
         warning: `run`: good.sh has no `timeout`: if it hangs, the instance costs money until `max_lifetime` (2h00m) is nearly over\n"
    );
}

#[test]
fn check_warns_of_a_script_that_needs_a_checkout_which_nobody_sends() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: x\nprovider: local",
            "setup: [a.sh, b.sh]\n",
        )
        .script(
            "a.sh",
            "# cd $COLLECTOR_SOURCE\ncp \"$COLLECTOR_SOURCE/x\" .",
        )
        .script(
            "b.sh",
            "# cd $COLLECTOR_SOURCE\ncd \"${COLLECTOR_SOURCE:-.}\"",
        );
    let finished = run(sandbox.collect(&["check", "config.yml"])).expect(0);
    let warnings = finished.stderr.matches("warning").count();
    finished.says("a.sh uses $COLLECTOR_SOURCE, which is empty");
    assert_eq!(warnings, 1, "{}", finished.stderr);
}

#[test]
fn results_stay_in_the_bucket_only_where_there_is_one_and_nothing_is_read_from_them() {
    let refused = |main: &str| {
        let sandbox = Sandbox::new();
        let main =
            format!("performance_results: x\nec2_instance_size: c7i.large\nami: ami-1\n{main}");
        sandbox
            .config(&main, "run: [{measure.sh: {timeout: 5m}}]\n")
            .script("measure.sh", "");
        let words = ["plan", "config.yml", "v1", "--no-download"];
        let finished = run(sandbox.collect(&words));
        format!("{}{}", finished.stdout, finished.stderr)
    };
    assert!(refused("metrics: off").contains("`download: false` without `S3`"));
    let with_figures = refused("S3: my-bucket\nfigures: x");
    assert!(
        with_figures.contains("leaves no files for `figures`"),
        "{with_figures}"
    );
    let sent = refused("S3: my-bucket/results");
    assert!(
        sent.contains("(send what matches 1 pattern to s3://my-bucket/results)"),
        "{sent}"
    );
}

#[test]
fn check_of_a_bad_main_section() {
    let config = "\
main:
  output: ''
  performance_result: ['a\\0', 7, '{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}']
  ec2_instance_size: [c7i.large]
  ami: debian
  user: a b
  ssh_from: [203.0.113.7, everywhere]
  keypare: 1
  ssh_port: 70000
  address: ipv6
  provider: gce
  region:
  max_lifetime: 1s
  samples: 30000
  fail_fast: yes
  spot: true
  something: else
  output: again
run:
  - good.sh
";
    insta::assert_snapshot!("check_main", check(config, 2));
}

#[test]
fn check_of_bad_steps() {
    let config = "\
main: {output: out, performance_results: x, provider: local, max_lifetime: 1h}
before_aws_start:
  - good.sh: {local: false}
setpu:
  - plain.sh
  - dos.sh
  - absent.sh: {timeout: 0}
  - ../escape.sh
  - [good.sh]
  - good.sh: {}
    plain.sh: {}
  -
run:
  - good.sh:
      - timeout: 50m
      - timout: 1h
      - 15m
  - good.sh: {args: one, env: {VERSION: 1, a-b: 2, LIST: [1], EMPTY: }}
  - good.sh: {timeout: 30m, warn_only: 1, args: [{a: b}]}
before_collect: good.sh
after: [good.sh]
";
    insta::assert_snapshot!("check_steps", check(config, 2));
}

#[test]
fn check_of_files_that_are_no_config() {
    let long = "x".repeat(400);
    let files = [
        ("an empty file", String::new()),
        ("a text", "just a text\n".into()),
        ("broken YAML", "main: [unclosed\n".into()),
        ("no main", "run: [good.sh]\n".into()),
        ("an empty main", "main:\nrun: [good.sh]\n".into()),
        (
            "no step",
            "main: {output: o, performance_results: x, provider: local}\nrun:\n".into(),
        ),
        (
            "a long line",
            format!("main: {{output: {long}, tags: x, {long}: y}}\n"),
        ),
        (
            "many problems",
            (0..25).fold("main:\n".to_owned(), |text, n| {
                text + &format!("  unknown_{n}: x\n")
            }),
        ),
    ];
    let text = files.map(|(title, config)| format!("== {title}\n{}", check(&config, 2)));
    insta::assert_snapshot!("check_no_config", text.concat());
}

fn rehearsal() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: x\nprovider: local",
            "run:\n  - make.sh\n",
        )
        .script("make.sh", "echo \"$VERSION\" > x");
    sandbox
}

#[test]
fn the_command_run_may_be_said() {
    let sandbox = rehearsal();
    run(sandbox.collect(&["run", ".", "v1"])).expect(0);
    assert_eq!(sandbox.samples("v1").len(), 1);
}

#[test]
fn a_directory_with_almost_the_name_of_a_command_is_a_config() {
    let sandbox = rehearsal();
    std::fs::create_dir(sandbox.path().join("chek")).unwrap();
    for name in ["config.yml", "make.sh"] {
        std::fs::copy(
            sandbox.path().join(name),
            sandbox.path().join("chek").join(name),
        )
        .unwrap();
    }
    run(sandbox.collect(&["chek", "v1"])).expect(0);
}

#[test]
fn check_takes_the_region_of_a_run() {
    let sandbox = rehearsal();
    run(sandbox.collect(&["check", "--region", "eu-central-1", "."])).expect(0);
}

#[test]
fn inputs_are_taken_without_the_white_space_around_them() {
    let sandbox = rehearsal();
    let input = |command: &mut Command, name: &str, value: &str| {
        command.env(format!("INPUT_{name}"), value);
    };
    let mut command = sandbox.collect(&[]);
    for (name, value) in [
        ("CONFIG", " .\n"),
        ("REVISION", "v1\n"),
        ("OUTPUT", "results\n"),
        ("LOCAL", "true\n"),
        ("SAMPLES", " 1 \n"),
        ("DESCRIPTION", "\n"),
    ] {
        input(&mut command, name, value);
    }
    run(command).expect(0);
    assert!(sandbox.path().join("results/v1").is_dir());

    // An argument outranks an input, and an input the revision of the event.
    let mut command = sandbox.collect(&[".", "v2"]);
    input(&mut command, "REVISION", "v1\n");
    run(command).expect(0);
    assert_eq!(sandbox.samples("v2").len(), 1);
    let mut command = sandbox.collect(&["."]);
    input(&mut command, "REVISION", "v3\n");
    command.env("GITHUB_SHA", "abc");
    run(command).expect(0);
    assert_eq!(sandbox.samples("v3").len(), 1);
    let mut command = sandbox.collect(&["run", "."]);
    command.env("GITHUB_SHA", "abc");
    run(command).expect(0);
    assert_eq!(sandbox.samples("abc").len(), 1);
}

#[test]
fn a_token_with_white_space_around_it_is_not_shown() {
    let sandbox = rehearsal();
    let mut command = sandbox.collect(&["--help"]);
    command.env("INPUT_GITHUB-TOKEN", "ghs_secret\n");
    let finished = run(command).expect(0);
    assert!(!finished.stdout.contains("ghs_secret"));
}

#[test]
fn a_rehearsal_as_root_is_warned_of() {
    let sandbox = rehearsal();
    let finished = run(sandbox.collect(&[".", "v1"])).expect(0);
    let root = rustix::process::geteuid().is_root();
    assert_eq!(finished.stderr.contains("a rehearsal as root"), root);
}

/// The program with this as its standard output: its exit status and standard error.
fn printing_to(sandbox: &Sandbox, args: &[&str], stdout: impl Into<Stdio>) -> (i32, String) {
    let mut command = sandbox.collect(args);
    let ended = command.stdout(stdout).stderr(Stdio::piped()).spawn();
    let ended = ended.unwrap().wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    (ended.status.code().unwrap(), said)
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error_unless_its_reader_has_had_enough() {
    let sandbox = rehearsal();
    run(sandbox.collect(&[".", "v1"])).expect(0);
    let output = sandbox.output().display().to_string();
    for args in [&["schema"][..], &["results", "--output", &output]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (status, said) = printing_to(&sandbox, args, full);
        assert_eq!(status, 3, "{said}");
        assert!(
            said.starts_with("error: writing standard output: No space left on device"),
            "{said}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(printing_to(&sandbox, args, writer), (0, String::new()));
    }
}

#[test]
fn what_an_argument_names_stands_in_the_error_about_it() {
    let sandbox = rehearsal();
    run(sandbox.collect(&[".", "v1"])).expect(0);
    let path = |name: &str| sandbox.path().join(name).display().to_string();
    let said = |args: &[&str]| {
        let finished = run(sandbox.collect(args)).expect(2);
        printed(&sandbox, &finished)
    };
    let sample = sandbox.sample("v1").display().to_string();
    let directory = "Is a directory (os error 21)\nhint: name a file, not a directory\n";
    assert_eq!(
        said(&["report", &sample, "--output", &path("home")]),
        format!("error: writing the page to …/home: {directory}")
    );
    assert_eq!(
        said(&[".", "v1", "--events", &path("home")]),
        format!("error: writing the events to …/home: {directory}")
    );
    assert_eq!(
        said(&["man", &path("absent")]),
        "error: writing the manual pages to …/absent: No such file or directory (os error 2)\n\
         hint: make the directory first, or name another one\n"
    );
    let packed = Command::new("tar")
        .args(["-czf", &path("junk.tar.gz"), "-C", &path("home"), "."])
        .status();
    assert!(packed.unwrap().success());
    assert_eq!(
        said(&["report", &path("junk.tar.gz")]),
        "error: there are no results in …/junk.tar.gz\nhint: `collect results` lists what is there\n"
    );
    assert!(said(&["results", "--output", ""]).contains("'--output <DIR>'"));
}

#[test]
fn the_files_that_a_directory_stands_for_are_named() {
    let sandbox = rehearsal();
    let finished = run(sandbox.collect(&["check", "."])).expect(0);
    assert!(
        finished.stdout.starts_with("./config.yml is valid: "),
        "{}",
        finished.stdout
    );
    let finished = run(sandbox.collect(&["init", "--yes", "--", "-z"])).expect(0);
    assert!(
        finished.stdout.contains(" plan ./-z "),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_pattern_that_matches_nothing_in_any_turn_is_named_as_it_was_written() {
    let sandbox = Sandbox::new();
    let main = "performance_results: [absent/*, none.csv]\nrepeat: 2\nmetrics: off";
    sandbox.config(main, "");
    let finished = run(sandbox.collect(&["--local", ".", "v1"])).expect(1);
    finished.says("`absent/*` or `none.csv` matches no file");
    assert!(!finished.stderr.contains("/turns/"), "{}", finished.stderr);
}
