"""Keys and who may use them: grants, condition keys, and queues that KMS seals in the name of who sends and receives."""

import json
import uuid

import pytest
from test_enforcement import allow, refusal, user  # noqa: F401 (a fixture)


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def key(kms):
    made = kms.create_key()["KeyMetadata"]
    yield made["Arn"]
    kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)


@pytest.fixture
def session(cloud, user):  # noqa: F811
    """A role without any permission, taken on by the user."""
    iam, name = cloud.client("iam"), f"role-{uuid.uuid4().hex}"
    trust = {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    user.put(allow("sts:AssumeRole", role))
    given = user.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]

    class Session:
        arn = role

        def client(self, service):
            return cloud.client(
                service,
                account=given["AccessKeyId"],
                secret=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )

    yield Session()
    iam.delete_role(RoleName=name)


def test_a_grant_to_a_role_lets_its_session_in(kms, key, session):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"team": "a"})["CiphertextBlob"]
    theirs = session.client("kms")
    asked = {"CiphertextBlob": blob, "EncryptionContext": {"team": "a"}}
    assert refusal(theirs.decrypt, **asked)["Code"] == "AccessDeniedException"
    made = kms.create_grant(
        KeyId=key,
        GranteePrincipal=session.arn,
        Operations=["Decrypt", "RetireGrant"],
        Constraints={"EncryptionContextEquals": {"team": "a"}},
    )
    assert theirs.decrypt(**asked, GrantTokens=[made["GrantToken"]])["Plaintext"] == b"x"
    assert theirs.decrypt(**asked)["Plaintext"] == b"x"
    assert refusal(theirs.encrypt, KeyId=key, Plaintext=b"x")["Code"] == "AccessDeniedException"
    assert refusal(theirs.decrypt, **asked, GrantTokens=["x"])["Code"] == "InvalidGrantTokenException"
    theirs.retire_grant(KeyId=key, GrantId=made["GrantId"])
    assert refusal(theirs.decrypt, **asked)["Code"] == "AccessDeniedException"


def test_a_users_policy_asks_for_the_encryption_context(key, user):  # noqa: F811
    user.put(allow("kms:Encrypt", key, Condition={"StringEquals": {"kms:EncryptionContext:team": "a"}}))
    kms = user.client("kms")
    assert kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"team": "a"})["CiphertextBlob"]
    denied = refusal(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"team": "b"})
    assert denied["Message"].endswith("because no identity-based policy allows the kms:Encrypt action")


@pytest.fixture
def sealed(cloud, key):
    """A queue that the key seals."""
    sqs = cloud.client("sqs")
    attributes = {"KmsMasterKeyId": key, "KmsDataKeyReusePeriodSeconds": "60"}
    url = sqs.create_queue(QueueName=f"sealed-{uuid.uuid4().hex}", Attributes=attributes)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def test_a_queue_is_sealed_in_the_name_of_who_sends_and_receives(cloud, key, sealed, user):  # noqa: F811
    shown = cloud.client("sqs").get_queue_attributes(QueueUrl=sealed, AttributeNames=["All"])["Attributes"]
    told = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")
    assert tuple(shown[name] for name in told) == (key, "60", "false")
    sqs = user.client("sqs")
    user.put(allow("sqs:*"))
    assert refusal(sqs.send_message, QueueUrl=sealed, MessageBody="x")["Code"] == "KMS.AccessDeniedException"
    via = {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:sqs:arn": shown["QueueArn"]}}
    statements = [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key, "Condition": via},
    ]
    user.put(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert sqs.send_message(QueueUrl=sealed, MessageBody="a secret")["MessageId"]
    got = sqs.receive_message(QueueUrl=sealed)["Messages"][0]
    assert got["Body"] == "a secret"
    direct = refusal(user.client("kms").generate_data_key, KeyId=key, KeySpec="AES_256")
    assert direct["Code"] == "AccessDeniedException", "only by way of the queue"


def test_who_may_not_decrypt_receives_nothing_and_the_message_stays(cloud, sealed, user):  # noqa: F811
    root = cloud.client("sqs")
    root.send_message(QueueUrl=sealed, MessageBody="a secret")
    user.put(allow("sqs:*"))
    denied = refusal(user.client("sqs").receive_message, QueueUrl=sealed)
    assert denied["Code"] == "KMS.AccessDeniedException"
    assert root.receive_message(QueueUrl=sealed)["Messages"][0]["Body"] == "a secret"


def test_a_queues_key_that_is_off_or_gone_seals_nothing(cloud, kms, key, sealed):
    sqs = cloud.client("sqs")
    kms.disable_key(KeyId=key)
    try:
        assert refusal(sqs.send_message, QueueUrl=sealed, MessageBody="x")["Code"] == "KMS.DisabledException"
    finally:
        kms.enable_key(KeyId=key)
    sqs.set_queue_attributes(QueueUrl=sealed, Attributes={"KmsMasterKeyId": "alias/nowhere"})
    assert refusal(sqs.send_message, QueueUrl=sealed, MessageBody="x")["Code"] == "KMS.NotFoundException"


def test_sqs_has_a_key_of_its_own_that_serves_queues_only(cloud, kms, user):  # noqa: F811
    name = f"own-{uuid.uuid4().hex}"
    url = cloud.client("sqs").create_queue(QueueName=name, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})["QueueUrl"]
    user.put(allow("sqs:*"))
    sqs = user.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"
    assert kms.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]["KeyManager"] == "AWS"
    assert refusal(kms.encrypt, KeyId="alias/aws/sqs", Plaintext=b"x")["Code"] == "AccessDeniedException"
    sqs.delete_queue(QueueUrl=url)
