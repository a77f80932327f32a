"""Networks after a kill: what was acknowledged is in force again, without anybody's asking."""

import glob
import subprocess

import pytest
from conftest import Cloud, eventually, needs_root
from test_leftovers import tag_of

pytestmark = needs_root


def listening(tag, at=":443 "):
    """Namespaces of the cloud in which somebody listens for HTTPS, there."""
    listens = lambda space: at in subprocess.run(["nsenter", f"--net={space}", "ss", "-ltn"], capture_output=True, text=True).stdout
    return [space for space in glob.glob(f"/run/cloudlet/{tag}/spaces/cl*n*") if listens(space)]


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path).start()
    yield cloud
    cloud.stop()


def test_endpoints_listen_again(cloud):
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    vpc = subnet["VpcId"]
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    made = [
        ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[subnet["SubnetId"]]),
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table]),
    ]
    ids = [one["VpcEndpoint"]["VpcEndpointId"] for one in made]
    tag = tag_of(cloud)
    assert len(listening(tag)) == 2
    cloud.kill()
    assert listening(tag) == []
    cloud.start()
    eventually(lambda: len(listening(tag)) == 2, "both endpoints listen")
    ec2 = cloud.client("ec2")
    ec2.delete_vpc_endpoints(VpcEndpointIds=ids)
    assert listening(tag) == []
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_an_endpoint_listens_over_ipv6_again(cloud):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.9.1.0/24", Ipv6CidrBlock=block)["Subnet"]["SubnetId"]
    made = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=vpc["VpcId"], ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[subnet],
        IpAddressType="dualstack", DnsOptions={"DnsRecordIpType": "ipv6"}, PrivateDnsEnabled=False,
    )["VpcEndpoint"]
    six = lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]
    address, tag = six(), tag_of(cloud)
    assert len(listening(tag, f"[{address}]:443 ")) == 1
    cloud.kill()
    assert listening(tag) == []
    cloud.start()
    eventually(lambda: len(listening(tag, f"[{address}]:443 ")) == 1, "it listens over IPv6")
    ec2 = cloud.client("ec2")
    assert six() == address
    id = made["VpcEndpointId"]
    shown = ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"][0]
    assert (shown["IpAddressType"], shown["DnsOptions"]["DnsRecordIpType"]) == ("dualstack", "ipv6")
    # What was taken from it stays taken.
    ec2.modify_vpc_endpoint(VpcEndpointId=id, IpAddressType="ipv4")
    assert listening(tag, f"[{address}]:443 ") == []
    cloud.kill()
    cloud.start()
    eventually(lambda: len(listening(tag)) == 1, "it listens")
    assert listening(tag, f"[{address}]:443 ") == []
    cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[id])
