"""Networks made to order, proved with packets: routes, gateways, translation, peering, ACLs, interfaces, addresses."""

import re
import threading
import time
import urllib.request
import uuid

import pytest
from conftest import code, eventually, needs_root

pytestmark = needs_root

# Tells each caller the address it came from.
WEB = """#!/bin/sh
exec python3 -u - <<'PY'
import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("%s " + self.client_address[0]).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 80), Who).serve_forever()
PY
"""

# Asks an address over and over and says how it fares.
VISITOR = """#!/bin/sh
exec python3 -u - <<'PY'
import time, urllib.request
def tried(address):
    try: return urllib.request.urlopen(f"http://{address}/", timeout=0.4).read().decode()
    except OSError: return "CUT"
while True:
    print("told", *[tried(address) for address in "%s".split()])
    time.sleep(0.1)
PY
"""


class Net:
    """What a test makes, removed in the order things depend on each other."""

    def __init__(self, ec2, image):
        self.ec2, self.image, self.undo = ec2, image, []
        self.instances = []

    def vpc(self, cidr):
        vpc = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        self.undo.append(lambda: self.ec2.delete_vpc(VpcId=vpc))
        return vpc

    def subnet(self, vpc, cidr):
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]
        self.undo.append(lambda: self.ec2.delete_subnet(SubnetId=subnet))
        return subnet

    def gateway(self, vpc):
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)

        def undo():
            self.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
            self.ec2.delete_internet_gateway(InternetGatewayId=gateway)

        self.undo.append(undo)
        return gateway

    def table(self, vpc, subnet):
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        association = self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

        def undo():
            self.ec2.disassociate_route_table(AssociationId=association)
            self.ec2.delete_route_table(RouteTableId=table)

        self.undo.append(undo)
        return table

    def group(self, vpc=None, source="0.0.0.0/0"):
        where = {"VpcId": vpc} if vpc else {}
        group = self.ec2.create_security_group(GroupName=f"g-{uuid.uuid4().hex}", Description="made by a test", **where)["GroupId"]
        if source:
            self.ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp=source)
        self.undo.append(lambda: self.ec2.delete_security_group(GroupId=group))
        return group

    def address(self):
        address = self.ec2.allocate_address(Domain="vpc")
        self.undo.append(lambda: self.ec2.release_address(AllocationId=address["AllocationId"]))
        return address["AllocationId"], address["PublicIp"]

    def launch(self, script, **params):
        params = {"ImageId": self.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "UserData": script, **params}
        instance = self.ec2.run_instances(**params)["Instances"][0]["InstanceId"]
        self.instances.append(instance)
        eventually(lambda: self.describe(instance)["State"]["Name"] == "running", "it runs")
        return self.describe(instance)

    def describe(self, instance):
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def told(self, visitor, what):
        """What a visitor says from now on; the first word may have been under way."""
        console = lambda: self.ec2.get_console_output(InstanceId=visitor["InstanceId"]).get("Output", "")
        before = len(re.findall(r"told .*\n", console()))
        def so():
            lines = re.findall(r"told (.*)\n", console())
            return len(lines) > before + 1 and lines[-1].strip() == what
        eventually(so, f"it is told {what!r}; last: {console()[-200:]!r}")

    def close(self):
        if self.instances:
            self.ec2.terminate_instances(InstanceIds=self.instances)
            for one in self.instances:
                eventually(lambda one=one: self.describe(one)["State"]["Name"] == "terminated", f"{one} is terminated")
        for undo in reversed(self.undo):
            undo()


@pytest.fixture
def net(cloud, ec2):
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    net = Net(ec2, image)
    yield net
    net.close()


def page(address, timeout=0.4):
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=timeout) as answer:
            return answer.read().decode()
    except OSError:
        return None


