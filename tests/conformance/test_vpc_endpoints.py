"""Endpoints of VPCs, proved with packets: instances without any way out reach services, by name, under policies."""

import json
import uuid

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import eventually, needs_root
from test_vpc import code, net  # noqa: F401
from test_vpc_ipv6 import Six

pytestmark = needs_root

# Sends signed requests over and over and says how each fares.
CALLER = """#!/bin/sh
cat > /root/ca.pem <<'PEM'
%s
PEM
exec python3 -u - <<'PY'
import json, ssl, time, urllib.error, urllib.request
trusted = ssl.create_default_context(cafile="/root/ca.pem")
def tried(url, method, headers, body):
    request = urllib.request.Request(url, method=method, headers=headers, data=body.encode() if body else None)
    try: return str(urllib.request.urlopen(request, timeout=0.6, context=trusted if url.startswith("https") else None).status)
    except urllib.error.HTTPError as refused: return str(refused.code)
    except OSError: return "CUT"
requests = json.loads(%r)
while True:
    print("told", *[tried(*request) for request in requests])
    time.sleep(0.1)
PY
"""

EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def signed(service, url, body=None, region="us-east-1", **headers):
    """What a client would send, with its signature."""
    request = AWSRequest("POST" if body else "GET", url, headers=headers, data=body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials("test", "test"), service, region).add_auth(request)
    return [url, request.method, dict(request.headers.items()), body]


def list_queues(url):
    target = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
    return signed("sqs", url, "{}", **target)


def caller(net, cloud, requests, **params):
    ca = cloud.get("/_cloudlet/ca.pem").decode()
    return net.launch(CALLER % (ca, json.dumps(requests)), **params)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def private_vpc(net, ec2, cidr):
    """A VPC with names and one subnet that leads nowhere."""
    vpc = net.vpc(f"{cidr}.0.0/16")
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return vpc, net.subnet(vpc, f"{cidr}.1.0/24")


