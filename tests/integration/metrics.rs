//! The sampler of the system metrics, as instances run it: on every awk, and no longer than what it is for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::command::{skip, wait_for};

const SAMPLE: &str = include_str!("../../src/job/metrics/sample.sh");
const PROGRAM: &str = include_str!("../../src/job/metrics/sample.awk");
const DOCUMENTATION: &str = include_str!("../../docs/metrics.md");

struct Sampler {
    directory: TempDir,
    process: Child,
}

impl Sampler {
    /// With this awk, or the machine's own, once a second and until the process `owner` is gone.
    fn start(awk: Option<&str>, owner: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bash = match awk {
            Some(awk) => shell_with(awk, directory.path()),
            None => Command::new("bash"),
        };
        Self::by(bash, directory, "1", owner)
    }

    /// By a shell, in a directory, at an interval.
    fn by(shell: Command, directory: TempDir, interval: &str, owner: &str) -> Self {
        fs::write(directory.path().join("cgroup"), "\n").unwrap();
        Self::in_its_group(shell, directory, interval, owner)
    }

    /// In the control group that the file `cgroup` of the directory names.
    fn in_its_group(mut shell: Command, directory: TempDir, interval: &str, owner: &str) -> Self {
        let path = directory.path();
        let process = shell
            .args(["-c", SAMPLE, "sample"])
            .arg(path)
            .args([interval, owner, PROGRAM])
            .stdin(Stdio::null())
            .stdout(fs::File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut sampler = Self { directory, process };
        wait_for("the header", || {
            assert_eq!(sampler.process.try_wait().unwrap(), None);
            sampler.lines().into_iter().next()
        });
        sampler
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.path().join("log")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn tell(&self, line: &str) {
        let events = self.directory.path().join("events");
        fs::write(events, format!("{line}\n")).unwrap();
    }

    fn ends(&mut self) {
        let status = wait_for("its end", || self.process.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Sampler {
    /// A test that fails leaves nothing behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The awks that instances have, and their commands.
const AWKS: [(&str, &str); 4] = [
    ("mawk", "mawk"),
    ("gawk", "gawk"),
    ("busybox", "busybox awk"),
    ("original-awk", "original-awk"),
];

/// The commands of those awks that this machine has; a missing one is a skip.
fn awks() -> Vec<&'static str> {
    let search = std::env::var("PATH").unwrap();
    let has = |program: &str| {
        let mut directories = search.split(':');
        directories.any(|directory| Path::new(directory).join(program).exists())
    };
    let mut found = Vec::new();
    for (program, awk) in AWKS {
        if has(program) {
            found.push(awk);
        } else {
            skip(&format!("{program} is missing: tests/run installs it"));
        }
    }
    found
}

/// The header of a sampler that no step tells of itself.
fn header() -> String {
    let mut sampler = Sampler::start(None, "");
    sampler.tell("quit");
    sampler.ends();
    sampler.lines().remove(0)
}

/// A shell whose `awk`, in this directory, is this one.
fn shell_with(awk: &str, directory: &Path) -> Command {
    let program = directory.join("awk");
    fs::write(&program, format!("#!/bin/sh\nexec {awk} \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let search = std::env::var("PATH").unwrap();
    let mut bash = Command::new("bash");
    bash.env("PATH", format!("{}:{search}", directory.display()));
    bash
}

#[test]
fn every_awk_samples_the_same() {
    let mut headers = Vec::new();
    for awk in awks() {
        let mut sampler = Sampler::start(Some(awk), "");
        sampler.tell("begin\t\t01-run-a.sh");
        wait_for("a row of the step", || sampler.lines().get(2).cloned());
        sampler.tell("end\t\t01-run-a.sh");
        sampler.tell("quit");
        sampler.ends();
        let lines = sampler.lines();
        let fields = |line: &String| line.split(',').count();
        assert!(
            lines.iter().all(|line| fields(line) == fields(&lines[0])),
            "{awk}: {lines:?}"
        );
        let step = |line: &String| line.split(',').nth(2).unwrap().to_owned();
        assert_eq!(step(lines.last().unwrap()), "01-run-a.sh", "{awk}");
        for line in &lines[1..] {
            let mut numbers = line.split(',').enumerate().filter(|(place, _)| *place != 2);
            let number =
                |text: &str| text.is_empty() || text.parse::<f64>().is_ok_and(|n| n >= 0.0);
            assert!(numbers.all(|(_, text)| number(text)), "{awk}: {line}");
        }
        headers.push(lines[0].clone());
    }
    headers.dedup();
    assert!(headers.len() <= 1, "{headers:#?}");
}

#[test]
fn what_a_step_tells_is_whole_when_it_comes_with_a_tick() {
    let directory = tempfile::tempdir().unwrap();
    let mut sampler = Sampler::by(Command::new("bash"), directory, "0.001", "");
    let steps: Vec<String> = (0..500).map(|step| format!("{step:03}-run-a.sh")).collect();
    for step in &steps {
        sampler.tell(&format!("begin\t\t{step}"));
        sampler.tell(&format!("end\t\t{step}"));
    }
    sampler.tell("quit");
    sampler.ends();
    let lines = sampler.lines();
    let named = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split(',').nth(2));
    let mut named: Vec<&str> = named.filter(|step| !step.is_empty()).collect();
    named.dedup();
    assert_eq!(named, steps);
}

#[test]
fn it_ends_with_the_process_that_it_is_for() {
    let mut owner = Command::new("sleep").arg("300").spawn().unwrap();
    let mut sampler = Sampler::start(None, &owner.id().to_string());
    owner.kill().unwrap();
    owner.wait().unwrap();
    sampler.ends();
}

/// The header and the step of the last row, of a sampler that one step tells of itself.
fn sampled(mut sampler: Sampler) -> (String, String) {
    sampler.tell("begin\t\t01-run-a.sh");
    sampler.tell("end\t\t01-run-a.sh");
    sampler.tell("quit");
    sampler.ends();
    let lines = sampler.lines();
    let step = lines.last().unwrap().split(',').nth(2).unwrap().to_owned();
    (lines[0].clone(), step)
}

#[test]
fn a_machine_with_nothing_but_busybox_is_sampled_as_any_other() {
    let applets = tempfile::tempdir().unwrap();
    let installing = Command::new("busybox")
        .args(["--install", "-s"])
        .arg(applets.path())
        .status();
    if !installing.is_ok_and(|status| status.success()) {
        skip("busybox is missing: tests/run installs it");
        return;
    }
    let mut shell = Command::new(applets.path().join("sh"));
    shell.env_clear().env("PATH", applets.path());
    let directory = tempfile::tempdir().unwrap();
    let (header, step) = sampled(Sampler::by(shell, directory, "1", ""));
    assert_eq!(
        (step.as_str(), &header),
        ("01-run-a.sh", &sampled(Sampler::start(None, "")).0)
    );
}

#[test]
fn a_user_without_rights_samples_what_root_does() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        skip("only root can be somebody else");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut shell = Command::new("bash");
    shell.uid(NOBODY).gid(NOBODY);
    let (header, step) = sampled(Sampler::by(shell, directory, "1", ""));
    assert_eq!(
        (step.as_str(), &header),
        ("01-run-a.sh", &sampled(Sampler::start(None, "")).0)
    );
}

#[test]
fn a_shell_that_cannot_wait_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new("dash")
        .args(["-c", SAMPLE, "sample"])
        .arg(directory.path())
        .args(["1", "", PROGRAM])
        .status();
    match status {
        Ok(status) => assert_eq!(status.code(), Some(126)),
        Err(_) => skip("dash is missing"),
    }
}

#[test]
fn every_disk_has_its_columns() {
    let header = header();
    let names = fs::read_dir("/sys/block").unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_real = |name: &String| {
        ["loop", "ram", "zram", "sr", "fd"]
            .iter()
            .all(|kind| !name.starts_with(kind))
    };
    for name in names.filter(is_real).take(16) {
        for metric in [
            "read_bytes_per_s",
            "written_bytes_per_s",
            "reads_per_s",
            "writes_per_s",
            "busy_percent",
        ] {
            let column = format!("disk.{name}.{metric}");
            assert!(
                header.split(',').any(|known| known == column),
                "{column}: {header}"
            );
        }
    }
}

#[test]
fn what_a_step_reads_and_writes_is_sampled_even_where_nothing_was_before() {
    for awk in awks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let [own, step] = ["own", "step"].map(|name| path.join(name));
        for group in [&own, &step] {
            fs::create_dir(group).unwrap();
            fs::write(group.join("io.stat"), "").unwrap();
        }
        fs::write(path.join("cgroup"), format!("{}\n", own.display())).unwrap();
        let shell = shell_with(awk, &path);
        let mut sampler = Sampler::in_its_group(shell, directory, "0.2", "");
        let asked = fs::read_to_string(path.join("cgroup.subtree_control")).unwrap();
        assert_eq!(asked, "+io\n+memory\n+pids\n");
        sampler.tell(&format!("begin\t{}\t01-run-a.sh", step.display()));
        wait_for("a row of the step", || sampler.lines().get(2).cloned());
        fs::write(
            step.join("io.stat"),
            "8:0 rbytes=1048576 wbytes=4096 rios=1 wios=1\n",
        )
        .unwrap();
        let columns: Vec<String> = sampler.lines()[0].split(',').map(str::to_owned).collect();
        for metric in ["step.read_bytes_per_s", "step.written_bytes_per_s"] {
            let position = columns.iter().position(|column| column == metric);
            let position = position.unwrap_or_else(|| panic!("{awk}: {columns:?}"));
            wait_for("a row with what the step has read and written", || {
                let value = |line: &String| line.split(',').nth(position)?.parse::<f64>().ok();
                sampler
                    .lines()
                    .iter()
                    .filter_map(value)
                    .find(|rate| *rate > 0.0)
            });
        }
        sampler.tell("quit");
        sampler.ends();
    }
}

/// The files that a tick reads on every machine; of the two last ones no more than to the word behind them.
const READ_BY_A_TICK: [(&str, &str); 11] = [
    ("/proc/uptime", ""),
    ("/proc/stat", ""),
    ("/proc/loadavg", ""),
    ("/proc/diskstats", ""),
    ("/proc/net/dev", ""),
    ("/proc/pressure/cpu", ""),
    ("/proc/pressure/io", ""),
    ("/proc/pressure/memory", ""),
    ("/sys/fs/cgroup/cpu.stat", ""),
    ("/proc/meminfo", "Dirty:"),
    ("/proc/vmstat", "pgmajfault "),
];

/// The blocks that an awk reads at once at least, in bytes: the size that the kernel tells of a file in `/proc`.
const BLOCK: usize = 1024;

/// The ticks that are counted.
const TICKS: usize = 100;

/// The system calls of a sampler with this awk that ticked so often, by their names.
fn calls(awk: &str, ticks: usize) -> BTreeMap<String, usize> {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let by_bash = shell_with(awk, directory.path());
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-qq",
        "-e",
        "trace=read,openat,open,execve,fork,vfork,clone,clone3",
        "-o",
    ]);
    traced.arg(&trace).arg("bash");
    for (name, value) in by_bash.get_envs() {
        traced.env(name, value.unwrap());
    }
    // The only ticks are those that it is told.
    let owner = std::process::id().to_string();
    let mut sampler = Sampler::by(traced, directory, "3600", &owner);
    let told = "\n".repeat(ticks);
    sampler.tell(&format!("{told}quit"));
    sampler.ends();
    let mut calls = BTreeMap::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        // The second half of a call that was interrupted by another process counts no second time.
        if let Some((_, call)) = line.split_once(' ')
            && let Some((name, _)) = call.trim_start().split_once('(')
        {
            *calls.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    calls
}

/// Time would tell of the machine and of what else runs on it; the calls to the kernel are the same everywhere.
#[test]
fn a_tick_starts_no_process_and_reads_no_more_than_it_needs() {
    let traces = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if !traces.is_ok_and(|status| status.success()) {
        skip("strace is missing, or may not trace: tests/run installs it");
        return;
    }
    let files = READ_BY_A_TICK.iter();
    let contents = files.filter_map(|(file, word)| Some((fs::read_to_string(file).ok()?, word)));
    let needed = contents.map(|(text, word)| {
        let length = text
            .find(word)
            .filter(|_| !word.is_empty())
            .unwrap_or(text.len());
        // One block more where a number grew over its end, and one call that finds the end.
        length.div_ceil(BLOCK) + 2
    });
    let frequencies =
        (0..16).map(|cpu| format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"));
    let frequencies = frequencies.filter(|file| Path::new(file).exists()).count();
    // A read more is that of the tick itself.
    let most_reads = needed.sum::<usize>() + 2 * frequencies + 1;
    let most_opens = READ_BY_A_TICK.len() + frequencies;
    for awk in awks() {
        let [few, many] = [10, 10 + TICKS].map(|ticks| calls(awk, ticks));
        let of_ticks = |name: &str| {
            let [few, many] = [&few, &many].map(|calls| calls.get(name).copied().unwrap_or(0));
            many.saturating_sub(few)
        };
        for starting in ["execve", "fork", "vfork", "clone", "clone3"] {
            assert_eq!(of_ticks(starting), 0, "{awk}: {starting}");
        }
        let opens = of_ticks("openat") + of_ticks("open");
        assert!(opens > TICKS, "{awk} was not traced: {many:?}");
        assert!(
            opens <= most_opens * TICKS,
            "{awk}: {opens} files for {TICKS} ticks"
        );
        let reads = of_ticks("read");
        assert!(
            reads <= most_reads * TICKS,
            "{awk}: {reads} reads for {TICKS} ticks, and {most_reads} for one would do"
        );
    }
}

#[test]
fn a_sampler_has_eight_megabytes_at_most() {
    for awk in awks() {
        let mut sampler = Sampler::start(Some(awk), &std::process::id().to_string());
        sampler.tell("begin\t\t01-run-a.sh");
        wait_for("a row of the step", || sampler.lines().get(2).cloned());
        let process = sampler.process.id();
        let children =
            fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
        let processes = children.split_whitespace().map(str::to_owned);
        let kilobytes = processes.chain([process.to_string()]).map(|process| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let resident = resident.unwrap().trim().trim_end_matches(" kB");
            resident.parse::<u32>().unwrap()
        });
        let kilobytes: u32 = kilobytes.sum();
        assert!((500..=8192).contains(&kilobytes), "{awk}: {kilobytes} KiB");
        sampler.tell("quit");
        sampler.ends();
    }
}

#[test]
fn every_column_is_documented() {
    let header = header();
    let rows = DOCUMENTATION
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    for column in header.split(',') {
        let general = match column.split_once('.') {
            Some((subject, _)) if subject == "net" || subject == "disk" => {
                let (_, metric) = column.rsplit_once('.').unwrap();
                format!("{subject}.NAME.{metric}")
            }
            Some((subject, metric)) if subject.starts_with("cpu") && subject != "cpu" => {
                format!("cpuN.{metric}")
            }
            _ => column.to_owned(),
        };
        assert!(
            documented.contains(&general.as_str()),
            "{column}: {documented:?}"
        );
    }
}
