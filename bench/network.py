#!/usr/bin/env python3
"""Measures networks: how soon one carries packets, what it costs in throughput, how soon a changed rule is in force.

Needs root, boto3, iperf3 and CLOUDLET_BIN. `./dev bench vpc`, or parts of it alone: `bench/network.py ready crowd rate rule banner`.
"""

import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests"))
from conftest import Cloud, eventually  # noqa: E402

SERVE = "#!/bin/sh\niperf3 -s -D\nexec python3 -m http.server 80\n"
RATE = """#!/bin/sh
for round in 1 2 3; do iperf3 -c %s -t %d -J > /tmp/rate.json && python3 -c "
import json; print('RATE', json.load(open('/tmp/rate.json'))['end']['sum_received']['bits_per_second'])"; done
echo DONE
"""
SECONDS, ROUNDS = 3, 3
BURST = 192 * 1024


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Bench:
    def __init__(self, cloud):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")
        self.image = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]

    def open_group(self, vpc=None):
        where = {"VpcId": vpc} if vpc else {}
        group = self.ec2.create_security_group(GroupName=uuid.uuid4().hex, Description="bench", **where)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        return group

    def network(self, cidr):
        """A VPC with a public and a private subnet, a gateway and routes."""
        vpc = self.ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
        subnets = [self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"{cidr}.{n}.0/24")["Subnet"]["SubnetId"] for n in (1, 2)]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        return vpc, subnets

    def launch(self, script, **params):
        made = self.ec2.run_instances(**{"ImageId": self.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "UserData": script, **params})
        instance = made["Instances"][0]["InstanceId"]
        describe = lambda: self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        eventually(lambda: describe()["State"]["Name"] == "running", "it runs")
        return describe()

    def rates(self, instance):
        # Who asks while it is measured takes from it: there are two processors, and it wants both.
        time.sleep(ROUNDS * (SECONDS + 0.5))
        console = lambda: self.ec2.get_console_output(InstanceId=instance["InstanceId"]).get("Output", "")
        text = eventually(lambda: "DONE" in console() and console(), "it has measured", 60)
        return median(float(line.split()[1]) for line in text.splitlines() if line.startswith("RATE"))


def page(address):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"http://{address}/", timeout=0.2).read()


def ready(bench):
    """Seconds of the calls alone; and from the first call until a page comes out of the public subnet, its instance's start included."""
    calls = []
    for at in range(5):
        begun = time.perf_counter()
        vpc, subnets = bench.network(f"10.{100 + at}")
        calls.append(time.perf_counter() - begun)
    group = bench.open_group(vpc)
    interface = [{"DeviceIndex": 0, "SubnetId": subnets[0], "Groups": [group], "AssociatePublicIpAddress": True}]
    begun = time.perf_counter()
    instance = bench.launch("#!/bin/sh\nexec python3 -m http.server 80\n", NetworkInterfaces=interface)
    eventually(lambda: page(instance["PublicIpAddress"]), "a page")
    return median(calls), time.perf_counter() - begun


def crowd(bench, count=int(os.environ.get("BENCH_INSTANCES", "100"))):
    """Seconds from one RunInstances until each of so many in one VPC has answered over HTTP."""
    vpc, (public, _) = bench.network("10.110")
    interface = [{"DeviceIndex": 0, "SubnetId": public, "Groups": [bench.open_group(vpc)], "AssociatePublicIpAddress": True}]
    params = dict(ImageId=bench.image, InstanceType="t3.nano", MinCount=count, MaxCount=count, NetworkInterfaces=interface)
    begun = time.perf_counter()
    made = bench.ec2.run_instances(UserData="#!/bin/sh\nexec python3 -m http.server 80\n", **params)["Instances"]
    ids = [it["InstanceId"] for it in made]
    shown = [it for r in bench.ec2.describe_instances(InstanceIds=ids)["Reservations"] for it in r["Instances"]]

    def answered(instance):
        eventually(lambda: page(instance["PublicIpAddress"]), f"{instance['InstanceId']} answers", 300)
        return time.perf_counter() - begun

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        last = max(pool.map(answered, shown))
    bench.ec2.terminate_instances(InstanceIds=ids)
    gone = lambda: all(it["State"]["Name"] == "terminated" for r in bench.ec2.describe_instances(InstanceIds=ids)["Reservations"] for it in r["Instances"])
    eventually(gone, "they are gone", 300)
    return count, last


# What `ip link set … gso_ipv4_max_size` does where iproute2 is new enough (6.3): IFLA_GSO_IPV4_MAX_SIZE, IFLA_GRO_IPV4_MAX_SIZE.
WIDEN = """
import socket, struct, sys
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for index, name in socket.if_nameindex():
    if name != "lo":
        link = struct.pack("BxHiII", 0, 0, index, 0, 0) + b"".join(struct.pack("HHI", 8, kind, int(sys.argv[1])) for kind in (63, 64))
        kernel.send(struct.pack("IHHII", 16 + len(link), 16, 5, 1, 0) + link)
        assert struct.unpack("i", kernel.recv(4096)[16:20])[0] == 0
"""


