"""Organizations: accounts in a tree whose policies hold at the gate, at once."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import eventually


def deny(action):
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def code(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]["Code"]


def make_account(org, name):
    request = org.create_account(Email=f"{name}@example.org", AccountName=name)["CreateAccountStatus"]["Id"]

    def made():
        status = org.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]
        return status.get("AccountId")

    return eventually(made, "the account is made")


def test_an_organization_limits_its_members(cloud):
    org = cloud.client("organizations", account="300000000001")
    made = org.create_organization(FeatureSet="ALL")["Organization"]
    assert made["FeatureSet"] == "ALL"
    root = org.list_roots()["Roots"][0]
    assert root["PolicyTypes"] == [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
    unit = org.create_organizational_unit(ParentId=root["Id"], Name="locked")["OrganizationalUnit"]["Id"]
    account = make_account(org, "member")
    org.move_account(AccountId=account, SourceParentId=root["Id"], DestinationParentId=unit)
    assert org.list_parents(ChildId=account)["Parents"] == [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]
    assert [a["Id"] for a in org.list_accounts_for_parent(ParentId=unit)["Accounts"]] == [account]
    policy = org.create_policy(
        Content=deny("sqs:CreateQueue"), Description="none", Name="no-queues", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]
    org.attach_policy(PolicyId=policy["Id"], TargetId=unit)
    sqs = cloud.client("sqs", account=account)
    with pytest.raises(ClientError) as refused:
        sqs.create_queue(QueueName="q")
    assert "explicit deny in a service control policy" in refused.value.response["Error"]["Message"]
    cloud.client("sqs", account="300000000001").create_queue(QueueName="mine")
    targets = org.list_targets_for_policy(PolicyId=policy["Id"])["Targets"]
    assert [(target["TargetId"], target["Type"]) for target in targets] == [(unit, "ORGANIZATIONAL_UNIT")]
    listed = org.list_policies_for_target(TargetId=unit, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {one["Name"] for one in listed} == {"FullAWSAccess", "no-queues"}
    assert code(org.delete_policy, PolicyId=policy["Id"]) == "PolicyInUseException"
    org.detach_policy(PolicyId=policy["Id"], TargetId=unit)
    sqs.create_queue(QueueName="q")
    org.delete_policy(PolicyId=policy["Id"])
    assert code(org.delete_organizational_unit, OrganizationalUnitId=unit) == "OrganizationalUnitNotEmptyException"
    org.tag_resource(ResourceId=account, Tags=[{"Key": "team", "Value": "red"}])
    assert org.list_tags_for_resource(ResourceId=account)["Tags"] == [{"Key": "team", "Value": "red"}]
    org.untag_resource(ResourceId=account, TagKeys=["team"])
    org.remove_account_from_organization(AccountId=account)
    org.delete_organizational_unit(OrganizationalUnitId=unit)
    org.delete_organization()
    assert code(org.describe_organization) == "AWSOrganizationsNotInUseException"
