#!/usr/bin/env python3
"""Drives every kind of lab with boto3 and the ssh client; arguments select tests by a part of their name."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 30  # seconds that anything may take; nothing here takes a tenth of it on an idle machine
PROMPT = 1  # seconds within which a terminated guest must be gone
CANNOT_RUN = 77

cache = subprocess.run([HERE / "setup", "--where"], check=True, capture_output=True, text=True).stdout.strip()
python = f"{cache}/venv/bin/python"
if sys.executable != python:
    os.execv(python, [python, __file__, *sys.argv[1:]])
sys.dont_write_bytecode = True
sys.path.append(str(HERE.parent))

import boto3
import skipped
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


class Skipped(Exception):
    pass


class Lab:
    def __init__(self, *arguments):
        started = time.monotonic()
        self.process = subprocess.Popen([HERE / "lab.py", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            reason = self.process.communicate()[1].strip()
            raise Skipped(reason) if self.process.returncode == CANNOT_RUN else AssertionError(reason)
        self.start_seconds = time.monotonic() - started
        self.__dict__.update(json.loads(line))
        self.ec2 = self.client("ec2")

    def client(self, service, attempts=1, region=None):
        return boto3.client(service, endpoint_url=self.endpoint, region_name=region or self.region,
                            aws_access_key_id="test", aws_secret_access_key="test",
                            config=Config(retries={"total_max_attempts": attempts}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.process.stderr.read()
        assert not os.path.exists(self.dir)

    def http(self, method, path, body=None):
        request = urllib.request.Request(f"{self.endpoint}/lab/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def instance(self, instance_id):
        return next(i for i in self.http("GET", "instances") if i["id"] == instance_id)

    def launch(self, **parameters):
        request = dict(ImageId=self.ami, InstanceType="m1.small", MinCount=1, MaxCount=1)
        return self.ec2.run_instances(**request | parameters)["Instances"][0]["InstanceId"]

    def wait_for(self, instance_id, state):
        return wait(lambda: (i := self.instance(instance_id))["state"] == state and i)

    def describe(self, instance_id):
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


class Keys:
    """A client key, a host key, and the user-data that installs both."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in ("client", "host"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name))
        self.host_public = (self.folder / "host.pub").read_text().strip()

    def user_data(self, **more):
        return "#cloud-config\n" + json.dumps({
            "ssh_keys": {"ed25519_private": (self.folder / "host").read_text(), "ed25519_public": self.host_public},
            "ssh_authorized_keys": [(self.folder / "client.pub").read_text().strip()],
        } | more)

    def ssh_command(self, address, *command, user="ubuntu", identity=None):
        known = self.folder / f"known_hosts_{address}"
        known.write_text(f"{address} {self.host_public}\n")
        return ["ssh", "-F", "none", "-i", str(identity or self.folder / "client"), "-o", f"UserKnownHostsFile={known}",
                "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                "-o", "ConnectTimeout=5", f"{user}@{address}", *command]

    def ssh(self, address, *command, **options):
        done = subprocess.run(self.ssh_command(address, *command, **options), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout.strip()

    def log_in(self, address, *command, **options):
        """The first login, which waits for the guest to be up."""
        def attempt():
            with contextlib.suppress(subprocess.CalledProcessError):
                return self.ssh(address, *command, **options) or True
        return wait(attempt)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def try_run(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def wait(condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def refused(code, function, *arguments, **parameters):
    try:
        function(*arguments, **parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"not refused with {code}")


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


@contextlib.contextmanager
def keys():
    with tempfile.TemporaryDirectory() as folder:
        yield Keys(folder)


def test_none_launches_with_everything_in_one_call():
    with Lab("--guest", "none") as lab:
        assert lab.http("GET", "instances") == [] and lab.http("GET", "calls") == []
        tags = [{"Key": "a", "Value": "1"}]
        kinds = ("instance", "volume", "network-interface")
        i = lab.launch(
            ClientToken="t", KeyName=lab.key_pair, UserData="#!/bin/sh\n", InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions={"HttpTokens": "required"},
            TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in kinds],
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": lab.subnet, "Groups": [lab.security_group],
                                "AssociatePublicIpAddress": True}])
        found = lab.wait_for(i, "running")
        assert found["tags"] == found["volume_tags"] == found["network_interface_tags"] == {"a": "1"}
        assert found["client_token"] == "t" and found["user_data"] == "#!/bin/sh\n" and found["launch_order"] == 0
        assert found["security_groups"] == [lab.security_group] and found["subnet"] == lab.subnet
        assert found["metadata_options"]["http_tokens"] == "required" and found["shutdown_behavior"] == "terminate"
        assert found["public_ip"] and found["public_ip"].startswith("127.") and found["private_ip"].startswith("127.")
        described = lab.describe(i)
        assert described["PublicIpAddress"] == found["public_ip"] and described["Tags"] == tags
        [call] = [call for call in lab.http("GET", "calls") if call["action"] == "RunInstances"]
        assert call["params"]["NetworkInterface.1.AssociatePublicIpAddress"] == "true" and call["at"] > 0
        for _ in range(2):
            [change] = lab.ec2.terminate_instances(InstanceIds=[i])["TerminatingInstances"]
        assert change["CurrentState"]["Name"] == "terminated"
        assert not lab.ec2.describe_volumes()["Volumes"] and not lab.ec2.describe_network_interfaces()["NetworkInterfaces"]


def test_none_default_network_and_identity():
    with Lab("--guest", "none") as lab:
        i = lab.launch(SecurityGroups=[lab.security_group_name])
        found = lab.wait_for(i, "running")
        assert found["security_groups"] == [lab.security_group] and found["public_ip"].startswith("127.")
        [vpc] = lab.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        assert vpc["CidrBlock"].startswith("127.")
        [group] = lab.ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": [lab.security_group_name]}])["SecurityGroups"]
        assert group["GroupId"] == lab.security_group and group["VpcId"] == vpc["VpcId"]
        assert lab.client("sts").get_caller_identity()["Account"]
        images = lab.ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["ubuntu/*"]}])
        assert lab.ami in {image["ImageId"] for image in images["Images"]}
        other = lab.client("ec2", region="eu-west-1")
        assert other.run_instances(ImageId=lab.ami, MinCount=2, MaxCount=3)["Instances"][2]["InstanceId"]


