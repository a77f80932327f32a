"""Bytes that answers send to the world, and who pays for them."""

import json
import socket
from urllib.parse import urlsplit

from conftest import eventually

MIB = 1 << 20


def sent(cloud, service):
    """Bytes by account."""
    lines = json.loads(cloud.get("/_cloudlet/usage"))["usage"]
    of = [line for line in lines if (line["service"], line["usage_type"]) == (service, "DataTransfer-Out-Bytes")]
    assert all(line["unit"] == "Bytes" for line in of)
    return {line["account"]: line["quantity"] for line in of}


def test_what_a_bucket_sends_its_owner_pays(own_cloud):
    cloud = own_cloud()
    owner, reader = cloud.client("s3", account="111122223333"), cloud.client("s3", account="444455556666")
    paid = lambda: sent(cloud, "s3").get("111122223333", 0)
    owner.create_bucket(Bucket="sends")
    owner.put_object(Bucket="sends", Key="index.html", Body=b"p" * 64 * MIB)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sends/*"}
    owner.delete_public_access_block(Bucket="sends")
    owner.put_bucket_policy(Bucket="sends", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    owner.put_bucket_website(Bucket="sends", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    before = paid()

    read = reader.get_object(Bucket="sends", Key="index.html", Range=f"bytes=0-{MIB - 1}")["Body"].read()
    reader.head_object(Bucket="sends", Key="index.html")
    assert len(read) == MIB
    eventually(lambda: paid() == before + MIB, "what was read is on the owner's bill, to the byte")

    # A page, by a browser that goes away at its beginning.
    at = urlsplit(cloud.endpoint)
    with socket.create_connection((at.hostname, at.port)) as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        browser.sendall(b"GET / HTTP/1.1\r\nHost: sends.s3-website.us-east-1.localhost\r\n\r\n")
        assert browser.recv(65_536).startswith(b"HTTP/1.1 200")
    eventually(lambda: paid() > before + MIB, "so is what went out to somebody who left")
    assert paid() < before + 60 * MIB
    assert "444455556666" not in sent(cloud, "s3")


def test_other_answers_the_caller_pays(own_cloud):
    cloud = own_cloud()
    sqs = cloud.client("sqs", account="111122223333")
    url = sqs.create_queue(QueueName="sends")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m" * 100_000)
    assert len(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == 100_000
    eventually(lambda: 100_000 < sent(cloud, "sqs").get("111122223333", 0) < 102_000, "the message is on the bill")
