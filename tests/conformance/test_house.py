"""The house's own paths and its contract with whoever starts it."""

import json
import os
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import requests_query
from conftest import BINARY, eventually


def test_health_and_info(cloud):
    for path in ("/_localstack/health", "/health"):
        health = json.loads(cloud.get(path))
        assert health["services"]["sqs"] == "running"
        assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"])
    assert json.loads(cloud.get("/_localstack/info"))["uptime"] >= 0


def test_status_names_controllers(cloud):
    status = json.loads(cloud.get("/_cloudlet/status"))
    assert status["resident_bytes"] > 0
    assert {"name", "waiting", "runs", "failures"} <= set(status["controllers"][0])


@pytest.mark.parametrize("path", ["/_cloudlet/reset", "/moto-api/reset", "/_localstack/state/reset"])
def test_reset_forgets_every_account(own_cloud, path):
    cloud = own_cloud()
    mine, other = cloud.client("sqs"), cloud.client("sqs", account="111111111111", region="eu-west-1")
    mine.create_queue(QueueName="q")
    other.create_queue(QueueName="q")
    cloud.post(path)
    assert "QueueUrls" not in mine.list_queues()
    assert "QueueUrls" not in other.list_queues()
    mine.create_queue(QueueName="q")
    assert len(mine.list_queues()["QueueUrls"]) == 1


def test_https_on_the_same_port_with_our_own_authority(cloud, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(cloud.get("/_cloudlet/ca.pem"))
    trusting = ssl.create_default_context(cafile=str(ca))
    url = f"https://localhost:{cloud.port}/health"
    with urllib.request.urlopen(url, context=trusting, timeout=10) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=10)


def test_http2(cloud):
    done = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-o", os.devnull, "-w", "%{http_version} %{http_code}", cloud.endpoint + "/health"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "2 200", done.stderr


def test_sigterm_ends_in_good_order_and_data_stays(own_cloud):
    cloud = own_cloud()
    cloud.client("sqs").create_queue(QueueName="kept")
    assert cloud.stop() == 0
    cloud.start()
    assert cloud.client("sqs").list_queues()["QueueUrls"][0].endswith("/kept")


