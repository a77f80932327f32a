"""Ways to buy instances as boto3 sees them: a market that takes back, room that is kept, processors set apart."""

import datetime
import glob
import uuid

import pytest
from conftest import code, eventually, needs_root

pytestmark = needs_root

GIB = 1 << 30
# Shows its processors, then what becomes of its market place, as often as that changes.
WATCH = """#!/bin/sh
echo "CPUS $(nproc)"
base=http://169.254.169.254/latest/meta-data
until curl -sf $base/spot/instance-action > /tmp/notice; do sleep 0.2; done
echo "NOTICE $(cat /tmp/notice)"
echo "ENDS $(curl -sf $base/spot/termination-time)"
echo "REBALANCE $(curl -sf $base/events/recommendations/rebalance)"
"""


def memory():
    with open("/proc/meminfo") as info:
        return int(info.readline().split()[1]) * 1024


@pytest.fixture
def tight(own_cloud):
    """A cloud that may promise three GiB of memory."""
    cloud = own_cloud(args=["--overcommit", f"{max(0.01, round(3.2 * GIB / memory(), 2)):.2f}"])
    yield cloud
    cloud.post("/_cloudlet/reset")


def image(ec2):
    return ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]


def launch(ec2, **params):
    params = {"ImageId": image(ec2), "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1, **params}
    return ec2.run_instances(**params)["Instances"][0]


def describe(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]


def becomes(ec2, instance, wanted):
    return eventually(lambda: (it := describe(ec2, instance))["State"]["Name"] == wanted and it, f"it is {wanted}")


def console(ec2, instance):
    return ec2.get_console_output(InstanceId=instance).get("Output", "")


def request_status(ec2, request):
    found = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request])["SpotInstanceRequests"][0]
    return found["State"], found["Status"]["Code"]


def test_on_demand_takes_the_room_of_spot_with_notice_inside(tight):
    ec2 = tight.client("ec2")
    market = {"MarketType": "spot"}
    spot = launch(ec2, InstanceMarketOptions=market, UserData=WATCH, InstanceType="t2.small")
    assert (spot["InstanceLifecycle"], spot["InstanceId"]) == ("spot", describe(ec2, spot["InstanceId"])["InstanceId"])
    request = spot["SpotInstanceRequestId"]
    becomes(ec2, spot["InstanceId"], "running")
    assert request_status(ec2, request) == ("active", "fulfilled")
    assert code(launch, ec2=ec2, InstanceMarketOptions=market, InstanceType="t2.small") == "InsufficientInstanceCapacity"
    firm = launch(ec2, InstanceType="t2.small")["InstanceId"]
    becomes(ec2, firm, "running")
    assert request_status(ec2, request) == ("active", "marked-for-termination")
    told = eventually(lambda: "REBALANCE {" in console(ec2, spot["InstanceId"]) and console(ec2, spot["InstanceId"]), "it is told")
    assert '"action":"terminate"' in told and "ENDS 20" in told and "noticeTime" in told


