//! A person's shell on the instance before it is terminated: real terminals, over SSH and in a rehearsal.

use std::env;
use std::fs;
use std::process::Command;

use collector::shell::Shell as _;
use collector::shell::ssh::SshShell;
use rustix::process::Signal;

use crate::command::{Sandbox, run, say};
use crate::fake_github::FakeGitHub;
use crate::ssh::{Sshd, block_on};
use crate::terminal::{Attached, Terminal};

const CTRL_C: &[u8] = b"\x03";

/// Set for the process that is on the terminal.
const ON_TERMINAL: &str = "COLLECTOR_TESTS_ON_TERMINAL";

/// What the shell of a rehearsal shows when it listens.
const PROMPT: &str = "type here> ";

/// Says what a terminal is like in words that typing the command does not show.
const ASK_SIZE: &[u8] = b"echo size-$(stty size | tr ' ' x)\n";

/// The shell has the terminal of the process that asks for it, so this one begins itself anew on a terminal.
#[test]
fn a_shell_over_ssh_has_the_size_of_the_terminal_and_its_ctrl_c() {
    if env::var_os(ON_TERMINAL).is_some() {
        return give_terminal_to_sshd();
    }
    let test = "open_shell::a_shell_over_ssh_has_the_size_of_the_terminal_and_its_ctrl_c";
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(ON_TERMINAL, "1").env("TERM", "vt100");
    let (mut terminal, mut running) = Terminal::controlling(&command);
    if terminal.wait_for_any(&["connected", "SKIPPED"]) == "SKIPPED" {
        return;
    }
    terminal.press(b"echo term-${TERM}\n");
    terminal.wait_for("term-vt100");
    terminal.press(ASK_SIZE);
    terminal.wait_for("size-40x100");
    terminal.resize(61, 17);
    // The size travels beside the keys.
    terminal.press(b"until [ \"$(stty size)\" = '17 61' ]; do sleep 0.1; done\n");
    terminal.press(ASK_SIZE);
    terminal.wait_for("size-17x61");
    // One program says that it has begun and waits: between two of them, Ctrl-C can be lost in bash itself.
    terminal.press(b"sh -c 'echo begun$((1)); exec sleep 600'\n");
    terminal.wait_for("begun1");
    terminal.press(CTRL_C);
    terminal.press(b"echo status-$?\n");
    terminal.wait_for("status-130");
    terminal.press(b"exit 7\n");
    terminal.wait_for("ended with Code(7)");
    let rest = terminal.rest();
    assert!(rest.contains("isig icanon"), "{rest}");
    running.expect(0);
}

fn give_terminal_to_sshd() {
    let Some((sshd, keys)) = Sshd::with_keys() else {
        return;
    };
    let exit = block_on(async {
        let shell = SshShell::connect(sshd.target(&keys)).await.unwrap();
        say("connected");
        shell.interactive().await.unwrap()
    });
    say(&format!("ended with {exit:?}"));
    assert!(Command::new("stty").arg("-a").status().unwrap().success());
}

/// A rehearsal on a terminal, with a step that ends so.
fn rehearsal(status: u8, option: &str) -> (Sandbox, Terminal, Attached) {
    let sandbox = Sandbox::new();
    sandbox
        .config("performance_results: speed", "run:\n  - measure.sh\n")
        .script("measure.sh", &format!("echo 42 > speed; exit {status}"));
    let mut command = sandbox.collect(&["config.yml", "v1", "--local", option]);
    command
        .env("SHELL", "/bin/sh")
        .env("PS1", PROMPT)
        .env("NO_COLOR", "1")
        .env("TERM", "xterm-256color");
    let (terminal, running) = Terminal::controlling(&command);
    (sandbox, terminal, running)
}

