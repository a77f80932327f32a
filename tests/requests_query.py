"""A signed request of the query protocol, as SDKs of old send it."""

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass
class Answer:
    status: int
    text: str


def call(cloud, service, version, action, path="/", **params):
    body = urllib.parse.urlencode({"Action": action, "Version": version, **params})
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", cloud.endpoint + path, headers, body)
    SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    plain = urllib.request.Request(request.url, body.encode(), dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(plain, timeout=30) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, refused.read().decode())
