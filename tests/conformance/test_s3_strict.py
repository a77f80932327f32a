"""Requests that are nearly right: what is misspelt is never taken for something else, or for less than was meant."""

import base64
import hashlib
import http.client
import re
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from s3_kit import bucket, s3  # noqa: F401


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


@pytest.fixture
def raw(cloud):
    """Sends a signed request as it is: its status, its error's code, and its body."""

    def send(method, path, body=b"", host=None, **headers):
        at = urlsplit(cloud.endpoint)
        host = f"{host or at.hostname}:{at.port}"
        asked = AWSRequest(method, f"http://{host}{path}", headers={"Host": host, **headers}, data=body)
        asked.context["payload_signing_enabled"] = True
        if "x-amz-trailer" in headers:
            asked.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(asked)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
        connection.request(method, path, body=body, headers=dict(asked.headers.items()))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        found = re.search(rb"<Code>(\w+)</Code>", text)
        return answer.status, found and found.group(1).decode(), text

    return send


def test_a_sub_resource_is_never_passed_over(s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    for path in ("versioning", "acl", "logging", "notification", "policyStatus", "requestPayment", "object-lock"):
        assert raw("DELETE", f"/{bucket}?{path}")[0] == 405, path
    for path in ("metrics", "inventory", "analytics"):
        assert raw("DELETE", f"/{bucket}?{path}")[0] in (400, 405, 501), path
        assert raw("PUT", f"/{bucket}?{path}")[0] in (400, 405, 501), path
    for path in ("uploads", "acl", "policy", "retention", "legal-hold", "versions"):
        assert raw("DELETE", f"/{bucket}/k?{path}")[0] in (405, 501), path
    for path in ("uploadId=x", "partNumber=1", "uploads", "versioning", "policy", "cors", "torrent"):
        assert raw("PUT", f"/{bucket}/k?{path}", b"other")[0] in (400, 405, 501), path
    assert raw("GET", f"/{bucket}/k?attributes")[0] == 400
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"
    assert raw("GET", f"/{bucket}?list-type=2&max-keys=many")[:2] == (400, "InvalidArgument")
    # What names nothing of S3's is for whoever reads logs.
    assert raw("GET", f"/{bucket}/k?x-of-mine=1") == (200, None, b"whole")


def test_documents_are_what_their_operation_takes(s3, bucket, raw):
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for query, document in (
        ("publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicPolicies>true</BlockPublicPolicies></PublicAccessBlockConfiguration>"),
        ("publicAccessBlock", "<X/>"),
        ("versioning", "<Foo><Status>Suspended</Status></Foo>"),
        ("versioning", "<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>"),
        ("logging", "<Foo/>"),
        ("tagging", "<Tagging><TagSet><Tug><Key>a</Key><Value>b</Value></Tug></TagSet></Tagging>"),
        (
            "lifecycle",
            "<LifecycleConfiguration><Rule><Filter><Prefx>tmp/</Prefx></Filter><Status>Enabled</Status>"
            "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
        ),
    ):
        refused = raw("PUT", f"/{bucket}?{query}", document.encode(), **{"Content-MD5": md5(document.encode())})
        assert refused[:2] == (400, "MalformedXML"), document
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_documents_that_must_come_with_a_sum(s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    status, code, text = raw("POST", f"/{bucket}?delete", document)
    assert (status, code) == (400, "InvalidRequest") and b"Content-MD5 OR x-amz-checksum-" in text
    assert raw("POST", f"/{bucket}?delete", document, **{"Content-MD5": md5(b"other")})[:2] == (400, "BadDigest")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"
    assert raw("POST", f"/{bucket}?delete", document, **{"Content-MD5": md5(document)})[0] == 200
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    # Nobody sends one for these.
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert raw("PUT", f"/{bucket}?versioning", versioning)[0] == 200


def test_a_trailer_announced_must_come(s3, bucket, raw):
    trailer = {
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    come = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert raw("PUT", f"/{bucket}/k", b"5\r\nhello\r\n0\r\n\r\n", **trailer)[:2] == (400, "MalformedTrailerError")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert raw("PUT", f"/{bucket}/k", come, **trailer)[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_a_bucket_right_before_the_clouds_name(s3, bucket, raw):
    """As clients ask that were only told where the cloud is."""
    host = f"{bucket}.localhost"
    assert raw("PUT", "/k", b"whole", host=host)[0] == 200
    assert raw("GET", "/k", host=host) == (200, None, b"whole")
    assert b"<Key>k</Key>" in raw("GET", "/?list-type=2", host=host)[2]
    assert raw("DELETE", "/k", host=host)[0] == 204
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_refusals_say_what_stands_in_the_way(s3, bucket):
    def headers(call, **params):
        with pytest.raises(ClientError) as refused:
            call(Bucket=bucket, Key="k", **params)
        told = refused.value.response["ResponseMetadata"]
        return told["HTTPStatusCode"], told["HTTPHeaders"]

    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"whole")["ETag"]
    status, told = headers(s3.get_object, IfNoneMatch=etag)
    assert (status, told["etag"]) == (304, etag) and "last-modified" in told
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for call in (s3.get_object, s3.head_object):
        status, told = headers(call)
        assert (status, told["x-amz-delete-marker"], told["x-amz-version-id"]) == (404, "true", marker)
        status, told = headers(call, VersionId=marker)
        assert (status, told["x-amz-delete-marker"]) == (405, "true")