def test_requests_wait_and_are_cancelled_and_prices_have_a_history(tight):
    ec2 = tight.client("ec2")
    specification = {"ImageId": image(ec2), "InstanceType": "t2.micro"}
    low = ec2.request_spot_instances(SpotPrice="0.001", LaunchSpecification=specification)["SpotInstanceRequests"][0]
    request = low["SpotInstanceRequestId"]
    assert low["State"] == "open"
    eventually(lambda: request_status(ec2, request) == ("open", "price-too-low"), "the price is too low")
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])
    assert request_status(ec2, request) == ("cancelled", "canceled-before-fulfillment")
    tagged = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "k", "Value": "v"}]}]
    made = ec2.request_spot_instances(LaunchSpecification=specification, TagSpecifications=tagged)
    request = made["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    ec2.get_waiter("spot_instance_request_fulfilled").wait(SpotInstanceRequestIds=[request], WaiterConfig={"Delay": 1})
    found = ec2.describe_spot_instance_requests(Filters=[{"Name": "tag:k", "Values": ["v"]}])["SpotInstanceRequests"]
    becomes(ec2, found[0]["InstanceId"], "running")

    def prices():
        pages = ec2.get_paginator("describe_spot_price_history").paginate(InstanceTypes=["t2.micro"])
        return [row for page in pages for row in page["SpotPriceHistory"]]

    rows = eventually(prices, "a price is written down")
    assert {row["AvailabilityZone"][-1] for row in rows} == {"a", "b", "c"}
    assert all(0.003 < float(row["SpotPrice"]) <= 0.0116 for row in rows)


def test_a_request_is_filled_with_an_interface_that_is_there(tight):
    ec2 = tight.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    face = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    faces = [{"DeviceIndex": 0, "NetworkInterfaceId": face["NetworkInterfaceId"]}]
    specification = {"ImageId": image(ec2), "InstanceType": "t2.micro", "NetworkInterfaces": faces}
    assert code(ec2.request_spot_instances, InstanceCount=2, LaunchSpecification=specification) == "InvalidParameterCombination"
    first, second = [ec2.request_spot_instances(LaunchSpecification=specification)["SpotInstanceRequests"][0]["SpotInstanceRequestId"] for _ in range(2)]
    status = lambda: {request_status(ec2, one) for one in (first, second)}
    eventually(lambda: status() == {("active", "fulfilled"), ("open", "constraint-not-fulfillable")}, "one of them has it")
    found = ec2.describe_spot_instance_requests(Filters=[{"Name": "state", "Values": ["active"]}])["SpotInstanceRequests"]
    (filled,) = [one for one in found if one["SpotInstanceRequestId"] in (first, second)]
    assert filled["LaunchSpecification"]["NetworkInterfaces"][0]["NetworkInterfaceId"] == face["NetworkInterfaceId"]
    becomes(ec2, filled["InstanceId"], "running")
    shown = ec2.describe_instances(InstanceIds=[filled["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert shown["PrivateIpAddress"] == face["PrivateIpAddress"]
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[first, second])
    ec2.terminate_instances(InstanceIds=[filled["InstanceId"]])
    becomes(ec2, filled["InstanceId"], "terminated")
    ec2.delete_network_interface(NetworkInterfaceId=face["NetworkInterfaceId"])


def test_reserved_room_is_kept(tight):
    ec2 = tight.client("ec2")
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    kept = ec2.create_capacity_reservation(
        InstanceType="t2.small", InstancePlatform="Linux/UNIX", AvailabilityZone=zone, InstanceCount=1,
        EndDateType="limited", EndDate=end,
    )["CapacityReservation"]
    reservation = kept["CapacityReservationId"]
    assert kept["AvailableInstanceCount"] == 1
    none = {"CapacityReservationPreference": "none"}
    assert code(launch, ec2=ec2, InstanceType="t2.small", CapacityReservationSpecification=none) == "InsufficientInstanceCapacity"
    inside = launch(ec2, InstanceType="t2.small", Placement={"AvailabilityZone": zone})
    assert inside["CapacityReservationId"] == reservation
    usage = ec2.get_capacity_reservation_usage(CapacityReservationId=reservation)
    assert (usage["AvailableInstanceCount"], usage["InstanceUsages"][0]["UsedInstanceCount"]) == (0, 1)
    ec2.modify_capacity_reservation(CapacityReservationId=reservation, EndDateType="unlimited")
    found = ec2.describe_capacity_reservations(CapacityReservationIds=[reservation])["CapacityReservations"][0]
    assert (found["EndDateType"], found["State"]) == ("unlimited", "active")
    ec2.cancel_capacity_reservation(CapacityReservationId=reservation)
    found = ec2.describe_capacity_reservations(Filters=[{"Name": "state", "Values": ["cancelled"]}])["CapacityReservations"]
    assert [one["CapacityReservationId"] for one in found] == [reservation]
    stopped = launch(ec2, InstanceType="t2.nano")["InstanceId"]
    becomes(ec2, stopped, "running")
    ec2.stop_instances(InstanceIds=[stopped])
    becomes(ec2, stopped, "stopped")
    ec2.modify_instance_capacity_reservation_attributes(InstanceId=stopped, CapacityReservationSpecification=none)
    assert describe(ec2, stopped)["CapacityReservationSpecification"] == none


def test_prices_are_reserved(cloud):
    ec2 = cloud.client("ec2")
    offers = ec2.describe_reserved_instances_offerings(
        InstanceType="t3.micro", OfferingClass="standard", OfferingType="Partial Upfront",
        Filters=[{"Name": "scope", "Values": ["Region"]}, {"Name": "duration", "Values": ["94608000"]}],
    )["ReservedInstancesOfferings"]
    assert len(offers) == 1 and offers[0]["FixedPrice"] > 0 and offers[0]["RecurringCharges"][0]["Amount"] > 0
    bought = ec2.purchase_reserved_instances_offering(
        InstanceCount=2, ReservedInstancesOfferingId=offers[0]["ReservedInstancesOfferingId"]
    )["ReservedInstancesId"]
    held = ec2.describe_reserved_instances(ReservedInstancesIds=[bought])["ReservedInstances"][0]
    assert (held["State"], held["InstanceCount"], held["Scope"]) == ("active", 2, "Region")
    ec2.modify_reserved_instances(
        ReservedInstancesIds=[bought], TargetConfigurations=[{"InstanceType": "t3.small", "InstanceCount": 1}]
    )
    done = ec2.describe_reserved_instances_modifications()["ReservedInstancesModifications"]
    assert [one["Status"] for one in done if {"ReservedInstancesId": bought} in one["ReservedInstancesIds"]] == ["fulfilled"]


def test_a_dedicated_host_has_a_processor_of_its_own(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    shared = launch(ec2, InstanceType="t2.nano")["InstanceId"]
    becomes(ec2, shared, "running")
    zone = describe(ec2, shared)["Placement"]["AvailabilityZone"]
    host = ec2.allocate_hosts(InstanceType="t2.micro", AvailabilityZone=zone, Quantity=1, AutoPlacement="on")["HostIds"][0]
    inside = launch(ec2, Placement={"Tenancy": "host", "AvailabilityZone": zone}, UserData="#!/bin/sh\necho CPUS $(nproc)\n")
    assert inside["Placement"]["HostId"] == host
    inside = inside["InstanceId"]
    becomes(ec2, inside, "running")
    eventually(lambda: "CPUS 1" in console(ec2, inside), "it has one processor")
    shown = ec2.describe_hosts(HostIds=[host])["Hosts"][0]
    assert [one["InstanceId"] for one in shown["Instances"]] == [inside]
    ec2.modify_hosts(HostIds=[host], AutoPlacement="off")
    assert code(launch, ec2=ec2, Placement={"Tenancy": "host", "AvailabilityZone": zone}) == "UnavailableHostRequirements"
    eventually(lambda: not cores(cloud, shared) & cores(cloud, inside), "they share no processor")
    ec2.terminate_instances(InstanceIds=[inside])
    becomes(ec2, inside, "terminated")
    assert ec2.release_hosts(HostIds=[host])["Successful"] == [host]
    cloud.post("/_cloudlet/reset")


def cores(cloud, instance):
    """The processors that the instance's control group may use."""
    found = glob.glob(f"/sys/fs/cgroup/cpuset/*{instance}*/cpuset.cpus") + glob.glob(f"/sys/fs/cgroup/*{instance}*/cpuset.cpus")
    assert found, "it has a group"
    with open(found[0]) as file:
        parts = [part.split("-") for part in file.read().strip().split(",")]
    return {core for part in parts for core in range(int(part[0]), int(part[-1]) + 1)}


def test_placement_groups_as_far_as_one_host_goes(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    name = f"spread-{uuid.uuid4().hex}"
    made = ec2.create_placement_group(GroupName=name, Strategy="spread")["PlacementGroup"]
    assert (made["Strategy"], made["SpreadLevel"]) == ("spread", "rack")
    one = launch(ec2, InstanceType="t2.nano", Placement={"GroupName": name})["InstanceId"]
    assert code(launch, ec2=ec2, InstanceType="t2.nano", Placement={"GroupName": name}) == "InsufficientInstanceCapacity"
    assert code(ec2.delete_placement_group, GroupName=name) == "InvalidPlacementGroup.InUse"
    becomes(ec2, one, "running")
    ec2.stop_instances(InstanceIds=[one])
    becomes(ec2, one, "stopped")
    ec2.modify_instance_placement(InstanceId=one, GroupName="")
    ec2.delete_placement_group(GroupName=name)
    assert ec2.describe_placement_groups(Filters=[{"Name": "group-name", "Values": [name]}])["PlacementGroups"] == []
    cloud.post("/_cloudlet/reset")


def test_fleets_are_made_at_once_and_kept_at_their_target(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    data = {"ImageId": image(ec2), "InstanceType": "t2.nano"}
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    configs = [{"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"}}]

    def fleet(kind, total, default):
        target = {"TotalTargetCapacity": total, "DefaultTargetCapacityType": default}
        return ec2.create_fleet(Type=kind, LaunchTemplateConfigs=configs, TargetCapacitySpecification=target)

    instant = fleet("instant", 1, "spot")
    assert instant["Instances"][0]["Lifecycle"] == "spot" and not instant["Errors"]
    kept = fleet("maintain", 1, "on-demand")["FleetId"]

    def members():
        return [one["InstanceId"] for one in ec2.describe_fleet_instances(FleetId=kept)["ActiveInstances"]]

    first = eventually(members, "it has its instance")
    becomes(ec2, first[0], "running")
    assert ec2.describe_fleets(FleetIds=[kept])["Fleets"][0]["ActivityStatus"] == "fulfilled"
    deleted = ec2.delete_fleets(FleetIds=[kept, instant["FleetId"]], TerminateInstances=True)
    assert len(deleted["SuccessfulFleetDeletions"]) == 2
    becomes(ec2, first[0], "terminated")
    cloud.post("/_cloudlet/reset")


def test_checks_probe_the_guest_that_cloud_config_has_made(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    data = "#cloud-config\nhostname: named\nwrite_files:\n- path: /opt/a/b\n  content: hello\nruncmd:\n- echo \"SAYS $(cat /opt/a/b) $(hostname)\"\npackages: [nginx]\n"
    instance = launch(ec2, InstanceType="t2.nano", UserData=data)["InstanceId"]
    becomes(ec2, instance, "running")
    told = eventually(lambda: "SAYS hello named" in console(ec2, instance) and console(ec2, instance), "cloud-config is followed")
    assert "packages is left out" in told

    def checks():
        status = ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)["InstanceStatuses"][0]
        return status["SystemStatus"]["Status"], status["InstanceStatus"]["Status"]

    assert checks() == ("ok", "ok")
    ec2.report_instance_status(Instances=[instance], Status="impaired", ReasonCodes=["unresponsive"])
    assert checks() == ("ok", "ok"), "it has been probed anew, and is well"
    assert ec2.monitor_instances(InstanceIds=[instance])["InstanceMonitorings"][0]["Monitoring"]["State"] == "pending"
    assert describe(ec2, instance)["Monitoring"]["State"] == "enabled"
    assert ec2.unmonitor_instances(InstanceIds=[instance])["InstanceMonitorings"][0]["Monitoring"]["State"] == "disabling"
    changed = ec2.modify_instance_maintenance_options(InstanceId=instance, AutoRecovery="disabled")
    assert changed["AutoRecovery"] == "disabled"
    assert describe(ec2, instance)["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    cloud.post("/_cloudlet/reset")
