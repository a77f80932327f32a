"""kill -9 at random moments, again and again, under load: nothing acknowledged is lost, nothing is left behind."""

import json
import os
import random
import subprocess
import threading
import time
import uuid

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from conftest import ROOT, eventually

KILLS = int(os.environ.get("CLOUDLET_KILLS", "100"))
CHURN_KILLS = int(os.environ.get("CLOUDLET_CHURN_KILLS", "20"))
GROUPS = ["a", "b", "c"]


class Load:
    """Senders and one receiver that go on over every kill, and remember what was acknowledged."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.lock = threading.Lock()
        self.end = threading.Event()
        self.sent = {}  # body: acknowledged, of the standard queue
        self.deleted = set()
        self.fifo_sent = {group: [] for group in GROUPS}  # bodies acknowledged, in order
        self.fifo_got = {group: [] for group in GROUPS}  # in order of receipt
        self.fifo_deleted = set()
        self.after_delete = []
        self.threads = [threading.Thread(target=self.send, daemon=True), threading.Thread(target=self.receive, daemon=True)]
        self.threads += [threading.Thread(target=self.send_fifo, args=(group,), daemon=True) for group in GROUPS]

    def start(self):
        sqs = self.cloud.client("sqs")
        self.queue = sqs.create_queue(QueueName="standard", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
        self.fifo = sqs.create_queue(QueueName="f.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "2"})["QueueUrl"]
        [thread.start() for thread in self.threads]

    def join(self):
        self.end.set()
        [thread.join() for thread in self.threads]

    def patient(self, call, **params):
        """The same request until it is answered, also past the end: unanswered, nobody knows whether it happened."""
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                return call(**params)
            except (BotoCoreError, ClientError) as error:
                status = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 503)
                assert status >= 500, error
                time.sleep(0.01)
        return None

    def send(self):
        sqs = self.cloud.client("sqs")
        while not self.end.is_set():
            # Never tried again: a standard queue would rightly keep both.
            body = uuid.uuid4().hex
            with self.lock:
                self.sent[body] = False
            try:
                sqs.send_message(QueueUrl=self.queue, MessageBody=body)
            except (BotoCoreError, ClientError):
                time.sleep(0.01)
                continue
            with self.lock:
                self.sent[body] = True

    def send_fifo(self, group):
        sqs = self.cloud.client("sqs")
        n = 0
        while not self.end.is_set():
            body = f"{group}-{n}"
            n += 1
            params = {"MessageGroupId": group, "MessageDeduplicationId": body}
            if self.patient(sqs.send_message, QueueUrl=self.fifo, MessageBody=body, **params):
                with self.lock:
                    self.fifo_sent[group].append(body)

    def receive(self):
        sqs = self.cloud.client("sqs")
        while not self.end.is_set():
            self.take(sqs, self.queue, self.got)
            self.take(sqs, self.fifo, self.got_fifo)

    def take(self, sqs, queue, note):
        answer = self.patient(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"])
        for message in (answer or {}).get("Messages", []):
            note(message)
            done = self.patient(sqs.delete_message, QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if done is None:
                break
            with self.lock:
                (self.deleted if queue == self.queue else self.fifo_deleted).add(message["Body"])
        return len((answer or {}).get("Messages", []))

    def got(self, message):
        with self.lock:
            assert message["Body"] in self.sent
            if message["Body"] in self.deleted:
                self.after_delete.append(message["Body"])

    def got_fifo(self, message):
        group = message["Attributes"]["MessageGroupId"]
        with self.lock:
            if message["Body"] in self.fifo_deleted:
                self.after_delete.append(message["Body"])
            self.fifo_got[group].append(message["Body"])

    def drain(self):
        """Takes what is left, with the load at rest."""
        self.end.clear()
        sqs = self.cloud.client("sqs")
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 3:
            if self.take(sqs, self.queue, self.got) + self.take(sqs, self.fifo, self.got_fifo):
                quiet_since = time.monotonic()


def test_sqs_under_load(own_cloud):
    cloud = own_cloud()
    load = Load(cloud)
    load.start()
    chance = random.Random(1)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.02, 0.35))
        cloud.kill()
        cloud.start()
    load.join()
    load.drain()

    lost = [body for body, acknowledged in load.sent.items() if acknowledged and body not in load.deleted]
    assert lost == []
    assert load.after_delete == [], "a deletion was acknowledged and undone"
    assert sum(load.sent.values()) > KILLS, "there was load"
    for group in GROUPS:
        assert [body for body in load.fifo_sent[group] if body not in load.fifo_deleted] == []
        first = list(dict.fromkeys(load.fifo_got[group]))
        numbers = [int(body.split("-")[1]) for body in first]
        assert numbers == sorted(numbers), f"group {group} out of order"


def host_objects():
    """What a cloud may leave on a host: names of ours in every place where we make things."""
    ask = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout
    namespaces = [line.split()[0] for line in ask("ip", "netns", "list").splitlines() if line.startswith("cl")]
    links = [one["ifname"] for one in json.loads(ask("ip", "-j", "link") or "[]") if one["ifname"].startswith("cl")]
    mounts = [line.split()[1] for line in open("/proc/mounts") if "/cloudlet/" in line or "cloudlet-test" in line]
    cgroups = ask("sh", "-c", "find /sys/fs/cgroup -type d -name 'cl*' 2>/dev/null").split()
    shims = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open(f"/proc/{pid}/cmdline").read()
        except OSError:
            continue
        if "__machine-shim" in command or "__guest-init" in command:
            shims.append(pid)
    return {"namespaces": namespaces, "links": links, "mounts": mounts, "cgroups": cgroups, "processes": shims}


@pytest.mark.skipif(not ROOT, reason="machines and networks need root")
def test_instances_under_churn(own_cloud):
    before = host_objects()
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    chance = random.Random(2)
    end = threading.Event()

    def churn():
        ec2 = cloud.client("ec2")
        while not end.is_set():
            try:
                order = dict(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, ClientToken=uuid.uuid4().hex)
                several = [{"DeviceIndex": 0}, {"DeviceIndex": 1}]
                made = ec2.run_instances(**order, **chance.choice([{}, {"NetworkInterfaces": several}]))
                instance = made["Instances"][0]["InstanceId"]
                time.sleep(chance.uniform(0.0, 0.4))
                verb = chance.choice([ec2.stop_instances, ec2.terminate_instances, ec2.reboot_instances])
                verb(InstanceIds=[instance])
                time.sleep(chance.uniform(0.0, 0.2))
                if chance.random() < 0.8:
                    ec2.terminate_instances(InstanceIds=[instance])
            except (BotoCoreError, ClientError):
                time.sleep(0.01)

    threads = [threading.Thread(target=churn, daemon=True) for _ in range(2)]
    [thread.start() for thread in threads]
    for _ in range(CHURN_KILLS):
        time.sleep(chance.uniform(0.05, 0.8))
        cloud.kill()
        cloud.start()
    end.set()
    [thread.join() for thread in threads]

    every = lambda: [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    settled = {"running", "stopped", "terminated"}
    eventually(lambda: {i["State"]["Name"] for i in every()} <= settled, "every instance comes to rest", 60)
    running = [i["InstanceId"] for i in every() if i["State"]["Name"] == "running"]
    shims = lambda: len(host_objects()["processes"]) - len(before["processes"])
    eventually(lambda: (shims() > 0) == bool(running), "processes are those of running instances", 30)
    if running:
        ec2.terminate_instances(InstanceIds=running)
    stopped = [i["InstanceId"] for i in every() if i["State"]["Name"] == "stopped"]
    if stopped:
        ec2.terminate_instances(InstanceIds=stopped)
    eventually(lambda: {i["State"]["Name"] for i in every()} == {"terminated"}, "all are terminated", 60)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    cloud.stop()
    # The kernel takes a removed link away a moment after it is told to.
    eventually(lambda: leftovers(before) == {}, "nothing is left on the host", 10)


def leftovers(before):
    now = host_objects()
    new = {kind: sorted(set(now[kind]) - set(before[kind])) for kind in now}
    return {kind: names for kind, names in new.items() if names}
