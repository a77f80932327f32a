"""kill -9 in mid-scaling: every launch is done once, nothing is left over, and the group comes to rest."""

import os
import random
import time

import pytest
from conftest import ROOT, eventually

pytestmark = pytest.mark.skipif(not ROOT, reason="machines need root")

KILLS = int(os.environ.get("CLOUDLET_SCALING_KILLS", "6"))


def test_a_group_that_is_killed_while_it_scales(own_cloud):
    cloud = own_cloud()
    chance = random.Random(4)
    ec2, scaling = cloud.client("ec2"), cloud.client("autoscaling")
    image = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    subnets = ",".join(one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:2])
    scaling.create_launch_configuration(LaunchConfigurationName="web", ImageId=image, InstanceType="t3.nano")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchConfigurationName="web", MinSize=0, MaxSize=4, VPCZoneIdentifier=subnets
    )
    for count in [chance.choice([0, 1, 2, 3, 4]) for _ in range(KILLS)]:
        cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)
        time.sleep(chance.random())
        cloud.kill()
        cloud.start()
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)

    def instances():
        group = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
        return {one["InstanceId"]: one["LifecycleState"] for one in group["Instances"]}

    def running():
        states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "shutting-down"]}]
        found = cloud.client("ec2").describe_instances(Filters=states)["Reservations"]
        return {one["InstanceId"] for reservation in found for one in reservation["Instances"]}

    eventually(lambda: list(instances().values()) == ["InService"] * 2, f"it comes to rest, but {instances()}", 60)
    # EC2 has those of the group, and no other.
    eventually(lambda: running() == set(instances()), f"{running()} are {set(instances())}", 30)
    cloud.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    eventually(lambda: not running(), "all are gone", 60)
