"""Volumes, snapshots and images as boto3 and the guests themselves see them: real block devices, real bytes."""

import base64
import hashlib
import os
import re
import subprocess
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import code, eventually, needs_root
from test_ec2 import describe, open_group, page, running, state

pytestmark = needs_root

# Serves the folder /srv/web; a request for a program's name runs it, and shows what it printed.
SHELL = """#!/bin/sh
mkdir -p /srv && cat > /srv/shell.py <<'PY'
import http.server, subprocess
class Shell(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        script = self.rfile.read(int(self.headers["content-length"])).decode()
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True)
        self.send_response(200 if done.returncode == 0 else 500)
        self.end_headers()
        self.wfile.write((done.stdout + done.stderr).encode())
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")
http.server.ThreadingHTTPServer(("", 80), Shell).serve_forever()
PY
exec python3 /srv/shell.py
"""


@pytest.fixture(scope="module")
def host(cloud):
    return cloud.client("ec2").describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]


def may(capability):
    """Whether root of this host has a capability: some hosts are machines of others, which withhold one or the other."""
    held = re.search(r"(?m)^CapEff:\s*(\w+)", open("/proc/self/status").read()).group(1)
    return bool(int(held, 16) >> capability & 1)


# `CAP_SYS_RESOURCE`
MAY_GROW_EXT4 = may(24)


@pytest.fixture
def lab(cloud, host):
    lab = Lab(cloud.client("ec2"), host)
    yield lab
    lab.close()


class Lab:
    def __init__(self, ec2, host):
        self.ec2, self.host = ec2, host
        self.group = open_group(ec2, 80)
        self.instances = []

    def launch(self, image=None, data=SHELL, **params):
        made = self.ec2.run_instances(
            ImageId=image or self.host, InstanceType="t3.micro", MinCount=1, MaxCount=1,
            SecurityGroupIds=[self.group], UserData=data, **params,
        )["Instances"][0]["InstanceId"]
        self.instances.append(made)
        return made

    def ready(self, instance):
        it = running(self.ec2, instance)
        eventually(lambda: page(it["PublicIpAddress"]), "it answers")
        return it

    def sh(self, instance, script, fails=False):
        address = describe(self.ec2, instance)["PublicIpAddress"]
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-m", "20", "-w", "%{http_code}", "--data-binary", "@-", f"http://{address}/"],
            input=script, capture_output=True, text=True, check=True,
        ).stdout
        output, code = done[:-3], done[-3:]
        assert (code == "500") == fails, output
        return output

    def capacity(self, instance, folder):
        blocks, size = self.sh(instance, f"stat -f -c '%b %S' {folder}").split()
        return int(blocks) * int(size)

    def grow(self, volume, size):
        self.ec2.modify_volume(VolumeId=volume, Size=size)
        change = lambda: self.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]
        eventually(lambda: change()["ModificationState"] == "completed", "it has grown")

    def volume(self, **params):
        params = {"AvailabilityZone": "us-east-1a", "Size": 1, **params}
        made = self.ec2.create_volume(**params)["VolumeId"]
        self.wait(made, "available")
        return made

    def zone(self, instance):
        return describe(self.ec2, instance)["Placement"]["AvailabilityZone"]

    def of(self, volume):
        return self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]

    def wait(self, volume, wanted):
        eventually(lambda: self.of(volume)["State"] == wanted, f"{volume} is {wanted}")

    def attach(self, volume, instance, device):
        self.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
        attached = lambda: [one["State"] for one in self.of(volume)["Attachments"]] == ["attached"]
        eventually(attached, "it is attached")

    def close(self):
        if self.instances:
            self.ec2.terminate_instances(InstanceIds=self.instances)
            for one in self.instances:
                eventually(lambda one=one: state(self.ec2, one) == "terminated", f"{one} is terminated")
        eventually(lambda: all(v["State"] == "available" for v in self.ec2.describe_volumes()["Volumes"]), "all are let go")
        for volume in self.ec2.describe_volumes()["Volumes"]:
            self.ec2.delete_volume(VolumeId=volume["VolumeId"])


