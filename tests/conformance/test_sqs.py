"""SQS as boto3 and the aws CLI see it; details are in the service's own tests."""

import hashlib
import json
import threading
import time
import uuid

import botocore
import pytest
import requests_query as query
from botocore.exceptions import ClientError


@pytest.fixture
def queue(sqs):
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def fifo(sqs):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}.fifo", Attributes=attributes)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response


def test_send_receive_delete(sqs, queue):
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="hello",
        MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\1"}},
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    got = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])["Messages"][0]
    assert got["Body"] == "hello"
    assert got["MessageAttributes"]["b"]["BinaryValue"] == b"\0\1"
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_long_poll_wakes_when_a_message_comes(sqs, queue, cloud):
    threading.Timer(0.5, lambda: cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="late")).start()
    begun = time.monotonic()
    got = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    assert got["Messages"][0]["Body"] == "late"
    assert time.monotonic() - begun < 10


def test_fifo_keeps_order_and_drops_duplicates(sqs, fifo):
    for n in range(5):
        sqs.send_message(QueueUrl=fifo, MessageBody=str(n), MessageGroupId="g")
    again = sqs.send_message(QueueUrl=fifo, MessageBody="0", MessageGroupId="g")
    assert again["SequenceNumber"]
    got = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in got] == ["0", "1", "2", "3", "4"]
    assert "Messages" not in sqs.receive_message(QueueUrl=fifo), "the group waits for its messages in flight"


def test_dead_letters(sqs, queue):
    dead = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    assert sqs.receive_message(QueueUrl=queue)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.delete_queue(QueueUrl=dead)


def test_batches_fail_in_part(sqs, queue):
    entries = [{"Id": "a", "MessageBody": "x"}, {"Id": "b", "MessageBody": "x", "DelaySeconds": 901}]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["a"]
    assert answer["Failed"][0]["Id"] == "b"
    assert answer["Failed"][0]["SenderFault"] is True


def test_errors_are_those_of_aws(sqs, queue, fifo):
    missing = refusal(sqs.get_queue_url, QueueName="there-is-none")
    assert missing["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert missing["Error"]["Message"] == "The specified queue does not exist."
    assert missing["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert isinstance_of(sqs, "QueueDoesNotExist", sqs.get_queue_url, QueueName="there-is-none")
    empty = refusal(sqs.send_message_batch, QueueUrl=queue, Entries=[])
    assert empty["Error"]["Code"] == "AWS.SimpleQueueService.EmptyBatchRequest"
    handle = refusal(sqs.delete_message, QueueUrl=queue, ReceiptHandle="nonsense")
    assert handle["Error"]["Code"] == "ReceiptHandleIsInvalid"
    group = refusal(sqs.send_message, QueueUrl=fifo, MessageBody="x")
    assert group["Error"]["Code"] == "MissingParameter"
    assert "MessageGroupId" in group["Error"]["Message"]
    attribute = refusal(sqs.create_queue, QueueName="q", Attributes={"VisibilityTimeout": "43201"})
    assert attribute["Error"]["Code"] == "InvalidAttributeValue"


def isinstance_of(client, name, call, **params):
    with pytest.raises(getattr(client.exceptions, name)):
        call(**params)
    return True


def test_the_query_protocol_is_served_too(cloud, queue):
    path = queue.split("/", 3)[3]
    sent = query.call(cloud, "sqs", "2012-11-05", "SendMessage", "/" + path, MessageBody="by query")
    assert sent.status == 200
    assert hashlib.md5(b"by query").hexdigest() in sent.text
    got = query.call(cloud, "sqs", "2012-11-05", "ReceiveMessage", "/" + path)
    assert "<Body>by query</Body>" in got.text
    none = query.call(cloud, "sqs", "2012-11-05", "GetQueueUrl", "/", QueueName="there-is-none")
    assert none.status == 400
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in none.text


@pytest.mark.parametrize("form", ["{endpoint}/000000000000/{name}", "{endpoint}/queue/us-east-1/000000000000/{name}", "{name}"])
def test_queue_urls_in_every_form(cloud, sqs, queue, form):
    name = queue.rsplit("/", 1)[1]
    url = form.format(endpoint=cloud.endpoint, name=name)
    assert sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"]


def test_accounts_are_strangers(cloud, queue):
    stranger = cloud.client("sqs", account="222222222222")
    code = refusal(stranger.send_message, QueueUrl=queue, MessageBody="x")["Error"]["Code"]
    assert code in ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.NonExistentQueue")


def test_many_senders_and_receivers_lose_nothing(cloud, queue):
    per_sender, senders = 40, 4
    got, lock = [], threading.Lock()

    def send(k):
        mine = cloud.client("sqs")
        for n in range(per_sender):
            mine.send_message(QueueUrl=queue, MessageBody=f"{k}-{n}")

    def receive():
        mine = cloud.client("sqs")
        while True:
            messages = mine.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
            if not messages:
                return
            with lock:
                got.extend(message["Body"] for message in messages)
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            assert "Failed" not in mine.delete_message_batch(QueueUrl=queue, Entries=entries)

    threads = [threading.Thread(target=send, args=(k,)) for k in range(senders)]
    threads += [threading.Thread(target=receive) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(got) == sorted(f"{k}-{n}" for k in range(senders) for n in range(per_sender))


def test_the_cli_sends_and_receives(cloud, queue):
    cloud.cli("sqs", "send-message", "--queue-url", queue, "--message-body", "from the shell")
    got = json.loads(cloud.cli("sqs", "receive-message", "--queue-url", queue, "--wait-time-seconds", "1").stdout)
    assert got["Messages"][0]["Body"] == "from the shell"


def test_a_wrong_secret_sends_nothing(cloud, queue):
    liar = cloud.client("sqs", secret="wrong")
    code = refusal(liar.send_message, QueueUrl=queue, MessageBody="x")["Error"]["Code"]
    assert code in ("SignatureDoesNotMatch", "InvalidSignatureException")
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=queue)


def test_a_policy_lets_others_in(cloud, sqs, queue):
    friend = cloud.client("sqs", account="333333333333")
    assert refusal(friend.send_message, QueueUrl=queue, MessageBody="x")["Error"]["Code"] == "AccessDenied"
    sqs.add_permission(QueueUrl=queue, Label="friend", AWSAccountIds=["333333333333"], Actions=["SendMessage"])
    assert friend.send_message(QueueUrl=queue, MessageBody="from a friend")["MessageId"]
    assert refusal(friend.receive_message, QueueUrl=queue)["Error"]["Code"] == "AccessDenied"
    nobody = cloud.client("sqs", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    assert refusal(nobody.send_message, QueueUrl=queue, MessageBody="x")["Error"]["Code"] == "AccessDenied"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    assert nobody.send_message(QueueUrl=queue, MessageBody="from nobody")["MessageId"]
