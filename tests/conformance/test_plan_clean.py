"""What Terraform's AWS provider asks for, resource by resource: made, read whole, read again without a difference, changed,
and destroyed. The sequences are its own; a plan is clean when what is read is what was written."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def name():
    return f"tf-{uuid.uuid4().hex[:12]}"


def gone(call, code="NoSuchEntity", **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    assert refused.value.response["Error"]["Code"] == code


def document(action, **more):
    statement = {"Sid": "", "Effect": "Allow", "Action": action, **({"Resource": "*"} if "Principal" not in more else {}), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


TRUST = document("sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def by_key(found):
    return sorted(found, key=lambda tag: tag.get("Key") or tag["TagKey"])


def shown(answer, *left_out):
    """An answer without what differs from call to call, or is not the resource's."""
    return {key: value for key, value in answer.items() if key not in ("ResponseMetadata", *left_out)}


def twice(read):
    """A refresh, and the one after it."""
    first, second = read(), read()
    assert first == second
    return first


def test_users_and_what_hangs_on_them(iam, name):
    bound = iam.create_policy(PolicyName=f"{name}-bound", PolicyDocument=document("s3:*"))["Policy"]["Arn"]
    made = iam.create_user(Path="/a/", UserName=name, PermissionsBoundary=bound, Tags=tags(a="1"))["User"]
    read = lambda of=name: iam.get_user(UserName=of)["User"]
    known = twice(read)
    assert {key: known[key] for key in made} == made
    assert (known["Path"], known["Tags"]) == ("/a/", tags(a="1"))
    assert known["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": bound}

    iam.update_user(UserName=name, NewUserName=f"{name}-2", NewPath="/b/")
    name = f"{name}-2"
    iam.delete_user_permissions_boundary(UserName=name)
    iam.untag_user(UserName=name, TagKeys=["a"])
    iam.tag_user(UserName=name, Tags=tags(b="2", c=""))
    known = twice(lambda: read(name))
    assert (known["Path"], by_key(known["Tags"])) == ("/b/", tags(b="2", c=""))
    assert known["UserId"] == made["UserId"] and "PermissionsBoundary" not in known

    # aws_iam_access_key, aws_iam_user_login_profile, aws_iam_user_policy, aws_iam_user_policy_attachment
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    assert [(k["AccessKeyId"], k["Status"]) for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]] == [(key, "Inactive")]
    iam.create_login_profile(UserName=name, Password="Plan-1-password", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"]
    written = document(["s3:GetObject", "s3:ListBucket"])
    iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=written)
    inline = twice(lambda: shown(iam.get_user_policy(UserName=name, PolicyName="inline")))
    assert inline == {"UserName": name, "PolicyName": "inline", "PolicyDocument": json.loads(written)}
    iam.attach_user_policy(UserName=name, PolicyArn=bound)
    attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": bound.rsplit("/")[-1], "PolicyArn": bound}]

    # destroyed by force
    iam.detach_user_policy(UserName=name, PolicyArn=bound)
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    gone(iam.get_user_policy, UserName=name, PolicyName="inline")
    assert iam.list_groups_for_user(UserName=name)["Groups"] == []
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert name not in json.dumps(iam.list_virtual_mfa_devices(AssignmentStatus="Assigned"), default=str)
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    iam.delete_login_profile(UserName=name)
    gone(iam.delete_login_profile, UserName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
    iam.delete_user(UserName=name)
    gone(iam.get_user, UserName=name)
    iam.delete_policy(PolicyArn=bound)


def test_groups_and_memberships(iam, name):
    made = iam.create_group(GroupName=name, Path="/")["Group"]
    assert shown(twice(lambda: shown(iam.get_group(GroupName=name)))) == {"Group": made, "Users": [], "IsTruncated": False}
    iam.update_group(GroupName=name, NewGroupName=f"{name}-2", NewPath="/teams/")
    name = f"{name}-2"
    assert iam.get_group(GroupName=name)["Group"]["Path"] == "/teams/"
    for user in ("one", "two"):
        iam.create_user(UserName=f"{name}-{user}")
        iam.add_user_to_group(GroupName=name, UserName=f"{name}-{user}")
    pages = iam.get_paginator("get_group").paginate(GroupName=name, PaginationConfig={"PageSize": 1})
    assert sorted(user["UserName"] for page in pages for user in page["Users"]) == [f"{name}-one", f"{name}-two"]
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName=f"{name}-one")["Groups"]] == [name]
    written = document("sqs:*")
    iam.put_group_policy(GroupName=name, PolicyName="inline", PolicyDocument=written)
    assert iam.get_group_policy(GroupName=name, PolicyName="inline")["PolicyDocument"] == json.loads(written)
    iam.delete_group_policy(GroupName=name, PolicyName="inline")
    for user in ("one", "two"):
        iam.remove_user_from_group(GroupName=name, UserName=f"{name}-{user}")
        iam.delete_user(UserName=f"{name}-{user}")
    iam.delete_group(GroupName=name)
    gone(iam.get_group, GroupName=name)


