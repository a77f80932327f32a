"""What is measured. Each function gives plain numbers; what they should be stands in report.py."""

import base64
import concurrent.futures
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time

from aws import Client, Objects, Refused, Request, values
from servers import Cloudlet, running

WEB = b"#!/bin/sh\nmkdir -p /srv/web && cd /srv/web && echo hello > index.html\nexec python3 -m http.server 80\n"
POLL_S = 0.002


def median(numbers):
    return statistics.median(numbers) if numbers else None


def wrk(request, port, connections, seconds):
    """Requests answered with success in a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(request.lua())
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, f"http://127.0.0.1:{port}/"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    total = int(re.search(r"(\d+) requests in", said).group(1))
    failed = sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    if total == 0 or failed > 0:
        raise Refused(f"{failed} of {total} requests failed\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))


SETTLED_TICKS = 2


def settle(servers):
    """Waits until the servers rest: what one has left to do must not be in another's turn. 20 s at most."""

    def ticks(server):
        with open(f"/proc/{server.process.pid}/stat") as stat:
            return sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13])

    end = time.monotonic() + 20
    while time.monotonic() < end:
        before = [ticks(server) for server in servers]
        time.sleep(0.2)
        if all(ticks(server) - was <= SETTLED_TICKS for server, was in zip(servers, before)):
            return


# Start and rest


def starts(binary, rounds):
    """Seconds to ready of an empty folder, and KiB when idle: all, and those no file is behind."""
    seconds, memory, anonymous = [], [], []
    for _ in range(rounds):
        with running(Cloudlet(binary)) as (cloud,):
            seconds.append(cloud.ready_s)
            if len(memory) < 3:
                time.sleep(1)
                memory.append(cloud.memory_kib())
                anonymous.append(cloud.memory_kib("RssAnon"))
    return median(seconds), median(memory), median(anonymous)


def start_of(kind, binary, rounds):
    """The same of a rival, to its first answer."""
    seconds, memory = [], []
    for _ in range(rounds):
        with running(kind(binary)) as (server,):
            seconds.append(server.ready_s)
            if not memory:
                time.sleep(1)
                memory.append(server.memory_kib())
    return median(seconds), median(memory)


def restarts(binary, queues, rounds):
    """Seconds to ready of a folder that holds so many queues."""
    with running(Cloudlet(binary)) as (cloud,):

        def make(numbers):
            client = Client(cloud.port)
            for number in numbers:
                client.sqs("CreateQueue", QueueName=f"q{number}")

        lanes = 32
        with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
            list(pool.map(make, [range(lane, queues, lanes) for lane in range(lanes)]))
        seconds = []
        for _ in range(rounds):
            cloud.end()
            seconds.append(cloud.start().ready_s)
        return median(seconds)


# Requests


def send_rates(servers, connections, rounds, seconds):
    """SendMessage: requests a second of each server, in turns, a new queue for each."""
    rates = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers:
            url, name = f"http://127.0.0.1:{server.port}/000000000000/q", f"q{connections}-{turn}"
            client = None if server.name == "floor" else Client(server.port)
            if client:
                url = client.sqs("CreateQueue", QueueName=name)["QueueUrl"]
            request = Request(server.port, "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": "hello" * 10})
            # The first turn warms up.
            rate = wrk(request, server.port, connections, seconds if turn else 1)
            if turn:
                rates[server.name].append(rate)
            if client:
                client.sqs("DeleteQueue", QueueUrl=url)
            settle(servers)
    return {name: median(all_turns) for name, all_turns in rates.items()}


POLICIES = 10
STATEMENTS = 20


