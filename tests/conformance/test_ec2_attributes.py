"""Attributes and replacements of EC2's resources that nothing else here asks for: what is set is shown, and goes back."""

import pytest
from conftest import code, eventually


@pytest.fixture
def vpc(ec2):
    """A VPC with a subnet, both removed with the test."""
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24")["Subnet"]["SubnetId"]
    yield vpc, subnet
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


@pytest.fixture
def volume(ec2):
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    state = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"]
    eventually(lambda: state() == "available", "the volume is there")
    yield volume
    ec2.delete_volume(VolumeId=volume)


def test_dhcp_options_of_a_vpc(ec2, vpc):
    vpc, _ = vpc
    options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["10.77.0.9"]}])
    options = options["DhcpOptions"]["DhcpOptionsId"]
    has = lambda: ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"]
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId=options)
    assert has() == options
    assert code(ec2.delete_dhcp_options, DhcpOptionsId=options) == "DependencyViolation"
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId="default")
    assert has() == "default"
    ec2.delete_dhcp_options(DhcpOptionsId=options)
    unknown = code(ec2.associate_dhcp_options, VpcId=vpc, DhcpOptionsId=options)
    assert unknown == "InvalidDhcpOptionID.NotFound"


def test_routes_and_tables_are_replaced(ec2, vpc):
    vpc, subnet = vpc
    gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]]
    ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpc)
    egress = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateways[0])
    ec2.replace_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=egress)
    routes = ec2.describe_route_tables(RouteTableIds=[tables[0]])["RouteTables"][0]["Routes"]
    assert [one["NetworkInterfaceId"] for one in routes if one["DestinationCidrBlock"] == "0.0.0.0/0"] == [egress]
    unknown = code(ec2.replace_route, RouteTableId=tables[1], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateways[0])
    assert unknown == "InvalidParameterValue"

    linked = ec2.associate_route_table(RouteTableId=tables[0], SubnetId=subnet)["AssociationId"]
    assert code(ec2.replace_route_table_association, AssociationId="rtbassoc-0123456789abcdef0",
                RouteTableId=tables[1]) == "InvalidAssociationID.NotFound"
    linked = ec2.replace_route_table_association(AssociationId=linked, RouteTableId=tables[1])["NewAssociationId"]
    of_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    assert [t["RouteTableId"] for t in ec2.describe_route_tables(Filters=of_subnet)["RouteTables"]] == [tables[1]]

    ec2.disassociate_route_table(AssociationId=linked)
    for table in tables:
        ec2.delete_route_table(RouteTableId=table)
    ec2.delete_network_interface(NetworkInterfaceId=egress)
    ec2.detach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateways[0])


def test_entries_of_acls_are_replaced(ec2, vpc):
    vpc, _ = vpc
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Protocol": "6", "Egress": False, "CidrBlock": "10.0.0.0/8"}
    entry["PortRange"] = {"From": 80, "To": 80}
    assert code(ec2.replace_network_acl_entry, **entry, RuleAction="deny") == "InvalidNetworkAclEntry.NotFound"
    ec2.create_network_acl_entry(**entry, RuleAction="allow")
    ec2.replace_network_acl_entry(**entry, RuleAction="deny")
    entries = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    assert [one["RuleAction"] for one in entries if one["RuleNumber"] == 100] == ["deny"]
    ec2.delete_network_acl(NetworkAclId=acl)


def test_a_peering_is_refused_by_the_other_side(ec2, vpc):
    vpc, _ = vpc
    other = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    peering = peering["VpcPeeringConnectionId"]
    assert ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=peering)["Return"]
    shown = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"]
    assert shown[0]["Status"]["Code"] == "rejected"
    too_late = code(ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=peering)
    assert too_late == "InvalidStateTransition"
    ec2.delete_vpc(VpcId=other)