def test_roles(iam, name):
    bound = iam.create_policy(PolicyName=f"{name}-bound", PolicyDocument=document("s3:*"))["Policy"]["Arn"]
    more = {"Description": "A role", "MaxSessionDuration": 7_200, "PermissionsBoundary": bound, "Tags": tags(a="1", b="2")}
    made = iam.create_role(RoleName=name, Path="/service/", AssumeRolePolicyDocument=TRUST, **more)["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service/{name}"
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document("sqs:*"))
    managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    known = twice(lambda: shown(iam.get_role(RoleName=name)["Role"], "RoleLastUsed"))
    assert known["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert {key: known[key] for key in more if key != "PermissionsBoundary"} == {k: v for k, v in more.items() if k != "PermissionsBoundary"}
    assert known["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["inline"]
    assert iam.get_role_policy(RoleName=name, PolicyName="inline")["PolicyDocument"] == json.loads(document("sqs:*"))
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]] == [managed]

    trust = document(["sts:AssumeRole", "sts:TagSession"], Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    iam.update_role_description(RoleName=name, Description="Another")
    iam.update_role(RoleName=name, MaxSessionDuration=3_600)
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.untag_role(RoleName=name, TagKeys=["a"])
    iam.tag_role(RoleName=name, Tags=tags(b="3"))
    known = twice(lambda: shown(iam.get_role(RoleName=name)["Role"], "RoleLastUsed"))
    assert known["AssumeRolePolicyDocument"] == json.loads(trust)
    assert (known["Description"], known["MaxSessionDuration"], known["Tags"]) == ("Another", 3_600, tags(b="3"))
    assert "PermissionsBoundary" not in known and known["RoleId"] == made["RoleId"]

    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    gone(iam.delete_role, code="DeleteConflict", RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=managed)
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    iam.delete_role(RoleName=name)
    gone(iam.get_role, RoleName=name)
    iam.delete_policy(PolicyArn=bound)


def test_managed_policies_go_through_more_versions_than_there_may_be(iam, name):
    made = iam.create_policy(
        PolicyName=name, Path="/tf/", Description="A policy", PolicyDocument=document("s3:*"), Tags=tags(a="1")
    )["Policy"]
    arn = made["Arn"]

    def read():
        policy = shown(iam.get_policy(PolicyArn=arn)["Policy"])
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        return policy, version["Document"]

    policy, held = twice(read)
    assert (policy["Description"], policy["Path"], policy["Tags"], held) == ("A policy", "/tf/", tags(a="1"), json.loads(document("s3:*")))
    for number in range(8):
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(versions) >= 5:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: (v["CreateDate"], int(v["VersionId"][1:])))
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        written = document(f"s3:Get{number}")
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=written, SetAsDefault=True)
        assert twice(read)[1] == json.loads(written)
    iam.tag_policy(PolicyArn=arn, Tags=tags(a="2"))
    assert read()[0]["Tags"] == tags(a="2")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["RoleName"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [one["RoleName"] for one in entities["PolicyRoles"]] == [role]
    gone(iam.delete_policy, code="DeleteConflict", PolicyArn=arn)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_role(RoleName=role)
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)
    gone(iam.get_policy, PolicyArn=arn)