def test_none_states_take_time():
    with Lab("--guest", "none", "--pending", "0.6", "--shutting-down", "0.6") as lab:
        group = lab.ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
        i = lab.launch(SecurityGroupIds=[group])
        assert lab.describe(i)["State"]["Name"] == "pending" and "PublicIpAddress" not in lab.describe(i)
        lab.wait_for(i, "running")
        lab.ec2.terminate_instances(InstanceIds=[i])
        assert lab.describe(i)["State"]["Name"] == "shutting-down"
        refused("DependencyViolation", lab.ec2.delete_security_group, GroupId=group)
        lab.wait_for(i, "terminated")
        lab.ec2.delete_security_group(GroupId=group)
        i = lab.launch()
        lab.ec2.terminate_instances(InstanceIds=[i])
        lab.wait_for(i, "terminated")
        time.sleep(0.7)
        assert lab.instance(i)["state"] == "terminated"


def test_none_client_token():
    with Lab("--guest", "none") as lab:
        first = lab.launch(ClientToken="t", UserData="x")
        assert lab.launch(ClientToken="t", UserData="x") == first != lab.launch(ClientToken="u", UserData="x")
        refused("IdempotentParameterMismatch", lab.launch, ClientToken="t", UserData="y")
        [found] = lab.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["t"]}])["Reservations"]
        assert found["Instances"][0]["InstanceId"] == first
        lab.ec2.terminate_instances(InstanceIds=[first])
        again = lab.ec2.run_instances(ImageId=lab.ami, InstanceType="m1.small", MinCount=1, MaxCount=1, ClientToken="t",
                                      UserData="x")["Instances"][0]
        assert again["InstanceId"] == first and again["State"]["Name"] == "terminated"


