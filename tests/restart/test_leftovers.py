"""What a killed cloud leaves on its host: kept while somebody can open it again, removed when nobody can."""

import glob
import os
import shutil
import subprocess

from conftest import BINARY, Cloud, eventually, needs_root

pytestmark = needs_root


def tag_of(cloud):
    data = os.path.join(cloud.folder, "data")
    return next(os.path.basename(path) for path in glob.glob("/run/cloudlet/tags/*") if open(path).read() == data)


def left(tag):
    """Files, mounts and links that bear the tag."""
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    mounts = open("/proc/mounts").read()
    return f"/run/cloudlet/{tag}/" in mounts or f"cl{tag}u" in links or os.path.exists(f"/run/cloudlet/{tag}")


def devices():
    """Files of loop devices."""
    files = glob.glob("/sys/block/loop*/loop/backing_file")
    return "".join(open(path).read() for path in files)


def test_what_a_killed_cloud_left_goes_when_its_folder_is_gone(tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    gone, doctor = Cloud(folders[0]).start(), [BINARY, "doctor", "--clean"]
    try:
        tag = tag_of(gone)
        ec2 = gone.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]
        ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=subnet["VpcId"], ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[subnet["SubnetId"]]
        )
        image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
        machine = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

        def volume():
            found = ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]
            attached = [mapping["Ebs"]["VolumeId"] for mapping in found["BlockDeviceMappings"]]
            return attached[0] if found["State"]["Name"] == "running" and attached else None

        root = eventually(volume, "the machine runs on a volume")
        gone.kill()
        assert left(tag) and root in devices()
        assert tag not in subprocess.run(doctor, capture_output=True, text=True, check=True).stdout
        assert left(tag), "its folder is still there"
        shutil.rmtree(folders[0])
        other = Cloud(folders[1]).start()
        try:
            eventually(lambda: not left(tag) and not os.path.exists(f"/run/cloudlet/tags/{tag}"), "nothing is left")
            assert root not in devices() and str(folders[0]) not in devices()
        finally:
            other.stop()
    finally:
        # Its machine outlives it, also where the test fails.
        gone.kill()
        shutil.rmtree(folders[0], ignore_errors=True)
        subprocess.run(doctor, check=True)
