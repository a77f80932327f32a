"""Queues that are told what happens in a bucket: by filters, if their policy lets S3, and none is lost over kills."""

import json
import uuid

import pytest

from conftest import eventually
from s3_kit import bucket, code, s3  # noqa: F401


@pytest.fixture
def sqs(cloud):
    return cloud.client("sqs")


def make_queue(sqs, bucket, condition=None):
    name = f"n-{uuid.uuid4().hex[:12]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": condition or {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


@pytest.fixture
def queue(sqs, bucket):
    url, arn = make_queue(sqs, bucket)
    yield url, arn
    sqs.delete_queue(QueueUrl=url)


def tell(s3, bucket, arn, events=("s3:ObjectCreated:*",), rules=(), **more):
    one = {"Id": "one", "QueueArn": arn, "Events": list(events)}
    if rules:
        one["Filter"] = {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules]}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [one]}, **more)
    return one


def told(sqs, url, count):
    """So many messages, in the order of their happening."""
    got = []

    def take():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            got.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(got) >= count

    eventually(take, f"{count} messages")
    assert not sqs.receive_message(QueueUrl=url).get("Messages")
    return got


def test_records_say_who_by_id_and_are_of_their_version(cloud, s3, sqs, bucket, queue):
    url, arn = queue
    tell(s3, bucket, arn, ("s3:ObjectTagging:*",))
    told(sqs, url, 1)
    iam, name = cloud.client("iam"), f"u-{uuid.uuid4().hex[:8]}"
    user = iam.create_user(UserName=name)["User"]["UserId"]
    leave = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(leave))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    theirs = cloud.client("s3", key["AccessKeyId"], secret=key["SecretAccessKey"])
    theirs.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    [record] = told(sqs, url, 1)[0]["Records"]
    assert (record["eventVersion"], record["userIdentity"]["principalId"]) == ("2.3", f"AWS:{user}")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_user(UserName=name)


def test_a_queue_is_told_of_what_it_wants(s3, sqs, bucket, queue):
    url, arn = queue
    given = tell(s3, bucket, arn, rules=(("Prefix", "in/"), ("Suffix", ".txt")))
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert shown == [given]
    [test] = told(sqs, url, 1)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    put = s3.put_object(Bucket=bucket, Key="in/a b+ü.txt", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="out/a.txt", Body=b"")
    s3.put_object(Bucket=bucket, Key="in/a.png", Body=b"")
    s3.copy_object(Bucket=bucket, Key="in/copy.txt", CopySource={"Bucket": bucket, "Key": "in/a b+ü.txt"})
    s3.delete_object(Bucket=bucket, Key="in/copy.txt")
    records = {message["Records"][0]["eventName"]: message["Records"][0] for message in told(sqs, url, 2)}
    assert set(records) == {"ObjectCreated:Put", "ObjectCreated:Copy"}
    record = records["ObjectCreated:Put"]
    assert (record["eventSource"], record["awsRegion"], record["s3"]["configurationId"]) == ("aws:s3", "us-east-1", "one")
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    assert (record["eventVersion"], record["userIdentity"]) == ("2.1", {"principalId": "AWS:000000000000"})
    assert record["s3"]["object"]["key"] == "in/a+b%2B%C3%BC.txt"
    assert (record["s3"]["object"]["size"], record["s3"]["object"]["eTag"]) == (5, put["ETag"].strip('"'))


def test_versions_parts_and_tags_are_told_of(s3, sqs, bucket, queue):
    url, arn = queue
    tell(s3, bucket, arn, ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"), SkipDestinationValidation=True)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    made = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=made["VersionId"])
    records = [message["Records"][0] for message in told(sqs, url, 4)]
    names = {record["eventName"]: record["s3"]["object"].get("versionId") for record in records}
    assert set(names) == {
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectTagging:Put",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRemoved:Delete",
    }
    assert names["ObjectRemoved:Delete"] == made["VersionId"] != names["ObjectRemoved:DeleteMarkerCreated"]


def test_a_queue_must_let_s3_in(s3, sqs, bucket):
    for condition in ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}}, {"StringEquals": {"aws:SourceAccount": "111122223333"}}):
        url, arn = make_queue(sqs, bucket, condition)
        with pytest.raises(s3.exceptions.ClientError) as refused:
            tell(s3, bucket, arn)
        error = refused.value.response["Error"]
        assert error["Code"] == "InvalidArgument" and "Unable to validate" in error["Message"]
        sqs.delete_queue(QueueUrl=url)
    with pytest.raises(s3.exceptions.ClientError):
        tell(s3, bucket, "arn:aws:sqs:us-east-1:000000000000:nothing-there")
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    url, arn = make_queue(sqs, bucket, {"StringEquals": {"aws:SourceAccount": "000000000000"}})
    tell(s3, bucket, arn)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert [message["Event"] for message in told(sqs, url, 1)] == ["s3:TestEvent"]
    sqs.delete_queue(QueueUrl=url)


def test_what_is_not_there_is_refused_by_name(s3, bucket, queue):
    put = lambda **given: code(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=given)
    topic = {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Events": ["s3:ObjectCreated:*"]}
    assert put(TopicConfigurations=[topic])[0] == "UnsupportedOperation"
    function = {"LambdaFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Events": ["s3:ObjectCreated:*"]}
    assert put(LambdaFunctionConfigurations=[function])[0] == "UnsupportedOperation"
    wrong = {"QueueArn": queue[1], "Events": ["s3:ObjectEaten"]}
    assert put(QueueConfigurations=[wrong]) == ("InvalidArgument", 400)
