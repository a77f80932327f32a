"""Networks after a kill: what was acknowledged is in force again, without anybody's asking."""

import glob
import subprocess

import pytest
from conftest import Cloud, eventually, needs_root
from test_leftovers import tag_of

pytestmark = needs_root


def listening(tag):
    """Namespaces of the cloud in which somebody listens for HTTPS."""
    listens = lambda space: ":443 " in subprocess.run(["nsenter", f"--net={space}", "ss", "-ltn"], capture_output=True, text=True).stdout
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
