"""Keys that open instances for a minute, with real clients and real sshds: containers and a machine of its own."""

import json
import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root
from console_kit import new_key
from test_ec2 import describe, open_group, running, ssh, state
from test_microvm import MICRO, banner, sshd_speaks

pytestmark = needs_root

FILE = "cat ~/.ssh/authorized_keys"


def code(refused, *args, **kwargs):
    with pytest.raises(ClientError) as error:
        refused(*args, **kwargs)
    return error.value.response["Error"]["Code"]


@pytest.fixture
def launched(cloud):
    ec2 = cloud.client("ec2")
    group, made = open_group(ec2, 22), []

    def launch(image, **order):
        found = ec2.describe_images(Filters=[{"Name": "name", "Values": [image]}])["Images"][0]["ImageId"]
        order = {"InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1, "SecurityGroupIds": [group], **order}
        made.append(ec2.run_instances(ImageId=found, **order)["Instances"][0]["InstanceId"])
        return made[-1]

    yield launch
    ec2.terminate_instances(InstanceIds=made)
    for instance in made:
        eventually(lambda: state(ec2, instance) == "terminated", "it ends", seconds=60)
    ec2.delete_security_group(GroupId=group)


def lets_in_for_a_minute(cloud, instance, user, folder):
    """The whole life of a key. One that the guest's first boot overwrites is sent again."""
    connect = cloud.client("ec2-instance-connect")
    ec2 = cloud.client("ec2")
    # The first machine of its own waits for what guests boot from.
    eventually(lambda: state(ec2, instance) == "running", "it runs", seconds=120)
    address = describe(ec2, instance)["PublicIpAddress"]
    (key, public), (stranger, _) = new_key(folder), new_key(folder)

    def enter():
        began = time.monotonic()
        try:
            sent = connect.send_ssh_public_key(InstanceId=instance, InstanceOSUser=user, SSHPublicKey=public)
        except ClientError as early:
            assert early.response["Error"]["Code"] in ("EC2InstanceUnavailableException", "InvalidArgsException")
            return None
        assert sent["Success"] and sent["RequestId"]
        try:
            return eventually(lambda: ssh(key, address, "true", user) is not None and began, "it opens", seconds=5)
        except AssertionError:
            return None

    sshd_speaks(ec2, instance, address)
    sent_at = eventually(enter, "the key is taken", seconds=120)
    assert ssh(stranger, address, "true", user) is None
    told = ssh(key, address, FILE, user)
    assert public.split()[1] in told

    def over():
        # Once may be a machine that is slow to answer.
        return ssh(key, address, "true", user) is None and ssh(key, address, "true", user) is None and banner(address)

    eventually(over, "the key is over", seconds=90)
    assert time.monotonic() - sent_at > 55
    return address


def test_a_key_lets_in_for_a_minute(cloud, launched, tmp_path):
    homes = [("host", "ec2-user", {})]
    if shutil.which("qemu-system-x86_64"):
        homes.append(("host", "root", {"TagSpecifications": MICRO}))
    with ThreadPoolExecutor() as pool:
        lives = [
            pool.submit(lets_in_for_a_minute, cloud, launched(image, **order), user, tmp_path)
            for image, user, order in homes
        ]
        for life in lives:
            life.result()


def test_what_is_refused_and_what_policies_ask(cloud, launched, tmp_path):
    ec2, iam, connect = (cloud.client(name) for name in ("ec2", "iam", "ec2-instance-connect"))
    instance = launched("host")
    where = running(ec2, instance)["Placement"]["AvailabilityZone"]
    _, public = new_key(tmp_path)
    _, rsa = new_key(tmp_path, "rsa")
    key = {"InstanceId": instance, "InstanceOSUser": "ec2-user", "SSHPublicKey": public}
    assert connect.send_ssh_public_key(**{**key, "SSHPublicKey": rsa})["Success"]
    for bad in ("ssh-dss " + "A" * 100, "ssh-rsa " + "A" * 100):
        assert code(connect.send_ssh_public_key, **{**key, "SSHPublicKey": bad}) == "InvalidArgsException"
    assert code(connect.send_ssh_public_key, **{**key, "InstanceId": "i-0123456789abcdef0"}) == "EC2InstanceNotFoundException"
    other = where[:-1] + ("b" if where[-1] == "a" else "a")
    assert code(connect.send_ssh_public_key, **key, AvailabilityZone=other) == "EC2InstanceNotFoundException"
    assert connect.send_ssh_public_key(**key, AvailabilityZone=where)["Success"]
    assert code(connect.send_ssh_public_key, **{**key, "InstanceOSUser": "nobody-here"}) == "InvalidArgsException"

    name = f"connect-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    statement = {
        "Effect": "Allow", "Action": "ec2-instance-connect:SendSSHPublicKey",
        "Resource": f"arn:aws:ec2:us-east-1:*:instance/{instance}",
        "Condition": {"StringEquals": {"ec2:osuser": "ec2-user"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = cloud.client("ec2-instance-connect", account=made["AccessKeyId"], secret=made["SecretAccessKey"])
    assert theirs.send_ssh_public_key(**key)["Success"]
    assert code(theirs.send_ssh_public_key, **{**key, "InstanceOSUser": "root"}) == "AccessDeniedException"

    ec2.stop_instances(InstanceIds=[instance])
    assert code(connect.send_ssh_public_key, **key) == "EC2InstanceStateInvalidException"
