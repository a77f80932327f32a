"""Metrics from inside of guests: what the CloudWatch agent's configuration asks for is measured with no agent in them, put
in the instance's role, and moves alarms."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from conftest import eventually, needs_root

pytestmark = needs_root

AGENT = "/opt/aws/amazon-cloudwatch-agent"
CONFIG = {
    "agent": {"metrics_collection_interval": 5},
    "metrics": {
        "append_dimensions": {"InstanceId": "${aws:InstanceId}", "InstanceType": "${aws:InstanceType}"},
        "aggregation_dimensions": [["InstanceId"]],
        "metrics_collected": {
            "mem": {"measurement": ["mem_used_percent", {"name": "total", "rename": "Memory", "unit": "Bytes"}]},
            "disk": {"measurement": ["used_percent"], "resources": ["/"], "drop_device": True},
            "swap": {"measurement": ["used_percent"]},
            "cpu": {"measurement": ["usage_active", "usage_idle"]},
            "net": {"measurement": ["bytes_recv"], "resources": ["*"]},
            "netstat": {"measurement": ["tcp_listen"]},
            "processes": {"measurement": ["total", "running"]},
            "statsd": {},
        },
    },
}
# Says on its console what it is told, and some time later takes 400 MiB and a processor.
GUEST = f"""#!/bin/sh
mkdir -p {AGENT}/etc
cat > {AGENT}/etc/amazon-cloudwatch-agent.json <<'END'
{json.dumps(CONFIG)}
END
for i in $(seq 600); do [ -s {AGENT}/logs/amazon-cloudwatch-agent.log ] && break; sleep 0.2; done
tail -n +1 -f {AGENT}/logs/amazon-cloudwatch-agent.log &
sleep 12
python3 -c '
x = b"x" * (400 << 20)
while True: pass'
"""


def document(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def profile(cloud, action):
    """The name of a profile with a role that may do this in the namespace CWAgent."""
    iam, name = cloud.client("iam"), f"agent-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": {"StringEquals": {"cloudwatch:namespace": "CWAgent"}}}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="metrics", PolicyDocument=document(may))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return name


@pytest.fixture
def launch(cloud):
    """Launches instances that are ended with the test."""
    ec2, made = cloud.client("ec2"), []

    def launched(role, **more):
        image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
        order = dict(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=GUEST)
        it = ec2.run_instances(**order, IamInstanceProfile={"Name": role}, **more)["Instances"][0]["InstanceId"]
        made.append(it)
        state = lambda: ec2.describe_instances(InstanceIds=[it])["Reservations"][0]["Instances"][0]["State"]["Name"]
        eventually(lambda: state() == "running", "it runs", 180)
        return it

    yield launched
    ec2.terminate_instances(InstanceIds=made)


def values(cloud, name, **dimensions):
    """Of a metric in the last minutes, in order of time."""
    now = datetime.now(timezone.utc)
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    got = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="CWAgent", MetricName=name, Dimensions=named, StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=1),
        Period=5, Statistics=["Average"])
    return [point["Average"] for point in sorted(got["Datapoints"], key=lambda point: point["Timestamp"])]


def is_told(cloud, made, what):
    ec2 = cloud.client("ec2")

    def said():
        ec2.report_instance_status(Instances=[made], Status="impaired", ReasonCodes=["unresponsive"])
        return what in ec2.get_console_output(InstanceId=made).get("Output", "")

    return eventually(said, f"the guest is told: {what}", 120)


def test_memory_of_a_guest_moves_an_alarm(cloud, launch):
    watch = cloud.client("cloudwatch")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cloudlet:machine", "Value": "container"}]}]
    made = launch(profile(cloud, "cloudwatch:PutMetricData"), TagSpecifications=tags)
    watch.put_metric_alarm(
        AlarmName=made, Namespace="CWAgent", MetricName="mem_used_percent", Dimensions=[{"Name": "InstanceId", "Value": made}],
        Statistic="Maximum", Period=10, EvaluationPeriods=1, Threshold=35, ComparisonOperator="GreaterThanThreshold")
    try:
        assert is_told(cloud, made, "metrics_collected.statsd: not honoured")
        both = dict(InstanceId=made, InstanceType="t3.micro")
        before = eventually(lambda: values(cloud, "mem_used_percent", **both), "memory is measured", 60)[0]
        assert 0 < before < 35, "its own, and not the host's"
        assert values(cloud, "Memory", **both)[0] == 2**30, "its type's"
        state = lambda: watch.describe_alarms(AlarmNames=[made])["MetricAlarms"][0]["StateValue"]
        eventually(lambda: state() == "ALARM", "the alarm goes off", 120)
        assert max(values(cloud, "mem_used_percent", InstanceId=made)) > before + 30, "once more by the instance alone"
        busy = lambda: max(values(cloud, "cpu_usage_active", cpu="cpu-total", **both), default=0)
        eventually(lambda: busy() > 15, "one of two processors works", 60)
        for name, more in [
            ("disk_used_percent", dict(path="/")), ("swap_used_percent", {}), ("netstat_tcp_listen", {}), ("processes_total", {}),
            ("net_bytes_recv", dict(interface="eth0")), ("cpu_usage_idle", dict(cpu="cpu-total")),
        ]:
            # What kind of file system the root is on, is the engine's business.
            listed = watch.list_metrics(Namespace="CWAgent", MetricName=name, Dimensions=[{"Name": "InstanceId", "Value": made}])["Metrics"]
            found = [{one["Name"]: one["Value"] for one in metric["Dimensions"]} for metric in listed]
            assert any(one.items() >= {**both, **more}.items() for one in found), (name, found)
    finally:
        watch.delete_alarms(AlarmNames=[made])


def test_a_role_that_may_not_put_metrics_has_none_and_the_guest_is_told(cloud, launch):
    made = launch(profile(cloud, "logs:*"))
    assert is_told(cloud, made, "metrics are not put: ")
    assert values(cloud, "mem_used_percent", InstanceId=made) == []