def test_none_refuses_what_ec2_refuses():
    with Lab("--guest", "none") as lab:
        refused("InvalidAMIID.NotFound", lab.launch, ImageId="ami-00000000")
        refused("InvalidAMIID.Malformed", lab.launch, ImageId="debian")
        refused("InvalidParameterValue", lab.launch, InstanceType="m9.tiny")
        refused("InvalidKeyPair.NotFound", lab.launch, KeyName="nobody")
        refused("InvalidGroup.NotFound", lab.launch, SecurityGroupIds=["sg-00000000"])
        refused("InvalidGroup.NotFound", lab.launch, SecurityGroups=["nobody"])
        refused("InvalidSubnetID.NotFound", lab.launch, SubnetId="subnet-00000000")
        refused("InvalidParameterCombination", lab.launch, SubnetId=lab.subnet, SecurityGroups=[lab.security_group_name])
        refused("InvalidUserData.Malformed", lab.launch, UserData="x" * 16385)
        refused("DryRunOperation", lab.launch, DryRun=True)
        refused("InvalidInstanceID.NotFound", lab.ec2.terminate_instances, InstanceIds=["i-00000000"])
        assert lab.http("GET", "instances") == []
        lab.launch(UserData="x" * 16384)
        name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
        resolved = lab.instance(lab.launch(ImageId=f"resolve:ssm:{name}"))["image_id"]
        assert resolved == lab.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        refused("InvalidParameterValue", lab.launch, ImageId="resolve:ssm:/aws/service/nothing")


def test_none_volumes_are_the_images():
    with Lab("--guest", "none") as lab:
        image = lab.ec2.describe_images(ImageIds=[lab.ami])["Images"][0]["BlockDeviceMappings"][0]
        assert image["Ebs"]["DeleteOnTermination"] is False
        change = {"DeviceName": image["DeviceName"], "Ebs": {"DeleteOnTermination": True}}
        i = lab.launch(BlockDeviceMappings=[change])
        volumes = [v for v in lab.ec2.describe_volumes()["Volumes"] if v["Attachments"][0]["InstanceId"] == i]
        assert [v["SnapshotId"] for v in volumes] == [image["Ebs"]["SnapshotId"]], volumes
        lab.ec2.terminate_instances(InstanceIds=[i])
        lab.wait_for(i, "terminated")
        left = [v["VolumeId"] for v in lab.ec2.describe_volumes()["Volumes"]]
        assert volumes[0]["VolumeId"] not in left, left


def test_none_capacity():
    with Lab("--guest", "none") as lab:
        lab.http("POST", "capacity", {"instances": 2})
        run = dict(ImageId=lab.ami, InstanceType="m1.small", MinCount=1)
        ids = [i["InstanceId"] for i in lab.ec2.run_instances(MaxCount=3, **run)["Instances"]]
        assert len(ids) == 2
        refused("InsufficientInstanceCapacity", lab.ec2.run_instances, MaxCount=1, **run)
        lab.ec2.terminate_instances(InstanceIds=ids[:1])
        refused("InsufficientInstanceCapacity", lab.ec2.run_instances, MaxCount=2, **{**run, "MinCount": 2})
        assert len(lab.ec2.run_instances(MaxCount=2, **run)["Instances"]) == 1
        lab.http("POST", "capacity", {"instances": None})
        assert len(lab.ec2.run_instances(MaxCount=3, **run)["Instances"]) == 3


def test_none_a_group_is_kept_by_its_instances():
    with Lab("--guest", "none", "--shutting-down", "0.5") as lab:
        vpc = lab.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = lab.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
        i = lab.launch(SecurityGroupIds=[group])
        refused("DependencyViolation", lab.ec2.delete_security_group, GroupId=group)
        lab.ec2.terminate_instances(InstanceIds=[i])
        refused("DependencyViolation", lab.ec2.delete_security_group, GroupId=group)
        lab.wait_for(i, "terminated")
        lab.ec2.delete_security_group(GroupId=group)
        refused("InvalidGroup.NotFound", lab.ec2.delete_security_group, GroupId=group)


