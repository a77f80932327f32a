"""EventBridge with real clients: what applications put and what services tell, in queues."""

import json
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root


def name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class Ear:
    """A queue that rules may send to, and a rule that does."""

    def __init__(self, cloud, pattern, bus="default", **target):
        self.events, self.sqs = cloud.client("events"), cloud.client("sqs")
        self.rule, self.bus = name("rule"), bus
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:000000000000:rule/*"}},
        }]}
        self.url = self.sqs.create_queue(QueueName=self.rule, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if pattern:
            self.events.put_rule(Name=self.rule, EventBusName=bus, EventPattern=json.dumps(pattern))
            target = {"Id": "queue", "Arn": self.arn, **target}
            assert self.events.put_targets(Rule=self.rule, EventBusName=bus, Targets=[target])["FailedEntryCount"] == 0

    def next(self, seconds=20.0):
        def receive():
            return self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1).get("Messages")

        message = eventually(receive, "an event in the queue", seconds)[0]
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def until(self, is_it, seconds=30.0):
        """Events up to the first that fits."""
        end, seen = time.monotonic() + seconds, []
        while time.monotonic() < end:
            seen.append(self.next(max(1.0, end - time.monotonic())))
            if is_it(seen[-1]):
                return seen
        raise AssertionError(seen)

    def close(self):
        self.events.remove_targets(Rule=self.rule, EventBusName=self.bus, Ids=["queue"])
        self.events.delete_rule(Name=self.rule, EventBusName=self.bus)
        self.sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture
def listen(cloud):
    ears = []

    def make(pattern, **more):
        ears.append(Ear(cloud, pattern, **more))
        return ears[-1]

    yield make
    for ear in ears:
        ear.close()


def order(**detail):
    return {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail), "Resources": ["arn:x"]}


def test_an_application_talks_to_another(cloud, listen):
    events = cloud.client("events")
    bus = name("bus")
    arn = events.create_event_bus(Name=bus, Tags=[{"Key": "a", "Value": "b"}])["EventBusArn"]
    ear = listen({"source": ["shop"], "detail": {"price": [{"numeric": [">=", 10]}], "$or": [{"vip": [True]}, {"n": [1]}]}}, bus=bus)
    answer = events.put_events(Entries=[{**order(**detail), "EventBusName": to} for detail, to in [
        ({"price": 10, "n": 2}, bus), ({"price": 9, "n": 1}, bus), ({"price": 10, "n": 1}, "default"),
        ({"price": 10, "n": 1}, arn),
    ]])
    assert answer["FailedEntryCount"] == 0
    event = ear.next()
    assert event["id"] == answer["Entries"][3]["EventId"]
    assert event["detail"] == {"price": 10, "n": 1} and event["resources"] == ["arn:x"]
    assert list(event) == ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]
    ear.close()
    ear.close = lambda: None
    events.delete_event_bus(Name=bus)
    with pytest.raises(ClientError) as refused:
        events.describe_event_bus(Name=bus)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_detail_comes_as_it_was_sent(cloud, listen):
    source, sent = name("shop"), '{"z":1.50,"a":{"y":1,"x":[]}}'
    ear = listen({"source": [source]})
    cloud.client("events").put_events(Entries=[{"Source": source, "DetailType": "Order", "Detail": sent}])
    receive = lambda: ear.sqs.receive_message(QueueUrl=ear.url, WaitTimeSeconds=1).get("Messages")
    assert eventually(receive, "an event in the queue")[0]["Body"].endswith(f'"detail":{sent}}}')


def test_the_command_line(cloud, listen):
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>, "rule": "<aws.events.rule-name>"}'}
    ear = listen({"source": [{"prefix": "sh"}], "detail": {"cli": [True]}}, InputTransformer=transformer)
    entries = json.dumps([order(cli=True, n=7)])
    cloud.cli("events", "put-events", "--entries", entries)
    assert ear.next() == {"number": 7, "rule": ear.rule}


def test_patterns_are_tried_and_bad_ones_refused(cloud):
    events = cloud.client("events")
    event = {"id": "1", "account": "1", "source": "shop", "time": "2026-01-01T00:00:00Z", "region": "x", "resources": [],
             "detail-type": "Order", "detail": {"ip": "10.0.0.7", "file": "a/b.png", "state": "done"}}
    for pattern, result in [
        ({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True),
        ({"detail": {"file": [{"wildcard": "*/b.*"}]}}, True),
        ({"detail": {"file": [{"suffix": {"equals-ignore-case": ".PNG"}}]}}, True),
        ({"detail": {"state": [{"anything-but": ["done", "failed"]}]}}, False),
        ({"detail": {"none": [{"exists": False}]}}, True),
    ]:
        assert events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"] is result
    with pytest.raises(events.exceptions.InvalidEventPatternException) as refused:
        events.put_rule(Name="bad", EventPattern=json.dumps({"detail": {"a": "b"}}))
    assert "Event pattern is not valid. Reason:" in refused.value.response["Error"]["Message"]


