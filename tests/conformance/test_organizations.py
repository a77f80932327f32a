"""Organizations: accounts in a tree whose policies hold at the gate, at once."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import code, eventually


def deny(action):
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


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


def test_an_invited_account_joins_and_the_simulator_knows_what_limits_it(cloud):
    owner, guest = "300000000002", "300000000003"
    org, theirs = cloud.client("organizations", account=owner), cloud.client("organizations", account=guest)
    made = org.create_organization()["Organization"]
    target = {"Id": guest, "Type": "ACCOUNT"}
    assert code(theirs.list_handshakes_for_organization) == "AWSOrganizationsNotInUseException"
    first = org.invite_account_to_organization(Target=target)["Handshake"]["Id"]
    assert org.cancel_handshake(HandshakeId=first)["Handshake"]["State"] == "CANCELED"
    second = org.invite_account_to_organization(Target=target)["Handshake"]["Id"]
    assert theirs.decline_handshake(HandshakeId=second)["Handshake"]["State"] == "DECLINED"
    invited = org.invite_account_to_organization(Target=target, Notes="come")["Handshake"]
    assert invited["Arn"] == f"arn:aws:organizations::{owner}:handshake/{made['Id']}/invite/{invited['Id']}"
    assert {"Type": "NOTES", "Value": "come"} in invited["Resources"]
    assert theirs.describe_handshake(HandshakeId=invited["Id"])["Handshake"] == invited
    assert theirs.accept_handshake(HandshakeId=invited["Id"])["Handshake"]["State"] == "ACCEPTED"
    states = {one["Id"]: one["State"] for one in theirs.list_handshakes_for_account()["Handshakes"]}
    assert states == {first: "CANCELED", second: "DECLINED", invited["Id"]: "ACCEPTED"}
    assert len(org.list_handshakes_for_organization(Filter={"ActionType": "INVITE"})["Handshakes"]) == 3
    assert theirs.describe_organization()["Organization"]["MasterAccountId"] == owner

    iam = cloud.client("iam", account=guest)
    user = iam.create_user(UserName="kim")["User"]["Arn"]
    every = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    iam.put_user_policy(UserName="kim", PolicyName="all", PolicyDocument=every)
    policy = org.create_policy(Content=deny("sqs:*"), Description="", Name="p", Type="SERVICE_CONTROL_POLICY")
    policy = policy["Policy"]["PolicySummary"]["Id"]
    org.attach_policy(PolicyId=policy, TargetId=guest)
    told = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=["sqs:SendMessage", "s3:GetObject"])
    told = {one["EvalActionName"]: one for one in told["EvaluationResults"]}
    denied, allowed = told["sqs:SendMessage"], told["s3:GetObject"]
    assert (denied["EvalDecision"], denied["OrganizationsDecisionDetail"]) == ("explicitDeny", {"AllowedByOrganizations": False})
    assert (allowed["EvalDecision"], allowed["OrganizationsDecisionDetail"]) == ("allowed", {"AllowedByOrganizations": True})
    with pytest.raises(ClientError):
        cloud.client("sqs", account=guest).list_queues()
    theirs.leave_organization()
    assert cloud.client("sqs", account=guest).list_queues()
    told = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=["sqs:SendMessage"])["EvaluationResults"][0]
    assert told["EvalDecision"] == "allowed" and "OrganizationsDecisionDetail" not in told
    org.delete_policy(PolicyId=policy)
    org.delete_organization()
    iam.delete_user_policy(UserName="kim", PolicyName="all")
    iam.delete_user(UserName="kim")
