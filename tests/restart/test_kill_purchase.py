"""What was bought, set apart and given out is there after a kill, as it was answered."""

import datetime
import json
import time
import urllib.request

import pytest
from conftest import Cloud, eventually, needs_root

pytestmark = needs_root


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path).start()
    yield cloud
    cloud.stop()


def queued_plan(plans):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    offered = plans.describe_savings_plans_offerings(planTypes=["Compute"])["searchResults"][0]["offeringId"]
    return plans.create_savings_plan(savingsPlanOfferingId=offered, commitment="0.5", purchaseTime=later)["savingsPlanId"]


def bought(ec2, zone):
    """One of everything, and the calls that show it."""
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    reservation = ec2.create_capacity_reservation(
        InstanceType="t2.micro", InstancePlatform="Linux/UNIX", AvailabilityZone=zone, InstanceCount=1, EndDateType="limited", EndDate=end
    )["CapacityReservation"]["CapacityReservationId"]
    offers = ec2.describe_reserved_instances_offerings(InstanceType="t3.micro", MaxResults=5)["ReservedInstancesOfferings"]
    reserved = ec2.purchase_reserved_instances_offering(
        InstanceCount=1, ReservedInstancesOfferingId=offers[0]["ReservedInstancesOfferingId"]
    )["ReservedInstancesId"]
    # Nobody sells at this price: it stays open.
    spot = ec2.request_spot_instances(
        SpotPrice="0.0001", LaunchSpecification={"ImageId": image, "InstanceType": "t3.micro"}
    )["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="standard")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    block = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", Ipv6CidrBlock=block.replace("/56", "/64"))["Subnet"]["SubnetId"]
    eni = ec2.create_network_interface(SubnetId=subnet, Ipv6AddressCount=2)["NetworkInterface"]["NetworkInterfaceId"]
    out = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=out)

    def shown(ec2):
        return [
            ec2.describe_capacity_reservations(CapacityReservationIds=[reservation])["CapacityReservations"],
            ec2.describe_reserved_instances(ReservedInstancesIds=[reserved])["ReservedInstances"],
            ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[spot])["SpotInstanceRequests"],
            ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"],
            ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"],
            ec2.describe_subnets(SubnetIds=[subnet])["Subnets"],
            ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"],
            ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[out])["EgressOnlyInternetGateways"],
            ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"],
        ]

    return shown


def test_what_was_bought_is_there_again(cloud):
    ec2 = cloud.client("ec2")
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    shown = bought(ec2, zone)
    # The market looks at a new request, and says why it waits.
    eventually(lambda: shown(ec2)[2][0]["Status"]["Code"] == "price-too-low", "the request waits")
    plan = queued_plan(cloud.client("savingsplans"))
    plans = lambda: cloud.client("savingsplans").describe_savings_plans(savingsPlanIds=[plan])["savingsPlans"]
    before = shown(ec2), plans()
    cloud.kill()
    cloud.start()
    assert (shown(cloud.client("ec2")), plans()) == before


def test_a_scheduled_event_comes_after_a_kill(cloud):
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    state = lambda ec2: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually(lambda: state(ec2) == "running", "it runs")
    event = {"InstanceId": instance, "Code": "instance-stop", "NotBefore": int(time.time()) + 5, "Description": "d"}
    raised = urllib.request.Request(f"{cloud.endpoint}/_aws/ec2/instance-events", data=json.dumps(event).encode(), method="POST")
    with urllib.request.urlopen(raised) as answer:
        assert json.load(answer)["InstanceEventId"].startswith("instance-event-")
    events = lambda ec2: ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)["InstanceStatuses"][0]["Events"]
    assert [one["Code"] for one in events(ec2)] == ["instance-stop"]
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    eventually(lambda: state(ec2) == "stopped", "it is stopped in its time", 60)
    assert events(ec2)[0]["Description"] == "[Completed] d"
