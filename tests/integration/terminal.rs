//! Terminals and pipes as people have them: some hang, some have no colours, and some go away.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use crate::command::{PATIENCE, Sandbox, wait_for};
use crate::lab::{Guest, Lab};
use crate::signals::GONE;

/// More than a pipe, a terminal and a hidden buffer of collector's could hold together, and no more than a log may have; in
/// bytes.
const FLOOD: u64 = 30_000_000;

/// A rehearsal that tells all of its events.
const REHEARSAL: [&str; 6] = [
    "config.yml",
    "v1",
    "--local",
    "--events",
    "events.jsonl",
    "-v",
];

/// The key that stops a terminal.
const CTRL_S: &[u8] = b"\x13";

/// A program that runs on a terminal, or into a pipe, that nobody may read from.
pub(crate) struct Attached(Child);

impl Attached {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, status: i32) {
        let ended = wait_for("its end", || self.0.try_wait().unwrap());
        assert_eq!(ended.code(), Some(status));
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A terminal with the program on it; what it shows arrives piece by piece.
pub(crate) struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    /// A terminal of 100 columns.
    pub(crate) fn spawn(command: Command) -> (Self, Attached) {
        Self::of_columns(100, command)
    }

    pub(crate) fn of_columns(columns: usize, mut command: Command) -> (Self, Attached) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().try_into().unwrap())
            .open(OsStr::from_bytes(name.as_bytes()))
            .unwrap();
        let stty = Command::new("stty")
            .args(["cols", &columns.to_string(), "rows", "40"])
            .stdin(slave.try_clone().unwrap())
            .status();
        assert!(stty.unwrap().success());
        let child = command
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        let keys = File::from(master);
        let mut reader = keys.try_clone().unwrap();
        let (pieces, shown) = channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal without a program on it is an error to read from.
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                if pieces.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let terminal = Self {
            keys,
            shown,
            text: String::new(),
        };
        (terminal, Attached(child))
    }

    /// A terminal that controls the program on it: its keys are signals there, and it hears of a new size.
    pub(crate) fn controlling(command: &Command) -> (Self, Attached) {
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            session.current_dir(directory).env_clear();
        }
        for (name, value) in command.get_envs() {
            session.env(name, value.unwrap());
        }
        Self::spawn(session)
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keys, size).unwrap();
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_for_any(&[text]);
    }

    /// Waits until one of these is shown, and says which.
    pub(crate) fn wait_for_any<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(text) = texts.iter().find(|text| self.text.contains(**text)) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(piece) => self.text.push_str(&String::from_utf8_lossy(&piece)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("none of {texts:?} on the terminal:\n{}", self.text)
                }
            }
        }
    }

    /// Everything that is shown until the program has gone.
    pub(crate) fn rest(mut self) -> String {
        while let Ok(piece) = self.shown.recv_timeout(PATIENCE) {
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        self.text
    }
}

/// A config whose measurement floods whoever listens, and then waits.
fn flood(sandbox: &Sandbox, main: &str, step: &str, then: &str) {
    sandbox
        .config(
            main,
            &format!("run:\n  - {step}\nbefore_collect:\n  - afterwards.sh\n"),
        )
        .script(
            "flood.sh",
            &format!("echo begun\nyes 'a line of output' | head -c {FLOOD}\ntouch result\n{then}"),
        )
        .script("afterwards.sh", "echo afterwards");
}

fn pipe_that_nobody_reads(command: &mut Command) -> Attached {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    Attached(command.stderr(Stdio::piped()).spawn().unwrap())
}

