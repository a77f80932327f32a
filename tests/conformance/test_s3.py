"""S3 as boto3, the aws CLI and curl see it; details are in the service's own tests."""

import base64
import datetime
import hashlib
import http.client
import io
import json
import os
import re
import socket
import subprocess
import urllib.parse
import urllib.request
import uuid
import zlib
from xml.etree import ElementTree

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from s3_kit import bucket, code, curl, s3  # noqa: F401

MIB = 1 << 20


def test_files_travel_whole_in_parts(s3, bucket, tmp_path):
    data = os.urandom(20 * MIB + 7)
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(data)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    s3.upload_file(str(source), bucket, "big", ExtraArgs={"Metadata": {"of": "me"}, "ContentType": "x/y"}, Config=config)
    s3.download_file(bucket, "big", str(target), Config=config)
    assert target.read_bytes() == data
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-3"') and head["Metadata"] == {"of": "me"} and head["ContentType"] == "x/y"
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied", Config=config)
    got = io.BytesIO()
    s3.download_fileobj(bucket, "copied", got)
    assert got.getvalue() == data
    middle = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={8 * MIB - 3}-{8 * MIB + 2}")
    assert middle["Body"].read() == data[8 * MIB - 3 : 8 * MIB + 3]
    assert s3.head_object(Bucket=bucket, Key="big", PartNumber=3)["ContentLength"] == 4 * MIB + 7


KEYS = ["../x", "a//b", "//", "a/", ".", "ü 日本", "a+b c%20&=?#", "~!*'()", "\x01", "x" * 1024, "🎈", "a;b,c:d@$", '"<>\\^`{|}']


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_one_of_its_own(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [one["Key"] for one in s3.list_object_versions(Bucket=bucket)["Versions"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
    for version in ("s3", "s3v4"):
        signer = signer_of(s3, version)
        url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        assert curl("--path-as-is", url) == (200, key.encode()), version
    if key.isprintable():
        deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
        assert {one["Key"] for one in deleted["Deleted"]} == {key, "copy"}
    else:
        # XML cannot say it.
        [s3.delete_object(Bucket=bucket, Key=one) for one in (key, "copy")]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def signer_of(client, version, endpoint=None, secret="test", **more):
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": secret, "region_name": "us-east-1"}
    config = Config(signature_version=version, **more)
    return boto3.client("s3", endpoint_url=endpoint or client.meta.endpoint_url, config=config, **credentials)


def test_an_empty_object(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert put["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    got = s3.get_object(Bucket=bucket, Key="empty")
    assert (got["Body"].read(), got["ContentLength"]) == (b"", 0)
    assert code(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-0") == ("InvalidRange", 416)


def test_what_follows_an_empty_object_on_a_connection(s3, bucket):
    for body in (b"", b"x", b"", b"", b"y"):
        assert s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"z", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket="no-such-bucket-here", Key="k", Body=b"z") == ("NoSuchBucket", 404)
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_in_trailers(s3, bucket, algorithm):
    if algorithm in ("CRC32C", "CRC64NVME"):
        pytest.importorskip("awscrt")
    # A stream that cannot be told beforehand brings its sum behind itself.
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"abc" * 50_000), ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert got["Body"].read() == b"abc" * 50_000


def test_a_wrong_checksum_stores_nothing(s3, bucket):
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"a", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==") == ("BadDigest", 400)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"a", ChecksumCRC32="AAAAAA==")[1] == 400
    assert code(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


def test_refusals_have_their_codes(s3, bucket):
    assert code(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert code(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert code(s3.head_bucket, Bucket="no-such-bucket-here") == ("404", 404)
    assert code(s3.list_objects_v2, Bucket="no-such-bucket-here") == ("NoSuchBucket", 404)
    assert code(s3.create_bucket, Bucket="192.168.0.1") == ("InvalidBucketName", 400)
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfMatch='"x"') == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=5-") == ("InvalidRange", 416)
    assert code(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    assert code(s3.upload_part, Bucket=bucket, Key="k", UploadId="none", PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"12345"


def test_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=str(n).encode())["VersionId"] for n in range(3)]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] and code(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=ids[1])["Body"].read() == b"1"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [one["VersionId"] for one in listed["Versions"]] == ids[::-1]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_listings_page_and_roll_up(s3, bucket):
    for n in range(25):
        s3.put_object(Bucket=bucket, Key=f"d{n % 5}/f{n:02}", Body=b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4}))
    keys = [one["Key"] for page in pages for one in page["Contents"]]
    assert len(pages) == 7 and keys == sorted(keys) and len(set(keys)) == 25
    rolled = s3.list_objects(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in rolled["CommonPrefixes"]] == [f"d{n}/" for n in range(5)] and "Contents" not in rolled


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(s3, bucket, version, tmp_path):
    signer = signer_of(s3, version)
    sent = tmp_path / "sent"
    sent.write_bytes(b"by curl")
    url = signer.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "ContentType": "x/y"}, ExpiresIn=60)
    assert curl("-T", str(sent), "-H", "Content-Type: x/y", url)[0] == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "x/y"
    more = {"ResponseContentDisposition": 'attachment; filename="a b"', "ResponseContentType": "text/z"}
    more["ResponseExpires"] = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k", **more}, ExpiresIn=60)
    assert curl(url) == (200, b"by curl")
    with urllib.request.urlopen(url) as got:
        assert (got.headers["Content-Disposition"], got.headers["Content-Type"]) == ('attachment; filename="a b"', "text/z")
        assert got.headers["Expires"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    for spoilt, expected in [
        (url.replace("/k?", "/other?"), b"SignatureDoesNotMatch"),
        (url.replace("text%2Fz", "text%2Fhtml"), b"SignatureDoesNotMatch"),
        (signer_of(s3, version, secret="bad").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}), b"SignatureDoesNotMatch"),
    ]:
        status, body = curl(spoilt)
        assert (status, expected in body) == (403, True), body
        told = ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes"]
        told += [] if version == "s3" else ["CanonicalRequest", "CanonicalRequestBytes"]
        assert [element.tag for element in ElementTree.fromstring(body)][2:-2] == told
        shown = {element.tag: element.text for element in ElementTree.fromstring(body)}
        assert bytes.fromhex(shown["StringToSignBytes"]).decode() == shown["StringToSign"]
        if version == "s3v4":
            digest = hashlib.sha256(bytes.fromhex(shown["CanonicalRequestBytes"])).hexdigest()
            assert shown["StringToSign"].endswith(digest) and digest == hashlib.sha256(shown["CanonicalRequest"].encode()).hexdigest()
    # Of another method.
    assert curl("-X", "DELETE", url)[0] == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"by curl"


