#!/usr/bin/env python3
"""Measures volumes, snapshots and images, and pages of instances: what a snapshot reads and stores, how soon an image serves.

Needs root, boto3 and CLOUDLET_BIN; fio and xfsprogs for `rates` and `attached`. `./dev bench ebs`, or parts of it alone:
`bench/storage.py rates attached change image pages`.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests"))
from conftest import eventually  # noqa: E402
from network import benched, median, page  # noqa: E402

BLOCK = 512 * 1024
RESULTS = int(os.environ.get("BENCH_RESULTS", "10000"))
BATCH = 500
PAGE = 1_000


def rates(_):
    """Operations a second of a volume's kind of device and of a plain loop, by what is done."""
    script = os.path.join(os.path.dirname(__file__), "block.sh")
    said = subprocess.run(["sh", script], check=True, capture_output=True, text=True).stdout
    found = defaultdict(list)
    for line in said.splitlines():
        what, rate = line.removesuffix("/s").split(": ")
        kind, device = what.rsplit(" ", 1)
        found[kind, device].append(float(rate))
    kinds = dict.fromkeys(kind for kind, _ in found)
    return {kind: (median(found[kind, "volume"]), median(found[kind, "plain"])) for kind in kinds}


FIO = """fio --name=run --filename={device} --rw={kind} --bs=4k --iodepth={depth} --ioengine=libaio --direct=1 --runtime=3 \\
    --time_based --size=1G --output-format=json | python3 -c 'import json,sys; j=json.load(sys.stdin)["jobs"][0]; \
print("RATE {kind} depth={depth}", j["read"]["iops"]+j["write"]["iops"])'"""
WAYS = [(kind, depth) for kind in ("randread", "randwrite") for depth in (1, 16)]


def fio(device):
    return "\n".join(FIO.format(device=device, kind=kind, depth=depth) for kind, depth in WAYS)


def attached(bench):
    """Operations a second of an attached volume as its instance sees it, and of a plain loop on the same file once it is detached."""
    ec2, found = bench.ec2, defaultdict(list)
    script = f"""#!/bin/sh
while :; do
    while [ ! -b /dev/sdf ]; do sleep 0.05; done
    [ -e /root/filled ] || dd if=/dev/urandom of=/dev/sdf bs=1M count=1024 oflag=direct 2>/dev/null
    touch /root/filled
{fio("/dev/sdf")}
    echo ROUND
    while [ -b /dev/sdf ]; do sleep 0.05; done
done
"""
    # More than the disk has, so that the type's own bound is not what is measured.
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=256, VolumeType="io2", Iops=100_000)["VolumeId"]
    instance = bench.launch(script, Placement={"AvailabilityZone": "us-east-1a"})["InstanceId"]
    console = lambda: ec2.get_console_output(InstanceId=instance).get("Output", "")
    state = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"]
    for turn in range(1, 4):
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
        # Who asks while it is measured takes from it.
        time.sleep(len(WAYS) * 3)
        eventually(lambda turn=turn: console().count("ROUND") >= turn, "it has measured", 120)
        ec2.detach_volume(VolumeId=volume)
        eventually(lambda: state() == "available", "it is detached", 30)
        file = file_of(bench, volume)
        device = subprocess.run(["losetup", "--direct-io=on", "-f", "--show", file], check=True, capture_output=True, text=True).stdout.strip()
        try:
            said = subprocess.run(["sh", "-ec", fio(device)], check=True, capture_output=True, text=True).stdout
        finally:
            subprocess.run(["losetup", "-d", device], check=True)
        collect(found, "plain", said)
    collect(found, "volume", console())
    ec2.terminate_instances(InstanceIds=[instance])
    return {f"{kind} depth={depth}": tuple(median(found[who, kind, f"depth={depth}"]) for who in ("volume", "plain")) for kind, depth in WAYS}


def file_of(bench, volume):
    """The file behind a volume, in the pool of this cloud."""
    with open(f"/proc/{bench.cloud.process.pid}/mounts") as mounts:
        places = [line.split()[1] for line in mounts if line.split()[1].endswith("/pool")]
    places.append(os.path.join(bench.cloud.folder, "data", "volumes", "pool"))
    files = (os.path.join(folder, name) for place in places for folder, _, names in os.walk(place) for name in names)
    return next(file for file in files if volume in file)


def collect(found, who, said):
    for line in said.splitlines():
        if line.startswith("RATE "):
            _, kind, depth, rate = line.split()
            found[who, kind, depth].append(float(rate))


def read_bytes(cloud):
    with open(f"/proc/{cloud.process.pid}/io") as io:
        return next(int(line.split()[1]) for line in io if line.startswith("rchar"))


