"""Fast restore of a snapshot as boto3 sees it: zone by zone, over the loss of what is at hand, until it is called off."""

import glob
import os

from conftest import eventually, needs_root

pytestmark = needs_root


def stored(ec2, zone):
    """A snapshot of an empty volume that is in the store."""
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    ec2.delete_volume(VolumeId=volume)
    return snapshot


def test_all_of_a_snapshot_is_at_hand_where_that_was_asked_for(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    first, second = "us-east-1a", "us-east-1b"
    snapshot = stored(ec2, first)
    # Lost with a host's disk, say: its blocks are still in the store.
    [file] = glob.glob(f"/run/cloudlet/*/pool/snapshots/{snapshot}") + glob.glob(f"{cloud.folder}/data/volumes/pool/snapshots/{snapshot}")
    os.remove(file)
    asked = ec2.enable_fast_snapshot_restores(AvailabilityZones=[first], SourceSnapshotIds=[snapshot])
    assert [one["State"] for one in asked["Successful"]] == ["enabling"] and asked["Unsuccessful"] == []
    states = lambda: {
        one["AvailabilityZone"]: one["State"]
        for one in ec2.describe_fast_snapshot_restores(Filters=[{"Name": "snapshot-id", "Values": [snapshot]}])["FastSnapshotRestores"]
    }
    eventually(lambda: states() == {first: "enabled"}, "it is enabled")
    assert os.path.exists(file)
    made = [ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone) for zone in (first, second)]
    assert [one["FastRestored"] for one in made] == [True, False]
    found = ec2.describe_volumes(Filters=[{"Name": "fast-restored", "Values": ["true"]}])["Volumes"]
    assert [one["VolumeId"] for one in found] == [made[0]["VolumeId"]]
    ended = ec2.disable_fast_snapshot_restores(AvailabilityZones=[first, second], SourceSnapshotIds=[snapshot])
    assert [one["State"] for one in ended["Successful"]] == ["disabling"]
    [refused] = ended["Unsuccessful"][0]["FastSnapshotRestoreStateErrors"]
    assert (refused["AvailabilityZone"], refused["Error"]["Code"]) == (second, "IncorrectState")
    eventually(lambda: states() == {first: "disabled"}, "it is disabled")
