"""Policies of resources after a kill: they mean whom they meant, not who has the name since."""

import json

from conftest import code

ACCOUNT = "000000000000"


def named(policy):
    return json.loads(policy)["Statement"][0]["Principal"]["AWS"]


def test_whom_policies_name_outlives_a_kill(own_cloud):
    cloud = own_cloud()
    who = cloud.client("iam").create_user(UserName="ann")["User"]
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}

    def letting(action, resource, *more):
        statement = {"Sid": "s", "Effect": "Allow", "Principal": {"AWS": who["Arn"]}, "Action": action, "Resource": resource}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement, *more]})

    queue = cloud.client("sqs").create_queue(QueueName="q", Attributes={"Policy": letting("sqs:SendMessage", "*")})["QueueUrl"]
    key = cloud.client("kms").create_key(Policy=letting("kms:Encrypt", "*", root))["KeyMetadata"]["KeyId"]
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    cloud.client("events").put_permission(Policy=letting("events:PutEvents", bus))
    cloud.client("logs").put_resource_policy(policyName="p", policyDocument=letting("logs:PutLogEvents", "*"))

    def shown():
        return [named(policy) for policy in (
            cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"],
            cloud.client("kms").get_key_policy(KeyId=key)["Policy"],
            cloud.client("events").describe_event_bus()["Policy"],
            cloud.client("logs").describe_resource_policies()["resourcePolicies"][0]["policyDocument"],
        )]

    cloud.kill()
    cloud.start()
    assert shown() == [who["Arn"]] * 4
    iam = cloud.client("iam")
    iam.delete_user(UserName="ann")
    iam.create_user(UserName="ann")
    cloud.kill()
    cloud.start()
    assert shown() == [who["UserId"]] * 4
    access = cloud.client("iam").create_access_key(UserName="ann")["AccessKey"]
    theirs = {"account": access["AccessKeyId"], "secret": access["SecretAccessKey"]}
    assert code(cloud.client("sqs", **theirs).send_message, QueueUrl=queue, MessageBody="x") == "AccessDenied"
    assert code(cloud.client("kms", **theirs).encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
