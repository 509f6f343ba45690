"""moto's EC2 with what a launcher needs to be true of it; importing this module patches moto."""

import base64
import boto3
import copy
import datetime
import functools
import ipaddress
import re
import threading

# moto makes a session per list of regions, and each of them parses the same large files.
boto3.Session = functools.lru_cache(boto3.Session)

from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends, elastic_network_interfaces
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState, StateReason
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.instances import InstanceResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sts.models import AssumedRole
from moto.utilities.utils import load_resource

from guests import REBOOT, Guest

ACCOUNT = "123456789012"
REGION = "us-east-1"
NAME = "collector"  # of the security group and of the key pair
AMI = "ami-709ba735"
CANONICAL = "099720109477"
CANONICAL_IMAGES = {
    AMI: ("ubuntu/images/ebs/ubuntu-precise-12.04-amd64-server-20130909", 2013),
    "ami-0c0ffee0c0ffee000": ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251022", 2025),
}
LATEST_CANONICAL = max(CANONICAL_IMAGES, key=lambda image: CANONICAL_IMAGES[image][1])
USER_DATA_LIMIT = 16384
USER_DATA_TOO_LARGE = "InvalidUserData.Malformed"
# The answer to RunInstances says `pending`, so an instance is that for a moment at least.
SHORTEST_PENDING = 0.05


class Machine:
    """The life of one launched instance, from pending to terminated."""

    def __init__(self, lab, instance, tags):
        self.lab, self.instance, self.tags = lab, instance, tags
        instance.usage_operation = "RunInstances"
        self.guest = None
        self.image, self.copied = None, threading.Event()
        self.log = lab.folder / f"{instance.id}.log"
        self.begin()

    def begin(self):
        nic = self.instance.nics[0]
        public_ip, nic.public_ip = nic.public_ip, None
        set_state(self.instance, "pending", 0)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.live, args=[self.stopped, public_ip], daemon=True)
        self.thread.start()

    def live(self, stopped, public_ip):
        if stopped.wait(max(self.lab.pending, SHORTEST_PENDING)):
            return
        with self.lab.lock:
            if stopped.is_set():
                return
            self.instance.nics[0].public_ip = public_ip
            set_state(self.instance, "running", 16)
        if self.lab.guest == "none":
            return
        try:
            self.run_guest(stopped)
        except Exception as error:
            with open(self.log, "a") as log:
                print(f"no guest: {error!r}", file=log)

    def run_guest(self, stopped):
        instance, lab = self.instance, self.lab
        addresses = [ip for ip in (instance.private_ip, instance.public_ip)
                     if ip and ipaddress.ip_address(ip) in lab.network]
        key_pair = instance.ec2_backend.key_pairs.get(instance.key_name)
        keys = [key_pair.material_public.decode().strip()] if key_pair else []
        guest = self.guest or Guest(lab.guest, lab.rootfs, instance.id, lab.folder / "guests" / instance.id, self.log,
                                    addresses, user_data_of(instance), keys, disk_of(lab, instance.image_id))
        status = REBOOT
        while status == REBOOT:
            with lab.lock:
                if stopped.is_set():
                    return
                self.guest = guest
                guest.start()
            status = guest.wait()
            if self.image and not stopped.is_set():
                guest.copy_disk(disk_of(lab, self.image.id))
                self.image, status = None, REBOOT
                self.copied.set()
        with lab.lock:
            if not stopped.is_set():
                self.shut_down_from_inside()

    def make_image(self, image):
        """Copies the disk while the guest is down, as EC2 does, and then takes as long as the lab says."""
        lab = self.lab
        if self.guest:
            self.image = image
            self.guest.shut_down()
            while not self.copied.wait(0.05):
                if self.stopped.is_set():
                    image.state = "failed"
                    return
        lab.closing.wait(lab.imaging)
        with lab.lock:
            image.state, image.ebs_snapshot.status = "available", "completed"

    def end(self):
        self.stopped.set()
        if self.guest:
            self.guest.kill()
            if self.guest.process:
                self.guest.wait()

    def shut_down_from_inside(self):
        instance = self.instance
        if instance.instance_initiated_shutdown_behavior == "terminate":
            instance.terminate()
        else:
            instance.stop()
        instance._reason = ""
        code = "Client.InstanceInitiatedShutdown"
        instance.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)

    def describe(self):
        instance = self.instance
        return {
            "id": instance.id,
            "state": instance.state,
            "client_token": instance.client_token,
            "private_ip": instance.private_ip,
            "public_ip": instance.public_ip,
            "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
            "volume_tags": self.tags.get("volume", {}),
            "network_interface_tags": self.tags.get("network-interface", {}),
            "instance_type": instance.instance_type,
            "image_id": instance.image_id,
            "key_name": instance.key_name,
            "security_groups": sorted({group.id for nic in instance.nics.values() for group in nic.group_set}),
            "subnet": instance.subnet_id,
            "shutdown_behavior": instance.instance_initiated_shutdown_behavior,
            "metadata_options": {name: value for name, value in vars(instance.metadata_options).items()},
            "user_data": user_data_of(instance).decode(errors="replace"),
            "launch_order": list(self.lab.machines).index(instance.id),
            "guest_root": f"/proc/{pid}/root" if (pid := self.guest and self.guest.pid) else None,
            "guest_pid": pid,
        }


