//! The status line of a step on terminals of several widths.

use console::strip_ansi_codes;

use crate::command::Desk;
use crate::terminal::Terminal;

/// Every line that a terminal of so many columns has shown of a run whose step says nothing for some seconds.
fn shown(columns: usize) -> Vec<String> {
    let desk = Desk::new();
    desk.config(
        "performance_results: speed.csv",
        "run:\n  - measure.sh: {timeout: 2m}\n",
    )
    .script("measure.sh", "sleep 5\necho 42 > speed.csv");
    let mut command = desk.collect(&["config.yml", "v1", "--local"]);
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
            .any(|line| line.contains("silent for 3s, is ended in 1m5"));
        assert_eq!(both, end, "{columns}: {status:#?}");
        let widest = status.iter().map(|line| line.trim_end().chars().count());
        assert!(widest.max() < Some(columns), "{columns}: {status:#?}");
    }
}
