"""Images stored in S3 and restored: one object with all of an image, a new image that boots with what the old one had."""

import json
import os
import uuid

import pytest
from conftest import code, eventually, needs_root
from disk_kit import MIB, role, small_image, system
from snapshot_kit import holds, written
from test_ec2 import console, image, launch, running, state  # noqa: F401

pytestmark = needs_root

KEEP = "#!/bin/sh\necho kept-in-the-root > /root/kept; sync; echo it is written\n"
SHOW = '#!/bin/sh\necho "found $(cat /root/kept)"\n'


@pytest.fixture(scope="module")
def bucket(cloud):
    name = f"shelf-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def made(cloud, ec2, launch):  # noqa: F811
    """An image with a root that was written to, and a disk of known blocks."""
    disk = written(cloud, 5, 6)
    mapping = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": disk, "VolumeSize": 2, "VolumeType": "gp3", "DeleteOnTermination": True}}
    instance = launch(UserData=KEEP, BlockDeviceMappings=[mapping])
    running(ec2, instance)
    eventually(lambda: "it is written" in console(ec2, instance), "its root is written to")
    name = f"web-{uuid.uuid4().hex[:8]}"
    tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]
    ami = ec2.create_image(InstanceId=instance, Name=name, Description="a web server", TagSpecifications=tags)["ImageId"]
    becomes(ec2, ami, "available")
    return ami


def shown(ec2, ami):
    return ec2.describe_images(ImageIds=[ami])["Images"][0]


def becomes(ec2, ami, wanted):
    ended = (wanted, "failed")
    it = eventually(lambda: (it := shown(ec2, ami))["State"] in ended and it, f"the image is {wanted}", 60)
    assert it["State"] == wanted, it["StateReason"]
    return it


def stored(ec2, ami, wanted="Completed"):
    look = lambda: ec2.describe_store_image_tasks(ImageIds=[ami])["StoreImageTaskResults"][0]
    task = eventually(lambda: (it := look())["StoreTaskState"] != "InProgress" and it, "the task ends", 60)
    assert task["StoreTaskState"] == wanted, task
    return task


def test_an_image_is_stored_and_boots_when_it_is_back(cloud, ec2, launch, bucket, made):  # noqa: F811
    s3, before = cloud.client("s3"), shown(ec2, made)
    tags = [{"Key": "team", "Value": "a b"}]
    key = ec2.create_store_image_task(ImageId=made, Bucket=bucket, S3ObjectTags=tags)["ObjectKey"]
    assert key == f"{made}.bin"
    assert stored(ec2, made)["ProgressPercentage"] == 100
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == tags
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["Metadata"]["ami-name"] == before["Name"] and head["Metadata"]["ami-owner-account"] == before["OwnerId"]
    assert code(ec2.create_store_image_task, ImageId=made, Bucket=bucket) == "IncorrectState"
    found = ec2.describe_store_image_tasks(Filters=[{"Name": "bucket", "Values": [bucket]}, {"Name": "task-state", "Values": ["Completed"]}])
    assert made in [task["AmiId"] for task in found["StoreImageTaskResults"]]

    # As on AWS, what it is made of may go by now.
    ec2.deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    again = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key)["ImageId"]
    after = becomes(ec2, again, "available")
    assert again != made and [after[name] for name in ("Name", "Description", "RootDeviceName", "Tags")] == [
        before[name] for name in ("Name", "Description", "RootDeviceName", "Tags")
    ]
    ebs = lambda image: [(one["DeviceName"], {k: v for k, v in one["Ebs"].items() if k != "SnapshotId"}) for one in image["BlockDeviceMappings"]]  # noqa: F811
    assert ebs(after) == ebs(before)
    root, data = [one["Ebs"]["SnapshotId"] for one in after["BlockDeviceMappings"]]
    completed = lambda: {one["State"] for one in ec2.describe_snapshots(SnapshotIds=[root, data])["Snapshots"]} == {"completed"}
    eventually(completed, "its snapshots are in the store", 60)
    assert holds(cloud, data) == {0: b"\5", 7: b"\6"}
    assert ec2.describe_snapshots(SnapshotIds=[data])["Snapshots"][0]["Tags"] == [{"Key": "of", "Value": "snapshot"}]
    instance = launch(ImageId=again, UserData=SHOW)
    running(ec2, instance)
    eventually(lambda: "found kept-in-the-root" in console(ec2, instance), "it boots with what its root held")
    named = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key, Name=f"{before['Name']}-2")["ImageId"]
    becomes(ec2, named, "available")
    assert code(ec2.create_restore_image_task, Bucket=bucket, ObjectKey=key) == "InvalidAMIName.Duplicate"


