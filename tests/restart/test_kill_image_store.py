"""kill -9 while an image goes into S3 and comes back: each task is finished after all, with every block."""

import os
import time
import uuid

import pytest
from conftest import eventually, needs_root
from disk_kit import MIB, imported, loops, role, small_image, system, upload

pytestmark = needs_root

HOST = [{"Name": "name", "Values": ["host"]}]


def block(cloud, snapshot, index):
    ebs = cloud.client("ebs")
    found = {one["BlockIndex"]: one for one in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]}
    return ebs.get_snapshot_block(SnapshotId=snapshot, **found[index])["BlockData"].read()


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.4])
def test_what_was_on_its_way_arrives(own_cloud, tmp_path, pause):
    cloud = own_cloud()
    bucket = "shelf"
    cloud.client("s3").create_bucket(Bucket=bucket)
    name, ec2 = role(cloud, bucket), cloud.client("ec2")
    noise = os.urandom(48 * MIB)
    (tmp_path / "disk.raw").write_bytes(noise)
    place = {"S3Bucket": bucket, "S3Key": upload(cloud, bucket, tmp_path / "disk.raw")}
    disk = {"Format": "raw", "UserBucket": place}
    data = imported(ec2, ec2.import_snapshot(DiskContainer=disk, RoleName=name)["ImportTaskId"])["SnapshotId"]
    host = ec2.describe_images(Filters=HOST)["Images"][0]["ImageId"]
    mapping = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": data}}]
    instance = ec2.run_instances(ImageId=host, InstanceType="t3.micro", MinCount=1, MaxCount=1, BlockDeviceMappings=mapping)
    instance = instance["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    ami = ec2.create_image(InstanceId=instance, Name="web", NoReboot=True)["ImageId"]
    state = lambda image: ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
    eventually(lambda: state(ami) == "available", "the image is there")
    key = ec2.create_store_image_task(ImageId=ami, Bucket=bucket)["ObjectKey"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    task = lambda: ec2.describe_store_image_tasks(ImageIds=[ami])["StoreImageTaskResults"][0]["StoreTaskState"]
    eventually(lambda: task() == "Completed", "it is stored", 60)
    assert cloud.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    again = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key, Name=f"again-{uuid.uuid4().hex[:8]}")["ImageId"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    eventually(lambda: state(again) == "available", "it is back", 60)
    data = ec2.describe_images(ImageIds=[again])["Images"][0]["BlockDeviceMappings"][1]["Ebs"]["SnapshotId"]
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[data])["Snapshots"][0]["State"] == "completed", "it is whole", 60)
    for index in (0, 37, 95):
        assert block(cloud, data, index) == noise[index * MIB // 2 : (index + 1) * MIB // 2]


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.4])
def test_the_files_below_an_imported_root_arrive(own_cloud, tmp_path, pause):
    cloud = own_cloud()
    bucket = "shelf"
    cloud.client("s3").create_bucket(Bucket=bucket)
    root, noise = system(tmp_path / "root"), os.urandom(24 * MIB)
    (root / "opt" / "noise").write_bytes(noise)
    ami = small_image(cloud, bucket, role(cloud, bucket), root, tmp_path / "disk.raw")
    images = os.path.join(cloud.folder, "data", "machines", "images")
    before = set(os.listdir(images))
    key = cloud.client("ec2").create_store_image_task(ImageId=ami, Bucket=bucket)["ObjectKey"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    task = lambda: ec2.describe_store_image_tasks(ImageIds=[ami])["StoreImageTaskResults"][0]
    eventually(lambda: task()["StoreTaskState"] == "Completed", "it is stored", 60)
    assert cloud.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    again = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key, Name="again")["ImageId"]
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    eventually(lambda: ec2.describe_images(ImageIds=[again])["Images"][0]["State"] == "available", "it is back", 60)
    assert set(os.listdir(images)) - before == {f"oci-import-{again}"}
    with open(os.path.join(images, f"oci-import-{again}", "root", "opt", "noise"), "rb") as file:
        assert file.read() == noise
    left = [name for _, folders, files in os.walk(os.path.join(cloud.folder, "data")) for name in (*folders, *files) if "files-of" in name]
    assert loops(cloud) == [] and left == []
