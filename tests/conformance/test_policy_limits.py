"""Policies to AWS's limits, by AWS's counts; why documents are refused; and documents made to hurt."""

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def one(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def of_size(size, spaces=0, **more):
    """A document of so many characters that are no white space."""
    fine = {"Effect": "Allow", "Action": "sqs:SendMessage", **({"Resource": "*"} if not more else {}), **more}
    written = lambda values: one(**fine, Condition={"StringNotEquals": {"aws:username": values}})
    rest = size - len(written([""]))
    values = []
    while rest > 1_003:
        values.append("x" * 1_000)
        rest -= 1_003
    return written([*values, "x" * rest]) + " \n\t" * spaces


def named(what):
    return f"{what}-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize(("kind", "most"), [("user", 2_048), ("group", 5_120), ("role", 10_240)])
def test_inline_policies_of_an_identity_are_counted_together(iam, kind, most):
    name, title = named(kind), kind.title()
    who = {f"{title}Name": name}
    made = {**who, "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")} if kind == "role" else who
    getattr(iam, f"create_{kind}")(**made)
    put, drop = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"delete_{kind}_policy")
    put(**who, PolicyName="a", PolicyDocument=of_size(most - 200, spaces=300))
    put(**who, PolicyName="b", PolicyDocument=of_size(200))
    too_long = ("LimitExceeded", f"Maximum policy size of {most} bytes exceeded for {kind} {name}")
    assert refusal(put, **who, PolicyName="b", PolicyDocument=of_size(201)) == too_long
    assert refusal(put, **who, PolicyName="c", PolicyDocument=of_size(100)) == too_long
    kept = getattr(iam, f"get_{kind}_policy")(**who, PolicyName="b")["PolicyDocument"]
    assert len(json.dumps(kept, separators=(",", ":"))) == 200, "what was refused changed nothing"
    put(**who, PolicyName="a", PolicyDocument=of_size(150))
    put(**who, PolicyName="b", PolicyDocument=of_size(201))
    for policy in "ab":
        drop(**who, PolicyName=policy)
    getattr(iam, f"delete_{kind}")(**who)


def trust(service, **more):
    return one(Effect="Allow", Principal={"Service": service}, Action="sts:AssumeRole", **more)


def test_managed_policies_and_their_versions(iam):
    name = named("managed")
    too_large = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refusal(iam.create_policy, PolicyName=name, PolicyDocument=of_size(6_145)) == too_large
    arn = iam.create_policy(PolicyName=name, PolicyDocument=of_size(6_144, spaces=1_000))["Policy"]["Arn"]
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=of_size(6_145)) == too_large
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=of_size(200), SetAsDefault=True)
    code, message = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=of_size(200))
    assert code == "LimitExceeded" and message.startswith("A managed policy can have up to 5 versions.")
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in versions] == [
        ("v5", True), ("v4", False), ("v3", False), ("v2", False), ("v1", False)
    ]
    for version in versions[1:]:
        iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_ten_managed_policies_are_attached(iam, kind):
    name = named(kind)
    who = {f"{kind.title()}Name": name}
    made = {**who, "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")} if kind == "role" else who
    getattr(iam, f"create_{kind}")(**made)
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    known = [policy["Arn"] for policy in iam.list_policies(Scope="AWS", MaxItems=11)["Policies"]]
    for arn in known[:10]:
        attach(**who, PolicyArn=arn)
    attach(**who, PolicyArn=known[0])
    code, message = refusal(attach, **who, PolicyArn=known[10])
    assert (code, message) == ("LimitExceeded", f"Cannot exceed quota for PoliciesPer{kind.title()}: 10")
    for arn in known[:10]:
        detach(**who, PolicyArn=arn)
    getattr(iam, f"delete_{kind}")(**who)


def test_trust_policies(iam):
    name, principal = named("trust"), {"Principal": {"Service": "ec2.amazonaws.com"}}
    trusts = lambda size: of_size(size, **principal, Action="sts:AssumeRole")
    too_large = ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    assert refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=trusts(2_049)) == too_large
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusts(2_048))
    update = iam.update_assume_role_policy
    assert refusal(update, RoleName=name, PolicyDocument=trusts(2_049)) == too_large
    kept = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert kept == json.loads(trusts(2_048))
    iam.delete_role(RoleName=name)