def test_a_volume_moves_with_its_data_and_grows(lab):
    one, two = lab.launch(), lab.launch()
    lab.ready(one), lab.ready(two)
    volume = lab.volume(AvailabilityZone=lab.zone(one))
    lab.attach(volume, one, "/dev/sdf")
    lab.sh(one, "mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo precious > /data/file; sync")
    assert code(lab.ec2.delete_volume, VolumeId=volume) == "VolumeInUse"
    assert code(lab.ec2.attach_volume, VolumeId=volume, InstanceId=two, Device="/dev/sdf") == "VolumeInUse"

    # Grown while it is mounted.
    lab.grow(volume, 2)
    assert lab.sh(one, "blockdev --getsize64 /dev/sdf").strip() == str(2 << 30)
    assert lab.sh(one, "grep -c '^/dev/sdf /data ext4' /proc/mounts").strip() == "1"
    before = lab.capacity(one, "/data")
    lab.sh(one, "resize2fs /dev/sdf", fails=not MAY_GROW_EXT4)
    assert (lab.capacity(one, "/data") > 1.9 * before) == MAY_GROW_EXT4
    assert lab.sh(one, "cat /data/file") == "precious\n"

    # As long as the guest has it mounted, it is not let go.
    lab.ec2.detach_volume(VolumeId=volume)
    assert [held["State"] for held in lab.of(volume)["Attachments"]] == ["detaching"]
    lab.sh(one, "umount /data")
    lab.wait(volume, "available")
    lab.sh(one, "test ! -e /dev/sdf")

    lab.attach(volume, two, "/dev/xvdg")
    assert lab.sh(two, "mount /dev/xvdg /mnt; cat /mnt/file; umount /mnt") == "precious\n"
    # Stopped and started, it is still there.
    lab.ec2.stop_instances(InstanceIds=[two])
    eventually(lambda: state(lab.ec2, two) == "stopped", "it stops", seconds=40)
    lab.ec2.start_instances(InstanceIds=[two])
    running(lab.ec2, two)
    devices = describe(lab.ec2, two)["BlockDeviceMappings"]
    assert {one["DeviceName"] for one in devices} == {"/dev/sda1", "/dev/xvdg"}


def test_xfs_grows_while_it_is_mounted(lab):
    one = lab.launch()
    lab.ready(one)
    volume = lab.volume(AvailabilityZone=lab.zone(one))
    lab.attach(volume, one, "/dev/sdf")
    lab.sh(one, "mkfs.xfs -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo precious > /data/file; sync")
    before = lab.capacity(one, "/data")
    lab.grow(volume, 3)
    # Who is not root asks in vain.
    lab.sh(one, "setpriv --reuid 65534 --bounding-set=-all --inh-caps=-all xfs_growfs /data", fails=True)
    assert lab.capacity(one, "/data") == before
    lab.sh(one, "xfs_growfs /data")
    assert lab.capacity(one, "/data") > 2.8 * before
    assert lab.sh(one, "cat /data/file; umount /data") == "precious\n"


