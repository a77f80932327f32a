"""EC2 as boto3, the aws CLI, curl and ssh see it: real machines on a real network."""

import os
import subprocess
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually, needs_root

pytestmark = needs_root

WEB = """#!/bin/sh
mkdir -p /srv/web && cd /srv/web && echo "I am $(hostname)" > index.html
exec python3 -m http.server 80
"""


@pytest.fixture(scope="module")
def image(cloud):
    images = cloud.client("ec2").describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"]
    assert len(images) == 1
    return images[0]["ImageId"]


@pytest.fixture
def launch(cloud, image):
    """Starts instances; they end with the test."""
    ec2 = cloud.client("ec2")
    launched = []

    def run(**params):
        params = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **params}
        made = [one["InstanceId"] for one in ec2.run_instances(**params)["Instances"]]
        launched.extend(made)
        return made[0] if len(made) == 1 else made

    yield run
    if launched:
        ec2.terminate_instances(InstanceIds=launched)
        for one in launched:
            eventually(lambda one=one: state(ec2, one) == "terminated", f"{one} is terminated")


def describe(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]


def state(ec2, instance):
    return describe(ec2, instance)["State"]["Name"]


def running(ec2, instance):
    return eventually(lambda: (it := describe(ec2, instance))["State"]["Name"] == "running" and it, "it runs")


def open_group(ec2, *ports, source="0.0.0.0/0"):
    group = ec2.create_security_group(GroupName=f"g-{uuid.uuid4().hex}", Description="made by a test")["GroupId"]
    for port in ports:
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=source)
    return group


def page(address, timeout=1.0):
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=timeout) as answer:
            return answer.read().decode()
    except OSError:
        return None


def test_web_server_by_user_data_and_login_by_ssh(cloud, ec2, image, tmp_path):
    """The newcomer's tour, with the aws CLI."""
    key = tmp_path / "k.pem"
    name = f"k-{uuid.uuid4().hex}"
    material = cloud.cli("ec2", "create-key-pair", "--key-name", name, "--query", "KeyMaterial", "--output", "text").stdout
    key.write_text(material)
    key.chmod(0o600)
    script = tmp_path / "web.sh"
    script.write_text(WEB)
    group = open_group(ec2, 22, 80)
    instance = cloud.cli(
        *("ec2", "run-instances", "--image-id", image, "--instance-type", "t3.micro", "--key-name", name),
        *("--security-group-ids", group, "--user-data", f"file://{script}"),
        *("--query", "Instances[0].InstanceId", "--output", "text"),
    ).stdout.strip()
    try:
        it = running(ec2, instance)
        address = it["PublicIpAddress"]
        assert "I am ip-" in eventually(lambda: page(address), "the web server answers")
        done = eventually(lambda: ssh(key, address, "id -un; nproc; cat /proc/1/comm"), "sshd lets us in")
        assert done.splitlines()[0] == "ec2-user"
        assert ssh(key, address, "sudo -n sh -c 'id -u; command -v mkfs.ext4'").split() == ["0", "/usr/sbin/mkfs.ext4"]
    finally:
        ec2.terminate_instances(InstanceIds=[instance])
        eventually(lambda: state(ec2, instance) == "terminated", "it ends")
    assert page(address, 0.3) is None
    ec2.delete_security_group(GroupId=group)
    ec2.delete_key_pair(KeyName=name)


