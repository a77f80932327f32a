"""Snapshots put into the archive, locked, and kept from everybody, as boto3 sees them, with their bytes."""

import pytest
from conftest import code, eventually, needs_root
from snapshot_kit import FAST, becomes, holds, written

pytestmark = needs_root


@pytest.fixture
def fast(own_cloud):
    return own_cloud(args=FAST)


def test_a_snapshot_is_archived_and_comes_back_whole(fast):
    ec2 = fast.client("ec2")
    snapshot = written(fast, 1, 2, 3)
    before = holds(fast, snapshot)
    assert before == {0: b"\1", 7: b"\2", 14: b"\3"}
    ec2.modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive")
    assert becomes(fast, snapshot, "archival-completed")["StorageTier"] == "archive"
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["StorageTier"] == "archive"
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    assert code(ec2.create_volume, SnapshotId=snapshot, AvailabilityZone=zone) == "IncorrectState"
    assert code(fast.client("ebs").list_snapshot_blocks, SnapshotId=snapshot) == "ValidationException"

    answer = ec2.restore_snapshot_tier(SnapshotId=snapshot, TemporaryRestoreDays=1)
    assert (answer["RestoreDuration"], answer["IsPermanentRestore"]) == (1, False)
    assert becomes(fast, snapshot, "temporary-restore-completed")["RestoreExpiryTime"]
    assert holds(fast, snapshot) == before
    ec2.restore_snapshot_tier(SnapshotId=snapshot, PermanentRestore=True)
    assert becomes(fast, snapshot, "permanent-restore-completed")["StorageTier"] == "standard"
    assert holds(fast, snapshot) == before
    volume = ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone)["VolumeId"]
    made = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"]
    eventually(lambda: made() == "available", "a volume is made of it")


def test_locks_hold_and_are_taken_off(cloud):
    ec2 = cloud.client("ec2")
    snapshot = written(cloud, 1)
    locked = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", CoolOffPeriod=1, LockDuration=1)
    assert locked["LockState"] == "compliance-cooloff"
    assert code(ec2.delete_snapshot, SnapshotId=snapshot) == "SnapshotLocked"
    shown = ec2.describe_locked_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert (shown["LockState"], shown["LockDuration"], shown["CoolOffPeriod"]) == ("compliance-cooloff", 1, 1)
    assert shown["LockExpiresOn"] > shown["CoolOffPeriodExpiresOn"]
    ec2.unlock_snapshot(SnapshotId=snapshot)
    assert ec2.describe_locked_snapshots(Filters=[{"Name": "lock-state", "Values": ["governance"]}])["Snapshots"] == []
    assert code(ec2.lock_snapshot, SnapshotId=snapshot, LockMode="governance") == "MissingParameter"
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_nothing_is_shared_with_everybody_where_that_is_blocked(cloud):
    ec2 = cloud.client("ec2", account="711111111178")
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert ec2.enable_snapshot_block_public_access(State="block-all-sharing")["State"] == "block-all-sharing"
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    eventually(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available", "it is there")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    share = {"SnapshotId": snapshot, "GroupNames": ["all"], "OperationType": "add", "Attribute": "createVolumePermission"}
    assert code(ec2.modify_snapshot_attribute, **share) == "OperationNotPermitted"
    assert ec2.disable_snapshot_block_public_access()["State"] == "unblocked"
    ec2.modify_snapshot_attribute(**share)

    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "unblocked"
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    done = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    eventually(done, "the snapshot is stored")
    ec2.disable_image_block_public_access()
