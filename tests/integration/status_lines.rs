//! Terminals of several widths: the status line of a step, and whatever else is said.

use std::process::Command;

use console::strip_ansi_codes;

use crate::command::{Sandbox, run};
use crate::terminal::Terminal;

/// Every line that a terminal of so many columns has shown of a run whose step says nothing for some seconds.
fn shown(columns: usize) -> Vec<String> {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: speed.csv",
            "run:\n  - measure.sh: {timeout: 2m}\n",
        )
        .script("measure.sh", "sleep 5\necho 42 > speed.csv");
    let mut command = sandbox.collect(&["config.yml", "v1", "--local"]);
    command.env("TERM", "xterm-256color");
    let (terminal, mut running) = Terminal::of_columns(columns, command);
    let text = terminal.rest();
    running.expect(0);
    let text = strip_ansi_codes(&text);
    text.split(['\r', '\n']).map(str::to_owned).collect()
}

#[test]
fn a_status_line_says_what_there_is_room_for_and_never_wraps() {
    for (columns, silence, end) in [
        (24, false, false),
        (40, true, false),
        (80, true, true),
        (120, true, true),
    ] {
        let lines = shown(columns);
        let status: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("measure.sh "))
            .filter(|line| !line.contains(" ok "))
            .collect();
        assert!(!status.is_empty(), "{lines:#?}");
        let said = |words: &str| status.iter().any(|line| line.contains(words));
        assert_eq!(said("s, silent for "), silence, "{columns}: {status:#?}");
        let both = status
            .iter()
            .any(|line| line.contains("silent for 3s, times out in 1m5"));
        assert_eq!(both, end, "{columns}: {status:#?}");
        let widest = status.iter().map(|line| line.trim_end().chars().count());
        assert!(widest.max() < Some(columns), "{columns}: {status:#?}");
    }
}

/// Every line that a command leaves on a terminal of so many columns, without the status lines that were there before.
fn left(columns: usize, mut command: Command, status: i32) -> Vec<String> {
    command.env("TERM", "dumb");
    let (terminal, mut running) = Terminal::of_columns(columns, command);
    let text = terminal.rest();
    running.expect(status);
    text.split("\r\n").map(str::to_owned).collect()
}

/// The lines that the terminal has to break although there was a place for it between two words.
fn broken_by_the_terminal(lines: &[String], columns: usize) -> Vec<&String> {
    let words_fit = |line: &str| {
        let text = line.trim_start();
        let indent = line.chars().count() - text.chars().count();
        let first = text.split(' ').next().unwrap_or_default();
        text.contains(' ') && indent + first.chars().count() <= columns
    };
    let quoted = |line: &str| line.starts_with("  | ") || line.starts_with("mistake");
    // A value stands behind its name, and a command in one line, however long they are.
    let whole = |line: &str| {
        let starts = ["path  ", "archive  ", "results  "];
        starts.iter().any(|start| line.starts_with(start)) || line.contains("  collect ")
    };
    lines
        .iter()
        .filter(|line| line.chars().count() > columns && words_fit(line))
        .filter(|line| !quoted(line) && !whole(line))
        .collect()
}

#[test]
fn what_is_said_is_broken_between_words() {
    for columns in [40, 80, 120] {
        let sandbox = Sandbox::new();
        sandbox.config("performance_results: speed", "run:\n  - measure-everything.sh\n")
            .script(
                "measure-everything.sh",
                "echo 42 > speed; echo mistake in a/path/of/a/file: there is no such file, and this line is long; exit 3",
            );
        let keep = ["config.yml", "v1", "--local", "--keep-on-failure", "1m"];
        let failed = left(columns, sandbox.collect(&keep), 1);
        assert!(
            failed.iter().any(|line| line.contains("hint: ")),
            "{failed:#?}"
        );
        let output = sandbox.output();
        let results = ["results", "--output", output.to_str().unwrap()];
        let results = left(columns, sandbox.collect(&results), 0);
        let listed = left(columns, sandbox.collect(&["list", "--local"]), 0);
        assert!(
            listed.iter().any(|line| line.contains("local-")),
            "{listed:#?}"
        );
        sandbox.file(
            "bad.yml",
            "main:\n  ouput: a\nrun:\n  - there-is-no-such-script.sh\n",
        );
        let refused = left(
            columns,
            sandbox.collect(&["check", "--local", "bad.yml"]),
            2,
        );
        for lines in [&failed, &results, &listed, &refused] {
            let broken = broken_by_the_terminal(lines, columns);
            assert!(broken.is_empty(), "{columns}: {broken:#?} in {lines:#?}");
        }
        run(sandbox.collect(&["reap", "--all", "--local"])).expect(0);
    }
}