def role_session(client):
    """Credentials of a role that ten policies of twenty statements let send and list, in the last of them."""
    account = values(client.form("sts", "GetCallerIdentity"), "Account")[0]
    document = lambda statements: json.dumps({"Version": "2012-10-17", "Statement": statements})
    trust = [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}]
    client.form("iam", "CreateRole", RoleName="sender", AssumeRolePolicyDocument=document(trust))
    for number in range(POLICIES):
        arn = lambda at: f"arn:aws:sqs:*:{account}:none-{number}-{at}"
        statements = [{"Effect": "Allow", "Action": "sqs:*", "Resource": arn(at)} for at in range(STATEMENTS - 1)]
        last = number == POLICIES - 1
        may = {"Action": ["sqs:SendMessage", "sqs:ListQueues"], "Resource": "*" if last else arn("x")}
        statements.append({"Effect": "Allow", **may})
        made = client.form("iam", "CreatePolicy", PolicyName=f"p{number}", PolicyDocument=document(statements))
        client.form("iam", "AttachRolePolicy", RoleName="sender", PolicyArn=values(made, "Arn")[0])
    # Root may not take on a role: a user does.
    client.form("iam", "CreateUser", UserName="taker")
    may = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]
    client.form("iam", "PutUserPolicy", UserName="taker", PolicyName="p", PolicyDocument=document(may))
    made = client.form("iam", "CreateAccessKey", UserName="taker")
    taker = (values(made, "AccessKeyId")[0], values(made, "SecretAccessKey")[0], None)
    params = {"RoleArn": f"arn:aws:iam::{account}:role/sender", "RoleSessionName": "bench"}
    taken = client.send(Request(client.port, "sts", "AssumeRole", params, taker))
    return tuple(values(taken, name)[0] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))


def role_rates(cloud, rounds, seconds):
    """SendMessage at 64 connections, by root and by the session of a role, in turns."""
    client = Client(cloud.port)
    session = role_session(client)
    rates = {"root": [], "role": []}
    for turn in range(rounds + 1):
        for name, who in (("root", ("test", "test", None)), ("role", session)):
            url = client.sqs("CreateQueue", QueueName=f"{name}-{turn}")["QueueUrl"]
            request = Request(cloud.port, "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": "hello" * 10}, who)
            rate = wrk(request, cloud.port, 64, seconds if turn else 1)
            if turn:
                rates[name].append(rate)
            client.sqs("DeleteQueue", QueueUrl=url)
            settle([cloud])
    return {name: median(all_turns) for name, all_turns in rates.items()}


def add_users(port, count):
    """Users with a policy and a key each, made over eight connections."""
    may = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}})

    def make(numbers):
        client = Client(port)
        for number in numbers:
            name = f"other-{number}"
            client.form("iam", "CreateUser", UserName=name)
            client.form("iam", "PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=may)
            client.form("iam", "CreateAccessKey", UserName=name)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(make, [range(first, count, 8) for first in range(8)]))


def crowd_rates(ours, users, rounds, seconds):
    """Calls that only the gate costs, by the session of a role, in turns: where few others are, and where many are."""
    with running(Cloudlet(ours), Cloudlet(ours)) as clouds:
        sessions = [role_session(Client(cloud.port)) for cloud in clouds]
        add_users(clouds[1].port, users)
        rates = [[], []]
        for turn in range(rounds + 1):
            for cloud, session, found in zip(clouds, sessions, rates):
                request = Request(cloud.port, "sqs", "ListQueues", {}, session)
                rate = wrk(request, cloud.port, 64, seconds if turn else 1)
                if turn:
                    found.append(rate)
        return [median(found) for found in rates]


def read_rates(servers, service, operation, rounds, seconds):
    rates = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers:
            rate = wrk(Request(server.port, service, operation, {}), server.port, 64, seconds if turn else 1)
            if turn:
                rates[server.name].append(rate)
    return {name: median(all_turns) for name, all_turns in rates.items()}


def data_key_rates(servers, rounds, seconds):
    """GenerateDataKey under one key at 64 connections, in turns."""
    keys = {server.name: Client(server.port).kms("CreateKey")["KeyMetadata"]["KeyId"] for server in servers}
    rates = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers:
            wanted = {"KeyId": keys[server.name], "KeySpec": "AES_256", "EncryptionContext": {"a": "b"}}
            request = Request(server.port, "kms", "GenerateDataKey", wanted)
            rate = wrk(request, server.port, 64, seconds if turn else 1)
            if turn:
                rates[server.name].append(rate)
    return {name: median(all_turns) for name, all_turns in rates.items()}