def test_several_instances_have_one_volume(lab):
    ec2, one = lab.ec2, lab.launch()
    zone = describe(ec2, one)["Placement"]["AvailabilityZone"]
    two = lab.launch(Placement={"AvailabilityZone": zone})
    lab.ready(one), lab.ready(two)
    io = {"AvailabilityZone": zone, "Size": 4, "VolumeType": "io2", "Iops": 100}
    shared = lab.volume(**io, MultiAttachEnabled=True)
    lab.attach(shared, one, "/dev/sdf")
    ec2.attach_volume(VolumeId=shared, InstanceId=two, Device="/dev/sdg")
    holders = lambda: {held["InstanceId"]: held["State"] for held in lab.of(shared)["Attachments"]}
    eventually(lambda: holders() == {one: "attached", two: "attached"}, "both have it")
    lab.sh(one, "echo from one | dd of=/dev/sdf bs=4096 conv=sync oflag=direct status=none")
    assert lab.sh(two, "dd if=/dev/sdg bs=4096 count=1 iflag=direct status=none | head -n 1") == "from one\n"

    # Each by its instance.
    assert code(ec2.detach_volume, VolumeId=shared) == "MissingParameter"
    assert code(ec2.modify_volume, VolumeId=shared, MultiAttachEnabled=False) == "IncorrectState"
    ec2.detach_volume(VolumeId=shared, InstanceId=one)
    eventually(lambda: holders() == {two: "attached"}, "one lets it go")
    lab.sh(one, "test ! -e /dev/sdf")
    assert lab.sh(two, "dd if=/dev/sdg bs=4096 count=1 iflag=direct status=none | head -n 1") == "from one\n"
    ec2.modify_volume(VolumeId=shared, MultiAttachEnabled=False)
    lab.wait(shared, "in-use")
    assert code(ec2.attach_volume, VolumeId=shared, InstanceId=one, Device="/dev/sdf") == "VolumeInUse"
    ec2.terminate_instances(InstanceIds=[two])
    lab.wait(shared, "available")

    for wrong in ({**io, "VolumeType": "gp3", "Iops": 3000}, {"AvailabilityZone": zone, "Size": 4}):
        assert code(ec2.create_volume, **wrong, MultiAttachEnabled=True) == "InvalidParameterCombination"


def test_a_snapshot_is_an_instant_and_becomes_volumes(lab):
    one = lab.launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "VolumeType": "gp3"}}])
    lab.ready(one)
    volume = next(d["Ebs"]["VolumeId"] for d in describe(lab.ec2, one)["BlockDeviceMappings"] if d["DeviceName"] == "/dev/sdf")
    lab.sh(one, "mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo before > /data/file")
    snapshot = lab.ec2.create_snapshot(VolumeId=volume, Description="of a test")["SnapshotId"]
    lab.sh(one, "echo after > /data/file")
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    copy = lab.volume(AvailabilityZone=lab.zone(one), Size=3, SnapshotId=snapshot)
    lab.attach(copy, one, "/dev/sdg")
    assert lab.sh(one, "mount /dev/sdg /mnt; cat /mnt/file; umount /mnt") == "before\n"
    other = lab.ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)["SnapshotId"]
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[other], WaiterConfig={"Delay": 1})
    for one in (snapshot, other):
        lab.ec2.delete_snapshot(SnapshotId=one)
    assert code(lab.ec2.describe_snapshots, SnapshotIds=["snap-12345678"]) == "InvalidSnapshot.NotFound"


@pytest.mark.parametrize("no_reboot", [True, False])
def test_an_image_freezes_an_instance_and_boots_others(lab, no_reboot):
    one = lab.launch()
    lab.ready(one)
    lab.sh(one, "echo frozen > /srv/note; rm /etc/host.conf; useradd -m somebody || true")
    begun = time.monotonic()
    name = f"web-{uuid.uuid4().hex}"
    image = lab.ec2.create_image(InstanceId=one, Name=name, NoReboot=no_reboot)["ImageId"]
    available = lambda: lab.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    eventually(available, "the image is there", seconds=40)
    two = lab.launch(image, data="#!/bin/sh\nexec python3 /srv/shell.py\n")
    lab.ready(two)
    print(f"create-image to first answer: {time.monotonic() - begun:.2f} s")
    assert lab.sh(two, "cat /srv/note; test ! -e /etc/host.conf") == "frozen\n"
    if not no_reboot:
        running(lab.ec2, one)
    assert code(lab.ec2.create_image, InstanceId=two, Name=name) == "InvalidAMIName.Duplicate"
    [device] = lab.ec2.describe_images(ImageIds=[image], Owners=["self"])["Images"][0]["BlockDeviceMappings"]
    assert code(lab.ec2.delete_snapshot, SnapshotId=device["Ebs"]["SnapshotId"]) == "InvalidSnapshot.InUse"
    lab.ec2.deregister_image(ImageId=image)
    assert code(lab.ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1) == "InvalidAMIID.NotFound"
    again = lab.ec2.register_image(
        Name=name, RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": device["Ebs"]["SnapshotId"]}}],
    )["ImageId"]
    lab.ec2.deregister_image(ImageId=again, DeleteAssociatedSnapshots=True)