def test_a_private_subnet_goes_out_by_nat_only(net, ec2):
    outside = net.launch(WEB % "outside", SecurityGroupIds=[net.group()])
    there = outside["PublicIpAddress"]
    eventually(lambda: page(there), "the web server outside answers")
    vpc = net.vpc("10.20.0.0/16")
    public, private = net.subnet(vpc, "10.20.1.0/24"), net.subnet(vpc, "10.20.2.0/24")
    gateway = net.gateway(vpc)
    ec2.create_route(RouteTableId=net.table(vpc, public), DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    inner = net.table(vpc, private)
    visitor = net.launch(VISITOR % there, SubnetId=private, SecurityGroupIds=[net.group(vpc)])
    assert "PublicIpAddress" not in visitor
    net.told(visitor, "CUT")
    allocation, lent = net.address()
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    assert ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] == "available"
    net.told(visitor, "CUT")
    ec2.create_route(RouteTableId=inner, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    net.told(visitor, f"outside {lent}")
    assert page(lent) is None, "nobody comes in by it"
    assert code(ec2.release_address, AllocationId=allocation) == "InvalidIPAddress.InUse"

    # The ACL of the gateway's subnet holds for what it carries: rules by number, and without a state.
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    old = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [public]}])["NetworkAcls"][0]
    association = next(it["NetworkAclAssociationId"] for it in old["Associations"] if it["SubnetId"] == public)
    association = ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)["NewAssociationId"]
    net.told(visitor, "CUT")
    entry = dict(NetworkAclId=acl, Protocol="-1", CidrBlock="0.0.0.0/0", RuleAction="allow")
    ec2.create_network_acl_entry(RuleNumber=100, Egress=True, **entry)
    net.told(visitor, "CUT")
    ec2.create_network_acl_entry(RuleNumber=100, Egress=False, **entry)
    net.told(visitor, f"outside {lent}")
    ec2.create_network_acl_entry(RuleNumber=50, Egress=True, **{**entry, "CidrBlock": f"{there}/32", "RuleAction": "deny"})
    net.told(visitor, "CUT")
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=True)
    net.told(visitor, f"outside {lent}")
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=old["NetworkAclId"])
    ec2.delete_network_acl(NetworkAclId=acl)

    ec2.delete_nat_gateway(NatGatewayId=nat)
    net.told(visitor, "CUT")
    routes = ec2.describe_route_tables(RouteTableIds=[inner])["RouteTables"][0]["Routes"]
    assert [it["State"] for it in routes if it.get("NatGatewayId") == nat] == ["blackhole"]
    assert code(ec2.delete_subnet, SubnetId=private) == "DependencyViolation"
    assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"


def test_peers_meet_by_routes_of_both_and_rules_name_groups_of_the_other(net, ec2):
    here, there = net.vpc("10.30.0.0/16"), net.vpc("10.40.0.0/16")
    near, far = net.subnet(here, "10.30.1.0/24"), net.subnet(there, "10.40.1.0/24")
    near_table, far_table = net.table(here, near), net.table(there, far)
    visiting, serving = net.group(here), net.group(there)
    server = net.launch(WEB % "far", SubnetId=far, SecurityGroupIds=[serving])
    visitor = net.launch(VISITOR % server["PrivateIpAddress"], SubnetId=near, SecurityGroupIds=[visiting])
    met = f"far {visitor['PrivateIpAddress']}"
    net.told(visitor, "CUT")
    peering = ec2.create_vpc_peering_connection(VpcId=here, PeerVpcId=there)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    assert code(ec2.create_vpc_peering_connection, VpcId=here, PeerVpcId=there) == "VpcPeeringConnectionAlreadyExists"
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    net.told(visitor, "CUT")
    ec2.create_route(RouteTableId=near_table, DestinationCidrBlock="10.40.0.0/16", VpcPeeringConnectionId=peering)
    net.told(visitor, "CUT")
    ec2.create_route(RouteTableId=far_table, DestinationCidrBlock="10.30.0.0/16", VpcPeeringConnectionId=peering)
    net.told(visitor, met)
    # By group of the other side, instead of by range.
    ec2.revoke_security_group_ingress(GroupId=serving, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    net.told(visitor, "CUT")
    by_group = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": visiting}]}]
    ec2.authorize_security_group_ingress(GroupId=serving, IpPermissions=by_group)
    net.told(visitor, met)
    references = ec2.describe_security_group_references(GroupId=[visiting])["SecurityGroupReferenceSet"]
    assert [it["ReferencingVpcId"] for it in references] == [there]
    # By prefix list.
    ec2.revoke_security_group_ingress(GroupId=serving, IpPermissions=by_group)
    prefixes = ec2.create_managed_prefix_list(PrefixListName="visitors", MaxEntries=5, AddressFamily="IPv4")["PrefixList"]["PrefixListId"]
    by_list = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": prefixes}]}]
    ec2.authorize_security_group_ingress(GroupId=serving, IpPermissions=by_list)
    net.told(visitor, "CUT")
    ec2.modify_managed_prefix_list(PrefixListId=prefixes, CurrentVersion=1, AddEntries=[{"Cidr": "10.30.1.0/24"}])
    net.told(visitor, met)
    assert code(ec2.delete_managed_prefix_list, PrefixListId=prefixes) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=serving, IpPermissions=by_list)
    ec2.delete_managed_prefix_list(PrefixListId=prefixes)
    ec2.authorize_security_group_ingress(GroupId=serving, IpPermissions=by_group)
    net.told(visitor, met)

    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    net.told(visitor, "CUT")
    stale = ec2.describe_stale_security_groups(VpcId=there)["StaleSecurityGroupSet"]
    assert [it["GroupId"] for it in stale] == [serving]
    ec2.revoke_security_group_ingress(GroupId=serving, SecurityGroupRuleIds=[
        it["SecurityGroupRuleId"]
        for it in ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [serving]}])["SecurityGroupRules"]
        if not it["IsEgress"]
    ])


