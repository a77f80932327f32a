"""Identities with a real client: users, keys, groups, roles, policies, MFA devices, providers, the account."""

import base64
import hashlib
import hmac
import json
import struct
import time

import pytest
from botocore.exceptions import ClientError
from walk_inputs import SAML_METADATA, certificate

ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ACCOUNTS = iter(range(700000000000, 700000001000))


@pytest.fixture
def iam(cloud):
    """An account of the test's own."""
    return cloud.client("iam", account=str(next(ACCOUNTS)))


def refused(call, **arguments):
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    error = refusal.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_a_user_from_beginning_to_end(iam):
    user = iam.create_user(UserName="kim", Path="/team/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert user["Arn"].endswith(":user/team/kim")
    assert refused(iam.create_user, UserName="kim") == (
        "EntityAlreadyExists",
        "User with name kim already exists.",
        409,
    )
    assert iam.get_user(UserName="kim")["User"]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert iam.get_user()["User"]["Arn"].endswith(":root")
    iam.tag_user(UserName="kim", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_user(UserName="kim", TagKeys=["a"])
    assert iam.list_user_tags(UserName="kim")["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.update_user(UserName="kim", NewUserName="sam")
    assert [one["UserName"] for one in iam.list_users(PathPrefix="/team/")["Users"]] == ["sam"]
    iam.delete_user(UserName="sam")
    assert refused(iam.get_user, UserName="sam") == (
        "NoSuchEntity",
        "The user with name sam cannot be found.",
        404,
    )
    code, message, _ = refused(iam.create_user, UserName="a b")
    assert code == "ValidationError"
    assert message.startswith("1 validation error detected: ")


def test_lists_come_in_pages(iam):
    for number in range(7):
        iam.create_user(UserName=f"u{number}")
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert refused(iam.list_users, Marker="nonsense")[:2] == ("ValidationError", "Invalid Marker.")


def test_access_keys(iam):
    iam.create_user(UserName="kim")
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA")
    iam.update_access_key(UserName="kim", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert iam.list_access_keys(UserName="kim")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    last = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert last["UserName"] == "kim"
    assert last["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    iam.create_access_key(UserName="kim")
    assert refused(iam.create_access_key, UserName="kim")[:2] == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    iam.delete_access_key(UserName="kim", AccessKeyId=key["AccessKeyId"])


def test_groups(iam):
    iam.create_user(UserName="kim")
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="kim")
    iam.put_group_policy(GroupName="ops", PolicyName="p", PolicyDocument=ALLOW)
    assert iam.get_group_policy(GroupName="ops", PolicyName="p")["PolicyDocument"] == json.loads(ALLOW)
    assert iam.list_group_policies(GroupName="ops")["PolicyNames"] == ["p"]
    iam.delete_group_policy(GroupName="ops", PolicyName="p")
    iam.attach_group_policy(GroupName="ops", PolicyArn=ADMIN)
    assert len(iam.list_attached_group_policies(GroupName="ops")["AttachedPolicies"]) == 1
    iam.detach_group_policy(GroupName="ops", PolicyArn=ADMIN)
    iam.update_group(GroupName="ops", NewGroupName="dev")
    assert iam.get_group(GroupName="dev")["Users"][0]["UserName"] == "kim"
    assert [one["GroupName"] for one in iam.list_groups()["Groups"]] == ["dev"]
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName="kim")["Groups"]] == ["dev"]
    iam.remove_user_from_group(GroupName="dev", UserName="kim")
    iam.delete_group(GroupName="dev")


def test_roles_and_instance_profiles(iam):
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.update_role(RoleName="r", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="r", Description="d")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=TRUST)
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["MaxSessionDuration"], role["Description"], role["RoleLastUsed"]) == (7200, "d", {})
    assert len(iam.list_roles()["Roles"]) == 1
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_role_tags(RoleName="r")["Tags"]) == 1
    iam.untag_role(RoleName="r", TagKeys=["a"])
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=ALLOW)
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName="r", PolicyName="p")["RoleName"] == "r"
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.attach_role_policy(RoleName="r", PolicyArn=ADMIN)
    assert len(iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]) == 1
    iam.detach_role_policy(RoleName="r", PolicyArn=ADMIN)
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=ADMIN)
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    assert iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Roles"][0]["RoleName"] == "r"
    assert len(iam.list_instance_profiles()["InstanceProfiles"]) == 1
    assert len(iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"]) == 1
    iam.tag_instance_profile(InstanceProfileName="p", Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_instance_profile_tags(InstanceProfileName="p")["Tags"]) == 1
    iam.untag_instance_profile(InstanceProfileName="p", TagKeys=["a"])
    assert refused(iam.delete_role, RoleName="r")[0] == "DeleteConflict"
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="p")
    iam.delete_role(RoleName="r")


