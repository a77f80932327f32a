"""Disks of others, brought in from S3: a snapshot that mounts, an image that boots, and what is refused, called off or cut short."""

import json
import os
import shutil
import subprocess
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from disk_kit import MIB, TRUST, ext4, image_ends, imported, partitioned, role, system, upload
from test_ec2 import console, running, state

pytestmark = needs_root

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="apt-get install qemu-utils")


@pytest.fixture(scope="module")
def store(cloud):
    """A bucket, and the role that reads it."""
    bucket = f"disks-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    return bucket, role(cloud, bucket)


def converted(raw, kind):
    path = f"{raw}.{kind}"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, str(raw), path], check=True)
    return path


def begin(ec2, store, key, kind="raw", **more):
    bucket, name = store
    disk = {"Format": kind, "UserBucket": {"S3Bucket": bucket, "S3Key": key}}
    return ec2.import_snapshot(DiskContainer=disk, RoleName=name, **more)["ImportTaskId"]


@needs_qemu_img
def test_an_imported_disk_becomes_a_volume_that_mounts(cloud, ec2, store, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "word").write_text("brought in")
    raw = ext4(files, tmp_path / "disk.raw")
    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    watch = "#!/bin/sh\nfor d in sdf sdg sdh; do while [ ! -b /dev/$d ]; do sleep 0.1; done; mkdir -p /m/$d; mount /dev/$d /m/$d; echo \"$d: $(cat /m/$d/word)\"; done\n"
    instance = ec2.run_instances(ImageId=host, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=watch)["Instances"][0]
    zone, instance = instance["Placement"]["AvailabilityZone"], instance["InstanceId"]
    running(ec2, instance)
    kinds = [("raw", "raw", {}), ("qcow2", "qcow2", {"Encrypted": True}), ("vmdk", "vmdk", {})]
    volumes = []
    for (kind, ours, more), device in zip(kinds, ("sdf", "sdg", "sdh")):
        path = raw if kind == "raw" else converted(raw, ours)
        tags = [{"ResourceType": "import-snapshot-task", "Tags": [{"Key": "kind", "Value": kind}]}]
        task = begin(ec2, store, upload(cloud, store[0], path), kind, Description=kind, TagSpecifications=tags, **more)
        detail = imported(ec2, task)
        assert detail["DiskImageSize"] == os.path.getsize(path) and detail["Encrypted"] == bool(more)
        found = ec2.describe_import_snapshot_tasks(Filters=[{"Name": "tag:kind", "Values": [kind]}])["ImportSnapshotTasks"]
        assert task in [one["ImportTaskId"] for one in found]
        snapshot = detail["SnapshotId"]
        ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
        volume = ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone)["VolumeId"]
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=f"/dev/{device}")
        volumes.append(volume)
        eventually(lambda device=device: f"{device}: brought in" in console(ec2, instance), f"{kind} mounts", 40)
    ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: state(ec2, instance) == "terminated", "it ends")
    ec2.get_waiter("volume_available").wait(VolumeIds=volumes, WaiterConfig={"Delay": 1})
    for volume in volumes:
        ec2.delete_volume(VolumeId=volume)


def test_an_imported_image_boots(cloud, ec2, store, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    disk = partitioned(ext4(system(root), tmp_path / "root.ext4"), tmp_path / "disk.raw")
    bucket, name = store
    url = f"s3://{bucket}/{upload(cloud, bucket, disk)}"
    task = ec2.import_image(DiskContainers=[{"Format": "RAW", "Url": url}], RoleName=name, Description="small", Platform="Linux")
    assert (task["Status"], task["SnapshotDetails"][0]["Url"]) == ("active", url)
    ended = image_ends(ec2, task["ImportTaskId"])
    assert ended["Status"] == "completed", ended
    ami = ended["ImageId"]
    shown = ec2.describe_images(ImageIds=[ami])["Images"][0]
    assert (shown["State"], shown["Name"], shown["Description"]) == ("available", task["ImportTaskId"], "small")
    files = os.path.join(cloud.folder, "data", "machines", "images", f"oci-{task['ImportTaskId']}")
    assert not os.path.exists(f"{files}/root/dev/sda"), "devices stay behind"
    data = '#!/bin/sh\necho "found $(cat /opt/kept)"\n'
    made = ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=data)["Instances"][0]
    instance = made["InstanceId"]
    running(ec2, instance)
    eventually(lambda: "found kept" in console(ec2, instance), "it boots and runs its user data")
    ec2.deregister_image(ImageId=ami)
    ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: state(ec2, instance) == "terminated", "it ends")