def test_vpcs_with_the_same_range_never_meet_and_cannot_be_peered(net, ec2):
    seen = []
    vpcs = [net.vpc("10.50.0.0/16"), net.vpc("10.50.0.0/16")]
    for name, vpc in zip("ab", vpcs):
        subnet, group = net.subnet(vpc, "10.50.1.0/24"), net.group(vpc)
        net.launch(WEB % name, SubnetId=subnet, SecurityGroupIds=[group], PrivateIpAddress="10.50.1.10")
        seen.append((name, net.launch(VISITOR % "10.50.1.10", SubnetId=subnet, SecurityGroupIds=[group])))
    for name, visitor in seen:
        net.told(visitor, f"{name} {visitor['PrivateIpAddress']}")
    made = ec2.create_vpc_peering_connection(VpcId=vpcs[0], PeerVpcId=vpcs[1])["VpcPeeringConnection"]
    assert made["Status"]["Code"] == "failed"


def test_without_a_route_to_the_gateway_a_public_address_is_dead(net, ec2):
    vpc = net.vpc("10.60.0.0/16")
    subnet, gateway = net.subnet(vpc, "10.60.1.0/24"), net.gateway(vpc)
    table = net.table(vpc, subnet)
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    server = net.launch(WEB % "it", SubnetId=subnet, SecurityGroupIds=[net.group(vpc)])
    public = server["PublicIpAddress"]
    time_to_serve = net.launch(VISITOR % server["PrivateIpAddress"], SubnetId=subnet, SecurityGroupIds=[net.group(vpc)])
    net.told(time_to_serve, f"it {time_to_serve['PrivateIpAddress']}")
    assert page(public) is None
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert page(public)
    assert code(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "DependencyViolation"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert page(public) is None


def test_an_elastic_address_moves_while_it_is_asked(net, ec2):
    group = net.group()
    servers = [net.launch(WEB % name, SecurityGroupIds=[group]) for name in ("one", "two")]
    for server in servers:
        eventually(lambda server=server: page(server["PublicIpAddress"]), "it serves")
    allocation, address = net.address()
    ec2.associate_address(AllocationId=allocation, InstanceId=servers[0]["InstanceId"])
    assert page(address).startswith("one")
    assert net.describe(servers[0]["InstanceId"])["PublicIpAddress"] == address
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            answer = page(address, 0.2)
            answers.append((time.monotonic(), answer and answer.split()[0]))

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: len(answers) > 20, "it is asked")
    begun = time.monotonic()
    association = ec2.associate_address(AllocationId=allocation, InstanceId=servers[1]["InstanceId"])["AssociationId"]
    took = time.monotonic() - begun
    assert page(address).startswith("two"), "in force when it is answered"
    eventually(lambda: answers[-1][1] == "two", "the client arrives")
    stop.set()
    asking.join()
    last = max(at for at, name in answers if name == "one")
    first = min(at for at, name in answers if name == "two")
    print(f"interruption {first - last:.3f} s, call {took:.3f} s")
    assert first - last < 1
    assert code(ec2.associate_address, AllocationId=allocation, InstanceId=servers[0]["InstanceId"], AllowReassociation=False) == "Resource.AlreadyAssociated"
    ec2.disassociate_address(AssociationId=association)
    assert page(address) is None
    back = eventually(lambda: net.describe(servers[1]["InstanceId"]).get("PublicIpAddress"), "an automatic one comes back")
    assert page(back).startswith("two")


