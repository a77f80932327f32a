"""kill -9 while an image is exported: the disk is in S3 after all, whole, and nothing of the first try is left."""

import os
import time

import pytest
from conftest import eventually, needs_root
from disk_kit import MIB, downloaded, files_of, loops, needs_qemu_img, one_gib, raw, role, small_image, system

pytestmark = needs_root


# A disk that is converted is there soon, and each kill finds an export of its own; a raw one is killed again and again.
@pytest.mark.parametrize(("kind", "pauses"), [pytest.param("VMDK", [0.0, 0.05, 0.2, 0.5], marks=needs_qemu_img), ("RAW", [0.3, 1.5])])
def test_what_was_being_exported_is_exported(own_cloud, tmp_path, kind, pauses):
    cloud = own_cloud()
    bucket = "disks"
    cloud.client("s3").create_bucket(Bucket=bucket)
    name, ec2 = role(cloud, bucket, "s3:PutObject"), cloud.client("ec2")
    root = system(tmp_path / "root")
    noise = os.urandom(24 * MIB)
    (root / "opt" / "noise").write_bytes(noise)
    image = one_gib(ec2, small_image(cloud, bucket, name, root, tmp_path / "disk.raw"))
    location = {"S3Bucket": bucket, "S3Prefix": "out/"}
    tasks = []
    for pause in pauses:
        if kind == "VMDK" or not tasks:
            task = cloud.client("ec2").export_image(ImageId=image, DiskImageFormat=kind, S3ExportLocation=location, RoleName=name)
            tasks.append(task["ExportImageTaskId"])
        time.sleep(pause)
        cloud.kill()
        cloud.start()
    ec2 = cloud.client("ec2")

    def ended():
        found = ec2.describe_export_image_tasks(ExportImageTaskIds=tasks)["ExportImageTasks"]
        return all(one["Status"] not in ("active", "deleting") for one in found) and found

    assert [one["Status"] for one in eventually(ended, "all exports end", 180)] == ["completed"] * len(tasks)
    s3 = cloud.client("s3")
    keys = [f"out/{task}.{kind.lower()}" for task in tasks]
    assert {one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]} == set(keys)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    for key in keys:
        disk = raw(downloaded(cloud, bucket, key, tmp_path / "disk"), kind)
        assert files_of(disk, tmp_path / "back")["opt/noise"] == noise
    assert loops(cloud) == []
