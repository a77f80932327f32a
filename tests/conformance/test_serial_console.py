"""Serial consoles of instances, by a real ssh: a login with a password, in a container and in a machine of its own; nobody
else, nothing else, and no more than one at a time."""

import os
import shutil
import subprocess
import time

import pytest
from conftest import code, eventually, needs_root
from console_kit import Visit, command, new_key
from test_ec2 import running, state
from test_instance_connect import launched  # noqa: F401
from test_microvm import MICRO

pytestmark = [needs_root, pytest.mark.skipif(not shutil.which("agetty"), reason="agetty is not installed")]

ANN = "#!/bin/sh\nuseradd -m -s /bin/bash ann && echo ann:correct-horse | chpasswd\n"


@pytest.fixture
def opened(cloud):
    """The account may use consoles."""
    ec2 = cloud.client("ec2")
    assert ec2.enable_serial_console_access()["SerialConsoleAccessEnabled"] is True
    yield cloud.client("ec2-instance-connect")
    assert ec2.disable_serial_console_access()["SerialConsoleAccessEnabled"] is False


def logs_in(cloud, connect, instance, folder):
    """Goes to the console, and has somebody there log in; gives who is at it."""
    key, public = new_key(folder)
    sent = connect.send_serial_console_ssh_public_key(InstanceId=instance, SerialPort=0, SSHPublicKey=public)
    assert sent["Success"] and sent["RequestId"]
    visit = Visit(cloud, key, instance)

    def asked():
        visit.types("")
        time.sleep(0.5)
        visit.hear()
        return "login:" in visit.said

    eventually(asked, "somebody is asked who they are", seconds=90)
    for word, answer in (("wrong", "Login incorrect"), ("correct-horse", "ann@")):
        visit.types("ann")
        visit.sees("Password:")
        visit.types(word)
        visit.sees(answer)
    visit.types("echo $(id -un) at $(tty)")
    visit.sees("ann at /dev/console")
    # Whoever logs in has the terminal to themselves: their signals work.
    visit.types("sleep 600")

    def interrupted():
        os.write(visit.fd, b"\x03")
        # What is typed while a signal is dealt with may be lost.
        time.sleep(0.5)
        visit.types("echo still $((40 + 2))")
        time.sleep(0.5)
        visit.hear()
        return "still 42" in visit.said

    eventually(interrupted, "it is interrupted", seconds=30)
    return visit, key


def user_data_is_done(ec2, instance):
    def done():
        return "user data ended" in ec2.get_console_output(InstanceId=instance).get("Output", "")

    # The first machine of its own waits for what guests boot from.
    eventually(lambda: state(ec2, instance) == "running", "it runs", seconds=120)
    eventually(done, "the user is there", seconds=90)


def test_a_console_is_one_persons_and_only_by_its_key(cloud, opened, launched, tmp_path):  # noqa: F811
    ec2 = cloud.client("ec2")
    instance, other = launched("host", UserData=ANN), launched("host")
    user_data_is_done(ec2, instance)
    visit, key = logs_in(cloud, opened, instance, tmp_path)

    def refused(*argv, words):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode != 0 and words in done.stdout + done.stderr, done
        return done.stdout + done.stderr

    # Whatever is asked for, it is the console, where somebody is.
    for asked in (["cat", "/etc/shadow"], ["-s", "sftp"]):
        argv = command(cloud, key, f"{instance}.port0", *asked)
        told = refused(*argv, words="somebody else is at its console")
        assert "root:" not in told
    stranger, _ = new_key(tmp_path)
    for who, name in ((stranger, f"{instance}.port0"), (key, f"{other}.port0"), (key, "root"), (key, instance)):
        refused(*command(cloud, who, name, "id"), words="Permission denied")
    forward = command(cloud, key, f"{instance}.port0")
    refused(*forward[:-1], "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", forward[-1], words="forwarding")

    # What is written elsewhere is seen here, and is kept as ever.
    visit.types("echo kept by $((6 * 7))")
    visit.sees("kept by 42")
    eventually(lambda: "kept by 42" in ec2.get_console_output(InstanceId=instance, Latest=True)["Output"], "it is kept")
    visit.hang_up()
    # The next one finds it as it was left, by a key that has not ended.
    again = Visit(cloud, key, instance)
    again.types("echo here $((1 + 1))")
    again.sees("here 2")
    ec2.stop_instances(InstanceIds=[instance])
    eventually(again.is_over, "the console ends with its machine", seconds=60)


@pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="qemu-system-x86_64 is not installed")
def test_a_machine_of_its_own_has_one_too(cloud, opened, launched, tmp_path):  # noqa: F811
    instance = launched("host", UserData=ANN, TagSpecifications=MICRO)
    user_data_is_done(cloud.client("ec2"), instance)
    visit, _ = logs_in(cloud, opened, instance, tmp_path)
    visit.hang_up()


def test_what_is_refused(cloud, launched, tmp_path):  # noqa: F811
    ec2, connect = cloud.client("ec2"), cloud.client("ec2-instance-connect")
    instance, old = launched("host"), launched("host", InstanceType="t2.small")
    running(ec2, instance), running(ec2, old)
    key, public = new_key(tmp_path, "rsa")
    sent = {"InstanceId": instance, "SerialPort": 0, "SSHPublicKey": public}
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    send = connect.send_serial_console_ssh_public_key
    assert code(send, **sent) == "SerialConsoleAccessDisabledException"
    assert ec2.enable_serial_console_access()["SerialConsoleAccessEnabled"] is True
    try:
        assert code(send, **{**sent, "InstanceId": old}) == "EC2InstanceTypeInvalidException"
        assert code(send, **{**sent, "InstanceId": "i-0123456789abcdef0"}) == "EC2InstanceNotFoundException"
        assert code(send, **{**sent, "SSHPublicKey": "ssh-dss " + "A" * 100}) == "InvalidArgsException"
        ec2.stop_instances(InstanceIds=[instance])
        assert code(send, **sent) == "EC2InstanceStateInvalidException"
    finally:
        assert ec2.disable_serial_console_access()["SerialConsoleAccessEnabled"] is False
    done = subprocess.run(command(cloud, key, f"{instance}.port0"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 255, "a key that was refused opens nothing"