def test_what_is_no_disk_or_holds_no_system_says_so(cloud, ec2, store, tmp_path):
    bucket, name = store
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(MIB))
    key = upload(cloud, bucket, noise)
    task = ec2.import_image(DiskContainers=[{"Format": "raw", "Url": f"s3://{bucket}/{key}"}], RoleName=name)["ImportTaskId"]
    ended = image_ends(ec2, task)
    assert ended["Status"] == "deleted" and "root file system" in ended["StatusMessage"] and "ImageId" not in ended
    assert "Invalid S3 source" in imported(ec2, begin(ec2, store, "none"), "error")["StatusMessage"]
    for kind in ("qcow2", "vmdk", "vhdx"):
        assert "no " in imported(ec2, begin(ec2, store, key, kind), "error")["StatusMessage"]


@needs_qemu_img
def test_images_that_name_files_of_the_host_are_refused(cloud, ec2, store, tmp_path):
    secret = tmp_path / "secret.raw"
    secret.write_bytes(b"secret" * MIB)
    over = tmp_path / "over.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw", str(over)], check=True)
    detail = imported(ec2, begin(ec2, store, upload(cloud, store[0], over), "qcow2"), "error")
    assert "other files" in detail["StatusMessage"] and str(tmp_path) not in detail["StatusMessage"]
    words = tmp_path / "words.vmdk"
    words.write_text(f'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "{secret}" 0\n' + " " * 1024)
    assert "no vmdk" in imported(ec2, begin(ec2, store, upload(cloud, store[0], words), "vmdk"), "error")["StatusMessage"]
    cut = tmp_path / "cut.qcow2"
    noise = tmp_path / "noise.raw"
    noise.write_bytes(os.urandom(4 * MIB))
    with open(converted(noise, "qcow2"), "rb") as whole:
        cut.write_bytes(whole.read()[: 2 * MIB])
    assert "does not read" in imported(ec2, begin(ec2, store, upload(cloud, store[0], cut), "qcow2"), "error")["StatusMessage"]


def test_a_role_that_does_not_trust_the_service_is_refused(cloud, ec2, store):
    iam, name = cloud.client("iam"), f"other-{uuid.uuid4().hex[:8]}"
    without = {**TRUST, "Statement": {**TRUST["Statement"], "Condition": {"StringEquals": {"sts:ExternalId": "other"}}}}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(without))
    for wrong in (name, "no-such-role"):
        with pytest.raises(ClientError) as refused:
            begin(ec2, (store[0], wrong), "key")
        assert refused.value.response["Error"]["Code"] == "InvalidParameter"
    other = f"others-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=other)
    cloud.client("s3").put_object(Bucket=other, Key="k", Body=b"x" * MIB)
    assert "Invalid S3 source" in imported(ec2, begin(ec2, (other, store[1]), "k"), "error")["StatusMessage"]


def test_an_import_that_is_called_off_leaves_nothing(cloud, ec2, store, tmp_path):
    large = tmp_path / "large.raw"
    with open(large, "wb") as file:
        for _ in range(96):
            file.write(os.urandom(MIB))
    task = begin(ec2, store, upload(cloud, store[0], large))
    done = ec2.cancel_import_task(ImportTaskId=task, CancelReason="test")
    assert (done["PreviousState"], done["State"]) == ("active", "deleting")
    assert "SnapshotId" not in imported(ec2, task, "deleted")
    with pytest.raises(ClientError) as refused:
        ec2.cancel_import_task(ImportTaskId=task)
    assert refused.value.response["Error"]["Code"] == "IncorrectState"
