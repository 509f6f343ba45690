//! A quiet machine: what makes measurements uneven is turned off, as far as that goes without a reboot.

use std::time::Duration;

use super::RemoteHost;
use crate::records::QuietSetting;
use crate::shell::{Command, Shell, ShellError, run_idempotent};

const QUIET: &str = include_str!("quiet.sh");

/// The deadline for all settings: stopping units three times and swapping in have a minute each.
const QUIET_DEADLINE: Duration = Duration::from_mins(5);

impl<S: Shell> RemoteHost<S> {
    /// Makes the machine quiet for `lifetime` from now. Returns what was wanted, and what it has.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn quieten(&self, lifetime: Duration) -> Result<Vec<QuietSetting>, ShellError> {
        let lifetime = lifetime.as_secs().to_string();
        let command = Command::new(QUIET, [String::new(), lifetime]).as_root();
        let what = "making the instance quiet";
        let answer = run_idempotent(&self.shell, what, &command, &[], QUIET_DEADLINE).await?;
        Ok(QuietSetting::from_answer(&String::from_utf8_lossy(
            &answer.stdout,
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use tempfile::TempDir;

    use super::*;

    /// The programs that change the machine whatever the root: these work on the files of the tree.
    const PROGRAMS: [(&str, &str); 2] = [
        (
            "systemctl",
            r#"case $1 in
                list-units) shift; for name; do [ ! -e "$ROOT/units/$name" ] || echo "$name loaded active x"; done ;;
                stop) shift; for name; do [ "$name" = man-db.service ] || rm "$ROOT/units/$name"; done ;;
            esac"#,
        ),
        (
            "swapoff",
            r#"sed -i "\|^${1#"$ROOT"} |d" "$ROOT/proc/swaps""#,
        ),
    ];

    const LARGE: [(&str, &str); 14] = [
        ("sys/devices/system/cpu/smt/control", "on\n"),
        (
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "schedutil\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
            "powersave\n",
        ),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
        ("sys/devices/system/cpu/cpu0/cpuidle/state0/name", "POLL\n"),
        ("dev/cpu_dma_latency", "\x00\x01\x02\x03"),
        ("run/systemd/system/.keep", ""),
        ("units/irqbalance.service", ""),
        ("units/apt-daily.timer", ""),
        ("units/fstrim.timer", ""),
        ("units/collector-lifetime.timer", ""),
        ("units/snapd.socket", ""),
        ("units/snapd.service", ""),
        ("proc/swaps", "Filename Type Size Used Priority\n"),
    ];

    /// A machine made of files.
    struct Machine {
        root: TempDir,
    }

    impl Machine {
        fn of(files: &[(&str, &str)]) -> Self {
            let machine = Self {
                root: tempfile::tempdir().unwrap(),
            };
            for (name, content) in files {
                machine.write(name, content);
            }
            for (name, content) in PROGRAMS {
                let program =
                    machine.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{content}\n"));
                fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
            }
            machine
        }

        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.root.path().join(name)).unwrap()
        }

        fn has(&self, name: &str) -> bool {
            self.root.path().join(name).exists()
        }

