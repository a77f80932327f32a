"""Bucket policies that ask how a request came: from which page, how signed, how old, over which TLS."""

import json
import ssl
import urllib.error
import urllib.request

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from s3_kit import bucket, s3  # noqa: F401


@pytest.fixture
def says(s3, bucket):
    """Whether a policy of one statement lets an object be read, by a way of asking."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")

    def put(effect, **condition):
        statement = {
            "Effect": effect,
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": condition,
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    return put


def status(url, context=None, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_page_that_may_show_it(cloud, says, bucket):
    says("Allow", StringLike={"aws:Referer": ["https://mine.example/*"]})
    url = f"{cloud.endpoint}/{bucket}/k"
    assert status(url, Referer="https://mine.example/page") == 200
    assert status(url, Referer="https://theirs.example/page") == 403
    assert status(url) == 403


def test_how_it_is_signed(cloud, s3, says, bucket):
    asked = {"Bucket": bucket, "Key": "k"}
    presigned = cloud.client("s3", config=Config(signature_version="s3v4")).generate_presigned_url("get_object", asked)
    of_old = cloud.client("s3", config=Config(signature_version="s3")).generate_presigned_url("get_object", asked)

    def by_header():
        try:
            return s3.get_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"]
        except ClientError as refused:
            return refused.response["ResponseMetadata"]["HTTPStatusCode"]

    says("Deny", StringNotEquals={"s3:authType": "REST-QUERY-STRING"})
    assert (by_header(), status(presigned)) == (403, 200)
    says("Deny", StringNotEquals={"s3:signatureversion": "AWS4-HMAC-SHA256"})
    assert (by_header(), status(presigned), status(of_old)) == (200, 200, 403)
    says("Deny", StringEquals={"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert (by_header(), status(presigned)) == (200, 403)
    says("Deny", NumericGreaterThan={"s3:signatureAge": "600000"})
    assert (by_header(), status(presigned)) == (200, 200)
    says("Deny", NumericGreaterThanEquals={"s3:signatureAge": "0"})
    assert (by_header(), status(presigned)) == (200, 403)


def test_over_which_tls(cloud, says, bucket):
    says("Allow", NumericGreaterThanEquals={"s3:TlsVersion": "1.3"})
    context = ssl.create_default_context(cadata=cloud.get("/_cloudlet/ca.pem").decode())
    url = f"{cloud.endpoint}/{bucket}/k"
    secure = url.replace("http://", "https://")
    assert status(secure, context) == 200
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert status(secure, context) == 403
    assert status(url) == 403
