"""Snapshots with known bytes, and how their way to the archive and back is waited for."""

import base64
import hashlib

from conftest import eventually

BLOCK = 512 * 1024
# A day of a restore is over in a second.
FAST = ["--restore-speed", "86400"]


def written(cloud, *fills):
    """A snapshot with a block of each of these bytes."""
    ebs = cloud.client("ebs")
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    for index, fill in enumerate(fills):
        block = bytes([fill]) * BLOCK
        checksum = base64.b64encode(hashlib.sha256(block).digest()).decode()
        ebs.put_snapshot_block(
            SnapshotId=snapshot, BlockIndex=index * 7, BlockData=block, DataLength=BLOCK, Checksum=checksum, ChecksumAlgorithm="SHA256"
        )
    ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=len(fills))
    ec2 = cloud.client("ec2")
    state = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"]
    eventually(lambda: state() == "completed", "the snapshot is stored")
    return snapshot


def holds(cloud, snapshot):
    """What it holds, by block."""
    ebs = cloud.client("ebs")
    blocks = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]
    read = lambda one: ebs.get_snapshot_block(SnapshotId=snapshot, **one)["BlockData"].read()[:1]
    return {one["BlockIndex"]: read(one) for one in blocks}


def tier(cloud, snapshot):
    filters = [{"Name": "snapshot-id", "Values": [snapshot]}]
    return cloud.client("ec2").describe_snapshot_tier_status(Filters=filters)["SnapshotTierStatuses"][0]


def becomes(cloud, snapshot, status):
    return eventually(lambda: (it := tier(cloud, snapshot)).get("LastTieringOperationStatus") == status and it, f"it is {status}", 60)