def test_none_faults():
    with Lab("--guest", "none") as lab:
        lab.http("POST", "faults", {"action": "RunInstances", "count": 2, "code": "InsufficientInstanceCapacity",
                                    "message": "none <left>", "status": 500})
        for _ in range(2):
            answer = refused("InsufficientInstanceCapacity", lab.launch)
            assert answer["Error"]["Message"] == "none <left>" and answer["ResponseMetadata"]["HTTPStatusCode"] == 500
        i = lab.launch()
        for when, state in (("before", "running"), ("after", "terminated")):
            lab.http("POST", "faults", {"action": "TerminateInstances", "kill": when})
            try:
                lab.ec2.terminate_instances(InstanceIds=[i])
                raise AssertionError("answered")
            except BotoCoreError:
                pass
            lab.wait_for(i, state)
        # A lost answer, and the retry of a client that sent a token: one instance.
        lab.http("POST", "faults", {"action": "RunInstances", "kill": "after"})
        lab.client("ec2", attempts=3).run_instances(ImageId=lab.ami, MinCount=1, MaxCount=1, ClientToken="once")
        assert len(lab.http("GET", "instances")) == 2
        lab.http("POST", "faults", {"action": "*", "count": -1, "code": "RequestLimitExceeded", "status": 503})
        for _ in range(3):
            refused("RequestLimitExceeded", lab.ec2.describe_instances)
        lab.http("DELETE", "faults")
        lab.http("POST", "faults", {"action": "DescribeInstances", "delay": 0.3})
        started = time.monotonic()
        lab.ec2.describe_instances()
        assert time.monotonic() - started >= 0.3
        for wrong in ({"action": "RunInstances"}, {"action": "RunInstances", "kill": "never"}):
            try:
                lab.http("POST", "faults", wrong)
                raise AssertionError("accepted")
            except urllib.error.HTTPError as error:
                assert error.code == 400


def test_none_ends_on_a_signal():
    lab = Lab("--guest", "none")
    lab.process.terminate()
    lab.__exit__()


def check_login(lab, guest_keys):
    with_keys = dict(UserData=guest_keys.user_data(), KeyName=lab.key_pair)
    started = time.monotonic()
    i = lab.launch(**with_keys)
    found = lab.wait_for(i, "running")
    assert guest_keys.log_in(found["public_ip"], "sudo -n id -u") == "0"
    note(f"launch to login {time.monotonic() - started:.2f} s")
    assert guest_keys.ssh(found["private_ip"], "whoami; pwd").split() == ["ubuntu", "/home/ubuntu"]
    assert guest_keys.ssh(found["private_ip"], "whoami", identity=lab.key_file) == "ubuntu"
    assert guest_keys.ssh(found["public_ip"], "sudo -n sh -c 'mkdir -p /var/lib/collector && touch /var/lib/collector/x'; "
                          "touch /tmp/x ~/x; sudo -n touch /root/x /var/tmp/x; pgrep -x sshd | head -n 1")
    found = lab.instance(i)
    root = Path(found["guest_root"])
    assert all((root / name).exists() for name in ("tmp/x", "home/ubuntu/x", "root/x", "var/tmp/x", "var/lib/collector/x"))
    assert os.path.samefile(f"/proc/{found['guest_pid']}/root", root)

    other = lab.wait_for(lab.launch(**with_keys), "running")
    assert guest_keys.log_in(other["public_ip"], "ls -A ~ /tmp /var/tmp | grep -cx x || true") == "0"
    assert guest_keys.ssh(other["public_ip"], "test -e /var/lib/collector || echo absent") == "absent"

    # A command that hangs on past its connection must not outlive the instance.
    guest_keys.ssh(other["public_ip"], "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started")
    guest = namespace(lab.instance(other["id"])["guest_pid"])
    sleeper = wait(lambda: next((pid for pid in try_run("pgrep", "-x", "sleep").split() if namespace(pid) == guest), None))
    started = time.monotonic()
    lab.ec2.terminate_instances(InstanceIds=[other["id"]])
    wait(lambda: gone(sleeper))
    assert (took := time.monotonic() - started) < PROMPT, took
    note(f"terminate to death {took:.2f} s")
    assert lab.instance(other["id"])["guest_root"] is None
    assert guest_keys.ssh(found["public_ip"], "echo alive") == "alive"
    return i, found


