"""Images put into S3 as disks of others: what they hold, that they come back in, and what is refused or called off."""

import os
import subprocess
import uuid

import pytest
from conftest import code, eventually, needs_root
from disk_kit import MIB, downloaded, files_of, image_ends, imported, needs_qemu_img, one_gib, raw, role, small_image, system, upload
from test_ec2 import console, running, state

pytestmark = needs_root

KEEP = "#!/bin/sh\necho written > /opt/mine; echo changed > /opt/below; echo it is written\n"


def plain(root):
    """The files an image is made of, but for those that an import replaces."""
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    return {name: path.read_bytes() for name, path in files.items() if name != "etc/fstab"}


@pytest.fixture(scope="module")
def store(cloud):
    bucket = f"disks-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    return bucket, role(cloud, bucket, "s3:PutObject")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = system(tmp_path_factory.mktemp("small") / "root")
    (root / "opt" / "below").write_text("as it was")
    (root / "opt" / "noise").write_bytes(os.urandom(3 * MIB + 5))
    return root


@pytest.fixture(scope="module")
def small(cloud, store, files):
    """An image of a few files."""
    return small_image(cloud, *store, files, files.with_name("root.raw"))


def exported(ec2, task, wanted="completed"):
    look = lambda: ec2.describe_export_image_tasks(ExportImageTaskIds=[task])["ExportImageTasks"][0]
    ended = eventually(lambda: (it := look())["Status"] not in ("active", "deleting") and it, "the export ends", 120)
    assert ended["Status"] == wanted, ended
    return ended


def begin(ec2, store, image, kind, **more):
    place = {"S3Bucket": store[0], "S3Prefix": "out/"}
    return ec2.export_image(ImageId=image, DiskImageFormat=kind, S3ExportLocation=place, RoleName=store[1], **more)["ExportImageTaskId"]


def image_with(ec2, small, **volume):
    """An image with a second volume."""
    mapping = [{"DeviceName": "/dev/sdf", "Ebs": volume}]
    made = ec2.run_instances(ImageId=small, InstanceType="t3.micro", MinCount=1, MaxCount=1, BlockDeviceMappings=mapping)
    instance = made["Instances"][0]["InstanceId"]
    running(ec2, instance)
    image = ec2.create_image(InstanceId=instance, Name=f"two-{uuid.uuid4().hex[:8]}", NoReboot=True)["ImageId"]
    ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available", "the image is there")
    return image


@needs_qemu_img
def test_a_second_volume_leaves_byte_for_byte_and_an_encrypted_one_does_not(cloud, ec2, store, small, tmp_path):
    noise = os.urandom(3 * MIB)
    (tmp_path / "data.raw").write_bytes(noise)
    place = {"S3Bucket": store[0], "S3Key": upload(cloud, store[0], tmp_path / "data.raw")}
    data = ec2.import_snapshot(DiskContainer={"Format": "raw", "UserBucket": place}, RoleName=store[1])["ImportTaskId"]
    image = image_with(ec2, small, SnapshotId=imported(ec2, data)["SnapshotId"])
    task = begin(ec2, store, image, "VMDK")
    exported(ec2, task)
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=store[0], Prefix=f"out/{task}")["Contents"]]
    assert sorted(keys) == [f"out/{task}-2.vmdk", f"out/{task}.vmdk"]
    with open(raw(downloaded(cloud, store[0], f"out/{task}-2.vmdk", tmp_path / "data.vmdk"), "VMDK"), "rb") as plain:
        assert plain.read(len(noise)) == noise and not any(plain.read(MIB)) and plain.seek(0, os.SEEK_END) == 1 << 30
    root = files_of(raw(downloaded(cloud, store[0], f"out/{task}.vmdk", tmp_path / "root.vmdk"), "VMDK"), tmp_path / "back")
    assert root["opt/kept"] == b"kept"
    sealed = image_with(ec2, small, VolumeSize=1, Encrypted=True)
    refused = dict(ImageId=sealed, DiskImageFormat="VMDK", S3ExportLocation={"S3Bucket": store[0]}, RoleName=store[1])
    assert code(ec2.export_image, **refused) == "NotExportable"


