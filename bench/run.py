#!/usr/bin/env python3
"""Measures everything docs/benchmarks.md says, in one run: `./dev bench`, or parts of it: `./dev bench send machines`.

Programs come from the environment: CLOUDLET_BIN, FLOOR_BIN, and of rivals FAKECLOUD_BIN, MINISTACK_BIN, MOTO_SERVER_BIN
(absent ones are skipped aloud). With parts named, figures are printed and the page stays as it is.
"""

import importlib.util
import os
import shutil
import sys
import tempfile
import time

import builds
import measures
import metrics as samples
import objects as long
import report
from measures import median
from report import Row, most, ratio
from servers import Cloudlet, Floor, Fakecloud, Moto, rivals, running

QUICK = bool(os.environ.get("BENCH_QUICK"))
ROUNDS = 1 if QUICK else 5
SECONDS = 2 if QUICK else 3
BACKLOG = 20_000 if QUICK else 1_000_000
QUEUES = 500 if QUICK else 10_000
# An account has room for 5,000.
USERS = 4_900
CROWD = 20
# Ten million keys take a quarter of an hour to fill: BENCH_KEYS=10000000. Streams of 1 GiB: BENCH_WIDE_MIB=1024.
KEYS = int(os.environ.get("BENCH_KEYS") or (20_000 if QUICK else 1_000_000))
WIDE_BYTES = int(os.environ.get("BENCH_WIDE_MIB") or (16 if QUICK else 128)) << 20


def say(text):
    print(text, flush=True)


def disk_ms():
    """A synced write of 512 bytes, in milliseconds: what every durable figure stands on."""
    took = []
    with tempfile.NamedTemporaryFile() as file:
        os.write(file.fileno(), b"x" * 1_048_576)
        os.fsync(file.fileno())
        for at in range(200):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"y" * 512, at * 512)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return median(took) * 1_000


def is_program(binary):
    """Whether it is all there is of it; a script's size says nothing."""
    with open(binary, "rb") as file:
        return file.read(4) == b"\x7fELF"


def start(ours, floor, others):
    seconds, kib, anonymous = measures.starts(ours, 3 if QUICK else 11)
    yield most("start to `Ready.`, empty", seconds, 30, "ms", 1_000)
    yield most(f"start to `Ready.`, {QUEUES:,} queues", measures.restarts(ours, QUEUES, ROUNDS), 150, "ms", 1_000)
    yield most("idle resident memory", kib, 25, "MiB", 1 / 1024)
    yield Row("of it anonymous; the rest is the program's own file", "", f"{anonymous / 1024:.1f} MiB")
    yield most("stripped binary", os.path.getsize(ours), 25, "MB", 1e-6)
    for kind, binary in others:
        seconds, kib = measures.start_of(kind, binary, 3)
        measured = f"{seconds * 1_000:,.0f} ms, {kib / 1024:,.0f} MiB"
        if is_program(binary):
            measured += f", {os.path.getsize(binary) * 1e-6:,.0f} MB as installed"
        yield Row(f"{kind.name}: start to its first answer, idle memory", "", measured)


def send(ours, floor, others):
    servers = [Cloudlet(ours), Floor(floor), *[kind(binary) for kind, binary in others]]
    with running(*servers):
        rates = measures.send_rates(servers, 64, ROUNDS, SECONDS)
        fast = [server for server in servers if server.name in ("cloudlet", "floor", "fakecloud")]
        more = measures.send_rates(fast, 256, ROUNDS, SECONDS)
    mine = rates["cloudlet"]
    yield ratio("SendMessage, 64 connections", mine, rates["floor"], 0.5, "floor")
    yield ratio("SendMessage, 256 connections", more["cloudlet"], more["floor"], 0.5, "floor")
    yield ratio("SendMessage, 64 connections", mine, rates.get("fakecloud"), 1.0, "fakecloud")
    yield ratio("SendMessage, 256 connections", more["cloudlet"], more.get("fakecloud"), 1.3, "fakecloud")
    yield ratio("SendMessage, 64 connections", mine, rates.get("ministack"), 10, "ministack")
    yield ratio("SendMessage, 64 connections", mine, rates.get("moto"), 100, "moto")