def stored_bytes(cloud):
    blobs = os.path.join(cloud.folder, "data")
    files = (os.path.join(folder, name) for folder, _, names in os.walk(blobs) if "blob" in folder for name in names)
    return sum(os.stat(file).st_blocks * 512 for file in files if os.path.isfile(file))


def change(bench):
    """Bytes that were changed, and that a second snapshot of 2 GiB then read, counted as different, and stored."""
    ec2, script = bench.ec2, """#!/bin/sh
while [ ! -b /dev/sdf ]; do sleep 0.1; done
dd if=/dev/urandom of=/dev/sdf bs=1M count=2000 conv=fsync 2>/dev/null; echo FILLED
while [ ! -e /tmp/again ]; do sleep 0.1; curl -s http://169.254.169.254/latest/meta-data/tags/instance/again >/dev/null && touch /tmp/again; done
dd if=/dev/urandom of=/dev/sdf bs=1M count=10 seek=700 conv=notrunc,fsync 2>/dev/null; echo CHANGED
"""
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=2)["VolumeId"]
    metadata = {"HttpTokens": "optional", "InstanceMetadataTags": "enabled"}
    instance = bench.launch(script, Placement={"AvailabilityZone": "us-east-1a"}, MetadataOptions=metadata)["InstanceId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    said = lambda word: word in ec2.get_console_output(InstanceId=instance).get("Output", "")

    def snapshot():
        made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        state = lambda: ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"]
        eventually(lambda: state() == "completed", "it is stored", 600)
        return made

    eventually(lambda: said("FILLED"), "the volume is filled", 600)
    first = snapshot()
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "again", "Value": "yes"}])
    eventually(lambda: said("CHANGED"), "the volume is changed", 600)
    read, stored = read_bytes(bench.cloud), stored_bytes(bench.cloud)
    second = snapshot()
    read, stored = read_bytes(bench.cloud) - read, stored_bytes(bench.cloud) - stored
    listed = bench.cloud.client("ebs").list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second)
    ec2.terminate_instances(InstanceIds=[instance])
    return 10 << 20, read, len(listed["ChangedBlocks"]) * BLOCK, stored


def image(bench):
    """Seconds from CreateImage, by RunInstances, to the first answer over HTTP of what boots it."""
    source = bench.launch("#!/bin/sh\necho ok > /root/index.html\n")["InstanceId"]
    took = []
    for turn in range(4):
        begun = time.perf_counter()
        made = bench.ec2.create_image(InstanceId=source, Name=f"bench-{turn}-{os.getpid()}", NoReboot=True)["ImageId"]
        state = lambda made=made: bench.ec2.describe_images(ImageIds=[made])["Images"][0]["State"]
        eventually(lambda: state() == "available", "the image is there", 60)
        group = bench.open_group()
        web = "#!/bin/sh\ncd /root && exec python3 -m http.server 80\n"
        run = bench.ec2.run_instances(
            ImageId=made, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=web, SecurityGroupIds=[group]
        )["Instances"][0]["InstanceId"]
        shown = bench.ec2.describe_instances(InstanceIds=[run])["Reservations"][0]["Instances"][0]
        eventually(lambda: page(shown["PublicIpAddress"]), "a page")
        took.append(time.perf_counter() - begun)
        bench.ec2.terminate_instances(InstanceIds=[run])
    return median(took[1:])


def pages(bench):
    """Instances there are; seconds of the first page of a thousand, and of the slowest: medians of rounds."""
    ids = []
    while len(ids) < RESULTS:
        made = bench.ec2.run_instances(ImageId=bench.image, InstanceType="t3.nano", MinCount=BATCH, MaxCount=BATCH)
        some = [it["InstanceId"] for it in made["Instances"]]
        bench.ec2.terminate_instances(InstanceIds=some)
        ids += some
    state = [{"Name": "instance-state-name", "Values": ["shutting-down"]}]
    eventually(lambda: not bench.ec2.describe_instances(Filters=state, MaxResults=5)["Reservations"], "all are gone", 600)
    took = defaultdict(list)
    for _ in range(5):
        token, at = None, 0
        while at == 0 or token:
            more = {"NextToken": token} if token else {}
            begun = time.perf_counter()
            token = bench.ec2.describe_instances(MaxResults=PAGE, **more).get("NextToken")
            took[at].append(time.perf_counter() - begun)
            at += 1
    # The last may be less than a page.
    each = [median(times) for _, times in sorted(took.items())][: len(ids) // PAGE]
    return len(ids), each[0], max(each)


PARTS = {part.__name__: part for part in (rates, attached, change, image, pages)}

if __name__ == "__main__":
    with benched() as bench:
        for part in sys.argv[1:] or PARTS:
            print(part, PARTS[part](bench), flush=True)
