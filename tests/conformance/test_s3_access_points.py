"""Access points as boto3 and the aws CLI reach them: by ARN, by alias, by host."""

import json
import os
import uuid

import boto3
import pytest
from botocore.config import Config
from conftest import eventually
from s3_kit import bucket, code, curl, remove, s3  # noqa: F401

ACCOUNT = "000000000000"


@pytest.fixture
def control(cloud):
    return cloud.client("s3control")


@pytest.fixture
def point(control, bucket):
    name = f"p-{uuid.uuid4().hex[:12]}"
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    yield name, made["AccessPointArn"], made["Alias"]
    control.delete_access_point(AccountId=ACCOUNT, Name=name)


@pytest.fixture
def by_name(cloud):
    """A client whose endpoint is a name, as `AWS_ENDPOINT_URL=http://localhost:4566` makes it."""
    client = cloud.client("s3")
    port = client.meta.endpoint_url.rsplit(":", 1)[1]

    def of(account="test", secret="test"):
        # The older signature does not know them.
        config = Config(signature_version="s3v4")
        keys = {"aws_access_key_id": account, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=f"http://localhost:{port}", config=config, **keys)

    return of


def test_an_access_point_from_first_to_last(control, bucket, point):
    name, arn, alias = point
    assert arn == f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
    got = control.get_access_point(AccountId=ACCOUNT, Name=name)
    assert (got["Bucket"], got["NetworkOrigin"], got["Alias"]) == (bucket, "Internet", alias)
    assert set(got["PublicAccessBlockConfiguration"].values()) == {True}
    listed = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket)["AccessPointList"]
    assert [one["Name"] for one in listed] == [name]
    assert code(control.create_access_point, AccountId=ACCOUNT, Name=name, Bucket=bucket) == ("AccessPointAlreadyOwnedByYou", 409)
    assert code(control.get_access_point_policy, AccountId=ACCOUNT, Name=name) == ("NoSuchAccessPointPolicy", 404)
    assert code(control.get_access_point, AccountId=ACCOUNT, Name="none") == ("NoSuchAccessPoint", 404)


def test_objects_pass_by_arn_host_and_alias(cloud, s3, by_name, bucket, point):
    name, arn, alias = point
    client = by_name()
    key = "a b/ü+c"
    client.put_object(Bucket=arn, Key=key, Body=b"by arn")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"by arn"
    assert client.get_object(Bucket=arn, Key=key)["Body"].read() == b"by arn"
    assert [one["Key"] for one in client.list_objects_v2(Bucket=arn)["Contents"]] == [key]
    s3.put_object(Bucket=alias, Key=key, Body=b"by alias")
    assert client.get_object(Bucket=arn, Key=key)["Body"].read() == b"by alias"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": arn, "Key": key})
    assert s3.get_object(Bucket=alias, Key="copy")["Body"].read() == b"by alias"
    url = client.generate_presigned_url("get_object", Params={"Bucket": arn, "Key": key})
    host = f"{name}-{ACCOUNT}.localhost:{cloud.port}"
    assert host in url
    assert curl("--resolve", f"{host}:127.0.0.1", url) == (200, b"by alias")
    assert code(client.get_bucket_versioning, Bucket=arn) == ("MethodNotAllowed", 405)
    upload = client.create_multipart_upload(Bucket=arn, Key="parts")["UploadId"]
    part = client.upload_part(Bucket=arn, Key="parts", UploadId=upload, PartNumber=1, Body=b"p")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    client.complete_multipart_upload(Bucket=arn, Key="parts", UploadId=upload, MultipartUpload=parts)
    deleted = client.delete_objects(Bucket=arn, Delete={"Objects": [{"Key": one} for one in (key, "copy", "parts")]})
    assert len(deleted["Deleted"]) == 3
    # The names AWS has for it.
    host = f"{name}-{ACCOUNT}.s3-accesspoint.us-east-1.localhost"
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    s3.delete_public_access_block(Bucket=bucket)
    assert curl("-H", f"Host: {host}", f"{cloud.endpoint}/k")[0] == 403


def test_a_user_needs_leave_of_both(cloud, s3, by_name, control, bucket, point):
    name, arn, _ = point
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    iam, user = cloud.client("iam"), f"u-{uuid.uuid4().hex[:8]}"
    who = iam.create_user(UserName=user)["User"]["Arn"]
    key = iam.create_access_key(UserName=user)["AccessKey"]
    theirs = by_name(key["AccessKeyId"], key["SecretAccessKey"])
    allow = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "s3:GetObject"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": f"{arn}/object/*"}]}
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=json.dumps(policy))
    assert json.loads(control.get_access_point_policy(AccountId=ACCOUNT, Name=name)["Policy"]) == policy
    assert control.get_access_point_policy_status(AccountId=ACCOUNT, Name=name)["PolicyStatus"] == {"IsPublic": False}
    assert code(theirs.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    handed_on = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [handed_on]}))
    assert theirs.get_object(Bucket=arn, Key="k")["Body"].read() == b"v"
    assert code(theirs.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    control.delete_access_point_policy(AccountId=ACCOUNT, Name=name)
    assert code(theirs.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=user)


def test_the_cli_copies_through_one(cloud, s3, bucket, point, tmp_path):
    _, _, alias = point
    (tmp_path / "one").write_bytes(os.urandom(1000))
    cloud.cli("s3", "sync", str(tmp_path), f"s3://{alias}/there")
    assert s3.get_object(Bucket=bucket, Key="there/one")["Body"].read() == (tmp_path / "one").read_bytes()
    assert "there/one" in cloud.cli("s3", "ls", "--recursive", f"s3://{alias}/").stdout


def test_pages_and_logs_know_the_bucket_behind(cloud, s3, bucket, point):
    name, arn, alias = point
    rule = {"AllowedOrigins": ["https://a.example.org"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    host = f"Host: {name}-{ACCOUNT}.s3-accesspoint.us-east-1.localhost"
    wish = ("-i", "-X", "OPTIONS", "-H", "Origin: https://a.example.org", "-H", "Access-Control-Request-Method: GET")
    for how in (("-H", host, f"{cloud.endpoint}/k"), (f"{cloud.endpoint}/{alias}/k",), (f"{cloud.endpoint}/{arn.replace('/', '%2F')}/k",)):
        status, head = curl(*wish, *how)
        assert status == 200 and b"access-control-allow-origin: https://a.example.org" in head.lower(), how
        # A refusal is read by the page, too.
        status, head = curl("-i", "-H", "Origin: https://a.example.org", *how)
        assert status == 403 and b"access-control-allow-origin: https://a.example.org" in head.lower(), how
    to = f"log-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=to)
    statement = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{to}/*"}
    s3.put_bucket_policy(Bucket=to, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": to, "TargetPrefix": ""}})
    s3.put_object(Bucket=alias, Key="by alias", Body=b"12345")
    assert curl("-H", host, f"{cloud.endpoint}/by-host")[0] == 403

    def delivered():
        lines = []
        for one in s3.list_objects_v2(Bucket=to).get("Contents", []):
            lines += s3.get_object(Bucket=to, Key=one["Key"])["Body"].read().decode().splitlines()
        told = {line.split()[8]: line.split() for line in lines}
        both = told.get("by%20alias"), told.get("by-host")
        return both if all(both) else None

    put, refused = eventually(delivered, "the lines are delivered", 40)
    assert put[1] == refused[1] == bucket and put[-2] == refused[-2] == arn
    assert put[7] == "REST.PUT.OBJECT" and "403" in refused
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    remove(s3, to)