def test_presigned_urls_end(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    url = signer_of(s3, "s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=-1)
    status, body = curl(url)
    assert status == 403 and b"<Code>AccessDenied</Code>" in body and b"Request has expired" in body
    assert re.search(rb"<Expires>[-\d]+T[:\d]+Z</Expires><ServerTime>[-\d]+T[:\d]+Z</ServerTime>", body), body
    status, body = curl(url.split("&Expires=")[0])
    assert status == 403 and b"Query-string authentication requires" in body
    assert curl(url.replace("Expires=", "Expires=9"))[0] == 403


def test_a_presigned_url_with_metadata(s3, bucket):
    params = {"Bucket": bucket, "Key": "k", "Metadata": {"of": "me"}}
    url = signer_of(s3, "s3").generate_presigned_url("put_object", Params=params)
    assert "x-amz-meta-of=me" in url
    assert curl("-X", "PUT", "-H", "Content-Type:", "--data-binary", "v", url)[0] == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"of": "me"}


def test_virtual_hosts(s3, bucket, cloud):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"v")
    for version in ("s3", "s3v4"):
        endpoint = f"http://s3.localhost:{cloud.port}"
        signer = signer_of(s3, version, endpoint, **{"s3": {"addressing_style": "virtual"}})
        url = urllib.parse.urlsplit(signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b"}))
        assert url.hostname == f"{bucket}.s3.localhost" and url.path == "/a/b"
        line = http.client.HTTPConnection("127.0.0.1", cloud.port)
        line.request("GET", f"{url.path}?{url.query}", headers={"Host": url.netloc})
        answer = line.getresponse()
        assert (answer.status, answer.read()) == (200, b"v"), version


def test_bodies_wait_for_leave(s3, bucket, cloud):
    url = urllib.parse.urlsplit(signer_of(s3, "s3v4").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}))
    with socket.create_connection(("127.0.0.1", cloud.port)) as line:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        line.sendall(head.encode())
        line.settimeout(10)
        assert line.recv(1024).startswith(b"HTTP/1.1 100 ")
        line.sendall(b"hello")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    # Who may not put is told before the body is sent.
    with socket.create_connection(("127.0.0.1", cloud.port)) as line:
        line.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
        line.settimeout(10)
        assert line.recv(4096).startswith(b"HTTP/1.1 403 ")


