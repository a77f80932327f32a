"""The least client there is: requests signed with SigV4, JSON for queues and forms for the rest. Standard library only."""

import datetime
import hashlib
import hmac
import http.client
import json
import re
import time
import urllib.parse

REGION = "us-east-1"
VERSIONS = {"ec2": "2016-11-15", "iam": "2010-05-08", "sts": "2011-06-15"}
JSON = {
    "sqs": ("1.0", "AmazonSQS"),
    "kms": ("1.1", "TrentService"),
    "monitoring": ("1.0", "GraniteServiceVersion20100801"),
}


class Refused(Exception):
    pass


def key(day, service, secret="test"):
    made = ("AWS4" + secret).encode()
    for part in (day, REGION, service, "aws4_request"):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    return made


class Request:
    """A signed POST: good for fifteen minutes, however often it is sent. `who` is a key, its secret, and a session's token."""

    def __init__(self, port, service, operation, params, who=("test", "test", None)):
        access_key, secret, token = who
        if service in JSON:
            version, target = JSON[service]
            self.body = json.dumps(params)
            headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{target}.{operation}"}
        else:
            self.body = urllib.parse.urlencode({"Action": operation, "Version": VERSIONS[service], **params})
            headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers |= {"host": f"127.0.0.1:{port}", "x-amz-date": at}
        if token:
            headers["x-amz-security-token"] = token
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        digest = hashlib.sha256(self.body.encode()).hexdigest()
        canonical = f"POST\n/\n\n{lines}\n{names}\n{digest}"
        scope = f"{at[:8]}/{REGION}/{service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(key(at[:8], service, secret), to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        self.headers = headers

    def lua(self):
        """The request as a script of wrk, which adds the host itself."""
        lines = [f'wrk.method = "POST"\nwrk.body = {lua_text(self.body)}\n']
        for name, value in self.headers.items():
            if name == "host":
                continue
            lines.append(f"wrk.headers[{lua_text(name)}] = {lua_text(value)}\n")
        return "".join(lines)


class Objects:
    """Signed requests of an object store, one for each path, to be sent in turns."""

    def __init__(self, port, method, paths, body=b""):
        self.port, self.method, self.body = port, method, body
        self.sent = [(path, self.sign(path)) for path in paths]

    def sign(self, path):
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        # A body that is sent from elsewhere is not digested.
        digest = "UNSIGNED-PAYLOAD" if self.body is None else hashlib.sha256(self.body).hexdigest()
        path, _, query = path.partition("?")
        query = "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair))
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": at}
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        names = ";".join(headers)
        canonical = f"{self.method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{at[:8]}/{REGION}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(key(at[:8], "s3"), to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers

    def lua(self):
        lines = [f"local body = {lua_text(self.body.decode())}\nlocal all, at = {{}}, 0\n"]
        for path, headers in self.sent:
            table = ", ".join(f"[{lua_text(name)}] = {lua_text(value)}" for name, value in headers.items() if name != "host")
            lines.append(f"all[#all + 1] = {{{lua_text(path)}, {{{table}}}}}\n")
        body = "body" if self.body else "nil"
        lines.append("request = function()\n  at = at % #all + 1\n")
        lines.append(f"  return wrk.format({lua_text(self.method)}, all[at][1], all[at][2], {body})\nend\n")
        return "".join(lines)

    def send(self):
        """Each once, by one connection; gives the seconds it took."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        begun = time.perf_counter()
        for path, headers in self.sent:
            line.request(self.method, path, self.body or None, headers)
            answer = line.getresponse()
            text = answer.read()
            if answer.status // 100 != 2:
                raise Refused(f"{answer.status} {text[:500]!r}")
        return time.perf_counter() - begun


def lua_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Client:
    """One connection that stays open."""

    def __init__(self, port):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def send(self, request):
        self.connection.request("POST", "/", request.body, request.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise Refused(f"{answer.status} {text}")
        return text

    def sqs(self, operation, **params):
        text = self.send(Request(self.port, "sqs", operation, params))
        return json.loads(text) if text else {}

    def kms(self, operation, **params):
        return json.loads(self.send(Request(self.port, "kms", operation, params)))

    def ec2(self, operation, **params):
        return self.form("ec2", operation, **params)

    def form(self, service, operation, **params):
        """The answer's text: `values` takes it apart."""
        params = {name.replace("_", "."): value for name, value in params.items()}
        return self.send(Request(self.port, service, operation, params))


def values(xml, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", xml)
