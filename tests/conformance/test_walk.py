"""Every operation of every service is closed to those it is not for: the whole list is walked, and nothing changes.

The lists come from the program (what it serves) and from `models/*.ops` (its operations): a new service joins by itself.
"""

import json
import os
import re
import shutil
import tempfile
import uuid

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ParamValidationError
from conftest import Cloud, eventually, unexpected
from saml_provider import SamlProvider
from walk_inputs import Visited, trust

MODELS = os.path.join(os.path.dirname(__file__), "..", "..", "models")
HOME, ABROAD = "811111111111", "822222222222"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"

# Whoever has signed may ask these; no policy is looked at.
FREE = {
    ("sts", "GetCallerIdentity"): "tells who asks, nothing else",
    ("sts", "GetSessionToken"): "gives who asks what it has already",
    ("sts", "GetAccessKeyInfo"): "AWS documents that any account may learn whose a key id is",
}
# These are asked without a signature: what they bear instead proves who asks.
UNSIGNED_BY_MODEL = {("sts", "AssumeRoleWithWebIdentity"), ("sts", "AssumeRoleWithSAML")}
# Answers that differ from one call to the next are found by asking twice. These change what they read, bear the time,
# or tell of what is measured meanwhile.
NOT_LOOKED_AT = {
    ("cloudwatch", "ListMetrics"),
    ("sqs", "ReceiveMessage"),
    ("ec2", "GetConsoleOutput"),
    ("sts", "GetSessionToken"),
    ("sts", "GetFederationToken"),
}
# These answer though they find nothing; what they tell, and that nothing changes, is looked at like anywhere.
CONTENT_WITH_NOTHING = {("ec2", "DeleteKeyPair"), ("kms", "ListRetirableGrants")}

REFUSED_LIKE = ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def operations_of(service):
    with open(os.path.join(MODELS, f"{service}.ops")) as lines:
        return [line.split()[0] for line in lines if line[:1].isalpha()]


def asked(client, operation, params):
    try:
        return client._make_api_call(operation, params)
    except ConnectionClosedError:
        # Who is refused unread may be hung up on, which the next request on that connection learns.
        return client._make_api_call(operation, params)


def outcome(client, operation, params):
    """The code of the refusal, or None, and the answer."""
    try:
        answer = asked(client, operation, params)
        if hasattr(answer.get("Body"), "read"):
            answer["Body"] = answer["Body"].read()
    except ParamValidationError as bad:
        raise AssertionError(f"{operation} is not walked: {bad}") from bad
    except ClientError as refused:
        return refused.response["Error"].get("Code"), refused.response
    answer.pop("ResponseMetadata", None)
    return None, answer


class Walk:
    def __init__(self, cloud):
        self.cloud = cloud
        self.marker = f"walk-{uuid.uuid4().hex[:8]}"
        self.visited = Visited(cloud, HOME, self.marker)
        self.home = {service: cloud.client(service, account=HOME) for service in cloud.served}
        self.before = self.snapshot()
        again = self.snapshot()
        self.before = {key: answer for key, answer in self.before.items() if answer == again[key]}

    def steps(self):
        for service in sorted(self.cloud.served):
            for operation in operations_of(service):
                yield service, operation, self.visited.params(self.home[service], service, operation)

    def snapshot(self):
        """What the account sees of itself, by every operation that only looks."""
        seen = {}
        for service, operation, params in self.steps():
            if operation.startswith(("List", "Describe", "Get")) and (service, operation) not in NOT_LOOKED_AT:
                code, answer = outcome(self.home[service], operation, params)
                seen[service, operation] = code or json.dumps(answer, default=str, sort_keys=True)
        return seen

    def assert_nothing_changed(self):
        now = self.snapshot()
        assert {key: now[key] for key in self.before} == self.before

    def protocol(self, service):
        metadata = self.home[service].meta.service_model.metadata
        if "awsQueryCompatible" in metadata:
            return "query"
        return metadata["protocol"].replace("rest-xml", "query")

    def walk(self, client_of, expected):
        """`expected(service, operation, code, answer, params)` gives what is wrong, or nothing."""
        clients = {service: client_of(service) for service in self.cloud.served}
        walked, wrong = set(), {}
        for service, operation, params in self.steps():
            code, answer = outcome(clients[service], operation, params)
            fault = expected(service, operation, code, answer, params)
            if fault:
                wrong[f"{service}:{operation}"] = fault
            walked.add((service, operation))
        served = {(service, operation) for service in self.cloud.served for operation in operations_of(service)}
        assert served - walked == set()
        assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())
        self.assert_nothing_changed()