@contextlib.contextmanager
def plain(burst=None):
    """Two namespaces routed through a third, and the bits a second between them; `burst` as our links have it."""
    names = [f"clb{os.getpid() % 1000}{end}{'w' if burst else ''}" for end in "arb"]
    left, router, right = names
    server = None
    try:
        for name in names:
            run("ip", "netns", "add", name)
        for end, net in ((left, 1), (right, 2)):
            run("ip", "link", "add", "eth0", "mtu", "1500", "netns", end, "type", "veth", "peer", "name", f"v{net}", "mtu", "1500", "netns", router)
            run("ip", "-n", router, "addr", "add", f"10.0.{net}.1/24", "dev", f"v{net}")
            run("ip", "-n", end, "addr", "add", f"10.0.{net}.2/24", "dev", "eth0")
            for place, link in ((router, f"v{net}"), (end, "eth0"), (end, "lo")):
                run("ip", "-n", place, "link", "set", link, "up")
            run("ip", "-n", end, "route", "add", "default", "via", f"10.0.{net}.1")
        if burst:
            for name in names:
                run("ip", "netns", "exec", name, sys.executable, "-c", WIDEN, str(burst))
        run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        server = subprocess.Popen(["ip", "netns", "exec", right, "iperf3", "-s"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        yield lambda: json.loads(run("ip", "netns", "exec", left, "iperf3", "-c", "10.0.2.2", "-t", str(SECONDS), "-J"))["end"]["sum_received"]["bits_per_second"]
    finally:
        if server:
            server.kill()
            server.wait()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def rate(bench):
    """Bits a second of two plain namespaces (with the kernel's own bursts, and with ours), of two instances in one subnet, and of
    one through NAT to another VPC. Everybody has the machine for himself in his turns, and the plain ones run around ours."""
    vpc, (public, private) = bench.network("10.120")
    group = bench.open_group(vpc)
    place = dict(SubnetId=public, SecurityGroupIds=[group])
    server = bench.launch(SERVE, **place)
    outside = bench.launch(SERVE, SecurityGroupIds=[bench.open_group()])
    allocation = bench.ec2.allocate_address()["AllocationId"]
    nat = bench.ec2.create_nat_gateway(SubnetId=public, AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    main = bench.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}])
    main = main["RouteTables"][0]["RouteTableId"]
    bench.ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    with plain() as usual, plain(burst=BURST) as wide:
        floors = [], []
        both = lambda: [floor.append(ask()) for floor, ask in zip(floors, (usual, wide)) for _ in range(2)]
        both()
        same = bench.rates(bench.launch(RATE % (server["PrivateIpAddress"], SECONDS), **place))
        both()
        by_nat = bench.rates(bench.launch(RATE % (outside["PublicIpAddress"], SECONDS), SubnetId=private, SecurityGroupIds=[group]))
        both()
    return median(floors[0]), median(floors[1]), same, by_nat


def rule(bench, instances=int(os.environ.get("BENCH_INSTANCES", "100")), rules=1_000):
    """Seconds until a change of one of so many rules over so many instances is in force: median and worst."""
    vpc, (public, _) = bench.network("10.130")
    per_group = 50
    groups = [bench.open_group(vpc) for _ in range(rules // per_group)]
    for group in groups:
        ranges = [{"IpProtocol": "tcp", "FromPort": 1000 + n, "ToPort": 1000 + n, "IpRanges": [{"CidrIp": "10.130.0.0/16"}]} for n in range(per_group - 1)]
        bench.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ranges)
    for at in range(instances):
        wear = [groups[(at + n) % len(groups)] for n in range(min(5, len(groups)))]
        bench.ec2.run_instances(ImageId=bench.image, InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=public, SecurityGroupIds=wear)
    vpc_filter = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "instance-state-name", "Values": ["running"]}]
    running = lambda: sum(len(it["Instances"]) for it in bench.ec2.describe_instances(Filters=vpc_filter)["Reservations"])
    eventually(lambda: running() == instances, "all run", 300)
    took = []
    for at in range(20):
        change = bench.ec2.authorize_security_group_ingress if at % 2 == 0 else bench.ec2.revoke_security_group_ingress
        begun = time.perf_counter()
        change(GroupId=groups[0], IpProtocol="udp", FromPort=7, ToPort=7, CidrIp="192.0.2.1/32")
        took.append(time.perf_counter() - begun)
    return rules, instances, median(took), max(took)


def banner(bench):
    """Seconds from RunInstances to the greeting of a microVM's ssh server: of the first, which gets a kernel and tries the processor out, and usually."""
    group, took = bench.open_group(), []
    name = bench.ec2.create_key_pair(KeyName=uuid.uuid4().hex)["KeyName"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cloudlet:machine", "Value": "microvm"}]}]
    for _ in range(4):
        begun = time.perf_counter()
        made = bench.launch("", InstanceType="t3.small", KeyName=name, SecurityGroupIds=[group], TagSpecifications=tags)
        eventually(lambda made=made: greets(made["PublicIpAddress"]), "it greets", 120)
        took.append(time.perf_counter() - begun)
        bench.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    return took[0], median(took[1:])


def greets(address):
    with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=0.3) as one:
        one.settimeout(3)
        return one.recv(64).startswith(b"SSH-")


PARTS = {part.__name__: part for part in (ready, crowd, rate, rule, banner)}


@contextlib.contextmanager
def benched():
    """A cloud that promises memory a hundred times: what is measured are networks."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(folder, args=["--overcommit", "100"]).start()
        try:
            yield Bench(cloud)
        finally:
            cloud.stop(120)


if __name__ == "__main__":
    with benched() as bench:
        for part in sys.argv[1:] or PARTS:
            print(part, PARTS[part](bench), flush=True)
