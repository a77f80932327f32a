"""Replication: versions, markers, tags and parts go where rules send them, in a role that is asked at the gate."""

import json
import uuid

import pytest

from conftest import eventually
from s3_kit import code, remove, s3  # noqa: F401
from test_s3_notices import make_queue, tell, told

OTHER = "222222222222"


def make_bucket(client, region=None, lock=False):
    name = f"r-{uuid.uuid4().hex}"
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
    client.create_bucket(Bucket=name, **where)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def make_role(iam, allowed):
    name = f"repl-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return name, role["Role"]["Arn"]


ALL = [
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
]


@pytest.fixture
def role(cloud):
    iam = cloud.client("iam")
    name, arn = make_role(iam, ALL)
    yield arn
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


@pytest.fixture
def pair(s3):
    names = [make_bucket(s3), make_bucket(s3)]
    yield names
    for name in names:
        remove(s3, name)


def rule(to, prefix="", priority=1, markers="Enabled", **more):
    return {
        "ID": f"rule{priority}",
        "Priority": priority,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "DeleteMarkerReplication": {"Status": markers},
        "Destination": {"Bucket": f"arn:aws:s3:::{to}", **more},
    }


def replicate(s3, bucket, role, *rules):
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": list(rules)})


def status(s3, bucket, key, **more):
    return s3.head_object(Bucket=bucket, Key=key, **more).get("ReplicationStatus")


def arrives(s3, bucket, key, wanted="COMPLETED", **more):
    eventually(lambda: status(s3, bucket, key, **more) == wanted, f"{key} is {wanted}")


def test_what_is_configured_is_shown_and_checked(s3, pair, role):
    a, b = pair
    assert code(s3.get_bucket_replication, Bucket=a) == ("ReplicationConfigurationNotFoundError", 404)
    given = {"Role": role, "Rules": [rule(b, "in/", StorageClass="STANDARD_IA")]}
    s3.put_bucket_replication(Bucket=a, ReplicationConfiguration=given)
    assert s3.get_bucket_replication(Bucket=a)["ReplicationConfiguration"] == given
    suspend = {"Bucket": a, "VersioningConfiguration": {"Status": "Suspended"}}
    assert code(s3.put_bucket_versioning, **suspend) == ("InvalidBucketState", 409)
    s3.delete_bucket_replication(Bucket=a)
    s3.put_bucket_versioning(**suspend)
    config = {"Bucket": a, "ReplicationConfiguration": given}
    assert code(s3.put_bucket_replication, **config) == ("InvalidRequest", 400)
    s3.put_bucket_versioning(Bucket=a, VersioningConfiguration={"Status": "Enabled"})
    for bad in (rule(a), rule("nobody-has-this-bucket")):
        config = {"Bucket": a, "ReplicationConfiguration": {"Role": role, "Rules": [bad]}}
        assert code(s3.put_bucket_replication, **config) == ("InvalidRequest", 400)
    timed = rule(b, Metrics={"Status": "Enabled"})
    config = {"Bucket": a, "ReplicationConfiguration": {"Role": role, "Rules": [timed]}}
    assert code(s3.put_bucket_replication, **config) == ("UnsupportedOperation", 400)


