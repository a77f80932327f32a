"""What goes wrong: a disk that fills, keys that would climb out of their folder, ten thousand senders that hardly send."""

import os
import resource
import selectors
import socket
import subprocess
import time
import urllib.parse
import uuid

from conftest import Cloud, eventually, needs_root
from s3_kit import bucket, code, curl, open_to_all, s3  # noqa: F401

SLOW = bool(os.environ.get("CLOUDLET_SLOW"))


@needs_root
def test_a_full_disk_is_said_and_reads_go_on(tmp_path):
    folder = tmp_path / "cl-full"
    objects = folder / "data" / "objects"
    objects.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "clfull", objects], check=True)
    cloud = Cloud(folder)
    try:
        cloud.start()
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="before", Body=b"b" * 3_000_000)
        assert code(s3.put_object, Bucket="full", Key="large", Body=b"x" * 20_000_000) == ("InsufficientStorage", 507)
        assert code(s3.head_object, Bucket="full", Key="large") == ("404", 404)
        upload = s3.create_multipart_upload(Bucket="full", Key="parts")["UploadId"]
        assert code(s3.upload_part, Bucket="full", Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * 20_000_000)[1] == 507
        assert s3.list_parts(Bucket="full", Key="parts", UploadId=upload).get("Parts") is None
        assert s3.get_object(Bucket="full", Key="before")["Body"].read() == b"b" * 3_000_000
        s3.put_object(Bucket="full", Key="short", Body=b"s")
        # Nothing of the refused ones stays: there is room for as much as before.
        s3.put_object(Bucket="full", Key="after", Body=b"a" * 3_000_000)
        assert s3.get_object(Bucket="full", Key="after")["Body"].read() == b"a" * 3_000_000
    finally:
        status = cloud.stop()
        subprocess.run(["umount", objects], check=True)
    assert status == 0, cloud.log()


KEYS = [
    "../up",
    "../../../../../../tmp/cl-climbed",
    "a/../../b",
    "..",
    ".",
    "./x",
    "a//b",
    "/root",
    "a\\..\\b",
    "nul\0in it",
    "=lock",
    "name#1",
    "%2e%2e/x",
    "\u00e4" * 512,
    "\U0001f600" * 256,
]


def test_keys_stay_where_they_belong(cloud, s3, bucket):
    for at, key in enumerate(KEYS):
        # Long ones lie in files.
        body = f"{at}".encode() * (50_000 if at % 2 else 1)
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
    names = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, EncodingType="url"):
        names += [urllib.parse.unquote(one["Key"]) for one in page["Contents"]]
    assert sorted(names) == sorted(KEYS)
    assert not os.path.exists("/tmp/cl-climbed")
    too_long = "\u00e4" * 512 + "x"
    assert code(s3.put_object, Bucket=bucket, Key=too_long, Body=b"") == ("KeyTooLongError", 400)
    status, body = curl("-X", "PUT", "--data-binary", "x", f"{s3.meta.endpoint_url}/{bucket}/%ff%fe")
    assert (status, b"<Code>InvalidURI</Code>" in body) == (400, True), (status, body)


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_slow_senders_take_little(own_cloud):
    count = 10_000 if SLOW else 1_000
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    cloud = own_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="slow")
    open_to_all(s3, "slow", ("s3:PutObject",))
    before = resident_kib(cloud.process.pid)
    lines = []
    try:
        for at in range(count):
            line = socket.create_connection(("127.0.0.1", cloud.port))
            line.sendall(f"PUT /slow/k{at} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx".encode())
            lines.append(line)
        # Who is in a hurry is served.
        begun = time.monotonic()
        s3.put_object(Bucket="slow", Key="quick", Body=b"quick")
        assert s3.get_object(Bucket="slow", Key="quick")["Body"].read() == b"quick"
        assert time.monotonic() - begun < 5
        each = (resident_kib(cloud.process.pid) - before) / count
        print(f"{count} open uploads take {each:.1f} KiB each")
        assert each < 48
    finally:
        for line in lines:
            line.close()
    eventually(lambda: s3.list_objects_v2(Bucket="slow")["KeyCount"] == 1, "only one came in")


def test_slow_readers_take_little(own_cloud):
    cloud = own_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="slow")
    s3.put_object(Bucket="slow", Key="long", Body=b"x" * (32 << 20))
    open_to_all(s3, "slow")
    request = b"GET /slow/long HTTP/1.1\r\nHost: localhost\r\n\r\n"
    before, lines = resident_kib(cloud.process.pid), []
    try:
        for _ in range(100):
            line = socket.create_connection(("127.0.0.1", cloud.port))
            line.sendall(request)
            # It has begun, and is not read on.
            assert line.recv(12) == b"HTTP/1.1 200"
            lines.append(line)
        begun = time.monotonic()
        assert s3.get_object(Bucket="slow", Key="long")["Body"].read() == b"x" * (32 << 20)
        assert time.monotonic() - begun < 20
        taken = (resident_kib(cloud.process.pid) - before) / 1024
        print(f"100 readers who do not read take {taken:.1f} MiB")
        assert taken < 96
    finally:
        for line in lines:
            line.close()


def test_who_is_refused_while_sending_hears_why(cloud, s3, bucket):
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=30) as line:
        head = f"PUT /{bucket}/nobodys HTTP/1.1\r\nHost: localhost\r\nContent-Length: {8 << 20}\r\n\r\n"
        line.sendall(head.encode())
        # All of it, before the answer is read.
        line.sendall(b"x" * (8 << 20))
        answer = b""
        while b"<Code>AccessDenied</Code>" not in answer:
            more = line.recv(65_536)
            assert more, answer
            answer += more


def test_an_object_is_not_posted_to(cloud, s3, bucket):
    url = f"{s3.meta.endpoint_url}/{bucket}/key"
    status, body = curl("-X", "POST", "-H", "Content-Length: 0", url)
    assert (status, b"<Code>MethodNotAllowed</Code>" in body) == (405, True), (status, body)
    # With the upload it ends, it is another request.
    upload = {"Bucket": bucket, "Key": "key", "UploadId": "none", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}}
    assert code(s3.complete_multipart_upload, **upload)[0] == "NoSuchUpload"
