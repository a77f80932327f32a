"""Who am I, who is nobody, and credentials for a while."""

import json
import uuid

import botocore
import pytest
from botocore.exceptions import ClientError
from saml_provider import SIGN_IN, SamlProvider


def test_root_of_the_default_account(cloud):
    me = cloud.client("sts").get_caller_identity()
    assert me["Account"] == "000000000000"
    assert me["Arn"] == "arn:aws:iam::000000000000:root"
    assert me["ResponseMetadata"]["RequestId"]


def test_a_key_of_twelve_digits_is_that_account(cloud):
    assert cloud.client("sts", account="123456789012").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "test", "InvalidClientTokenId"),
        ("test", "wrong", "SignatureDoesNotMatch"),
    ],
)
def test_bad_credentials_are_refused(cloud, key, secret, code):
    with pytest.raises(ClientError) as refusal:
        cloud.client("sts", account=key, secret=secret).get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_no_signature_is_refused(cloud):
    anonymous = cloud.client("sts", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    with pytest.raises(ClientError) as refusal:
        anonymous.get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == "MissingAuthenticationToken"


def test_what_is_not_served_says_so(cloud):
    with pytest.raises(ClientError) as refusal:
        cloud.client("sts").assume_root(TargetPrincipal="111122223333", TaskPolicyArn={"arn": "arn:aws:iam::aws:policy/x"})
    error = refusal.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert "AssumeRoot" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def trust(principal, **condition):
    actions = ["sts:AssumeRole", "sts:TagSession"]
    statement = {"Effect": "Allow", "Action": actions, "Principal": principal, **condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_who_takes_a_trusted_name_is_not_trusted(cloud):
    iam, name = cloud.client("iam"), f"kim-{uuid.uuid4().hex[:8]}"

    def user():
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return arn, key["AccessKeyId"], cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"])

    arn, key, sts = user()
    role = iam.create_role(RoleName=f"r-{name}", AssumeRolePolicyDocument=trust({"AWS": arn}))["Role"]["Arn"]
    assert sts.assume_role(RoleArn=role, RoleSessionName="job")["Credentials"]["SessionToken"]
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    iam.delete_user(UserName=name)
    assert iam.get_role(RoleName=f"r-{name}")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"].startswith("AIDA")
    again, _, sts = user()
    assert again == arn
    with pytest.raises(ClientError) as refusal:
        sts.assume_role(RoleArn=role, RoleSessionName="job")
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"
    iam.update_assume_role_policy(RoleName=f"r-{name}", PolicyDocument=trust({"AWS": arn}))
    assert sts.assume_role(RoleArn=role, RoleSessionName="job")["Credentials"]["SessionToken"]


def allow(action, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})


@pytest.fixture
def role(cloud):
    """A role that may do everything with queues, for whoever its account lets."""
    iam, name = cloud.client("iam"), f"role-{uuid.uuid4().hex}"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": "000000000000"}))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("sqs:*"))
    yield made
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def session(cloud, service, credentials, token=None):
    token = credentials["SessionToken"] if token is None else token
    return cloud.client(
        service, account=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"], aws_session_token=token
    )


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]


def test_a_role_is_taken_on_and_used(cloud, role):
    answer = cloud.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="job", Policy=allow("sqs:*"))
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:job"
    assert answer["PackedPolicySize"] > 0
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    me = session(cloud, "sts", credentials).get_caller_identity()
    assert me["Arn"] == answer["AssumedRoleUser"]["Arn"]
    sqs = session(cloud, "sqs", credentials)
    queue = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
    assert sqs.send_message(QueueUrl=queue, MessageBody="x")["MessageId"]
    denied = refusal(session(cloud, "iam", credentials).list_users)
    assert denied["Code"] == "AccessDenied"
    assert me["Arn"] in denied["Message"]
    assert cloud.client("sts").get_access_key_info(AccessKeyId=credentials["AccessKeyId"])["Account"] == "000000000000"


def test_wrong_tokens_are_refused_in_every_protocol(cloud, role):
    credentials = cloud.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
    other = cloud.client("sts").get_session_token()["Credentials"]
    token = credentials["SessionToken"]
    for wrong in [token[:-8], other["SessionToken"], "nonsense"]:
        refused = refusal(session(cloud, "sts", credentials, wrong).get_caller_identity)
        assert refused["Code"] == "InvalidClientTokenId"
        assert refused["Message"] == "The security token included in the request is invalid."
        assert refusal(session(cloud, "kms", credentials, wrong).list_keys)["Code"] == "UnrecognizedClientException"
        assert refusal(session(cloud, "ec2", credentials, wrong).describe_vpcs)["Code"] == "AuthFailure"
    secret = {**credentials, "SecretAccessKey": "wrong"}
    assert refusal(session(cloud, "sts", secret).get_caller_identity)["Code"] == "SignatureDoesNotMatch"


