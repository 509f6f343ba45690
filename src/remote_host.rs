//! The instance as a host for steps: booted and described.

mod calibrate;
pub mod cpus;
mod quiet;
mod source;
pub mod turns;

use std::time::Duration;

use jiff::Timestamp;

use crate::records::HostFacts;
use crate::shell::{Command, Shell, ShellError, one_line, run_idempotent};

const FIRST_BOOT: &str = include_str!("remote_host/first_boot.sh");
const HOST: &str = include_str!("remote_host/host.sh");

/// The time that first boot is given; then the run goes on with a warning.
const FIRST_BOOT_DEADLINE: Duration = Duration::from_mins(5);

/// The deadline for the script that waits for first boot: it gives three units a minute each to end.
const FIRST_BOOT_SCRIPT_DEADLINE: Duration = Duration::from_mins(10);

/// The deadline for a machine that is asked about itself.
const HOST_FACTS_DEADLINE: Duration = Duration::from_secs(30);

/// A shell on the instance and where jobs may leave their files.
#[derive(Debug)]
pub struct RemoteHost<S> {
    /// The shell.
    pub shell: S,
    /// A directory for jobs; only the user that steps run as reads it.
    pub jobs_dir: String,
    /// The machine has just booted and is still busy with itself.
    pub just_booted: bool,
    /// When its port first answered, where it has one.
    pub port_open: Option<Timestamp>,
}

