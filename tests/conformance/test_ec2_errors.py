"""Error codes of EC2 (its API reference, "Error codes"): for each the shortest request that meets it. A refusal changes nothing."""

import pytest
from botocore.config import Config
from conftest import Cloud, code, eventually, needs_root, unexpected
from requests_query import call

ZONE = "us-east-1a"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
UNCHECKED = Config(retries={"total_max_attempts": 1}, read_timeout=40, parameter_validation=False)
# What the requests below could have made or unmade.
SEEN = {
    "describe_addresses": "Addresses",
    "describe_capacity_reservations": "CapacityReservations",
    "describe_dhcp_options": "DhcpOptions",
    "describe_hosts": "Hosts",
    "describe_instances": "Reservations",
    "describe_internet_gateways": "InternetGateways",
    "describe_key_pairs": "KeyPairs",
    "describe_launch_templates": "LaunchTemplates",
    "describe_nat_gateways": "NatGateways",
    "describe_network_acls": "NetworkAcls",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_placement_groups": "PlacementGroups",
    "describe_route_tables": "RouteTables",
    "describe_security_groups": "SecurityGroups",
    "describe_snapshots": "Snapshots",
    "describe_subnets": "Subnets",
    "describe_tags": "Tags",
    "describe_volumes": "Volumes",
    "describe_vpc_endpoints": "VpcEndpoints",
    "describe_vpc_peering_connections": "VpcPeeringConnections",
    "describe_vpcs": "Vpcs",
}


def none(prefix):
    """An id that could be one, and is of nothing."""
    return f"{prefix}-0123456789abcdef0"


