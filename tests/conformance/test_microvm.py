"""An instance with a kernel of its own, as boto3, ssh and the guest itself see it."""

import shutil
import socket
import subprocess
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from test_ec2 import console, describe, open_group, page, running, ssh, state

pytestmark = needs_root

MICRO = [{"ResourceType": "instance", "Tags": [{"Key": "cloudlet:machine", "Value": "microvm"}]}]
WEB = "#!/bin/sh\nmkdir -p /srv/web && cd /srv/web && uname -r > index.html && exec python3 -m http.server 80\n"
IDENTITY = """python3 - <<'PY'
import urllib.request as u
base = "http://169.254.169.254/latest/"
ask = u.Request(base + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = u.urlopen(ask).read().decode()
print(u.urlopen(u.Request(base + "meta-data/instance-id", headers={"X-aws-ec2-metadata-token": token})).read().decode())
PY
"""


def banner(address):
    try:
        with socket.create_connection((address, 22), timeout=1) as stream:
            stream.settimeout(2)
            return stream.recv(4) == b"SSH-"
    except OSError:
        return False


def sshd_speaks(ec2, instance, address):
    """Waits for it: a host at its limits is slow to translate a kernel. Whoever waits in vain is told what the guest said."""
    try:
        eventually(lambda: banner(address), "sshd speaks", seconds=180)
    except AssertionError:
        said = ec2.get_console_output(InstanceId=instance, Latest=True).get("Output")
        road = subprocess.run(["ping", "-c1", "-W2", address], capture_output=True, text=True).stdout
        pytest.fail(f"sshd of {instance} never spoke at {address}, {state(ec2, instance)}; its console:\n{said}\n{road}")


def test_a_machine_of_its_own_from_launch_to_end(cloud, tmp_path):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("no QEMU: apt-get install --no-install-recommends qemu-system-x86")
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    key, name = tmp_path / "k.pem", f"k-{uuid.uuid4().hex}"
    key.write_text(ec2.create_key_pair(KeyName=name)["KeyMaterial"])
    key.chmod(0o600)
    group = open_group(ec2, 22, 80)
    order = dict(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1, TagSpecifications=MICRO)
    # What guests boot from is made once, and is not what is measured.
    first = ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    eventually(lambda: state(ec2, first) == "running", "the first one runs", seconds=120)
    ec2.terminate_instances(InstanceIds=[first])
    eventually(lambda: state(ec2, first) == "terminated", "it ends")

    begun = time.monotonic()
    instance = ec2.run_instances(**order, KeyName=name, SecurityGroupIds=[group], UserData=WEB)["Instances"][0]["InstanceId"]
    try:
        it = running(ec2, instance)
        address = it["PublicIpAddress"]
        sshd_speaks(ec2, instance, address)
        print(f"ssh banner {time.monotonic() - begun:.1f} s after RunInstances")

        def inside(command, what="a command is done"):
            told = eventually(lambda: ssh(key, address, f"{{ {command}\n}} && echo done", "root"), what, seconds=60)
            return told.removesuffix("done\n")

        kernel, processors, memory = inside("uname -r; nproc; grep MemTotal /proc/meminfo | tr -dc 0-9").splitlines()
        with open("/proc/sys/kernel/osrelease") as own:
            assert kernel != own.read().strip()
        assert processors == "2"
        assert 1.7 * 1024**2 < int(memory) < 2 * 1024**2
        assert inside(IDENTITY) == f"{instance}\n"
        assert eventually(lambda: page(address), "user data ran", seconds=60) == f"{kernel}\n"
        assert "first instruction" in console(ec2, instance)

        def checks():
            told = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
            return told["InstanceStatus"]["Status"], told["SystemStatus"]["Status"]

        eventually(lambda: checks() == ("ok", "ok"), "its status checks pass", seconds=60)
        assert describe(ec2, instance)["VirtualizationType"] == "hvm"

        volume = ec2.create_volume(Size=1, AvailabilityZone=it["Placement"]["AvailabilityZone"])["VolumeId"]
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
        inside("test -b /dev/sdf", "the volume appears")
        inside("mkfs.ext4 -q /dev/sdf && mount /dev/sdf /mnt && echo kept | tee /mnt/note && sync")
        ec2.modify_volume(VolumeId=volume, Size=2)
        inside("test $(($(cat /sys/class/block/$(readlink /dev/sdf)/size) / 2097152)) = 2", "it grows")

        subnet = it["SubnetId"]
        further = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
        attached = ec2.attach_network_interface(
            NetworkInterfaceId=further["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=1
        )["AttachmentId"]
        inside(f"ip -4 -o addr show dev eth1 | grep -w {further['PrivateIpAddress']}", "the interface appears")
        ec2.detach_network_interface(AttachmentId=attached)
        inside("test ! -e /sys/class/net/eth1", "the interface goes")
        ec2.delete_network_interface(NetworkInterfaceId=further["NetworkInterfaceId"])

        inside("echo mine > note; sync")
        # Goes down before it can say so.
        ssh(key, address, "poweroff", "root")
        eventually(lambda: state(ec2, instance) == "stopped", "power-off inside is a stop", seconds=60)
        ec2.detach_volume(VolumeId=volume)
        ec2.start_instances(InstanceIds=[instance])
        address = running(ec2, instance)["PublicIpAddress"]
        assert inside("cat note; ls /dev/sdf 2>/dev/null; true") == "mine\n"
    finally:
        ec2.terminate_instances(InstanceIds=[instance])
        eventually(lambda: state(ec2, instance) == "terminated", "it ends", seconds=60)
    ec2.delete_volume(VolumeId=volume)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_key_pair(KeyName=name)


def test_a_kind_that_there_is_not_is_refused(cloud):
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cloudlet:machine", "Value": "metal"}]}]
    with pytest.raises(ClientError) as refused:
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"
