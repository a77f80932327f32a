"""Forms of browsers that bring a file: fields and conditions, answers, refusals in AWS's words, and files that stream."""

import contextlib
import http.client
import json
import re
import uuid

import boto3
import pytest
from botocore.client import Config

from s3_kit import bucket, code, open_to_all, s3  # noqa: F401


def form(fields, file=b"", name="a.txt", tail=()):
    """Body and headers of a form; the file is last but for `tail`."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/x-not-this\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    parts += [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in tail]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def post(s3, bucket, fields, file=b"text", host=None, **more):
    """Status, headers and body of the answer."""
    body, headers = form(list(fields.items()) if isinstance(fields, dict) else fields, file, **more)
    where = s3.meta.endpoint_url.removeprefix("http://")
    line = http.client.HTTPConnection(where, timeout=60)
    if host:
        headers["Host"] = f"{host}:{where.rsplit(':', 1)[1]}"
    # Whoever is refused in the middle of a file may find the line closed before its end, and the answer there.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.request("POST", "/" if host else f"/{bucket}", body, headers)
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def refused(answer):
    status, _, text = answer
    said = re.search("<Code>(.*?)</Code><Message>(.*?)</Message>", text)
    return status, said[1], said[2].replace("&quot;", '"')


def signed(s3, bucket, key="user/${filename}", fields=None, conditions=(), seconds=300, version="s3v4"):
    keys = s3._request_signer._credentials
    s3 = boto3.client(
        "s3",
        endpoint_url=s3.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(signature_version=version),
    )
    named = [{name: value} for name, value in (fields or {}).items()]
    return s3.generate_presigned_post(bucket, key, Fields=dict(fields or {}), Conditions=[*named, *conditions], ExpiresIn=seconds)["fields"]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_signed_form_makes_an_object(s3, bucket, version):
    wanted = {"Content-Type": "text/plain", "x-amz-meta-a": "1", "acl": "private"}
    fields = signed(s3, bucket, fields=wanted, version=version)
    status, headers, text = post(s3, bucket, fields, name="C:\\x\\ü b.txt")
    assert (status, text) == (204, "")
    stored = s3.get_object(Bucket=bucket, Key="user/ü b.txt")
    assert (stored["Body"].read(), stored["ContentType"], stored["Metadata"]) == (b"text", "text/plain", {"a": "1"})
    assert headers["etag"] == stored["ETag"]
    assert headers["location"] == f"{s3.meta.endpoint_url}/{bucket}/user/%C3%BC%20b.txt"


def test_what_the_form_answers(s3, bucket):
    page = "https://example.org/done?a=1"
    fields = signed(s3, bucket, "k", {"success_action_status": "201"})
    status, headers, text = post(s3, bucket, fields, host=f"{bucket}.s3.localhost")
    etag = headers["etag"]
    port = s3.meta.endpoint_url.rsplit(":", 1)[1]
    place = f"http://{bucket}.s3.localhost:{port}/k"
    assert (status, headers["content-type"], headers["location"]) == (201, "application/xml", place)
    quoted = etag.replace('"', "&quot;")
    assert f"<PostResponse><Location>{place}</Location><Bucket>{bucket}</Bucket><Key>k</Key><ETag>{quoted}</ETag></PostResponse>" in text
    assert post(s3, bucket, signed(s3, bucket, "k", {"success_action_status": "200"}))[0] == 200
    assert post(s3, bucket, signed(s3, bucket, "k", {"success_action_status": "404"}))[0] == 204
    status, headers, _ = post(s3, bucket, signed(s3, bucket, "k", {"success_action_redirect": page}))
    assert (status, headers["location"]) == (303, f"{page}&bucket={bucket}&key=k&etag=%22{etag[1:-1]}%22")
    assert post(s3, bucket, signed(s3, bucket, "k", {"success_action_redirect": "nowhere"}))[0] == 204


def test_tags_and_sums_of_a_form(s3, bucket):
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert post(s3, bucket, signed(s3, bucket, "k", {"tagging": tags}))[0] == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert post(s3, bucket, signed(s3, bucket, "k", {"x-amz-checksum-crc32": "O7snjA=="}))[0] in (204, 400)
    assert refused(post(s3, bucket, signed(s3, bucket, "k", {"x-amz-checksum-crc32": "AAAAAA=="})))[1] == "BadDigest"
    assert refused(post(s3, bucket, signed(s3, bucket, "k", {"x-amz-object-lock-mode": "GOVERNANCE"})))[:2] == (501, "NotImplemented")


def test_conditions_hold(s3, bucket):
    extra = signed(s3, bucket) | {"x-amz-meta-b": "1"}
    assert refused(post(s3, bucket, extra)) == (403, "AccessDenied", "Invalid according to Policy: Extra input fields: x-amz-meta-b")
    ignored = signed(s3, bucket) | {"x-ignore-b": "1"}
    assert post(s3, bucket, ignored)[0] == 204
    other = signed(s3, bucket, "user/${filename}") | {"key": "else/k"}
    status, name, words = refused(post(s3, bucket, other))
    assert (status, name) == (403, "AccessDenied")
    assert words == 'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/"]'
    sized = signed(s3, bucket, "k", conditions=[["content-length-range", 2, 4]])
    assert post(s3, bucket, sized, b"1234")[0] == 204
    assert refused(post(s3, bucket, sized, b"12345")) == (400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    assert refused(post(s3, bucket, sized, b"1")) == (400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    assert refused(post(s3, bucket, sized, b"1" * 3_000_000))[1] == "EntityTooLarge"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1234"
    late = signed(s3, bucket, "k", seconds=-1)
    assert refused(post(s3, bucket, late)) == (403, "AccessDenied", "Invalid according to Policy: Policy expired.")


def test_signatures_are_verified(s3, bucket):
    good = signed(s3, bucket, "k")
    assert refused(post(s3, bucket, good | {"x-amz-signature": "0" * 64}))[:2] == (403, "SignatureDoesNotMatch")
    stranger = good["x-amz-credential"].replace("test", "AKIAIOSFODNN7EXAMPLE", 1)
    assert refused(post(s3, bucket, good | {"x-amz-credential": stranger}))[:2] == (403, "InvalidAccessKeyId")
    for name, shown in (("policy", "policy"), ("x-amz-signature", "X-Amz-Signature"), ("x-amz-credential", "X-Amz-Credential"), ("x-amz-date", "X-Amz-Date")):
        lacking = {key: value for key, value in good.items() if key != name}
        words = f"Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the fields."
        status, given, said = refused(post(s3, bucket, lacking))
        assert (status, given, said.replace("&apos;", "'").replace("&#39;", "'")) == (400, "InvalidArgument", words)


def test_forms_that_make_no_sense(s3, bucket):
    good = signed(s3, bucket, "k")
    assert refused(post(s3, bucket, good, None)) == (400, "InvalidArgument", "POST requires exactly one file upload per request.")
    assert refused(post(s3, bucket, {name: value for name, value in good.items() if name != "key"}))[:2] == (400, "InvalidArgument")
    assert refused(post(s3, bucket, good | {"x-ignore-long": "x" * 30_000}))[:2] == (400, "MaxPostPreDataLengthExceeded")
    assert refused(post(s3, f"{bucket}x", good))[:2] == (404, "NoSuchBucket")
    where = s3.meta.endpoint_url.removeprefix("http://")
    for body, kind in ((b"nonsense", "multipart/form-data; boundary=x"), (b"--x\r\n", "multipart/form-data"), (b"", "multipart/form-data; boundary=x")):
        line = http.client.HTTPConnection(where, timeout=60)
        line.request("POST", f"/{bucket}", body, {"Content-Type": kind})
        answer = line.getresponse()
        assert (answer.status, b"<Code>MalformedPOSTRequest</Code>" in answer.read()) == (400, True), (body, kind)
        line.close()
    # What follows the file is not looked at.
    assert post(s3, bucket, good, tail=[("key", "other")])[0] == 204
    assert code(s3.head_object, Bucket=bucket, Key="other") == ("404", 404)


def test_nobody_may_where_everybody_may(s3, bucket):
    assert refused(post(s3, bucket, {"key": "k"}))[:2] == (403, "AccessDenied")
    open_to_all(s3, bucket, ("s3:PutObject",))
    assert post(s3, bucket, {"key": "k"})[0] == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"


def test_a_large_file_streams(s3, bucket):
    file = bytes(range(256)) * 4 * 1_024 * 24 + b"\r\n--not the boundary"
    assert post(s3, bucket, signed(s3, bucket, "k"), file)[0] == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == file


def test_who_signs_must_be_allowed(cloud, bucket, s3):
    iam = cloud.client("iam")
    user = f"u-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    theirs = cloud.client("s3", key["AccessKeyId"], secret=key["SecretAccessKey"])
    try:
        assert refused(post(s3, bucket, signed(theirs, bucket, "k")))[:2] == (403, "AccessDenied")
        statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/k"}
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        assert post(s3, bucket, signed(theirs, bucket, "k"))[0] == 204
        assert refused(post(s3, bucket, signed(theirs, bucket, "other")))[:2] == (403, "AccessDenied")
        iam.delete_user_policy(UserName=user, PolicyName="p")
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=user)
