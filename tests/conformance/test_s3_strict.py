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
from s3_kit import bucket, curl, s3  # noqa: F401


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
        send.headers = {name.lower(): value for name, value in answer.getheaders()}
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


def test_headers_that_would_be_passed_over_are_refused(s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    lengths = {"x-amz-decoded-content-length": "5"}
    for announced in ("x-amz-bogus", "x-amz-meta-a", "x-amz-checksum-crc32,x-amz-meta-a"):
        status, code, text = raw("PUT", f"/{bucket}/k", b"5\r\nhello\r\n0\r\n\r\n", **lengths, **{"x-amz-trailer": announced})
        assert (status, code) == (400, "InvalidRequest") and b"x-amz-trailer" in text, announced
    assert raw("PUT", f"/{bucket}/k", b"other", **{"x-amz-checksum-bogus": "AAAA"})[:2] == (400, "InvalidRequest")
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    for method, header, value in (
        ("PUT", "If-Modified-Since", date),
        ("PUT", "If-Unmodified-Since", date),
        ("PUT", "If-None-Match", '"etag"'),
        ("PUT", "Content-Range", "bytes 0-1/2"),
        ("DELETE", "If-None-Match", "*"),
        ("DELETE", "If-Unmodified-Since", date),
    ):
        assert raw(method, f"/{bucket}/k", b"other"[: 5 if method == "PUT" else 0], **{header: value})[:2] == (501, "NotImplemented"), header
    assert raw("POST", f"/{bucket}/k?uploads", **{"If-None-Match": "*"})[:2] == (501, "NotImplemented")
    for method in ("GET", "HEAD"):
        for kind in ("AES256", "aws:kms"):
            assert raw(method, f"/{bucket}/k", **{"x-amz-server-side-encryption": kind})[0] == 400
    owner = {"x-amz-expected-bucket-owner": "abc"}
    assert raw("GET", f"/{bucket}/k", **owner)[:2] == (400, "InvalidBucketOwnerAWSAccountID")
    redirect = {"x-amz-website-redirect-location": "/" + "r" * 2_048}
    assert raw("PUT", f"/{bucket}/k", b"other", **redirect)[:2] == (400, "InvalidArgument")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"


def test_dates_of_conditions_in_all_their_forms(s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    for date in ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
        assert raw("GET", f"/{bucket}/k", **{"If-Unmodified-Since": date})[0] == 412, date
        assert raw("GET", f"/{bucket}/k", **{"If-Modified-Since": date})[0] == 200, date
    for header in ("If-Modified-Since", "If-Unmodified-Since"):
        assert raw("GET", f"/{bucket}/k", **{header: "some day"})[0] == 200


def test_refusals_name_what_they_are_about(cloud, s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole", CacheControl="max-age=5")
    s3.put_object(Bucket=bucket, Key="cold", Body=b"", StorageClass="GLACIER")

    def says(method, path, body=b"", **headers):
        return dict(re.findall(rb"<(\w+)>([^<]*)</", raw(method, path, body, **headers)[2]))

    told = says("GET", f"/{bucket}/none")
    assert told[b"Key"] == b"none" and b"Resource" not in told
    assert says("GET", "/nobody-has-this-bucket/k")[b"BucketName"] == b"nobody-has-this-bucket"
    told = says("GET", f"/{bucket}/k", Range="bytes=5-")
    assert (told[b"RangeRequested"], told[b"ActualObjectSize"]) == (b"bytes=5-", b"5")
    assert raw.headers["content-range"] == "bytes */5"
    assert says("GET", f"/{bucket}/k", **{"If-Match": '"other"'})[b"Condition"] == b"If-Match"
    assert says("GET", f"/{bucket}/cold")[b"StorageClass"] == b"GLACIER"
    assert says("GET", f"/{bucket}/k?uploadId=x")[b"UploadId"] == b"x"
    told = says("GET", f"/{bucket}?list-type=2&continuation-token=x")
    assert (told[b"ArgumentName"], told[b"ArgumentValue"]) == (b"continuation-token", b"x")
    for given in (b"many", b"2147483648"):
        told = says("GET", f"/{bucket}?list-type=2&max-keys={given.decode()}")
        assert told[b"Message"] == b"Provided max-keys not an integer or within integer range"
        assert (told[b"ArgumentName"], told[b"ArgumentValue"]) == (b"max-keys", given)
    assert raw("GET", f"/{bucket}?max-keys=")[0] == 200
    told = says("GET", f"/{bucket}?versions&version-id-marker=null")
    assert (told[b"ArgumentName"], told[b"ArgumentValue"]) == (b"version-id-marker", b"null")
    told = says("PUT", f"/{bucket}/k", b"other", **{"x-amz-object-lock-legal-hold": "wrong"})
    assert (told[b"ArgumentName"], told[b"ArgumentValue"]) == (b"x-amz-object-lock-legal-hold", b"wrong")
    told = says("PUT", f"/{bucket}/k", b"other", **{"Content-MD5": md5(b"x")})
    assert (told[b"ExpectedDigest"].decode(), told[b"CalculatedDigest"].decode()) == (md5(b"x"), md5(b"other"))
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert raw("GET", f"/{bucket}/k", **{"If-None-Match": etag}) == (304, None, b"")
    assert "content-type" not in raw.headers and raw.headers["cache-control"] == "max-age=5"
    for path in ("%zz", "100%"):
        assert raw("GET", f"/{bucket}/{path}")[:2] == (400, "InvalidURI")


def test_documents_that_lack_something_are_malformed(s3, bucket, raw):
    for query, document in (
        ("delete", "<Delete/>"),
        ("tagging", "<Tagging/>"),
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"),
        ("cors", "<CORSConfiguration><CORSRule/></CORSConfiguration>"),
        ("lifecycle", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>"),
        ("logging", f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{bucket}</TargetBucket></LoggingEnabled></BucketLoggingStatus>"),
        ("replication", "<ReplicationConfiguration><Role>r</Role></ReplicationConfiguration>"),
    ):
        method = "POST" if query == "delete" else "PUT"
        refused = raw(method, f"/{bucket}?{query}", document.encode(), **{"Content-MD5": md5(document.encode())})
        assert refused[:2] == (400, "MalformedXML"), document


def test_who_did_not_sign_is_told_little(cloud, s3, bucket):
    status, body = curl(f"{cloud.endpoint}/nobody-has-this-bucket/k")
    assert status == 404 and b"<Code>NoSuchBucket</Code>" in body
    status, body = curl(f"{cloud.endpoint}/{bucket}/k")
    assert status == 403 and b"<Message>Access Denied</Message>" in body


def test_hosts_of_acceleration_name_the_bucket(s3, bucket, raw):
    for host in (f"{bucket}.s3-accelerate.amazonaws.com", f"{bucket}.s3-accelerate.dualstack.amazonaws.com"):
        status, code, text = raw("PUT", "/k", b"x", host=host)
        assert (status, code) == (400, "InvalidRequest") and b"Acceleration is not configured" in text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_control_characters_of_keys_are_references(s3, bucket, raw):
    s3.put_object(Bucket=bucket, Key="a\x01\r\tb", Body=b"")
    text = raw("GET", f"/{bucket}?list-type=2")[2]
    assert b"<Key>a&#x1;&#13;\tb</Key>" in text
    assert b"<Key>a%01%0D%09b</Key>" in raw("GET", f"/{bucket}?list-type=2&encoding-type=url")[2]