def test_a_federated_user_is_narrowed(cloud):
    answer = cloud.client("sts").get_federation_token(Name="guest", Policy=allow("sqs:ListQueues"))
    assert answer["FederatedUser"]["Arn"] == "arn:aws:sts::000000000000:federated-user/guest"
    sqs = session(cloud, "sqs", answer["Credentials"])
    sqs.list_queues()
    assert refusal(sqs.create_queue, QueueName="q")["Code"] == "AccessDenied"


def test_sessions_of_the_cli(cloud, role):
    shown = json.loads(cloud.cli("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "cli").stdout)
    env = {
        "AWS_ACCESS_KEY_ID": shown["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": shown["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": shown["Credentials"]["SessionToken"],
    }
    assert shown["AssumedRoleUser"]["Arn"] in cloud.cli("sts", "get-caller-identity", env=env).stdout


def test_the_cli_agrees(cloud):
    assert '"Account": "000000000000"' in cloud.cli("sts", "get-caller-identity").stdout


def test_a_role_is_taken_on_with_a_saml_assertion(cloud, tmp_path):
    iam, name = cloud.client("iam"), f"saml-{uuid.uuid4().hex[:8]}"
    provider = SamlProvider(iam, tmp_path, name)
    asked = {"Condition": {"StringEquals": {"saml:aud": SIGN_IN, "aws:RequestTag/team": "red"}}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=provider.trust(**asked))["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=allow("sqs:*", "arn:aws:sqs:*:*:${aws:PrincipalTag/team}-*")
    )
    # Nobody signs such a request: the assertion says who asks.
    nobody = cloud.client("sts", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    shown = {"RoleArn": role, "PrincipalArn": provider.arn}
    answer = nobody.assume_role_with_saml(**shown, SAMLAssertion=provider.response(role, tags={"team": "red"}))
    assert (answer["Subject"], answer["SubjectType"], answer["Audience"]) == ("kim", "persistent", SIGN_IN)
    assert answer["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{name}/kim")
    sqs = session(cloud, "sqs", answer["Credentials"])
    url = sqs.create_queue(QueueName=f"red-{name}")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.create_queue, QueueName=f"blue-{name}")["Code"] == "AccessDenied"

    told = provider.response(role, tags={"team": "blue"})
    denied = refusal(nobody.assume_role_with_saml, **shown, SAMLAssertion=told)
    assert (denied["Code"], denied["Message"]) == ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
    other = SamlProvider(iam, tmp_path, f"{name}-other")
    other.arn = provider.arn
    forged = refusal(nobody.assume_role_with_saml, **shown, SAMLAssertion=other.response(role))
    assert (forged["Code"], forged["Message"]) == ("InvalidIdentityToken", "Response signature invalid")
    for arn in (provider.arn, f"{provider.arn}-other"):
        iam.delete_saml_provider(SAMLProviderArn=arn)
    gone = refusal(nobody.assume_role_with_saml, **shown, SAMLAssertion=told)
    assert (gone["Code"], gone["Message"]) == ("InvalidIdentityToken", "Specified provider doesn't exist.")
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def test_decisions_about_trust_are_explained(cloud, tmp_path):
    iam, name = cloud.client("iam"), f"told-{uuid.uuid4().hex[:8]}"
    provider = SamlProvider(iam, tmp_path, name)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=provider.trust(Sid="Staff"))["Role"]["Arn"]
    sts, shown = cloud.client("sts"), {"RoleArn": role, "PrincipalArn": provider.arn}
    answer = sts.assume_role_with_saml(**shown, SAMLAssertion=provider.response(role))

    def decision(answer):
        found = json.loads(cloud.get(f"/_cloudlet/decisions/{answer['ResponseMetadata']['RequestId']}"))["decisions"]
        assert len(found) == 1
        return found[0]

    allowed = decision(answer)
    ruling = allowed["rulings"][-1]
    assert (allowed["decision"], ruling["outcome"], ruling["by"]) == ("allowed", "allowed", "role trust policy")
    assert (ruling["resource"], ruling["matched"][0]["sid"]) == (role, "Staff")
    never = {"Condition": {"StringEquals": {"saml:sub": "somebody else"}}}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=provider.trust(**never))
    with pytest.raises(ClientError) as refused:
        sts.assume_role_with_saml(**shown, SAMLAssertion=provider.response(role))
    denied = decision(refused.value.response)
    assert (denied["decision"], denied["error"], denied["resources"]) == ("denied", "AccessDenied", [role])
    assert denied["rulings"][-1]["considered"] == [["role trust policy", "trust"]]
    iam.delete_saml_provider(SAMLProviderArn=provider.arn)
    iam.delete_role(RoleName=name)