def test_what_is_passed_to_a_session(cloud, iam):
    name = named("session")
    document = one(Effect="Allow", Principal={"AWS": "000000000000"}, Action=["sts:AssumeRole", "sts:TagSession"])
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts, asked = cloud.client("sts"), {"RoleArn": arn, "RoleSessionName": "limits"}
    assert "PackedPolicySize" not in sts.assume_role(**asked)
    some = sts.assume_role(**asked, Policy=of_size(1_000))["PackedPolicySize"]
    more = sts.assume_role(**asked, Policy=of_size(1_000), PolicyArns=[{"arn": ADMIN}])["PackedPolicySize"]
    assert 0 < some < more < 100
    chance = "".join(uuid.uuid4().hex for _ in range(200))
    strange = one(Effect="Allow", Action="s3:*", Resource=[f"arn:aws:s3:::{chance[n:n + 800]}" for n in range(0, 6_400, 800)])
    code, message = refusal(sts.assume_role, **asked, Policy=strange)
    assert code == "PackedPolicyTooLarge" and message.startswith("Packed policy consumes ")
    code, _ = refusal(sts.assume_role, **asked, PolicyArns=[{"arn": ADMIN}] * 11)
    assert code == "ValidationError"
    tags = lambda count: [{"Key": f"k{n}", "Value": "v"} for n in range(count)]
    assert sts.assume_role(**asked, Tags=tags(50))["Credentials"]
    assert refusal(sts.assume_role, **asked, Tags=tags(51))[0] == "ValidationError"
    assert refusal(sts.assume_role, **asked, Policy="{")[0] == "MalformedPolicyDocument"
    root = cloud.client("sts", account="111122223333")
    assert refusal(root.get_federation_token, Name="kim", Policy=of_size(2_049))[0] == "ValidationError"
    iam.delete_role(RoleName=name)


FINE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{}", "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-18", "Statement": FINE}), "Syntax errors in policy."),
        (json.dumps({"Statement": FINE}), "Policy document must be version 2012-10-17 or greater."),
        (one(**FINE, Extra=1), "Syntax errors in policy."),
        (one(**{**FINE, "Effect": "Maybe"}), "Syntax errors in policy."),
        (one(Effect="Allow", Resource="*"), "Policy statement must contain actions."),
        (one(Effect="Allow", Action="s3:GetObject"), "Policy statement must contain resources."),
        (one(**{**FINE, "Action": "GetObject"}), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (one(**{**FINE, "Action": "s3:Get:Object"}), "Actions/Condition can contain only one colon."),
        (one(**{**FINE, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
        (one(**{**FINE, "Resource": "arn:x:s3:::b"}), 'Partition "x" is not valid for resource "arn:x:s3:::b".'),
        (one(**FINE, Principal="*"), "Policy document should not specify a principal."),
        (json.dumps({"Version": "2012-10-17", "Statement": [{**FINE, "Sid": "a"}] * 2}), "Statement IDs (SID) in a single policy must be unique."),
        (one(**FINE, Condition={"StringLooksLike": {"aws:username": "x"}}), "Syntax errors in policy."),
        (one(**FINE)[:-1] + ',"Version":"2012-10-17"}', "Syntax errors in policy."),
        ("[" * 20_000 + "]" * 20_000, "Syntax errors in policy."),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "Syntax errors in policy."),
        (one(**{**FINE, "Action": [[["s3:GetObject"]]]}), "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17", "Statement": [FINE] * 1_500}), "Cannot exceed quota for PolicySize: 6144"),
        (one(**{**FINE, "Action": ["s3:Get"] * 14_000}), "Cannot exceed quota for PolicySize: 6144"),
        (" " * 131_073, None),
    ],
)
def test_documents_are_refused_with_a_reason(iam, document, reason):
    name = named("refused")
    started = time.monotonic()
    code, message = refusal(iam.create_policy, PolicyName=name, PolicyDocument=document)
    assert time.monotonic() - started < 5
    if reason is None:
        assert code in ("ValidationError", "MalformedPolicyDocument"), message
    elif reason.startswith("Cannot"):
        assert (code, message) == ("LimitExceeded", reason)
    else:
        assert (code, message) == ("MalformedPolicyDocument", reason)
    assert all(policy["PolicyName"] != name for policy in iam.list_policies(Scope="Local")["Policies"])


def test_wildcards_take_linear_time(cloud, iam):
    """What makes others backtrack for ages: stars upon stars against a name that matches until its end."""
    name = named("stars")
    iam.create_user(UserName=name)
    stars = [f"arn:aws:sqs:*:*:{'a*' * 900}{end}" for end in "bcd"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=one(Effect="Allow", Action="sqs:*" + "*" * 50, Resource=stars[:1]))
    source = f"arn:aws:iam::000000000000:user/{name}"
    arn = "arn:aws:sqs:us-east-1:000000000000:" + "a" * 1_900
    policies = [one(Effect="Allow", Action="sqs:" + "S*" * 60, Resource=stars)] * 5

    def decided(call, **more):
        started = time.monotonic()
        found = call(ActionNames=["sqs:SendMessage"], ResourceArns=[arn], **more)["EvaluationResults"]
        assert time.monotonic() - started < 3
        return found[0]["EvalDecision"]

    assert decided(iam.simulate_principal_policy, PolicySourceArn=source) == "implicitDeny"
    assert decided(iam.simulate_custom_policy, PolicyInputList=policies) == "implicitDeny"
    arn += "b"
    assert decided(iam.simulate_principal_policy, PolicySourceArn=source) == "allowed"
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_user(UserName=name)
