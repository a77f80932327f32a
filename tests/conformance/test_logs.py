"""CloudWatch Logs with real clients: events in and out, patterns, metrics, queries, exports, keys, and what a kill leaves."""

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, unexpected


def now():
    return int(time.time() * 1000)


def refused(call, **params):
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]


def furnish(cloud, account, group="/shop/web", streams=("a", "b")):
    logs = cloud.client("logs", account=account)
    logs.create_log_group(logGroupName=group, tags={"team": "red"})
    for stream in streams:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return logs


def events(*messages, at=None):
    at = at or now()
    return [{"timestamp": at + n, "message": message} for n, message in enumerate(messages)]


def test_events_go_in_and_come_out(cloud):
    logs = furnish(cloud, "510000000001")
    answer = logs.put_log_events(
        logGroupName="/shop/web", logStreamName="a", logEvents=events("one", "two ERROR", "three")
    )
    assert answer["nextSequenceToken"]
    logs.put_log_events(logGroupName="/shop/web", logStreamName="b", logEvents=events("four ERROR"))
    page = logs.get_log_events(logGroupName="/shop/web", logStreamName="a", limit=2)
    assert [event["message"] for event in page["events"]] == ["two ERROR", "three"]
    before = logs.get_log_events(
        logGroupName="/shop/web", logStreamName="a", nextToken=page["nextBackwardToken"]
    )
    assert [event["message"] for event in before["events"]] == ["one"]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="/shop/web", filterPattern="ERROR", PaginationConfig={"PageSize": 1}
    )
    found = [event for page in pages for event in page["events"]]
    assert sorted(event["message"] for event in found) == ["four ERROR", "two ERROR"]
    assert {event["logStreamName"] for event in found} == {"a", "b"}
    group = logs.describe_log_groups(logGroupNamePrefix="/shop")["logGroups"][0]
    assert group["arn"].endswith(":log-group:/shop/web:*") and group["storedBytes"] > 0
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "red"}
    assert refused(logs.create_log_group, logGroupName="/shop/web")["Code"] == "ResourceAlreadyExistsException"
    error = refused(logs.create_log_group, logGroupName="no spaces")
    assert error["Code"] == "InvalidParameterException" and "failed to satisfy constraint" in error["Message"]
    assert refused(logs.get_log_events, logGroupName="x", logStreamName="y")["Code"] == "ResourceNotFoundException"


def test_the_command_line_and_events_that_are_too_old(cloud):
    cloud.cli("logs", "create-log-group", "--log-group-name", "cli")
    cloud.cli("logs", "create-log-stream", "--log-group-name", "cli", "--log-stream-name", "s")
    old = now() - 15 * 86_400_000
    put = json.dumps([{"timestamp": old, "message": "old"}])
    answer = cloud.cli("logs", "put-log-events", "--log-group-name", "cli", "--log-stream-name", "s", "--log-events", put)
    assert json.loads(answer.stdout)["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    put = json.dumps([{"timestamp": now(), "message": "hello from the cli"}])
    cloud.cli("logs", "put-log-events", "--log-group-name", "cli", "--log-stream-name", "s", "--log-events", put)
    found = cloud.cli("logs", "filter-log-events", "--log-group-name", "cli", "--filter-pattern", "hello")
    assert [event["message"] for event in json.loads(found.stdout)["events"]] == ["hello from the cli"]


def test_a_filter_raises_an_alarm(cloud):
    logs = furnish(cloud, "510000000002")
    logs.put_metric_filter(
        logGroupName="/shop/web", filterName="slow", filterPattern="{ $.ms > 100 }",
        metricTransformations=[{"metricName": "Slow", "metricNamespace": "shop", "metricValue": "$.ms", "dimensions": {"Path": "$.path"}}],
    )
    lines = [json.dumps({"ms": ms, "path": "/a"}) for ms in (50, 150, 250)]
    logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events(*lines))
    cloudwatch = cloud.client("cloudwatch", account="510000000002")

    def total():
        found = cloudwatch.get_metric_statistics(
            Namespace="shop", MetricName="Slow", Dimensions=[{"Name": "Path", "Value": "/a"}],
            StartTime=time.time() - 3600, EndTime=time.time() + 600, Period=7200, Statistics=["Sum", "Maximum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"]) == 400

    eventually(total, "the filter's metric")
    matches = logs.test_metric_filter(filterPattern="[ip, status = 4*]", logEventMessages=["::1 200", "::1 404"])["matches"]
    assert matches == [{"eventNumber": 2, "eventMessage": "::1 404", "extractedValues": {"$ip": "::1", "$status": "404"}}]


