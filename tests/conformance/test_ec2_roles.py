"""Roles of instances, and launch templates, as boto3 and a guest with curl see them."""

import json
import uuid

import pytest
from conftest import code, eventually, needs_root

HOST = [{"Name": "name", "Values": ["host"]}]

ASK = """#!/bin/sh
base=http://169.254.169.254/latest
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/api/token)
get() { curl -s -H "X-aws-ec2-metadata-token: $token" $base/meta-data/iam/$1; }
role=$(get security-credentials/)
echo "INFO $(get info | tr -d '\\n')"
echo "CREDENTIALS $(get security-credentials/$role | tr -d '\\n') END"
"""


@pytest.fixture
def image(ec2):
    return ec2.describe_images(Filters=HOST)["Images"][0]["ImageId"]


@pytest.fixture
def profile(cloud):
    """A role that may list queues, in a profile of the same name."""
    iam = cloud.client("iam")
    name = f"web-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    document = lambda statement: json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(may))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    yield name
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def end(ec2, instance):
    ec2.terminate_instances(InstanceIds=[instance])
    state = lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually(lambda: state() == "terminated", "it ends")


@needs_root
def test_a_guest_gets_credentials_that_let_it_in_where_its_role_may_and_nowhere_else(cloud, ec2, image, profile):
    made = ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=ASK, IamInstanceProfile={"Name": profile}
    )["Instances"][0]
    instance = made["InstanceId"]
    try:
        console = lambda: ec2.get_console_output(InstanceId=instance).get("Output", "")
        text = eventually(lambda: (said := console()) and " END" in said and said, "the guest asks")
        told = json.loads(text.split("CREDENTIALS ")[1].split(" END")[0])
        info = json.loads(text.split("INFO ")[1].splitlines()[0])
        assert info["InstanceProfileArn"] == made["IamInstanceProfile"]["Arn"]
        assert told["Code"] == "Success"
        held = {"account": told["AccessKeyId"], "secret": told["SecretAccessKey"], "aws_session_token": told["Token"]}
        me = cloud.client("sts", **held).get_caller_identity()
        assert me["Arn"].endswith(f":assumed-role/{profile}/{instance}")
        cloud.client("sqs", **held).list_queues()
        assert code(cloud.client("sqs", **held).create_queue, QueueName="q") == "AccessDenied"
        assert code(cloud.client("ec2", **held).describe_vpcs) == "UnauthorizedOperation"
        assert code(cloud.client("iam", **held).list_users) == "AccessDenied"
        broken = {**held, "aws_session_token": told["Token"][:-8] + "AAAAAAA="}
        assert code(cloud.client("sqs", **broken).list_queues) in ("InvalidClientTokenId", "InvalidToken")
        associations(ec2, instance, profile)
    finally:
        end(ec2, instance)


def associations(ec2, instance, profile):
    of_it = [{"Name": "instance-id", "Values": [instance]}]
    describe = lambda: ec2.describe_iam_instance_profile_associations(Filters=of_it)["IamInstanceProfileAssociations"]
    first = describe()[0]["AssociationId"]
    again = ec2.replace_iam_instance_profile_association(AssociationId=first, IamInstanceProfile={"Name": profile})
    second = again["IamInstanceProfileAssociation"]["AssociationId"]
    assert first != second
    ec2.disassociate_iam_instance_profile(AssociationId=second)
    assert describe() == []
    given = ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": profile})
    assert given["IamInstanceProfileAssociation"]["InstanceId"] == instance
    none = {"Name": f"none-{uuid.uuid4().hex[:8]}"}
    third = given["IamInstanceProfileAssociation"]["AssociationId"]
    replace = ec2.replace_iam_instance_profile_association
    assert code(replace, AssociationId=third, IamInstanceProfile=none) == "InvalidParameterValue"


def test_launch_templates_have_versions(ec2, image):
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"})
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    try:
        second = ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
        )["LaunchTemplateVersion"]
        assert second["LaunchTemplateData"] == {"ImageId": image, "InstanceType": "t3.small"}
        ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
        shown = ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"][0]
        assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
        assert [version["VersionNumber"] for version in versions] == [2, 1]
        gone = ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1"])
        assert len(gone["SuccessfullyDeletedLaunchTemplateVersions"]) == 1
        dry = {"LaunchTemplate": {"LaunchTemplateName": name}, "MinCount": 1, "MaxCount": 1, "DryRun": True}
        assert code(ec2.run_instances, **dry) == "DryRunOperation"
        dry["LaunchTemplate"]["Version"] = "1"
        assert code(ec2.run_instances, **dry) == "InvalidLaunchTemplateId.VersionNotFound"
    finally:
        ec2.delete_launch_template(LaunchTemplateId=template)
    assert code(ec2.describe_launch_templates, LaunchTemplateNames=[name]) == "InvalidLaunchTemplateName.NotFoundException"
    assert code(ec2.get_launch_template_data, InstanceId="i-0123456789abcdef0") == "InvalidInstanceID.NotFound"
