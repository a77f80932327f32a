"""Every filter that AWS documents for an operation that describes is taken by it, and means what it says.

The lists are those of botocore's own documentation of EC2: one that a new version adds is seen here.
"""

import os
import re

from botocore.exceptions import ClientError
from conftest import needs_root
from test_vpc import net  # noqa: F401

OPS = os.path.join(os.path.dirname(__file__), "..", "..", "models", "ec2.ops")
# Headings and values that stand in the lists beside the names.
NO_NAMES = {
    "DescribeCapacityReservations": {
        "default", "dedicated", "active", "expired", "cancelled", "pending", "failed", "unlimited", "limited", "open",
        "targeted",
    },
}  # fmt: skip
# Of these nothing is on record, so that no answer would be true.
UNSERVED = {
    "DescribeInstanceStatus": {"attached-ebs-status.status"},
    "DescribeInstanceTypes": {
        "ebs-info.attachment-limit-type", "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
        "ebs-info.ebs-optimized-info.baseline-iops", "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
        "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", "ebs-info.ebs-optimized-info.maximum-iops",
        "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", "ebs-info.ebs-optimized-support",
        "ebs-info.encryption-support", "ebs-info.maximum-ebs-attachments", "ebs-info.nvme-support",
        "instance-storage-info.encryption-support", "instance-storage-info.nvme-support",
        "processor-info.sustained-clock-speed-in-ghz",
    },
    "DescribeImages": {"source-image-id", "source-image-region"},
    "DescribeSnapshots": {"transfer-type"},
    "DescribeReservedInstancesModifications": {"modification-result.target-configuration.availability-zone-id"},
    "DescribeVolumeStatus": {
        "action.code", "action.description", "action.event-id", "event.description", "event.event-id", "event.event-type",
        "event.not-after", "event.not-before",
    },
}  # fmt: skip


def documented(client):
    """By operation: its member for filters, and their names."""
    with open(OPS) as lines:
        served = [line.split()[0] for line in lines if line.startswith("Describe")]
    for operation in served:
        members = client.meta.service_model.operation_model(operation).input_shape.members
        for member in ("Filters", "Filter"):
            if member in members:
                text = members[member].documentation
                names = {name.strip() for name in re.findall(r"<li>\s*<p>\s*<code>([^<]+)</code>", text)}
                names = {"tag:k" if name.startswith("tag:") or name == "tag" else name for name in names}
                yield operation, members[member], member, sorted(names - NO_NAMES.get(operation, set()))


def required(client, operation):
    shape = client.meta.service_model.operation_model(operation).input_shape
    return {name: "lt-0123456789abcdef0" for name in shape.required_members}


def test_every_documented_filter_is_taken(cloud):
    ec2 = cloud.client("ec2")
    walked, refused = 0, []
    for operation, shape, member, names in documented(ec2):
        for name in names:
            given = {"Name": name, "Values": ["x"]}
            try:
                ec2._make_api_call(operation, {**required(ec2, operation), member: [given]})
                taken = True
            except ClientError as error:
                taken = "filter" not in error.response["Error"]["Message"].lower()
            walked += 1
            if taken == (name in UNSERVED.get(operation, ())):
                refused.append(f"{operation}: {name} is {'taken' if taken else 'refused'}")
    assert not refused, "\n".join(refused)
    assert walked > 600


@needs_root
def test_filters_find_what_they_name(net, ec2):  # noqa: F811
    """Those that look further than the record they are asked of."""
    vpc = net.vpc("10.70.0.0/16")
    subnet = net.subnet(vpc, "10.70.1.0/24")
    table = net.table(vpc, subnet)
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    net.undo.append(lambda: ec2.delete_network_interface(NetworkInterfaceId=eni))
    instance = net.launch("#!/bin/sh\n", NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}])["InstanceId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.99.0.0/16", NetworkInterfaceId=eni)
    net.gateway(vpc)
    held, _ = net.address()
    associated = ec2.associate_address(AllocationId=held, NetworkInterfaceId=eni)["AssociationId"]
    net.undo.append(lambda: ec2.disassociate_address(AssociationId=associated))
    web, app = net.group(vpc), net.group(vpc, source=None)
    name_of_web = ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]["GroupName"]
    pair = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web}]}
    ec2.authorize_security_group_ingress(GroupId=app, IpPermissions=[pair])
    net.undo.append(lambda: ec2.revoke_security_group_ingress(GroupId=app, IpPermissions=[pair]))
    for call, rows, name, value, key, found in [
        (ec2.describe_route_tables, "RouteTables", "route.instance-id", instance, "RouteTableId", table),
        (ec2.describe_network_interfaces, "NetworkInterfaces", "association.association-id", associated, "NetworkInterfaceId", eni),
        (ec2.describe_network_interfaces, "NetworkInterfaces", "attachment.instance-id", instance, "NetworkInterfaceId", eni),
        (ec2.describe_security_groups, "SecurityGroups", "ip-permission.group-name", name_of_web, "GroupId", app),
    ]:
        [row] = call(Filters=[{"Name": name, "Values": [value]}])[rows]
        assert row[key] == found, name
    zone = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailabilityZoneId"]
    zoned = [{"Name": "availability-zone-id", "Values": [zone]}, {"Name": "vpc-id", "Values": [vpc]}]
    [shown] = ec2.describe_network_interfaces(Filters=zoned)["NetworkInterfaces"]
    assert (shown["Association"]["AssociationId"], shown["Association"]["AllocationId"]) == (associated, held)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [route.get("InstanceId") for route in routes if route.get("NetworkInterfaceId") == eni] == [instance]
    for name, value in [
        ("network-interface.addresses.association.allocation-id", held),
        ("metadata-options.http-protocol-ipv6", "disabled"),
        ("private-dns-name-options.hostname-type", "ip-name"),
    ]:
        both = [{"Name": name, "Values": [value]}, {"Name": "vpc-id", "Values": [vpc]}]
        found = ec2.describe_instances(Filters=both)["Reservations"]
        assert [row["Instances"][0]["InstanceId"] for row in found] == [instance], name