def test_a_queue_that_is_closed_gives_a_dead_letter(cloud, listen):
    letters = listen(None)
    letters.close = lambda: letters.sqs.delete_queue(QueueUrl=letters.url)
    ear = listen({"source": ["dead"]}, DeadLetterConfig={"Arn": letters.arn})
    ear.sqs.set_queue_attributes(QueueUrl=ear.url, Attributes={"Policy": ""})
    ear.events.put_events(Entries=[{**order(), "Source": "dead"}])
    received = lambda: letters.sqs.receive_message(
        QueueUrl=letters.url, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get("Messages")
    said = eventually(received, "a dead letter")[0]["MessageAttributes"]
    assert said["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert said["TARGET_ARN"]["StringValue"] == ear.arn


def test_a_queue_is_reached_in_the_role_of_its_target(cloud, listen):
    events, iam, role = cloud.client("events"), cloud.client("iam"), name("role")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    letters, source = listen(None), name("shop")
    letters.close = lambda: letters.sqs.delete_queue(QueueUrl=letters.url)
    ear = listen({"source": [source]}, RoleArn=arn, DeadLetterConfig={"Arn": letters.arn})
    put = lambda n: events.put_events(Entries=[{**order(n=n), "Source": source}])
    put(1)
    assert letters.next()["detail"] == {"n": 1}, "the role may not, though the queue's policy lets the rule"
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ear.arn}]}
    iam.put_role_policy(RoleName=role, PolicyName="send", PolicyDocument=json.dumps(allowed))
    ear.sqs.set_queue_attributes(QueueUrl=ear.url, Attributes={"Policy": ""})
    put(2)
    assert ear.next()["detail"] == {"n": 2}, "the role may, and no policy need"
    iam.delete_role_policy(RoleName=role, PolicyName="send")
    iam.delete_role(RoleName=role)


@pytest.fixture
def limited(cloud):
    """Gives EventBridge as a user sees it whose policy has these statements."""
    iam, user = cloud.client("iam"), name("kim")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]

    def by(*statements):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy))
        return cloud.client("events", account=key["AccessKeyId"], secret=key["SecretAccessKey"])

    yield by
    iam.delete_user_policy(UserName=user, PolicyName="p")
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=user)


def refused(call, **params):
    """The code; nothing where it is no error."""
    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_policies_say_which_events_are_put(cloud, limited, listen):
    source = name("shop")
    ear = listen({"source": [{"prefix": source}]})
    entries = [{**order(n=n), "Source": source + more, "DetailType": kind}
               for n, (more, kind) in enumerate([("", "Order"), ("-bad", "Order"), ("", "Bill")])]
    fits = {"StringEquals": {"events:source": source, "events:detail-type": "Order"}}
    answer = limited({"Action": "events:PutEvents", "Condition": fits}).put_events(Entries=entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == [None, "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException"]
    assert answer["FailedEntryCount"] == 2
    assert ear.next()["id"] == answer["Entries"][0]["EventId"]
    deny = {"Effect": "Deny", "Action": "events:PutEvents", "Condition": {"StringLike": {"events:source": "*-bad"}}}
    answer = limited({"Action": "events:*"}, deny).put_events(Entries=entries)
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "NotAuthorizedForSourceException", None]
    events = limited({"Action": "events:ListRules"})
    assert refused(events.put_events, Entries=entries) == "AccessDeniedException"