class ChunkSigner(S3SigV4Auth):
    """Signs a request whose body comes in chunks, and the chunks."""

    mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    def payload(self, request):
        return self.mode

    def chunks_of(self, request, pieces):
        signature = request.headers["Authorization"].rpartition("Signature=")[2]
        head = ["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], self.credential_scope(request)]
        for piece in [*pieces, b""]:
            digests = [hashlib.sha256(of).hexdigest() for of in (b"", piece)]
            signature = self.signature("\n".join([*head, signature, *digests]), request)
            yield f"{len(piece):x};chunk-signature={signature}\r\n".encode() + piece + b"\r\n"


class TrailerSigner(ChunkSigner):
    """The same for chunks that bear no signature, with a checksum behind them."""

    mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    def chunks_of(self, request, pieces):
        for piece in pieces:
            yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        crc = base64.b64encode(zlib.crc32(b"".join(pieces)).to_bytes(4, "big"))
        yield b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"


def put_chunks(cloud, path, pieces, signer):
    """Puts pieces as chunks, with the length of it all said beforehand."""
    headers = {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(sum(map(len, pieces)))}
    if signer is TrailerSigner:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"

    def signed(length):
        auth = signer(Credentials("test", "test"), "s3", "us-east-1")
        request = AWSRequest("PUT", f"{cloud.endpoint}{path}", headers={**headers, "Content-Length": str(length)})
        auth.add_auth(request)
        return request, b"".join(auth.chunks_of(request, pieces))

    # Signatures are of one length, so the body is as long whatever length is signed.
    request, body = signed(len(signed(0)[1]))
    line = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    line.request("PUT", path, body=body, headers=dict(request.headers.items()))
    answer = line.getresponse()
    return answer.status, answer.read(), len(body)


@pytest.mark.parametrize("signer", [ChunkSigner, TrailerSigner])
def test_chunks_come_with_the_length_of_them_all(s3, bucket, cloud, signer):
    pieces = [b"a" * 65_536, b"a" * 1_024]
    status, said, length = put_chunks(cloud, f"/{bucket}/k", pieces, signer)
    assert (status, said) == (200, b"")
    assert signer is TrailerSigner or length == 66_824
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a" * 66_560
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    path = f"/{bucket}/parts?partNumber=1&uploadId={upload}"
    assert put_chunks(cloud, path, pieces, signer)[:2] == (200, b"")
    assert s3.list_parts(Bucket=bucket, Key="parts", UploadId=upload)["Parts"][0]["Size"] == 66_560


def test_a_bucket_elsewhere_says_where(cloud):
    name = f"b-{uuid.uuid4().hex}"
    away = cloud.client("s3", region="eu-west-1")
    away.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert away.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    assert away.head_bucket(Bucket=name)["BucketRegion"] == "eu-west-1"
    away.delete_bucket(Bucket=name)


def test_the_public_reads_what_a_policy_opens(s3, bucket, cloud):
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    url = f"{cloud.endpoint}/{bucket}/k"
    assert curl(url)[0] == 403
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == ("AccessDenied", 403)
    off = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], False)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=off)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert curl(url) == (200, b"v")
    assert curl("-X", "DELETE", url)[0] == 403
    s3.delete_bucket_policy(Bucket=bucket)
    assert curl(url)[0] == 403
    assert code(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


def test_settings_of_a_new_bucket(s3, bucket):
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert [(one["Grantee"]["ID"], one["Grantee"]["Type"], one["Permission"]) for one in acl["Grants"]] == [(acl["Owner"]["ID"], "CanonicalUser", "FULL_CONTROL")]
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL="private") == ("AccessControlListNotSupported", 400)
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}]}
    assert code(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration=kms) == ("NotImplemented", 501)


