"""EventBridge Scheduler with real clients: on time, in a role, to queues, buses and any operation."""

import json
from datetime import datetime, timedelta, timezone

from conftest import code, eventually
from walk_inputs import trust

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OFF = {"Mode": "OFF"}


class Account:
    def __init__(self, cloud, account):
        client = lambda service: cloud.client(service, account=account)
        self.account, self.scheduler, self.sqs = account, client("scheduler"), client("sqs")
        self.iam, self.events = client("iam"), client("events")
        role = self.iam.create_role(
            RoleName="caller", AssumeRolePolicyDocument=trust({"Service": "scheduler.amazonaws.com"})
        )
        self.role = role["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="caller", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))

    def queue(self, name):
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{self.account}:{name}"

    def target(self, arn, **more):
        return {"Arn": arn, "RoleArn": self.role, **more}

    def next(self, url, seconds=20.0):
        def receive():
            all = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
            return all and all[0]

        message = eventually(receive, "a message comes", seconds=seconds)
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message


def soon(seconds):
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return f"at({at:%Y-%m-%dT%H:%M:%S})"


def test_a_schedule_is_kept_and_goes_off(cloud):
    here = Account(cloud, "520000000001")
    url, arn = here.queue("jobs")
    text = '{"id": "<aws.scheduler.execution-id>", "of": "<aws.scheduler.schedule-arn>"}'
    made = here.scheduler.create_schedule(
        Name="tick", ScheduleExpression="rate(1 minutes)", FlexibleTimeWindow=OFF, Target=here.target(arn, Input=text),
        ScheduleExpressionTimezone="Europe/Berlin", Description="d",
    )["ScheduleArn"]
    assert made == "arn:aws:scheduler:us-east-1:520000000001:schedule/default/tick"
    assert json.loads(here.next(url)["Body"])["of"] == made
    shown = here.scheduler.get_schedule(Name="tick")
    assert (shown["State"], shown["ScheduleExpressionTimezone"], shown["Description"]) == ("ENABLED", "Europe/Berlin", "d")
    assert [one["Name"] for one in here.scheduler.list_schedules(NamePrefix="t")["Schedules"]] == ["tick"]
    cli = json.loads(cloud.cli("scheduler", "list-schedules", env={"AWS_ACCESS_KEY_ID": here.account}).stdout)
    assert [one["Name"] for one in cli["Schedules"]] == ["tick"]
    here.scheduler.delete_schedule(Name="tick")
    assert code(here.scheduler.get_schedule, Name="tick") == "ResourceNotFoundException"


def test_once_then_gone_by_any_operation(cloud):
    here = Account(cloud, "520000000002")
    url, _ = here.queue("jobs")
    call = here.target(
        "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input=json.dumps({"QueueUrl": url, "MessageBody": "hello"})
    )
    here.scheduler.create_schedule(
        Name="once", ScheduleExpression=soon(5), FlexibleTimeWindow=OFF, Target=call, ActionAfterCompletion="DELETE"
    )
    assert here.next(url)["Body"] == "hello"
    assert code(here.scheduler.get_schedule, Name="once") == "ResourceNotFoundException"
    make = {"QueueName": "made-by-schedule", "Attributes": {"DelaySeconds": "7"}, "tags": {"a": "b"}}
    call = here.target("arn:aws:scheduler:::aws-sdk:sqs:createQueue", Input=json.dumps(make))
    here.scheduler.create_schedule(
        Name="make", ScheduleExpression="rate(1 days)", FlexibleTimeWindow=OFF, Target=call
    )
    eventually(lambda: here.sqs.list_queues(QueueNamePrefix="made-by").get("QueueUrls"), "the queue is made")
    # The service by its name in one word, members as SDKs of other languages write them.
    call = here.target("arn:aws:scheduler:::aws-sdk:cloudwatchlogs:createLogGroup", Input='{"LogGroupName": "made-too"}')
    here.scheduler.create_schedule(Name="log", ScheduleExpression="rate(1 days)", FlexibleTimeWindow=OFF, Target=call)
    logs = cloud.client("logs", account=here.account)
    eventually(lambda: logs.describe_log_groups(logGroupNamePrefix="made-too")["logGroups"], "the log group is made")


def test_what_fails_is_buried_with_its_reason(cloud):
    here = Account(cloud, "520000000003")
    url, dead = here.queue("dead")
    for name, target, text, code in [
        ("gone", "arn:aws:sqs:us-east-1:520000000003:nowhere", "x", "QueueDoesNotExist"),
        ("odd", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", '{"Nonsense": 1}', "SerializationException"),
        ("less", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", '{"QueueUrl": "x"}', "MissingRequiredParameterException"),
    ]:
        here.scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 days)", FlexibleTimeWindow=OFF,
            Target=here.target(target, Input=text, DeadLetterConfig={"Arn": dead}),
        )
        said = here.next(url)["MessageAttributes"]
        assert said["TARGET_ARN"]["StringValue"] == target
        found = said["ERROR_CODE"]["StringValue"]
        assert found == code, name


def test_groups_and_tags(cloud):
    here = Account(cloud, "520000000004")
    _, arn = here.queue("jobs")
    group = here.scheduler.create_schedule_group(Name="team", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    here.scheduler.tag_resource(ResourceArn=group, Tags=[{"Key": "b", "Value": "2"}])
    assert len(here.scheduler.list_tags_for_resource(ResourceArn=group)["Tags"]) == 2
    here.scheduler.untag_resource(ResourceArn=group, TagKeys=["a"])
    assert here.scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert here.scheduler.get_schedule_group(Name="team")["State"] == "ACTIVE"
    here.scheduler.create_schedule(
        Name="x", GroupName="team", ScheduleExpression="cron(0 0 1 1 ? 2199)", FlexibleTimeWindow=OFF,
        Target=here.target(arn), State="DISABLED",
    )
    assert [one["Name"] for one in here.scheduler.list_schedules(GroupName="team")["Schedules"]] == ["x"]
    here.scheduler.update_schedule(
        Name="x", GroupName="team", ScheduleExpression="rate(2 days)", FlexibleTimeWindow=OFF, Target=here.target(arn),
        State="DISABLED",
    )
    assert here.scheduler.get_schedule(Name="x", GroupName="team")["ScheduleExpression"] == "rate(2 days)"
    here.scheduler.delete_schedule_group(Name="team")
    names = lambda: [one["Name"] for one in here.scheduler.list_schedule_groups()["ScheduleGroups"]]
    eventually(lambda: names() == ["default"], "the group is gone")
    assert code(here.scheduler.get_schedule, Name="x", GroupName="team") == "ResourceNotFoundException"


def test_roles_must_trust_and_be_passed(cloud):
    here = Account(cloud, "520000000005")
    _, arn = here.queue("jobs")
    here.iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    what = {"ScheduleExpression": "rate(1 days)", "FlexibleTimeWindow": OFF}
    other = here.role.replace("caller", "other")
    bad = {"Arn": arn, "RoleArn": other}
    assert code(here.scheduler.create_schedule, Name="x", Target=bad, **what) == "ValidationException"
    here.iam.create_user(UserName="u")
    statement = {"Effect": "Allow", "Action": "scheduler:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    here.iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    key = here.iam.create_access_key(UserName="u")["AccessKey"]
    user = cloud.client("scheduler", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    target = here.target(arn)
    assert code(user.create_schedule, Name="x", Target=target, **what) == "AccessDeniedException"
    for expression in ("rate(1 fortnight)", "at(soon)", "at(2020-01-01T00:00:00)", "cron(* * * * * *)"):
        params = {**what, "ScheduleExpression": expression}
        assert code(here.scheduler.create_schedule, Name="x", Target=target, **params) == "ValidationException"