def test_managed_policies(iam):
    iam.create_user(UserName="kim")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)["Policy"]["Arn"]
    assert refused(iam.create_policy, PolicyName="q", PolicyDocument="{}")[0] == "MalformedPolicyDocument"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=True)
    assert [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(ALLOW)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_policy_tags(PolicyArn=arn)["Tags"]) == 1
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    iam.attach_user_policy(UserName="kim", PolicyArn=arn)
    assert iam.list_attached_user_policies(UserName="kim")["AttachedPolicies"][0]["PolicyName"] == "p"
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "kim"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.detach_user_policy(UserName="kim", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="kim", PermissionsBoundary=arn)
    iam.delete_user_permissions_boundary(UserName="kim")
    iam.put_user_policy(UserName="kim", PolicyName="i", PolicyDocument=ALLOW)
    assert iam.list_user_policies(UserName="kim")["PolicyNames"] == ["i"]
    assert iam.get_user_policy(UserName="kim", PolicyName="i")["PolicyDocument"] == json.loads(ALLOW)
    iam.delete_user_policy(UserName="kim", PolicyName="i")
    iam.delete_policy(PolicyArn=arn)
    assert ADMIN in [one["Arn"] for one in iam.list_policies(Scope="AWS")["Policies"]]


def test_the_account(iam):
    alias = f"alias-{time.time_ns()}"
    iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    iam.delete_account_alias(AccountAlias=alias)
    iam.update_account_password_policy(RequireSymbols=True)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 6
    iam.create_user(UserName="kim")
    assert refused(iam.create_login_profile, UserName="kim", Password="simple")[0] == "PasswordPolicyViolation"
    iam.create_login_profile(UserName="kim", Password="simple!")
    iam.update_login_profile(UserName="kim", Password="other!", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName="kim")["LoginProfile"]["PasswordResetRequired"]
    assert refused(iam.change_password, OldPassword="a", NewPassword="b")[0] == "AccessDenied"
    iam.delete_login_profile(UserName="kim")
    iam.delete_account_password_policy()
    assert iam.get_account_summary()["SummaryMap"]["Users"] == 1
    assert iam.get_account_authorization_details(Filter=["User"])["UserDetailList"][0]["UserName"] == "kim"
    assert refused(iam.get_credential_report)[0] == "ReportNotPresent"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert b"kim,arn:aws:iam::" in iam.get_credential_report()["Content"]


def code(seed, step):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    word = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{word % 1_000_000:06}"


def test_mfa_devices(iam):
    iam.create_user(UserName="kim")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    serial, seed, step = device["SerialNumber"], device["Base32StringSeed"], int(time.time()) // 30
    codes = {"AuthenticationCode1": code(seed, step), "AuthenticationCode2": code(seed, step + 1)}
    iam.enable_mfa_device(UserName="kim", SerialNumber=serial, **codes)
    again = refused(iam.resync_mfa_device, UserName="kim", SerialNumber=serial, **codes)
    assert (again[0], again[2]) == ("InvalidAuthenticationCode", 403)
    assert iam.list_mfa_devices(UserName="kim")["MFADevices"][0]["SerialNumber"] == serial
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == "kim"
    assert len(iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]) == 1
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_mfa_device_tags(SerialNumber=serial)["Tags"]) == 1
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["a"])
    iam.deactivate_mfa_device(UserName="kim", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)


