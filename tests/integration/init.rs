//! `collect init`, completions and manual pages: the way into collector.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use collector::cli;

use crate::command::{Sandbox, run};
use crate::terminal::Terminal;

const FILES: [&str; 4] = ["config.yml", "setup.sh", "run.sh", "collector.schema.json"];

#[test]
fn what_it_writes_is_valid_and_can_be_rehearsed() {
    let sandbox = Sandbox::new();
    let made = run(sandbox.collect(&["init", "--yes", "new/My program"])).expect(0);
    assert_eq!(made.stderr, "");
    assert!(
        made.stdout
            .contains("collect --local 'new/My program' demo"),
        "{}",
        made.stdout
    );
    let directory = sandbox.path().join("new/My program");
    for name in FILES {
        assert!(directory.join(name).is_file(), "{name}");
    }
    run(sandbox.collect(&["check", "new/My program"])).expect(0);
    let mut rehearsal = sandbox.collect(&["--local", ".", "demo"]);
    rehearsal.current_dir(&directory);
    run(rehearsal).expect(0);
    let samples = fs::read_dir(directory.join("results/demo")).unwrap();
    let sample = samples
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir());
    let figures = fs::read_to_string(sample.unwrap().join("My-program.csv")).unwrap();
    let lines: Vec<&str> = figures.lines().collect();
    assert_eq!(lines.len(), 11, "{figures}");
    assert_eq!(lines[0], "name,value,unit,revision,repetition");
    assert!(lines[1].starts_with("My-program,0."), "{figures}");
    assert!(lines[1].ends_with(",s,demo,1"), "{figures}");

    let mut compared = sandbox.collect(&["--local", ".", "new", "--baseline", "old"]);
    compared.args(["--repeat", "1"]).current_dir(&directory);
    let compared = run(compared).expect(0);
    assert!(
        compared.stdout.contains("My-program  no verdict"),
        "{}",
        compared.stdout
    );
    assert!(
        !compared.stderr.contains("what is better"),
        "{}",
        compared.stderr
    );
}

#[test]
fn in_a_clone_what_it_writes_measures_the_commits() {
    let sandbox = Sandbox::new();
    sandbox.script("hello", "echo hello");
    let git =
        "git init -q . && git add hello && git -c user.name=a -c user.email=a@b.c commit -qm one";
    let status = Command::new("sh")
        .args(["-c", git])
        .current_dir(sandbox.path())
        .status();
    assert!(status.unwrap().success());
    // Both commands start in the checkout.
    let commands = ["--build", "cp hello built", "--measure", "./built"];
    let args = [&["init", "--yes", "perf"], &commands[..]].concat();
    let made = run(sandbox.collect(&args)).expect(0);
    assert!(
        made.stdout.contains("collect --local perf HEAD"),
        "{}",
        made.stdout
    );
    let rehearsal = run(sandbox.collect(&["--local", "perf", "HEAD"])).expect(0);
    rehearsal.says("HEAD is commit ");
}

#[test]
fn the_config_that_it_writes() {
    let sandbox = Sandbox::new();
    run(sandbox.collect(&["init", "--yes", "w3af"])).expect(0);
    let read = |name: &str| fs::read_to_string(sandbox.path().join("w3af").join(name)).unwrap();
    insta::assert_snapshot!("init_config", read("config.yml"));
    insta::assert_snapshot!("init_setup", read("setup.sh"));
    insta::assert_snapshot!("init_run", read("run.sh"));
}

#[test]
fn the_answers_can_be_given() {
    let sandbox = Sandbox::new();
    let answers = [
        "init",
        "here",
        "--program",
        "adder",
        "--build",
        "mkdir src && echo 'echo \"$(($1 + $2))\"' >src/add",
        "--measure",
        "cd src\ntest \"$(sh add 1 2)\" = 3",
    ];
    run(sandbox.collect(&answers)).expect(0);
    run(sandbox.collect(&["--local", "--output", "out", "here", "v1"])).expect(0);
    assert!(sandbox.sample("v1").join("adder.csv").is_file());
    let bad = run(sandbox.collect(&["init", "--yes", "--program", "a/b", "there"])).expect(2);
    bad.says("cannot name files");
    run(sandbox.collect(&["init", "--yes", "--measure", "", "there"])).expect(2);
    assert!(!sandbox.path().join("there").exists());
}