def disk_of(lab, image):
    """The copy of a disk that an image is made of; there is none for those that come with the lab."""
    return lab.folder / "guests" / image


def set_state(instance, name, code):
    instance._state = InstanceState(name, code)


def user_data_of(instance):
    return base64.b64decode(str(instance.user_data or ""))


def refuse(code, message):
    raise EC2ClientError(code, message)


def resolve_image(backend, image):
    """`resolve:ssm:…` as an image id, checked like any other."""
    if image.startswith("resolve:ssm:"):
        name = image.removeprefix("resolve:ssm:")
        if name.startswith("/aws/service/canonical/ubuntu/"):
            return LATEST_CANONICAL
        from moto.ssm.models import ssm_backends

        parameter = ssm_backends[backend.account_id][backend.region_name].get_parameter(name)
        if not parameter:
            refuse("InvalidParameterValue", f"Invalid value '{image}' for ImageId.")
        return parameter.value
    if not re.fullmatch("ami-([0-9a-f]{8}|[0-9a-f]{17})", image):
        refuse("InvalidAMIID.Malformed", f'Invalid id: "{image}" (expecting "ami-...")')
    if image not in backend.amis:
        refuse("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
    if backend.amis[image].state != "available":
        refuse("InvalidAMIID.Unavailable", f"The image id '[{image}]' is not available")
    return image


def granted(lab, params):
    """How many instances EC2 gives: as many as it has room for, MaxCount at most, and none below MinCount."""
    wanted, least = int(params.get("MaxCount", 1)), int(params.get("MinCount", 1))
    if lab.capacity is None:
        return wanted
    living = sum(machine.instance.state in ("pending", "running") for machine in lab.machines.values())
    room = lab.capacity - living
    if room < least:
        refuse("InsufficientInstanceCapacity", "We currently do not have sufficient capacity in the Availability Zone "
               "you requested.")
    return min(wanted, room)


def stored(backend):
    """The images and snapshots of this account."""
    def describe(resource, state):
        return {"id": resource.id, "state": state, "tags": {tag["key"]: tag["value"] for tag in resource.get_tags()}}

    images = [ami for ami in backend.amis.values() if ami.owner_id == ACCOUNT]
    snapshots = [one for one in backend.snapshots.values() if one.from_ami and one.owner_id == ACCOUNT]
    return {"images": [describe(ami, ami.state) | {"name": ami.name} for ami in images],
            "snapshots": [describe(one, one.status) for one in snapshots]}


def check_launch(lab, backend, params):
    """Refuses what EC2 refuses and moto does not, and fills in what EC2 fills in."""
    if image := params.get("ImageId"):
        params["ImageId"] = resolve_image(backend, image)
    elif "LaunchTemplate" not in params:
        refuse("MissingParameter", "The request must contain the parameter ImageId")
    if (kind := params.get("InstanceType")) and kind not in INSTANCE_TYPES:
        refuse("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    if (key := params.get("KeyName")) and key not in backend.key_pairs:
        refuse("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    encoded = params.get("UserData", "")
    if len(encoded) * 3 // 4 - encoded.count("=") > USER_DATA_LIMIT:
        refuse(USER_DATA_TOO_LARGE, f"User data is limited to {USER_DATA_LIMIT} bytes")

    interfaces = params.get("NetworkInterfaces", [])
    if interfaces and (params.get("SecurityGroupIds") or params.get("SecurityGroups")):
        refuse("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not be "
               "specified on the same request")
    if params.get("SecurityGroups") and params.get("SubnetId"):
        refuse("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet")
    for name in params.get("SecurityGroups", []):
        if not backend.get_security_group_from_name(name, backend.get_default_vpc().id):
            refuse("InvalidGroup.NotFound",
                   f"The security group '{name}' does not exist in default VPC '{backend.get_default_vpc().id}'")
    for group in [*params.get("SecurityGroupIds", []), *(g for nic in interfaces for g in nic.get("Groups", []))]:
        if not backend.get_security_group_from_id(group):
            refuse("InvalidGroup.NotFound", f"The security group '{group}' does not exist")

    # moto launches MinCount, gives addresses of its own outside of named subnets, and keeps what EC2 deletes with
    # the instance.
    params["MinCount"] = granted(lab, params)
    zone = params.get("Placement", {}).get("AvailabilityZone", f"{backend.region_name}a")
    default_subnet = backend.get_default_subnets().get(zone)
    if not default_subnet:
        refuse("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
    for interface in interfaces:
        if "NetworkInterfaceId" not in interface:
            interface.setdefault("SubnetId", default_subnet.id)
            interface.setdefault("DeleteOnTermination", True)
    if not interfaces:
        params.setdefault("SubnetId", default_subnet.id)
    image = backend.amis.get(params.get("ImageId"))
    volumes = {volume["DeviceName"]: volume["Ebs"] for volume in (image.block_device_mappings if image else [])}
    for mapping in params.get("BlockDeviceMappings", []):
        if "Ebs" in mapping:
            # What a mapping leaves out is the image's.
            volume = volumes.get(mapping.get("DeviceName"), {})
            for key in ("SnapshotId", "VolumeSize"):
                if key in volume:
                    mapping["Ebs"].setdefault(key, volume[key])
            mapping["Ebs"].setdefault("DeleteOnTermination", True)


def install(lab):
    """Makes moto's EC2 the lab's: its network, its guests, and EC2's rules where moto has others."""
    launches = {}  # client token: the first request that bore it, and its reservation
    _private, public = lab.network.subnets(prefixlen_diff=1)
    public_addresses = public.hosts()
    moto_run, moto_stop, moto_start, moto_terminate = (
        InstanceResponse.run_instances, Instance.stop, Instance.start, Instance.terminate)
    moto_create_vpc, moto_delete_group = VPCBackend.create_vpc, SecurityGroupBackend.delete_security_group

    moto_assume = AssumedRole.__init__

    def assume(role, *args, **kwargs):
        moto_assume(role, *args, **kwargs)
        if lab.session is not None:
            role.expiration = utcnow() + datetime.timedelta(seconds=lab.session)

    AssumedRole.__init__ = assume

    def run_instances(self):
        with lab.lock:
            request = copy.deepcopy(self.params)
            token = request.get("ClientToken")
            key = (self.current_account, self.region, token)
            if token and key in launches:
                first, reservation = launches[key]
                if first != request:
                    refuse("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with "
                           "arguments used in previous request(s).")
                return ActionResult(reservation)
            check_launch(lab, self.ec2_backend, self.params)
            result = moto_run(self)
            launches[key] = request, result.result
            tags = utils.convert_tag_spec(request.get("TagSpecifications", []))
            for instance in result.result.instances:
                instance.client_token = token
                for nic in instance.nics.values():
                    nic.add_tags(tags.get("network-interface", {}))
                    if not request.get("NetworkInterfaces"):
                        nic.delete_on_termination = True
                lab.machines[instance.id] = Machine(lab, instance, tags)
            return result

    def terminate_instances(self):
        self.error_on_dryrun()
        ids = self._get_param("InstanceIds", [])
        with lab.lock:
            for machine in filter(None, map(lab.machines.get, ids)):
                if machine.guest:
                    machine.guest.kill()  # all of them, before the first is waited for
            ended = self.ec2_backend.terminate_instances(ids)
            return ActionResult({"TerminatingInstances": [
                {"InstanceId": instance.id, "PreviousState": previous,
                 "CurrentState": previous if previous.name == "terminated" else InstanceState("shutting-down", 32)}
                for instance, previous in ended
            ]})

    def terminate(instance):
        with lab.lock:
            previous = instance._state
            if previous.name in ("shutting-down", "terminated"):
                return previous
            lab.machines[instance.id].end()
            previous = moto_terminate(instance)
            if lab.shutting_down:
                set_state(instance, "shutting-down", 32)
                timer = threading.Timer(lab.shutting_down, set_state, [instance, "terminated", 48])
                timer.daemon = True
                timer.start()
            return previous

    def stop(instance):
        with lab.lock:
            lab.machines[instance.id].end()
            return moto_stop(instance)

    def start(instance):
        with lab.lock:
            previous = moto_start(instance)
            if previous.name == "stopped":
                lab.machines[instance.id].begin()
            return previous

    def create_image(self):
        name, params = self._get_param("Name"), self.params
        backend = self.ec2_backend
        with lab.lock:
            machine = lab.machines.get(params["InstanceId"])
            if not machine or machine.instance.state != "running":
                refuse("IncorrectState", f"The instance '{params['InstanceId']}' is not in a state from which an image "
                       "can be created")
            if taken := next((ami.id for ami in backend.amis.values() if ami.name == name), None):
                refuse("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken}")
            instance = machine.instance
            image = Ami(backend, utils.random_ami_id(), instance=instance, name=name, state="pending",
                        description=self._get_param("Description", ""), root_device_type="ebs")
            image.ebs_snapshot.status = "pending"
            tags = utils.convert_tag_spec(params.get("TagSpecifications", []))
            image.add_tags(tags.get("image", {}))
            image.ebs_snapshot.add_tags(tags.get("snapshot", {}))
            backend.amis[image.id] = image
            threading.Thread(target=machine.make_image, args=[image], daemon=True).start()
        return ActionResult({"ImageId": image.id})

    def create_vpc(backend, cidr_block, *args, **kwargs):
        if kwargs.get("is_default") and backend.region_name == REGION:
            cidr_block = str(lab.network)
        return moto_create_vpc(backend, cidr_block, *args, **kwargs)

    def delete_security_group(backend, name=None, group_id=None):
        group = backend.get_security_group_by_name_or_id(group_id or name)
        for instance in backend.all_instances():
            if instance.state != "terminated" and any(group in nic.group_set for nic in instance.nics.values()):
                refuse("DependencyViolation", f"resource {group.id} has a dependent object")
        return moto_delete_group(backend, name=name, group_id=group_id)

    def load_amis(backend):
        # Loading all of moto's images, most of them for containers, would take longer than everything else.
        for image, (name, year) in CANONICAL_IMAGES.items():
            backend.amis[image] = Ami(
                backend, image, name=name, owner_id=CANONICAL, public=True, architecture="x86_64",
                virtualization_type="hvm", root_device_type="ebs", creation_date=utcnow().replace(year=year, day=1))
        try:
            amazon = load_resource(f"ec2/resources/latest_amis/{backend.region_name}.json")
        except FileNotFoundError:
            return
        for image in amazon:
            image.pop("creation_date", None)
            backend.amis[image["ami_id"]] = Ami(backend, **image, owner_alias="amazon")

    InstanceResponse.run_instances, InstanceResponse.terminate_instances = run_instances, terminate_instances
    # moto would say `pending` of an instance that is long gone, when its client token is used again.
    InstanceResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.pop("RunInstances.Reservation.Instances.Instance.State")
    AmisResponse.create_image = create_image
    Instance.terminate, Instance.stop, Instance.start = terminate, stop, start
    VPCBackend.create_vpc, SecurityGroupBackend.delete_security_group = create_vpc, delete_security_group
    AmiBackend._load_amis = load_amis
    elastic_network_interfaces.random_public_ip = lambda: str(next(public_addresses))
    # An address is not given twice: who still talks to a dead guest must not reach another one.
    Subnet.del_subnet_ip = lambda subnet, address: None
    utils.filter_dict_attribute_mapping["client-token"] = "client_token"

    backend = ec2_backends[ACCOUNT][REGION]
    group = backend.create_security_group(NAME, "for the tests", vpc_id=backend.default_vpc.id)
    key_pair = backend.create_key_pair(NAME, "ed25519", {})
    lab.key_file.write_text(key_pair.material if isinstance(key_pair.material, str) else key_pair.material.decode())
    lab.key_file.chmod(0o600)
    subnet = backend.get_default_subnets()[f"{REGION}a"]
    lab.stored = lambda: stored(backend)
    return {"region": REGION, "subnet": subnet.id, "security_group": group.id, "security_group_name": NAME,
            "key_pair": NAME, "ami": AMI}
