"""What a bucket tells over time: access logs as objects, metrics of requests, inventories, the state of its bytes."""

import json
import os
import re
import uuid

import pytest

from conftest import eventually, unexpected
from s3_kit import bucket, code, remove, s3  # noqa: F401


@pytest.fixture
def target(s3):
    name = f"log-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    yield name
    remove(s3, name)


def let_in(s3, target, service, source):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"}, "StringEquals": {"aws:SourceAccount": "000000000000"}},
    }
    s3.put_bucket_policy(Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


FIELDS = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')


def test_requests_are_logged_as_objects(s3, bucket, target):
    assert s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled") is None
    wanted = {"TargetBucket": target, "TargetPrefix": "logs/"}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wanted})
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == wanted
    let_in(s3, target, "logging.s3.amazonaws.com", bucket)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    s3.get_object(Bucket=bucket, Key="a b", Range="bytes=0-1")
    assert code(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    s3.list_objects_v2(Bucket=bucket)
    lines = []

    def delivered():
        lines.clear()
        for one in s3.list_objects_v2(Bucket=target).get("Contents", []):
            assert re.fullmatch(r"logs/\d{4}(-\d\d){5}-[0-9A-F]{16}", one["Key"])
            text = s3.get_object(Bucket=target, Key=one["Key"])["Body"].read().decode()
            lines.extend(FIELDS.findall(line) for line in text.splitlines())
        return len([line for line in lines if line[6] in ("REST.GET.OBJECT", "REST.PUT.OBJECT", "REST.GET.BUCKET")]) >= 4

    eventually(delivered, "the lines are delivered", 40)
    owner = s3.list_buckets()["Owner"]["ID"]
    by = {(line[6], line[9]): line for line in lines}
    put, part, none = by["REST.PUT.OBJECT", "200"], by["REST.GET.OBJECT", "206"], by["REST.GET.OBJECT", "404"]
    assert {len(line) for line in lines} == {26}
    assert put[:2] == [owner, bucket] and put[4] == owner and put[7] == "a%20b" and put[12] == "5"
    assert part[11:13] == ["2", "5"] and part[19] == "SigV4" and part[21] == "AuthHeader"
    assert none[10] == "NoSuchKey" and part[8].startswith(f'"GET /{bucket}/a%20b HTTP/1.1')
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled") is None


def test_what_a_request_does_besides_is_logged_too(s3, bucket, target):
    let_in(s3, target, "logging.s3.amazonaws.com", bucket)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": ""}})
    s3.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="c", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b"})
    # Into a bucket that has no logs: the source's has them.
    s3.copy_object(Bucket=target, Key="z", CopySource={"Bucket": bucket, "Key": "c"})
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "a b"}, {"Key": "none"}]})
    lines = []

    def delivered():
        lines.clear()
        for one in s3.list_objects_v2(Bucket=target).get("Contents", []):
            if one["Key"] != "z":
                text = s3.get_object(Bucket=target, Key=one["Key"])["Body"].read().decode()
                lines.extend(FIELDS.findall(line) for line in text.splitlines())
        return sum(line[6] == "BATCH.DELETE.OBJECT" for line in lines) == 3

    eventually(delivered, "the lines are delivered", 40)
    assert {len(line) for line in lines} == {26}

    def of(operation):
        return [line for line in lines if line[6] == operation]

    many, copies, read = of("REST.POST.MULTI_OBJECT_DELETE"), of("REST.COPY.OBJECT"), of("REST.COPY.OBJECT_GET")
    deleted = {line[7]: line for line in of("BATCH.DELETE.OBJECT")}
    assert {key: (line[9], line[12]) for key, line in deleted.items()} == {"copy": ("204", "5"), "a%20b": ("204", "5"), "none": ("204", "-")}
    assert {line[8] for line in deleted.values()} == {"-"} and {line[5] for line in deleted.values()} == {many[0][5]}
    assert [(line[7], line[9], line[12]) for line in copies] == [("copy", "200", "5")]
    assert sorted((line[7], line[12]) for line in read) == [("a%20b", "5"), ("c", "1")]
    assert {line[8].split()[0] for line in read} == {'"PUT'}


def test_where_logs_may_not_go(cloud, s3, bucket):
    def refused(name, **more):
        wanted = {"LoggingEnabled": {"TargetBucket": name, "TargetPrefix": "", **more}}
        return code(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus=wanted)

    assert refused("nobody-has-this-bucket") == ("InvalidTargetBucketForLogging", 400)
    theirs = cloud.client("s3", "222222222222")
    other = f"o-{uuid.uuid4().hex}"
    theirs.create_bucket(Bucket=other)
    assert refused(other) == ("InvalidTargetBucketForLogging", 400)
    theirs.delete_bucket(Bucket=other)
    grant = [{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}]
    assert refused(bucket, TargetGrants=grant) == ("UnsupportedOperation", 400)