def written(path):
    """What was written to a file, piece by piece: volumes and their pool are nearly all holes."""
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < hole:
                piece = os.pread(file.fileno(), min(hole - at, 16 << 20), at)
                yield piece
                at += len(piece)


def holds(folder, secret):
    """A file below a folder that holds these bytes."""
    paths = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    return next((path for path in paths if any(secret.encode() in piece for piece in written(path))), None)


def test_an_encrypted_volume_is_plain_in_its_guest_only(cloud, lab):
    secret = f"the treasure is under oak {uuid.uuid4().hex}"
    kms = cloud.client("kms")
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    one = lab.launch(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "KmsKeyId": key}}])
    lab.ready(one)
    [root] = [device["Ebs"]["VolumeId"] for device in describe(lab.ec2, one)["BlockDeviceMappings"]]
    assert (lab.of(root)["Encrypted"], lab.of(root)["KmsKeyId"]) == (True, key)
    volume = lab.volume(AvailabilityZone=lab.zone(one), Encrypted=True, KmsKeyId=key)
    lab.attach(volume, one, "/dev/sdf")
    lab.sh(one, f"echo '{secret}' > /srv/secret; mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; echo '{secret}' > /data/secret; sync")

    snapshot = lab.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    seen = lab.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert (seen["Encrypted"], seen["KmsKeyId"]) == (True, key)
    # A copy under another key, and volumes from both; the second asks for the first key again.
    copy = lab.ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot, Encrypted=True, KmsKeyId=other)["SnapshotId"]
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[copy], WaiterConfig={"Delay": 1})
    restored = lab.volume(AvailabilityZone=lab.zone(one), SnapshotId=snapshot)
    moved = lab.volume(AvailabilityZone=lab.zone(one), SnapshotId=copy, Encrypted=True, KmsKeyId=key)
    for made in (restored, moved):
        assert lab.of(made)["KmsKeyId"] == key
        lab.attach(made, one, "/dev/sdg")
        assert lab.sh(one, "mount /dev/sdg /mnt; cat /mnt/secret; umount /mnt").strip() == secret
        lab.ec2.detach_volume(VolumeId=made)
        lab.wait(made, "available")
    assert holds(os.path.join(cloud.folder, "data", "volumes"), secret) is None

    # A key that is switched off: what is attached goes on, what is not cannot be.
    kms.disable_key(KeyId=key)
    assert lab.sh(one, "cat /data/secret").strip() == secret
    assert code(lab.ec2.attach_volume, VolumeId=restored, InstanceId=one, Device="/dev/sdg") == "InvalidKMSKey.InvalidState"
    zone = {"AvailabilityZone": lab.zone(one)}
    assert code(lab.ec2.create_volume, Size=1, Encrypted=True, KmsKeyId=key, **zone) == "InvalidKMSKey.InvalidState"
    plain = lab.volume(**zone)
    lab.attach(plain, one, "/dev/sdh")
    kms.enable_key(KeyId=key)
    lab.attach(restored, one, "/dev/sdg")

    assert code(lab.ec2.create_volume, Size=1, KmsKeyId=key, **zone) == "InvalidParameterDependency"
    assert code(lab.ec2.create_volume, SnapshotId=snapshot, Encrypted=False, **zone) == "InvalidParameterCombination"
    public = {"CreateVolumePermission": {"Add": [{"Group": "all"}]}}
    assert code(lab.ec2.modify_snapshot_attribute, SnapshotId=snapshot, **public) == "OperationNotPermitted"