def test_an_interface_is_attached_to_a_running_instance_and_has_further_addresses(net, ec2):
    subnet = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    group = net.group()
    server = net.launch(WEB % "it", SubnetId=subnet, SecurityGroupIds=[group])
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    id, inner = interface["NetworkInterfaceId"], interface["PrivateIpAddress"]
    more = ec2.assign_private_ip_addresses(NetworkInterfaceId=id, SecondaryPrivateIpAddressCount=1)
    second = more["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    visitor = net.launch(VISITOR % f"{inner} {second}", SubnetId=subnet, SecurityGroupIds=[group])
    me = f"it {visitor['PrivateIpAddress']}"
    net.told(visitor, "CUT CUT")
    attachment = ec2.attach_network_interface(NetworkInterfaceId=id, InstanceId=server["InstanceId"], DeviceIndex=1)["AttachmentId"]
    net.told(visitor, f"{me} {me}")
    assert code(ec2.delete_network_interface, NetworkInterfaceId=id) == "InvalidNetworkInterface.InUse"
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=id, PrivateIpAddresses=[second])
    net.told(visitor, f"{me} CUT")
    allocation, address = net.address()
    ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=id)
    assert page(address).startswith("it")
    ec2.disassociate_address(PublicIp=address)
    ec2.detach_network_interface(AttachmentId=attachment)
    net.told(visitor, "CUT CUT")
    ec2.delete_network_interface(NetworkInterfaceId=id)