def test_requests_are_counted(cloud, s3, bucket):
    whole = {"Id": "all"}
    some = {"Id": "in", "Filter": {"Prefix": "in/"}}
    for one in (whole, some):
        s3.put_bucket_metrics_configuration(Bucket=bucket, Id=one["Id"], MetricsConfiguration=one)
    assert s3.get_bucket_metrics_configuration(Bucket=bucket, Id="in")["MetricsConfiguration"] == some
    assert s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"] == [whole, some]
    tagged = {"Id": "t", "Filter": {"Tag": {"Key": "a", "Value": "b"}}}
    assert code(s3.put_bucket_metrics_configuration, Bucket=bucket, Id="t", MetricsConfiguration=tagged) == ("UnsupportedOperation", 400)
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="out", Body=b"12345")
    assert code(s3.get_object, Bucket=bucket, Key="in/none") == ("NoSuchKey", 404)
    odd = {"Bucket": bucket, "Id": "a b", "MetricsConfiguration": {"Id": "a b"}}
    assert code(s3.put_bucket_metrics_configuration, **odd) == ("InvalidArgument", 400)
    for listed in (s3.list_bucket_metrics_configurations, s3.list_bucket_inventory_configurations, s3.list_objects_v2):
        assert code(listed, Bucket=bucket, ContinuationToken="all") == ("InvalidArgument", 400)
    s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="all")
    missing = {"Bucket": bucket, "Id": "all"}
    assert code(s3.get_bucket_metrics_configuration, **missing) == ("NoSuchConfiguration", 404)
    assert code(s3.delete_bucket_metrics_configuration, **missing) == ("NoSuchConfiguration", 404)


def test_inventories_stay_in_their_region(s3, bucket):
    other = f"e-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    given = {"IsEnabled": True, "Id": "i", "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"}}
    for to in (f"arn:aws:s3:::{other}", "arn:aws:s3:::nobody-has-this-bucket", other):
        given["Destination"] = {"S3BucketDestination": {"Bucket": to, "Format": "CSV"}}
        refused = code(s3.put_bucket_inventory_configuration, Bucket=bucket, Id="i", InventoryConfiguration=given)
        assert refused == ("InvalidS3DestinationBucket", 400), to
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket=bucket)
    s3.delete_bucket(Bucket=other)


def test_inventories_are_set_and_shown(s3, bucket, target):
    assert code(s3.get_bucket_inventory_configuration, Bucket=bucket, Id="i") == ("NoSuchConfiguration", 404)
    given = {
        "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{target}", "Format": "CSV", "Prefix": "p"}},
        "IsEnabled": True,
        "Id": "i",
        "IncludedObjectVersions": "All",
        "OptionalFields": ["Size", "ETag"],
        "Schedule": {"Frequency": "Daily"},
    }
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="i", InventoryConfiguration=given)
    assert s3.get_bucket_inventory_configuration(Bucket=bucket, Id="i")["InventoryConfiguration"] == given
    assert s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"] == [given]
    orc = {**given, "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{target}", "Format": "ORC"}}}
    assert code(s3.put_bucket_inventory_configuration, Bucket=bucket, Id="i", InventoryConfiguration=orc) == ("NotImplemented", 501)
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="i")
    assert code(s3.delete_bucket_inventory_configuration, Bucket=bucket, Id="i") == ("NoSuchConfiguration", 404)


def test_damage_is_told_and_never_served(own_cloud):
    cloud = own_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bytes")
    s3.put_object(Bucket="bytes", Key="good", Body=b"g" * 100_000)
    s3.put_object(Bucket="bytes", Key="bad", Body=b"b" * 200_000)
    s3.put_object(Bucket="bytes", Key="short", Body=b"s" * 100)
    folder = os.path.join(cloud.folder, "data", "objects")
    files = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    [bad] = [path for path in files if 200_000 < os.path.getsize(path) < 250_000]
    with open(bad, "r+b") as file:
        file.seek(150_000)
        byte = file.read(1)[0]
        file.seek(150_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(Exception):
        s3.get_object(Bucket="bytes", Key="bad")["Body"].read()
    assert code(s3.get_object, Bucket="bytes", Key="bad", Range="bytes=149000-151000")[1] == 500
    assert s3.get_object(Bucket="bytes", Key="bad", Range="bytes=0-99")["Body"].read() == b"b" * 100
    assert s3.get_object(Bucket="bytes", Key="good")["Body"].read() == b"g" * 100_000
    assert s3.get_object(Bucket="bytes", Key="short")["Body"].read() == b"s" * 100
    # Who meets it need not wait for the round.
    [damaged] = json.loads(cloud.get("/_aws/s3/integrity"))["damaged"]
    assert damaged["segment"] == os.path.basename(bad) and "does not open" in damaged["what"]
    assert any("a chunk does not open" in line for line in unexpected(cloud.log()))