def ssh(key, address, command, user="ec2-user"):
    done = subprocess.run(
        [
            "ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "ConnectTimeout=3", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", f"{user}@{address}", command,
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def test_stop_and_start_keep_the_private_address_and_the_disk(cloud, ec2, launch, tmp_path):
    group = open_group(ec2, 80)
    counting = '#!/bin/sh\nmkdir -p /srv/web; cd /srv/web; echo boot > index.html\n'
    instance = launch(SecurityGroupIds=[group], UserData=counting)
    before = running(ec2, instance)
    ec2.stop_instances(InstanceIds=[instance])
    stopped = eventually(lambda: (it := describe(ec2, instance))["State"]["Name"] == "stopped" and it, "it stops")
    assert "PublicIpAddress" not in stopped
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    ec2.start_instances(InstanceIds=[instance])
    after = running(ec2, instance)
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]


def test_groups_filter_by_address_and_by_group(cloud, ec2, launch):
    closed = open_group(ec2)
    front = open_group(ec2)
    back = open_group(ec2)
    ec2.authorize_security_group_ingress(
        GroupId=back, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": front}]}]
    )
    server = launch(SecurityGroupIds=[back], UserData=WEB)
    inner = running(ec2, server)["PrivateIpAddress"]
    outer = describe(ec2, server)["PublicIpAddress"]
    probe = f"""#!/bin/sh
for i in $(seq 1 100); do
  if python3 -c "import urllib.request as u; print(u.urlopen('http://{inner}/', timeout=1).read().decode())" 2>/dev/null; then echo REACHED; exit; fi
  sleep 0.1
done
echo UNREACHED
"""
    friend = launch(SecurityGroupIds=[front], UserData=probe)
    stranger = launch(SecurityGroupIds=[closed], UserData=probe.replace("seq 1 100", "seq 1 5"))
    assert eventually(lambda: "REACHED" in console(ec2, friend) and console(ec2, friend), "the friend tries").count("UNREACHED") == 0
    assert eventually(lambda: "UNREACHED" in console(ec2, stranger), "the stranger gives up")
    assert page(outer, 0.3) is None, "nothing is open to the world"
    ec2.authorize_security_group_ingress(GroupId=back, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    assert page(outer), "a rule is in force when the call returns"
    ec2.revoke_security_group_ingress(GroupId=back, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    assert page(outer, 0.3) is None


def test_egress_is_open_until_it_is_revoked(cloud, ec2, launch):
    """A visitor asks a web server over and over, by its private and its public address, and says how it fares."""
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    visiting, serving = open_group(ec2), open_group(ec2, 80)
    server = launch(SecurityGroupIds=[serving], UserData=WEB)
    it = running(ec2, server)
    assert eventually(lambda: page(it["PublicIpAddress"]), "the web server answers")
    visitor = launch(SecurityGroupIds=[visiting], UserData=VISITOR % (it["PrivateIpAddress"], it["PublicIpAddress"]))

    def fares(inner, outer):
        """Twice in a row: the first may have been under way when the rules changed."""
        told = f"inner {inner} outer {outer}"
        seen = console(ec2, visitor).count(told)
        eventually(lambda: console(ec2, visitor).count(told) > seen + 1, told)
        assert console(ec2, visitor).rstrip().splitlines()[-1].strip() == told

    fares("REACHED", "REACHED")
    ec2.revoke_security_group_egress(GroupId=visiting, IpPermissions=[everything])
    assert ec2.describe_security_groups(GroupIds=[visiting])["SecurityGroups"][0]["IpPermissionsEgress"] == []
    fares("CUT", "CUT")
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    to_server = {**web, "UserIdGroupPairs": [{"GroupId": serving}]}
    ec2.authorize_security_group_egress(GroupId=visiting, IpPermissions=[to_server])
    fares("REACHED", "CUT")
    ec2.authorize_security_group_egress(GroupId=visiting, IpPermissions=[{**web, "IpRanges": [{"CidrIp": f"{it['PublicIpAddress']}/32"}]}])
    fares("REACHED", "REACHED")
    with pytest.raises(ClientError) as refused:
        ec2.authorize_security_group_egress(GroupId=visiting, IpPermissions=[to_server])
    assert refused.value.response["Error"]["Code"] == "InvalidPermission.Duplicate"
    ec2.revoke_security_group_egress(GroupId=visiting, IpPermissions=[to_server])
    fares("CUT", "REACHED")


VISITOR = """#!/bin/sh
exec python3 -u - <<'PY'
import time, urllib.request
def tried(address):
    try: urllib.request.urlopen(f"http://{address}/", timeout=0.4).read(); return "REACHED"
    except OSError: return "CUT"
while True:
    print("inner", tried("%s"), "outer", tried("%s"))
    time.sleep(0.1)
PY
"""


def console(ec2, instance):
    return ec2.get_console_output(InstanceId=instance).get("Output", "")


def test_metadata_knows_its_instance_and_asks_for_a_token(cloud, ec2, launch):
    script = """#!/bin/sh
python3 - <<'PY'
import urllib.request as u, urllib.error
base = "http://169.254.169.254/latest"
token = u.urlopen(u.Request(base + "/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})).read().decode()
get = lambda path, headers={"X-aws-ec2-metadata-token": token}: u.urlopen(u.Request(base + path, headers=headers)).read().decode()
print("ID", get("/meta-data/instance-id"))
print("IP", get("/meta-data/local-ipv4"))
try: get("/meta-data/instance-id", {}); print("V1 ALLOWED")
except urllib.error.HTTPError as e: print("V1", e.code)
PY
echo DONE
"""
    instance = launch(UserData=script, MetadataOptions={"HttpTokens": "required"})
    it = running(ec2, instance)
    text = eventually(lambda: "DONE" in console(ec2, instance) and console(ec2, instance), "the script ends")
    assert f"ID {instance}" in text
    assert f"IP {it['PrivateIpAddress']}" in text
    assert "V1 401" in text


def test_types_are_enforced_inside(ec2, launch):
    instance = launch(InstanceType="t3.nano", UserData='#!/bin/sh\necho "CPUS $(nproc)"; echo DONE\n')
    text = eventually(lambda: "DONE" in console(ec2, instance) and console(ec2, instance), "the script ends")
    assert "CPUS 2" in text


@pytest.mark.parametrize(("behaviour", "ends"), [("stop", "stopped"), ("terminate", "terminated")])
def test_poweroff_inside_ends_as_asked(ec2, launch, behaviour, ends):
    instance = launch(InstanceInitiatedShutdownBehavior=behaviour, UserData="#!/bin/sh\npoweroff\n")
    eventually(lambda: state(ec2, instance) == ends, f"it is {ends}")
    assert describe(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_client_token_launches_once(ec2, launch):
    token = uuid.uuid4().hex
    assert launch(ClientToken=token) == launch(ClientToken=token)
    with pytest.raises(ClientError) as refused:
        launch(ClientToken=token, InstanceType="t3.small")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatch"


def test_dry_run_protection_and_bad_ids(ec2, launch, image):
    def code(call, **params):
        with pytest.raises(ClientError) as refused:
            call(**params)
        return refused.value.response["Error"]["Code"]

    assert code(ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1, DryRun=True) == "DryRunOperation"
    assert code(ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"]) == "InvalidInstanceID.NotFound"
    assert code(ec2.describe_instances, InstanceIds=["nonsense"]) == "InvalidInstanceID.Malformed"
    assert code(ec2.run_instances, ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1) == "InvalidAMIID.NotFound"
    instance = launch(DisableApiTermination=True)
    assert code(ec2.terminate_instances, InstanceIds=[instance]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})


def test_a_cloud_killed_by_force_finds_its_instances_again(own_cloud, tmp_path):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    group = open_group(ec2, 80)
    instance = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SecurityGroupIds=[group], UserData=WEB)
    instance = instance["Instances"][0]["InstanceId"]
    address = running(ec2, instance)["PublicIpAddress"]
    first = eventually(lambda: page(address), "the web server answers")
    cloud.kill()
    assert page(address) == first, "it serves without its cloud"
    cloud.start()
    it = describe(cloud.client("ec2"), instance)
    assert (it["State"]["Name"], it["PublicIpAddress"]) == ("running", address)
    assert page(address) == first
    cloud.client("ec2").terminate_instances(InstanceIds=[instance])
    eventually(lambda: state(cloud.client("ec2"), instance) == "terminated", "it ends")


def test_reset_ends_machines(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    group = open_group(ec2, 80)
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SecurityGroupIds=[group], UserData=WEB)
    address = running(ec2, made["Instances"][0]["InstanceId"])["PublicIpAddress"]
    assert eventually(lambda: page(address), "the web server answers")
    cloud.post("/_cloudlet/reset")
    assert ec2.describe_instances()["Reservations"] == []
    assert page(address, 0.3) is None


def test_demo_makes_the_tour(own_cloud, tmp_path):
    from conftest import BINARY

    cloud = own_cloud()
    done = subprocess.run(
        [BINARY, "demo", "--endpoint", cloud.endpoint, "--key", str(tmp_path / "demo.pem")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Hello from ip-" in done.stdout
    assert os.stat(tmp_path / "demo.pem").st_mode & 0o077 == 0