def test_queries(cloud):
    logs = furnish(cloud, "510000000003")
    lines = [json.dumps({"level": level, "ms": n}) for n, level in enumerate(["INFO", "ERROR", "INFO", "INFO"])]
    logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events(*lines))
    asked = {"logGroupName": "/shop/web", "startTime": int(time.time()) - 600, "endTime": int(time.time()) + 600}

    def ask(text):
        query = logs.start_query(queryString=text, **asked)["queryId"]
        results = eventually(
            lambda: (answer := logs.get_query_results(queryId=query))["status"] == "Complete" and answer, "the query ends"
        )
        return [{field["field"]: field["value"] for field in row} for row in results["results"]]

    assert ask("stats count(*) as n, sum(ms) as total by level | sort n desc") == [
        {"level": "INFO", "n": "3", "total": "5"}, {"level": "ERROR", "n": "1", "total": "1"},
    ]
    row = ask("fields @timestamp, @message | filter level like /ERR/ | limit 5")[0]
    assert json.loads(row["@message"])["level"] == "ERROR"
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert record["level"] == "ERROR" and record["@logStream"] == "a"
    error = refused(logs.start_query, queryString="fields @message | explode", **asked)
    assert error["Code"] == "MalformedQueryException"
    assert len(logs.describe_queries(logGroupName="/shop/web")["queries"]) == 2