def test_a_region_encrypts_by_default(cloud, lab):
    ec2, kms = lab.ec2, cloud.client("kms")
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    ec2.enable_ebs_encryption_by_default()
    try:
        own = lab.of(lab.volume())["KmsKeyId"]
        assert kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["Arn"] == own
        key = kms.create_key()["KeyMetadata"]["Arn"]
        assert ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)["KmsKeyId"] == key
        assert lab.of(lab.volume())["KmsKeyId"] == key
        one = lab.launch(data="")
        running(ec2, one)
        [root] = [device["Ebs"]["VolumeId"] for device in describe(ec2, one)["BlockDeviceMappings"]]
        assert lab.of(root)["KmsKeyId"] == key
        assert ec2.reset_ebs_default_kms_key_id()["KmsKeyId"] == own
        snapshot = ec2.create_snapshot(VolumeId=lab.volume())["SnapshotId"]
        share = {"CreateVolumePermission": {"Add": [{"UserId": "111111111111"}]}}
        assert code(ec2.modify_snapshot_attribute, SnapshotId=snapshot, **share) == "OperationNotPermitted"
    finally:
        assert ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False


def put(ebs, snapshot, index, data, **more):
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    params = {"DataLength": len(data), "Checksum": checksum, "ChecksumAlgorithm": "SHA256", **more}
    ebs.put_snapshot_block(SnapshotId=snapshot, BlockIndex=index, BlockData=data, **params)
    return base64.b64decode(checksum)


@pytest.mark.parametrize("encrypted", [False, True])
def test_snapshots_are_written_and_read_block_by_block(cloud, lab, encrypted):
    ebs, zeros = cloud.client("ebs"), b"\0" * 524288
    asked = {"VolumeSize": 1, "ClientToken": uuid.uuid4().hex, "Description": "by hand", **({"Encrypted": True} if encrypted else {})}
    made = ebs.start_snapshot(**asked, Tags=[{"Key": "by", "Value": "blocks"}])
    snapshot = made["SnapshotId"]
    assert ebs.start_snapshot(**asked, Tags=[{"Key": "by", "Value": "blocks"}])["SnapshotId"] == snapshot
    assert code(ebs.start_snapshot, **{**asked, "VolumeSize": 2}) == "ConflictException"
    assert (made["Status"], made["BlockSize"], "KmsKeyArn" in made) == ("pending", 524288, encrypted)
    assert code(ebs.list_snapshot_blocks, SnapshotId=snapshot) == "ValidationException"

    noise = {index: os.urandom(524288) for index in (0, 7, 2047)}
    sums = [put(ebs, snapshot, index, data) for index, data in noise.items()]
    for wrong in ({"Checksum": base64.b64encode(b"0" * 32).decode()}, {"DataLength": 512}, {"ChecksumAlgorithm": "SHA1"}):
        with pytest.raises(ClientError) as refused:
            put(ebs, snapshot, 1, noise[0], **wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError):
        put(ebs, snapshot, 2048, noise[0])
    with pytest.raises(ClientError):
        put(ebs, snapshot, 1, b"short")
    assert code(ebs.complete_snapshot, SnapshotId=snapshot, ChangedBlocksCount=4) == "ValidationException"
    whole = base64.b64encode(hashlib.sha256(b"".join(sums)).digest()).decode()
    ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=3, Checksum=whole, ChecksumAlgorithm="SHA256", ChecksumAggregationMethod="LINEAR")
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    assert lab.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == [{"Key": "by", "Value": "blocks"}]

    listed = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert (listed["VolumeSize"], listed["BlockSize"]) == (1, 524288)
    assert [block["BlockIndex"] for block in listed["Blocks"]] == [0, 7, 2047]
    for block in listed["Blocks"]:
        got = ebs.get_snapshot_block(SnapshotId=snapshot, **block)
        data = got["BlockData"].read()
        assert data == noise[block["BlockIndex"]] and got["DataLength"] == 524288
        assert got["Checksum"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    token = listed["Blocks"][0]["BlockToken"]
    assert code(ebs.get_snapshot_block, SnapshotId=snapshot, BlockIndex=7, BlockToken=token) == "ValidationException"

    # A child differs in what was written into it; what was zeroed is gone.
    child = ebs.start_snapshot(VolumeSize=1, ParentSnapshotId=snapshot)["SnapshotId"]
    put(ebs, child, 7, zeros), put(ebs, child, 9, noise[7])
    ebs.complete_snapshot(SnapshotId=child, ChangedBlocksCount=2)
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[child], WaiterConfig={"Delay": 1})
    changed = ebs.list_changed_blocks(FirstSnapshotId=snapshot, SecondSnapshotId=child)["ChangedBlocks"]
    assert [(one["BlockIndex"], "FirstBlockToken" in one, "SecondBlockToken" in one) for one in changed] == [(7, True, False), (9, False, True)]
    stranger = lab.ec2.create_snapshot(VolumeId=lab.volume())["SnapshotId"]
    lab.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[stranger], WaiterConfig={"Delay": 1})
    assert code(ebs.list_changed_blocks, FirstSnapshotId=stranger, SecondSnapshotId=child) == "ValidationException"
    assert code(ebs.list_snapshot_blocks, SnapshotId="snap-12345678") == "ResourceNotFoundException"

    # A volume from it holds these bytes.
    one = lab.launch()
    lab.ready(one)
    volume = lab.volume(AvailabilityZone=lab.zone(one), SnapshotId=child)
    assert lab.of(volume)["Encrypted"] == encrypted
    lab.attach(volume, one, "/dev/sdf")
    sums = lab.sh(one, "for n in 0 7 9; do dd if=/dev/sdf bs=524288 skip=$n count=1 status=none | sha256sum; done").split()[::2]
    assert sums == [hashlib.sha256(data).hexdigest() for data in (noise[0], zeros, noise[7])]


