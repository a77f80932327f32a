"""A disk that is nearly full: what would fill it is refused or fails by name, all else goes on, and room made is used again."""

import json
import os
import subprocess

import pytest
from botocore.exceptions import ClientError
from conftest import BINARY, Cloud, eventually, needs_root
from disk_kit import MIB, imported, role, upload

pytestmark = needs_root

# What is left to the host, with a little for the cloud's own books.
KEPT = 512 * MIB


@pytest.fixture
def small(tmp_path):
    """A cloud whose data lie on a file system of their own, of one and a half GiB."""
    disk, folder = tmp_path / "disk", tmp_path / "cloud"
    with open(disk, "wb") as file:
        file.truncate(1536 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(disk)], check=True)
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", str(disk), str(folder)], check=True)
    cloud = Cloud(folder)
    try:
        yield cloud.start()
        assert cloud.stop() == 0, cloud.log()
    finally:
        if cloud.process.poll() is None:
            cloud.kill()
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder, left=KEPT - 16 * MIB):
    """Leaves so many bytes: less than what is kept."""
    free = os.statvfs(folder)
    free = free.f_bavail * free.f_frsize
    path = os.path.join(folder, f"filler-{left}")
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - left)
    return path


def test_a_full_disk_is_told_and_survived(small, tmp_path):
    ec2, sqs = small.client("ec2"), small.client("sqs")
    zone = "us-east-1a"
    becomes = lambda volume, state: eventually(
        lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == state, f"it is {state}"
    )
    before = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    becomes(before, "available")
    small.client("s3").create_bucket(Bucket="disks")
    reader = role(small, "disks")
    data = tmp_path / "disk.raw"
    data.write_bytes(os.urandom(8 * MIB))
    key = upload(small, "disks", data)
    filler = fill(small.folder)

    refused = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    becomes(refused, "error")
    task = ec2.import_snapshot(
        DiskContainer={"Format": "raw", "UserBucket": {"S3Bucket": "disks", "S3Key": key}}, RoleName=reader
    )["ImportTaskId"]
    assert "full" in imported(ec2, task, "error")["StatusMessage"]
    snapshot = ec2.create_snapshot(VolumeId=before)["SnapshotId"]
    queue = sqs.create_queue(QueueName="goes-on")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="still here")
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "still here"
    becomes(before, "available")

    # With nothing left at all writes are refused by name, what makes room is let through, and nothing is broken by it.
    rest = fill(small.folder, 48 * MIB)
    full = small.client("sqs")
    with pytest.raises(ClientError) as refused_by:
        full.send_message(QueueUrl=queue, MessageBody="x" * 200_000)
    assert refused_by.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert "disk" in refused_by.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        small.client("s3").put_object(Bucket="disks", Key="big", Body=os.urandom(4 * MIB))
    full.send_message(QueueUrl=queue, MessageBody="a little")
    with pytest.raises(ClientError):
        full.send_message(QueueUrl=queue, MessageBody="x" * 200_000)
    health = json.loads(small.get("/health"))
    assert "full" in health["trouble"] and set(health["services"].values()) == {"error"}
    status = subprocess.run([BINARY, "status", "--endpoint", small.endpoint], capture_output=True, text=True)
    assert status.returncode == 0 and health["trouble"] in status.stdout
    os.remove(rest)
    full.send_message(QueueUrl=queue, MessageBody="x" * 200_000)
    assert json.loads(small.get("/health"))["trouble"] is None

    os.remove(filler)
    ec2.delete_volume(VolumeId=refused)
    after = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    becomes(after, "available")
    done = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    eventually(done, "the snapshot is taken after all", 90)
