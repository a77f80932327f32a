"""S3 for the web: pages of other origins, static websites, checksums of settings."""

import http.client

from s3_kit import bucket, code, open_to_all, s3  # noqa: F401


def ask(s3, method, path, headers, host=None):
    """Status, headers and body, by a client that follows nothing."""
    where = s3.meta.endpoint_url.removeprefix("http://")
    line = http.client.HTTPConnection(where, timeout=30)
    line.putrequest(method, path, skip_host=host is not None)
    if host:
        line.putheader("Host", f"{host}:{where.rsplit(':', 1)[1]}")
    [line.putheader(name, value) for name, value in headers.items()]
    line.endheaders()
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


RULE = {
    "ID": "one",
    "AllowedOrigins": ["https://*.example.org"],
    "AllowedMethods": ["PUT", "GET"],
    "AllowedHeaders": ["x-amz-*", "Content-Type"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 600,
}
PAGE = "https://a.example.org"


def test_browsers_are_told_which_pages_may(s3, bucket):
    assert code(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)
    wish = {"Origin": PAGE, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-date, content-type"}
    assert ask(s3, "OPTIONS", f"/{bucket}/k", wish)[0] == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE]
    status, headers, _ = ask(s3, "OPTIONS", f"/{bucket}/k", wish)
    assert status == 200
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-methods"] == "PUT, GET"
    assert headers["access-control-allow-headers"] == "x-amz-date, content-type"
    assert headers["access-control-expose-headers"] == "ETag"
    assert headers["access-control-max-age"] == "600"
    assert headers["access-control-allow-credentials"] == "true"
    host = f"{bucket}.s3.localhost"
    assert ask(s3, "OPTIONS", "/k", wish, host)[1]["access-control-allow-origin"] == PAGE
    for other in ({"Origin": "https://example.com"}, {"Access-Control-Request-Method": "DELETE"}, {"Access-Control-Request-Headers": "x-other"}):
        status, headers, body = ask(s3, "OPTIONS", f"/{bucket}/k", wish | other)
        assert (status, "access-control-allow-origin" in headers) == (403, False), other
        assert b"<Code>AccessForbidden</Code>" in body
    assert ask(s3, "OPTIONS", f"/{bucket}/k", {})[0] == 400
    assert ask(s3, "OPTIONS", f"/{bucket}/k", {"Origin": PAGE})[0] == 400


def test_answers_say_it_too_also_refusals(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"text")
    status, headers, _ = ask(s3, "GET", f"/{bucket}/k", {"Origin": PAGE})
    assert (status, headers["access-control-allow-origin"]) == (403, PAGE)
    open_to_all(s3, bucket)
    status, headers, body = ask(s3, "GET", f"/{bucket}/k", {"Origin": PAGE})
    assert (status, headers["access-control-allow-origin"], body) == (200, PAGE, b"text")
    assert "Origin" in headers["vary"]
    status, headers, _ = ask(s3, "GET", f"/{bucket}/k", {"Origin": "https://example.com"})
    assert (status, "access-control-allow-origin" in headers) == (200, False)
    assert "access-control-allow-origin" not in ask(s3, "GET", f"/{bucket}/k", {})[1]
    s3.delete_bucket_cors(Bucket=bucket)
    assert "access-control-allow-origin" not in ask(s3, "GET", f"/{bucket}/k", {"Origin": PAGE})[1]


def test_a_rule_must_make_sense(s3, bucket):
    for wrong in ({"AllowedMethods": ["PATCH"]}, {"AllowedOrigins": ["*.*"]}, {"ExposeHeaders": ["x-*"]}, {"MaxAgeSeconds": -1}):
        refused = code(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [RULE | wrong]})
        assert refused == ("InvalidRequest", 400), wrong
    assert code(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)


SITE = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "error.html"},
    "RoutingRules": [
        {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "gone/"}, "Redirect": {"HostName": "example.org", "HttpRedirectCode": "302"}},
    ],
}


