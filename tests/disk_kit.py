"""Disks for tests to bring in, and how an import is waited for."""

import json
import os
import shutil
import subprocess
import uuid

import pytest
from conftest import BINARY, eventually

MIB = 1 << 20
needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="apt-get install qemu-utils")
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "vmie.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:Externalid": "vmimport"}},
    },
}


def libraries(program):
    """A program of this host with all it loads."""
    loaded = subprocess.run(["ldd", program], capture_output=True, text=True).stdout.split()
    return {program} | {word for word in loaded if word.startswith("/")}


def merged(path):
    """Where a file lies on a host whose /bin and /lib are links."""
    return f"/usr{path}" if path.startswith(("/lib", "/bin")) else path


def small_programs():
    """A shell, with what it, and the init that comes from here, load."""
    programs = set().union(*(libraries(os.path.realpath(path)) for path in ("/bin/dash", "/bin/cat", BINARY)))
    return programs - {os.path.realpath(BINARY)}


def role(cloud, bucket, *more):
    """The role as AWS's guide has it, which may read one bucket, and do more there."""
    iam, name = cloud.client("iam"), f"vmimport-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", *more], "Resource": f"arn:aws:s3:::{bucket}/*"}
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}))
    return name


def ext4(folder, path, mib=64):
    """A file system with the files of a folder."""
    with open(path, "wb") as file:
        file.truncate(mib * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", str(folder), str(path)], check=True)
    return path


def partitioned(inner, path, start=MIB):
    """A disk whose second part is a file system."""
    size = os.path.getsize(inner)
    entry = lambda kind, at, length: bytes([0, 0, 0, 0, kind, 0, 0, 0]) + (at // 512).to_bytes(4, "little") + (length // 512).to_bytes(4, "little")
    with open(path, "wb") as disk, open(inner, "rb") as file:
        disk.write(b"\0" * 446 + entry(0x83, 512 * 64, 512 * 128) + entry(0x83, start, size) + b"\0" * 32 + b"\x55\xaa")
        disk.seek(start)
        shutil.copyfileobj(file, disk)
        disk.truncate(start + size + MIB)
    return path


def system(folder):
    """The files of a small Linux, with a table of file systems that no guest could mount."""
    folder.mkdir(exist_ok=True)
    programs = small_programs()
    for program in programs:
        to = folder / merged(program).lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, to)
    for at, to in [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("usr/bin/sh", "dash")]:
        if not os.path.lexists(folder / at):
            (folder / at).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(to, folder / at)
    for name in ("etc", "opt", "dev"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "etc" / "fstab").write_text("UUID=6f1c-none / ext4 defaults 0 1\n")
    (folder / "opt" / "kept").write_text("kept")
    os.mknod(folder / "dev" / "sda", 0o600 | 0o060000, os.makedev(8, 0))
    return folder


def upload(cloud, bucket, path):
    key = f"{uuid.uuid4().hex}/{os.path.basename(path)}"
    cloud.client("s3").upload_file(str(path), bucket, key)
    return key


def imported(ec2, task, wanted="completed", seconds=60):
    """The detail of a snapshot's import that has ended."""

    def look():
        detail = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"][0]["SnapshotTaskDetail"]
        return detail["Status"] not in ("active", "deleting") and detail

    detail = eventually(look, "the import ends", seconds)
    assert detail["Status"] == wanted, detail
    return detail


def image_ends(ec2, task, seconds=60):
    look = lambda: ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]
    return eventually(lambda: (it := look())["Status"] not in ("active", "deleting") and it, "the import ends", seconds)


def small_image(cloud, bucket, name, root, disk):
    """An image made of a folder, by way of an import as the role `name`."""
    place = {"S3Bucket": bucket, "S3Key": upload(cloud, bucket, ext4(root, disk))}
    ec2 = cloud.client("ec2")
    task = ec2.import_image(DiskContainers=[{"Format": "RAW", "UserBucket": place}], RoleName=name)["ImportTaskId"]
    ended = image_ends(ec2, task)
    assert ended["Status"] == "completed", ended
    return ended["ImageId"]


def loops(cloud):
    """Files of a cloud that are block devices, but for its pool."""
    lists = subprocess.run(["losetup", "-l", "-n", "-O", "BACK-FILE"], capture_output=True, text=True).stdout
    return [line for line in lists.splitlines() if cloud.folder in line and "pool.xfs" not in line]


def one_gib(ec2, image):
    """An image as this one, with a root of 1 GiB: that is how long its disk is."""
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 1}}
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, BlockDeviceMappings=[root])
    instance = made["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    made = ec2.create_image(InstanceId=instance, Name=f"short-{uuid.uuid4().hex[:8]}", NoReboot=True)["ImageId"]
    eventually(lambda: ec2.describe_images(ImageIds=[made])["Images"][0]["State"] == "available", "the image is there")
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    return made


def downloaded(cloud, bucket, key, path):
    """An object as a file, in which zeros are holes."""
    body = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    with open(path, "wb") as file:
        for piece in body.iter_chunks(MIB):
            if piece.count(0) == len(piece):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate()
    return path


def raw(disk, kind):
    """A disk in plain."""
    if kind == "RAW":
        return disk
    plain = disk.with_name(f"{disk.name}.plain")
    subprocess.run(["qemu-img", "convert", "-f", kind.lower(), "-O", "raw", str(disk), str(plain)], check=True)
    return plain


def files_of(disk, folder):
    """What an ext4 file system that is whole holds: the bytes of each plain file, by its path."""
    subprocess.run(["fsck.ext4", "-fn", str(disk)], check=True, capture_output=True)
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", str(disk)], check=True, capture_output=True)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    shutil.rmtree(folder)
    return files
