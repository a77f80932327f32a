"""Disks for tests to bring in, and how an import is waited for."""

import json
import os
import shutil
import subprocess
import uuid

from conftest import BINARY, eventually

MIB = 1 << 20
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


def role(cloud, bucket):
    """The role as AWS's guide has it, which may read one bucket."""
    iam, name = cloud.client("iam"), f"vmimport-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    allow = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{bucket}/*"}
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