#[test]
fn after_a_failure_everything_is_home_before_the_shell_and_the_run_goes_on_after_it() {
    let (sandbox, mut terminal, mut running) = rehearsal(3, "--shell-on-fail");
    terminal.wait_for("a shell on local-");
    assert_eq!(
        fs::read_to_string(sandbox.sample("v1").join("speed")).unwrap(),
        "42\n"
    );
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_C);
    terminal.wait_for(&format!("{PROMPT}^C\r\n{PROMPT}"));
    terminal.press(b"cat speed; echo size-$(stty size | tr ' ' x); pwd\n");
    terminal.wait_for("size-40x100");
    // Longer than from one status line to the next.
    terminal.press(b"sleep 2; echo quiet-$((6 * 7))\n");
    terminal.wait_for("quiet-42");
    terminal.press(b"exit\n");
    terminal.wait_for("terminate: done");
    let text = terminal.rest();
    running.expect(1);
    let (_, shell) = text.split_once("a shell on local-").unwrap();
    let (shell, _) = shell.split_once("quiet-42").unwrap();
    assert!(
        shell.contains("42\r\n") && shell.contains("/home\r\n"),
        "{shell:?}"
    );
    assert!(
        !shell.contains("measure.sh") && !shell.contains('\u{1b}'),
        "{shell:?}"
    );
    assert!(text.contains("failed"), "{text:?}");
    let instances = sandbox.path().join("state/instances");
    assert_eq!(fs::read_dir(instances).unwrap().count(), 0);
}

#[test]
fn a_run_that_passes_opens_a_shell_only_where_it_is_always_wanted() {
    let (_sandbox, terminal, mut running) = rehearsal(0, "--shell-on-fail");
    let text = terminal.rest();
    running.expect(0);
    assert!(!text.contains("a shell on"), "{text:?}");

    let (_sandbox, mut terminal, mut running) = rehearsal(0, "--shell-before-terminate");
    terminal.wait_for(PROMPT);
    terminal.press(b"exit\n");
    terminal.wait_for("passed");
    running.expect(0);
}

#[test]
fn a_signal_ends_the_shell_and_the_run() {
    let (sandbox, mut terminal, mut running) = rehearsal(0, "--shell-before-terminate");
    terminal.wait_for(PROMPT);
    terminal.press(b"echo open-$((1))\n");
    terminal.wait_for("open-1");
    running.signal(Signal::TERM);
    terminal.wait_for("terminate: done");
    running.expect(143);
    let instances = sandbox.path().join("state/instances");
    assert_eq!(fs::read_dir(instances).unwrap().count(), 0);
}

#[test]
fn without_a_terminal_for_it_there_is_no_run() {
    for option in ["--shell-on-fail", "--shell-before-terminate"] {
        let sandbox = Sandbox::new();
        sandbox
            .config("performance_results: speed", "run:\n  - measure.sh\n")
            .script("measure.sh", "echo 42 > speed");
        let refused = run(sandbox.collect(&["config.yml", "v1", "--local", option])).expect(2);
        refused.says(&format!("there is no terminal for the shell of `{option}`"));
        refused.says("--keep-on-failure 30m");
        assert!(sandbox.samples("v1").is_empty());
    }
    if let Some(github) = FakeGitHub::start() {
        let sandbox = Sandbox::new();
        sandbox.config("performance_results: speed", "");
        let mut job = github.job();
        job.set("GITHUB_WORKSPACE", sandbox.path().to_str().unwrap());
        let mut command = sandbox.collect(&["config.yml", "v1", "--local", "--shell-on-fail"]);
        command.envs(job.variables()).env("INPUT_COMMENT", "never");
        let refused = run(command).expect(2);
        assert!(refused.stdout.contains("has no terminal"), "{refused:?}");
    }
    let sandbox = Sandbox::new();
    sandbox.config("performance_results: speed\nsamples: 2", "");
    let command = sandbox.collect(&["config.yml", "v1", "--local", "--shell-on-fail"]);
    let (terminal, mut running) = Terminal::controlling(&command);
    let text = terminal.rest();
    running.expect(2);
    assert!(text.contains("and the run has 2 samples"), "{text}");
    assert!(text.contains("--samples 1"), "{text}");
}