def test_instance_profiles(iam, name):
    roles = [iam.create_role(RoleName=f"{name}-{n}", AssumeRolePolicyDocument=TRUST)["Role"]["RoleName"] for n in "ab"]
    iam.create_instance_profile(InstanceProfileName=name, Path="/p/", Tags=tags(a="1"))
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=roles[0])
    read = lambda: iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    known = twice(read)
    assert ([role["RoleName"] for role in known["Roles"]], known["Path"], known["Tags"]) == (roles[:1], "/p/", tags(a="1"))
    gone(iam.add_role_to_instance_profile, code="LimitExceeded", InstanceProfileName=name, RoleName=roles[1])
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=roles[0])
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=roles[1])
    iam.tag_instance_profile(InstanceProfileName=name, Tags=tags(a="2"))
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["b"])
    known = twice(read)
    assert ([role["RoleName"] for role in known["Roles"]], known["Tags"]) == (roles[1:], tags(a="2"))
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles_for_role(RoleName=roles[1])["InstanceProfiles"]] == [name]
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=roles[1])
    iam.delete_instance_profile(InstanceProfileName=name)
    gone(iam.get_instance_profile, InstanceProfileName=name)
    for role in roles:
        iam.delete_role(RoleName=role)


def test_identity_providers(iam, name):
    url, prints = f"{name}.example.com/x", ["a" * 40, "b" * 40]
    arn = iam.create_open_id_connect_provider(
        Url=f"https://{url}", ClientIDList=["one", "two"], ThumbprintList=prints, Tags=tags(a="1")
    )["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{url}"
    read = lambda: shown(iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn), "CreateDate")
    assert twice(read) == {"Url": url, "ClientIDList": ["one", "two"], "ThumbprintList": prints, "Tags": tags(a="1")}
    named = {"OpenIDConnectProviderArn": arn}
    iam.update_open_id_connect_provider_thumbprint(**named, ThumbprintList=["c" * 40])
    iam.add_client_id_to_open_id_connect_provider(**named, ClientID="three")
    iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="one")
    iam.tag_open_id_connect_provider(**named, Tags=tags(a="2"))
    known = twice(read)
    assert sorted(known.pop("ClientIDList")) == ["three", "two"]
    assert known == {"Url": url, "ThumbprintList": ["c" * 40], "Tags": tags(a="2")}
    iam.delete_open_id_connect_provider(**named)
    gone(iam.get_open_id_connect_provider, **named)


def test_accounts_have_a_password_policy_and_linked_roles(cloud, name):
    iam = cloud.client("iam", account="311111111111")
    wanted = {
        "MinimumPasswordLength": 12, "RequireSymbols": True, "RequireNumbers": True, "RequireUppercaseCharacters": True,
        "RequireLowercaseCharacters": True, "AllowUsersToChangePassword": True, "MaxPasswordAge": 90,
        "PasswordReusePrevention": 5, "HardExpiry": False,
    }
    iam.update_account_password_policy(**wanted)
    known = twice(lambda: iam.get_account_password_policy()["PasswordPolicy"])
    assert known == {**wanted, "ExpirePasswords": True}
    iam.delete_account_password_policy()
    gone(iam.get_account_password_policy)
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", Description="d")["Role"]
    assert twice(lambda: iam.get_role(RoleName=role["RoleName"])["Role"]["Description"]) == "d"
    iam.update_role_description(RoleName=role["RoleName"], Description="e")
    assert iam.get_role(RoleName=role["RoleName"])["Role"]["Description"] == "e"
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    gone(iam.get_role, RoleName=role["RoleName"])


