"""Spot fleets, and fleets that are modified, as boto3 sees them: instances that run, come and go with the target."""

import datetime
import json
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from test_ec2 import image, running, state  # noqa: F401

pytestmark = needs_root


def role(cloud):
    trust = {"Effect": "Allow", "Principal": {"Service": "spotfleet.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    made = cloud.client("iam").create_role(RoleName=f"fleet-{uuid.uuid4().hex[:8]}", AssumeRolePolicyDocument=document)
    return made["Role"]["Arn"]


def test_a_spot_fleet_follows_its_target_and_ends_with_its_instances(cloud, ec2, image):  # noqa: F811
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    one = {"ImageId": image, "InstanceType": "t3.nano", "SubnetId": ", ".join(subnets)}
    config = {"IamFleetRole": role(cloud), "TargetCapacity": 1, "LaunchSpecifications": [one], "AllocationStrategy": "lowestPrice"}
    fleet = ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    members = lambda: [one["InstanceId"] for one in ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet)["ActiveInstances"]]
    [first] = eventually(members, "it launches")
    assert running(ec2, first)["InstanceLifecycle"] == "spot"
    ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=2)
    eventually(lambda: len(members()) == 2, "it grows")
    ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=1)
    eventually(lambda: len(members()) == 1, "it shrinks")
    assert members() == [first], "the youngest goes"
    shown = ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[fleet])["SpotFleetRequestConfigs"][0]
    assert (shown["SpotFleetRequestState"], shown["ActivityStatus"]) == ("active", "fulfilled")
    assert shown["SpotFleetRequestConfig"]["LaunchSpecifications"][0]["SubnetId"] == one["SubnetId"]
    history = ec2.describe_spot_fleet_request_history(SpotFleetRequestId=fleet, StartTime=since)["HistoryRecords"]
    told = [one["EventInformation"]["EventSubType"] for one in history]
    assert told[0] == "submitted" and told.count("launched") == 2 and told.count("terminated") == 1
    done = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    assert done["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"] == "cancelled_terminating"
    eventually(lambda: state(ec2, first) == "terminated", "its instance ends")
    with pytest.raises(ClientError) as refused:
        ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=1)
    assert refused.value.response["Error"]["Code"] == "FleetNotInModifiableState"


def test_a_maintained_fleet_is_given_another_target(cloud, ec2, image):  # noqa: F811
    name = f"t-{uuid.uuid4().hex[:8]}"
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.nano"})
    template = {"LaunchTemplateSpecification": {"LaunchTemplateName": name, "Version": "$Default"}}
    target = lambda count: {"TotalTargetCapacity": count, "DefaultTargetCapacityType": "on-demand"}
    fleet = ec2.create_fleet(LaunchTemplateConfigs=[template], TargetCapacitySpecification=target(1))["FleetId"]
    members = lambda: [one["InstanceId"] for one in ec2.describe_fleet_instances(FleetId=fleet)["ActiveInstances"]]
    eventually(lambda: len(members()) == 1, "it launches")
    assert ec2.modify_fleet(FleetId=fleet, TargetCapacitySpecification=target(2))["Return"]
    eventually(lambda: len(members()) == 2, "it grows")
    ec2.modify_fleet(FleetId=fleet, TargetCapacitySpecification=target(0))
    eventually(lambda: not members(), "it shrinks")
    ec2.delete_fleets(FleetIds=[fleet], TerminateInstances=True)
