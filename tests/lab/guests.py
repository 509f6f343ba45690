"""The machines that boot for launched instances: a plain sshd in namespaces, or a whole system in a container."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DEFAULT_USER = "ubuntu"
FIRST_UID = 20000  # above every account that the host may have
SSH_PORT = 22
REBOOT = 133  # what systemd-nspawn --keep-unit exits with when its guest asks for a reboot
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a guest of the sshd kind has for itself, and what it has not at all even if the host does.
PRIVATE = {"home": 0o755, "root": 0o700, "run": 0o755, "tmp": 0o1777, "var/tmp": 0o1777}
ABSENT = ["var/lib/collector"]

# What an Ubuntu image has, but for the network, which is the host's.
CLOUD_SETTINGS = f"""\
datasource_list: [NoCloud]
network: {{config: disabled}}
manage_etc_hosts: true
system_info:
  default_user:
    name: {DEFAULT_USER}
    gecos: Ubuntu
    lock_passwd: true
    groups: [adm, sudo]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
"""
CGROUPS = Path("/sys/fs/cgroup")
NSPAWN_STATE = Path("/run/systemd/nspawn")  # killed containers leave things there
# A child gets its death signal when the thread that forked it ends, so one thread that stays forks them all.
_forker = ThreadPoolExecutor(max_workers=1)


def missing(kind, rootfs):
    """Says why guests of this kind cannot run on this machine, if they cannot."""
    if kind == "none":
        return None
    if os.geteuid() != 0:
        return "not root"
    programs = {"sshd": ["/usr/sbin/sshd", "sudo", "unshare"], "nspawn": ["systemd-nspawn"]}[kind]
    for program in programs:
        if not shutil.which(program, path=PATH):
            return f"no {program}"
    if kind == "nspawn" and not rootfs.is_dir():
        return f"no {rootfs}"
    return None


class Guest:
    """One machine. Its disk is below `folder`, a tmpfs of the lab's own mount namespace."""

    def __init__(self, kind, rootfs, instance_id, folder, log, addresses, user_data, keys, disk):
        folder.mkdir(parents=True, exist_ok=True)
        self.kind, self.folder, self.log = kind, folder, log
        self.upper, self.root = folder / "upper", folder / "root"
        self.process, self.cgroups, self.host_keys = None, [], {}
        self.from_image = disk.is_dir()
        if self.from_image:
            run("cp", "--archive", str(disk), str(self.upper))
        self.depth = {"sshd": 1, "nspawn": 2}[kind]  # of PID namespaces
        if kind == "sshd":
            self.command = self._prepare_sshd(addresses, user_data, keys)
        else:
            self.command = self._prepare_nspawn(rootfs, instance_id, addresses, user_data, keys)

    def start(self):
        for cgroup in self.cgroups:
            cgroup.mkdir()
        # The outermost process dies with the lab, and its PID namespace, with all that ever was in it, with it.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child",
                   "--mount-proc", *self.command]
        with open(self.log, "ab") as log:
            options = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": PATH}, start_new_session=True)
            self.process = _forker.submit(subprocess.Popen, command, **options).result()

    def wait(self):
        """Waits for the end of the guest and returns its exit status."""
        status = self.process.wait()
        for cgroup in self.cgroups:
            for directory, _, _ in os.walk(cgroup, topdown=False):
                with contextlib.suppress(FileNotFoundError):  # whoever else waits does the same
                    os.rmdir(directory)
        return status

    def kill(self):
        """Tells the guest to end, and does not wait for it."""
        if self.process and self.process.poll() is None:
            outermost = process_ones(self.process.pid)[:1] or [self.process.pid]
            with contextlib.suppress(ProcessLookupError):
                os.kill(outermost[0], signal.SIGKILL)

    def shut_down(self):
        """Tells the guest to end in good order, and does not wait for it."""
        if self.kind == "nspawn" and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGRTMIN + 4)  # for systemd as process 1: power off
        else:
            self.kill()

    def copy_disk(self, disk):
        """Copies the disk of a guest that is down. Host keys that were removed from it come back, as from cloud-init."""
        run("cp", "--archive", str(self.upper), str(disk))
        for path, text in self.host_keys.items():
            key = self.root / path
            key.write_text(text)
            key.chmod(0o600)

    @property
    def pid(self):
        """The guest's process 1, as the host numbers it; None while there is none."""
        if self.process is None or self.process.poll() is not None:
            return None
        return dict(enumerate(process_ones(self.process.pid), 1)).get(self.depth)

    def _write(self, path, content, mode=0o644):
        path = self.upper / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_char_device():  # it was deleted before the disk became an image
            path.unlink()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)

    def _mount_root(self, lower):
        for directory in (self.upper, self.folder / "work", self.root):
            directory.mkdir(exist_ok=True)
        layers = f"lowerdir={lower},upperdir={self.upper},workdir={self.folder}/work"
        mount("-t", "overlay", "overlay", "-o", layers, str(self.root))

    def _prepare_sshd(self, addresses, user_data, keys):
        config = cloud_config(user_data, self.log)
        shutil.rmtree(self.upper / "run", ignore_errors=True)
        for path, mode in PRIVATE.items():
            private = self.upper / path
            private.mkdir(parents=True, exist_ok=True)
            private.chmod(mode)
            os.setxattr(private, "trusted.overlay.opaque", b"y")
        for path in ABSENT if not self.from_image else ():
            (self.upper / path).parent.mkdir(parents=True, exist_ok=True)
            os.mknod(self.upper / path, stat.S_IFCHR)  # how overlayfs notes that a file was deleted
        (self.upper / "run/sshd").mkdir()

        accounts = {name: (Path("/etc") / name).read_text() for name in ("passwd", "shadow", "group")}
        sudoers = ""
        for uid, (name, authorized) in enumerate(users(config, keys).items(), FIRST_UID):
            # `*`: without PAM, sshd takes `!` for a locked account.
            entries = {
                "passwd": f"{name}:x:{uid}:{uid}:{name}:/home/{name}:/bin/bash\n",
                "shadow": f"{name}:*:1::::::\n",
                "group": f"{name}:x:{uid}:\n",
            }
            for file, entry in entries.items():
                others = [line for line in accounts[file].splitlines(True) if not line.startswith(f"{name}:")]
                accounts[file] = "".join(others) + entry
            sudoers += f"{name} ALL=(ALL) NOPASSWD:ALL\n"
            home = self.upper / "home" / name
            shutil.copytree("/etc/skel", home, dirs_exist_ok=True)
            known = home / ".ssh/authorized_keys"
            before = known.read_text() if known.exists() else ""  # cloud-init adds to what is there
            self._write(known, before + "".join(f"{key}\n" for key in authorized), 0o600)
            (home / ".ssh").chmod(0o700)
            for path in [home, *home.rglob("*")] if not self.from_image else [home]:
                os.chown(path, uid, uid, follow_symlinks=False)
        for file, content in accounts.items():
            self._write(f"etc/{file}", content, 0o640 if file == "shadow" else 0o644)
        self._write("etc/sudoers.d/90-cloud-init-users", sudoers, 0o440)
        self._write("usr/local/sbin/poweroff", "#!/bin/sh\nkill 1\n", 0o755)

        self.host_keys = host_keys = {
            f"etc/ssh/ssh_host_{name.removesuffix('_private')}_key": text.rstrip("\n") + "\n"
            for name, text in (config.get("ssh_keys") or {}).items() if name.endswith("_private")
        }
        for path, text in host_keys.items():
            self._write(path, text, 0o600)
        if not host_keys:
            host_keys = ["etc/ssh/ssh_host_ed25519_key"]
            self._write("etc/ssh/.keep", "")
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.upper / host_keys[0]))
        self._write("etc/ssh/sshd_config", "".join(f"{line}\n" for line in [
            *listen(addresses),
            *(f"HostKey /{path}" for path in host_keys),
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UseDNS no",
            "PrintMotd no",
            "PidFile none",
            "Subsystem sftp internal-sftp",
        ]))

        self._mount_root("/")
        mount("--rbind", "/dev", f"{self.root}/dev")
        mount("-t", "tmpfs", "tmpfs", f"{self.root}/dev/shm")
        mount("--rbind", "/sys", f"{self.root}/sys")
        return [f"--root={self.root}", "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config"]

    def _prepare_nspawn(self, rootfs, instance_id, addresses, user_data, keys):
        hostname = "ip-" + addresses[0].replace(".", "-")
        seed = {"instance-id": instance_id, "local-hostname": hostname, "public-keys": keys}
        self._write("var/lib/cloud/seed/nocloud/user-data", user_data)
        self._write("var/lib/cloud/seed/nocloud/meta-data", json.dumps(seed))  # JSON is YAML
        self._write("etc/cloud/cloud.cfg.d/90-lab.cfg", CLOUD_SETTINGS)
        self._write("etc/ssh/sshd_config.d/10-lab.conf", "".join(f"{line}\n" for line in listen(addresses)))
        self._write("etc/hostname", f"{hostname}\n")
        self._mount_root(rootfs)
        # Two guests in one control group would take each other's services for their own.
        self.cgroups = [hierarchy / f"collector-lab-{instance_id}" for hierarchy in
                        (CGROUPS, CGROUPS / "systemd", CGROUPS / "unified") if (hierarchy / "cgroup.procs").exists()]
        return [
            "sh", "-ec", 'for group; do [ "$group" != -- ] || break; echo 0 >"$group/cgroup.procs"; shift; done; '
            'shift; exec "$@"', "sh", *map(str, self.cgroups), "--",
            "systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}", f"--machine={instance_id}",
            "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        ]


def process_ones(pid):
    """The first processes of the PID namespaces that begin below this process, outermost first."""
    found = []
    while True:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:  # it ended meanwhile
            return found
        pid = next((child for child in children if _is_process_one(child)), None)
        if pid is None:
            return found
        found.append(int(pid))


def _is_process_one(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it ended meanwhile
        return False
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in status.splitlines())


def listen(addresses):
    return [f"Port {SSH_PORT}", *(f"ListenAddress {address}" for address in addresses), "MaxStartups 100:30:200"]


def cloud_config(user_data, log):
    """The user-data as cloud-init understands it; like cloud-init, boots on when it does not understand."""
    import yaml

    try:
        text = user_data.decode()
        config = yaml.safe_load(text) if text.startswith("#cloud-config") else {}
        return config if isinstance(config, dict) else {}
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        with open(log, "a") as file:
            print(f"user-data: {error}", file=file)
        return {}


def users(config, keys):
    """Login users and their authorized keys."""
    found = {}
    for user in config.get("users", ["default"]) or ["default"]:
        if user == "default":
            found[DEFAULT_USER] = [*keys, *(config.get("ssh_authorized_keys") or [])]
        elif isinstance(user, dict) and "name" in user:
            found[user["name"]] = user.get("ssh_authorized_keys") or user.get("ssh-authorized-keys") or []
    return found


def mount(*arguments):
    run("mount", *arguments)


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