def test_identity_providers(iam):
    made = iam.create_open_id_connect_provider(Url="https://id.example.com", ThumbprintList=["a" * 40])
    arn = made["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (shown["ClientIDList"], shown["ThumbprintList"]) == (["b"], ["b" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"]) == 1
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["a"])
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_simulation(iam):
    actions = ["s3:GetObject", "sqs:SendMessage"]
    answer = iam.simulate_custom_policy(PolicyInputList=[ALLOW], ActionNames=actions)
    assert [one["EvalDecision"] for one in answer["EvaluationResults"]] == ["allowed", "implicitDeny"]
    arn = iam.create_user(UserName="kim")["User"]["Arn"]
    keyed = json.loads(ALLOW)
    keyed["Statement"][0]["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    iam.put_user_policy(UserName="kim", PolicyName="p", PolicyDocument=json.dumps(keyed))
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions)
    assert answer["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
    assert answer["EvaluationResults"][0]["MissingContextValues"] == ["aws:SecureTransport"]
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"]
    assert keys == ["aws:SecureTransport"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[ALLOW])["ContextKeyNames"] == []


def test_simulations_are_told_as_documented(iam):
    """One result for an action, the strictest; resources one by one; boundary and the two sides of a crossing apart."""
    arn = iam.create_user(UserName="sim")["User"]["Arn"]
    mine, theirs = (f"arn:aws:s3:us-east-1:{account}:accesspoint/a" for account in (arn.split(":")[4], "111122223333"))
    iam.put_user_policy(UserName="sim", PolicyName="p", PolicyDocument=ALLOW)
    ask = lambda **more: iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject"], **more)["EvaluationResults"]
    [told] = ask(ResourceArns=[mine, theirs])
    assert (told["EvalDecision"], told["EvalResourceName"]) == ("implicitDeny", theirs)
    assert told["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "implicitDeny"}
    each = {one["EvalResourceName"]: one for one in told["ResourceSpecificResults"]}
    assert (each[mine]["EvalResourceDecision"], each[theirs]["EvalResourceDecision"]) == ("allowed", "implicitDeny")
    assert each[mine]["MatchedStatements"][0]["SourcePolicyId"] == "user_sim_p"
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": "*"}
    resource = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    [told] = ask(ResourceArns=[theirs], ResourcePolicy=resource)
    assert (told["EvalDecision"], told["EvalDecisionDetails"]["Resource Policy"]) == ("allowed", "allowed")
    [told] = ask()
    assert "EvalDecisionDetails" not in told and "ResourceSpecificResults" not in told
    [told] = ask(PermissionsBoundaryPolicyInputList=[ALLOW.replace("s3:", "sqs:")])
    assert told["EvalDecision"] == "implicitDeny"
    assert told["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert refused(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"], PermissionsBoundaryPolicyInputList=[ALLOW, ALLOW])[0] == "InvalidInput"
    iam.delete_user_policy(UserName="sim", PolicyName="p")
    iam.delete_user(UserName="sim")


def test_saml_providers(iam):
    arn = iam.create_saml_provider(Name="corp", SAMLMetadataDocument=SAML_METADATA)["SAMLProviderArn"]
    assert refused(iam.create_saml_provider, Name="corp", SAMLMetadataDocument=SAML_METADATA)[0] == "EntityAlreadyExists"
    nonsense = refused(iam.update_saml_provider, SAMLProviderArn=arn, SAMLMetadataDocument="x" * 1000)
    assert nonsense[:2] == ("InvalidInput", "Could not parse metadata")
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=SAML_METADATA)
    assert iam.get_saml_provider(SAMLProviderArn=arn)["SAMLMetadataDocument"] == SAML_METADATA
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"]) == 1
    iam.untag_saml_provider(SAMLProviderArn=arn, TagKeys=["a"])
    assert [one["Arn"] for one in iam.list_saml_providers()["SAMLProviderList"]] == [arn]
    iam.delete_saml_provider(SAMLProviderArn=arn)


def test_server_certificates(iam):
    (own, key), (_, other) = certificate(), certificate()
    web = {"ServerCertificateName": "web", "CertificateBody": own}
    assert refused(iam.upload_server_certificate, **web, PrivateKey=other)[0] == "KeyPairMismatch"
    made = iam.upload_server_certificate(**web, PrivateKey=key)["ServerCertificateMetadata"]
    assert made["Expiration"] > made["UploadDate"]
    iam.tag_server_certificate(ServerCertificateName="web", Tags=[{"Key": "a", "Value": "1"}])
    assert len(iam.list_server_certificate_tags(ServerCertificateName="web")["Tags"]) == 1
    iam.untag_server_certificate(ServerCertificateName="web", TagKeys=["a"])
    iam.update_server_certificate(ServerCertificateName="web", NewServerCertificateName="www")
    shown = iam.get_server_certificate(ServerCertificateName="www")["ServerCertificate"]
    assert shown["CertificateBody"].strip() == own.strip()
    assert len(iam.list_server_certificates()["ServerCertificateMetadataList"]) == 1
    iam.delete_server_certificate(ServerCertificateName="www")


def test_service_linked_roles(iam):
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_x")
    protected = refused(iam.attach_role_policy, RoleName=role["RoleName"], PolicyArn=ADMIN)
    assert protected[0] == "UnmodifiableEntity"
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_what_was_used_is_known(cloud, iam):
    arn = iam.create_user(UserName="kim")["User"]["Arn"]
    iam.put_user_policy(UserName="kim", PolicyName="p", PolicyDocument=ALLOW.replace("s3:", "sqs:"))
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    cloud.client("sqs", account=key["AccessKeyId"], secret=key["SecretAccessKey"], region="eu-west-1").list_queues()
    last = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert (last["ServiceName"], last["Region"]) == ("sqs", "eu-west-1")
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    (service,) = iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    assert (service["ServiceNamespace"], service["LastAuthenticatedEntity"]) == ("sqs", arn)
    assert service["TrackedActionsLastAccessed"][0]["ActionName"] == "ListQueues"
    with_entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="sqs")
    assert with_entities["EntityDetailsList"][0]["EntityInfo"]["Name"] == "kim"
    granting = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["sqs"])
    assert granting["PoliciesGrantingServiceAccess"][0]["Policies"][0]["PolicyName"] == "p"