def test_a_site_shows_what_everybody_may_read(s3, bucket):
    assert code(s3.get_bucket_website, Bucket=bucket) == ("NoSuchWebsiteConfiguration", 404)
    host = f"{bucket}.s3-website.localhost"
    assert ask(s3, "GET", "/", {}, host)[0] == 404
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=SITE)
    shown = s3.get_bucket_website(Bucket=bucket)
    assert {name: shown[name] for name in SITE} == SITE
    for key in ("index.html", "error.html", "a/index.html", "documents/x"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html", CacheControl="max-age=5")
    status, headers, body = ask(s3, "GET", "/", {}, host)
    assert (status, headers["x-amz-error-code"]) == (403, "AccessDenied") and b"<html>" in body
    open_to_all(s3, bucket)
    status, headers, body = ask(s3, "GET", "/", {}, host)
    assert (status, headers["content-type"], headers["cache-control"], body) == (200, "text/html", "max-age=5", b"index.html")
    for other in (f"{bucket}.s3-website-us-east-1.amazonaws.com", f"{bucket}.s3-website.us-east-1.localhost"):
        assert ask(s3, "GET", "/a/", {}, other)[2] == b"a/index.html"
    etag = headers["etag"]
    status, headers, body = ask(s3, "GET", "/", {"If-None-Match": etag}, host)
    assert (status, headers["etag"], headers["cache-control"], body) == (304, etag, "max-age=5", b"")
    assert ask(s3, "GET", "/", {"If-Match": '"other"'}, host)[0] == 412
    part = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert ask(s3, "GET", "/", part, host)[::2] == (200, b"index.html")
    assert ask(s3, "GET", "/", {**part, "If-Range": etag}, host)[::2] == (206, b"in")
    status, headers, body = ask(s3, "HEAD", "/a/", {}, host)
    assert (status, headers["content-length"], body) == (200, "12", b"")
    status, headers, _ = ask(s3, "GET", "/a", {}, host)
    assert (status, headers["location"]) == (302, "/a/")
    assert ask(s3, "GET", "/nothing", {}, host)[::2] == (404, b"error.html")
    assert ask(s3, "PUT", "/x", {"Content-Length": "0"}, host)[0] == 405


def test_a_site_leads_elsewhere(s3, bucket):
    host = f"{bucket}.s3-website.localhost"
    open_to_all(s3, bucket)
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=SITE)
    to = lambda path: (lambda answer: (answer[0], answer[1].get("location")))(ask(s3, "GET", path, {}, host))
    port = s3.meta.endpoint_url.rsplit(":", 1)[1]
    assert to("/docs/x") == (301, f"http://{host}:{port}/documents/x")
    assert to("/gone/x") == (302, "http://example.org/gone/x")
    s3.put_object(Bucket=bucket, Key="moved", Body=b"", WebsiteRedirectLocation="/there")
    assert to("/moved") == (301, "/there")
    everything = {"RedirectAllRequestsTo": {"HostName": "example.org", "Protocol": "https"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=everything)
    assert to("/any/path?q=1") == (301, "https://example.org/any/path?q=1")
    s3.delete_bucket_website(Bucket=bucket)
    assert to("/any")[0] == 404
    wrong = {"IndexDocument": {"Suffix": "a/b"}}
    assert code(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=wrong) == ("InvalidArgument", 400)


def test_a_settings_checksum_is_compared(s3, bucket):
    def wrong_sum(request, **_):
        for name in [name for name in request.headers if name.lower().startswith("x-amz-checksum-")]:
            request.headers.replace_header(name, "AAAAAA==")

    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags, ChecksumAlgorithm="CRC32")
    s3.meta.events.register("before-sign.s3.PutBucketTagging", wrong_sum)
    try:
        other = {"TagSet": [{"Key": "a", "Value": "c"}]}
        assert code(s3.put_bucket_tagging, Bucket=bucket, Tagging=other, ChecksumAlgorithm="CRC32") == ("BadDigest", 400)
    finally:
        s3.meta.events.unregister("before-sign.s3.PutBucketTagging", wrong_sum)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]


def test_ownership_controls_come_and_go(s3, bucket):
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert code(s3.get_bucket_ownership_controls, Bucket=bucket) == ("OwnershipControlsNotFoundError", 404)
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == rules
