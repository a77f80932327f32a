"""IPv6, proved with packets: addresses inside, gateways both ways and out only, groups and ACLs, what metadata tells."""

import socket

from conftest import eventually, needs_root
from test_vpc import code, net  # noqa: F401

pytestmark = needs_root

# Tells each caller the address it came from, and what its own metadata says.
WEB = """#!/bin/sh
exec python3 -u - <<'PY'
import http.server, socket, urllib.request
IMDS = "http://169.254.169.254/latest/"
token = urllib.request.Request(IMDS + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = urllib.request.urlopen(token).read().decode()
said = urllib.request.Request(IMDS + "meta-data/ipv6", headers={"X-aws-ec2-metadata-token": token})
print("metadata", urllib.request.urlopen(said).read().decode())
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.client_address[0].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
Server(("::", 80), Who).serve_forever()
PY
"""

# Asks an address over and over and says how it fares.
VISITOR = """#!/bin/sh
exec python3 -u - <<'PY'
import time, urllib.request
while True:
    try: said = urllib.request.urlopen("http://[%s]/", timeout=0.4).read().decode()
    except OSError: said = "CUT"
    print("told", said)
    time.sleep(0.1)
PY
"""


def reached(address):
    try:
        with socket.create_connection((address, 80), timeout=0.4):
            return True
    except OSError:
        return False


class Six:
    """A VPC with a block, a subnet and a table in it."""

    def __init__(self, net, ec2, cidr):
        self.vpc = net.vpc(cidr)
        block = ec2.associate_vpc_cidr_block(VpcId=self.vpc, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
        self.block = block["Ipv6CidrBlock"]
        self.subnet = net.subnet(self.vpc, cidr)
        self.range = self.block.replace("/56", "/64")
        ec2.associate_subnet_cidr_block(SubnetId=self.subnet, Ipv6CidrBlock=self.range)
        ec2.modify_subnet_attribute(SubnetId=self.subnet, AssignIpv6AddressOnCreation={"Value": True})
        self.table = net.table(self.vpc, self.subnet)
        self.group = net.group(self.vpc, source=None)

    def open(self, ec2, source):
        web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "Ipv6Ranges": [{"CidrIpv6": source}]}
        ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[web])


def first_address(instance):
    return instance["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]


def test_gateways_groups_and_acls_over_ipv6(net, ec2):  # noqa: F811
    here, there = Six(net, ec2, "10.50.0.0/24"), Six(net, ec2, "10.60.0.0/24")
    server = net.launch(WEB, SubnetId=there.subnet, SecurityGroupIds=[there.group])
    served = first_address(server)
    visitor = net.launch(VISITOR % served, SubnetId=here.subnet, SecurityGroupIds=[here.group])
    own = first_address(visitor)
    console = lambda: ec2.get_console_output(InstanceId=server["InstanceId"]).get("Output", "")
    eventually(lambda: f"metadata {served}" in console(), "metadata tells the address")
    there.open(ec2, here.block)
    net.told(visitor, "CUT")
    gateway = net.gateway(there.vpc)
    ec2.create_route(RouteTableId=there.table, DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
    net.told(visitor, "CUT")

    out = ec2.create_egress_only_internet_gateway(VpcId=here.vpc)["EgressOnlyInternetGateway"]
    out = out["EgressOnlyInternetGatewayId"]
    ec2.create_route(RouteTableId=here.table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=out)
    net.told(visitor, own)
    assert not reached(served), "the host is not of the rule's range"
    there.open(ec2, "::/0")
    assert reached(served) and not reached(own), "out only is out only"
    assert code(ec2.delete_vpc, VpcId=here.vpc) == "DependencyViolation"

    acls = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [there.subnet]}])["NetworkAcls"]
    deny = dict(NetworkAclId=acls[0]["NetworkAclId"], RuleNumber=50, Egress=False)
    ec2.create_network_acl_entry(Protocol="-1", RuleAction="deny", Ipv6CidrBlock=f"{own}/128", **deny)
    net.told(visitor, "CUT")
    assert reached(served)
    ec2.delete_network_acl_entry(**deny)
    net.told(visitor, own)

    # Another address on the running server, and then not.
    eni = server["NetworkInterfaces"][0]["NetworkInterfaceId"]
    more = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6AddressCount=1)["AssignedIpv6Addresses"][0]
    assert reached(more)
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=[more])
    assert not reached(more) and reached(served)

    shown = ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[out])
    assert shown["EgressOnlyInternetGateways"][0]["Attachments"] == [{"State": "available", "VpcId": here.vpc}]
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=out)
    net.told(visitor, "CUT")
    missing = "InvalidEgressOnlyInternetGatewayId.NotFound"
    assert code(ec2.delete_egress_only_internet_gateway, EgressOnlyInternetGatewayId=out) == missing
    block = ec2.describe_subnets(SubnetIds=[here.subnet])["Subnets"][0]["Ipv6CidrBlockAssociationSet"][0]
    assert block["Ipv6CidrBlock"] == here.range
    assert code(ec2.disassociate_subnet_cidr_block, AssociationId=block["AssociationId"]) == "InvalidCidrBlock.InUse"