def role(ours, floor, others):
    with running(Cloudlet(ours)) as (cloud,):
        rates = measures.role_rates(cloud, ROUNDS, SECONDS)
    what = f"SendMessage through a role with {measures.POLICIES} policies of {measures.STATEMENTS} statements"
    yield ratio(what, rates["role"], rates["root"], 0.9, "root")
    few, many = measures.crowd_rates(ours, USERS, ROUNDS, SECONDS)
    what = f"ListQueues through that role, among {USERS:,} users with policies and keys"
    yield ratio(what, many, few, 0.9, "where there are none")


def read(ours, floor, others):
    servers = [Cloudlet(ours), *[kind(binary) for kind, binary in others if kind is Fakecloud]]
    with running(*servers):
        identity = measures.read_rates(servers, "sts", "GetCallerIdentity", ROUNDS, SECONDS)
        instances = measures.read_rates(servers, "ec2", "DescribeInstances", ROUNDS, SECONDS)
    yield ratio("GetCallerIdentity", identity["cloudlet"], identity.get("fakecloud"), 0.9, "fakecloud")
    yield ratio("DescribeInstances, none there", instances["cloudlet"], instances.get("fakecloud"), 1.5, "fakecloud")


def keys(ours, floor, others):
    servers = [Cloudlet(ours), *[kind(binary) for kind, binary in others if kind is Moto]]
    with running(*servers):
        rates = measures.data_key_rates(servers, ROUNDS, SECONDS)
    yield ratio("GenerateDataKey, 64 connections", rates["cloudlet"], rates.get("moto"), 10, "moto")


def s3(ours, floor, others):
    cloud = Cloudlet(ours)
    servers = [cloud, *[kind(binary) for kind, binary in others]]
    with running(*servers):
        rates = measures.object_rates(servers, ROUNDS, SECONDS)
        put, got = measures.stream_rates(cloud, ROUNDS)
    for name, limit in (("fakecloud", 1.0), ("ministack", 5), ("moto", 20)):
        for method, what in (("PUT", "PutObject"), ("GET", "GetObject")):
            of = rates[method]
            yield ratio(f"{what}, 4 KiB, 64 connections", of["cloudlet"], of.get(name), limit, name)
    yield Row("PutObject of 64 MiB, one connection", "", f"{put / 1e6:,.0f} MB/s")
    yield Row("GetObject of 64 MiB, one connection", "", f"{got / 1e6:,.0f} MB/s")


def streams(ours, floor, others):
    cloud, base = Cloudlet(ours), Floor(floor)
    with running(cloud, base):
        rates = long.stream_rates(cloud, base, 1 if QUICK else 3)
    for method, what, limit in (("PUT", "PutObject", 0.8), ("GET", "GetObject", 0.9)):
        of = {name: rate / 1e6 for name, rate in rates[method].items()}
        yield ratio(f"{what}, 64 MiB, 8 streams (MB)", of["cloudlet"], of["floor"], limit, "floor")
    first = {name: f"{rate / 1e6:,.0f} MB/s" for name, rate in rates["first GET"].items()}
    yield Row("the first GetObject of each, 8 streams", "", f"{first['cloudlet']} (floor: {first['floor']})")


def web(ours, floor, others):
    program = os.environ.get("NGINX_BIN") or shutil.which("nginx")
    if not program:
        say("skipped: nginx is not installed")
        return
    cloud, nginx = Cloudlet(ours), long.Nginx(program)
    with running(cloud, nginx):
        rates = long.web_rates(cloud, nginx, ROUNDS, SECONDS)
    yield ratio("GetObject, 4 KiB, signed, 64 connections", rates["cloudlet"], rates["nginx"], 0.5, "nginx")


def build(ours, floor, others):
    if QUICK or not shutil.which("cargo"):
        say("skipped: build (takes long, and needs cargo)")
        return
    clean, again = builds.times(3)
    yield most(f"clean release build, {os.cpu_count()} cores", clean, 6, "min", 1 / 60)
    yield most("development build after touching one handler", again, 15, "s")