def test_keys(kms):
    policy = document("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Resource="*")
    made = kms.create_key(
        BypassPolicyLockoutSafetyCheck=False, CustomerMasterKeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT",
        Description="A key", MultiRegion=False, Policy=policy, Tags=[{"TagKey": "a", "TagValue": "1"}],
    )["KeyMetadata"]
    key = made["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)

    def read():
        rotation = shown(kms.get_key_rotation_status(KeyId=key), "NextRotationDate")
        held = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        return kms.describe_key(KeyId=key)["KeyMetadata"], held, rotation, by_key(kms.list_resource_tags(KeyId=key)["Tags"])

    known, held, rotation, tagged = twice(read)
    assert {name: known[name] for name in made} == made
    assert (held, tagged) == (json.loads(policy), [{"TagKey": "a", "TagValue": "1"}])
    assert (rotation["KeyRotationEnabled"], rotation["RotationPeriodInDays"]) == (True, 180)

    kms.disable_key_rotation(KeyId=key)
    kms.update_key_description(KeyId=key, Description="Another")
    wider = json.loads(policy)
    wider["Statement"].append({**wider["Statement"][0], "Sid": "more", "Action": "kms:Decrypt"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(wider), BypassPolicyLockoutSafetyCheck=False)
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "b", "TagValue": ""}])
    kms.disable_key(KeyId=key)
    known, held, _, tagged = twice(read)
    assert (known["Description"], known["Enabled"], known["KeyState"]) == ("Another", False, "Disabled")
    assert (held, tagged) == (wider, [{"TagKey": "b", "TagValue": ""}])
    kms.enable_key(KeyId=key)
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    gone(kms.schedule_key_deletion, code="KMSInvalidStateException", KeyId=key, PendingWindowInDays=7)


def test_aliases_and_grants(kms, iam, name):
    keys = [kms.create_key()["KeyMetadata"] for _ in "ab"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    alias = f"alias/{name}"
    kms.create_alias(AliasName=alias, TargetKeyId=keys[0]["Arn"])

    def read():
        pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2})
        return [one for page in pages for one in page["Aliases"] if one["AliasName"] == alias]

    [known] = twice(read)
    assert known["AliasArn"] == f"arn:aws:kms:us-east-1:{ACCOUNT}:{alias}"
    assert known["TargetKeyId"] == keys[0]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=keys[1]["KeyId"])
    assert twice(read)[0]["TargetKeyId"] == keys[1]["KeyId"]
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == keys[1]["Arn"]
    kms.delete_alias(AliasName=alias)
    assert read() == []
    gone(kms.delete_alias, code="NotFoundException", AliasName=alias)

    wanted = {
        "Name": name, "GranteePrincipal": role, "RetiringPrincipal": role, "Operations": ["Decrypt", "Encrypt", "GenerateDataKey"],
        "Constraints": {"EncryptionContextSubset": {"team": "a"}},
    }
    made = kms.create_grant(KeyId=keys[0]["KeyId"], **wanted)
    assert made["GrantToken"]
    found = lambda: [one for one in kms.list_grants(KeyId=keys[0]["KeyId"], Limit=50)["Grants"] if one["GrantId"] == made["GrantId"]]
    [grant] = twice(found)
    assert {key: grant[key] for key in wanted} | {"Operations": sorted(grant["Operations"])} == wanted
    assert grant["KeyId"] == keys[0]["Arn"]
    kms.revoke_grant(GrantId=made["GrantId"], KeyId=keys[0]["KeyId"])
    assert found() == []
    gone(kms.revoke_grant, code="NotFoundException", GrantId=made["GrantId"], KeyId=keys[0]["KeyId"])
    iam.delete_role(RoleName=name)
    for key in keys:
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


def test_replicas_and_imported_keys(cloud, kms):
    primary = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.replicate_key(KeyId=primary["KeyId"], ReplicaRegion="eu-west-1", Description="r", Tags=[{"TagKey": "a", "TagValue": "1"}])
    abroad = cloud.client("kms", region="eu-west-1")
    known = twice(lambda: abroad.describe_key(KeyId=primary["KeyId"])["KeyMetadata"])
    assert (known["Description"], known["MultiRegionConfiguration"]["MultiRegionKeyType"]) == ("r", "REPLICA")
    assert known["MultiRegionConfiguration"]["PrimaryKey"]["Arn"] == primary["Arn"]
    assert abroad.list_resource_tags(KeyId=primary["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "1"}]
    abroad.schedule_key_deletion(KeyId=primary["KeyId"], PendingWindowInDays=7)
    empty = kms.create_key(Origin="EXTERNAL", Description="d")["KeyMetadata"]
    known = twice(lambda: kms.describe_key(KeyId=empty["KeyId"])["KeyMetadata"])
    assert (known["Origin"], known["KeyState"], known["Enabled"]) == ("EXTERNAL", "PendingImport", False)
    kms.schedule_key_deletion(KeyId=empty["KeyId"], PendingWindowInDays=7)