        /// The answer of the script about each setting, by a shell.
        fn quieten(&self, shell: &[&str]) -> Vec<String> {
            let [program, args @ ..] = shell else {
                panic!("no shell")
            };
            let root = self.root.path();
            let path = env::var("PATH").unwrap();
            let output = Command::new(program)
                .args(args)
                .args(["-c", QUIET, "collector"])
                .arg(root)
                .arg("1")
                .env("PATH", format!("{}:{path}", root.join("bin").display()))
                .env("ROOT", root)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(output.status.success() && output.stderr.is_empty());
            let settings = QuietSetting::from_answer(&String::from_utf8(output.stdout).unwrap());
            let said = settings
                .iter()
                .map(|one| format!("{}: {}", one.name, one.got));
            said.collect()
        }
    }

    fn shells() -> Vec<Vec<&'static str>> {
        let shells = [
            vec!["sh"],
            vec!["dash"],
            vec!["busybox", "sh"],
            vec!["bash", "--posix"],
        ];
        let mut shells = shells.to_vec();
        shells.retain(|shell| crate::skip::has_program(shell[0]));
        shells
    }

    #[test]
    fn what_can_be_set_is_set_by_every_shell_and_again() {
        let quiet = [
            "smt: off",
            "governor: performance",
            "turbo: off",
            "c_state_exit_latency: 0 us",
            "irqbalance: stopped",
            "timers: stopped",
            "package_daemons: stopped",
            "swap: off",
        ];
        for shell in shells() {
            let machine = Machine::of(&LARGE);
            for _ in 0..2 {
                assert_eq!(machine.quieten(&shell), quiet, "{shell:?}");
            }
            let cpus = "sys/devices/system/cpu";
            assert_eq!(
                machine.read(&format!("{cpus}/intel_pstate/no_turbo")),
                "1\n"
            );
            assert_eq!(machine.read(&format!("{cpus}/smt/control")), "off\n");
            assert_eq!(machine.read("dev/cpu_dma_latency"), "\0\0\0\0");
            for stopped in ["irqbalance.service", "fstrim.timer", "snapd.service"] {
                assert!(!machine.has(&format!("units/{stopped}")), "{stopped}");
            }
            // What ends the instance in time, and what starts snapd for a step.
            for kept in ["collector-lifetime.timer", "snapd.socket"] {
                assert!(machine.has(&format!("units/{kept}")), "{kept}");
            }
        }
    }

    #[test]
    fn what_a_machine_does_not_have_is_not_available() {
        let names = [
            "smt",
            "governor",
            "turbo",
            "c_state_exit_latency",
            "irqbalance",
            "timers",
            "package_daemons",
            "swap",
        ];
        let nothing = names.map(|name| format!("{name}: not available"));
        for shell in shells() {
            assert_eq!(Machine::of(&[]).quieten(&shell), nothing, "{shell:?}");
        }
        // A machine without idle states has a file for their latency as well.
        let arm = Machine::of(&[
            ("dev/cpu_dma_latency", "\x00\x01\x02\x03"),
            ("sys/devices/system/cpu/smt/control", "notimplemented\n"),
        ]);
        assert_eq!(arm.quieten(&["sh"]), nothing);
        assert_eq!(arm.read("dev/cpu_dma_latency"), "\x00\x01\x02\x03");
    }

    #[test]
    fn swap_goes_where_what_is_in_it_has_room_in_memory() {
        // By `sh` only: some busybox would run a `swapoff` of its own.
        for (used, swap) in [(1000, "swap: off"), (3000, "swap: on")] {
            let swaps =
                format!("Filename Type Size Used Priority\n/swapfile file 1048572 {used} -2\n");
            let meminfo = "MemTotal: 8000 kB\nMemAvailable:  4000 kB\n";
            let machine = Machine::of(&[("proc/swaps", &swaps), ("proc/meminfo", meminfo)]);
            assert_eq!(machine.quieten(&["sh"]).last().unwrap(), swap);
        }
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        let machine = Machine::of(&[
            ("sys/devices/system/cpu/smt/control", "forceoff\n"),
            ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
            ("run/systemd/system/.keep", ""),
            ("units/man-db.service", ""),
        ]);
        let said = machine.quieten(&["sh"]);
        for words in [
            "smt: off",
            "turbo: off",
            "package_daemons: running: man-db.service",
        ] {
            assert!(said.iter().any(|line| line == words), "{words}: {said:?}");
        }
        assert_eq!(machine.read("sys/devices/system/cpu/cpufreq/boost"), "0\n");
        assert!(
            Path::new(machine.root.path())
                .join("units/man-db.service")
                .exists()
        );
    }
}