def test_an_export_lies_in_the_bucket(cloud):
    account = "510000000004"
    logs, s3 = furnish(cloud, account), cloud.client("s3", account=account)
    s3.create_bucket(Bucket="logs-exported")
    logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events("one", "two"))
    asked = {"logGroupName": "/shop/web", "fromTime": now() - 60_000, "to": now() + 60_000, "destination": "logs-exported"}
    asked["from"] = asked.pop("fromTime")
    assert refused(logs.create_export_task, **asked)["Code"] == "InvalidParameterException"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": ["arn:aws:s3:::logs-exported", "arn:aws:s3:::logs-exported/*"],
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    s3.put_bucket_policy(Bucket="logs-exported", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    task = logs.create_export_task(destinationPrefix="p", **asked)["taskId"]

    def ended():
        found = logs.describe_export_tasks(taskId=task)["exportTasks"][0]
        return found["status"]["code"] == "COMPLETED"

    eventually(ended, "the export ends")
    body = s3.get_object(Bucket="logs-exported", Key=f"p/{task}/a/000000.gz")["Body"].read()
    lines = gzip.decompress(body).decode().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["one", "two"]
    assert refused(logs.cancel_export_task, taskId=task)["Code"] == "InvalidOperationException"
    assert refused(logs.cancel_export_task, taskId="no-such-task")["Code"] == "ResourceNotFoundException"


def test_a_key_seals_what_a_group_has(cloud):
    account = "510000000005"
    logs, kms = furnish(cloud, account), cloud.client("kms", account=account)
    key = kms.create_key()["KeyMetadata"]
    error = refused(logs.associate_kms_key, logGroupName="/shop/web", kmsKeyId=key["Arn"])
    assert error["Code"] == "AccessDeniedException"
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Resource": "*",
            "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    logs.associate_kms_key(logGroupName="/shop/web", kmsKeyId=key["Arn"])
    logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events("sealed"))
    found = logs.filter_log_events(logGroupName="/shop/web")["events"]
    assert [event["message"] for event in found] == ["sealed"]
    assert logs.describe_log_groups()["logGroups"][0]["kmsKeyId"] == key["Arn"]
    logs.disassociate_kms_key(logGroupName="/shop/web")
    assert logs.filter_log_events(logGroupName="/shop/web")["events"] == found


def test_only_who_may_writes(cloud):
    account = "510000000006"
    furnish(cloud, account)
    iam = cloud.client("iam", account=account)
    iam.create_user(UserName="writer")
    statement = {
        "Effect": "Allow", "Action": ["logs:PutLogEvents", "logs:CreateLogStream"],
        "Resource": f"arn:aws:logs:us-east-1:{account}:log-group:/shop/web:*",
    }
    iam.put_user_policy(
        UserName="writer", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    key = iam.create_access_key(UserName="writer")["AccessKey"]
    writer = cloud.client("logs", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    writer.create_log_stream(logGroupName="/shop/web", logStreamName="c")
    writer.put_log_events(logGroupName="/shop/web", logStreamName="c", logEvents=events("mine"))
    error = refused(writer.filter_log_events, logGroupName="/shop/web")
    assert error["Code"] == "AccessDeniedException"
    assert f"logs:FilterLogEvents on resource: arn:aws:logs:us-east-1:{account}:log-group:/shop/web:log-stream:" in error["Message"]
    assert refused(writer.create_log_stream, logGroupName="other", logStreamName="c")["Code"] == "AccessDeniedException"


def test_nothing_acknowledged_is_lost_to_a_kill(own_cloud):
    cloud = own_cloud()
    logs = furnish(cloud, "510000000007")
    acknowledged = []
    for n in range(150):
        message = f"event {n}"
        logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events(message))
        acknowledged.append(message)
        if n in (50, 100):
            cloud.kill()
            cloud.start()
            logs = cloud.client("logs", account="510000000007")
    cloud.kill()
    cloud.start()
    pages = cloud.client("logs", account="510000000007").get_paginator("filter_log_events")
    found = [event["message"] for page in pages.paginate(logGroupName="/shop/web") for event in page["events"]]
    assert sorted(found) == sorted(acknowledged)
    assert unexpected(cloud.log()) == []


def test_a_live_tail_shows_what_comes(cloud):
    account = "510000000081"
    logs = furnish(cloud, account)
    arn = f"arn:aws:logs:us-east-1:{account}:log-group:/shop/web"
    stream = logs.start_live_tail(
        logGroupIdentifiers=[arn], logStreamNamePrefixes=["a"], logEventFilterPattern="ERROR"
    )["responseStream"]
    updates = iter(stream)
    start = next(updates)["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR"
    sent = now()
    logs.put_log_events(logGroupName="/shop/web", logStreamName="a", logEvents=events("ERROR one", "two", at=sent))
    logs.put_log_events(logGroupName="/shop/web", logStreamName="b", logEvents=events("ERROR three"))
    for _ in range(20):
        update = next(updates)["sessionUpdate"]
        if update["sessionResults"]:
            break
    assert update["sessionMetadata"] == {"sampled": False}
    (shown,) = update["sessionResults"]
    assert (shown["message"], shown["logStreamName"], shown["timestamp"]) == ("ERROR one", "a", sent)
    assert shown["logGroupIdentifier"] == f"{account}:/shop/web"
    stream.close()
    assert refused(logs.start_live_tail, logGroupIdentifiers=["/shop/web"])["Code"] == "InvalidParameterException"


def test_a_live_tail_of_the_cli(cloud):
    logs = furnish(cloud, "test", group="/cli/tail")
    env = {
        **cloud.env, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true", "PYTHONUNBUFFERED": "1",
    }
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/cli/tail"
    tail = subprocess.Popen(
        [sys.executable, "-m", "awscli", "--endpoint-url", cloud.endpoint, "logs", "start-live-tail",
         "--log-group-identifiers", arn],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True)
    reader.start()

    def seen():
        logs.put_log_events(logGroupName="/cli/tail", logStreamName="a", logEvents=events("seen by the cli"))
        return any("seen by the cli" in line for line in lines)

    try:
        eventually(seen, f"the cli shows it: {lines}", seconds=30)
    finally:
        tail.send_signal(signal.SIGINT)
        tail.wait(20)


def test_events_bring_metrics(cloud):
    """Embedded metric format: what an event says of its members becomes metrics, with percentiles."""
    logs, cloudwatch = cloud.client("logs"), cloud.client("cloudwatch")
    group, at = f"emf-{uuid.uuid4().hex[:8]}", now()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    directive = {"Namespace": group, "Dimensions": [["Page"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
    event = lambda ms: json.dumps({"_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]}, "Page": "/a", "Latency": ms})
    events = [{"timestamp": at, "message": event(ms)} for ms in (10, [20, 30], 1000)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    span = dict(StartTime=at / 1000 - 120, EndTime=at / 1000 + 60, Period=60)
    metric = dict(Namespace=group, MetricName="Latency", Dimensions=[{"Name": "Page", "Value": "/a"}])
    found = lambda **how: cloudwatch.get_metric_statistics(**metric, **span, **how)["Datapoints"]
    [point] = eventually(lambda: found(Statistics=["SampleCount", "Sum", "Maximum"]), "the metric is there")
    assert (point["SampleCount"], point["Sum"], point["Maximum"], point["Unit"]) == (4, 1060, 1000, "Milliseconds")
    assert 20 <= found(ExtendedStatistics=["p50"])[0]["ExtendedStatistics"]["p50"] <= 30
    logs.delete_log_group(logGroupName=group)
