"""kill -9 while disks are imported: each import is finished after all, and nothing of it is left that nobody knows."""

import os
import subprocess
import time

import pytest
from conftest import eventually, needs_root
from disk_kit import MIB, ext4, image_ends, imported, role, system, upload

pytestmark = needs_root


def loops(cloud):
    lists = subprocess.run(["losetup", "-l", "-n", "-O", "BACK-FILE"], capture_output=True, text=True).stdout
    return [line for line in lists.splitlines() if cloud.folder in line and "pool.xfs" not in line]


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.2, 0.5])
def test_what_was_being_imported_is_imported(own_cloud, tmp_path, pause):
    cloud = own_cloud()
    bucket = "disks"
    cloud.client("s3").create_bucket(Bucket=bucket)
    name, ec2 = role(cloud, bucket), cloud.client("ec2")
    root = tmp_path / "root"
    root.mkdir()
    (root / "noise").write_bytes(os.urandom(24 * MIB))
    key = upload(cloud, bucket, ext4(system(root), tmp_path / "disk.raw"))
    place = {"S3Bucket": bucket, "S3Key": key}
    snapshot = ec2.import_snapshot(DiskContainer={"Format": "raw", "UserBucket": place}, RoleName=name)["ImportTaskId"]
    made = ec2.import_image(DiskContainers=[{"Format": "raw", "UserBucket": place}], RoleName=name)["ImportTaskId"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    found = imported(ec2, snapshot)["SnapshotId"]
    done = lambda: ec2.describe_snapshots(SnapshotIds=[found])["Snapshots"][0]["State"] == "completed"
    eventually(done, "the snapshot is stored")
    ended = image_ends(ec2, made)
    assert ended["Status"] == "completed", ended
    images = os.path.join(cloud.folder, "data", "machines", "images")
    assert [one for one in os.listdir(images) if one.startswith("oci-")] == [f"oci-{made}"]
    assert loops(cloud) == []