@pytest.fixture(scope="module")
def walk():
    folder = tempfile.mkdtemp(prefix="cloudlet-walk-")
    cloud = Cloud(folder).start()
    cloud.served = sorted(json.loads(cloud.get("/_localstack/health"))["services"])
    yield Walk(cloud)
    status = cloud.stop()
    log = cloud.log()
    shutil.rmtree(folder, ignore_errors=True)
    assert status == 0, log
    assert unexpected(log) == []


def user_of(cloud, account, *policies):
    iam = cloud.client("iam", account=account)
    name = f"walker-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    for policy in policies:
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: cloud.client(service, account=key["AccessKeyId"], secret=key["SecretAccessKey"])


def exactly(codes, free=(), head="403"):
    """Everything is refused, with the code of its protocol."""

    def expected(walk, service, operation, code, *_):
        if (service, operation) in free:
            return None
        wanted = codes.get(service) or codes[walk.protocol(service)]
        # An answer to HEAD has no body to name a code.
        wanted = head if operation.startswith("Head") else wanted
        return None if code == wanted else f"{code}, not {wanted}"

    return expected


def never(**_):
    return UNSIGNED


def test_nobody(walk):
    codes = {
        "query": "MissingAuthenticationToken",
        "ec2": "MissingParameter",
        "json": "MissingAuthenticationTokenException",
        "rest-json": "MissingAuthenticationTokenException",
        # These let policies speak of everybody, so they ask them.
        "sqs": "AccessDenied",
        "s3": "AccessDenied",
        # Only the signature tells these; without one they are S3's, of a bucket that is not there.
        "s3control": "NoSuchBucket",
    }
    refused = exactly(codes, UNSIGNED_BY_MODEL)

    def expected(walk, service, operation, code, *rest):
        # Only the signature names these: without one, their paths are those of buckets, refused by S3's words.
        if service in ("ebs", "glacier", "savingsplans", "scheduler"):
            # Of a `Content-Range`, that S3 does not implement it.
            return None if (code or "").startswith("4") or code == "501" else f"{code}, not refused"
        return refused(walk, service, operation, code, *rest)

    unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, inject_host_prefix=False)

    def client_of(service):
        client = walk.cloud.client(service, config=unsigned)
        # Operations whose models name a signature would be signed all the same.
        client.meta.events.register_first(f"choose-signer.{client.meta.service_model.service_id.hyphenize()}", never)
        return client

    walk.walk(client_of, lambda *step: expected(walk, *step))


def test_a_wrong_signature(walk):
    codes = {
        "query": "SignatureDoesNotMatch",
        "ec2": "AuthFailure",
        "json": "InvalidSignatureException",
        "rest-json": "InvalidSignatureException",
    }
    expected = exactly(codes, UNSIGNED_BY_MODEL)
    walk.walk(
        lambda service: walk.cloud.client(service, account=HOME, secret="not the secret"),
        lambda *step: expected(walk, *step),
    )


def test_a_user_without_permission(walk):
    codes = {
        "query": "AccessDenied",
        "ec2": "UnauthorizedOperation",
        "json": "AccessDeniedException",
        "rest-json": "AccessDeniedException",
    }
    expected = exactly(codes, set(FREE) | UNSIGNED_BY_MODEL)
    client_of = user_of(walk.cloud, HOME)
    walk.before = walk.snapshot()
    walk.walk(client_of, lambda *step: expected(walk, *step))


# Of keys that nobody holds any more.
NOBODYS = {
    "query": "InvalidClientTokenId",
    "ec2": "AuthFailure",
    "json": "UnrecognizedClientException",
    "rest-json": "UnrecognizedClientException",
    "s3": "InvalidAccessKeyId",
}