def test_a_setting_that_came_damaged_is_refused(s3, bucket):
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    assert code(s3.put_bucket_tagging, Bucket=bucket, Tagging=tags, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==") == ("BadDigest", 400)
    assert code(s3.put_bucket_tagging, Bucket=bucket, Tagging=tags, ContentMD5="x") == ("InvalidDigest", 400)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


def test_settings_come_and_go(s3, bucket):
    aes = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=aes)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == aes
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]["BucketKeyEnabled"] is False
    controls = lambda ownership: {"Rules": [{"ObjectOwnership": ownership}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls("BucketOwnerEnforced"))
    assert code(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=controls("ObjectWriter")) == ("NotImplemented", 501)
    s3.put_object(Bucket=bucket, Key="k", Body=b"v", ACL="private")
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert code(s3.get_object_acl, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    rules = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}]},
        {"ID": "b", "Status": "Disabled", "Filter": {"Prefix": "y/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 5}},
        {"ID": "c", "Status": "Enabled", "Filter": {"And": {"Prefix": "", "Tags": [{"Key": "k", "Value": "v"}]}}, "Expiration": {"Days": 1}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)


def test_the_cli_copies_lists_and_syncs(s3, bucket, cloud, tmp_path):
    tree = tmp_path / "tree"
    for n in range(1_000):
        file = tree / f"d{n % 10}" / f"f{n}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(n))
    aws = lambda *args: cloud.cli("s3", *args).stdout
    assert aws("sync", str(tree), f"s3://{bucket}/tree", "--no-progress").count("upload:") == 1_000
    assert aws("sync", str(tree), f"s3://{bucket}/tree", "--no-progress") == ""
    (tree / "d3" / "f3").write_text("changed")
    (tree / "d4" / "f4").unlink()
    moved = aws("sync", str(tree), f"s3://{bucket}/tree", "--delete", "--no-progress").splitlines()
    assert sorted(line.split(":")[0] for line in moved) == ["delete", "upload"]
    back = tmp_path / "back"
    aws("sync", f"s3://{bucket}/tree", str(back), "--no-progress", "--quiet")
    of = lambda root: {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}
    assert of(back) == of(tree)
    big = tmp_path / "big"
    big.write_bytes(os.urandom(18 * MIB))
    aws("cp", str(big), f"s3://{bucket}/big", "--quiet")
    aws("mv", f"s3://{bucket}/big", f"s3://{bucket}/moved", "--quiet")
    aws("cp", f"s3://{bucket}/moved", str(tmp_path / "again"), "--quiet")
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest(tmp_path / "again") == digest(big)
    listed = aws("ls", f"s3://{bucket}/").splitlines()
    assert [line.split()[-1] for line in listed] == ["tree/", "moved"]
    aws("rm", f"s3://{bucket}/", "--recursive", "--quiet")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_archives_give_back_what_was_restored_only(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"text", StorageClass="GLACIER")
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("InvalidObjectState", 403)
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "GLACIER"
    wanted = {"Days": 1, "GlacierJobParameters": {"Tier": "Bulk"}}
    restored = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=wanted)
    assert restored["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert s3.head_object(Bucket=bucket, Key="k")["Restore"] == 'ongoing-request="true"'
    assert code(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=wanted) == ("RestoreAlreadyInProgress", 409)
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("InvalidObjectState", 403)


def test_policies_know_an_objects_tags(cloud, s3, bucket):
    iam, name = cloud.client("iam"), f"u-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        condition = {"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}
        statement = {"Effect": "Allow", "Action": "s3:GetObject*", "Resource": "*", "Condition": condition}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        user = cloud.client("s3", made["AccessKeyId"], secret=made["SecretAccessKey"])
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="open=yes")["VersionId"]
        assert user.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
        second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
        assert code(user.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
        assert user.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
        assert code(user.get_object, Bucket=bucket, Key="k", VersionId=second) == ("AccessDenied", 403)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="p")
        iam.delete_user(UserName=name)


def test_tags_and_versioning_are_shown_and_go(s3, bucket):
    tags = [{"Key": "a", "Value": "b"}]
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetBucketLocation": "LocationConstraint",
}


def test_answers_bear_their_names(s3, bucket):
    """Which boto3 does not look at, and others do."""
    found = {}

    def look(operation_model, response_dict, **_):
        root = re.search(rb"<([A-Za-z]+)[ >]", (response_dict["body"] or b"").split(b"?>", 1)[-1])
        found[operation_model.name] = root and root[1].decode()

    s3.meta.events.register("before-parse.s3", look)
    try:
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
        for ask in (s3.list_multipart_uploads, s3.list_objects, s3.list_objects_v2, s3.list_object_versions):
            ask(Bucket=bucket)
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts)
        for ask in (s3.get_bucket_acl, s3.get_bucket_versioning, s3.get_bucket_location):
            ask(Bucket=bucket)
        s3.list_buckets()
        s3.get_object_tagging(Bucket=bucket, Key="k")
        s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag"])
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    finally:
        s3.meta.events.unregister("before-parse.s3", look)
    assert {name: found[name] for name in ROOTS} == ROOTS
