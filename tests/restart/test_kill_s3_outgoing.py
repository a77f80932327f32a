"""kill -9 while what happens in a bucket is told to a queue and carried to another bucket: nothing acknowledged is lost on its way."""

import json
import os
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from conftest import eventually

KILLS = int(os.environ.get("CLOUDLET_S3_KILLS", "10"))
SIZES = [1, 4_096, 50_000]


def prepare(cloud):
    """Two buckets with versions, a role between them, and a queue that hears of the first."""
    s3, sqs, iam = cloud.client("s3"), cloud.client("sqs"), cloud.client("iam")
    for name in ("from", "dest"):
        s3.create_bucket(Bucket=f"{name}-bucket")
        s3.put_bucket_versioning(Bucket=f"{name}-bucket", VersioningConfiguration={"Status": "Enabled"})
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [told]})})
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="from-bucket", NotificationConfiguration=wanted)
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="carrier", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    iam.put_role_policy(RoleName="carrier", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    rule = {
        "ID": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": "arn:aws:s3:::dest-bucket"},
    }
    config = {"Role": role["Role"]["Arn"], "Rules": [rule]}
    s3.put_bucket_replication(Bucket="from-bucket", ReplicationConfiguration=config)
    return url


def write(cloud, number, end, acknowledged):
    """Puts till the end, over every kill."""
    s3, chance, done = cloud.client("s3"), random.Random(number), 0
    while not end.is_set():
        body = bytes([number]) * chance.choice(SIZES)
        try:
            put = s3.put_object(Bucket="from-bucket", Key=f"k{number}-{done}", Body=body)
            acknowledged[f"k{number}-{done}"] = (put["VersionId"], body)
        except (BotoCoreError, ClientError):
            time.sleep(0.01)
        done += 1


def test_what_was_acknowledged_is_told_and_carried(own_cloud):
    cloud = own_cloud()
    url = prepare(cloud)
    end, acknowledged = threading.Event(), {}
    writers = [threading.Thread(target=write, args=(cloud, number, end, acknowledged), daemon=True) for number in range(3)]
    for writer in writers:
        writer.start()
    chance = random.Random(7)
    try:
        for _ in range(KILLS):
            before = len(acknowledged)
            eventually(lambda before=before: len(acknowledged) > before + 5, "puts go on", 60)
            # kill -9 at any moment: what is measured is chance, not time.
            time.sleep(chance.random() / 5)
            cloud.kill()
            cloud.start()
    finally:
        end.set()
        for writer in writers:
            writer.join()
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    told = set()

    def all_told():
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            for record in json.loads(message["Body"]).get("Records", []):
                told.add((record["s3"]["object"]["key"], record["s3"]["object"]["versionId"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return {(key, version) for key, (version, _) in acknowledged.items()} <= told

    eventually(all_told, "every acknowledged put is told of", 120)
    for key, (version, body) in acknowledged.items():
        status = lambda key=key, version=version: s3.head_object(Bucket="from-bucket", Key=key, VersionId=version)["ReplicationStatus"]  # noqa: E731
        eventually(lambda status=status: status() == "COMPLETED", f"{key} is carried", 120)
        assert s3.get_object(Bucket="dest-bucket", Key=key, VersionId=version)["Body"].read() == body
    print(f"{len(acknowledged)} puts over {KILLS} kills")