# The tables of the user guide, "Using IAM policy conditions in Amazon EventBridge".
EC2, S3, ECS, CHANGE = "aws.ec2", "aws.s3", "aws.ecs", "EC2 Instance State-change Notification"
CALL, WHO = "AWS API Call via CloudTrail", "AIDAJ45Q7YFFAREXAMPLE"
who = lambda id: {"detail-type": [CALL], "detail": {"userIdentity": {"principalId": [id]}}}


@pytest.mark.parametrize("condition, allowed, denied", [
    ({"StringEquals": {"events:source": EC2}},
     [{"source": [EC2]}, {"source": [EC2], "detail-type": [CHANGE]}],
     [{"source": [EC2, S3]}, {"detail-type": [CHANGE]}, {"source": [{"prefix": EC2}]}]),
    ({"StringEquals": {"events:source": [EC2, ECS]}},
     [{"source": [EC2]}, {"source": [ECS]}],
     [{"source": [S3]}, {"source": [EC2, ECS]}, {"detail-type": [CALL]}]),
    ({"StringEquals": {"events:source": EC2, "events:detail-type": CHANGE}},
     [{"source": [EC2], "detail-type": [CHANGE]}],
     [{"source": [EC2]}, {"source": [EC2], "detail-type": ["EC2 Instance Health Failed"]}, {"detail-type": [CHANGE]}]),
    ({"Null": {"events:source": "false"}},
     [{"source": [EC2], "detail-type": [CHANGE]}, {"source": [ECS, EC2]}],
     [{"detail-type": [CHANGE]}]),
    ({"ForAllValues:StringEquals": {"events:source": [EC2, S3]}, "Null": {"events:source": "false"}},
     [{"source": [EC2]}, {"source": [EC2, S3]}],
     [{"source": [EC2, "aws.autoscaling"]}, {"detail-type": [CHANGE]},
      {"$or": [{"source": [EC2]}, {"detail-type": [CHANGE]}]}]),
    ({"StringEquals": {"events:detail-type": CALL, "events:detail.userIdentity.principalId": WHO}},
     [who(WHO)], [{"detail-type": [CALL]}, who("AROAIDPPEZS35WEXAMPLE:AssumedRoleSessionName")]),
    ({"StringEquals": {"events:detail.service": "ABUSE"}},
     [{"detail": {"service": ["ABUSE"]}}], [{"detail": {"service": ["EC2"]}}, {"source": ["aws.health"]}]),
])
def test_policies_say_which_rules_are_put(limited, condition, allowed, denied):
    events, rule = limited({"Action": "events:PutRule", "Condition": condition}, {"Action": "events:DeleteRule"}), name("rule")
    for pattern in allowed:
        assert refused(events.put_rule, Name=rule, EventPattern=json.dumps(pattern)) is None, pattern
    for pattern in denied:
        assert refused(events.put_rule, Name=rule, EventPattern=json.dumps(pattern)) == "AccessDeniedException", pattern
    events.delete_rule(Name=rule)


def test_a_denial_holds_for_each_of_several(limited):
    deny = lambda action, condition: {"Effect": "Deny", "Action": action, "Condition": condition}
    rule, pattern, queue = name("rule"), json.dumps({"source": [EC2, S3]}), "arn:aws:sqs:us-east-1:000000000000:"
    events = limited({"Action": "events:*"}, deny("events:PutRule", {"StringEquals": {"events:source": EC2}}))
    assert refused(events.put_rule, Name=rule, EventPattern=pattern) == "AccessDeniedException"
    events = limited({"Action": "events:*"}, deny("events:DeleteRule", {"StringEquals": {"events:creatorAccount": "000000000000"}}),
                     deny("events:PutTargets", {"ArnNotEquals": {"events:TargetArn": queue + "a"}}))
    events.put_rule(Name=rule, EventPattern=pattern)
    targets = [{"Id": id, "Arn": queue + id} for id in "ab"]
    assert refused(events.put_targets, Rule=rule, Targets=targets) == "AccessDeniedException"
    events.put_targets(Rule=rule, Targets=targets[:1])
    events.remove_targets(Rule=rule, Ids=["a"])
    assert refused(events.delete_rule, Name=rule) == "AccessDeniedException"
    limited({"Action": "events:DeleteRule"}).delete_rule(Name=rule)


