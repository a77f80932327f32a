"""kill -9 while archives are put away and retrieved: what was acknowledged is there, and whole; jobs go on."""

import hashlib
import io
import json
import os
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import calculate_tree_hash
from conftest import eventually

KILLS = int(os.environ.get("CLOUDLET_GLACIER_KILLS", "8"))
SIZES = [1, 65_536, 65_537, 700_000]
MIB = 1 << 20


def content(name, size):
    """Bytes that only this name gives."""
    line = hashlib.sha256(name.encode()).hexdigest().encode()
    return (line * (size // len(line) + 1))[:size]


class Keeper(threading.Thread):
    """Puts archives away over every kill, and remembers what was acknowledged."""

    def __init__(self, cloud, number, end):
        super().__init__()
        self.glacier, self.number, self.end = cloud.client("glacier"), number, end
        self.chance = random.Random(number)
        self.kept = {}  # archive: name and size of its content
        self.gone = set()
        self.jobs = {}  # job: its archive
        self.wrong = []

    def run(self):
        while not self.end.is_set():
            name = f"{self.number}-{self.chance.random()}"
            try:
                self.chance.choice([self.put, self.put, self.in_parts, self.remove, self.retrieve])(name)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.wrong.append(error)
            except BotoCoreError:
                time.sleep(0.01)

    def put(self, name):
        size = self.chance.choice(SIZES)
        done = self.glacier.upload_archive(vaultName="v", body=content(name, size), archiveDescription=name)
        self.kept[done["archiveId"]] = (name, size)

    def in_parts(self, name):
        whole = content(name, MIB + 1_000)
        upload = self.glacier.initiate_multipart_upload(vaultName="v", partSize=str(MIB), archiveDescription=name)["uploadId"]
        for start in (MIB, 0):
            body = whole[start : start + MIB]
            span = f"bytes {start}-{start + len(body) - 1}/*"
            self.glacier.upload_multipart_part(vaultName="v", uploadId=upload, range=span, body=body)
        done = self.glacier.complete_multipart_upload(
            vaultName="v", uploadId=upload, archiveSize=str(len(whole)), checksum=calculate_tree_hash(io.BytesIO(whole))
        )
        self.kept[done["archiveId"]] = (name, len(whole))

    def remove(self, name):
        free = [archive for archive in self.kept if archive not in self.jobs.values()]
        if free:
            archive = self.chance.choice(free)
            # Unanswered, nobody knows whether it is gone.
            del self.kept[archive]
            self.glacier.delete_archive(vaultName="v", archiveId=archive)
            self.gone.add(archive)

    def retrieve(self, name):
        if self.kept and len(self.jobs) < 20:
            archive = self.chance.choice(list(self.kept))
            wanted = {"Type": "archive-retrieval", "ArchiveId": archive, "Tier": "Bulk"}
            self.jobs[self.glacier.initiate_job(vaultName="v", jobParameters=wanted)["jobId"]] = archive


def test_glacier_under_load(own_cloud):
    # Twelve hours of a bulk retrieval are four seconds.
    cloud = own_cloud(args=["--restore-speed", "10800"])
    glacier = cloud.client("glacier")
    glacier.create_vault(vaultName="v")
    end, chance = threading.Event(), random.Random(3)
    keepers = [Keeper(cloud, number, end) for number in range(3)]
    [keeper.start() for keeper in keepers]
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.8))
        cloud.kill()
        cloud.start()
    end.set()
    [keeper.join() for keeper in keepers]

    assert [error for keeper in keepers for error in keeper.wrong] == []
    assert all(keeper.kept and keeper.jobs for keeper in keepers), "there was load"

    def ended(job):
        return glacier.describe_job(vaultName="v", jobId=job)["Completed"]

    def read(job):
        eventually(lambda: ended(job), "the job ends")
        return glacier.get_job_output(vaultName="v", jobId=job)["body"].read()

    listing = glacier.initiate_job(vaultName="v", jobParameters={"Type": "inventory-retrieval"})["jobId"]
    eventually(lambda: ended(listing), "the inventory is taken")
    listed = {one["ArchiveId"]: one for one in json.loads(read(listing))["ArchiveList"]}
    shown = glacier.describe_vault(vaultName="v")
    assert (shown["NumberOfArchives"], shown["SizeInBytes"]) == (len(listed), sum(one["Size"] for one in listed.values()))
    for keeper in keepers:
        assert keeper.gone & set(listed) == set(), "a deletion was acknowledged and undone"
        assert set(keeper.kept) <= set(listed), "an acknowledged archive is lost"
        for job, archive in keeper.jobs.items():
            if archive in keeper.kept:
                name, size = keeper.kept[archive]
                assert read(job) == content(name, size)
    # What nobody was told of is whole too, or not there.
    for one in list(listed.values())[:60]:
        wanted = {"Type": "archive-retrieval", "ArchiveId": one["ArchiveId"], "Tier": "Expedited"}
        body = read(glacier.initiate_job(vaultName="v", jobParameters=wanted)["jobId"])
        assert body == content(one["ArchiveDescription"], one["Size"])
        assert calculate_tree_hash(io.BytesIO(body)) == one["SHA256TreeHash"]