@needs_qemu_img
def test_what_was_written_and_what_is_below_leave_as_one_disk_and_come_back(cloud, ec2, store, small, tmp_path):
    made = ec2.run_instances(ImageId=small, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=KEEP)["Instances"][0]
    instance = made["InstanceId"]
    running(ec2, instance)
    eventually(lambda: "it is written" in console(ec2, instance), "its root is written to")
    image = ec2.create_image(InstanceId=instance, Name=f"own-{uuid.uuid4().hex[:8]}", NoReboot=True)["ImageId"]
    ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available", "the image is there")
    task = begin(ec2, store, image, "VMDK", Description="out", TagSpecifications=[{"ResourceType": "export-image-task", "Tags": [{"Key": "k", "Value": "v"}]}])
    ended = exported(ec2, task)
    assert (ended["Description"], ended["S3ExportLocation"]["S3Prefix"], ended["Tags"]) == ("out", "out/", [{"Key": "k", "Value": "v"}])
    key = f"out/{task}.vmdk"
    disk = downloaded(cloud, store[0], key, tmp_path / "disk.vmdk")
    assert disk.read_bytes()[:4] == b"KDMV"
    found = files_of(raw(disk, "VMDK"), tmp_path / "back")
    assert (found["opt/kept"], found["opt/mine"], found["opt/below"]) == (b"kept", b"written\n", b"changed\n")

    place = {"S3Bucket": store[0], "S3Key": key}
    back = ec2.import_image(DiskContainers=[{"Format": "VMDK", "UserBucket": place}], RoleName=store[1])["ImportTaskId"]
    back = image_ends(ec2, back)["ImageId"]
    data = '#!/bin/sh\necho "found $(cat /opt/kept) $(cat /opt/mine)"\n'
    made = ec2.run_instances(ImageId=back, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=data)["Instances"][0]
    eventually(lambda: "found kept written" in console(ec2, made["InstanceId"]), "it boots from what came back", 40)
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    eventually(lambda: state(ec2, made["InstanceId"]) == "terminated", "it ends")


@needs_qemu_img
def test_a_disk_is_written_as_vhd_and_one_that_is_called_off_is_not(cloud, ec2, store, small, tmp_path):
    task = begin(ec2, store, small, "VHD")
    exported(ec2, task)
    disk = tmp_path / "disk.vhd"
    cloud.client("s3").download_file(store[0], f"out/{task}.vhd", str(disk))
    assert disk.read_bytes()[:8] == b"conectix"
    said = subprocess.run(["qemu-img", "info", "-f", "vpc", str(disk)], capture_output=True, text=True, check=True).stdout
    assert "8 GiB" in said
    other = begin(ec2, store, small, "VMDK")
    ec2.cancel_export_task(ExportTaskId=other)
    assert "canceled" in exported(ec2, other, "deleted")["StatusMessage"]
    assert code(ec2.cancel_export_task, ExportTaskId=other) == "IncorrectState"
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=store[0], Prefix="out/")["Contents"]]
    assert f"out/{other}.vmdk" not in keys and s3.list_multipart_uploads(Bucket=store[0]).get("Uploads", []) == []


def test_a_raw_disk_has_every_byte_of_every_file(cloud, ec2, store, small, files, tmp_path):
    task = begin(ec2, store, one_gib(ec2, small), "RAW")
    ended = exported(ec2, task)
    assert (ended["S3ExportLocation"]["S3Bucket"], ended["Status"]) == (store[0], "completed")
    key = f"out/{task}.raw"
    assert cloud.client("s3").head_object(Bucket=store[0], Key=key)["ContentLength"] == 1 << 30
    found = files_of(downloaded(cloud, store[0], key, tmp_path / "disk.raw"), tmp_path / "back")
    wanted = plain(files)
    assert len(wanted) > 5 and {name: found.get(name) for name in wanted} == wanted


def test_who_may_not_write_is_told_and_bad_input_is_refused(cloud, ec2, store, small):
    reader = role(cloud, store[0])
    ended = exported(ec2, begin(ec2, (store[0], reader), small, "RAW"), "deleted")
    assert "not authorized" in ended["StatusMessage"]
    place = {"S3Bucket": store[0]}
    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    for image, kind, name, why in [
        (host, "RAW", store[1], "AuthFailure"),
        ("ami-0123456789abcdef0", "RAW", store[1], "InvalidAMIID.NotFound"),
        (small, "QCOW2", store[1], "InvalidParameterValue"),
        (small, "RAW", "no-such-role", "InvalidParameter"),
    ]:
        assert code(ec2.export_image, ImageId=image, DiskImageFormat=kind, S3ExportLocation=place, RoleName=name) == why
