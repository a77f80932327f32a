"""Load balancers at addresses of both families, with packets: from the host, to targets, and by name."""

import ipaddress
import itertools

from conftest import eventually, needs_root
from test_elb import get, name
from test_vpc import code, net  # noqa: F401

pytestmark = needs_root

# Says who it was told that asked, and who did.
WEB = """#!/bin/sh
exec python3 -u - <<'PY'
import http.server, socket
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("%s by %s" % (self.headers["X-Forwarded-For"], self.client_address[0])).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
Server(("::", 80), Who).serve_forever()
PY
"""


def site(net, ec2, octet):  # noqa: F811
    """A VPC with two subnets that gateways reach by both families, and a group that lets HTTP in by IPv6."""
    vpc = net.vpc(f"10.{octet}.0.0/16")
    block = ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    block = ipaddress.ip_network(block["Ipv6CidrBlock"])
    ranges = list(itertools.islice(block.subnets(new_prefix=64), 2))
    gateway = net.gateway(vpc)
    subnets = []
    for at, zone in enumerate("ab"):
        made = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.{octet}.{at}.0/24", Ipv6CidrBlock=str(ranges[at]), AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        net.undo.append(lambda made=made: ec2.delete_subnet(SubnetId=made))
        table = net.table(vpc, made)
        ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        subnets.append(made)
    group = net.group(vpc)
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[web])
    return vpc, subnets, group


def nodes_of(ec2, arn):
    """The interfaces of a balancer."""
    described = [{"Name": "description", "Values": [f"ELB {'/'.join(arn.split('/')[1:])}"]}]
    return ec2.describe_network_interfaces(Filters=described)["NetworkInterfaces"]


def sixes_of(ec2, arn):
    """Their addresses of IPv6, as soon as there are two."""
    sixes = lambda: [one["Ipv6Addresses"][0]["Ipv6Address"] for one in nodes_of(ec2, arn) if one["Ipv6Addresses"]]
    return eventually(lambda: len(sixes()) == 2 and sorted(sixes()), "it has addresses of IPv6", 30)


def reaches(url):
    try:
        return get(url, timeout=2)[:2]
    except OSError:
        return None


def remove(elb, ec2, vpc, arns):
    """Balancers, and what targets they had."""
    for arn in arns:
        elb.delete_load_balancer(LoadBalancerArn=arn)
    for arn in arns:
        eventually(lambda arn=arn: not nodes_of(ec2, arn), "its interfaces go", 30)
    for one in elb.describe_target_groups()["TargetGroups"]:
        if one["VpcId"] == vpc:
            elb.delete_target_group(TargetGroupArn=one["TargetGroupArn"])


def test_a_dualstack_balancer_is_reached_by_ipv6_and_reaches_ipv6(cloud, net, ec2):  # noqa: F811
    elb = cloud.client("elbv2")
    vpc, subnets, group = site(net, ec2, 70)
    server = net.launch(WEB, SubnetId=subnets[0], SecurityGroupIds=[group], Ipv6AddressCount=1)
    served = server["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]
    balancer = elb.create_load_balancer(Name=name("six"), Subnets=subnets, SecurityGroups=[group], IpAddressType="dualstack")
    balancer = balancer["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    find = lambda: nodes_of(ec2, arn)
    try:
        targets = elb.create_target_group(
            Name=name("six"), VpcId=vpc, Protocol="HTTP", Port=80, TargetType="ip", IpAddressType="ipv6", HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": served}])
        forward = [{"Type": "forward", "TargetGroupArn": targets}]
        elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward)
        health = lambda: elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"][0]["TargetHealth"]
        eventually(lambda: health()["State"] == "healthy", "it is healthy by IPv6", 60)
        nodes = {one["Ipv6Addresses"][0]["Ipv6Address"]: one["Association"]["PublicIp"] for one in find()}
        assert len(nodes) == 2
        own = []
        for six, four in nodes.items():
            status, text, _ = get(f"http://[{six}]/")
            client, _, by = text.partition(" by ")
            assert status == 200 and ":" in client and by in nodes, "seen from a balancer's address"
            status, text, _ = get(f"http://{four}/")
            client, _, by = text.partition(" by ")
            assert status == 200 and "." in client and by in nodes, "of either family"
            own.append(six)
        # Its name leads there inside of the VPC.
        ask = f"import socket; print('named', sorted({{one[4][0] for one in socket.getaddrinfo('{balancer['DNSName']}', 80, socket.AF_INET6)}}))"
        asks = net.launch(f'#!/bin/sh\nexec python3 -u -c "{ask}"\n', SubnetId=subnets[0], SecurityGroupIds=[group])
        console = lambda: ec2.get_console_output(InstanceId=asks["InstanceId"]).get("Output", "")
        eventually(lambda: f"named {sorted(own)}" in console(), "its name has addresses of IPv6", 30)

        assert code(elb.set_ip_address_type, LoadBalancerArn=arn, IpAddressType="ipv4") == "InvalidConfigurationRequest"
        listener = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "still here"}}]
        elb.modify_listener(ListenerArn=listener, DefaultActions=fixed)
        assert elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"] == "ipv4"
        eventually(lambda: not any(one["Ipv6Addresses"] for one in find()), "the addresses go", 30)
        assert all(get(f"http://{four}/")[1] == "still here" for four in nodes.values())
    finally:
        remove(elb, ec2, vpc, [arn])