/// The names of the events in a file of `--events`, each line of which is whole.
fn events(sandbox: &Sandbox) -> Vec<String> {
    let text = fs::read_to_string(sandbox.path().join("events.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["event"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_pipe_that_nobody_reads_costs_nothing_but_its_own_lines() {
    let sandbox = Sandbox::new();
    flood(&sandbox, "performance_results: result", "flood.sh", "");
    let mut running = pipe_that_nobody_reads(&mut sandbox.collect(&REHEARSAL));
    running.expect(0);
    let sample = sandbox.sample("v1");
    assert!(sample.join("result").exists());
    let log = fs::metadata(sample.join("collector/logs/01-run-flood.sh.log")).unwrap();
    assert_eq!(log.len(), FLOOD + 6);
    let events = events(&sandbox);
    assert_eq!(
        events.last().unwrap(),
        "finished",
        "{:?}",
        &events[events.len() - 5..]
    );
}

#[test]
fn a_stopped_terminal_holds_up_no_signal_and_no_termination() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: result");
    flood(&sandbox, &main, "flood.sh", "exec sleep 600");
    let command = lab.collect(&sandbox, &["config.yml", "v1", "--events", "events.jsonl"]);
    let (mut terminal, mut running) = Terminal::spawn(command);
    terminal.wait_for("begun");
    terminal.press(CTRL_S);
    let log = wait_for("the flood", || {
        let partial = fs::read_dir(sandbox.output().join("v1")).ok()?.flatten();
        let logs = partial.map(|entry| entry.path().join("collector/logs/01-run-flood.sh.log"));
        let log = logs.filter(|path| path.exists()).last()?;
        (fs::metadata(&log).ok()?.len() == FLOOD + 6).then_some(log)
    });
    assert!(log.exists());
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.expect(143);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    lab.expect_nothing_left();
    let text = fs::read_to_string(sandbox.path().join("events.jsonl")).unwrap();
    assert!(text.contains("\"terminated\"") && text.ends_with('\n'));
}

#[test]
fn a_stopped_terminal_holds_up_no_time_out() {
    let sandbox = Sandbox::new();
    flood(
        &sandbox,
        "performance_results: result",
        "flood.sh: {timeout: 10s}",
        "exec sleep 600",
    );
    let (mut terminal, mut running) = Terminal::spawn(sandbox.collect(&REHEARSAL));
    terminal.wait_for("begun");
    terminal.press(CTRL_S);
    let since = Instant::now();
    running.expect(0);
    // Of the run, all but the 10 s is clean-up, as after a signal.
    let limit = Duration::from_secs(10) + GONE;
    assert!(since.elapsed() < limit, "{:?}", since.elapsed());
    let sample = sandbox.sample("v1");
    assert!(sample.join("result").exists());
    let afterwards = sample.join("collector/logs/02-before_collect-afterwards.sh.log");
    assert_eq!(fs::read_to_string(afterwards).unwrap(), "afterwards\n");
    let events = events(&sandbox);
    let ends = events.iter().filter(|event| *event == "step_finished");
    assert_eq!(ends.count(), 2);
    assert_eq!(events.last().unwrap(), "finished");
    let record = fs::read_to_string(sample.join("collector/run.json")).unwrap();
    assert!(record.contains("\"timed_out\""), "{record}");
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_no_signal_and_no_termination() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: result");
    flood(&sandbox, &main, "flood.sh", "exec sleep 600");
    let command = &mut lab.collect(&sandbox, &["config.yml", "v1"]);
    let mut running = pipe_that_nobody_reads(command);
    wait_for("the flood", || {
        let partial = fs::read_dir(sandbox.output().join("v1")).ok()?.flatten();
        let mut logs = partial.map(|entry| entry.path().join("collector/logs/01-run-flood.sh.log"));
        logs.any(|log| fs::metadata(log).is_ok_and(|log| log.len() == FLOOD + 6))
            .then_some(())
    });
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.expect(143);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    lab.expect_nothing_left();
}

#[test]
fn a_terminal_shows_what_goes_on_in_colours_where_they_are_wanted() {
    let shown = |name: &str, value: &str| {
        let sandbox = Sandbox::new();
        sandbox
            .config("performance_results: result", "run:\n  - quick.sh\n")
            .script("quick.sh", "touch result\nsleep 2");
        let mut command = sandbox.collect(&["config.yml", "v1", "--local"]);
        command.env("TERM", "xterm-256color").env(name, value);
        let (terminal, mut running) = Terminal::spawn(command);
        let text = terminal.rest();
        running.expect(0);
        text
    };
    let colour = |text: &str| text.contains("\x1b[1m") || text.contains("\x1b[32m");
    let coloured = shown("COLUMNS", "100");
    assert!(colour(&coloured), "{coloured:?}");
    // A step that says nothing is still seen to go on.
    assert!(
        coloured.contains("\x1b[2K") && coloured.contains("quick.sh"),
        "{coloured:?}"
    );
    let plain = shown("NO_COLOR", "1");
    assert!(!colour(&plain) && plain.contains("passed"), "{plain:?}");
    let dumb = shown("TERM", "dumb");
    assert!(
        !dumb.contains('\x1b') && dumb.contains("passed"),
        "{dumb:?}"
    );
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let sandbox = Sandbox::new();
    let go = sandbox.path().join("go");
    sandbox
        .config("performance_results: result", "run:\n  - slow.sh\n")
        .script(
            "slow.sh",
            &format!(
                "echo begun\nuntil [ -e '{}' ]; do sleep 0.1; done\ntouch result",
                go.display()
            ),
        );
    let collect = sandbox.collect(&["config.yml", "v1", "--local"]);
    let mut nohup = Command::new("nohup");
    nohup
        .arg(collect.get_program())
        .args(collect.get_args())
        .current_dir(sandbox.path())
        .env_clear();
    for (name, value) in collect.get_envs() {
        nohup.env(name, value.unwrap());
    }
    let (terminal, mut running) = Terminal::spawn(nohup);
    let said = || fs::read_to_string(sandbox.path().join("nohup.out")).unwrap_or_default();
    wait_for("the step", || said().contains("begun").then_some(()));
    drop(terminal);
    running.signal(Signal::HUP);
    sandbox.file("go", "");
    running.expect(0);
    assert!(said().contains("passed"), "{}", said());
}

#[test]
fn a_signal_of_another_kind_ends_what_ctrl_c_let_go_on() {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: none",
            "run:\n  - wait.sh\nbefore_collect:\n  - tidy.sh\n",
        )
        .script("wait.sh", "echo begun to wait\nsleep 600")
        .script("tidy.sh", "echo begun to tidy\nsleep 600");
    let command = sandbox.collect(&["config.yml", "v1", "--local"]);
    let (mut terminal, mut running) = Terminal::controlling(&command);
    terminal.wait_for("begun to wait");
    terminal.press(b"\x03");
    terminal.wait_for("begun to tidy");
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.expect(143);
    assert!(since.elapsed() < GONE);
}
