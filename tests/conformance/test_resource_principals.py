"""Whom policies of resources name: users and roles by what they are, not by what they are called."""

import json
import uuid

import pytest

from s3_kit import bucket, code, s3  # noqa: F401

ACCOUNT = "000000000000"


@pytest.fixture
def user(cloud):
    """Makes users and clients of theirs; takes them away again."""
    iam, made = cloud.client("iam"), {}

    def make(name):
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made[name] = key["AccessKeyId"]
        return arn, cloud.client("s3", key["AccessKeyId"], secret=key["SecretAccessKey"])

    def remove(name):
        iam.delete_access_key(UserName=name, AccessKeyId=made.pop(name))
        iam.delete_user(UserName=name)

    def rename(name, new):
        iam.update_user(UserName=name, NewUserName=new)
        made[new] = made.pop(name)

    yield make, remove, rename
    for name in list(made):
        remove(name)


def letting(resource, who, action="s3:GetObject"):
    statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def named(policy):
    return json.loads(policy)["Statement"][0]["Principal"]["AWS"]


def test_a_bucket_policy_means_the_user_and_not_the_name(cloud, s3, bucket, user):
    make, remove, rename = user
    name = f"u-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    who, theirs = make(name)
    policy = letting(f"arn:aws:s3:::{bucket}/*", who)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    shown = lambda: s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert shown() == policy
    assert theirs.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    rename(name, f"{name}-new")
    assert named(shown()) == f"{who}-new"
    assert theirs.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    rename(f"{name}-new", name)
    id = cloud.client("iam").get_user(UserName=name)["User"]["UserId"]
    remove(name)
    assert named(shown()) == id
    again, other = make(name)
    assert again == who
    assert code(other.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert named(shown()) == id
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_whoever_is_not_there_cannot_be_named(cloud, s3, bucket):
    for who in (f"arn:aws:iam::{ACCOUNT}:user/nobody", f"arn:aws:iam::{ACCOUNT}:role/none", [f"arn:aws:iam::{ACCOUNT}:root", "arn:aws:iam::222222222222:user/x"]):
        refused = pytest.raises(s3.exceptions.ClientError, s3.put_bucket_policy, Bucket=bucket, Policy=letting(f"arn:aws:s3:::{bucket}/*", who))
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("MalformedPolicy", "Invalid principal in policy")
    assert code(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    s3.put_bucket_policy(Bucket=bucket, Policy=letting(f"arn:aws:s3:::{bucket}/*", "AIDAXXXXXXXXXXXXXXXX"))


def test_a_role_of_the_same_name_is_another(cloud, s3, bucket):
    iam, name = cloud.client("iam"), f"r-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    user = f"u-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    leave = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [leave]}))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    as_user = cloud.client("sts", key["AccessKeyId"], secret=key["SecretAccessKey"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")

    def session(arn):
        got = as_user.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return cloud.client("s3", got["AccessKeyId"], secret=got["SecretAccessKey"], aws_session_token=got["SessionToken"])

    try:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        s3.put_bucket_policy(Bucket=bucket, Policy=letting(f"arn:aws:s3:::{bucket}/*", arn))
        assert session(arn).get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
        iam.delete_role(RoleName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        assert code(session(arn).get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
        assert named(s3.get_bucket_policy(Bucket=bucket)["Policy"]).startswith("AROA")
    finally:
        iam.delete_role(RoleName=name)
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=user, PolicyName="p")
        iam.delete_user(UserName=user)


def test_access_points_and_vaults_mean_the_user_too(cloud, s3, bucket, user):
    make, remove, _ = user
    control, glacier, name = cloud.client("s3control"), cloud.client("glacier"), f"u-{uuid.uuid4().hex[:8]}"
    point = {"AccountId": ACCOUNT, "Name": f"p-{name}"}
    arn = control.create_access_point(**point, Bucket=bucket)["AccessPointArn"]
    glacier.create_vault(vaultName=name)
    vault = f"arn:aws:glacier:us-east-1:{ACCOUNT}:vaults/{name}"
    try:
        who, _ = make(name)
        control.put_access_point_policy(**point, Policy=letting(f"{arn}/object/*", who))
        access = {"Policy": letting(vault, who, "glacier:DescribeVault")}
        glacier.set_vault_access_policy(vaultName=name, policy=access)
        assert glacier.get_vault_access_policy(vaultName=name)["policy"] == access
        remove(name)
        assert named(control.get_access_point_policy(**point)["Policy"]).startswith("AIDA")
        assert named(glacier.get_vault_access_policy(vaultName=name)["policy"]["Policy"]).startswith("AIDA")
        again = letting(f"{arn}/object/*", who)
        assert code(control.put_access_point_policy, **point, Policy=again) == ("MalformedPolicy", 400)
        assert code(glacier.set_vault_access_policy, vaultName=name, policy=access) == ("InvalidParameterValueException", 400)
        assert code(glacier.initiate_vault_lock, vaultName=name, policy=access) == ("InvalidParameterValueException", 400)
    finally:
        control.delete_access_point(**point)
        glacier.delete_vault(vaultName=name)


def whole(resource, who, action):
    """A policy under which the account stays in charge."""
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    policy = json.loads(letting(resource, who, action))
    return json.dumps({**policy, "Statement": [*policy["Statement"], root]})


def test_queues_keys_buses_and_logs_mean_the_user_too(cloud, user):
    make, remove, _ = user
    sqs, kms, events, logs = (cloud.client(service) for service in ("sqs", "kms", "events", "logs"))
    name = f"u-{uuid.uuid4().hex[:8]}"
    who, _ = make(name)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    bus = events.create_event_bus(Name=name)["EventBusArn"]

    def put():
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": letting(arn, who, "sqs:SendMessage")})
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=whole("*", who, "kms:Encrypt"))
        events.put_permission(EventBusName=name, Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Sid": "s", **json.loads(letting(bus, who, "events:PutEvents"))["Statement"][0]}]}
        ))
        logs.put_resource_policy(policyName=name, policyDocument=letting("*", who, "logs:PutLogEvents"))

    def shown():
        records = logs.describe_resource_policies()["resourcePolicies"]
        return [named(policy) for policy in (
            sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"],
            kms.get_key_policy(KeyId=key)["Policy"],
            events.describe_event_bus(Name=name)["Policy"],
            next(bus["Policy"] for bus in events.list_event_buses()["EventBuses"] if bus["Name"] == name),
            next(record["policyDocument"] for record in records if record["policyName"] == name),
        )]

    def lets_in(made):
        """Whether the user of this name may send to the queue and use the key."""
        access = cloud.client("iam").create_access_key(UserName=made)["AccessKey"]
        theirs = {"account": access["AccessKeyId"], "secret": access["SecretAccessKey"]}
        try:
            cloud.client("sqs", **theirs).send_message(QueueUrl=queue, MessageBody="x")
            cloud.client("kms", **theirs).encrypt(KeyId=key, Plaintext=b"x")
            return True
        except cloud.client("sts").exceptions.ClientError as refused:
            assert refused.response["Error"]["Code"] == "AccessDenied"
            assert code(cloud.client("kms", **theirs).encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"
            return False
        finally:
            cloud.client("iam").delete_access_key(UserName=made, AccessKeyId=access["AccessKeyId"])

    try:
        put()
        assert shown() == [who] * 5
        # Accounts come and go beside the user.
        sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
        sqs.remove_permission(QueueUrl=queue, Label="l")
        assert lets_in(name)
        remove(name)
        assert all(one.startswith("AIDA") for one in shown())
        again, _ = make(name)
        assert again == who
        assert not lets_in(name)
        sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
        events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="111111111111", StatementId="t")
        assert all(one.startswith("AIDA") for one in shown())
        assert not lets_in(name)
        put()
        assert lets_in(name)
        remove(name)
        for put_one, wrong in (
            (lambda: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": letting(arn, who, "sqs:SendMessage")}), "InvalidAttributeValue"),
            (lambda: sqs.create_queue(QueueName=f"{name}-2", Attributes={"Policy": letting(arn, who, "sqs:SendMessage")}), "InvalidAttributeValue"),
            (lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=whole("*", who, "kms:Encrypt")), "MalformedPolicyDocumentException"),
            (lambda: kms.create_key(Policy=whole("*", who, "kms:Encrypt")), "MalformedPolicyDocumentException"),
            (lambda: events.put_permission(EventBusName=name, Policy=letting(bus, who, "events:PutEvents")), "ValidationException"),
            (lambda: logs.put_resource_policy(policyName=name, policyDocument=letting("*", who, "logs:PutLogEvents")), "InvalidParameterException"),
        ):
            assert code(put_one)[0] == wrong
    finally:
        sqs.delete_queue(QueueUrl=queue)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        events.delete_event_bus(Name=name)
        logs.delete_resource_policy(policyName=name)