def test_an_interface_endpoint_is_the_only_way_to_its_service(net, cloud, ec2):
    vpc, subnet = private_vpc(net, ec2, "10.80")
    door = net.group(vpc, source=None)
    ec2.authorize_security_group_ingress(GroupId=door, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.80.1.0/24")
    host = "sqs.us-east-1.amazonaws.com"
    strange = signed("kms", f"https://{host}/", "{}", **{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys"})
    requests = [list_queues(f"https://{host}/"), list_queues(f"http://{host}/"), strange, [f"https://{host}/_cloudlet/health", "GET", {}, None]]
    visitor = caller(net, cloud, requests, SubnetId=subnet)
    net.told(visitor, "CUT CUT CUT CUT")
    made = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[subnet], SecurityGroupIds=[door]
    )["VpcEndpoint"]
    id = made["VpcEndpointId"]
    try:
        assert made["State"] == "pending" and made["PrivateDnsEnabled"]
        # Its group lets HTTPS in; other services, and what is the house's own, are not behind it.
        net.told(visitor, "200 CUT 403 400")
        ec2.authorize_security_group_ingress(GroupId=door, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.80.1.0/24")
        net.told(visitor, "200 200 403 400")
        shown = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
        assert [one["VpcEndpointId"] for one in shown] == [id] and shown[0]["State"] == "available"
        interface = ec2.describe_network_interfaces(NetworkInterfaceIds=shown[0]["NetworkInterfaceIds"])["NetworkInterfaces"][0]
        assert interface["InterfaceType"] == "vpc_endpoint" and interface["SubnetId"] == subnet and interface["RequesterManaged"]
        assert code(ec2.delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"]) == "OperationNotPermitted"
        # Its own names work too.
        names = [entry["DnsName"] for entry in shown[0]["DnsEntries"]]
        assert names[-1] == host and all(id in name for name in names[:-1])
        own = caller(net, cloud, [list_queues(f"https://{name}/") for name in names[:-1]], SubnetId=subnet)
        net.told(own, "200 200")
        # The endpoint's policy binds everybody, the account itself too.
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:ListQueues", "Resource": "*"}
        ec2.modify_vpc_endpoint(VpcEndpointId=id, PolicyDocument=policy(EVERYTHING, deny))
        net.told(visitor, "403 403 403 400")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, ResetPolicy=True)
        net.told(visitor, "200 200 403 400")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, PrivateDnsEnabled=False)
        net.told(visitor, "CUT CUT CUT CUT")
        net.told(own, "200 200")
    finally:
        assert ec2.delete_vpc_endpoints(VpcEndpointIds=[id])["Unsuccessful"] == []
    net.told(own, "CUT CUT")
    gone = ec2.delete_vpc_endpoints(VpcEndpointIds=[id])["Unsuccessful"][0]
    assert gone["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"


def s3_usage(cloud):
    """What was asked of S3, and how many bytes left it for the world."""
    lines = [line for line in json.loads(cloud.get("/_cloudlet/usage"))["usage"] if line["service"] == "s3"]
    total = lambda usage_type: sum(line["quantity"] for line in lines if line["usage_type"] == usage_type)
    return total("Requests"), total("DataTransfer-Out-Bytes")


def test_a_gateway_endpoint_is_a_route_to_objects(net, cloud, ec2):
    s3 = cloud.client("s3")
    bucket = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"it")
    vpc, subnet = private_vpc(net, ec2, "10.81")
    table = net.table(vpc, subnet)
    hosts = [f"{scheme}://{bucket}.s3.us-east-1.amazonaws.com/k" for scheme in ("https", "http")]
    visitor = caller(net, cloud, [signed("s3", url) for url in hosts], SubnetId=subnet)
    net.told(visitor, "CUT CUT")
    id = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table])["VpcEndpoint"]["VpcEndpointId"]
    try:
        net.told(visitor, "200 200")
        route = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"][-1]
        assert route["GatewayId"] == id and route["State"] == "active"
        lists = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}])["PrefixLists"]
        assert [one["PrefixListId"] for one in lists] == [route["DestinationPrefixListId"]]
        # What is read by it does not leave for the world. Both counts are written down at once.
        written, read = s3_usage(cloud)[0], s3.get_object(Bucket=bucket, Key="k")["Body"].read()
        eventually(lambda: s3_usage(cloud)[0] >= written + 4, "requests by the endpoint are counted")
        asked, left = s3_usage(cloud)
        assert left >= len(read)
        eventually(lambda: s3_usage(cloud)[0] >= asked + 4, "more of them are counted")
        assert s3_usage(cloud)[1] == left
        # A group that lets nothing out but what is for that list.
        group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
        other = caller(net, cloud, [signed("s3", hosts[0])], SubnetId=subnet)
        net.told(other, "CUT")
        to_list = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": route["DestinationPrefixListId"]}]}]
        ec2.authorize_security_group_egress(GroupId=group["GroupId"], IpPermissions=to_list)
        net.told(other, "200")
        # Conditions know the way a request came.
        outside = {"Sid": "way", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        s3.put_bucket_policy(Bucket=bucket, Policy=policy({**outside, "Condition": {"StringNotEquals": {"aws:SourceVpce": id}}}))
        assert code(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
        net.told(other, "200")
        s3.put_bucket_policy(Bucket=bucket, Policy=policy({**outside, "Condition": {"StringEquals": {"aws:SourceVpc": vpc}}}))
        net.told(other, "403")
        s3.delete_bucket_policy(Bucket=bucket)
        net.told(other, "200")
        # An ACL is asked for its packets as for any others.
        acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"][0]["NetworkAclId"]
        entry = dict(NetworkAclId=acl, RuleNumber=10, Egress=True)
        ec2.create_network_acl_entry(**entry, Protocol="6", PortRange={"From": 443, "To": 443}, CidrBlock="198.19.0.0/16", RuleAction="deny")
        net.told(other, "CUT")
        ec2.delete_network_acl_entry(**{name: entry[name] for name in ("NetworkAclId", "RuleNumber", "Egress")})
        net.told(other, "200")
        assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
        ec2.modify_vpc_endpoint(VpcEndpointId=id, RemoveRouteTableIds=[table])
        net.told(other, "CUT")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, AddRouteTableIds=[table])
        net.told(other, "200")
    finally:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[id])
    net.told(other, "CUT")