def test_all_volumes_are_snapshot_together_and_images_are_copied(lab):
    ec2 = lab.ec2
    one = lab.launch(data="", BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}])
    running(ec2, one)
    held = {device["DeviceName"]: device["Ebs"]["VolumeId"] for device in describe(ec2, one)["BlockDeviceMappings"]}
    root, data = held["/dev/sda1"], held["/dev/sdf"]
    ec2.create_tags(Resources=[data], Tags=[{"Key": "of", "Value": "data"}])
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": one}, CopyTagsFromSource="volume", Description="all")["Snapshots"]
    assert {snapshot["VolumeId"] for snapshot in made} == {root, data}
    assert [snapshot["Tags"] for snapshot in made if snapshot["VolumeId"] == data] == [[{"Key": "of", "Value": "data"}]]
    of_data = ec2.create_snapshots(InstanceSpecification={"InstanceId": one, "ExcludeBootVolume": True})["Snapshots"]
    assert [snapshot["VolumeId"] for snapshot in of_data] == [data]
    none = {"InstanceId": one, "ExcludeBootVolume": True, "ExcludeDataVolumeIds": [data]}
    assert code(ec2.create_snapshots, InstanceSpecification=none) == "InvalidParameterValue"

    image = ec2.create_image(InstanceId=one, Name=f"from-{uuid.uuid4().hex}", NoReboot=True)["ImageId"]
    ids = [device["Ebs"]["SnapshotId"] for device in ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=ids, WaiterConfig={"Delay": 1})
    name = f"copy-{uuid.uuid4().hex}"
    copy = ec2.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name=name, Encrypted=True)["ImageId"]
    seen = lambda: ec2.describe_images(ImageIds=[copy])["Images"][0]
    eventually(lambda: seen()["State"] == "available", "the copy is there", seconds=40)
    assert all(device["Ebs"]["Encrypted"] for device in seen()["BlockDeviceMappings"])
    two = lab.launch(copy, data="")
    running(ec2, two)
    assert code(ec2.copy_image, SourceImageId=image, SourceRegion="us-east-1", Name=name) == "InvalidAMIName.Duplicate"
    for one in (copy, image):
        ec2.deregister_image(ImageId=one, DeleteAssociatedSnapshots=True)
