"""Volumes, snapshots and images as boto3 and the guests themselves see them: real block devices, real bytes."""

import subprocess
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from test_ec2 import describe, open_group, page, running, state

pytestmark = needs_root

# Serves the folder /srv/web; a request for a program's name runs it, and shows what it printed.
SHELL = """#!/bin/sh
mkdir -p /srv && cat > /srv/shell.py <<'PY'
import http.server, subprocess
class Shell(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        script = self.rfile.read(int(self.headers["content-length"])).decode()
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True)
        self.send_response(200 if done.returncode == 0 else 500)
        self.end_headers()
        self.wfile.write((done.stdout + done.stderr).encode())
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")
http.server.ThreadingHTTPServer(("", 80), Shell).serve_forever()
PY
exec python3 /srv/shell.py
"""


@pytest.fixture(scope="module")
def host(cloud):
    return cloud.client("ec2").describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]


@pytest.fixture
def lab(cloud, host):
    lab = Lab(cloud.client("ec2"), host)
    yield lab
    lab.close()


class Lab:
    def __init__(self, ec2, host):
        self.ec2, self.host = ec2, host
        self.group = open_group(ec2, 80)
        self.instances = []

    def launch(self, image=None, data=SHELL, **params):
        made = self.ec2.run_instances(
            ImageId=image or self.host, InstanceType="t3.micro", MinCount=1, MaxCount=1,
            SecurityGroupIds=[self.group], UserData=data, **params,
        )["Instances"][0]["InstanceId"]
        self.instances.append(made)
        return made

    def ready(self, instance):
        it = running(self.ec2, instance)
        eventually(lambda: page(it["PublicIpAddress"]), "it answers")
        return it

    def sh(self, instance, script, fails=False):
        address = describe(self.ec2, instance)["PublicIpAddress"]
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-m", "20", "-w", "%{http_code}", "--data-binary", "@-", f"http://{address}/"],
            input=script, capture_output=True, text=True, check=True,
        ).stdout
        output, code = done[:-3], done[-3:]
        assert (code == "500") == fails, output
        return output

    def volume(self, **params):
        params = {"AvailabilityZone": "us-east-1a", "Size": 1, **params}
        made = self.ec2.create_volume(**params)["VolumeId"]
        self.wait(made, "available")
        return made

    def zone(self, instance):
        return describe(self.ec2, instance)["Placement"]["AvailabilityZone"]

    def of(self, volume):
        return self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]

    def wait(self, volume, wanted):
        eventually(lambda: self.of(volume)["State"] == wanted, f"{volume} is {wanted}")

    def attach(self, volume, instance, device):
        self.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
        attached = lambda: [one["State"] for one in self.of(volume)["Attachments"]] == ["attached"]
        eventually(attached, "it is attached")

    def close(self):
        if self.instances:
            self.ec2.terminate_instances(InstanceIds=self.instances)
            for one in self.instances:
                eventually(lambda one=one: state(self.ec2, one) == "terminated", f"{one} is terminated")
        eventually(lambda: all(v["State"] == "available" for v in self.ec2.describe_volumes()["Volumes"]), "all are let go")
        for volume in self.ec2.describe_volumes()["Volumes"]:
            self.ec2.delete_volume(VolumeId=volume["VolumeId"])


def code_of(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]["Code"]


