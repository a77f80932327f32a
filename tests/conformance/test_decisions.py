"""What surrounds the gate: records of decisions, the observing mode, and root turned off."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError

from conftest import BINARY, Cloud


@pytest.fixture
def own(tmp_path):
    clouds = []

    def start(*args):
        clouds.append(Cloud(tmp_path, args=args).start())
        return clouds[-1]

    yield start
    for cloud in clouds:
        if cloud.process.poll() is None:
            cloud.stop()


def run(cloud, *words):
    done = subprocess.run([BINARY, *words, "--endpoint", cloud.endpoint], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def user(cloud, *policies):
    iam = cloud.client("iam")
    iam.create_user(UserName="kim")
    for name, document in policies:
        iam.put_user_policy(UserName="kim", PolicyName=name, PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    return {"account": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def document(effect, action, sid):
    return {"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": effect, "Action": action, "Resource": "*"}]}


def test_a_denial_is_explained_also_after_a_kill(own):
    cloud = own()
    kim = user(cloud, ("mine", document("Allow", "sqs:*", "All")), ("not", document("Deny", "sqs:CreateQueue", "No")))
    with pytest.raises(ClientError) as refused:
        cloud.client("sqs", **kim).create_queue(QueueName="q")
    request = refused.value.response["ResponseMetadata"]["RequestId"]
    cloud.kill()
    cloud.start()
    code, told = run(cloud, "explain", request)
    assert code == 0, told
    assert "decision   denied" in told and "Deny  statement 1 (No) of identity-based policy" in told
    assert kim["secret"] not in told
    code, told = run(cloud, "explain", request, "--json")
    decision = json.loads(told)["decisions"][0]
    assert decision["action"] == "sqs:CreateQueue" and decision["access_key"] == kim["account"]
    code, told = run(cloud, "explain", "--denied")
    assert request in told
    assert run(cloud, "explain", "no-such-request")[0] != 0


def test_an_observing_cloud_lets_pass_and_says_so(own):
    cloud = own("--identity", "observe")
    kim = user(cloud)
    made = cloud.client("sqs", **kim).create_queue(QueueName="q")
    code, told = run(cloud, "explain", made["ResponseMetadata"]["RequestId"])
    assert code == 0 and "would-be-denied" in told, told
    assert "ONLY OBSERVED" in run(cloud, "status")[1]
    with pytest.raises(ClientError) as refused:
        cloud.client("sqs", account=kim["account"], secret="wrong").list_queues()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_root_can_be_turned_off_once_somebody_else_can_come_in(own):
    cloud = own()
    code, told = run(cloud, "root", "off")
    assert code != 0 and "has no user" in told
    kim = user(cloud, ("all", document("Allow", "*", "All")))
    assert run(cloud, "root", "off")[0] == 0
    for account in ("test", "123456789012"):
        with pytest.raises(ClientError) as refused:
            cloud.client("sts", account=account).get_caller_identity()
        assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    cloud.kill()
    cloud.start()
    with pytest.raises(ClientError):
        cloud.client("sts").get_caller_identity()
    assert cloud.client("iam", **kim).list_users()["Users"]
    assert run(cloud, "root", "on")[0] == 0
    cloud.client("sts").get_caller_identity()
