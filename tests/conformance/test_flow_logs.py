"""Flow logs: what instances really send and receive, and what is refused, in a log group and in a bucket."""

import gzip
import json
import re
import time
import uuid

import pytest
from conftest import eventually, needs_root
from test_vpc import WEB, Net, code, page

pytestmark = needs_root

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}], "Version": "2012-10-17"}
MAY = {"Statement": [{"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}], "Version": "2012-10-17"}
FORMAT = "${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${dstport} ${protocol} ${packets} ${bytes} ${action} ${log-status} ${vpc-id}"


@pytest.fixture
def quick(own_cloud):
    """A cloud whose minutes take a second."""
    return own_cloud(env={"CLOUDLET_METRICS_EVERY": "1"})


@pytest.fixture
def net(quick):
    ec2 = quick.client("ec2")
    net = Net(ec2, ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"])
    yield net
    net.close()


def public_place(net):
    vpc = net.vpc("10.0.0.0/16")
    subnet = net.subnet(vpc, "10.0.1.0/24")
    gateway, table = net.gateway(vpc), net.table(vpc, subnet)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return vpc, subnet


def server(net, vpc, subnet):
    groups = [net.group(vpc)]
    interface = [{"DeviceIndex": 0, "SubnetId": subnet, "Groups": groups, "AssociatePublicIpAddress": True}]
    made = net.launch(WEB % "web", NetworkInterfaces=interface)
    eventually(lambda: page(made["PublicIpAddress"]), "it serves")
    return made


def test_a_log_group_gets_what_passed_and_what_was_refused(quick, net):
    iam, logs = quick.client("iam"), quick.client("logs")
    name = f"flows-{uuid.uuid4().hex[:8]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=json.dumps(MAY))
    vpc, subnet = public_place(net)
    web = server(net, vpc, subnet)
    wanted = dict(ResourceType="VPC", ResourceIds=[vpc], TrafficType="ALL", LogGroupName=name, DeliverLogsPermissionArn=role, MaxAggregationInterval=60)
    made = net.ec2.create_flow_logs(**wanted)
    assert made["Unsuccessful"] == [] and len(made["FlowLogIds"]) == 1
    interface = web["NetworkInterfaces"][0]["NetworkInterfaceId"]
    address, public = web["PrivateIpAddress"], web["PublicIpAddress"]

    def lines():
        try:
            return [e["message"] for e in logs.get_log_events(logGroupName=name, logStreamName=f"{interface}-all", startFromHead=True)["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    def visited():
        page(public)
        page(f"{public}:81", 0.05)
        found = lines()
        into = [line for line in found if re.search(rf" {address} \d+ 80 6 \d+ \d+ \d+ \d+ ACCEPT OK$", line)]
        back = [line for line in found if re.search(rf" {address} [\d.]+ 80 \d+ 6 \d+ \d+ \d+ \d+ ACCEPT OK$", line)]
        shut = [line for line in found if re.search(rf" {address} \d+ 81 6 \d+ \d+ \d+ \d+ REJECT OK$", line)]
        return into and back and shut and (into, back, shut)

    into, back, shut = eventually(visited, "all three are told", 60)
    account = quick.client("sts").get_caller_identity()["Account"]
    assert all(line.startswith(f"2 {account} {interface} ") for line in into + back + shut)
    # An interval may end in the middle of a visit; a packet has 40 bytes at least.
    assert all(0 < 40 * int(line.split()[8]) <= int(line.split()[9]) for line in into + back + shut), into
    eventually(lambda: any(line.endswith("- NODATA") for line in lines()), "a second of silence is told", 60)
    shown = net.ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"][0]
    assert (shown["DeliverLogsStatus"], shown["FlowLogStatus"], shown["ResourceId"]) == ("SUCCESS", "ACTIVE", vpc)
    assert net.ec2.create_flow_logs(**wanted)["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists"
    assert net.ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])["Unsuccessful"] == []
    assert code(net.ec2.describe_flow_logs, FlowLogIds=made["FlowLogIds"]) == "InvalidFlowLogId.NotFound"


def test_a_bucket_gets_files_of_the_format_that_was_asked_for(quick, net):
    s3, bucket = quick.client("s3"), f"flows-{uuid.uuid4().hex}"
    vpc, subnet = public_place(net)
    web = server(net, vpc, subnet)
    wanted = dict(ResourceType="Subnet", ResourceIds=[subnet], TrafficType="REJECT", LogDestinationType="s3", LogFormat=FORMAT, MaxAggregationInterval=60)
    missing = net.ec2.create_flow_logs(LogDestination=f"arn:aws:s3:::{bucket}", **wanted)
    assert "does not exist" in missing["Unsuccessful"][0]["Error"]["Message"]
    s3.create_bucket(Bucket=bucket)
    made = net.ec2.create_flow_logs(LogDestination=f"arn:aws:s3:::{bucket}/some/folder/", **wanted)
    assert made["Unsuccessful"] == []
    assert "delivery.logs.amazonaws.com" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    account = quick.client("sts").get_caller_identity()["Account"]
    folder = time.strftime(f"some/folder/AWSLogs/{account}/vpcflowlogs/us-east-1/%Y/", time.gmtime())

    def refused():
        page(f"{web['PublicIpAddress']}:81", 0.05)
        for one in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", []):
            assert re.search(rf"/{account}_vpcflowlogs_us-east-1_{made['FlowLogIds'][0]}_\d{{8}}T\d{{4}}Z_[0-9a-f]{{8}}\.log\.gz$", one["Key"])
            text = gzip.decompress(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()).decode()
            header, *lines = text.splitlines()
            assert header == re.sub(r"[${}]", "", FORMAT)
            if found := [line for line in lines if " REJECT OK " in line]:
                return found

    lines = eventually(refused, "a file with what was refused", 60)
    interface, address = web["NetworkInterfaces"][0]["NetworkInterfaceId"], web["PrivateIpAddress"]
    assert all(re.fullmatch(rf"{interface} ingress [\d.]+ {address} 81 6 \d+ \d+ REJECT OK {vpc}", line) for line in lines), lines
    net.ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
