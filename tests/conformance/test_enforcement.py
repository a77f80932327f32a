"""Identity is enforced: a user may what its policies allow, and nothing else, in every service."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]


def allow(actions, resources="*", effect="Allow", **more):
    statement = {"Effect": effect, "Action": actions, "Resource": resources, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def user(cloud):
    """A user without any permission, and clients that sign with its key."""
    iam = cloud.client("iam")
    name = f"kim-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    class User:
        arn = iam.get_user(UserName=name)["User"]["Arn"]

        def client(self, service):
            return cloud.client(service, account=key["AccessKeyId"], secret=key["SecretAccessKey"])

        def put(self, policy):
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)

        def deactivate(self):
            iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")

    yield User()
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_a_user_knows_who_it_is_and_may_nothing_else(cloud, user):
    me = user.client("sts").get_caller_identity()
    assert me["Arn"] == user.arn
    assert me["UserId"].startswith("AIDA")
    denied = refusal(user.client("sqs").list_queues)
    assert denied["Code"] == "AccessDenied"
    assert denied["Message"] == (
        f"User: {user.arn} is not authorized to perform: sqs:ListQueues "
        "because no identity-based policy allows the sqs:ListQueues action"
    )
    sealed = refusal(user.client("ec2").describe_vpcs)
    assert sealed["Code"] == "UnauthorizedOperation"
    message = sealed["Message"].rsplit("Encoded authorization failure message: ", 1)[1]
    assert refusal(user.client("sts").decode_authorization_message, EncodedMessage=message)["Code"] == "AccessDenied"
    told = json.loads(cloud.client("sts").decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert (told["allowed"], told["context"]["action"]) == (False, "ec2:DescribeVpcs")
    assert told["context"]["principal"]["arn"] == user.arn
    assert refusal(user.client("iam").list_users)["Code"] == "AccessDenied"
    assert refusal(user.client("kms").list_keys)["Code"] == "AccessDeniedException"


def test_a_policy_allows_what_it_names(cloud, user):
    mine, other = (cloud.client("sqs").create_queue(QueueName=f"{n}-{uuid.uuid4().hex}")["QueueUrl"] for n in "ab")
    arn = cloud.client("sqs").get_queue_attributes(QueueUrl=mine, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    user.put(allow("sqs:SendMessage", arn))
    sqs = user.client("sqs")
    assert sqs.send_message(QueueUrl=mine, MessageBody="x")["MessageId"]
    assert refusal(sqs.send_message, QueueUrl=other, MessageBody="x")["Code"] == "AccessDenied"
    assert refusal(sqs.receive_message, QueueUrl=mine)["Code"] == "AccessDenied"
    user.put(allow("sqs:SendMessage", arn, effect="Deny"))
    denied = refusal(sqs.send_message, QueueUrl=mine, MessageBody="x")
    assert denied["Message"].endswith("with an explicit deny in an identity-based policy")


def test_variables_and_conditions_decide(cloud, user):
    name = user.arn.rsplit("/", 1)[1]
    own = cloud.client("sqs").create_queue(QueueName=f"{name}-inbox")["QueueUrl"]
    user.put(allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}-*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    assert user.client("sqs").send_message(QueueUrl=own, MessageBody="x")["MessageId"]
    user.put(allow("sqs:*", "*", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    assert refusal(user.client("sqs").send_message, QueueUrl=own, MessageBody="x")["Code"] == "AccessDenied"


def test_a_key_that_is_off_opens_nothing(user):
    user.deactivate()
    assert refusal(user.client("sts").get_caller_identity)["Code"] == "InvalidClientTokenId"


def test_a_boundary_bounds(cloud, user):
    iam = cloud.client("iam")
    name = user.arn.rsplit("/", 1)[1]
    boundary = iam.create_policy(PolicyName=f"b-{name}", PolicyDocument=allow("sqs:*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    user.put(allow(["sqs:ListQueues", "iam:ListUsers"]))
    user.client("sqs").list_queues()
    denied = refusal(user.client("iam").list_users)
    assert "because no permissions boundary allows the iam:ListUsers action" in denied["Message"]
    iam.delete_user_permissions_boundary(UserName=name)
    iam.delete_policy(PolicyArn=boundary)


def test_policies_of_aws_are_known_by_name_and_hold(cloud, user):
    iam, name = cloud.client("iam"), user.arn.rsplit("/", 1)[1]
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 50})
    known = {policy["PolicyName"]: policy for page in pages for policy in page["Policies"]}
    assert len(known) > 200
    for path, policy in [
        ("", "ReadOnlyAccess"),
        ("", "AmazonSQSReadOnlyAccess"),
        ("", "IAMReadOnlyAccess"),
        ("", "AmazonEC2ReadOnlyAccess"),
        ("", "AmazonSSMManagedInstanceCore"),
        ("service-role/", "AWSLambdaVPCAccessExecutionRole"),
        ("service-role/", "AmazonECSTaskExecutionRolePolicy"),
        ("service-role/", "AmazonEC2ContainerServiceforEC2Role"),
        ("service-role/", "AutoScalingNotificationAccessRole"),
        ("job-function/", "ViewOnlyAccess"),
    ]:
        arn = f"arn:aws:iam::aws:policy/{path}{policy}"
        assert known[policy]["Arn"] == arn and known[policy]["IsAttachable"]
        found = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
        assert version["IsDefaultVersion"] and version["Document"]["Statement"]
    queue = f"known-{uuid.uuid4().hex}"
    url = cloud.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    arn = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    try:
        sqs = user.client("sqs")
        assert sqs.get_queue_url(QueueName=queue)["QueueUrl"] == url
        assert refusal(sqs.send_message, QueueUrl=url, MessageBody="x")["Code"] == "AccessDenied"
        told = iam.get_account_authorization_details(Filter=["AWSManagedPolicy"])["Policies"]
        assert "AmazonSQSReadOnlyAccess" in [policy["PolicyName"] for policy in told]
        assert "AmazonSQSFullAccess" not in [policy["PolicyName"] for policy in told]
    finally:
        iam.detach_user_policy(UserName=name, PolicyArn=arn)
        cloud.client("sqs").delete_queue(QueueUrl=url)


# A call of each service, and what the service authorization reference calls its action.
ACTIONS = [
    ("acm", "list_certificates", {}, "acm:ListCertificates"),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ec2"}, "application-autoscaling:DescribeScalableTargets"),
    ("autoscaling", "describe_policies", {}, "autoscaling:DescribePolicies"),
    ("cloudwatch", "list_metrics", {}, "cloudwatch:ListMetrics"),
    ("ec2", "describe_vpcs", {}, "ec2:DescribeVpcs"),
    ("elb", "describe_load_balancers", {}, "elasticloadbalancing:DescribeLoadBalancers"),
    ("elbv2", "describe_load_balancers", {}, "elasticloadbalancing:DescribeLoadBalancers"),
    ("events", "list_rules", {}, "events:ListRules"),
    ("glacier", "list_vaults", {}, "glacier:ListVaults"),
    ("iam", "list_users", {}, "iam:ListUsers"),
    ("kms", "list_keys", {}, "kms:ListKeys"),
    ("logs", "describe_log_groups", {}, "logs:DescribeLogGroups"),
    ("s3", "list_buckets", {}, "s3:ListAllMyBuckets"),
    ("savingsplans", "describe_savings_plans", {}, "savingsplans:DescribeSavingsPlans"),
    ("scheduler", "list_schedules", {}, "scheduler:ListSchedules"),
    ("sqs", "list_queues", {}, "sqs:ListQueues"),
]


def test_actions_are_called_as_they_are_documented(user):
    denials = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
    for service, call, params, action in ACTIONS:
        user.put(allow("sts:GetCallerIdentity"))
        assert refusal(getattr(user.client(service), call), **params)["Code"] in denials, action
        user.put(allow(action))
        getattr(user.client(service), call)(**params)


def test_tags_of_alarms_decide(cloud, user):
    everybody, name = cloud.client("cloudwatch"), f"a-{uuid.uuid4().hex}"
    alarm = dict(MetricName="m", Namespace="n", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0)
    everybody.put_metric_alarm(AlarmName=name, ComparisonOperator="GreaterThanThreshold", Tags=[{"Key": "team", "Value": "red"}], **alarm)
    own = lambda team: {"Condition": {"StringEquals": {"aws:ResourceTag/team": team}}}
    user.put(allow("cloudwatch:DeleteAlarms", **own("blue")))
    assert refusal(user.client("cloudwatch").delete_alarms, AlarmNames=[name])["Code"] == "AccessDenied"
    user.put(allow("cloudwatch:DeleteAlarms", **own("red")))
    user.client("cloudwatch").delete_alarms(AlarmNames=[name])
    assert not everybody.describe_alarms(AlarmNames=[name])["MetricAlarms"]


def test_policies_may_ask_what_an_alarm_would_do(user):
    stops = {"ForAnyValue:StringLike": {"cloudwatch:AlarmActions": "arn:aws:automate:*"}}
    statements = [json.loads(allow("cloudwatch:*")), json.loads(allow("cloudwatch:PutMetricAlarm", effect="Deny", Condition=stops))]
    user.put(json.dumps({"Version": "2012-10-17", "Statement": [one["Statement"][0] for one in statements]}))
    cloudwatch = user.client("cloudwatch")
    order = dict(
        AlarmName=f"a-{uuid.uuid4().hex[:8]}", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", Dimensions=[{"Name": "InstanceId", "Value": "i-1"}],
    )
    stop = ["arn:aws:automate:us-east-1:ec2:stop"]
    assert refusal(cloudwatch.put_metric_alarm, AlarmActions=stop, **order)["Code"] == "AccessDenied"
    assert refusal(cloudwatch.put_metric_alarm, OKActions=stop, **order)["Code"] == "AccessDenied"
    cloudwatch.put_metric_alarm(**order)
    cloudwatch.delete_alarms(AlarmNames=[order["AlarmName"]])