OBJECTS = 256
OBJECT_BYTES = 4_096
STREAM_BYTES = 64 << 20


def object_rates(servers, rounds, seconds):
    """PutObject and GetObject of 4 KiB under 256 keys at 64 connections, requests a second, in turns."""
    rates = {"PUT": {server.name: [] for server in servers}, "GET": {server.name: [] for server in servers}}
    for server in servers:
        Objects(server.port, "PUT", ["/bench"]).send()
        Objects(server.port, "PUT", object_paths(), b"x" * OBJECT_BYTES).send()
    for turn in range(rounds + 1):
        for server in servers:
            for method, body in (("PUT", b"x" * OBJECT_BYTES), ("GET", b"")):
                rate = wrk(Objects(server.port, method, object_paths(), body), server.port, 64, seconds if turn else 1)
                if turn:
                    rates[method][server.name].append(rate)
    return {method: {name: median(turns) for name, turns in of.items()} for method, of in rates.items()}


def object_paths():
    return [f"/bench/k{at}" for at in range(OBJECTS)]


def stream_rates(server, rounds):
    """Bytes a second of an object of 64 MiB, put and got by one connection; the body is digested by both sides."""
    Objects(server.port, "PUT", ["/streams"]).send()
    put = [Objects(server.port, "PUT", ["/streams/k"], b"x" * STREAM_BYTES).send() for _ in range(rounds + 1)]
    got = [Objects(server.port, "GET", ["/streams/k"]).send() for _ in range(rounds + 1)]
    return STREAM_BYTES / median(put[1:]), STREAM_BYTES / median(got[1:])


def batch(url, count=10):
    entries = [{"Id": str(at), "MessageBody": "hello" * 10} for at in range(count)]
    return {"QueueUrl": url, "Entries": entries}


def backlog(client, url):
    answer = client.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def fill(cloud, client, url, messages):
    """One batch again and again, by many at a time, till there are so many."""
    while backlog(client, url) < messages:
        wrk(Request(cloud.port, "sqs", "SendMessageBatch", batch(url)), cloud.port, 64, 5)


def take(client, url, batches):
    """Seconds to receive and delete a batch of ten, mean over so many."""
    begun = time.perf_counter()
    for _ in range(batches):
        got = client.sqs("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=300)["Messages"]
        entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(got)]
        gone = client.sqs("DeleteMessageBatch", QueueUrl=url, Entries=entries)
        if len(got) < 10 or gone.get("Failed"):
            raise Refused(f"{len(got)} received; {gone}")
    return (time.perf_counter() - begun) / batches