def test_what_cannot_be_an_endpoint_is_refused(net, ec2):
    vpc, subnet = private_vpc(net, ec2, "10.82")
    table = net.table(vpc, subnet)
    names = ec2.describe_vpc_endpoint_services()["ServiceNames"]
    assert {"com.amazonaws.us-east-1." + one for one in ("ec2", "kms", "s3", "sqs", "sts")} <= set(names)
    detail = ec2.describe_vpc_endpoint_services(ServiceNames=["com.amazonaws.us-east-1.s3"])["ServiceDetails"]
    assert {one["ServiceType"][0]["ServiceType"] for one in detail} == {"Gateway", "Interface"}
    sqs = dict(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sqs")
    s3 = dict(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")
    interface = dict(VpcEndpointType="Interface", **sqs)
    assert code(ec2.create_vpc_endpoint, VpcId=vpc, ServiceName="com.amazonaws.us-east-1.nothing") == "InvalidServiceName"
    assert code(ec2.create_vpc_endpoint, VpcId="vpc-0123456789abcdef0", ServiceName=s3["ServiceName"]) == "InvalidVpcID.NotFound"
    assert code(ec2.create_vpc_endpoint, **sqs) == "InvalidParameter"
    assert code(ec2.create_vpc_endpoint, SubnetIds=[subnet], **s3) == "InvalidParameter"
    assert code(ec2.create_vpc_endpoint, RouteTableIds=[table], **interface) == "InvalidParameter"
    assert code(ec2.create_vpc_endpoint, PolicyDocument="{", **s3) == "InvalidPolicyDocument"
    assert code(ec2.create_vpc_endpoint, RouteTableIds=["rtb-0123456789abcdef0"], **s3) == "InvalidRouteTableID.NotFound"
    assert code(ec2.create_vpc_endpoint, SubnetIds=["subnet-0123456789abcdef0"], **interface) == "InvalidSubnetID.NotFound"
    second = net.subnet(vpc, "10.82.2.0/24")
    assert code(ec2.create_vpc_endpoint, SubnetIds=[subnet, second], **interface) == "DuplicateSubnetsInSameZone"
    assert code(ec2.create_vpc_endpoint, IpAddressType="ipv6", SubnetIds=[subnet], **interface) == "InvalidParameter"
    made = [ec2.create_vpc_endpoint(RouteTableIds=[table], **s3), ec2.create_vpc_endpoint(SubnetIds=[subnet], ClientToken="t", **interface)]
    ids = [one["VpcEndpoint"]["VpcEndpointId"] for one in made]
    try:
        assert ec2.create_vpc_endpoint(SubnetIds=[subnet], ClientToken="t", **interface)["VpcEndpoint"]["VpcEndpointId"] == ids[1]
        assert code(ec2.create_vpc_endpoint, RouteTableIds=[table], **s3) == "RouteAlreadyExists"
        assert code(ec2.create_vpc_endpoint, SubnetIds=[second], **interface) == "InvalidParameter"
        assert code(ec2.modify_vpc_endpoint, VpcEndpointId=ids[0], AddSubnetIds=[subnet]) == "InvalidParameter"
        assert code(ec2.modify_vpc_endpoint, VpcEndpointId="vpce-0123456789abcdef0", ResetPolicy=True) == "InvalidVpcEndpointId.NotFound"
        ec2.create_tags(Resources=ids, Tags=[{"Key": "made", "Value": "here"}])
        tagged = ec2.describe_vpc_endpoints(Filters=[{"Name": "tag:made", "Values": ["here"]}, {"Name": "vpc-endpoint-type", "Values": ["Gateway"]}])
        assert [one["VpcEndpointId"] for one in tagged["VpcEndpoints"]] == ids[:1]
        managed = ec2.describe_managed_prefix_lists(Filters=[{"Name": "owner-id", "Values": ["AWS"]}])["PrefixLists"]
        assert code(ec2.delete_managed_prefix_list, PrefixListId=managed[0]["PrefixListId"]) == "OperationNotPermitted"
        assert code(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    finally:
        ec2.delete_vpc_endpoints(VpcEndpointIds=ids)


def test_an_endpoint_answers_over_ipv6(net, cloud, ec2):
    here = Six(net, ec2, "10.82.0.0/24")
    ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    other = net.subnet(net.vpc("10.83.0.0/24"), "10.83.0.0/24")
    # Who comes by IPv4 is not let in: what arrives came by IPv6.
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": here.block}]}
    ec2.authorize_security_group_ingress(GroupId=here.group, IpPermissions=[https])
    wanted = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "ServiceName": "com.amazonaws.us-east-1.sqs", "SubnetIds": [here.subnet], "SecurityGroupIds": [here.group]}
    refused = lambda **more: code(ec2.create_vpc_endpoint, **{**wanted, **more})
    assert refused(IpAddressType="ipv6") == "InvalidParameter"
    assert refused(DnsOptions={"DnsRecordIpType": "dualstack"}) == "InvalidParameter"
    assert refused(SubnetIds=[], SubnetConfigurations=[{"SubnetId": here.subnet, "Ipv6": here.range.replace("/64", "abc")}]) == "InvalidParameter"
    assert refused(VpcId=ec2.describe_subnets(SubnetIds=[other])["Subnets"][0]["VpcId"], SubnetIds=[other], SecurityGroupIds=[], PrivateDnsEnabled=False, IpAddressType="dualstack") == "InvalidParameterValue"
    made = ec2.create_vpc_endpoint(**wanted, IpAddressType="dualstack")["VpcEndpoint"]
    id = made["VpcEndpointId"]
    try:
        assert made["IpAddressType"] == "dualstack" and made["DnsOptions"]["DnsRecordIpType"] == "dualstack"

        def addresses():
            interface = ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]
            return [one["Ipv6Address"] for one in interface["Ipv6Addresses"]]

        assert len(addresses()) == 1
        visitor = caller(net, cloud, [list_queues("https://sqs.us-east-1.amazonaws.com/")], SubnetId=here.subnet)
        net.told(visitor, "200")
        # Conditions know the address of IPv6 that a request came from.
        first = visitor["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:ListQueues", "Resource": "*", "Condition": {"IpAddress": {"aws:VpcSourceIp": f"{first}/128"}}}
        ec2.modify_vpc_endpoint(VpcEndpointId=id, PolicyDocument=policy(EVERYTHING, deny))
        net.told(visitor, "403")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, ResetPolicy=True)
        ec2.modify_vpc_endpoint(VpcEndpointId=id, DnsOptions={"DnsRecordIpType": "ipv4"})
        net.told(visitor, "CUT")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, DnsOptions={"DnsRecordIpType": "ipv6"})
        net.told(visitor, "200")
        ec2.modify_vpc_endpoint(VpcEndpointId=id, IpAddressType="ipv4")
        net.told(visitor, "CUT")
        assert addresses() == []
        shown = ec2.describe_vpc_endpoints(Filters=[{"Name": "ip-address-type", "Values": ["ipv4"]}, {"Name": "vpc-id", "Values": [here.vpc]}])["VpcEndpoints"]
        assert [one["DnsOptions"]["DnsRecordIpType"] for one in shown] == ["ipv4"]
        ec2.modify_vpc_endpoint(VpcEndpointId=id, IpAddressType="dualstack")
        net.told(visitor, "200")
        assert len(addresses()) == 1
    finally:
        assert ec2.delete_vpc_endpoints(VpcEndpointIds=[id])["Unsuccessful"] == []