impl<S: Shell> RemoteHost<S> {
    /// Waits until the machine has nothing to do but what it is told. Returns what did not go well.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn wait_for_first_boot(&self) -> Result<Vec<String>, ShellError> {
        if !self.just_booted {
            return Ok(Vec::new());
        }
        let command =
            Command::new(FIRST_BOOT, [FIRST_BOOT_DEADLINE.as_secs().to_string()]).as_root();
        let answer = run_idempotent(
            &self.shell,
            "waiting for first boot",
            &command,
            &[],
            FIRST_BOOT_SCRIPT_DEADLINE,
        );
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error @ ShellError::Stalled { .. }) => return Ok(vec![error.to_string()]),
            Err(error) => return Err(error),
        };
        Ok(String::from_utf8_lossy(&answer.stdout)
            .lines()
            .map(|line| one_line(line.as_bytes()))
            .collect())
    }

    /// The facts that two runs must have in common to be compared, and when the machine booted; empty where it does not say.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn host_facts(&self) -> Result<HostFacts, ShellError> {
        let command = Command::new(HOST, [""]);
        let answer = run_idempotent(
            &self.shell,
            "describing the host",
            &command,
            &[],
            HOST_FACTS_DEADLINE,
        );
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(ShellError::Stalled { .. }) => return Ok(HostFacts::from_answer("")),
            Err(error) => return Err(error),
        };
        Ok(HostFacts::from_answer(&String::from_utf8_lossy(
            &answer.stdout,
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    /// Contents of files of a machine, below its root.
    const TREE: [(&str, &str); 27] = [
        ("proc/sys/kernel/osrelease", "6.8.0-1018-aws\n"),
        ("proc/cmdline", "ro quiet\n"),
        ("proc/loadavg", "0.52 0.14 0.05 1/100 999\n"),
        (
            "proc/meminfo",
            "MemTotal:  1024 kB\nMemFree: 1 kB\nHugePages_Total:   3\nHugepagesize:  2048 kB\n",
        ),
        (
            "proc/cpuinfo",
            "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\nCPU revision\t: 1\n\nprocessor\t: 1\n",
        ),
        ("proc/stat", "cpu 1 2\nbtime 1795377372\n"),
        ("etc/os-release", "PRETTY_NAME=\"Debian 13\"\n"),
        ("sys/devices/virtual/dmi/id/sys_vendor", "Amazon EC2\n"),
        ("sys/devices/virtual/dmi/id/product_name", "c7g.large"),
        (
            "sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
            "0-1\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/topology/thread_siblings_list",
            "0-1\n",
        ),
        (
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
            "2600000\n",
        ),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
        ("sys/devices/system/cpu/cpu0/cpuidle/state0/name", "C1\n"),
        ("sys/devices/system/cpu/cpu0/cpuidle/state0/latency", "2\n"),
        ("sys/devices/system/cpu/cpu0/cpuidle/state0/disable", "0\n"),
        ("sys/devices/system/node/node0/cpulist", "0-1\n"),
        (
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        ),
        (
            "sys/block/nvme0n1/device/model",
            "Amazon Elastic Block Store              \n",
        ),
        ("sys/block/nvme0n1/device/serial", "vol0123456789abcdef0\n"),
        ("sys/block/nvme0n1/size", "2048\n"),
        ("sys/block/nvme0n1/queue/rotational", "0\n"),
        ("sys/block/loop0/size", "2048\n"),
        ("sys/class/net/ens5/device/uevent", ""),
        ("sys/class/net/ens5/mtu", "9001\n"),
        (
            "run/cloud-init/instance-data.json",
            "{\n \"document\": {\n  \"pendingTime\": \"2026-11-22T19:56:06Z\",\n  \"region\": \"x\"\n }\n}\n",
        ),
        (
            "run/cloud-init/status.json",
            "{\n \"v1\": {\n  \"init\": {\n   \"finished\": 1.5\n  },\n  \"modules-final\": {\n   \"errors\": [],\n   \"finished\": 1795377380.25,\n   \"start\": 1\n  }\n }\n}\n",
        ),
    ];

    /// The facts that a shell finds below a root.
    fn facts_by(shell: &[&str], root: &Path) -> HostFacts {
        let [program, args @ ..] = shell else {
            panic!("no shell")
        };
        let mut shell = Command::new(program);
        shell.args(args);
        facts_of(shell, root)
    }

    fn facts_of(mut shell: Command, root: &Path) -> HostFacts {
        let output = shell
            .args(["-c", HOST, "collector"])
            .arg(root)
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        HostFacts::from_answer(&String::from_utf8(output.stdout).unwrap())
    }

    /// A machine of files.
    fn machine() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in TREE {
            write(root.path(), name, content);
        }
        root
    }

    fn write(root: &Path, name: &str, content: &str) -> PathBuf {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn a_machine_tells_what_its_files_hold_to_every_shell() {
        let root = machine();
        let facts = facts_by(&["sh"], root.path());
        let text = |fact: &Option<String>| fact.clone().unwrap_or_default();
        assert_eq!(text(&facts.kernel), "6.8.0-1018-aws");
        assert_eq!(text(&facts.operating_system), "Debian 13");
        assert_eq!(text(&facts.machine), "Amazon EC2 c7g.large");
        assert_eq!(
            text(&facts.cpu_model),
            "implementer 0x41, part 0xd40, revision 1"
        );
        assert_eq!((facts.cpu_count, facts.cpu_cores), (Some(2), Some(1)));
        assert_eq!((facts.cpu_min_mhz, facts.cpu_max_mhz), (None, Some(2600)));
        assert_eq!((facts.turbo, facts.numa_nodes), (Some(false), Some(1)));
        assert_eq!(
            (facts.memory_bytes, facts.swap_bytes),
            (Some(1 << 20), None)
        );
        assert_eq!(facts.huge_pages, Some(3));
        assert_eq!(facts.c_states.len(), 1);
        assert_eq!(facts.disks.len(), 1, "{:?}", facts.disks);
        assert_eq!(facts.disks[0].bytes, Some(1 << 20));
        assert_eq!(text(&facts.disks[0].volume), "vol-0123456789abcdef0");
        assert_eq!(facts.networks[0].mtu_bytes, Some(9001));
        let boot = [
            facts.boot.pending,
            facts.boot.kernel_started,
            facts.boot.cloud_init_done,
        ];
        assert!(boot.iter().all(Option::is_some), "{boot:?}");
        for shell in [&["dash"][..], &["busybox", "sh"], &["bash", "--posix"]] {
            if crate::skip::has_program(shell[0]) {
                assert_eq!(facts_by(shell, root.path()), facts, "{shell:?}");
            }
        }
    }

    #[test]
    fn a_machine_with_nothing_but_busybox_and_musl_tells_as_much() {
        let root = machine();
        let mut facts = facts_by(&["sh"], root.path());
        facts.libc = Some("musl 1.2.5".into());
        let loader = "#!/bin/sh\nprintf 'musl libc (x86_64)\\nVersion 1.2.5\\n' >&2\n";
        let loader = write(root.path(), "lib/ld-musl-x86_64.so.1", loader);
        let applets = root.path().join("bin");
        fs::create_dir(&applets).unwrap();
        fs::set_permissions(loader, fs::Permissions::from_mode(0o755)).unwrap();
        if crate::skip::has_program("busybox") {
            let mut busybox = Command::new("busybox");
            let installing = busybox.args(["--install", "-s"]).arg(&applets).status();
            assert!(installing.unwrap().success());
            let mut shell = Command::new(applets.join("sh"));
            shell.env_clear().env("PATH", &applets);
            assert_eq!(facts_of(shell, root.path()), facts);
        }
    }

    #[test]
    fn a_user_without_rights_is_told_as_much_as_root() {
        const NOBODY: u32 = 65534;
        if !rustix::process::geteuid().is_root() {
            crate::skip::skip("becoming another user needs root");
            return;
        }
        // Of the machine that runs the test.
        let mut shell = Command::new("sh");
        shell.uid(NOBODY).gid(NOBODY);
        let mut facts = facts_of(shell, Path::new(""));
        facts.load_average = None;
        let mut of_root = facts_by(&["sh"], Path::new(""));
        of_root.load_average = None;
        assert_eq!(facts, of_root);
    }

    /// What the wait for first boot prints on a machine where cloud-init left these files and answers like that.
    fn first_boot(result: &str, status: &str, answer: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "run/cloud-init/result.json", result);
        write(root.path(), "run/cloud-init/status.json", status);
        let program = write(root.path(), "bin/cloud-init", answer);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", root.path().join("bin").display());
        let output = Command::new("sh")
            .args(["-c", FIRST_BOOT, "collector", "60"])
            .arg(root.path())
            .env("PATH", path)
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_first_boot_that_went_well_is_seen_without_asking_cloud_init() {
        let result = "{\n \"v1\": {\n  \"datasource\": \"Ec2\",\n  \"errors\": []\n }\n}\n";
        let status = "{\n \"v1\": {\n  \"init\": {\n   \"recoverable_errors\": {}\n  }\n }\n}\n";
        let answer = "#!/bin/sh\necho 'status: degraded done'\nexit 2\n";
        assert_eq!(first_boot(result, status, answer), "");
        let told = "cloud-init: status: degraded done \n";
        let failed = result.replace("[]", "[\n   \"no such user\"\n  ]");
        assert_eq!(first_boot(&failed, status, answer), told);
        let warned = status.replace("{}", "{\n    \"WARNING\": []\n   }");
        assert_eq!(first_boot(result, &warned, answer), told);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let nothing = tempfile::tempdir().unwrap();
        let mut facts = facts_by(&["sh"], nothing.path());
        // Of the machine that runs the test.
        (facts.architecture, facts.libc) = (None, None);
        assert_eq!(facts, HostFacts::from_answer(""));
    }
}