def drains(binary, small, large, rounds):
    """Seconds for a batch out of a small and of a large backlog, in turns."""
    with running(Cloudlet(binary)) as (cloud,):
        client = Client(cloud.port)
        few, many = [client.sqs("CreateQueue", QueueName=name)["QueueUrl"] for name in ("few", "many")]
        fill(cloud, client, many, large)
        took = {"few": [], "many": []}
        for turn in range(rounds + 1):
            for _ in range(small // 10 - backlog(client, few) // 10):
                client.sqs("SendMessageBatch", **batch(few))
            for name, url in (("few", few), ("many", many)):
                seconds = take(client, url, small // 10)
                if turn:
                    took[name].append(seconds)
        return median(took["few"]), median(took["many"]), backlog(client, many), cloud.memory_kib()


# Machines


class Machines:
    """Instances of the image `host`, with port 80 open."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = Client(cloud.port)
        images = self.client.ec2("DescribeImages", **{"Filter.1.Name": "name", "Filter.1.Value.1": "host"})
        self.image = values(images, "imageId")[0]
        made = self.client.ec2("CreateSecurityGroup", GroupName="bench", GroupDescription="port 80")
        self.group = values(made, "groupId")[0]
        rule = {"IpProtocol": "tcp", "FromPort": "80", "ToPort": "80", "IpRanges.1.CidrIp": "0.0.0.0/0"}
        rule = {f"IpPermissions.1.{name}": value for name, value in rule.items()}
        self.client.ec2("AuthorizeSecurityGroupIngress", GroupId=self.group, **rule)

    def run(self, count, user_data=None):
        """Ids, and when they were asked for (seconds since 1970)."""
        more = {"UserData": base64.b64encode(user_data).decode()} if user_data else {}
        more |= {"ImageId": self.image, "InstanceType": "t3.nano", "MinCount": str(count), "MaxCount": str(count)}
        begun = time.time()
        answer = self.client.ec2("RunInstances", **more, **{"SecurityGroupId.1": self.group})
        return values(answer, "instanceId"), begun

    def first_instruction(self, instance, within_s=30):
        """When the guest's first process began, as it says on its console (seconds since 1970)."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            text = "".join(values(self.client.ec2("GetConsoleOutput", InstanceId=instance), "output"))
            found = re.search(rb"first instruction at (\d+)", base64.b64decode(text))
            if found:
                return int(found.group(1)) / 1_000
            time.sleep(0.02)
        raise TimeoutError(f"{instance} says nothing: {self.cloud.text()}")

    def address(self, instance, within_s=30):
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            found = values(self.client.ec2("DescribeInstances", **{"InstanceId.1": instance}), "ipAddress")
            if found:
                return found[0]
            time.sleep(POLL_S)
        raise TimeoutError(f"{instance} has no address: {self.cloud.text()}")

    def first_answer(self, instance, within_s=30):
        """When its web server first answered."""
        address = self.address(instance)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            try:
                # Tried anew often: a packet nobody hears is only sent again after a second.
                with socket.create_connection((address, 80), timeout=0.02) as connection:
                    connection.settimeout(5)
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if b" 200" in connection.recv(64):
                        return time.time()
            except OSError:
                time.sleep(POLL_S)
        raise TimeoutError(f"{instance} does not answer: {self.cloud.text()}")

    def terminate(self, instances):
        for at in range(0, len(instances), 50):
            part = instances[at : at + 50]
            ids = {f"InstanceId.{n + 1}": instance for n, instance in enumerate(part)}
            self.client.ec2("TerminateInstances", **ids)
            end = time.monotonic() + 60
            while set(values(self.client.ec2("DescribeInstances", **ids), "name")) & {"running", "shutting-down"}:
                if time.monotonic() > end:
                    raise TimeoutError(f"not terminated: {self.cloud.text()}")
                time.sleep(0.05)


def pss_kib(binary):
    """Of all processes that are our program: the cloud, shims, and the first processes of machines that have no other."""
    total, file = 0, os.stat(binary).st_ino
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}/exe").st_ino == file:
                with open(f"/proc/{pid}/smaps_rollup") as rollup:
                    total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, ValueError):
            continue
    return total


def machines(binary, rounds, crowd):
    """Seconds to the first instruction, of one and of the last of a crowd; to the first answer; KiB for each of a crowd."""
    with running(Cloudlet(binary)) as (cloud,):
        all_of = Machines(cloud)
        one, web, together = [], [], []
        for turn in range(rounds + 1):
            instances, begun = all_of.run(1, WEB)
            answered = all_of.first_answer(instances[0]) - begun
            first = all_of.first_instruction(instances[0]) - begun
            all_of.terminate(instances)
            if turn:
                one.append(first)
                web.append(answered)
        kib = None
        for _ in range(3):
            before = pss_kib(binary)
            instances, begun = all_of.run(crowd)
            together.append(max(all_of.first_instruction(instance) for instance in instances) - begun)
            if kib is None:
                time.sleep(3)
                kib = (pss_kib(binary) - before) / crowd
            all_of.terminate(instances)
        return median(one), median(together), median(web), kib