def test_a_bus_with_rules_stays(cloud):
    events, bus = cloud.client("events"), name("bus")
    events.create_event_bus(Name=bus)
    events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["x"]}))
    with pytest.raises(ClientError) as refused:
        events.delete_event_bus(Name=bus)
    assert refused.value.response["Error"] == {
        "Code": "ValidationException", "Message": "EventBus can't be deleted since it has rules."}
    events.delete_rule(Name="r", EventBusName=bus)
    events.delete_event_bus(Name=bus)


def test_an_alarm_and_a_bucket_tell(cloud, listen):
    ear = listen({"source": ["aws.cloudwatch", "aws.s3"]})
    cloudwatch, s3 = cloud.client("cloudwatch"), cloud.client("s3")
    alarm, bucket = name("alarm"), name("bucket")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, Namespace="shop", MetricName="n", Period=60, EvaluationPeriods=1, Statistic="Sum",
        Threshold=1, ComparisonOperator="GreaterThanThreshold")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    told = ear.until(lambda event: event["detail"].get("alarmName") == alarm and event["detail"]["state"]["value"] == "ALARM")[-1]
    assert told["detail-type"] == "CloudWatch Alarm State Change"
    assert told["resources"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{alarm}"]
    cloudwatch.delete_alarms(AlarmNames=[alarm])
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="before", Body=b"")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"123")
    told = ear.until(lambda event: event["source"] == "aws.s3")[-1]
    assert told["detail-type"] == "Object Created" and told["detail"]["reason"] == "PutObject"
    assert told["detail"]["bucket"]["name"] == bucket
    assert (told["detail"]["object"]["key"], told["detail"]["object"]["size"]) == ("a", 3)
    for key in ["before", "a"]:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


@needs_root
def test_an_instance_tells_and_is_stopped_by_a_rule(cloud, listen):
    ec2, events, iam = cloud.client("ec2"), cloud.client("events"), cloud.client("iam")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ear = listen({"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]})
    id = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    state = lambda wanted: lambda event: event["detail"] == {"instance-id": id, "state": wanted}
    seen = ear.until(state("running"))
    assert seen[-1]["resources"] == [f"arn:aws:ec2:us-east-1:000000000000:instance/{id}"]
    assert any(state("pending")(event) for event in seen)

    role, rule = name("role"), name("rule")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="stop", PolicyDocument=json.dumps(allowed))
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["night"]}))
    target = {"Id": "stop", "Arn": "arn:aws:events:us-east-1:000000000000:target/stop-instance", "RoleArn": arn,
              "Input": json.dumps(id)}
    events.put_targets(Rule=rule, Targets=[target])
    events.put_events(Entries=[{**order(), "Source": "night"}])
    ear.until(state("stopped"), 60)
    ec2.terminate_instances(InstanceIds=[id])
    ear.until(state("terminated"), 60)
    events.remove_targets(Rule=rule, Ids=["stop"])
    events.delete_rule(Name=rule)
    iam.delete_role_policy(RoleName=role, PolicyName="stop")
    iam.delete_role(RoleName=role)


def test_an_archive_is_replayed(cloud, listen):
    events = cloud.client("events")
    archive, replay = name("archive"), name("replay")
    bus = events.describe_event_bus()["Arn"]
    pattern = json.dumps({"source": ["shop"], "detail": {"kept": [archive]}})
    arn = events.create_archive(ArchiveName=archive, EventSourceArn=bus, EventPattern=pattern)["ArchiveArn"]
    ear = listen({"replay-name": [replay]})
    begun = datetime.now(timezone.utc) - timedelta(minutes=1)
    sent = events.put_events(Entries=[order(kept=archive, n=n) for n in range(3)] + [order(kept="not")])["Entries"]
    assert events.describe_archive(ArchiveName=archive)["EventCount"] == 3
    events.start_replay(
        ReplayName=replay, EventSourceArn=arn, Destination={"Arn": bus},
        EventStartTime=begun, EventEndTime=begun + timedelta(minutes=10))
    assert {ear.next()["id"] for _ in range(3)} == {entry["EventId"] for entry in sent[:3]}
    state = lambda: events.describe_replay(ReplayName=replay)["State"]
    eventually(lambda: state() == "COMPLETED", "the replay is over")
    assert [one["ReplayName"] for one in events.list_replays(NamePrefix=replay)["Replays"]] == [replay]
    events.update_archive(ArchiveName=archive, RetentionDays=1)
    assert [one["RetentionDays"] for one in events.list_archives(NamePrefix=archive)["Archives"]] == [1]
    with pytest.raises(ClientError) as refused:
        events.cancel_replay(ReplayName=replay)
    assert refused.value.response["Error"]["Code"] == "IllegalStatusException"
    events.delete_archive(ArchiveName=archive)


