"""Log files of guests: shipped as the CloudWatch agent's configuration says, in order, none lost by a rotation or a kill -9."""

import json
import time

import pytest
from conftest import eventually, needs_root

pytestmark = needs_root

AGENT = "/opt/aws/amazon-cloudwatch-agent"
CONFIG = {
    "agent": {"metrics_collection_interval": 60},
    "logs": {
        "logs_collected": {
            "files": {
                "collect_list": [
                    {"file_path": "/var/log/app.log", "log_group_name": "app", "log_stream_name": "{instance_id}", "retention_in_days": 7},
                    {"file_path": "/var/log/trace*.log", "log_group_name": "app", "log_stream_name": "traces"},
                    {"file_path": "/var/log/other.log", "timestamp_format": "%H:%M %j"},
                    {"file_path": "/dev/console", "log_group_name": "app", "log_stream_name": "console",
                     "filters": [{"type": "include", "expression": "^said "}]},
                    {"file_path": "/var/log/turn-*.log", "log_group_name": "app", "log_stream_name": "turns", "retention_in_days": 8},
                    {
                        "file_path": "/var/log/timed.log", "log_group_name": "app", "log_stream_name": "timed", "timezone": "UTC",
                        "timestamp_format": "%Y-%m-%d %H:%M:%S", "multi_line_start_pattern": "{timestamp_format}",
                        "filters": [{"type": "exclude", "expression": "health"}],
                    },
                ]
            }
        }
    },
}
# The log is renamed every 100 lines, which take ten seconds, as logrotate does. Two others are written by turns
# of five seconds: a look finds each of them the newest.
GUEST = f"""#!/bin/sh
mkdir -p {AGENT}/etc
cat > {AGENT}/etc/amazon-cloudwatch-agent.json <<'END'
{json.dumps(CONFIG)}
END
printf 'Failed\\n  at a\\n  at b\\nEnded\\n' > '/var/log/trace 1.log'
t=$(date -u -d '2 hours ago' '+%Y-%m-%d %H:%M:%S')
printf '%s\\n' "$t Failed" 'at a' "$t health" "$t Ended" > /var/log/timed.log
(n=0; a=0; b=0; while n=$((n + 1)); do
  [ $((n % 100)) = 0 ] && mv /var/log/app.log /var/log/app.log.1
  echo "line $n" >> /var/log/app.log
  case $((n / 50 % 2))-$((n % 10)) in
    0-5) echo "a $((a = a + 1))" >> /var/log/turn-a.log ;;
    1-5) echo "b $((b = b + 1))" >> /var/log/turn-b.log ;;
  esac
  sleep 0.1
done) &
(n=0; while n=$((n + 1)); do echo "said $n" > /dev/console; sleep 0.1; done) &
for i in $(seq 600); do [ -s {AGENT}/logs/amazon-cloudwatch-agent.log ] && break; sleep 0.2; done
echo "TOLD $(cat {AGENT}/logs/amazon-cloudwatch-agent.log | tr -d '\\n') END"
"""


def document(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def profile(own_cloud):
    """A cloud, and in it a role that may write logs, in a profile."""
    cloud = own_cloud()
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy"], "Resource": "*"}
    iam.create_role(RoleName="agent", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="agent", PolicyName="logs", PolicyDocument=document(may))
    iam.create_instance_profile(InstanceProfileName="agent")
    iam.add_role_to_instance_profile(InstanceProfileName="agent", RoleName="agent")
    return cloud


def launch(ec2, **more):
    """The id of an instance that runs."""
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=GUEST, **more)["Instances"][0]["InstanceId"]
    state = lambda: ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually(lambda: state() == "running", "it runs")
    return made


def lines(cloud, stream):
    logs = cloud.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="app", logStreamNames=[stream])
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def numbers(cloud, stream):
    return [int(line.split()[1]) for line in lines(cloud, stream)]


def test_lines_of_guests_are_shipped_through_rotations_and_a_kill(profile):
    cloud = profile
    ec2 = cloud.client("ec2")
    made = launch(ec2, IamInstanceProfile={"Name": "agent"})
    probe = lambda: ec2.report_instance_status(Instances=[made], Status="impaired", ReasonCodes=["unresponsive"])
    console = lambda: ec2.get_console_output(InstanceId=made).get("Output", "")

    def shipped(past):
        found = numbers(cloud, made)
        if not found:
            # A configuration is read with the status check.
            probe()
        return found and max(found) > past and found

    begun = eventually(lambda: shipped(210), "lines of three files have come", 90)
    assert begun == list(range(1, len(begun) + 1)), "every line once, in order, over two rotations"
    traces = eventually(lambda: len(found := lines(cloud, "traces")) > 1 and found, "traces have come", 30)
    assert traces == ["Failed\n  at a\n  at b", "Ended"]
    eventually(lambda: len(lines(cloud, "timed")) > 1, "lines with times have come", 30)
    timed = cloud.client("logs").filter_log_events(logGroupName="app", logStreamNames=["timed"])["events"]
    assert [event["message"][20:] for event in timed] == ["Failed\nat a", "Ended"]
    assert all(7_100 < time.time() - event["timestamp"] / 1_000 < 7_500 for event in timed), "times of their own"
    for letter in "ab":
        taken = lambda letter=letter: [int(line.split()[1]) for line in lines(cloud, "turns") if line.startswith(letter)]
        turns = eventually(lambda: len(found := taken()) > 5 and found, f"lines of file {letter} have come", 30)
        assert turns == list(range(1, len(turns) + 1)), "of both files every line once, in order"
    said = numbers(cloud, "console")
    assert max(said) > 100 and said == list(range(1, len(said) + 1)), "the console's every line once, in order"
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert [(one["logGroupName"], one.get("retentionInDays")) for one in groups] == [("app", 7)]
    told = eventually(lambda: (said := console()) and " END" in said and said, "the guest is told what is not shipped", 60)
    assert "collect_list[2]: timestamp_format: %j is not honoured" in told

    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    last = max(numbers(cloud, made))
    after = eventually(lambda: shipped(last + 110), "lines come on", 90)
    # What was put and not yet written down as put may have come twice; nothing is missing.
    assert sorted(set(after)) == list(range(1, max(after) + 1))
    said = numbers(cloud, "console")
    assert sorted(set(said)) == list(range(1, max(said) + 1))


def test_without_a_role_nothing_is_shipped_and_the_guest_is_told(profile):
    cloud = profile
    ec2 = cloud.client("ec2")
    made = launch(ec2)

    def told():
        ec2.report_instance_status(Instances=[made], Status="impaired", ReasonCodes=["unresponsive"])
        said = ec2.get_console_output(InstanceId=made).get("Output", "")
        return " END" in said and said

    assert "no role that trusts EC2" in eventually(told, "the guest is told", 90)
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
