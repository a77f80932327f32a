"""Signs awkward requests as botocore does and sends them to the port in argv[1]. Prints what was not answered 200."""

import http.client
import sys
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PORT = int(sys.argv[1])
KEYS = Credentials("test", "test")
SESSION = Credentials("ASIA", "test", "token")
OBJECTS = f"http://box.things.localhost:{PORT}"
TOY = f"http://toy.localhost:{PORT}"


def send(request):
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    target = (url.path or "/") + ("?" + url.query if url.query else "")
    connection.putrequest(prepared.method, target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", url.netloc)
    for name, value in prepared.headers.items():
        if name.lower() != "content-length":
            connection.putheader(name, value)
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def check(name, request):
    status, body = send(request)
    if status != 200:
        print(name, status, body)


def signed(auth, method, url, data=None, headers=None, credentials=KEYS, service="things"):
    request = AWSRequest(method=method, url=url, data=data, headers=dict(headers or {}))
    auth(credentials, service, "eu-west-3").add_auth(request)
    return request


PATHS = ["/key", "/a/b//c", "/a%20b", "/a%2Fb", "/caf%C3%A9/%E1%88%B4", "/a+b", "/a%2Bb", "/./x/../y", "/~t_-.x", "/a:b@c!$&'()*,;="]
QUERIES = ["", "?versionId=x", "?b=2&a=1&a=0", "?prefix=a%20b%2Fc", "?empty=", "?tilde=~&star=%2A&c=%3A"]
for path in PATHS:
    for query in QUERIES:
        check(f"GET {path}{query}", signed(S3SigV4Auth, "GET", OBJECTS + path + query))
    check(f"PUT {path}", signed(S3SigV4Auth, "PUT", OBJECTS + path, data=b"x" * 5000))
    check(f"presigned {path}", signed(lambda c, s, r: S3SigV4QueryAuth(c, s, r, expires=60), "GET", OBJECTS + path))
    check(f"session {path}", signed(S3SigV4Auth, "GET", OBJECTS + path, credentials=SESSION))

JSON = {"X-Amz-Target": "Toy.Echo", "Content-Type": "application/x-amz-json-1.0"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
for path in ["/", "/x", "/a b", "/a%20b", "//x//y/", "/a/./b/../c", "/caf%C3%A9", "/a:b/c=d"]:
    url = TOY + path.replace(" ", "%20")
    for query in ["", "?z=1&a=2", "?q=a%20b%2B"]:
        check(f"JSON {path}{query}", signed(SigV4Auth, "POST", url + query, b'{"a": 1}', JSON, service="toy"))
for headers in [{"X-Amz-Meta": "  two   blanks  "}, {"X-Custom": "a,b"}, {"X-Amz-Empty": ""}]:
    check(f"headers {headers}", signed(SigV4Auth, "POST", TOY + "/", b"{}", {**JSON, **headers}, service="toy"))
body = "Action=Echo&Version=2020-01-01&Text=a+b%26c"
check("form", signed(SigV4Auth, "POST", TOY + "/", body, FORM, service="toy"))
check("form path", signed(SigV4Auth, "POST", TOY + "/000000000000/q", body, FORM, SESSION, service="toy"))
url = TOY + "/?Action=Echo&Version=2020-01-01&Text=a%20b"
check("query", signed(SigV4Auth, "GET", url, service="toy"))
check("presigned query", signed(lambda c, s, r: SigV4QueryAuth(c, s, r, expires=60), "GET", url, service="toy"))
check("presigned session", signed(lambda c, s, r: SigV4QueryAuth(c, s, r, expires=60), "GET", url, None, None, SESSION, "toy"))
