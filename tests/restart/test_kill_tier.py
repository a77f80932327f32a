"""kill -9 while a snapshot goes to the archive or comes back: it gets there, with all its bytes."""

import time

import pytest
from conftest import needs_root
from snapshot_kit import FAST, becomes, holds, written

pytestmark = needs_root


@pytest.mark.parametrize("pause", [0.0, 0.005, 0.02, 0.1])
def test_it_gets_there(own_cloud, pause):
    cloud = own_cloud(args=FAST)
    snapshot = written(cloud, *range(1, 21))
    before = holds(cloud, snapshot)
    assert len(before) == 20
    cloud.client("ec2").lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=1)
    cloud.client("ec2").modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive")
    time.sleep(pause)
    cloud.kill()
    cloud.start()
    becomes(cloud, snapshot, "archival-completed")
    cloud.client("ec2").restore_snapshot_tier(SnapshotId=snapshot, PermanentRestore=True)
    time.sleep(1 + pause)
    cloud.kill()
    cloud.start()
    becomes(cloud, snapshot, "permanent-restore-completed")
    assert holds(cloud, snapshot) == before
    assert cloud.client("ec2").describe_locked_snapshots()["Snapshots"][0]["LockState"] == "governance"