@pytest.mark.parametrize("what", ["switched off", "deleted", "of a deleted user"])
def test_a_key_that_held_once(walk, what):
    """An administrator's key, as soon as it is taken away."""
    iam, name = walk.cloud.client("iam", account=HOME), f"leaver-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=ADMIN)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    signs = {"account": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    named = {"UserName": name, "AccessKeyId": key["AccessKeyId"]}
    assert walk.cloud.client("iam", **signs).get_user()["User"]["UserName"] == name
    if what == "switched off":
        iam.update_access_key(**named, Status="Inactive")
    else:
        iam.delete_access_key(**named)
    if what == "of a deleted user":
        iam.detach_user_policy(UserName=name, PolicyArn=ADMIN)
        iam.delete_user(UserName=name)
    walk.before = walk.snapshot()
    expected = exactly(NOBODYS, UNSIGNED_BY_MODEL)
    walk.walk(lambda service: walk.cloud.client(service, **signs), lambda *step: expected(walk, *step))


def test_a_session_whose_role_is_gone(walk):
    iam, name = walk.cloud.client("iam", account=HOME), f"gone-{uuid.uuid4().hex[:8]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": HOME}))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    signs = session_keys(walk.cloud.client("sts", account=HOME).assume_role(RoleArn=role, RoleSessionName="last"))
    assert walk.cloud.client("iam", **signs).list_users()["Users"]
    iam.detach_role_policy(RoleName=name, PolicyArn=ADMIN)
    iam.delete_role(RoleName=name)
    # It is made again under its name, and is another.
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": HOME}))
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    walk.before = walk.snapshot()
    expected = exactly({**NOBODYS, "s3": "InvalidToken"}, UNSIGNED_BY_MODEL, head="400")
    walk.walk(lambda service: walk.cloud.client(service, **signs), lambda *step: expected(walk, *step))


def test_an_expired_session(walk, tmp_path):
    """An administrator's session, which its provider ended after a few seconds."""
    iam, name = walk.cloud.client("iam", account=HOME), f"ended-{uuid.uuid4().hex[:8]}"
    provider = SamlProvider(iam, tmp_path, name)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=provider.trust())["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    shown = provider.response(role, lasts_seconds=6)
    sts = walk.cloud.client("sts", account=HOME)
    given = sts.assume_role_with_saml(RoleArn=role, PrincipalArn=provider.arn, SAMLAssertion=shown)
    signs = session_keys(given)
    mine = walk.cloud.client("iam", **signs)
    assert mine.list_users()["Users"]
    eventually(lambda: outcome(mine, "ListUsers", {})[0] == "ExpiredToken", "the session is over", 20)
    codes = {
        "query": "ExpiredToken",
        "ec2": "RequestExpired",
        "json": "ExpiredTokenException",
        "rest-json": "ExpiredTokenException",
    }
    walk.before = walk.snapshot()
    expected = exactly(codes, UNSIGNED_BY_MODEL, head="400")
    walk.walk(lambda service: walk.cloud.client(service, **signs), lambda *step: expected(walk, *step))


def session_keys(answer):
    given = answer["Credentials"]
    return {
        "account": given["AccessKeyId"],
        "secret": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def strings(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("who", ["root", "administrator"])
def test_a_stranger(walk, who):
    """Another account's callers get at nothing of this one, and learn nothing of it, but work in their own."""
    ids = {text for members in walk.visited.members.values() for text in strings(members) if unmistakable(text)}

    def expected(service, operation, code, answer, params):
        if (service, operation) in FREE:
            return None
        if code is None:
            told = json.dumps(answer, default=str)
            leaked = [text for text in (HOME, *ids) if text in told]
            if leaked:
                return f"tells {leaked}"
        if (service, operation) in UNSIGNED_BY_MODEL:
            return None if code else "answered, though nobody vouched"
        if not any(text in ids for text in strings(params)) or code in REFUSED_LIKE:
            return None
        gone = code is not None and any(word in code for word in ("NotFound", "NonExistent", "NoSuch", "InvalidID"))
        content = code is None and (service, operation) in CONTENT_WITH_NOTHING
        return None if gone or content else f"{code} for something of a stranger's"

    def root(service):
        return walk.cloud.client(service, account=ABROAD)

    client_of = root if who == "root" else user_of(walk.cloud, ABROAD, ADMIN)
    walk.walk(client_of, expected)


def unmistakable(text):
    """Names in the one account, wherever it is said: ARNs, URLs, and ids that only the program gives."""
    return HOME in text or re.match(r"(vpc|subnet|sg|sgr|key)-|AKIA", text)
