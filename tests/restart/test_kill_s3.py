"""kill -9 while objects are put, deleted and uploaded in parts: what was acknowledged is there, and whole."""

import hashlib
import os
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

KILLS = int(os.environ.get("CLOUDLET_S3_KILLS", "20"))
KEYS = 12
SIZES = [0, 1, 4_096, 32_768, 32_769, 300_000]
PART = 5 << 20


def content(name, size):
    """Bytes that only this name gives."""
    line = hashlib.sha256(name.encode()).hexdigest().encode()
    return (line * (size // len(line) + 1))[:size]


class Writer(threading.Thread):
    """Writes versions and takes them away, over every kill, and remembers what was acknowledged."""

    def __init__(self, cloud, number, end):
        super().__init__()
        self.s3, self.number, self.end = cloud.client("s3"), number, end
        self.chance = random.Random(number)
        self.kept = {}  # (key, version): name and size of its content
        self.gone = set()
        self.markers = set()
        self.done = 0
        self.wrong = []

    def run(self):
        while not self.end.is_set():
            key, name = f"k{self.chance.randrange(KEYS)}", f"{self.number}-{self.done}-{self.chance.random()}"
            step = self.chance.choice([self.put, self.put, self.put, self.delete, self.remove, self.in_parts])
            try:
                step(key, name)
                self.done += 1
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.wrong.append(error)
            except BotoCoreError:
                time.sleep(0.01)

    def put(self, key, name):
        size = self.chance.choice(SIZES)
        put = self.s3.put_object(Bucket="bbb", Key=key, Body=content(name, size))
        self.kept[key, put["VersionId"]] = (name, size)

    def delete(self, key, name):
        self.markers.add((key, self.s3.delete_object(Bucket="bbb", Key=key)["VersionId"]))

    def remove(self, key, name):
        if self.kept:
            place = self.chance.choice(list(self.kept))
            # Unanswered, nobody knows whether it is gone.
            del self.kept[place]
            self.s3.delete_object(Bucket="bbb", Key=place[0], VersionId=place[1])
            self.gone.add(place)

    def in_parts(self, key, name):
        whole = content(name, PART + 1_000)
        upload = {"Bucket": "bbb", "Key": key}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        parts = []
        for number, body in enumerate([whole[:PART], whole[PART:]], 1):
            put = self.s3.upload_part(**upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": put["ETag"]})
        done = self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        self.kept[key, done["VersionId"]] = (name, len(whole))


def test_s3_under_load(own_cloud):
    cloud = own_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bbb")
    s3.put_bucket_versioning(Bucket="bbb", VersioningConfiguration={"Status": "Enabled"})
    end, chance = threading.Event(), random.Random(3)
    writers = [Writer(cloud, number, end) for number in range(4)]
    [writer.start() for writer in writers]
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.6))
        cloud.kill()
        cloud.start()
    end.set()
    [writer.join() for writer in writers]

    assert [error for writer in writers for error in writer.wrong] == []
    assert all(writer.kept and writer.gone and writer.markers for writer in writers), "there was load"
    listed, markers = {}, set()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket="bbb"):
        listed |= {(one["Key"], one["VersionId"]): one for one in page.get("Versions", [])}
        markers |= {(one["Key"], one["VersionId"]) for one in page.get("DeleteMarkers", [])}
    for writer in writers:
        assert writer.gone & set(listed) == set(), "a deletion was acknowledged and undone"
        assert writer.markers <= markers
        assert set(writer.kept) <= set(listed), "an acknowledged version is lost"
        for (key, version), (name, size) in writer.kept.items():
            assert s3.get_object(Bucket="bbb", Key=key, VersionId=version)["Body"].read() == content(name, size)
    # What nobody was told of is whole too, or not there.
    for (key, version), one in listed.items():
        body = s3.get_object(Bucket="bbb", Key=key, VersionId=version)["Body"].read()
        assert len(body) == one["Size"]
        if "-" not in one["ETag"]:
            assert hashlib.md5(body).hexdigest() == one["ETag"].strip('"')
