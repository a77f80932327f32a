"""CloudWatch with real clients: metrics in all three protocols, statistics, math, and what survives a kill."""

import json
import struct
import zlib
from datetime import datetime, timedelta, timezone

import pytest
import requests_query
from botocore.exceptions import ClientError
from conftest import eventually


def minute():
    """The beginning of this minute."""
    return datetime.now(timezone.utc).replace(second=0, microsecond=0)


def refused(call, **params):
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]


def query(id, metric, stat="Sum", **more):
    stat = {"Metric": {"Namespace": "shop", "MetricName": metric}, "Period": 60, "Stat": stat}
    return {"Id": id, "MetricStat": stat, **more}


def test_a_day_of_metrics(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000001")
    start = minute() - timedelta(hours=2)
    host = [{"Name": "Host", "Value": "a"}]
    data = [
        {"MetricName": "Requests", "Timestamp": start + timedelta(minutes=n), "Value": n, "Dimensions": host}
        for n in range(100)
    ]
    cloudwatch.put_metric_data(Namespace="shop", MetricData=data)
    found = cloudwatch.get_metric_statistics(
        Namespace="shop", MetricName="Requests", Dimensions=host, StartTime=start, Period=600,
        EndTime=start + timedelta(minutes=100), Statistics=["Average", "SampleCount", "Maximum"],
    )
    points = sorted(found["Datapoints"], key=lambda point: point["Timestamp"])
    assert found["Label"] == "Requests"
    assert [point["Average"] for point in points] == [4.5 + 10 * n for n in range(10)]
    assert points[0]["Timestamp"] == start and points[0]["Unit"] == "None"
    listed = cloudwatch.list_metrics(Namespace="shop", RecentlyActive="PT3H")["Metrics"]
    assert listed == [{"Namespace": "shop", "MetricName": "Requests", "Dimensions": host}]


def test_percentiles_of_distributions(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000002")
    at = minute() - timedelta(minutes=5)
    datum = {"MetricName": "Latency", "Timestamp": at, "Unit": "Milliseconds"}
    values = {"Values": [float(n) for n in range(1, 101)], "Counts": [2.0] * 100}
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[{**datum, **values}])
    stats = ["p50", "p99.9", "tm90", "IQM", "PR(:10)", "TC(10:20)"]
    point = cloudwatch.get_metric_statistics(
        Namespace="shop", MetricName="Latency", StartTime=at, EndTime=at + timedelta(minutes=1), Period=60,
        ExtendedStatistics=stats,
    )["Datapoints"][0]
    assert point["ExtendedStatistics"] == {
        "p50": 50.0, "p99.9": 100.0, "tm90": 45.5, "IQM": 50.5, "PR(:10)": 10.0, "TC(10:20)": 20.0,
    }
    assert point["Unit"] == "Milliseconds"


def test_math_search_and_pages(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000003")
    start = minute() - timedelta(minutes=30)
    data = []
    for n in range(20):
        at = start + timedelta(minutes=n)
        data += [{"MetricName": "Requests", "Timestamp": at, "Value": 100}]
        data += [{"MetricName": "Errors", "Timestamp": at, "Value": n}] if n % 2 else []
        for host in "ab":
            dimensions = [{"Name": "Host", "Value": host}]
            data += [{"MetricName": "Load", "Timestamp": at, "Value": n, "Dimensions": dimensions}]
    cloudwatch.put_metric_data(Namespace="shop", MetricData=data)
    queries = [
        query("e", "Errors", ReturnData=False),
        query("r", "Requests", ReturnData=False),
        {"Id": "rate", "Expression": "100 * FILL(e, 0) / r", "Label": "up to ${MAX}"},
        {"Id": "load", "Expression": "MAX(SEARCH('{shop,Host} Load', 'Average', 60))"},
    ]
    span = {"StartTime": start, "EndTime": start + timedelta(minutes=20)}
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **span)
    rate, load = results["MetricDataResults"]
    assert (rate["Label"], rate["StatusCode"]) == ("up to 19", "Complete")
    assert rate["Values"] == [n if n % 2 else 0 for n in range(20)]
    assert load["Values"] == [float(n) for n in range(20)]
    assert load["Timestamps"][0] == start
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("r", "Requests"), query("e", "Errors")], MaxDatapoints=7, **span
    )
    counts = {"r": 0, "e": 0}
    for page in pages:
        for result in page["MetricDataResults"]:
            counts[result["Id"]] += len(result["Values"])
    assert counts == {"r": 20, "e": 10}