def test_attributes_of_an_interface(ec2, vpc):
    _, subnet = vpc
    made = ec2.create_network_interface(SubnetId=subnet, Description="before")["NetworkInterface"]["NetworkInterfaceId"]
    about = lambda what: ec2.describe_network_interface_attribute(NetworkInterfaceId=made, Attribute=what)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made, Description={"Value": "after"})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made, SourceDestCheck={"Value": False})
    assert about("description")["Description"] == {"Value": "after"}
    assert about("sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    ec2.reset_network_interface_attribute(NetworkInterfaceId=made, SourceDestCheck="true")
    assert about("sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    assert len(about("groupSet")["Groups"]) == 1
    assert code(about, what="colour") == "InvalidParameterValue"
    unknown = code(ec2.modify_network_interface_attribute, NetworkInterfaceId=made, Groups=["sg-0123456789abcdef0"])
    assert unknown == "InvalidGroup.NotFound"
    ec2.delete_network_interface(NetworkInterfaceId=made)


def test_a_volume_says_how_it_is(ec2, volume):
    about = lambda what: ec2.describe_volume_attribute(VolumeId=volume, Attribute=what)
    assert about("autoEnableIO")["AutoEnableIO"] == {"Value": False}
    ec2.modify_volume_attribute(VolumeId=volume, AutoEnableIO={"Value": True})
    assert about("autoEnableIO")["AutoEnableIO"] == {"Value": True}
    assert about("productCodes")["ProductCodes"] == []
    status = ec2.describe_volume_status(VolumeIds=[volume])["VolumeStatuses"][0]
    assert status["VolumeStatus"]["Status"] == "ok" and status["VolumeId"] == volume
    assert code(ec2.describe_volume_status, VolumeIds=["vol-0123456789abcdef0"]) == "InvalidVolume.NotFound"


def test_whom_a_snapshot_and_an_image_are_shared_with(ec2, volume):
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    done = lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    eventually(done, "the snapshot is made")
    shared = lambda: ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, OperationType="add", UserIds=["111122223333"])
    assert shared()["CreateVolumePermissions"] == [{"UserId": "111122223333"}]
    ec2.reset_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert shared()["CreateVolumePermissions"] == []

    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    image = ec2.copy_image(Name="of-a-test", SourceImageId=host, SourceRegion="us-east-1")["ImageId"]
    known = lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    eventually(known, "the image is copied")
    about = lambda what: ec2.describe_image_attribute(ImageId=image, Attribute=what)
    change = lambda **params: ec2.modify_image_attribute(ImageId=image, **params)
    change(LaunchPermission={"Add": [{"UserId": "111122223333"}, {"UserId": "444455556666"}]})
    change(OperationType="remove", UserIds=["444455556666"])
    assert about("launchPermission")["LaunchPermissions"] == [{"UserId": "111122223333"}]
    change(Description={"Value": "seen"})
    assert about("description")["Description"] == {"Value": "seen"}
    assert about("blockDeviceMapping")["BlockDeviceMappings"]
    ec2.reset_image_attribute(ImageId=image, Attribute="launchPermission")
    assert about("launchPermission")["LaunchPermissions"] == []
    # What is not honoured is refused, and changes nothing.
    assert code(change, Attribute="productCodes", UserIds=["111122223333"]) == "InvalidParameterValue"
    assert code(change, ProductCodes=["one"]) == "UnsupportedOperation"
    assert about("launchPermission")["LaunchPermissions"] == []
    ec2.deregister_image(ImageId=image)
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_names_of_addresses_and_users_of_prefix_lists(ec2, vpc):
    vpc, _ = vpc
    address = ec2.allocate_address()
    known = ec2.describe_addresses_attribute(AllocationIds=[address["AllocationId"]], Attribute="domain-name")
    assert known["Addresses"][0]["PtrRecord"].startswith("ec2-" + address["PublicIp"].replace(".", "-"))
    ec2.release_address(AllocationId=address["AllocationId"])

    made = ec2.create_managed_prefix_list(PrefixListName="of-a-test", MaxEntries=2, AddressFamily="IPv4")
    made = made["PrefixList"]["PrefixListId"]
    users = lambda: ec2.get_managed_prefix_list_associations(PrefixListId=made)["PrefixListAssociations"]
    assert users() == []
    group = ec2.create_security_group(GroupName="of-a-test", Description="made by a test", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": made}]}]
    )
    assert [one["ResourceId"] for one in users()] == [group]
    ec2.delete_security_group(GroupId=group)
    ec2.delete_managed_prefix_list(PrefixListId=made)


def test_a_default_subnet_comes_back(ec2):
    in_zone = [{"Name": "default-for-az", "Values": ["true"]}, {"Name": "availability-zone", "Values": ["us-east-1c"]}]
    default = lambda: ec2.describe_subnets(Filters=in_zone)["Subnets"]
    assert code(ec2.create_default_subnet, AvailabilityZone="us-east-1c") == "DefaultSubnetAlreadyExistsInAvailabilityZone"
    ec2.delete_subnet(SubnetId=default()[0]["SubnetId"])
    assert default() == []
    made = ec2.create_default_subnet(AvailabilityZone="us-east-1c")["Subnet"]
    assert made["DefaultForAz"] and default()[0]["SubnetId"] == made["SubnetId"]