def test_what_is_wrong_is_refused_and_changes_nothing(net, ec2):
    vpc = net.vpc("10.70.0.0/16")
    subnet = net.subnet(vpc, "10.70.1.0/24")
    assert code(ec2.create_vpc, CidrBlock="10.0.0.0/8") == "InvalidVpc.Range"
    assert code(ec2.create_vpc, CidrBlock="nonsense") == "InvalidParameterValue"
    assert code(ec2.create_subnet, VpcId=vpc, CidrBlock="10.70.1.128/25") == "InvalidSubnet.Conflict"
    assert code(ec2.create_subnet, VpcId=vpc, CidrBlock="10.71.0.0/24") == "InvalidSubnet.Range"
    assert code(ec2.create_subnet, VpcId="vpc-0123456789abcdef0", CidrBlock="10.70.2.0/24") == "InvalidVpcID.NotFound"
    table = net.table(vpc, subnet)
    to = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert code(ec2.create_route, **to) == "InvalidParameterCombination"
    assert code(ec2.create_route, GatewayId="igw-0123456789abcdef0", **to) == "InvalidInternetGatewayID.NotFound"
    assert code(ec2.create_route, TransitGatewayId="tgw-0123456789abcdef0", **to) in ("UnknownParameter", "UnsupportedOperation", "InvalidParameterCombination", "NotImplemented")
    assert code(ec2.delete_route, **to) == "InvalidRoute.NotFound"
    assert code(ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.70.0.0/16") == "InvalidParameterValue"
    assert code(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    assert code(ec2.create_nat_gateway, SubnetId=subnet) == "MissingParameter"
    more = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.71.0.0/16")["CidrBlockAssociation"]["AssociationId"]
    assert code(ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="10.71.5.0/24") == "InvalidVpc.Range"
    ec2.disassociate_vpc_cidr_block(AssociationId=more)
    there = len(ec2.describe_addresses()["Addresses"])
    held = [ec2.allocate_address()["AllocationId"] for _ in range(5 - there)]
    assert code(ec2.allocate_address) == "AddressLimitExceeded"
    for one in held:
        ec2.release_address(AllocationId=one)
    assert len(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlockAssociationSet"]) == 1


# Says how long a packet is that comes, as it came: nobody may cut it on the way.
LONG_EAR = """#!/bin/sh
exec python3 -u - <<'PY'
import socket
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind(("0.0.0.0", 80))
while True: print("told", len(ear.recv(65535)))
PY
"""
LONG_VOICE = """#!/bin/sh
exec python3 -u - <<'PY'
import socket, time
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
def longest(address, bytes):
    voice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    voice.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    voice.connect((address, 80))
    for _ in range(2):
        try: voice.send(bytes * b"x")
        except OSError: pass
        time.sleep(0.1)
    return voice.getsockopt(socket.IPPROTO_IP, IP_MTU)
while True: print("told", longest("%s", 8973), longest("%s", 8973))
PY
"""


def test_packets_are_long_inside_and_usual_beyond(net):
    vpc = net.vpc("10.0.0.0/16")
    subnet = net.subnet(vpc, "10.0.1.0/24")
    gateway, table = net.gateway(vpc), net.table(vpc, subnet)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    group = net.group(vpc)
    net.ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="udp", FromPort=80, ToPort=80, CidrIp="10.0.0.0/16")
    ear = net.launch(LONG_EAR, SubnetId=subnet, SecurityGroupIds=[group])
    _, beyond = net.address()
    place = [{"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True}]
    voice = net.launch(LONG_VOICE % (ear["PrivateIpAddress"], beyond), NetworkInterfaces=place)
    net.told(ear, "8973")
    net.told(voice, "9001 1500")


def test_an_instance_begins_with_several_interfaces(net, ec2):
    """Each is configured inside and answers by itself; one that is to stay outlives the instance."""
    vpc = net.vpc("10.80.0.0/16")
    front, back = net.subnet(vpc, "10.80.1.0/24"), net.subnet(vpc, "10.80.2.0/24")
    group = net.group(vpc)
    stays = ec2.create_network_interface(SubnetId=back, Groups=[group])["NetworkInterface"]
    net.undo.append(lambda: ec2.delete_network_interface(NetworkInterfaceId=stays["NetworkInterfaceId"]))
    server = net.launch(
        WEB % "server",
        NetworkInterfaces=[
            {"DeviceIndex": 1, "NetworkInterfaceId": stays["NetworkInterfaceId"]},
            {"DeviceIndex": 0, "SubnetId": front, "Groups": [group], "SecondaryPrivateIpAddressCount": 1},
        ],
    )
    first, second = server["NetworkInterfaces"]
    assert second["NetworkInterfaceId"] == stays["NetworkInterfaceId"]
    addresses = [one["PrivateIpAddress"] for one in first["PrivateIpAddresses"] + second["PrivateIpAddresses"]]
    assert len(addresses) == 3
    visitor = net.launch(VISITOR % " ".join(addresses), SubnetId=front, SecurityGroupIds=[group])
    net.told(visitor, " ".join([f"server {visitor['PrivateIpAddress']}"] * 3))
    net.instances.remove(server["InstanceId"])
    ec2.terminate_instances(InstanceIds=[server["InstanceId"]])
    eventually(lambda: net.describe(server["InstanceId"])["State"]["Name"] == "terminated", "it is terminated")
    left = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [front, back]}])["NetworkInterfaces"]
    assert {one["NetworkInterfaceId"]: one["Status"] for one in left} == {
        stays["NetworkInterfaceId"]: "available",
        visitor["NetworkInterfaces"][0]["NetworkInterfaceId"]: "in-use",
    }


def test_what_cannot_be_an_id_is_told_from_what_is_not_there(ec2):
    """Amazon EC2 API Reference, "Error codes": these kinds have a code of their own for it."""
    for ask, named, prefix, malformed, missing in (
        (ec2.describe_route_tables, "RouteTableIds", "rtb", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound"),
        (ec2.describe_nat_gateways, "NatGatewayIds", "nat", "NatGatewayMalformed", "NatGatewayNotFound"),
        (ec2.describe_vpc_endpoints, "VpcEndpointIds", "vpce", "InvalidVpcEndpointId.Malformed", "InvalidVpcEndpointId.NotFound"),
        (ec2.describe_dhcp_options, "DhcpOptionsIds", "dopt", "InvalidDhcpOptionsId.Malformed", "InvalidDhcpOptionID.NotFound"),
        (ec2.describe_managed_prefix_lists, "PrefixListIds", "pl", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound"),
    ):
        assert code(ask, **{named: ["foo"]}) == malformed
        assert code(ask, **{named: [f"{prefix}-0123456789abcdef0"]}) == missing
    assert code(ec2.accept_vpc_peering_connection, VpcPeeringConnectionId="foo") == "InvalidVpcPeeringConnectionId.Malformed"
    assert code(ec2.detach_network_interface, AttachmentId="foo") == "InvalidNetworkInterfaceAttachmentId.Malformed"
    gone = code(ec2.delete_egress_only_internet_gateway, EgressOnlyInternetGatewayId="igw-0123456789abcdef0")
    assert gone == "InvalidEgressOnlyInternetGatewayId.Malformed"
