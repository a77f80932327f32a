"""S3 under keys of KMS: the caller must be allowed to use them, and what is stored opens with nothing else."""

import base64
import io
import json
import os
import uuid

import pytest
from boto3.s3.transfer import TransferConfig

from s3_kit import bucket, code, s3  # noqa: F401

MIB = 1 << 20


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def key(kms):
    made = kms.create_key()["KeyMetadata"]["Arn"]
    yield made
    kms.enable_key(KeyId=made)
    kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)


def of(answer):
    names = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
    return {name: answer[name] for name in names if name in answer}


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_objects_under_a_key_of_kms(s3, kms, bucket, key, size):
    data = os.urandom(size)
    context = base64.b64encode(b'{"of": "me"}').decode()
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, SSEKMSEncryptionContext=context, **encryption)
    assert of(put) == encryption and put["SSEKMSEncryptionContext"] == context
    got = s3.get_object(Bucket=bucket, Key="k")
    assert of(got) == encryption and got["Body"].read() == data
    assert of(s3.head_object(Bucket=bucket, Key="k")) == encryption
    kms.disable_key(KeyId=key)
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("KMS.DisabledException", 400)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", **encryption) == ("KMS.DisabledException", 400)
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.copy_object(Bucket=bucket, Key="plain", CopySource={"Bucket": bucket, "Key": "k"}, ServerSideEncryption="AES256")
    kms.disable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == data


def test_the_key_that_kms_has_for_s3(s3, kms, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"text", ServerSideEncryption="aws:kms")
    aliases = kms.list_aliases()["Aliases"]
    own = next(alias["TargetKeyId"] for alias in aliases if alias["AliasName"] == "alias/aws/s3")
    assert put["SSEKMSKeyId"].endswith(own)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"


def test_parts_under_a_key_of_kms(s3, bucket, key):
    data = os.urandom(11 * MIB)
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), bucket, "big", ExtraArgs=extra, Config=config)
    got = s3.get_object(Bucket=bucket, Key="big")
    assert of(got) == extra and got["Body"].read() == data


def test_a_buckets_default_holds_for_who_says_nothing(s3, kms, bucket, key):
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    shown = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert shown == [rule]
    wanted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    assert of(s3.put_object(Bucket=bucket, Key="a", Body=b"a")) == wanted
    assert of(s3.put_object(Bucket=bucket, Key="b", Body=b"b")) == wanted
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"
    assert of(s3.put_object(Bucket=bucket, Key="c", Body=b"c", ServerSideEncryption="AES256")) == {"ServerSideEncryption": "AES256"}
    s3.delete_bucket_encryption(Bucket=bucket)
    assert of(s3.put_object(Bucket=bucket, Key="d", Body=b"d")) == {"ServerSideEncryption": "AES256"}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"


def test_a_reader_must_be_allowed_to_decrypt(cloud, s3, bucket, key):
    iam, name = cloud.client("iam"), f"u-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        user = cloud.client("s3", made["AccessKeyId"], secret=made["SecretAccessKey"])
        allow = lambda *actions: iam.put_user_policy(
            UserName=name,
            PolicyName="p",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}),
        )
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        allow("s3:*")
        assert code(user.put_object, Bucket=bucket, Key="k", Body=b"text", **encryption) == ("AccessDenied", 403)
        allow("s3:*", "kms:GenerateDataKey")
        user.put_object(Bucket=bucket, Key="k", Body=b"text", **encryption)
        assert code(user.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
        assert user.head_object(Bucket=bucket, Key="k")["ContentLength"] == 4
        allow("s3:*", "kms:Decrypt")
        assert user.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="p")
        iam.delete_user(UserName=name)


def test_what_does_not_fit_is_refused(s3, bucket, key):
    put = lambda **more: code(s3.put_object, Bucket=bucket, Key="k", Body=b"", **more)
    assert put(SSEKMSKeyId=key) == ("InvalidArgument", 400)
    assert put(ServerSideEncryption="AES256", SSEKMSKeyId=key) == ("InvalidArgument", 400)
    assert put(ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/none") == ("KMS.NotFoundException", 400)
    assert put(ServerSideEncryption="aws:kms:dsse")[0] == "NotImplemented"
    assert put(ServerSideEncryption="aws:kms", SSEKMSEncryptionContext="e30x") == ("InvalidArgument", 400)
