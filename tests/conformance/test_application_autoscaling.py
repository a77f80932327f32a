"""Application Auto Scaling with real clients: a spot fleet that follows a metric and a schedule."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from test_ec2 import image  # noqa: F401
from test_spot_fleet import role

pytestmark = needs_root

DIMENSION = "ec2:spot-fleet-request:TargetCapacity"


def refused(call, **params):
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]


@pytest.fixture
def scaling(cloud):
    return cloud.client("application-autoscaling")


@pytest.fixture
def fleet(cloud, ec2, image):  # noqa: F811
    """A spot fleet of one instance; gives what names its capacity."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    launch = {"ImageId": image, "InstanceType": "t3.nano", "SubnetId": subnet}
    config = {"IamFleetRole": role(cloud), "TargetCapacity": 1, "LaunchSpecifications": [launch]}
    id = ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    eventually(lambda: shown(ec2, id)["ActivityStatus"] == "fulfilled", "it launches")
    yield {"ServiceNamespace": "ec2", "ResourceId": f"spot-fleet-request/{id}", "ScalableDimension": DIMENSION}
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[id], TerminateInstances=True)


def shown(ec2, id):
    return ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[id])["SpotFleetRequestConfigs"][0]


def capacity(ec2, fleet):
    return shown(ec2, fleet["ResourceId"].split("/")[1])["SpotFleetRequestConfig"]["TargetCapacity"]


def activities(scaling, fleet, **more):
    return scaling.describe_scaling_activities(**fleet, **more)["ScalingActivities"]


def test_a_fleet_follows_a_metric(cloud, ec2, scaling, fleet):
    cloudwatch, metric = cloud.client("cloudwatch"), f"Load-{uuid.uuid4().hex[:8]}"
    scaling.register_scalable_target(**fleet, MinCapacity=1, MaxCapacity=2, Tags={"a": "b"})
    custom = {"MetricName": metric, "Namespace": "shop", "Statistic": "Average"}
    tracking = {"TargetValue": 50.0, "CustomizedMetricSpecification": custom}
    policy = {"PolicyName": "load", "PolicyType": "TargetTrackingScaling"}
    made = scaling.put_scaling_policy(**fleet, **policy, TargetTrackingScalingPolicyConfiguration=tracking)
    assert f":resource/ec2/{fleet['ResourceId']}:policyName/load" in made["PolicyARN"]
    names = {one["AlarmName"] for one in made["Alarms"]}
    alarms = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    assert {one["AlarmName"] for one in alarms} == names and len(names) == 2
    # Busy for the last minutes.
    now = datetime.now(timezone.utc)
    data = [{"MetricName": metric, "Timestamp": now - timedelta(minutes=n), "Value": 500.0} for n in range(5)]
    cloudwatch.put_metric_data(Namespace="shop", MetricData=data)
    eventually(lambda: capacity(ec2, fleet) == 2, "it grows", seconds=150)
    done = eventually(lambda: [one for one in activities(scaling, fleet) if one["StatusCode"] == "Successful"], "it is fulfilled", seconds=60)[-1]
    assert done["Description"] == "Setting target capacity to 2."
    assert done["Cause"].startswith("monitor alarm TargetTracking-spot-fleet-request/") and done["Cause"].endswith("policy load")
    [listed] = scaling.describe_scaling_policies(**fleet)["ScalingPolicies"]
    assert listed["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"] == custom
    scaling.deregister_scalable_target(**fleet)
    gone = lambda: not cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    eventually(gone, "its alarms go with it")
    assert not scaling.describe_scaling_policies(**fleet)["ScalingPolicies"]


def test_a_fleet_follows_a_schedule(cloud, ec2, scaling, fleet):
    scaling.register_scalable_target(**fleet, MinCapacity=0, MaxCapacity=5)
    zone = timezone(timedelta(hours=9))
    at = datetime.now(zone) + timedelta(seconds=6)
    scaling.put_scheduled_action(
        **fleet, ScheduledActionName="up", Schedule=f"at({at:%Y-%m-%dT%H:%M:%S})", Timezone="Asia/Tokyo",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 4},
    )
    eventually(lambda: capacity(ec2, fleet) == 2, "it grows", seconds=60)
    causes = [one["Cause"] for one in activities(scaling, fleet)]
    assert causes == ["minimum capacity was set to 2", "scheduled action name up was triggered"]
    named = {"ServiceNamespace": "ec2", "ResourceIds": [fleet["ResourceId"]]}
    [target] = scaling.describe_scalable_targets(**named)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    arn = target["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"a": "1", "b": "2"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    scaling.register_scalable_target(**fleet, SuspendedState={"ScheduledScalingSuspended": True})
    cli = cloud.cli("application-autoscaling", "describe-scalable-targets", "--service-namespace", "ec2")
    [told] = [one for one in json.loads(cli.stdout)["ScalableTargets"] if one["ScalableTargetARN"] == arn]
    assert told["SuspendedState"]["ScheduledScalingSuspended"] and told["MinCapacity"] == 2
    [action] = scaling.describe_scheduled_actions(**fleet)["ScheduledActions"]
    assert action["Timezone"] == "Asia/Tokyo"
    scaling.delete_scheduled_action(**fleet, ScheduledActionName="up")
    assert refused(scaling.delete_scheduled_action, **fleet, ScheduledActionName="up")["Code"] == "ObjectNotFoundException"


def test_what_nobody_offers_is_refused_by_name(scaling, fleet):
    service = {"ServiceNamespace": "ecs", "ResourceId": "service/a/b", "ScalableDimension": "ecs:service:DesiredCount"}
    error = refused(scaling.register_scalable_target, **service, MinCapacity=1, MaxCapacity=2)
    assert error["Code"] == "ValidationException" and "ecs:service:DesiredCount" in error["Message"]
    error = refused(scaling.put_scaling_policy, **fleet, PolicyName="p", PolicyType="StepScaling")
    assert error["Code"] == "ObjectNotFoundException"
    scaling.register_scalable_target(**fleet, MinCapacity=1, MaxCapacity=2)
    error = refused(scaling.put_scaling_policy, **fleet, PolicyName="p", PolicyType="PredictiveScaling")
    assert error["Code"] == "ValidationException" and "PredictiveScaling" in error["Message"]
    assert refused(scaling.delete_scaling_policy, **fleet, PolicyName="p")["Code"] == "ObjectNotFoundException"
    scaling.deregister_scalable_target(**fleet)
    assert refused(scaling.deregister_scalable_target, **fleet)["Code"] == "ObjectNotFoundException"
