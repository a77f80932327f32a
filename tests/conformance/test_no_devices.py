"""A host with no loop device left: launches and attachments that need one fail or wait by name, all else goes on."""

import os
import subprocess

import conftest
import pytest
from conftest import Cloud, eventually, needs_root

pytestmark = needs_root

CONTROL = "/dev/loop-control"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A cloud with mounts of its own, where loop devices can be taken from it and from nobody else."""
    script = tmp_path / "cloudlet"
    script.write_text(f'#!/bin/sh\nexec unshare --mount --propagation private "{os.path.abspath(conftest.BINARY)}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(conftest, "BINARY", str(script))
    folder = tmp_path / "cloud"
    folder.mkdir()
    cloud = Cloud(folder)
    try:
        yield cloud.start()
        assert cloud.stop() == 0, cloud.log()
    finally:
        if cloud.process.poll() is None:
            cloud.kill()


def test_spent_devices_are_told_and_survived(own):
    ec2 = own.client("ec2")
    within = lambda *command: subprocess.run(["nsenter", "-t", str(own.process.pid), "-m", *command], check=True)
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    launch = lambda: ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"][0]
    seen = lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    becomes = lambda one, state: eventually(lambda: seen(one)["State"]["Name"] == state, f"it is {state}", seconds=60)
    first = launch()
    becomes(first["InstanceId"], "running")
    zone = first["Placement"]["AvailabilityZone"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    within("mount", "--bind", "/dev/null", CONTROL)
    refused = launch()["InstanceId"]
    becomes(refused, "terminated")
    reason = seen(refused)["StateReason"]
    assert reason["Code"] == "Server.InternalError" and "loop device" in reason["Message"], reason
    ec2.attach_volume(VolumeId=volume, InstanceId=first["InstanceId"], Device="/dev/sdf")
    attached = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"][0]["State"]
    assert attached() == "attaching"
    assert seen(first["InstanceId"])["State"]["Name"] == "running"
    assert own.client("sqs").create_queue(QueueName="goes-on")["QueueUrl"]

    within("umount", CONTROL)
    becomes(launch()["InstanceId"], "running")
    eventually(lambda: attached() == "attached", "it is attached after all", seconds=90)