def namespace(pid):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")


def check_cut(lab, guest_keys, found):
    address = found["public_ip"]
    with subprocess.Popen(guest_keys.ssh_command(address, "echo ready; sleep 60"), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as client, \
            socket.create_connection((found["private_ip"], 22)) as plain:
        assert client.stdout.readline() == "ready\n" and plain.recv(100).startswith(b"SSH-2.0-")
        started = time.monotonic()
        assert lab.http("POST", "cut", {"instance": found["id"]}) == {"connections": 2}
        try:
            raise AssertionError(plain.recv(100))
        except ConnectionResetError:
            pass
        assert client.wait(PATIENCE) == 255
        note(f"cut {time.monotonic() - started:.2f} s")
        assert guest_keys.ssh(address, "echo again") == "again"
    assert lab.http("POST", "cut", {"instance": found["id"]}) == {"connections": 0}

    lab.http("POST", "refuse", {"instance": found["id"], "seconds": 0.5})
    done = subprocess.run(guest_keys.ssh_command(address, "true"), capture_output=True, text=True)
    assert "refused" in done.stderr, done.stderr
    assert guest_keys.log_in(address, "echo back") == "back"
    lab.http("POST", "blackhole", {"instance": found["id"], "seconds": 0.5})
    started = time.monotonic()
    assert guest_keys.ssh(address, "echo late") == "late"
    assert time.monotonic() - started >= 0.4


def check_poweroff(lab, guest_keys):
    for behavior, state in (("terminate", "terminated"), ("stop", "stopped")):
        i = lab.launch(UserData=guest_keys.user_data(), InstanceInitiatedShutdownBehavior=behavior)
        address = lab.wait_for(i, "running")["public_ip"]
        guest_keys.log_in(address, "true")
        started = time.monotonic()
        with contextlib.suppress(subprocess.CalledProcessError):
            guest_keys.ssh(address, "sudo -n poweroff")
        lab.wait_for(i, state)
        note(f"poweroff to {state} {time.monotonic() - started:.2f} s")
        assert lab.describe(i)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
        lab.ec2.terminate_instances(InstanceIds=[i])
        lab.wait_for(i, "terminated")


def check_guests(kind):
    with keys() as guest_keys, Lab("--guest", kind) as lab:
        pids = []
        i, found = check_login(lab, guest_keys)
        check_cut(lab, guest_keys, found)
        check_poweroff(lab, guest_keys)
        pids = [j["guest_pid"] for j in lab.http("GET", "instances") if j["guest_pid"]]
        assert pids == [found["guest_pid"]]
    assert all(gone(pid) for pid in pids)
    assert lab.dir not in Path("/proc/self/mounts").read_text()


def test_sshd_guests():
    check_guests("sshd")


def test_nspawn_guests():
    check_guests("nspawn")


def check_images(kind):
    with keys() as guest_keys, Lab("--guest", kind) as lab:
        def start(**more):
            found = lab.wait_for(lab.launch(UserData=guest_keys.user_data(), **more), "running")
            guest_keys.log_in(found["public_ip"], "true")
            return found

        tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": "test"}]} for kind in ("image", "snapshot")]
        make = dict(Name="kept", Description="with x", TagSpecifications=tags)
        first = start()
        refused("IncorrectState", lab.ec2.create_image, InstanceId="i-0123456789abcdef0", **make)
        guest_keys.ssh(first["public_ip"], "echo kept > x; sudo -n rm -f /etc/ssh/ssh_host_*; sudo -n cloud-init clean")
        lab.http("POST", "imaging", {"seconds": 0.2})
        image = lab.ec2.create_image(InstanceId=first["id"], **make)["ImageId"]
        refused("InvalidAMIName.Duplicate", lab.ec2.create_image, InstanceId=first["id"], **make)
        refused("InvalidAMIID.Unavailable", lab.launch, ImageId=image)
        own = dict(Owners=["self"], Filters=[{"Name": "tag:of", "Values": ["test"]}])
        found = wait(lambda: (i := lab.ec2.describe_images(**own)["Images"][0])["State"] == "available" and i)
        assert (found["Name"], found["Description"]) == ("kept", "with x")
        assert guest_keys.log_in(first["public_ip"], "cat x") == "kept"
        assert guest_keys.ssh(start(ImageId=image)["public_ip"], "cat x") == "kept"

        snapshots = lab.ec2.describe_snapshots(OwnerIds=["self"], Filters=own["Filters"])["Snapshots"]
        snapshot = snapshots[0]["SnapshotId"]
        assert snapshots[0]["State"] == "completed"
        refused("InvalidSnapshot.InUse", lab.ec2.delete_snapshot, SnapshotId=snapshot)
        lab.ec2.deregister_image(ImageId=image)
        lab.ec2.delete_snapshot(SnapshotId=snapshot)
        refused("InvalidSnapshot.NotFound", lab.ec2.delete_snapshot, SnapshotId=snapshot)
        assert lab.http("GET", "stored") == {"images": [], "snapshots": []}


def test_sshd_images():
    check_images("sshd")


def test_nspawn_images():
    check_images("nspawn")


def test_sshd_users_and_bare_user_data():
    with keys() as guest_keys, Lab("--guest", "sshd") as lab:
        public = (guest_keys.folder / "client.pub").read_text()
        user_data = guest_keys.user_data(ssh_authorized_keys=[], users=["default", {"name": "bench",
                                                                                   "ssh_authorized_keys": [public]}])
        found = lab.wait_for(lab.launch(UserData=user_data), "running")
        assert guest_keys.log_in(found["public_ip"], "sudo -n whoami; pwd", user="bench").split() == ["root", "/home/bench"]
        try:
            guest_keys.ssh(found["public_ip"], "true")
            raise AssertionError("let in")
        except subprocess.CalledProcessError as error:
            assert "Permission denied" in error.stderr
        for user_data in ("", "#cloud-config\n[", "#!/bin/sh\n"):
            found = lab.wait_for(lab.launch(UserData=user_data), "running")
            scanned = wait(lambda: try_run("ssh-keyscan", "-t", "ed25519", found["public_ip"]).strip())
            assert guest_keys.host_public.split()[1] not in scanned


def dead_man(delay):
    # When bootcmd runs, the system is not up yet: `shutdown -P +N` finds no logind and shuts down at once, and
    # systemd-run waits for a unit that waits for the end of bootcmd, unless that needs nothing.
    return ["systemd-run", "--unit=dead-man", f"--on-active={delay}", "--timer-property=AccuracySec=100ms",
            "--timer-property=DefaultDependencies=no", "--property=DefaultDependencies=no", "systemctl", "poweroff"]


def test_nspawn_runs_user_data():
    with keys() as guest_keys, Lab("--guest", "nspawn") as lab:
        user_data = guest_keys.user_data(
            users=["default", {"name": "bench", "sudo": "ALL=(ALL) NOPASSWD:ALL"}],
            bootcmd=[["touch", "/run/booted"], dead_man("6h")], runcmd=["id -u > /run/ran"])
        i = lab.launch(UserData=user_data)
        address = lab.wait_for(i, "running")["public_ip"]
        assert guest_keys.log_in(address, "cloud-init status --wait >/dev/null; ls /run/booted; cat /run/ran").split() == [
            "/run/booted", "0"]
        assert "done" in guest_keys.ssh(address, "cloud-init status")
        assert guest_keys.ssh(address, "sudo cat /var/lib/cloud/instance/user-data.txt") == user_data
        assert "sudo" in guest_keys.ssh(address, "id -nG").split() and guest_keys.ssh(address, "id -un bench") == "bench"
        assert guest_keys.ssh(address, "systemctl is-active dead-man.timer") == "active"
        mortal = lab.launch(UserData=guest_keys.user_data(bootcmd=[dead_man("3s")]),
                            InstanceInitiatedShutdownBehavior="terminate")
        guest_keys.log_in(lab.wait_for(mortal, "running")["public_ip"], "true")
        lab.wait_for(mortal, "terminated")
        pid = lab.instance(i)["guest_pid"]
        with contextlib.suppress(subprocess.CalledProcessError):
            guest_keys.ssh(address, "sudo -n touch /var/before; sudo -n reboot")
        wait(lambda: gone(pid))
        assert guest_keys.log_in(address, "ls /var/before") and lab.instance(i)["state"] == "running"
        lab.ec2.stop_instances(InstanceIds=[i])
        lab.wait_for(i, "stopped")
        lab.ec2.start_instances(InstanceIds=[i])
        assert guest_keys.log_in(lab.wait_for(i, "running")["private_ip"], "ls /var/before")


def check_interrupted_boots(kind):
    for delay in (0, 0.05, 0.1, 0.2, 0.4):
        with keys() as guest_keys, Lab("--guest", kind) as lab:
            ids = [lab.launch(UserData=guest_keys.user_data()) for _ in range(4)]
            time.sleep(delay)
            lab.ec2.terminate_instances(InstanceIds=ids[:2])
            assert not any(lab.instance(i)["guest_pid"] for i in ids[:2])
        assert lab.dir not in try_run("ps", "-eo", "args")


def test_sshd_interrupted_boots():
    check_interrupted_boots("sshd")


def test_nspawn_interrupted_boots():
    check_interrupted_boots("nspawn")


def test_nspawn_labs_side_by_side():
    check_side_by_side("nspawn")


def test_sshd_labs_side_by_side():
    check_side_by_side("sshd")


def check_side_by_side(kind):
    with keys() as guest_keys, Lab("--guest", kind) as one, Lab("--guest", kind) as two:
        addresses = []
        started = time.monotonic()
        for lab in (one, two):
            ids = [lab.launch(UserData=guest_keys.user_data()) for _ in range(4)]
            addresses += [lab.wait_for(i, "running")["public_ip"] for i in ids]
        assert len({guest_keys.log_in(address, "sudo -n readlink /proc/1/ns/pid") for address in addresses}) == 8
        note(f"8 guests {time.monotonic() - started:.2f} s")
        one.__exit__()
        assert guest_keys.ssh(addresses[-1], "echo alive") == "alive"


def test_sshd_lab_that_is_killed_takes_its_guests_along():
    with keys() as guest_keys:
        lab = Lab("--guest", "sshd")
        i = lab.launch(UserData=guest_keys.user_data())
        guest_keys.log_in(lab.wait_for(i, "running")["public_ip"], "true")
        pid = lab.instance(i)["guest_pid"]
        lab.process.kill()
        wait(lambda: gone(pid))
        run("rm", "-r", "--one-file-system", lab.dir)


notes = []
note = notes.append


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not all(part in name for part in sys.argv[1:]):
            continue
        notes.clear()
        started = time.monotonic()
        try:
            test()
            outcome = "passed"
        except Skipped as reason:
            outcome = skipped.outcome(name, reason)
            note(str(reason))
        except Exception:
            import traceback

            traceback.print_exc()
            outcome = "failed"
        counts[outcome] += 1
        print(f"{outcome} {time.monotonic() - started:6.2f} s  {name}  {', '.join(notes)}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