def test_a_second_cloud_on_the_same_folder_is_refused(own_cloud):
    cloud = own_cloud()
    second = subprocess.run(
        [BINARY, "up", "--data", os.path.join(cloud.folder, "data"), "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 1
    assert f"in use by process {cloud.process.pid}" in second.stderr


def test_beyond_loopback_a_real_key_is_needed(tmp_path):
    data = str(tmp_path / "data")
    refused = subprocess.run(
        [BINARY, "up", "--data", data, "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=20
    )
    assert refused.returncode == 1
    assert "root-key" in refused.stderr


def test_a_root_key_lets_in_and_test_does_not(tmp_path):
    data = str(tmp_path / "data")
    made = subprocess.run([BINARY, "root-key", "--data", data], capture_output=True, text=True, check=True, timeout=20)
    key, secret = re.findall(r"= (\S+)", made.stdout)
    assert secret not in subprocess.run(["grep", "-r", "", data], capture_output=True, text=True).stdout
    up = subprocess.Popen(
        [BINARY, "up", "--data", data, "--listen", "0.0.0.0:45663", "--stop-instances"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert up.stdout.readline() == b"Ready.\n"
        import boto3

        def identity(key, secret):
            sts = boto3.client(
                "sts",
                endpoint_url="http://127.0.0.1:45663",
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
            )
            return sts.get_caller_identity()["Account"]

        assert identity(key, secret) == "000000000000"
        with pytest.raises(Exception, match="InvalidClientTokenId"):
            identity("test", "test")
    finally:
        up.terminate()
        up.wait(20)
        up.stdout.close()
        up.stderr.close()


def test_ready_d_runs_when_ready(own_cloud, tmp_path):
    scripts = tmp_path / "ready.d"
    scripts.mkdir()
    (scripts / "10-mark.sh").write_text(f'echo "$AWS_ENDPOINT_URL" > {tmp_path}/marked\n')
    cloud = own_cloud(args=["--ready-d", str(scripts)])
    marked = tmp_path / "marked"
    eventually(lambda: marked.exists() and marked.read_text(), "the program runs")
    assert marked.read_text().strip() == cloud.endpoint


def test_services_can_be_chosen(own_cloud):
    cloud = own_cloud(env={"SERVICES": "sts"})
    assert list(json.loads(cloud.get("/health"))["services"]) == ["sts"]


def test_two_clouds_share_a_host(own_cloud):
    one, two = own_cloud(), own_cloud()
    one.client("sqs").create_queue(QueueName="q")
    assert "QueueUrls" not in two.client("sqs").list_queues()


def ask(cloud, method, headers, path="/", body=None):
    """Status and headers of an answer, whatever it is."""
    asked = urllib.request.Request(cloud.endpoint + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def refused(cloud, path, method="POST", **headers):
    return ask(cloud, method, headers, path)[0]


def presign(cloud, service, query):
    request = AWSRequest("GET", f"{cloud.endpoint}/?{urllib.parse.urlencode(query)}")
    SigV4QueryAuth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    return request.url.removeprefix(cloud.endpoint)


def test_pages_of_elsewhere_are_kept_out(own_cloud):
    cloud = own_cloud()
    sqs = cloud.client("sqs")
    sqs.create_queue(QueueName="kept")
    page = {"Origin": "https://evil.example"}
    for headers in (page, {"Origin": "null"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert refused(cloud, "/_cloudlet/reset", **headers) == 403, headers
    for path in ("/_cloudlet/audit", "/_cloudlet/status", "/_cloudlet/usage"):
        assert refused(cloud, path, "GET", **page) == 403
    # What everybody knows proves nothing: a page could sign with it.
    presigned = presign(cloud, "sqs", {"Action": "ListQueues", "Version": "2012-11-05"})
    assert refused(cloud, presigned, "GET") == 200
    assert refused(cloud, presigned, "GET", **page) == 403
    assert refused(cloud, presigned, "GET", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert refused(cloud, presigned, "GET", Origin="http://localhost:3000") == 200
    assert len(sqs.list_queues()["QueueUrls"]) == 1


def test_pages_may_ask_apis_when_they_sign(own_cloud):
    cloud = own_cloud()
    page = {"Origin": "https://app.example"}
    names = "authorization,content-type,x-amz-date,x-amz-target"
    wish = page | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    exposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
    # By the name of a service, and by an address: nothing is posted to a store of objects itself.
    for host in ({}, {"Host": "sqs.us-east-1.localhost.localstack.cloud"}, {"Host": "ec2.eu-west-1.amazonaws.com"}):
        status, said = ask(cloud, "OPTIONS", wish | host)
        assert status == 200, host
        assert said["Access-Control-Allow-Origin"] == "*"
        assert (said["Access-Control-Allow-Methods"], said["Access-Control-Allow-Headers"]) == ("POST", names)
        assert (said["Access-Control-Max-Age"], said["Access-Control-Expose-Headers"]) == ("172800", exposed)
        assert said["Access-Control-Allow-Credentials"] is None and said["x-amzn-RequestId"]
    # Another question is a bucket's, which has allowed nothing; what is no question is nobody's.
    assert ask(cloud, "OPTIONS", wish | {"Access-Control-Request-Method": "PUT"}, "/bucket/key")[0] == 403
    assert ask(cloud, "OPTIONS", page | {"Host": "sqs.localhost"})[0] == 400
    # The answer says that the page may read it, a refusal too.
    name = cloud.client("iam").create_user(UserName="page")["User"]["UserName"]
    cloud.client("iam").attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = cloud.client("iam").create_access_key(UserName=name)["AccessKey"]
    for access_key, secret, outcome in ((key["AccessKeyId"], key["SecretAccessKey"], 200), ("test", "test", 403)):
        kind = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
        request = AWSRequest("POST", cloud.endpoint + "/", kind, "{}")
        SigV4Auth(Credentials(access_key, secret), "sqs", "us-east-1").add_auth(request)
        status, said = ask(cloud, "POST", dict(request.headers.items()) | page, body=b"{}")
        assert (status, said["Access-Control-Allow-Origin"]) == (outcome, "*")
        assert said["Access-Control-Expose-Headers"] == exposed


def test_a_request_without_an_action_does_nothing(cloud):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for service in ("ec2", "iam", "sts", "autoscaling"):
        request = AWSRequest("POST", cloud.endpoint + "/", kind, "Version=2016-11-15")
        SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
        asked = urllib.request.Request(cloud.endpoint + "/", request.data.encode(), dict(request.headers.items()))
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(asked, timeout=20)
        assert answer.value.code == 400 and b"MissingAction" in answer.value.read(), service


def test_a_version_that_no_service_had_is_refused(cloud):
    said = requests_query.call(cloud, "ec2", "2017-01-01", "DescribeVpcs")
    words = "The requested version (2017-01-01) of service AmazonEC2 does not exist"
    assert (said.status, "<Code>NoSuchVersion</Code>" in said.text, words in said.text) == (400, True, True), said.text
    said = requests_query.call(cloud, "iam", "tomorrow", "ListUsers")
    words = "Could not find operation ListUsers for version tomorrow"
    assert (said.status, "<Code>InvalidAction</Code>" in said.text, words in said.text) == (400, True, True), said.text
    # Clients of before are served, each by the balancers of its time.
    assert requests_query.call(cloud, "ec2", "2012-06-15", "DescribeVpcs").status == 200
    of_old = requests_query.call(cloud, "elasticloadbalancing", "2011-11-15", "DescribeLoadBalancers")
    assert "<LoadBalancerDescriptions" in of_old.text
    other = requests_query.call(cloud, "elasticloadbalancing", "2012-06-01", "CreateTargetGroup", Name="a")
    assert "Could not find operation CreateTargetGroup for version 2012-06-01" in other.text


def test_a_long_poll_does_not_hold_up_the_end(own_cloud):
    cloud = own_cloud()
    queue = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20})
    kind = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ReceiveMessage"}
    request = AWSRequest("POST", cloud.endpoint + "/", kind, body)
    SigV4Auth(Credentials("test", "test"), "sqs", "us-east-1").add_auth(request)
    head = {**dict(request.headers.items()), "Host": f"127.0.0.1:{cloud.port}", "Content-Length": len(body), "Expect": "100-continue"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=20) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\n{lines}\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body.encode())
        assert cloud.stop(8) == 0
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200")


def test_urls_bear_the_name_that_was_chosen(own_cloud):
    cloud = own_cloud(env={"LOCALSTACK_HOST": "my.host:9999"})
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert url == "http://my.host:9999/queue/us-east-1/000000000000/q"
    assert cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"] == url
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")


def test_the_data_folder_is_its_owners_and_no_others(own_cloud, tmp_path):
    cloud = own_cloud()
    assert os.stat(os.path.join(cloud.folder, "data")).st_mode & 0o077 == 0
    other = tmp_path / "other"
    (other / "photos").mkdir(parents=True)
    command = [BINARY, "up", "--data", str(other), "--listen", "127.0.0.1:0"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert told.returncode == 1 and "photos" in told.stderr
    assert os.listdir(other) == ["photos"]


@pytest.mark.parametrize("args", [("--overcommit", "0"), ("--overcommit", "nan"), ("--listen", "4808")])
def test_a_setting_that_cannot_be_is_told(args, tmp_path):
    command = [BINARY, "up", "--data", str(tmp_path / "data"), *args]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert told.returncode in (1, 2) and "panicked" not in told.stderr and args[1] in told.stderr


def test_what_was_used_can_be_seen(own_cloud):
    cloud = own_cloud()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="counted")["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    used = lambda: {line["usage_type"]: line for line in json.loads(cloud.get("/_cloudlet/usage"))["usage"] if line["service"] == "sqs"}
    eventually(lambda: used().get("Requests", {}).get("quantity") == 4, "requests are counted")
    lines = used()
    assert {(line["account"], line["region"]) for line in lines.values()} == {("000000000000", "us-east-1")}
    assert {name: line["unit"] for name, line in lines.items()} == {"Requests": "Requests", "DataTransfer-Out-Bytes": "Bytes"}
    shown = subprocess.run([BINARY, "usage", "--endpoint", cloud.endpoint], capture_output=True, text=True)
    assert shown.returncode == 0 and all(name in shown.stdout for name in lines)