# Asks for its own metadata and its own name over IPv6, and says what it heard.
SIX = """#!/bin/sh
exec python3 -u - <<'PY'
import socket, struct, time, urllib.request
IMDS = "http://[fd00:ec2::254]/latest/"
token = urllib.request.Request(IMDS + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = urllib.request.urlopen(token, timeout=5).read().decode()
def metadata(name):
    return urllib.request.urlopen(urllib.request.Request(IMDS + "meta-data/" + name, headers={"X-aws-ec2-metadata-token": token})).read().decode()
name = metadata("local-hostname")
print("metadata", name, socket.gethostname())
question = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0)
question += b"".join(bytes([len(word)]) + word.encode() for word in name.split(".")) + b"\\0" + struct.pack(">2H", 28, 1)
asks = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
asks.settimeout(5)
asks.sendto(question, ("fd00:ec2::253", 53))
answer = asks.recv(512)
print("named", socket.inet_ntop(socket.AF_INET6, answer[-16:]))
PY
"""


def test_metadata_and_names_over_ipv6(net, ec2):  # noqa: F811
    here = Six(net, ec2, "10.90.0.0/24")
    ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_subnet_attribute(SubnetId=here.subnet, PrivateDnsHostnameTypeOnLaunch="resource-name")
    asker = net.launch(
        SIX,
        SubnetId=here.subnet,
        SecurityGroupIds=[here.group],
        MetadataOptions={"HttpProtocolIpv6": "enabled", "HttpTokens": "required"},
        PrivateDnsNameOptions={"EnableResourceNameDnsAAAARecord": True},
    )
    name = f"{asker['InstanceId']}.ec2.internal"
    assert asker["PrivateDnsName"] == name
    console = lambda: ec2.get_console_output(InstanceId=asker["InstanceId"]).get("Output", "")
    eventually(lambda: f"metadata {name} {asker['InstanceId']}" in console(), "metadata answer")
    eventually(lambda: f"named {first_address(asker)}" in console(), "its name is known")
    assert asker["MetadataOptions"]["HttpProtocolIpv6"] == "enabled"
    change = ec2.modify_private_dns_name_options
    own = {"InstanceId": asker["InstanceId"]}
    assert code(change, **own, PrivateDnsHostnameType="ip-name") == "IncorrectInstanceState"
    assert change(**own, EnableResourceNameDnsAAAARecord=False)["Return"]
    options = net.describe(asker["InstanceId"])["PrivateDnsNameOptions"]
    assert (options["HostnameType"], options["EnableResourceNameDnsAAAARecord"]) == ("resource-name", False)