def listing(ours, floor, others):
    cloud = Cloudlet(ours)
    with running(cloud):
        keys = long.fill(cloud, "many", KEYS, say)
        page = min(1_000, keys // 1_000)
        long.small_bucket(cloud, "few", page)
        measures.settle([cloud])
        few, many = (long.list_seconds(cloud, name, "d000%2F", page) for name in ("few", "many"))
        folders = long.list_seconds(cloud, "many", "", 1_000)
    measured = f"{many / few:.2f} × ({many * 1_000:.1f} ms against {few * 1_000:.1f} ms)"
    yield Row(f"a page of {page:,} keys with a delimiter, of {keys:,} against as many", "≤ 1.5 ×", measured, many <= 1.5 * few)
    yield Row(f"a page of 1,000 folders of {keys:,} keys", "", f"{folders * 1_000:.1f} ms")


def wide(ours, floor, others):
    cloud = Cloudlet(ours)
    with running(cloud):
        more = long.memory_of_streams(cloud, 32, WIDE_BYTES)
    yield most(f"memory over idle, 32 streams of {WIDE_BYTES >> 20:,} MiB in and out", more, 64, "MiB")


def drain(ours, floor, others):
    few, many, left, kib = measures.drains(ours, 1_000, BACKLOG, ROUNDS)
    what = f"receive and delete ten of {BACKLOG:,} messages, against ten of 1,000"
    measured = f"{many / few:.2f} × ({many * 1_000:.2f} ms against {few * 1_000:.2f} ms)"
    yield Row(what, "≤ 1.3 ×", measured, many / few <= 1.3)
    yield Row(f"resident memory with {left:,} messages", "", f"{kib / 1024:,.0f} MiB")


def machines(ours, floor, others):
    if os.geteuid() != 0:
        say("skipped: machines (needs root)")
        return
    one, together, web, kib = measures.machines(ours, ROUNDS, CROWD)
    yield most("RunInstances to the guest's first instruction, image `host`", one, 100, "ms", 1_000)
    yield most(f"the same, the last of {CROWD} at once", together, 2_000, "ms", 1_000)
    yield most("RunInstances to the first answer of a web server in user data", web, 700, "ms", 1_000)
    yield most(f"memory for each idle instance, ours (proportional, of {CROWD})", kib, 4, "MiB", 1 / 1024)


def metrics(ours, floor, others):
    with running(Cloudlet(ours)) as (cloud,):
        rate = samples.put_rate(cloud, 8, ROUNDS, SECONDS)
        what = "PutMetricData, 1,000 data a call, 8 connections: samples a second, on the disk"
        yield Row(what, "≥ 100,000", f"{rate:,.0f}", rate >= 100_000)
    with running(Cloudlet(ours)) as (cloud,):
        start = samples.fill(cloud)
        hourly = samples.read_seconds(cloud, start, 3_600, ROUNDS)
        every = samples.read_seconds(cloud, start, 60, ROUNDS)
        yield most("GetMetricData over 1,000,000 samples of 1,000 metrics, by the hour", hourly, 100, "ms", 1_000)
        yield Row("the same, each of the 1,000,000 answered (10 pages)", "", f"{every * 1_000:,.0f} ms")
        share = samples.alarms_share(cloud, 1 if QUICK else 3)
        yield most("evaluating 10,000 alarms a minute, of one core", share, 5, "%", 100)
        yield Row("resident memory with 1,000,000 samples and 10,000 alarms", "", f"{cloud.memory_kib() / 1024:,.0f} MiB")


def has_boto3():
    return importlib.util.find_spec("boto3") is not None


def vpc(ours, floor, others):
    if os.geteuid() != 0 or not has_boto3() or not shutil.which("iperf3") or not shutil.which("ip"):
        say("skipped: vpc (needs root, boto3, iperf3 and iproute2)")
        return
    import network

    with network.benched() as bench:
        if shutil.which("qemu-system-x86_64"):
            first, usual = network.banner(bench)
            yield most("microVM, from RunInstances to the greeting of its ssh server", usual, 15, "s")
            yield Row("the same, the first on a host: gets a kernel, tries KVM out", "", f"{first:.1f} s")
        else:
            say("skipped: microVMs (need qemu-system-x86)")
        calls, first = network.ready(bench)
        yield most("VPC with 2 subnets, gateway, table and route, by its calls", calls, 100, "ms", 1_000)
        yield most("a page out of it, its first instance's start included", first, 1_000, "ms", 1_000)
        count, last = network.crowd(bench)
        yield most(f"{count} instances in one VPC, from one RunInstances until all answered over HTTP", last, 10, "s")
        plain, wide, same, nat = network.rate(bench)
        yield ratio("TCP between two instances of a subnet (Mbit)", same / 1e6, plain / 1e6, 0.95, "plain namespaces")
        yield ratio("the same, against namespaces whose links take as long bursts", same / 1e6, wide / 1e6, 0.95, "plain namespaces")
        yield ratio("TCP through NAT to another VPC (Mbit)", nat / 1e6, plain / 1e6, 0.8, "plain namespaces")
        yield ratio("the same, against such namespaces", nat / 1e6, wide / 1e6, 0.8, "plain namespaces")
    with network.benched() as bench:
        rules, instances, usual, worst = network.rule(bench)
        yield most(f"one of {rules:,} rules over {instances} instances changed, in force", usual, 50, "ms", 1_000)
        yield Row("the same, the worst of 20", "", f"{worst * 1_000:.1f} ms")


def ebs(ours, floor, others):
    if os.geteuid() != 0 or not has_boto3():
        say("skipped: ebs (needs root and boto3)")
        return
    import storage

    if shutil.which("fio") and shutil.which("mkfs.xfs"):
        with storage.benched() as bench:
            for what, (volume, plain) in storage.attached(bench).items():
                yield ratio(f"volume within its instance, 4 KiB {what}", volume, plain, 0.9, "plain loop on the same file")
        for what, (volume, plain) in storage.rates(None).items():
            rates = f"{volume / plain:.2f} × ({volume:,.0f}/s against {plain:,.0f}/s)"
            yield Row(f"the same through a pool in a file, against a plain loop on a file of the host's, {what}", "", rates)
    else:
        say("skipped: rates of volumes (need fio and xfsprogs)")
    with storage.benched() as bench:
        changed, read, differing, stored = storage.change(bench)
        what = f"snapshot of 2 GiB with {changed / 1e6:.1f} MB changed since the last"
        yield most(f"{what}: blocks found different", differing, 2 * changed / 1e6, "MB", 1e-6)
        yield most(f"{what}: read", read, 3 * changed / 1e6, "MB", 1e-6)
        yield most(f"{what}: stored", stored, 2 * changed / 1e6, "MB", 1e-6)
        yield most("CreateImage, RunInstances, first answer over HTTP", storage.image(bench), 2, "s")
    with storage.benched() as bench:
        count, first, slowest = storage.pages(bench)
    measured = f"{slowest / first:.2f} × ({slowest * 1_000:.1f} ms against {first * 1_000:.1f} ms)"
    yield Row(f"DescribeInstances of {count:,} by thousands: slowest page against the first", "≤ 1.2 ×", measured, slowest <= 1.2 * first)


ALL = (start, send, role, read, keys, s3, web, streams, listing, wide, drain, metrics, machines, vpc, ebs, build)
PARTS = {part.__name__: part for part in ALL}


def main(names):
    ours, floor = os.environ["CLOUDLET_BIN"], os.environ["FLOOR_BIN"]
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    others = rivals(say)
    disk, rows = disk_ms(), []
    say(f"{report.machine()}; a synced write takes {disk:.2f} ms")
    for name in names or PARTS:
        for row in PARTS[name](ours, floor, others):
            rows.append(row)
            say(row.text())
    missed = sum(row.met is False for row in rows)
    say(f"{len(rows)} figures, {missed} missed")
    if not names and not QUICK:
        report.write(rows, disk, "./dev bench")


if __name__ == "__main__":
    main(sys.argv[1:])
