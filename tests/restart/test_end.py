"""The end in good order, with instances that are to end too: their owner finds them stopped, and starts them."""

import glob
import os

from conftest import eventually, needs_root

pytestmark = needs_root


def test_instances_that_end_with_the_cloud_are_stopped(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    order = dict(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1)
    once = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
    kept = ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    spot = ec2.run_instances(**order, InstanceMarketOptions=once)["Instances"][0]["InstanceId"]
    shown = lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    state = lambda one: shown(one)["State"]["Name"]
    eventually(lambda: {state(kept), state(spot)} == {"running"}, "they run")

    assert cloud.stop() == 0
    ec2 = cloud.start().client("ec2")
    eventually(lambda: (state(kept), state(spot)) == ("stopped", "terminated"), "they are at rest")
    assert shown(kept)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.start_instances(InstanceIds=[kept])
    eventually(lambda: state(kept) == "running", "it runs again")


def test_a_cloud_without_instances_leaves_no_mount(own_cloud):
    cloud = own_cloud()
    cloud.stop()
    cloud.args.remove("--stop-instances")
    cloud.start()
    tags = [tag for tag in glob.glob("/run/cloudlet/tags/*") if open(tag).read().startswith(cloud.folder)]
    assert len(tags) == 1
    mounts = lambda: open("/proc/mounts").read()
    place = tags[0].replace("/tags/", "/") + "/"
    eventually(lambda: place in mounts(), "the namespace of its users is pinned")
    assert cloud.stop() == 0
    assert place not in mounts()

    # A network stays, and an instance lives in it after the next start.
    ec2 = cloud.start().client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    order = dict(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1)
    state = lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["State"]["Name"]
    one = ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    eventually(lambda: state(one) == "running", "it runs")
    ec2.terminate_instances(InstanceIds=[one])
    eventually(lambda: state(one) == "terminated", "it ends")
    known = lambda: sorted(os.listdir(place + "networks"))
    before = known()
    assert cloud.stop() == 0
    assert before and known() == before and place + "users" not in mounts()
    cloud.args.append("--stop-instances")
    ec2 = cloud.start().client("ec2")
    two = ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    eventually(lambda: state(two) == "running", "another runs")
