"""Schedules after kill -9: what was due while the house was dead comes, and nothing that was begun is lost."""

import json
from datetime import datetime, timedelta, timezone

from conftest import Cloud, eventually
from walk_inputs import trust

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def test_what_was_due_comes_after_a_kill(tmp_path):
    cloud = Cloud(tmp_path).start()
    try:
        iam, sqs, scheduler = (cloud.client(service) for service in ("iam", "sqs", "scheduler"))
        trusted = trust({"Service": "scheduler.amazonaws.com"})
        role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
        iam.put_role_policy(RoleName="caller", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:000000000000:q"

        def make(name, expression, target, **more):
            target = {"RoleArn": role, **target}
            scheduler.create_schedule(
                Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **more
            )

        due = datetime.now(timezone.utc) + timedelta(seconds=8)
        once = f"at({due:%Y-%m-%dT%H:%M:%S})"
        send = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}
        said = [f"m{n}" for n in range(20)]
        for text in said[:10]:
            make(text, once, {"Arn": arn, "Input": text}, ActionAfterCompletion="DELETE")
        for text in said[10:]:
            call = {**send, "Input": json.dumps({"QueueUrl": url, "MessageBody": text})}
            make(text, once, call, ActionAfterCompletion="DELETE")
        make("kept", "cron(0 0 1 1 ? 2199)", {"Arn": arn}, Description="d")
        cloud.kill()
        eventually(lambda: datetime.now(timezone.utc) > due, "the time comes while nobody is there")
        got = set()
        for _ in range(3):
            # Killed again in the midst of it.
            cloud.start()
            sqs = cloud.client("sqs")
            got |= {message["Body"] for message in sqs.receive_message(QueueUrl=url).get("Messages", [])}
            cloud.kill()
        cloud.start()
        sqs, scheduler = cloud.client("sqs"), cloud.client("scheduler")

        def all_came():
            got.update(one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
            return got >= set(said)

        eventually(all_came, "every message that was due")
        names = lambda: [one["Name"] for one in scheduler.list_schedules()["Schedules"]]
        eventually(lambda: names() == ["kept"], "those of one time are gone")
        assert scheduler.get_schedule(Name="kept")["Description"] == "d"
    finally:
        cloud.stop()