#[test]
fn a_person_is_asked_and_may_press_enter() {
    let sandbox = Sandbox::new();
    let (mut terminal, mut program) = Terminal::spawn(sandbox.collect(&["init", "gzip speed"]));
    terminal.wait_for("Name of the program");
    terminal.press(b"a b\r");
    terminal.wait_for("cannot name files");
    // Away with it, and with the default in its place.
    terminal.press(b"\x7f\x7f\x7fgzip\r");
    terminal.wait_for("installs it");
    terminal.press(b"\r");
    terminal.wait_for("time is measured");
    terminal.press(b"gzip --version\r");
    program.expect(0);
    let shown = terminal.rest();
    assert!(shown.contains("wrote config.yml"), "{shown}");
    let script = fs::read_to_string(sandbox.path().join("gzip speed/run.sh")).unwrap();
    assert!(
        script.contains("\ngzip --version\n") && script.contains("figures/gzip.csv"),
        "{script}"
    );
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let sandbox = Sandbox::new();
    let refused = run(sandbox.collect(&["init", "new"])).expect(2);
    refused.says("there is no terminal to ask on");
    refused.says("`--yes`");
    assert!(!sandbox.path().join("new").exists());
}

#[test]
fn no_file_is_overwritten() {
    let sandbox = Sandbox::new();
    sandbox
        .file("run.sh", "mine")
        .file("config.yml", "mine too");
    let refused = run(sandbox.collect(&["init", "--yes"])).expect(2);
    refused.says("config.yml, run.sh");
    assert_eq!(
        fs::read_to_string(sandbox.path().join("run.sh")).unwrap(),
        "mine"
    );
    assert!(!sandbox.path().join("setup.sh").exists());
    // A link that leads nowhere is there, too.
    let linked = Sandbox::new();
    std::os::unix::fs::symlink("absent", linked.path().join("setup.sh")).unwrap();
    run(linked.collect(&["init", "--yes"]))
        .expect(2)
        .says("setup.sh");
}

#[test]
fn scripts_are_executable_whatever_the_umask() {
    let sandbox = Sandbox::new();
    let status = Command::new("sh")
        .args([
            "-c",
            "umask 077; exec \"$0\" init --yes",
            env!("CARGO_BIN_EXE_collect"),
        ])
        .current_dir(sandbox.path())
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let mode = fs::metadata(sandbox.path().join("run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    run(sandbox.collect(&["check", "."])).expect(0);
}

#[test]
fn the_completions_of_each_shell_have_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let printed = run(sandbox.collect(&["completions", shell]))
            .expect(0)
            .stdout;
        for word in ["check", "plan", "init", "schema", "reap", "samples"] {
            assert!(printed.contains(word), "{word} in {shell}");
        }
    }
}

#[test]
fn bash_completes_a_command() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "completions",
        &run(sandbox.collect(&["completions", "bash"]))
            .expect(0)
            .stdout,
    );
    let script = "source completions\n\
        COMP_WORDS=(collect ch) COMP_CWORD=1\n\
        _collect collect ch collect\n\
        echo \"${COMPREPLY[@]}\"";
    let completed = Command::new("bash")
        .args(["-c", script])
        .current_dir(sandbox.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&completed.stdout),
        "check\n",
        "{completed:?}"
    );
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let sandbox = Sandbox::new();
    run(sandbox.collect(&["man", "."])).expect(0);
    let definition = cli::command();
    let commands = definition.get_subcommands();
    let pages = commands
        .filter(|command| !command.is_hide_set())
        .map(|command| (format!("collect-{}.1", command.get_name()), command));
    for (name, command) in pages.chain([("collect.1".to_owned(), &definition)]) {
        let page = fs::read_to_string(sandbox.path().join(name)).unwrap();
        // Where a page may break a line or a word, it has a backslash.
        let words = command.get_about().unwrap().to_string();
        let words = words.split(['-', '`', '\'', '.']).next().unwrap();
        assert!(
            page.starts_with(".ie") && page.contains(".TH") && page.contains(words),
            "{words}: {page}"
        );
    }
    run(sandbox.collect(&["man", "absent"]))
        .expect(2)
        .says("manual pages to absent: No such file");
}