@needs_root
def test_a_volume_and_its_snapshot_tell(cloud, listen):
    ec2 = cloud.client("ec2")
    ear = listen({"source": ["aws.ec2"], "detail-type": ["EBS Volume Notification", "EBS Snapshot Notification"]})
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    of = lambda event, result: lambda told: (told["detail"]["event"], told["detail"]["result"]) == (event, result)
    told = ear.until(of("createVolume", "available"))[-1]
    assert told["resources"] == [f"arn:aws:ec2:us-east-1:000000000000:volume/{volume}"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    told = ear.until(of("createSnapshot", "succeeded"))[-1]
    assert told["resources"] == [f"arn:aws:ec2:us-east-1::snapshot/{snapshot}"]
    assert told["detail"]["source"].endswith(f"volume/{volume}") and told["detail"]["endTime"].endswith("Z")
    ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.delete_volume(VolumeId=volume)
    ear.until(of("deleteVolume", "deleted"))


def test_the_other_operations(cloud):
    events = cloud.client("events")
    rule, bus = name("rule"), name("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    assert events.update_event_bus(Name=bus, Description="of tests")["Description"] == "of tests"
    assert bus in [one["Name"] for one in events.list_event_buses(NamePrefix=bus)["EventBuses"]]
    events.put_permission(EventBusName=bus, Action="events:PutEvents", Principal="111122223333", StatementId="other")
    policy = json.loads(events.describe_event_bus(Name=arn)["Policy"])
    assert policy["Statement"][0]["Sid"] == "other"
    events.remove_permission(EventBusName=bus, StatementId="other")
    made = events.put_rule(Name=rule, ScheduleExpression="cron(0 12 ? * MON-FRI *)", State="DISABLED")["RuleArn"]
    assert events.describe_rule(Name=rule)["State"] == "DISABLED"
    events.enable_rule(Name=rule)
    events.disable_rule(Name=rule)
    events.tag_resource(ResourceARN=made, Tags=[{"Key": "a", "Value": "b"}])
    assert events.list_tags_for_resource(ResourceARN=made)["Tags"] == [{"Key": "a", "Value": "b"}]
    events.untag_resource(ResourceARN=made, TagKeys=["a"])
    target = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:nowhere", "Input": "{}"}
    events.put_targets(Rule=rule, Targets=[target])
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == [target]
    assert events.list_rule_names_by_target(TargetArn=target["Arn"])["RuleNames"] == [rule]
    assert [one["Name"] for one in events.list_rules(NamePrefix=rule)["Rules"]] == [rule]
    events.remove_targets(Rule=rule, Ids=["t"])
    events.delete_rule(Name=rule)
    events.delete_event_bus(Name=bus)


def test_events_in_a_log_group(cloud):
    events, logs = cloud.client("events"), cloud.client("logs")
    group, rule = f"/aws/events/{name('g')}", name("rule")
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    source = name("shop")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    dead = Ear(cloud, None)
    target = {"Id": "logs", "Arn": arn, "DeadLetterConfig": {"Arn": dead.arn}}

    def put(number):
        entry = {"Source": source, "DetailType": "Order", "Detail": json.dumps({"number": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def lines():
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    assert events.put_targets(Rule=rule, Targets=[target])["FailedEntryCount"] == 0
    put(1)
    assert dead.next()["detail"] == {"number": 1}, "nobody let it"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/*:*",
    }]}
    logs.put_resource_policy(policyName=rule, policyDocument=json.dumps(policy))
    put(2)
    event = json.loads(eventually(lines, "a line")[0])
    assert (event["source"], event["detail"]) == (source, {"number": 2})
    template = {
        "InputPathsMap": {"n": "$.detail.number"},
        "InputTemplate": json.dumps({"timestamp": int(time.time() * 1000), "message": "order <n>"}),
    }
    events.put_targets(Rule=rule, Targets=[{**target, "InputTransformer": template}])
    put(3)
    eventually(lambda: "order 3" in lines(), "the line of the template")
    logs.delete_resource_policy(policyName=rule)
