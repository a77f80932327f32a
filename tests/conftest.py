"""A real cloudlet for tests: the binary, a folder of its own, a free port, real clients."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

BINARY = os.environ.get("CLOUDLET_BIN", os.path.join(os.path.dirname(__file__), "..", "target", "release", "cloudlet"))
ROOT = os.geteuid() == 0


def forget_certificate(iam, name):
    """Deletes a server certificate, once who used it has told that it does no more."""

    def goes():
        try:
            iam.delete_server_certificate(ServerCertificateName=name)
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "DeleteConflict":
                raise
            return False
        return True

    eventually(goes, f"nobody uses {name} any more")


def eventually(ask, what, seconds=20.0):
    """Polls until `ask` gives something true."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)


def code(call, *args, **params):
    """The code of the error by which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(*args, **params)
    return refused.value.response["Error"]["Code"]


def free_port():
    """A port that the kernel gives to nobody by itself: a client that asks a killed cloud again and again could get its port."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def resolve(host, *more, known=socket.getaddrinfo, **kinds):
    """Names below `localhost` are this host's (RFC 6761); not every resolver knows."""
    return known("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **kinds)


socket.getaddrinfo = resolve


class Cloud:
    """One cloudlet, which leaves nothing on the host. `kill` is -9; `start` after it is a restart on the same folder."""

    def __init__(self, folder, env=None, args=()):
        self.folder = str(folder)
        self.port = free_port()
        self.env = {**os.environ, **(env or {})}
        for name in ("CLOUDLET_DATA", "GATEWAY_LISTEN", "SERVICES", "PERSISTENCE", "LOCALSTACK_HOST"):
            if name not in (env or {}):
                self.env.pop(name, None)
        self.args = ["--stop-instances", *args]
        self.process = None
        self.log_path = os.path.join(self.folder, "cloudlet.log")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [BINARY, "up", "--data", os.path.join(self.folder, "data"), "--listen", f"127.0.0.1:{self.port}", *self.args],
            stdout=subprocess.PIPE,
            stderr=log,
            env=self.env,
        )
        line = self.process.stdout.readline().decode()
        assert line == "Ready.\n", f"not ready: {line!r}\n{self.log()}"
        return self

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, timeout=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.stdout.close()

    def client(self, service, account="test", region="us-east-1", secret="test", **more):
        # Hosts with a prefix (`stream-…`) have no address here.
        plain = {"total_max_attempts": 1}
        more.setdefault("config", Config(retries=plain, read_timeout=40, inject_host_prefix=False))
        # Its hosts begin with the account, whatever the configuration says.
        endpoint = self.endpoint.replace("127.0.0.1", "localhost") if service == "s3control" else self.endpoint
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            **more,
        )

    def cli(self, *args, check=True, env=None):
        """Runs the aws CLI and gives its output."""
        env = {
            **self.env,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            **(env or {}),
        }
        done = subprocess.run(
            [sys.executable, "-m", "awscli", "--endpoint-url", self.endpoint, *args],
            capture_output=True, text=True, env=env, timeout=120,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def get(self, path):
        with urllib.request.urlopen(self.endpoint + path, timeout=10) as answer:
            return answer.read()

    def post(self, path):
        request = urllib.request.Request(self.endpoint + path, data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


def unexpected(log):
    """Lines of ERROR and WARN, which nobody declared."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log)
    return [line for line in text.splitlines() if re.search(r"\b(ERROR|WARN)\b", line)]


@pytest.fixture(scope="session")
def cloud():
    """The cloud most tests share. Its log must stay free of warnings."""
    folder = tempfile.mkdtemp(prefix="cloudlet-test-")
    cloud = Cloud(folder).start()
    yield cloud
    status = cloud.stop()
    log = cloud.log()
    shutil.rmtree(folder, ignore_errors=True)
    assert status == 0, log
    assert unexpected(log) == []


@pytest.fixture
def own_cloud(tmp_path):
    """Makes clouds of a test's own: `own_cloud(env={...}, args=[...])`. They and their machines end with the test."""
    made = []

    def make(env=None, args=()):
        folder = tmp_path / f"cloud{len(made)}"
        folder.mkdir()
        cloud = Cloud(folder, env, args)
        made.append(cloud)
        return cloud.start()

    yield make
    for cloud in made:
        if cloud.process.poll() is not None:
            # A killed cloud leaves its machines: only a cloud can end them in good order.
            cloud.start()
        assert cloud.stop() == 0, cloud.log()


@pytest.fixture
def sqs(cloud):
    return cloud.client("sqs")


@pytest.fixture
def ec2(cloud):
    return cloud.client("ec2")


needs_root = pytest.mark.skipif(not ROOT, reason="machines and networks need root")