def test_versions_and_markers_go(s3, pair, role):
    a, b = pair
    s3.put_object(Bucket=a, Key="before", Body=b"old")
    replicate(s3, a, role, rule(b, StorageClass="STANDARD_IA"))
    one = s3.put_object(Bucket=a, Key="k", Body=b"one", Metadata={"m": "1"}, ContentType="text/x", Tagging="t=1")["VersionId"]
    two = s3.put_object(Bucket=a, Key="k", Body=b"x" * 200_000)["VersionId"]
    arrives(s3, a, "k", VersionId=one)
    arrives(s3, a, "k")
    copy = s3.get_object(Bucket=b, Key="k", VersionId=one)
    assert (copy["Body"].read(), copy["Metadata"], copy["ContentType"], copy["StorageClass"]) == (b"one", {"m": "1"}, "text/x", "STANDARD_IA")
    assert copy["ReplicationStatus"] == "REPLICA"
    assert s3.get_object_tagging(Bucket=b, Key="k", VersionId=one)["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert s3.get_object(Bucket=b, Key="k")["Body"].read() == b"x" * 200_000
    ours, theirs = (s3.get_object(Bucket=name, Key="k", VersionId=two) for name in (a, b))
    assert (ours["ETag"], ours["LastModified"]) == (theirs["ETag"], theirs["LastModified"])
    marker = s3.delete_object(Bucket=a, Key="k")["VersionId"]
    eventually(lambda: s3.list_object_versions(Bucket=b).get("DeleteMarkers"), "the marker arrives")
    assert s3.list_object_versions(Bucket=b)["DeleteMarkers"][0]["VersionId"] == marker
    # To delete a version is nobody else's business, and what was there before stays where it is.
    s3.delete_object(Bucket=a, Key="k", VersionId=one)
    s3.put_object(Bucket=a, Key="last", Body=b"")
    arrives(s3, a, "last")
    assert {version["VersionId"] for version in s3.list_object_versions(Bucket=b, Prefix="k")["Versions"]} == {one, two}
    assert code(s3.head_object, Bucket=b, Key="before") == ("404", 404)


def test_parts_stay_parts_and_tags_follow(s3, pair, role):
    a, b = pair
    replicate(s3, a, role, rule(b))
    upload = s3.create_multipart_upload(Bucket=a, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in ((1, b"1" * (5 << 20)), (2, b"2")):
        part = s3.upload_part(Bucket=a, Key="k", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    whole = s3.complete_multipart_upload(Bucket=a, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    arrives(s3, a, "k")
    copy = s3.get_object(Bucket=b, Key="k", PartNumber=2)
    assert (copy["Body"].read(), copy["PartsCount"], copy["ETag"]) == (b"2", 2, whole["ETag"])
    s3.put_object_tagging(Bucket=a, Key="k", Tagging={"TagSet": [{"Key": "n", "Value": "2"}]})
    tags = lambda: s3.get_object_tagging(Bucket=b, Key="k")["TagSet"]  # noqa: E731
    eventually(lambda: tags() == [{"Key": "n", "Value": "2"}], "the tags follow")


def test_both_ways_and_no_circle(s3, pair, role):
    a, b = pair
    replicate(s3, a, role, rule(b))
    replicate(s3, b, role, rule(a))
    s3.put_object(Bucket=a, Key="k", Body=b"a")
    arrives(s3, a, "k")
    s3.put_object(Bucket=b, Key="k", Body=b"b")
    arrives(s3, b, "k")
    assert s3.get_object(Bucket=a, Key="k")["Body"].read() == b"b"
    both = [[version["VersionId"] for version in s3.list_object_versions(Bucket=name)["Versions"]] for name in pair]
    assert both[0] == both[1] and len(both[0]) == 2


def test_rules_choose(s3, pair, role):
    a, b = pair
    tagged = {**rule(b, priority=2, markers="Disabled"), "Filter": {"And": {"Prefix": "in/", "Tags": [{"Key": "go", "Value": "1"}]}}}
    replicate(s3, a, role, tagged)
    s3.put_object(Bucket=a, Key="in/no", Body=b"")
    s3.put_object(Bucket=a, Key="out", Body=b"", Tagging="go=1")
    s3.put_object(Bucket=a, Key="in/yes", Body=b"", Tagging="go=1")
    arrives(s3, a, "in/yes")
    s3.delete_object(Bucket=a, Key="in/yes")
    assert status(s3, a, "in/no") is None and status(s3, a, "out") is None
    assert [one["Key"] for one in s3.list_object_versions(Bucket=b)["Versions"]] == ["in/yes"]
    assert not s3.list_object_versions(Bucket=b).get("DeleteMarkers")


def test_a_role_that_may_not_fails(cloud, s3, pair):
    a, b = pair
    iam = cloud.client("iam")
    name, arn = make_role(iam, [action for action in ALL if action != "s3:ReplicateObject"])
    sqs = cloud.client("sqs")
    url, queue = make_queue(sqs, a)
    try:
        tell(s3, a, queue, ("s3:Replication:*",))
        replicate(s3, a, arn, rule(b))
        s3.put_object(Bucket=a, Key="k", Body=b"text")
        arrives(s3, a, "k", "FAILED")
        assert code(s3.head_object, Bucket=b, Key="k") == ("404", 404)
        untrusting = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(untrusting))
        s3.put_object(Bucket=a, Key="k2", Body=b"text")
        arrives(s3, a, "k2", "FAILED")
        _, *messages = told(sqs, url, 3)
        why = {}
        for [record] in (message["Records"] for message in messages):
            data = record["replicationEventData"]
            assert (record["eventVersion"], record["eventName"]) == ("2.2", "Replication:OperationFailedReplication")
            assert (data["replicationRuleId"], data["destinationBucket"], data["s3Operation"]) == ("rule1", f"arn:aws:s3:::{b}", "OBJECT_PUT")
            why[record["s3"]["object"]["key"]] = data["failureReason"]
        assert why == {"k": "DstPutObjectNotPermitted", "k2": "AssumeRoleNotPermitted"}
    finally:
        sqs.delete_queue(QueueUrl=url)
        s3.delete_bucket_replication(Bucket=a)
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        iam.delete_role(RoleName=name)


def test_to_another_account_and_region_where_its_policy_lets_in(cloud, s3, role):
    theirs = cloud.client("s3", OTHER, region="eu-west-1")
    a, b = make_bucket(s3), make_bucket(theirs, "eu-west-1")
    try:
        replicate(s3, a, role, rule(b, Account=OTHER, AccessControlTranslation={"Owner": "Destination"}))
        s3.put_object(Bucket=a, Key="k", Body=b"text")
        arrives(s3, a, "k", "FAILED")
        allowed = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ObjectOwnerOverrideToBucketOwner"]
        statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": allowed, "Resource": f"arn:aws:s3:::{b}/*"}
        theirs.put_bucket_policy(Bucket=b, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        s3.put_object(Bucket=a, Key="k2", Body=b"text")
        # The override takes leave of the role's own side too.
        arrives(s3, a, "k2", "FAILED")
        name = role.rsplit("/", 1)[1]
        more = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ObjectOwnerOverrideToBucketOwner", "Resource": "*"}]}
        cloud.client("iam").put_role_policy(RoleName=name, PolicyName="q", PolicyDocument=json.dumps(more))
        s3.put_object(Bucket=a, Key="k3", Body=b"text")
        arrives(s3, a, "k3")
        assert theirs.get_object(Bucket=b, Key="k3")["Body"].read() == b"text"
        cloud.client("iam").delete_role_policy(RoleName=name, PolicyName="q")
    finally:
        remove(s3, a)
        remove(theirs, b)


def test_none_is_lost_over_a_kill(own_cloud):
    cloud = own_cloud()
    s3 = cloud.client("s3")
    a, b = make_bucket(s3), make_bucket(s3)
    _, arn = make_role(cloud.client("iam"), ALL)
    replicate(s3, a, arn, rule(b))
    for n in range(40):
        s3.put_object(Bucket=a, Key=f"k{n}", Body=b"x" * 50_000)
    cloud.kill()
    cloud.start()
    s3 = cloud.client("s3")
    for n in range(40):
        arrives(s3, a, f"k{n}")
        assert s3.get_object(Bucket=b, Key=f"k{n}")["Body"].read() == b"x" * 50_000
