"""kill -9 while disks are imported: each import is finished after all, and nothing of it is left that nobody knows."""

import os
import subprocess
import time

import pytest
from conftest import eventually, needs_root
from disk_kit import MIB, ext4, image_ends, imported, loops, needs_qemu_img, role, system, upload

pytestmark = needs_root


@pytest.mark.parametrize(("kind", "pause"), [("raw", 0.0), ("raw", 0.05), ("raw", 0.2), ("raw", 0.5)] + [
    pytest.param("vmdk", pause, marks=needs_qemu_img) for pause in (0.05, 0.15, 0.3)
])
def test_what_was_being_imported_is_imported(own_cloud, tmp_path, kind, pause):
    cloud = own_cloud()
    bucket = "disks"
    cloud.client("s3").create_bucket(Bucket=bucket)
    name, ec2 = role(cloud, bucket), cloud.client("ec2")
    root = tmp_path / "root"
    root.mkdir()
    (root / "noise").write_bytes(os.urandom(24 * MIB))
    disk = ext4(system(root), tmp_path / "disk.raw")
    if kind == "vmdk":
        disk = tmp_path / "disk.vmdk"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", str(tmp_path / "disk.raw"), str(disk)], check=True)
    key = upload(cloud, bucket, disk)
    place = {"S3Bucket": bucket, "S3Key": key}
    snapshot = ec2.import_snapshot(DiskContainer={"Format": kind, "UserBucket": place}, RoleName=name)["ImportTaskId"]
    made = ec2.import_image(DiskContainers=[{"Format": kind, "UserBucket": place}], RoleName=name)["ImportTaskId"]
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