def test_an_encrypted_snapshot_is_stored_in_plain_and_restored_as_the_region_has_it(cloud, ec2, bucket, launch):  # noqa: F811
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True}}
    instance = launch(UserData=KEEP, BlockDeviceMappings=[mapping])
    running(ec2, instance)
    eventually(lambda: "it is written" in console(ec2, instance), "its root is written to")
    ami = ec2.create_image(InstanceId=instance, Name=f"sealed-{uuid.uuid4().hex[:8]}", NoReboot=True)["ImageId"]
    assert becomes(ec2, ami, "available")["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    key = ec2.create_store_image_task(ImageId=ami, Bucket=bucket)["ObjectKey"]
    stored(ec2, ami)
    again = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key, Name=f"plain-{uuid.uuid4().hex[:8]}")["ImageId"]
    assert not becomes(ec2, again, "available")["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    instance = launch(ImageId=again, UserData=SHOW)
    eventually(lambda: "found kept-in-the-root" in console(ec2, instance), "it boots with what its root held", 40)


def test_an_imported_root_goes_to_another_cloud_and_boots_there(own_cloud, tmp_path):
    here, there = own_cloud(), own_cloud()
    for cloud in (here, there):
        cloud.client("s3").create_bucket(Bucket="shelf")
    root = system(tmp_path / "root")
    (root / "opt" / "noise").write_bytes(os.urandom(3 * MIB))
    ec2 = here.client("ec2")
    plain = small_image(here, "shelf", role(here, "shelf"), root, tmp_path / "disk.raw")
    data = "#!/bin/sh\necho written > /opt/mine; echo it is written\n"
    instance = ec2.run_instances(ImageId=plain, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=data)["Instances"][0]["InstanceId"]
    eventually(lambda: "it is written" in console(ec2, instance), "its root is written to", 40)
    changed = ec2.create_image(InstanceId=instance, Name="changed", NoReboot=True)["ImageId"]
    becomes(ec2, changed, "available")
    keys = [ec2.create_store_image_task(ImageId=ami, Bucket="shelf")["ObjectKey"] for ami in (plain, changed)]
    for ami, key in zip((plain, changed), keys):
        stored(ec2, ami)
        here.client("s3").download_file("shelf", key, str(tmp_path / key))
        there.client("s3").upload_file(str(tmp_path / key), "shelf", key)
    assert (tmp_path / keys[0]).stat().st_size < 200 * MIB

    ec2, show = there.client("ec2"), '#!/bin/sh\necho "found $(cat /opt/kept) and $(cat /opt/mine)."\n'
    for key, found in zip(keys, ("found kept and .", "found kept and written.")):
        ami = ec2.create_restore_image_task(Bucket="shelf", ObjectKey=key)["ImageId"]
        becomes(ec2, ami, "available")
        files = os.path.join(there.folder, "data", "machines", "images", f"oci-import-{ami}", "root", "opt", "noise")
        with open(files, "rb") as noise:
            assert noise.read() == (root / "opt" / "noise").read_bytes()
        instance = ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=show)["Instances"][0]["InstanceId"]
        eventually(lambda: found in console(ec2, instance), found, 40)


def test_who_may_not_write_the_bucket_or_read_the_object_is_refused(cloud, ec2, bucket, made):
    iam, name = cloud.client("iam"), f"packer-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = cloud.client("ec2", account=key["AccessKeyId"], secret=key["SecretAccessKey"])

    def may(*actions):
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}))

    look = ("s3:ListBucket", "s3:GetObject")
    read = ("ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock")
    write = ("ebs:StartSnapshot", "ebs:PutSnapshotBlock", "ebs:CompleteSnapshot")
    for actions in [("ec2:*", *look, *read), ("ec2:*", *look, "s3:PutObject"), ("ec2:*", *read, "s3:PutObject"), (*look, *read, "s3:PutObject")]:
        may(*actions)
        assert code(own.create_store_image_task, ImageId=made, Bucket=bucket) == "UnauthorizedOperation", actions
    assert ec2.describe_store_image_tasks(ImageIds=[made])["StoreImageTaskResults"] == []
    may("ec2:CreateStoreImageTask", *look, *read, "s3:PutObject")
    assert code(own.create_store_image_task, ImageId=made, Bucket=bucket, S3ObjectTags=[{"Key": "a", "Value": "b"}]) == "UnauthorizedOperation"
    object = own.create_store_image_task(ImageId=made, Bucket=bucket)["ObjectKey"]
    stored(ec2, made)
    again = {"Bucket": bucket, "ObjectKey": object, "Name": f"again-{uuid.uuid4().hex[:8]}"}
    for actions in [("ec2:*", "s3:ListBucket", *write), ("ec2:*", *look)]:
        may(*actions)
        assert code(own.create_restore_image_task, **again) == "UnauthorizedOperation", actions
    may("ec2:CreateRestoreImageTask", *look, *write)
    becomes(ec2, own.create_restore_image_task(**again)["ImageId"], "available")


def test_what_is_no_stored_image_is_refused_and_one_that_is_damaged_fails(cloud, ec2, bucket, made):
    s3, host = cloud.client("s3"), ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    assert code(ec2.create_store_image_task, ImageId=host, Bucket=bucket) == "AuthFailure"
    assert code(ec2.create_store_image_task, ImageId=made, Bucket=f"none-{uuid.uuid4().hex}") == "InvalidParameterValue"
    s3.put_object(Bucket=bucket, Key="noise", Body=b"noise" * 1000)
    for key in ("none", "noise"):
        assert code(ec2.create_restore_image_task, Bucket=bucket, ObjectKey=key) == "InvalidParameterValue"
    key = ec2.create_store_image_task(ImageId=made, Bucket=bucket)["ObjectKey"]
    stored(ec2, made)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    middle = len(body) // 2
    for at, wrong in [("cut", body[:-100]), ("longer", body + b"x"), ("changed", body[:middle] + bytes(64) + body[middle + 64 :])]:
        s3.put_object(Bucket=bucket, Key=at, Body=wrong)
        again = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=at, Name=f"{at}-{uuid.uuid4().hex[:8]}")["ImageId"]
        failed = becomes(ec2, again, "failed")
        assert "damaged" in failed["StateReason"]["Message"], at
        ec2.deregister_image(ImageId=again, DeleteAssociatedSnapshots=True)
