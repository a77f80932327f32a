"""What watches and what scales is there after a kill, as it was answered: flow logs, anomaly detectors, policies that
foretell, spot fleets and what scales them, snapshots at hand, classic load balancers."""

import json

import pytest
from conftest import Cloud, eventually, needs_root

pytestmark = needs_root

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in ("vpc-flow-logs.amazonaws.com", "spotfleet.amazonaws.com")
    ],
}
FORETELLS = {
    "MetricSpecifications": [
        {"TargetValue": 50, "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"}}
    ],
    "Mode": "ForecastOnly",
}


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path).start()
    yield cloud
    cloud.stop()


def furnish(cloud):
    """One of everything; gives the calls that show it."""
    ec2, scaling = cloud.client("ec2"), cloud.client("autoscaling")
    role = cloud.client("iam").create_role(RoleName="watch", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    cloud.client("logs").create_log_group(logGroupName="/flows")
    subnet = ec2.describe_subnets()["Subnets"][0]
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    flow = ec2.create_flow_logs(
        ResourceType="VPC", ResourceIds=[subnet["VpcId"]], TrafficType="REJECT", LogGroupName="/flows", DeliverLogsPermissionArn=role
    )["FlowLogIds"][0]
    volume = ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=1)["VolumeId"]
    eventually(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available", "the volume is there")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    made = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    eventually(made, "the snapshot is made")
    ec2.enable_fast_snapshot_restores(SourceSnapshotIds=[snapshot], AvailabilityZones=[subnet["AvailabilityZone"]])
    # Nobody sells at this price: it stays open and empty.
    launch = {"ImageId": image, "InstanceType": "t3.micro", "SpotPrice": "0.0001", "SubnetId": subnet["SubnetId"]}
    config = {"IamFleetRole": role, "TargetCapacity": 1, "LaunchSpecifications": [launch]}
    fleet = ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    detector = {"Namespace": "shop", "MetricName": "orders", "Stat": "Average"}
    cloud.client("cloudwatch").put_anomaly_detector(SingleMetricAnomalyDetector=detector)
    scaling.create_launch_configuration(LaunchConfigurationName="l", ImageId=image, InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="g", LaunchConfigurationName="l", MinSize=0, MaxSize=1, VPCZoneIdentifier=subnet["SubnetId"]
    )
    scaling.put_scaling_policy(
        AutoScalingGroupName="g", PolicyName="p", PolicyType="PredictiveScaling", PredictiveScalingConfiguration=FORETELLS
    )
    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 80}
    cloud.client("elb").create_load_balancer(LoadBalancerName="classic", Listeners=[listener], Subnets=[subnet["SubnetId"]])

    of = {"ServiceNamespace": "ec2", "ResourceId": f"spot-fleet-request/{fleet}", "ScalableDimension": "ec2:spot-fleet-request:TargetCapacity"}
    anything = cloud.client("application-autoscaling")
    anything.register_scalable_target(**of, MinCapacity=0, MaxCapacity=3, SuspendedState={"DynamicScalingInSuspended": True})
    custom = {"MetricName": "orders", "Namespace": "shop", "Statistic": "Average"}
    tracking = {"TargetValue": 50.0, "CustomizedMetricSpecification": custom}
    kind = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    anything.put_scaling_policy(**of, **kind, TargetTrackingScalingPolicyConfiguration=tracking)
    later = {"ScheduledActionName": "later", "Schedule": "cron(0 0 1 1 ? 2199)"}
    anything.put_scheduled_action(**of, **later, ScalableTargetAction={"MinCapacity": 1})

    def shown(cloud):
        anything = cloud.client("application-autoscaling")
        ec2, at = cloud.client("ec2"), [{"Name": "snapshot-id", "Values": [snapshot]}]
        return [
            ec2.describe_flow_logs(FlowLogIds=[flow])["FlowLogs"],
            ec2.describe_fast_snapshot_restores(Filters=at)["FastSnapshotRestores"],
            ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[fleet])["SpotFleetRequestConfigs"],
            cloud.client("cloudwatch").describe_anomaly_detectors()["AnomalyDetectors"],
            cloud.client("autoscaling").describe_policies()["ScalingPolicies"],
            cloud.client("elb").describe_load_balancers()["LoadBalancerDescriptions"],
            anything.describe_scalable_targets(ServiceNamespace="ec2")["ScalableTargets"],
            anything.describe_scaling_policies(ServiceNamespace="ec2")["ScalingPolicies"],
            anything.describe_scheduled_actions(ServiceNamespace="ec2")["ScheduledActions"],
            cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"][0]["AlarmArn"],
        ]

    return shown


def test_what_watches_and_scales_is_there_again(cloud):
    shown = furnish(cloud)
    eventually(lambda: shown(cloud)[1][0]["State"] == "enabled", "the snapshot is at hand")
    before = shown(cloud)
    assert all(before)
    cloud.kill()
    cloud.start()
    assert shown(cloud) == before