class World:
    """One of everything that a wrong request may name."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.ec2 = ec2 = cloud.client("ec2", config=UNCHECKED)
        self.image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]
        self.launch = {"ImageId": self.image["ImageId"], "InstanceType": "t2.nano", "MinCount": 1, "MaxCount": 1}
        self.vpc = ec2.create_vpc(CidrBlock="10.80.0.0/16")["Vpc"]["VpcId"]
        self.bare_vpc = ec2.create_vpc(CidrBlock="10.81.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.make_subnet(self.vpc, "10.80.1.0/24")
        self.second_subnet = self.make_subnet(self.vpc, "10.80.2.0/24")
        self.small_subnet = self.make_subnet(self.vpc, "10.80.3.0/28")
        self.bare_subnet = self.make_subnet(self.bare_vpc, "10.81.1.0/24")
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.loose_gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway)
        self.acl = ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]
        self.entry = {"NetworkAclId": self.acl, "RuleNumber": 100, "Protocol": "-1", "Egress": False}
        self.entry |= {"RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
        ec2.create_network_acl_entry(**self.entry)
        self.group = self.make_group("of-errors", self.vpc)
        self.bare_group = self.make_group("of-errors", self.bare_vpc)
        self.groups = [self.make_group(f"of-errors-{n}", self.vpc) for n in range(6)]
        self.rule = {"GroupId": self.group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
        ec2.authorize_security_group_ingress(**self.rule)
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["SecurityGroups"]
        self.default_group = next(one["GroupId"] for one in groups if one["GroupName"] == "default")
        self.interface = ec2.create_network_interface(SubnetId=self.subnet, PrivateIpAddress="10.80.1.10")
        self.interface = self.interface["NetworkInterface"]["NetworkInterfaceId"]
        self.bare_interface = ec2.create_network_interface(SubnetId=self.bare_subnet)["NetworkInterface"]["NetworkInterfaceId"]
        self.address = ec2.allocate_address()["AllocationId"]
        ec2.associate_address(AllocationId=self.address, NetworkInterfaceId=self.interface)
        self.volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1, ClientToken="of-errors")["VolumeId"]
        eventually(lambda: self.state_of_volume() == "available", "the volume is there")
        self.snapshot = ec2.create_snapshot(VolumeId=self.volume)["SnapshotId"]
        done = lambda: ec2.describe_snapshots(SnapshotIds=[self.snapshot])["Snapshots"][0]["State"] == "completed"
        eventually(done, "the snapshot is made")
        self.key = ec2.create_key_pair(KeyName="of-errors")["KeyName"]
        self.template = ec2.create_launch_template(LaunchTemplateName="of-errors", LaunchTemplateData={"InstanceType": "t2.nano"})
        self.template = self.template["LaunchTemplate"]["LaunchTemplateId"]
        ec2.create_placement_group(GroupName="of-errors", Strategy="cluster")
        self.peering = ec2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=self.bare_vpc)["VpcPeeringConnection"]
        self.peering = self.peering["VpcPeeringConnectionId"]
        default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        self.rejected = ec2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=default)["VpcPeeringConnection"]
        self.rejected = self.rejected["VpcPeeringConnectionId"]
        ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=self.rejected)
        self.offering = ec2.describe_reserved_instances_offerings(
            InstanceType="t3.micro", OfferingType="All Upfront", Filters=[{"Name": "scope", "Values": ["Region"]}],
        )["ReservedInstancesOfferings"][0]["ReservedInstancesOfferingId"]

    def make_subnet(self, vpc, cidr):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=ZONE)["Subnet"]["SubnetId"]

    def make_group(self, name, vpc):
        return self.ec2.create_security_group(GroupName=name, Description="-", VpcId=vpc)["GroupId"]

    def state_of_volume(self):
        return self.ec2.describe_volumes(VolumeIds=[self.volume])["Volumes"][0]["State"]

    def shown(self):
        own = {"describe_snapshots": {"OwnerIds": ["self"]}}
        return {name: getattr(self.ec2, name)(**own.get(name, {}))[key] for name, key in SEEN.items()}

    def run(self, **more):
        return {**self.launch, "SubnetId": self.subnet, **more}

    def endpoint(self, **more):
        return {"VpcId": self.vpc, "ServiceName": "com.amazonaws.us-east-1.sqs", "VpcEndpointType": "Interface", **more}

    def route(self, **target):
        return {"RouteTableId": self.table, "DestinationCidrBlock": "192.0.2.0/24", **target}

    def share(self, **whom):
        return {"SnapshotId": self.snapshot, "Attribute": "createVolumePermission", "OperationType": "add", **whom}

    def hosts(self, **more):
        return {"InstanceType": "t2.nano", "AvailabilityZone": ZONE, "Quantity": 1, **more}

    def fleet(self, **more):
        return {"SpotFleetRequestConfig": {"IamFleetRole": "arn:aws:iam::000000000000:role/fleet", "TargetCapacity": 1, **more}}


@pytest.fixture(scope="module")
def errors_cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("errors")).start()
    yield cloud
    assert cloud.stop() == 0, cloud.log()
    assert unexpected(cloud.log()) == []


@pytest.fixture(scope="module")
def world(errors_cloud):
    return World(errors_cloud)


# Code, operation, and what is wrong with its parameters.
TABLE = [
    ("AuthFailure", "deregister_image", lambda w: {"ImageId": w.image["ImageId"]}),
    ("DryRunOperation", "create_vpc", lambda w: {"CidrBlock": "10.90.0.0/16", "DryRun": True}),
    ("IdempotentParameterMismatch", "create_volume", lambda w: {"AvailabilityZone": ZONE, "Size": 2, "ClientToken": "of-errors"}),
    ("InvalidParameter", "create_network_interface", lambda w: {"SubnetId": w.subnet, "Groups": [w.bare_group]}),
    ("InvalidParameterCombination", "create_route", lambda w: w.route()),
    ("InvalidParameterCombination", "run_instances", lambda w: w.run(MinCount=2, MaxCount=1)),
    ("InvalidParameterDependency", "create_volume", lambda w: {"AvailabilityZone": ZONE, "Size": 1, "KmsKeyId": UUID}),
    ("InvalidParameterValue", "create_vpc", lambda w: {"CidrBlock": "nonsense"}),
    ("InvalidParameterValue", "create_subnet", lambda w: {"VpcId": w.vpc, "CidrBlock": "10.80.9.0/24", "AvailabilityZone": "us-east-1z"}),
    ("InvalidParameterValue", "create_security_group", lambda w: {"GroupName": "default", "Description": "-", "VpcId": w.vpc}),
    ("InvalidParameterValue", "describe_vpcs", lambda w: {"Filters": [{"Name": "colour", "Values": ["red"]}]}),
    ("InvalidParameterValue", "describe_vpcs", lambda w: {"MaxResults": 1}),
    ("InvalidParameterValue", "create_tags", lambda w: {"Resources": [w.vpc], "Tags": [{"Key": "aws:mine", "Value": ""}]}),
    ("MissingParameter", "create_volume", lambda w: {"AvailabilityZone": ZONE}),
    ("MissingParameter", "delete_vpc", lambda w: {}),
    ("UnsupportedOperation", "create_network_interface", lambda w: {"SubnetId": w.subnet, "InterfaceType": "efa"}),

    ("AttachmentLimitExceeded", "run_instances", lambda w: {**w.launch, "NetworkInterfaces": [{"DeviceIndex": n, "SubnetId": w.subnet} for n in range(3)]}),
    ("BootForVolumeTypeUnsupported", "run_instances", lambda w: w.run(BlockDeviceMappings=[{"DeviceName": w.image["RootDeviceName"], "Ebs": {"VolumeType": "sc1", "VolumeSize": 125}}])),
    ("CannotDelete", "delete_security_group", lambda w: {"GroupId": w.default_group}),
    ("DefaultSubnetAlreadyExistsInAvailabilityZone", "create_default_subnet", lambda w: {"AvailabilityZone": ZONE}),
    ("DefaultVpcAlreadyExists", "create_default_vpc", lambda w: {}),
    ("DependencyViolation", "delete_vpc", lambda w: {"VpcId": w.vpc}),
    ("DependencyViolation", "detach_internet_gateway", lambda w: {"InternetGatewayId": w.gateway, "VpcId": w.vpc}),
    ("DuplicateSubnetsInSameZone", "create_vpc_endpoint", lambda w: w.endpoint(SubnetIds=[w.subnet, w.second_subnet], PrivateDnsEnabled=False)),
    ("FilterLimitExceeded", "describe_vpcs", lambda w: {"Filters": [{"Name": "vpc-id", "Values": [f"vpc-{n:08x}" for n in range(201)]}]}),
    ("Gateway.NotAttached", "detach_internet_gateway", lambda w: {"InternetGatewayId": w.loose_gateway, "VpcId": w.vpc}),
    ("Gateway.NotAttached", "associate_address", lambda w: {"AllocationId": w.address, "NetworkInterfaceId": w.bare_interface, "AllowReassociation": True}),
    ("HostLimitExceeded", "allocate_hosts", lambda w: w.hosts(Quantity=3)),
    ("InsufficientFreeAddressesInSubnet", "create_network_interface", lambda w: {"SubnetId": w.small_subnet, "SecondaryPrivateIpAddressCount": 12}),
    ("InvalidAMIAttributeItemValue", "modify_snapshot_attribute", lambda w: w.share(UserIds=["me"])),
    ("InvalidAMIAttributeItemValue", "modify_snapshot_attribute", lambda w: w.share(GroupNames=["some"])),
    ("InvalidAMIID.Malformed", "run_instances", lambda w: w.run(ImageId="host")),
    ("InvalidAMIID.NotFound", "run_instances", lambda w: w.run(ImageId=none("ami"))),
    ("InvalidAMIName.Malformed", "copy_image", lambda w: {"Name": "?", "SourceImageId": w.image["ImageId"], "SourceRegion": "us-east-1"}),
    ("InvalidAddress.Malformed", "describe_addresses", lambda w: {"PublicIps": ["localhost"]}),
    ("InvalidAddress.Malformed", "associate_address", lambda w: {"PublicIp": "1.2.3", "NetworkInterfaceId": w.interface}),
    ("InvalidAddress.NotFound", "describe_addresses", lambda w: {"PublicIps": ["192.0.2.1"]}),
    ("InvalidAffinity", "run_instances", lambda w: w.run(Placement={"Affinity": "some"})),
    ("InvalidAllocationID.NotFound", "release_address", lambda w: {"AllocationId": none("eipalloc")}),
    ("InvalidAssociationID.NotFound", "disassociate_address", lambda w: {"AssociationId": none("eipassoc")}),
    ("InvalidAssociationID.NotFound", "disassociate_route_table", lambda w: {"AssociationId": none("rtbassoc")}),
    ("InvalidAssociationID.NotFound", "replace_network_acl_association", lambda w: {"AssociationId": none("aclassoc"), "NetworkAclId": w.acl}),
    ("InvalidAssociationID.NotFound", "disassociate_iam_instance_profile", lambda w: {"AssociationId": none("iip-assoc")}),
    ("InvalidAttachmentID.NotFound", "detach_network_interface", lambda w: {"AttachmentId": none("eni-attach")}),
    ("InvalidAutoPlacement", "allocate_hosts", lambda w: w.hosts(AutoPlacement="perhaps")),
    ("InvalidBlockDeviceMapping", "run_instances", lambda w: w.run(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}] * 2)),
    ("InvalidCapacityReservationId.Malformed", "cancel_capacity_reservation", lambda w: {"CapacityReservationId": "cr-mine"}),
    ("InvalidCapacityReservationId.NotFound", "cancel_capacity_reservation", lambda w: {"CapacityReservationId": none("cr")}),
    ("InvalidConversionTaskId", "cancel_import_task", lambda w: {"ImportTaskId": none("import-ami")}),
    ("InvalidConversionTaskId.Malformed", "cancel_import_task", lambda w: {"ImportTaskId": "task"}),
    ("InvalidCpuCredits", "modify_default_credit_specification", lambda w: {"InstanceFamily": "t3", "CpuCredits": "endless"}),
    ("InvalidCpuCredits.Malformed", "run_instances", lambda w: w.run(CreditSpecification={"CpuCredits": "endless"})),
    ("InvalidDhcpOptionID.NotFound", "delete_dhcp_options", lambda w: {"DhcpOptionsId": none("dopt")}),
    ("InvalidDhcpOptionsId.Malformed", "delete_dhcp_options", lambda w: {"DhcpOptionsId": "dopt-mine"}),
    ("InvalidEgressOnlyInternetGatewayId.Malformed", "delete_egress_only_internet_gateway", lambda w: {"EgressOnlyInternetGatewayId": "mine"}),
    ("InvalidEgressOnlyInternetGatewayId.NotFound", "delete_egress_only_internet_gateway", lambda w: {"EgressOnlyInternetGatewayId": none("eigw")}),
    ("InvalidExportTaskID.Malformed", "cancel_export_task", lambda w: {"ExportTaskId": "task"}),
    ("InvalidExportTaskID.NotFound", "cancel_export_task", lambda w: {"ExportTaskId": none("export-ami")}),
    ("InvalidFlowLogId.NotFound", "delete_flow_logs", lambda w: {"FlowLogIds": [none("fl")]}),
    ("InvalidInternetGatewayID.NotFound", "create_route", lambda w: w.route(GatewayId=none("igw"))),
    ("InvalidGatewayID.NotFound", "create_route", lambda w: w.route(GatewayId=none("nat"))),
    ("InvalidGroup.Duplicate", "create_security_group", lambda w: {"GroupName": "of-errors", "Description": "-", "VpcId": w.vpc}),
    ("InvalidGroup.NotFound", "delete_security_group", lambda w: {"GroupId": none("sg")}),
    ("InvalidGroup.NotFound", "run_instances", lambda w: w.run(SecurityGroupIds=[none("sg")])),
    ("InvalidGroupId.Malformed", "delete_security_group", lambda w: {"GroupId": "mine"}),
    ("InvalidHostID.NotFound", "describe_hosts", lambda w: {"HostIds": [none("h")]}),
    ("InvalidHostId.Malformed", "describe_hosts", lambda w: {"HostIds": ["h-mine"]}),
    ("InvalidID", "create_tags", lambda w: {"Resources": ["mine"], "Tags": [{"Key": "a", "Value": ""}]}),
    ("InvalidIPAddress.InUse", "create_network_interface", lambda w: {"SubnetId": w.subnet, "PrivateIpAddress": "10.80.1.10"}),
    ("InvalidIPAddress.InUse", "release_address", lambda w: {"AllocationId": w.address}),
    ("InvalidIamInstanceProfileArn.Malformed", "run_instances", lambda w: w.run(IamInstanceProfile={"Arn": "mine"})),
    ("InvalidInstanceCreditSpecification.DuplicateInstanceId", "modify_instance_credit_specification", lambda w: {"InstanceCreditSpecifications": [{"InstanceId": none("i"), "CpuCredits": "standard"}] * 2}),
    ("InvalidInstanceFamily", "modify_default_credit_specification", lambda w: {"InstanceFamily": "m5", "CpuCredits": "standard"}),
    ("InvalidInstanceID.Malformed", "terminate_instances", lambda w: {"InstanceIds": ["mine"]}),
    ("InvalidInstanceID.NotFound", "terminate_instances", lambda w: {"InstanceIds": [none("i")]}),
    ("InvalidInstanceType", "describe_instance_types", lambda w: {"InstanceTypes": ["p5.48xlarge"]}),
    ("InvalidInterface.IpAddressLimitExceeded", "run_instances", lambda w: {**w.launch, "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": w.subnet, "SecondaryPrivateIpAddressCount": 15}]}),
    ("InvalidInternetGatewayID.NotFound", "delete_internet_gateway", lambda w: {"InternetGatewayId": none("igw")}),
    ("InvalidKey.Format", "import_key_pair", lambda w: {"KeyName": "other", "PublicKeyMaterial": b"nothing"}),
    ("InvalidKeyPair.Duplicate", "create_key_pair", lambda w: {"KeyName": "of-errors"}),
    ("InvalidKeyPair.NotFound", "describe_key_pairs", lambda w: {"KeyNames": ["other"]}),
    ("InvalidKeyPair.NotFound", "run_instances", lambda w: w.run(KeyName="other")),
    ("InvalidLaunchTemplateId.Malformed", "delete_launch_template", lambda w: {"LaunchTemplateId": "mine"}),
    ("InvalidLaunchTemplateId.NotFound", "delete_launch_template", lambda w: {"LaunchTemplateId": none("lt")}),
    ("InvalidLaunchTemplateId.VersionNotFound", "modify_launch_template", lambda w: {"LaunchTemplateId": w.template, "DefaultVersion": "7"}),
    ("InvalidLaunchTemplateName.AlreadyExistsException", "create_launch_template", lambda w: {"LaunchTemplateName": "of-errors", "LaunchTemplateData": {"InstanceType": "t2.nano"}}),
    ("InvalidLaunchTemplateName.MalformedException", "create_launch_template", lambda w: {"LaunchTemplateName": "a b", "LaunchTemplateData": {"InstanceType": "t2.nano"}}),
    ("InvalidLaunchTemplateName.NotFoundException", "delete_launch_template", lambda w: {"LaunchTemplateName": "other"}),
    ("InvalidNatGatewayID.NotFound", "create_route", lambda w: w.route(NatGatewayId=none("nat"))),
    ("InvalidNetworkAclEntry.NotFound", "delete_network_acl_entry", lambda w: {"NetworkAclId": w.acl, "RuleNumber": 7, "Egress": False}),
    ("InvalidNetworkAclID.NotFound", "delete_network_acl", lambda w: {"NetworkAclId": none("acl")}),
    ("InvalidNetworkInterfaceAttachmentId.Malformed", "detach_network_interface", lambda w: {"AttachmentId": w.interface}),
    ("InvalidNetworkInterfaceID.NotFound", "delete_network_interface", lambda w: {"NetworkInterfaceId": none("eni")}),
    ("InvalidNetworkInterfaceId.Malformed", "describe_network_interfaces", lambda w: {"NetworkInterfaceIds": ["mine"]}),
    ("InvalidNextToken", "describe_vpcs", lambda w: {"NextToken": "mine"}),
    ("InvalidPermission.Duplicate", "authorize_security_group_ingress", lambda w: w.rule),
    ("InvalidPermission.NotFound", "revoke_security_group_ingress", lambda w: {**w.rule, "ToPort": 23}),
    ("InvalidPlacementGroup.Duplicate", "create_placement_group", lambda w: {"GroupName": "of-errors", "Strategy": "spread"}),
    ("InvalidPlacementGroup.Unknown", "delete_placement_group", lambda w: {"GroupName": "other"}),
    ("InvalidPlacementGroupId.Malformed", "run_instances", lambda w: w.run(Placement={"GroupId": "mine"})),
    ("InvalidPolicyDocument", "create_vpc_endpoint", lambda w: w.endpoint(PolicyDocument="all")),
    ("InvalidPrefixListID.NotFound", "delete_managed_prefix_list", lambda w: {"PrefixListId": none("pl")}),
    ("InvalidPrefixListId.Malformed", "delete_managed_prefix_list", lambda w: {"PrefixListId": "mine"}),
    ("InvalidQuantity", "allocate_hosts", lambda w: w.hosts(Quantity=0)),
    ("InvalidRegion", "copy_snapshot", lambda w: {"SourceSnapshotId": w.snapshot, "SourceRegion": "US East"}),
    ("InvalidRegion", "copy_image", lambda w: {"Name": "other", "SourceImageId": w.image["ImageId"], "SourceRegion": "US East"}),
    ("InvalidReservedInstancesId", "describe_reserved_instances", lambda w: {"ReservedInstancesIds": [UUID]}),
    ("InvalidReservedInstancesOfferingId", "purchase_reserved_instances_offering", lambda w: {"InstanceCount": 1, "ReservedInstancesOfferingId": UUID}),
    ("InvalidRoute.NotFound", "delete_route", lambda w: w.route()),
    ("InvalidRouteTableID.NotFound", "delete_route_table", lambda w: {"RouteTableId": none("rtb")}),
    ("InvalidRouteTableId.Malformed", "delete_route_table", lambda w: {"RouteTableId": "mine"}),
    ("InvalidSecurityGroupRuleId.Malformed", "describe_security_group_rules", lambda w: {"SecurityGroupRuleIds": ["mine"]}),
    ("InvalidSecurityGroupRuleId.NotFound", "describe_security_group_rules", lambda w: {"SecurityGroupRuleIds": [none("sgr")]}),
    ("InvalidServiceName", "create_vpc_endpoint", lambda w: w.endpoint(ServiceName="com.amazonaws.us-east-1.nothing")),
    ("InvalidSnapshot.NotFound", "delete_snapshot", lambda w: {"SnapshotId": none("snap")}),
    ("InvalidSnapshotID.Malformed", "delete_snapshot", lambda w: {"SnapshotId": "mine"}),
    ("InvalidSpotFleetRequestConfig", "request_spot_fleet", lambda w: w.fleet()),
    ("InvalidSpotFleetRequestId.Malformed", "describe_spot_fleet_instances", lambda w: {"SpotFleetRequestId": "mine"}),
    ("InvalidSpotFleetRequestId.NotFound", "describe_spot_fleet_instances", lambda w: {"SpotFleetRequestId": f"sfr-{UUID}"}),
    ("InvalidSpotInstanceRequestID.Malformed", "cancel_spot_instance_requests", lambda w: {"SpotInstanceRequestIds": ["mine"]}),
    ("InvalidSpotInstanceRequestID.NotFound", "cancel_spot_instance_requests", lambda w: {"SpotInstanceRequestIds": [none("sir")]}),
    ("InvalidStateTransition", "accept_vpc_peering_connection", lambda w: {"VpcPeeringConnectionId": w.rejected}),
    ("InvalidSubnet.Conflict", "create_subnet", lambda w: {"VpcId": w.vpc, "CidrBlock": "10.80.1.0/24"}),
    ("InvalidSubnet.Range", "create_subnet", lambda w: {"VpcId": w.vpc, "CidrBlock": "10.99.0.0/24"}),
    ("InvalidSubnetID.Malformed", "create_nat_gateway", lambda w: {"SubnetId": "mine", "ConnectivityType": "private"}),
    ("InvalidSubnetID.NotFound", "delete_subnet", lambda w: {"SubnetId": none("subnet")}),
    ("InvalidUserID.Malformed", "describe_snapshots", lambda w: {"OwnerIds": ["me"]}),
    ("InvalidUserID.Malformed", "describe_images", lambda w: {"Owners": ["me"]}),
    ("InvalidVolume.NotFound", "delete_volume", lambda w: {"VolumeId": none("vol")}),
    ("InvalidVolumeID.Malformed", "delete_volume", lambda w: {"VolumeId": "mine"}),
    ("InvalidVpcEndpointId.Malformed", "modify_vpc_endpoint", lambda w: {"VpcEndpointId": "mine", "ResetPolicy": True}),
    ("InvalidVpcEndpointId.NotFound", "modify_vpc_endpoint", lambda w: {"VpcEndpointId": none("vpce"), "ResetPolicy": True}),
    ("InvalidVpcID.NotFound", "delete_vpc", lambda w: {"VpcId": none("vpc")}),
    # Of an id that cannot be one, AWS says the same here.
    ("InvalidVpcID.NotFound", "delete_vpc", lambda w: {"VpcId": "mine"}),
    ("InvalidVpcPeeringConnectionID.NotFound", "delete_vpc_peering_connection", lambda w: {"VpcPeeringConnectionId": none("pcx")}),
    ("InvalidVpcPeeringConnectionId.Malformed", "delete_vpc_peering_connection", lambda w: {"VpcPeeringConnectionId": "mine"}),
    ("InvalidZone.NotFound", "create_volume", lambda w: {"AvailabilityZone": "us-east-1z", "Size": 1}),
    ("LimitPriceExceeded", "purchase_reserved_instances_offering", lambda w: {"InstanceCount": 1, "ReservedInstancesOfferingId": w.offering, "LimitPrice": {"Amount": 1.0, "CurrencyCode": "USD"}}),
    ("NatGatewayMalformed", "delete_nat_gateway", lambda w: {"NatGatewayId": "mine"}),
    ("NatGatewayNotFound", "delete_nat_gateway", lambda w: {"NatGatewayId": none("nat")}),
    ("NetworkAclEntryAlreadyExists", "create_network_acl_entry", lambda w: w.entry),
    ("OperationNotPermitted", "modify_managed_prefix_list", lambda w: {"PrefixListId": w.ec2.describe_prefix_lists()["PrefixLists"][0]["PrefixListId"], "PrefixListName": "mine"}),
    ("PrivateIpAddressLimitExceeded", "create_network_interface", lambda w: {"SubnetId": w.subnet, "SecondaryPrivateIpAddressCount": 15}),
    ("ReservedInstancesLimitExceeded", "purchase_reserved_instances_offering", lambda w: {"InstanceCount": 21, "ReservedInstancesOfferingId": w.offering}),
    ("Resource.AlreadyAssociated", "attach_internet_gateway", lambda w: {"InternetGatewayId": w.gateway, "VpcId": w.bare_vpc}),
    ("RequestResourceCountExceeded", "request_spot_instances", lambda w: {"InstanceCount": 1001, "LaunchSpecification": {"ImageId": w.image["ImageId"], "InstanceType": "t2.nano", "SubnetId": w.subnet}}),
    ("ResourceCountExceeded", "run_instances", lambda w: w.run(MaxCount=1001)),
    ("RouteAlreadyExists", "create_route", lambda w: w.route(DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=w.interface)),
    ("RulesPerSecurityGroupLimitExceeded", "authorize_security_group_ingress", lambda w: {"GroupId": w.group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": f"10.{n}.0.0/16"} for n in range(61)]}]}),
    ("SecurityGroupsPerInterfaceLimitExceeded", "create_network_interface", lambda w: {"SubnetId": w.subnet, "Groups": w.groups}),
    ("SpotMaxPriceTooLow", "run_instances", lambda w: w.run(InstanceMarketOptions={"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.00001"}})),
    ("TagLimitExceeded", "create_tags", lambda w: {"Resources": [w.vpc], "Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}),
    ("UnavailableHostRequirements", "run_instances", lambda w: w.run(Placement={"Tenancy": "host"})),
    ("UnknownVolumeType", "create_volume", lambda w: {"AvailabilityZone": ZONE, "Size": 1, "VolumeType": "gp9"}),
    ("UnsupportedHibernationConfiguration", "run_instances", lambda w: w.run(HibernationOptions={"Configured": True})),
    ("UnsupportedHostConfiguration", "allocate_hosts", lambda w: w.hosts(HostRecovery="on")),
    ("UnsupportedTenancy", "create_vpc", lambda w: {"CidrBlock": "10.90.0.0/16", "InstanceTenancy": "dedicated"}),
    ("VpcPeeringConnectionAlreadyExists", "create_vpc_peering_connection", lambda w: {"VpcId": w.vpc, "PeerVpcId": w.bare_vpc}),
]


@pytest.mark.parametrize("wanted,operation,params", [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in TABLE])
def test_a_wrong_request_is_refused_with_its_code(world, wanted, operation, params):
    before = world.shown()
    params = params(world)
    answer = None
    try:
        answer = getattr(world.ec2, operation)(**params)
    except world.ec2.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] == wanted, refused
    else:
        # Several things at once are refused one by one.
        assert wanted in {one["Error"]["Code"] for one in answer.get("Unsuccessful", [])}, answer
    assert world.shown() == before


def test_codes_of_requests_that_no_sdk_sends(errors_cloud):
    ask = lambda action, **params: call(errors_cloud, "ec2", "2016-11-15", action, **params).text
    assert "<Code>InvalidAction</Code>" in ask("DescribeDreams")
    assert "<Code>UnknownParameter</Code>" in ask("DescribeVpcs", Colour="red")
    assert "<Code>MissingAction</Code>" in ask("")


def region(cloud, name):
    """A region that no other test looks at, for limits."""
    return cloud.client("ec2", region=name, config=UNCHECKED)


def up_to_the_limit(make, most):
    """The code of the first refusal, which comes after `most` were made."""
    for count in range(most):
        make(count)
    return code(make, most)


def vpc_in(ec2, cidr="10.0.0.0/16"):
    return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def test_limits_of_a_region(errors_cloud):
    ec2 = region(errors_cloud, "eu-west-1")
    limit = lambda most, make: up_to_the_limit(make, most)
    assert limit(5, lambda _: ec2.allocate_address()) == "AddressLimitExceeded"
    assert limit(500, lambda n: ec2.create_placement_group(GroupName=str(n))) == "PlacementGroupLimitExceeded"
    # One is there from the beginning.
    assert limit(99, lambda n: vpc_in(ec2)) == "VpcLimitExceeded"
    vpcs = [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
    gateway = lambda n: ec2.create_vpc_endpoint(VpcId=vpcs[n], ServiceName="com.amazonaws.eu-west-1.s3")
    assert limit(20, gateway) == "VpcEndpointLimitExceeded"
    assert len(ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 20
    assert limit(99, lambda _: ec2.create_internet_gateway()) == "InternetGatewayLimitExceeded"


def test_limits_of_a_vpc(errors_cloud):
    ec2 = region(errors_cloud, "eu-west-2")
    vpc = vpc_in(ec2)
    limit = lambda most, make: up_to_the_limit(make, most)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert limit(200, lambda n: ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")) == "SubnetLimitExceeded"
    # A default ACL and a main table are there from the beginning.
    assert limit(199, lambda _: ec2.create_network_acl(VpcId=vpc)) == "NetworkAclLimitExceeded"
    assert len(ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]) == 200
    assert limit(199, lambda _: ec2.create_route_table(VpcId=vpc)) == "RouteTableLimitExceeded"
    vpc = vpc_in(ec2)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    nat = lambda _: ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
    assert limit(15, nat) == "NatGatewayLimitExceeded"
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    route = lambda n: ec2.create_route(RouteTableId=table, DestinationCidrBlock=f"192.0.{n}.0/24", NetworkInterfaceId=eni)
    assert limit(49, route) == "RouteLimitExceeded"
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    entry = lambda n: ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=n + 1, Protocol="-1", RuleAction="deny", Egress=False, CidrBlock=f"192.0.{n}.0/24"
    )
    assert limit(20, entry) == "NetworkAclEntryLimitExceeded"


def test_limits_of_peering(errors_cloud):
    ec2 = region(errors_cloud, "eu-west-3")
    hub = vpc_in(ec2, "10.0.0.0/16")
    spokes = [vpc_in(ec2, f"10.{n + 1}.0.0/16") for n in range(51)]
    ask = lambda n: ec2.create_vpc_peering_connection(VpcId=hub, PeerVpcId=spokes[n])["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    accept = lambda peering: ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    asked = [ask(n) for n in range(25)]
    assert code(ask, 25) == "OutstandingVpcPeeringConnectionLimitExceeded"
    for peering in asked:
        accept(peering)
    for n in range(25, 50):
        accept(ask(n))
    assert code(accept, ask(50)) == "ActiveVpcPeeringConnectionPerVpcLimitExceeded"
    states = [one["Status"]["Code"] for one in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]]
    assert (states.count("active"), states.count("pending-acceptance")) == (50, 1)


def test_limit_of_fast_restores(errors_cloud):
    ec2 = region(errors_cloud, "eu-north-1")
    volume = ec2.create_volume(AvailabilityZone="eu-north-1a", Size=1)["VolumeId"]
    available = lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"
    eventually(available, "the volume is there")
    first = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    whole = lambda: all(one["State"] == "completed" for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"])
    eventually(whole, "the snapshot is made")
    copies = [ec2.copy_snapshot(SourceSnapshotId=first, SourceRegion="eu-north-1")["SnapshotId"] for _ in range(16)]
    eventually(whole, "the copies are made")
    zones = [f"eu-north-1{letter}" for letter in "abc"]
    answer = ec2.enable_fast_snapshot_restores(SourceSnapshotIds=[first, *copies], AvailabilityZones=zones)
    assert len(answer["Successful"]) == 50
    refused = [error["Error"]["Code"] for one in answer["Unsuccessful"] for error in one["FastSnapshotRestoreStateErrors"]]
    assert refused == ["ResourceLimitExceeded"]


def test_codes_of_a_region_without_a_default_vpc(errors_cloud):
    ec2 = region(errors_cloud, "eu-central-1")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    launch = {"ImageId": image, "InstanceType": "t2.nano", "MinCount": 1, "MaxCount": 1}
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    assert code(ec2.run_instances, **launch) == "MissingInput"
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2.delete_vpc(VpcId=vpc)
    assert code(ec2.create_default_subnet, AvailabilityZone="eu-central-1a") == "DefaultVpcDoesNotExist"
    assert code(ec2.run_instances, **launch) == "VPCIdNotSpecified"
    assert code(ec2.create_security_group, GroupName="a", Description="-") == "VPCIdNotSpecified"
    assert ec2.describe_instances()["Reservations"] == []


def state(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]


@needs_root
def test_codes_about_an_instance(world):
    ec2 = world.ec2
    launch = world.run(ClientToken="of-errors", CreditSpecification={"CpuCredits": "standard"})
    made = ec2.run_instances(**launch)["Instances"][0]
    instance, eni = made["InstanceId"], made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    eventually(lambda: state(ec2, instance) == "running", "it runs")
    elsewhere = ec2.create_volume(AvailabilityZone="us-east-1b", Size=1)["VolumeId"]
    available = lambda: ec2.describe_volumes(VolumeIds=[elsewhere])["Volumes"][0]["State"] == "available"
    eventually(available, "the other volume is there")
    root = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"][0]["VolumeId"]
    it = {"InstanceId": instance}
    for wanted, operation, params in [
        ("IncorrectInstanceState", "modify_instance_attribute", {**it, "InstanceType": {"Value": "t2.micro"}}),
        ("IncorrectState", "detach_volume", {"VolumeId": world.volume}),
        ("VolumeInUse", "delete_volume", {"VolumeId": root}),
        ("InvalidAttachment.NotFound", "detach_volume", {"VolumeId": root, "InstanceId": none("i")}),
        ("InvalidInstanceAttributeValue", "modify_instance_attribute", {**it, "BlockDeviceMappings": [{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": True}}]}),
        ("InvalidInstanceEventIDNotFound", "modify_instance_event_start_time", {**it, "InstanceEventId": "instance-event-1", "NotBefore": 2_000_000_000}),
        ("InvalidInstanceState", "modify_instance_placement", {**it, "Tenancy": "dedicated"}),
        ("InvalidNetworkInterface.InUse", "attach_network_interface", {**it, "NetworkInterfaceId": eni, "DeviceIndex": 1}),
        ("InvalidVolume.ZoneMismatch", "attach_volume", {**it, "VolumeId": elsewhere, "Device": "/dev/sdf"}),
        ("OperationNotPermitted", "detach_volume", {"VolumeId": root}),
        ("UnsupportedHibernationConfiguration", "stop_instances", {"InstanceIds": [instance], "Hibernate": True}),
        ("UnsupportedInstanceAttribute", "modify_instance_attribute", {**it, "Attribute": "productCodes", "Value": "a"}),
        ("Resource.AlreadyAssociated", "associate_address", {"AllocationId": world.address, "NetworkInterfaceId": eni, "AllowReassociation": False}),
    ]:
        assert code(getattr(ec2, operation), **params) == wanted, (operation, params)
        assert state(ec2, instance) == "running"
    assert ec2.run_instances(**launch)["Instances"][0]["InstanceId"] == instance
    ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: state(ec2, instance) == "terminated", "it is gone")
    assert code(ec2.run_instances, **launch) == "IdempotentInstanceTerminated"
    assert code(ec2.attach_volume, **it, VolumeId=world.volume, Device="/dev/sdf") in ("IncorrectState", "IncorrectInstanceState")
    ec2.delete_volume(VolumeId=elsewhere)


@needs_root
def test_codes_about_a_dedicated_host(world):
    ec2 = world.ec2
    host = ec2.allocate_hosts(**world.hosts(AutoPlacement="off"))["HostIds"][0]
    on_host = lambda **more: world.run(Placement={"Tenancy": "host", "HostId": host}, **more)
    assert code(ec2.run_instances, **on_host(InstanceType="t2.micro")) == "UnsupportedInstanceTypeOnHost"
    total = ec2.describe_hosts(HostIds=[host])["Hosts"][0]["AvailableCapacity"]["AvailableInstanceCapacity"][0]["TotalCapacity"]
    assert code(ec2.run_instances, **on_host(MinCount=total + 1, MaxCount=total + 1)) == "InsufficientCapacityOnHost"
    zone = ec2.create_subnet(VpcId=world.vpc, CidrBlock="10.80.4.0/24", AvailabilityZone="us-east-1b")["Subnet"]["SubnetId"]
    assert code(ec2.run_instances, **{**on_host(), "SubnetId": zone}) == "ZonesMismatched"
    # Only hosts that take anybody are looked at where none is named.
    assert code(ec2.run_instances, **world.run(Placement={"Tenancy": "host"})) == "UnavailableHostRequirements"
    assert ec2.release_hosts(HostIds=[host])["Successful"] == [host]
    assert code(ec2.run_instances, **on_host()) == "InvalidHostState"
    again = ec2.release_hosts(HostIds=[host])["Unsuccessful"]
    assert [one["Error"]["Code"] for one in again] == ["Client.InvalidHostID.NotFound"]
    assert ec2.describe_instances(Filters=[{"Name": "host-id", "Values": [host]}])["Reservations"] == []
    ec2.delete_subnet(SubnetId=zone)