# Asks at every address it is given, until the first one answers, and says what it heard, and what a name leads to.
ASKS = """#!/bin/sh
exec python3 -u - <<'PY'
import socket, time, urllib.request
def ask(address):
    try:
        return urllib.request.urlopen("http://[%s]/" % address, timeout=2).read().decode()
    except OSError as error:
        return "nothing"
while True:
    named = sorted({one[4][0] for one in socket.getaddrinfo("NAME", 80)})
    print("told", ask("INSIDE"), "named", named)
    time.sleep(1)
PY
"""


def test_instances_serve_by_ipv6_behind_balancers_of_every_kind(cloud, net, ec2):  # noqa: F811
    elb = cloud.client("elbv2")
    vpc, subnets, group = site(net, ec2, 71)
    server = net.launch(WEB, SubnetId=subnets[0], SecurityGroupIds=[group], Ipv6AddressCount=1)
    bare = net.launch(WEB, SubnetId=subnets[0], SecurityGroupIds=[group])
    arns, names, groups = {}, {}, {}
    try:
        kinds = {
            "inside": {"Scheme": "internal", "IpAddressType": "dualstack"},
            "closed": {"IpAddressType": "dualstack-without-public-ipv4"},
            "network": {"Type": "network", "IpAddressType": "dualstack"},
        }
        for kind, asked in kinds.items():
            made = elb.create_load_balancer(Name=name(kind), Subnets=subnets, SecurityGroups=[group], **asked)["LoadBalancers"][0]
            arn = arns[kind] = made["LoadBalancerArn"]
            names[kind] = made["DNSName"]
            assert made["IpAddressType"] == asked["IpAddressType"]
            protocol = "TCP" if kind == "network" else "HTTP"
            groups[kind] = elb.create_target_group(
                Name=name(kind), VpcId=vpc, Protocol=protocol, Port=80, IpAddressType="ipv6", HealthCheckIntervalSeconds=5,
                HealthCheckTimeoutSeconds=2,
            )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
            assert code(elb.register_targets, TargetGroupArn=groups[kind], Targets=[{"Id": bare["InstanceId"]}]) == "InvalidTarget"
            elb.register_targets(TargetGroupArn=groups[kind], Targets=[{"Id": server["InstanceId"]}])
            forward = [{"Type": "forward", "TargetGroupArn": groups[kind]}]
            elb.create_listener(LoadBalancerArn=arn, Protocol=protocol, Port=80, DefaultActions=forward)
        health = lambda one: elb.describe_target_health(TargetGroupArn=one)["TargetHealthDescriptions"][0]["TargetHealth"]["State"]
        for one in groups.values():
            eventually(lambda one=one: health(one) == "healthy", "it is healthy by IPv6", 60)
        sixes = {kind: sixes_of(ec2, arn) for kind, arn in arns.items()}

        # Of all balancers, the one in the server's zone serves for sure.
        status, text = eventually(lambda: reaches(f"http://[{sixes['closed'][0]}]/"), "it is reached by IPv6")
        assert status == 200 and text.split(" by ")[1] in sixes["closed"]
        assert not any("Association" in one for one in nodes_of(ec2, arns["closed"])), "it has no public IPv4"
        heard = [reaches(f"http://[{six}]/") for six in sixes["network"]]
        clients = [text.split(" by ")[1] for status, text in filter(None, heard)]
        assert clients and not set(clients) & set(sixes["network"]), "the target sees the client itself"

        asks = net.launch(
            ASKS.replace("NAME", names["closed"]).replace("INSIDE", sixes["inside"][0]),
            SubnetId=subnets[0], SecurityGroupIds=[group], Ipv6AddressCount=1,
        )  # fmt: skip
        own = asks["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]
        console = lambda: ec2.get_console_output(InstanceId=asks["InstanceId"]).get("Output", "")
        told = [f"told {own} by {six} named {sixes['closed']}" for six in sixes["inside"]]
        eventually(lambda: any(one in console() for one in told), "inside it serves, and no name leads to IPv4", 60)
        assert all(reaches(f"http://[{six}]/") is None for six in sixes["inside"]), "no gateway leads there"
        denies = {"Key": "ipv6.deny_all_igw_traffic", "Value": "true"}
        assert denies in elb.describe_load_balancer_attributes(LoadBalancerArn=arns["inside"])["Attributes"]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arns["inside"], Attributes=[{**denies, "Value": "false"}])
        status, text = eventually(lambda: reaches(f"http://[{sixes['inside'][0]}]/"), "unless that is said", 30)
        assert status == 200
    finally:
        remove(elb, ec2, vpc, arns.values())