def test_a_volume_moves_with_its_data_and_grows(lab):
    one, two = lab.launch(), lab.launch()
    lab.ready(one), lab.ready(two)
    volume = lab.volume(AvailabilityZone=lab.zone(one))
    lab.attach(volume, one, "/dev/sdf")
    lab.sh(one, "mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo precious > /data/file; sync")
    assert code_of(lab.ec2.delete_volume, VolumeId=volume) == "VolumeInUse"
    assert code_of(lab.ec2.attach_volume, VolumeId=volume, InstanceId=two, Device="/dev/sdf") == "VolumeInUse"

    # Grown while it is mounted.
    lab.ec2.modify_volume(VolumeId=volume, Size=2)
    change = lambda: lab.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]
    eventually(lambda: change()["ModificationState"] == "completed", "it has grown")
    assert lab.sh(one, "blockdev --getsize64 /dev/sdf").strip() == str(2 << 30)

    # As long as the guest has it mounted, it is not let go.
    lab.ec2.detach_volume(VolumeId=volume)
    assert [held["State"] for held in lab.of(volume)["Attachments"]] == ["detaching"]
    lab.sh(one, "umount /data")
    lab.wait(volume, "available")
    lab.sh(one, "test ! -e /dev/sdf")

    lab.attach(volume, two, "/dev/xvdg")
    assert lab.sh(two, "mount /dev/xvdg /mnt; cat /mnt/file; umount /mnt") == "precious\n"
    # Stopped and started, it is still there.
    lab.ec2.stop_instances(InstanceIds=[two])
    eventually(lambda: state(lab.ec2, two) == "stopped", "it stops", seconds=40)
    lab.ec2.start_instances(InstanceIds=[two])
    running(lab.ec2, two)
    devices = describe(lab.ec2, two)["BlockDeviceMappings"]
    assert {one["DeviceName"] for one in devices} == {"/dev/sda1", "/dev/xvdg"}


def test_a_snapshot_is_an_instant_and_becomes_volumes(lab):
    one = lab.launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "VolumeType": "gp3"}}])
    lab.ready(one)
    volume = next(d["Ebs"]["VolumeId"] for d in describe(lab.ec2, one)["BlockDeviceMappings"] if d["DeviceName"] == "/dev/sdf")
    lab.sh(one, "mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo before > /data/file")
    snapshot = lab.ec2.create_snapshot(VolumeId=volume, Description="of a test")["SnapshotId"]
    lab.sh(one, "echo after > /data/file")
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    copy = lab.volume(AvailabilityZone=lab.zone(one), Size=3, SnapshotId=snapshot)
    lab.attach(copy, one, "/dev/sdg")
    assert lab.sh(one, "mount /dev/sdg /mnt; cat /mnt/file; umount /mnt") == "before\n"
    other = lab.ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)["SnapshotId"]
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[other], WaiterConfig={"Delay": 1})
    for one in (snapshot, other):
        lab.ec2.delete_snapshot(SnapshotId=one)
    assert code_of(lab.ec2.describe_snapshots, SnapshotIds=["snap-12345678"]) == "InvalidSnapshot.NotFound"


@pytest.mark.parametrize("no_reboot", [True, False])
def test_an_image_freezes_an_instance_and_boots_others(lab, no_reboot):
    one = lab.launch()
    lab.ready(one)
    lab.sh(one, "echo frozen > /srv/note; rm /etc/host.conf; useradd -m somebody || true")
    begun = time.monotonic()
    name = f"web-{uuid.uuid4().hex}"
    image = lab.ec2.create_image(InstanceId=one, Name=name, NoReboot=no_reboot)["ImageId"]
    available = lambda: lab.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    eventually(available, "the image is there", seconds=40)
    two = lab.launch(image, data="#!/bin/sh\nexec python3 /srv/shell.py\n")
    lab.ready(two)
    print(f"create-image to first answer: {time.monotonic() - begun:.2f} s")
    assert lab.sh(two, "cat /srv/note; test ! -e /etc/host.conf") == "frozen\n"
    if not no_reboot:
        running(lab.ec2, one)
    assert code_of(lab.ec2.create_image, InstanceId=two, Name=name) == "InvalidAMIName.Duplicate"
    [device] = lab.ec2.describe_images(ImageIds=[image], Owners=["self"])["Images"][0]["BlockDeviceMappings"]
    assert code_of(lab.ec2.delete_snapshot, SnapshotId=device["Ebs"]["SnapshotId"]) == "InvalidSnapshot.InUse"
    lab.ec2.deregister_image(ImageId=image)
    assert code_of(lab.ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1) == "InvalidAMIID.NotFound"
    again = lab.ec2.register_image(
        Name=name, RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": device["Ebs"]["SnapshotId"]}}],
    )["ImageId"]
    lab.ec2.deregister_image(ImageId=again, DeleteAssociatedSnapshots=True)
