"""Versions that are kept: retention, legal holds, and who gets around them."""

import datetime
import json
import uuid

import pytest

from s3_kit import bucket, code, remove, s3  # noqa: F401


@pytest.fixture
def locking(s3):
    name = f"l-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for one in page.get("Versions", []):
            s3.put_object_legal_hold(Bucket=name, Key=one["Key"], VersionId=one["VersionId"], LegalHold={"Status": "OFF"})
            s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=True)
    remove(s3, name)


def in_days(days):
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.replace(microsecond=0) + datetime.timedelta(days=days)


def test_governance_keeps_a_version_from_who_does_not_get_around_it(s3, locking):
    until = in_days(1)
    put = s3.put_object(Bucket=locking, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    version = {"Bucket": locking, "Key": "k", "VersionId": put["VersionId"]}
    head = s3.head_object(Bucket=locking, Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    assert code(s3.delete_object, **version) == ("AccessDenied", 403)
    several = {"Objects": [{"Key": "k", "VersionId": put["VersionId"]}]}
    failed = s3.delete_objects(Bucket=locking, Delete=several)["Errors"]
    assert [(one["Key"], one["Code"]) for one in failed] == [("k", "AccessDenied")]
    # To hide it is free, and to write over it too.
    marker = s3.delete_object(Bucket=locking, Key="k")["VersionId"]
    s3.delete_object(Bucket=locking, Key="k", VersionId=marker)
    s3.put_object(Bucket=locking, Key="k", Body=b"2")
    assert s3.get_object(**version)["Body"].read() == b"1"
    change = lambda mode, days, **more: s3.put_object_retention(**version, Retention={"Mode": mode, "RetainUntilDate": in_days(days)}, **more)
    change("GOVERNANCE", 2)
    for mode, days in (("GOVERNANCE", 1), ("COMPLIANCE", 3)):
        assert code(lambda: change(mode, days)) == ("AccessDenied", 403)
    change("GOVERNANCE", 1, BypassGovernanceRetention=True)
    s3.delete_object(**version, BypassGovernanceRetention=True)
    assert code(s3.get_object, **version) == ("NoSuchVersion", 404)


def test_who_may_get_around_it_must_be_allowed_to(cloud, s3, locking):
    put = s3.put_object(Bucket=locking, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=in_days(1))
    iam, name = cloud.client("iam"), f"u-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        statements = [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:BypassGovernanceRetention", "Resource": "*"},
        ]
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
        user = cloud.client("s3", made["AccessKeyId"], secret=made["SecretAccessKey"])
        version = {"Bucket": locking, "Key": "k", "VersionId": put["VersionId"]}
        assert code(user.delete_object, **version, BypassGovernanceRetention=True) == ("AccessDenied", 403)
        assert s3.head_object(**version)["ContentLength"] == 1
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="p")
        iam.delete_user(UserName=name)


def test_a_legal_hold_holds_till_it_is_lifted(s3, locking):
    put = s3.put_object(Bucket=locking, Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON")
    version = {"Bucket": locking, "Key": "k", "VersionId": put["VersionId"]}
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "ON"}
    assert code(s3.get_object_retention, **version) == ("NoSuchObjectLockConfiguration", 404)
    assert code(s3.delete_object, **version, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    s3.delete_object(**version)


def test_a_buckets_default_locks_whatever_comes(s3, locking):
    assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    default = {"Mode": "GOVERNANCE", "Days": 3}
    wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
    s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=wanted)
    assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == wanted
    s3.put_object(Bucket=locking, Key="k", Body=b"1")
    s3.copy_object(Bucket=locking, Key="copy", CopySource={"Bucket": locking, "Key": "k"})
    upload = s3.create_multipart_upload(Bucket=locking, Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket=locking, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    s3.complete_multipart_upload(Bucket=locking, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    for key in ("k", "copy", "parts"):
        retention = s3.get_object_retention(Bucket=locking, Key=key)["Retention"]
        assert retention["Mode"] == "GOVERNANCE" and in_days(2) < retention["RetainUntilDate"] < in_days(4), key


def test_where_no_lock_is(s3, bucket, locking):
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": in_days(1)}
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", **lock) == ("InvalidRequest", 400)
    assert code(s3.get_object_lock_configuration, Bucket=bucket) == ("ObjectLockConfigurationNotFoundError", 404)
    wanted = {"ObjectLockEnabled": "Enabled"}
    refused = code(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=wanted)
    assert refused == ("InvalidBucketState", 409)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert code(s3.get_object_retention, Bucket=bucket, Key="k") == ("InvalidRequest", 400)
    suspended = {"Status": "Suspended"}
    assert code(s3.put_bucket_versioning, Bucket=locking, VersioningConfiguration=suspended) == ("InvalidBucketState", 409)
    put = lambda **more: code(s3.put_object, Bucket=locking, Key="k", Body=b"", **more)
    assert put(ObjectLockMode="GOVERNANCE") == ("InvalidArgument", 400)
    assert put(**lock | {"ObjectLockRetainUntilDate": in_days(-1)}) == ("InvalidArgument", 400)


def test_compliance_yields_to_nobody(s3, cloud):
    # The bucket stays: nothing may take it away before tomorrow.
    name = f"c-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    put = s3.put_object(Bucket=name, Key="k", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=in_days(1))
    version = {"Bucket": name, "Key": "k", "VersionId": put["VersionId"]}
    assert code(s3.delete_object, **version, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    for retention in ({"Mode": "GOVERNANCE", "RetainUntilDate": in_days(9)}, {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(0.5)}, {}):
        refused = code(s3.put_object_retention, **version, Retention=retention, BypassGovernanceRetention=True)
        assert refused == ("AccessDenied", 403), retention
    s3.put_object_retention(**version, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": in_days(2)})
    assert code(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
