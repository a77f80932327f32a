"""Killed clouds and serial consoles: a key that was sent is good after the kill, and nobody stays who came before."""

import os
import shutil
import subprocess

import pytest
from conftest import eventually, needs_root
from console_kit import Visit, new_key

pytestmark = [needs_root, pytest.mark.skipif(not shutil.which("agetty"), reason="agetty is not installed")]


def servers():
    """Those that answer at consoles."""
    found = subprocess.run(["pgrep", "-f", "^/usr/sbin/dropbear -i "], capture_output=True, text=True)
    return set(found.stdout.split())


def test_a_key_outlives_a_kill_and_a_visit_does_not(own_cloud, tmp_path):
    before = servers()
    cloud = own_cloud()
    ec2, connect = cloud.client("ec2"), cloud.client("ec2-instance-connect")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance = made["Instances"][0]["InstanceId"]
    state = lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually(lambda: state() == "running", "it runs")
    ec2.enable_serial_console_access()
    key, public = new_key(tmp_path)
    connect.send_serial_console_ssh_public_key(InstanceId=instance, SSHPublicKey=public)
    visit = Visit(cloud, key, instance)
    visit.types("")
    visit.sees("login:")
    assert len(servers() - before) == 1

    cloud.kill()
    eventually(visit.is_over, "the visit ends with the cloud", seconds=30)
    eventually(lambda: servers() <= before, "nobody is left who answers", seconds=30)
    cloud.start()
    again = Visit(cloud, key, instance)
    again.types("root")
    again.sees("Password:")
    again.hang_up()
    os.unlink(key)
    cloud.client("ec2").terminate_instances(InstanceIds=[instance])
    eventually(lambda: servers() <= before, "nobody is left who answers", seconds=30)
