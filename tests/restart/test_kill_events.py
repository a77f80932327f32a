"""Events that were answered, after kill -9."""

import json

from conftest import Cloud, eventually

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})


def test_what_was_answered_comes_after_a_kill(tmp_path):
    cloud = Cloud(tmp_path).start()
    try:
        sqs, events = cloud.client("sqs"), cloud.client("events")
        sqs.create_queue(QueueName="q", Attributes={"Policy": POLICY})
        events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
        sent, got = set(), set()
        for round in range(3):
            entries = [{"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"n": n})} for n in range(10)]
            answer = cloud.client("events").put_events(Entries=entries)
            sent |= {entry["EventId"] for entry in answer["Entries"]}
            cloud.kill()
            cloud.start()
        sqs = cloud.client("sqs")

        def all_came():
            for message in sqs.receive_message(QueueUrl="q", MaxNumberOfMessages=10).get("Messages", []):
                got.add(json.loads(message["Body"])["id"])
            return got >= sent

        eventually(all_came, "every event that was answered")
        assert got == sent
        rule = cloud.client("events").describe_rule(Name="r")
        assert rule["State"] == "ENABLED" and json.loads(rule["EventPattern"]) == {"source": ["shop"]}
    finally:
        cloud.stop()
