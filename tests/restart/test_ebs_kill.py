"""kill -9 while volumes are attached, snapshots stored and images made: all of it is finished, and no byte is lost."""

import time

import pytest
from conftest import eventually, needs_root

pytestmark = needs_root


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.05, 0.2])
def test_what_was_begun_is_finished(own_cloud, pause):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    launched = ec2.run_instances(ImageId=host, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    instance, zone = launched["InstanceId"], launched["Placement"]["AvailabilityZone"]
    state = lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually(lambda: state(instance) == "running", "it runs")
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    of = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    eventually(lambda: of()["State"] == "available", "the volume is there")

    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    image = ec2.create_image(InstanceId=instance, Name="frozen")["ImageId"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")

    eventually(lambda: [one["State"] for one in of()["Attachments"]] == ["attached"], "it is attached", seconds=40)
    done = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    eventually(done, "the snapshot is stored")
    made = lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    eventually(made, "the image is made", seconds=60)
    eventually(lambda: state(instance) == "running", "the instance runs again", seconds=60)
    other = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    eventually(lambda: state(other["InstanceId"]) == "running", "the image boots")