def test_all_protocols_say_the_same(cloud):
    at = minute() - timedelta(minutes=2)
    wire = lambda action, **params: requests_query.call(cloud, "monitoring", "2010-08-01", action, **params)
    host = {"Dimensions.member.1.Name": "Host", "Dimensions.member.1.Value": "a"}
    datum = {"MetricName": "Requests", "Value": "2.5", "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), **host}
    put = wire("PutMetricData", Namespace="wire", **{f"MetricData.member.1.{name}": datum[name] for name in datum})
    assert put.status == 200 and "PutMetricDataResponse" in put.text
    asked = {
        "Namespace": "wire", "MetricName": "Requests", "Period": "60", "Statistics.member.1": "Sum",
        "StartTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), **host,
        "EndTime": (at + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    got = wire("GetMetricStatistics", **asked)
    assert got.status == 200 and "<Sum>2.5</Sum>" in got.text and "<Label>Requests</Label>" in got.text
    bad = wire("GetMetricStatistics", **{**asked, "Period": "61"})
    assert bad.status == 400 and "<Code>InvalidParameterValue</Code>" in bad.text
    listed = json.loads(cloud.cli("cloudwatch", "list-metrics", "--namespace", "wire").stdout)
    assert listed["Metrics"][0]["Dimensions"] == [{"Name": "Host", "Value": "a"}]


def test_refusals_bear_their_codes(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000004")
    put = lambda **datum: refused(
        cloudwatch.put_metric_data, Namespace="shop", MetricData=[{"MetricName": "m", **datum}]
    )
    old = minute() - timedelta(days=15)
    assert put(Value=1, Timestamp=old)["Code"] == "InvalidParameterValue"
    assert put(Value=1, Values=[1.0])["Code"] == "InvalidParameterCombination"
    assert put()["Code"] == "MissingParameter"
    reserved = refused(cloudwatch.put_metric_data, Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1}])
    assert reserved["Message"] == "The value AWS/ for parameter Namespace is invalid."
    bad = refused(cloudwatch.get_metric_data, MetricDataQueries=[{"Id": "e1", "Expression": "m1 +"}],
                  StartTime=old, EndTime=minute())
    assert bad["Code"] == "ValidationError"
    unit = refused(cloudwatch.put_metric_data, Namespace="shop",
                   MetricData=[{"MetricName": "m", "Value": 1, "Unit": "Furlongs"}])
    assert unit["Code"] == "ValidationError"
    entity = refused(cloudwatch.put_metric_data, Namespace="shop", MetricData=[{"MetricName": "m", "Value": 1}],
                     EntityMetricData=[{"MetricData": [{"MetricName": "m", "Value": 1}]}])
    assert "EntityMetricData" in entity["Message"]
    assert cloudwatch.list_metrics()["Metrics"] == []


def test_acknowledged_metrics_survive_a_kill(own_cloud):
    cloud = own_cloud()
    start = minute() - timedelta(hours=1)
    total = lambda: sum(
        point["Sum"]
        for point in cloud.client("cloudwatch").get_metric_statistics(
            Namespace="shop", MetricName="m", StartTime=start, EndTime=start + timedelta(minutes=60), Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
    )
    for round in range(3):
        data = [{"MetricName": "m", "Timestamp": start + timedelta(minutes=n), "Value": 1} for n in range(60)]
        cloud.client("cloudwatch").put_metric_data(Namespace="shop", MetricData=data)
        cloud.kill()
        cloud.start()
        eventually(lambda: total() == 60 * (round + 1), "all are there")


def alarm(cloudwatch, name, **more):
    given = {
        "Namespace": "shop", "MetricName": "Load", "Statistic": "Maximum", "Period": 10, "EvaluationPeriods": 1,
        "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold", **more,
    }
    cloudwatch.put_metric_alarm(AlarmName=name, **given)
    return lambda: cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def test_alarms_are_evaluated_and_composed(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000005")
    topic = "arn:aws:sns:us-east-1:500000000005:ops"
    hot = alarm(cloudwatch, "hot", AlarmActions=[topic], Tags=[{"Key": "team", "Value": "red"}])
    assert (hot()["StateValue"], hot()["AlarmActions"]) == ("INSUFFICIENT_DATA", [topic])
    cloudwatch.put_composite_alarm(AlarmName="page", AlarmRule="ALARM(hot)")
    now = datetime.now(timezone.utc)
    datum = {"MetricName": "Load", "StorageResolution": 1, "Value": 21.0}
    for ago in (10, 20):
        cloudwatch.put_metric_data(
            Namespace="shop", MetricData=[{**datum, "Timestamp": now - timedelta(seconds=ago)}]
        )
    eventually(lambda: hot()["StateValue"] == "ALARM", "it goes off", seconds=30)
    assert "21.0" in hot()["StateReason"] and json.loads(hot()["StateReasonData"])["threshold"] == 10
    page = lambda: cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    eventually(lambda: page()["StateValue"] == "ALARM", "the other follows")
    cloudwatch.set_alarm_state(AlarmName="hot", StateValue="OK", StateReason="drill")
    kinds = [item["HistoryItemType"] for item in cloudwatch.describe_alarm_history(AlarmName="hot")["AlarmHistoryItems"]]
    assert kinds[-1] == "ConfigurationUpdate" and "Action" in kinds and kinds[0] in ("StateUpdate", "Action")
    assert cloudwatch.list_tags_for_resource(ResourceARN=hot()["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "red"}]
    cloudwatch.disable_alarm_actions(AlarmNames=["hot"])
    assert hot()["ActionsEnabled"] is False
    found = cloudwatch.describe_alarms_for_metric(Namespace="shop", MetricName="Load")["MetricAlarms"]
    assert [one["AlarmName"] for one in found] == ["hot"]
    assert refused(cloudwatch.set_alarm_state, AlarmName="hot", StateValue="RED", StateReason="")["Code"] == "ValidationError"
    assert refused(cloudwatch.set_alarm_state, AlarmName="no", StateValue="OK", StateReason="")["Code"] == "ResourceNotFound"
    cloudwatch.delete_alarms(AlarmNames=["hot", "page"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_alarms_survive_a_kill(own_cloud):
    cloud = own_cloud()
    hot = alarm(cloud.client("cloudwatch"), "hot", TreatMissingData="breaching")
    eventually(lambda: hot()["StateValue"] == "ALARM", "it goes off", seconds=30)
    cloud.kill()
    cloud.start()
    seen = cloud.client("cloudwatch").describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]
    assert (seen["StateValue"], seen["TreatMissingData"]) == ("ALARM", "breaching")


def test_dashboards_are_kept_and_checked(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000006")
    body = json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "properties": {"markdown": "# shop"}}]})
    assert cloudwatch.put_dashboard(DashboardName="shop", DashboardBody=body)["DashboardValidationMessages"] == []
    found = cloudwatch.get_dashboard(DashboardName="shop")
    assert found["DashboardBody"] == body and found["DashboardArn"].endswith(":dashboard/shop")
    assert [one["DashboardName"] for one in cloudwatch.list_dashboards()["DashboardEntries"]] == ["shop"]
    with pytest.raises(cloudwatch.exceptions.DashboardInvalidInputError) as error:
        cloudwatch.put_dashboard(DashboardName="shop", DashboardBody='{"widgets": 1}')
    told = error.value.response["dashboardValidationMessages"]
    assert told == [{"DataPath": "/widgets", "Message": "Should be array"}]
    cloudwatch.delete_dashboards(DashboardNames=["shop"])
    assert refused(cloudwatch.get_dashboard, DashboardName="shop")["Code"] == "ResourceNotFound"


def test_queues_have_metrics(cloud):
    account = "500000000007"
    queue = cloud.client("sqs", account=account).create_queue(QueueName="jobs")["QueueUrl"]
    cloud.client("sqs", account=account).send_message(QueueUrl=queue, MessageBody="hello")
    cloudwatch = cloud.client("cloudwatch", account=account)
    listed = lambda: {one["MetricName"] for one in cloudwatch.list_metrics(Namespace="AWS/SQS")["Metrics"]}
    eventually(lambda: "SentMessageSize" in listed(), "a minute has passed", seconds=75)
    start = minute() - timedelta(minutes=3)
    of = lambda name: cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS", MetricName=name, Dimensions=[{"Name": "QueueName", "Value": "jobs"}], StartTime=start,
        EndTime=start + timedelta(minutes=6), Period=3600, Statistics=["Maximum"],
    )["Datapoints"][0]["Maximum"]
    assert of("ApproximateNumberOfMessagesVisible") == 1 and of("NumberOfMessagesSent") == 1
    assert of("SentMessageSize") == 5


def wave(at):
    """Low by night, high by day."""
    return 100.0 if 8 <= at.hour < 20 else 10.0


def test_a_band_and_an_alarm_on_it(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000071")
    now = minute()
    now -= timedelta(minutes=now.minute % 5)
    times = [now - timedelta(minutes=5 * n) for n in range(1, 4 * 288)]
    for start in range(0, len(times), 1000):
        data = [{"MetricName": "Load", "Timestamp": at, "Value": wave(at)} for at in times[start : start + 1000]]
        cloudwatch.put_metric_data(Namespace="shop", MetricData=data)
    single = {"Namespace": "shop", "MetricName": "Load", "Stat": "Average"}
    cloudwatch.put_anomaly_detector(
        SingleMetricAnomalyDetector=single, Configuration={"ExcludedTimeRanges": [], "MetricTimezone": "UTC"}
    )

    def trained():
        all = cloudwatch.describe_anomaly_detectors(Namespace="shop")["AnomalyDetectors"]
        return [one["StateValue"] for one in all] == ["TRAINED"]

    eventually(trained, "the detector is trained")
    stat = {"Metric": {"Namespace": "shop", "MetricName": "Load"}, "Period": 300, "Stat": "Average"}
    queries = [{"Id": "m1", "MetricStat": stat}, {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 4)"}]
    found = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(days=1), EndTime=now, ScanBy="TimestampAscending"
    )["MetricDataResults"]
    metric, high, low = found
    assert [one["Id"] for one in found] == ["m1", "ad1", "ad1"]
    bounds = {at: (low, high) for at, low, high in zip(high["Timestamps"], low["Values"], high["Values"])}
    inside = [bounds[at][0] <= value <= bounds[at][1] for at, value in zip(metric["Timestamps"], metric["Values"])]
    assert len(inside) > 280 and sum(inside) / len(inside) > 0.8
    alarm = {
        "AlarmName": "odd", "Metrics": [{**query, "ReturnData": True} for query in queries], "EvaluationPeriods": 1,
        "ThresholdMetricId": "ad1", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
    }
    cloudwatch.put_metric_alarm(**alarm)
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[
        {"MetricName": "Load", "Timestamp": now - timedelta(minutes=4), "StatisticValues": {
            "SampleCount": 1000.0, "Sum": 9e6, "Minimum": 9e3, "Maximum": 9e3}}])
    cloudwatch.put_metric_alarm(**alarm)

    def state():
        found = cloudwatch.describe_alarms(AlarmNames=["odd"])["MetricAlarms"][0]
        return found["StateValue"] == "ALARM" and found

    shown = eventually(state, "the alarm goes off")
    assert "Threshold" not in shown and shown["ThresholdMetricId"] == "ad1"
    assert shown["StateReason"].startswith("Thresholds Crossed: 1 out of the last 1 datapoints [")
    cloudwatch.delete_alarms(AlarmNames=["odd"])
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)
    again = refused(cloudwatch.delete_anomaly_detector, SingleMetricAnomalyDetector=single)
    assert again["Code"] == "ResourceNotFoundException"


def pixels(png):
    """Width, height, and the rows of a PNG without filters."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, rows, size = 8, b"", None
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        size = struct.unpack(">II", data[:8]) if kind == b"IHDR" else size
        rows += data if kind == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(rows)
    stride = size[0] * 3 + 1
    return size, [rows[start + 1 : start + stride] for start in range(0, len(rows), stride)]


def test_an_image_shows_the_data(cloud):
    cloudwatch = cloud.client("cloudwatch", account="500000000072")
    start = minute() - timedelta(minutes=60)
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[
        {"MetricName": "Load", "Timestamp": start + timedelta(minutes=n), "Value": 10.0 if n < 30 else 90.0}
        for n in range(60)
    ])
    widget = {
        "metrics": [["shop", "Load", {"color": "#ff0000", "label": "load"}]], "period": 60, "width": 400, "height": 200,
        "start": start.isoformat(), "end": (start + timedelta(minutes=60)).isoformat(), "title": "Load",
        "yAxis": {"left": {"min": 0, "max": 100}}, "legend": {"position": "hidden"},
    }
    image = cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]
    (width, height), rows = pixels(image)
    assert (width, height) == (400, 200) and len(rows) == 200
    red = [(x, y) for y, row in enumerate(rows) for x in range(width) if row[3 * x : 3 * x + 3] == b"\xff\x00\x00"]
    left, right = [y for x, y in red if x < 180], [y for x, y in red if x > 260]
    assert min(left) > 120 and max(right) < 90, "low first, then high"
    blue = {**widget, "metrics": [["shop", "Load", {"color": "#0000ff"}]], "stacked": True}
    image = cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(blue))["MetricWidgetImage"]
    filled = sum(row[3 * 350] < 100 and row[3 * 350 + 2] > 200 for row in pixels(image)[1])
    assert filled > 80, "the area below is filled"
    pie = refused(cloudwatch.get_metric_widget_image, MetricWidget=json.dumps({**widget, "view": "pie"}))
    assert pie["Code"] == "ValidationError" and "/view is pie" in pie["Message"]
    cli = json.loads(cloud.cli("cloudwatch", "get-metric-widget-image", "--metric-widget", json.dumps(widget)).stdout)
    assert cli["MetricWidgetImage"].startswith("iVBOR")


def test_what_cannot_be_watched_is_no_alarm(cloud):
    cloudwatch = cloud.client("cloudwatch")
    how = dict(EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold")

    def put(expression, metrics=2):
        queries = [query(f"m{n}", f"m{n}", ReturnData=False) for n in range(metrics)]
        queries.append({"Id": "e", "Expression": expression})
        return refused(cloudwatch.put_metric_alarm, AlarmName="never", Metrics=queries, **how)

    for expression in ("[m0, m1]", "SUM(m0)", "SEARCH('{N} m', 'Sum', 60)", "nosuch", "FOO(m0)", "METRICS()"):
        assert put(expression)["Code"] == "ValidationError", expression
    assert put("SUM(METRICS())", metrics=11)["Code"] == "ValidationError"
    assert not cloudwatch.describe_alarms(AlarmNames=["never"])["MetricAlarms"]

    # An array of arrays of arrays comes to more than a machine holds.
    levels = [{"Id": "e0", "Expression": "[" + ",".join(["TIME_SERIES(1)"] * 60) + "]", "ReturnData": False}]
    for n in range(1, 5):
        levels.append({"Id": f"e{n}", "Expression": "[" + ",".join([f"e{n - 1}"] * 60) + "]", "ReturnData": False})
    levels.append({"Id": "z", "Expression": "TIME_SERIES(METRIC_COUNT(e4))"})
    span = dict(StartTime=minute() - timedelta(hours=1), EndTime=minute())
    assert "datapoints" in refused(cloudwatch.get_metric_data, MetricDataQueries=levels, **span)["Message"]


def test_alarms_go_but_for_those_a_rule_names(cloud):
    cloudwatch = cloud.client("cloudwatch")
    for name in ("leaf", "other"):
        alarm(cloudwatch, name)
    cloudwatch.put_composite_alarm(AlarmName="tree", AlarmRule="ALARM(leaf)")
    cloudwatch.put_composite_alarm(AlarmName="wood", AlarmRule="ALARM(tree)")
    there = lambda: {
        one["AlarmName"]
        for kind in ("MetricAlarms", "CompositeAlarms")
        for one in cloudwatch.describe_alarms(AlarmNames=["leaf", "other", "tree", "wood"], AlarmTypes=["MetricAlarm", "CompositeAlarm"])[kind]
    }
    assert refused(cloudwatch.delete_alarms, AlarmNames=["leaf"])["Code"] == "ValidationError"
    assert refused(cloudwatch.delete_alarms, AlarmNames=["tree", "wood"])["Code"] == "ValidationError"
    assert there() == {"leaf", "other", "tree", "wood"}
    # Of several those go that are there.
    assert refused(cloudwatch.delete_alarms, AlarmNames=["other", "gone"])["Code"] == "ResourceNotFound"
    assert there() == {"leaf", "tree", "wood"}
    cloudwatch.delete_alarms(AlarmNames=["wood"])
    cloudwatch.delete_alarms(AlarmNames=["tree", "leaf"])
    assert there() == set()
