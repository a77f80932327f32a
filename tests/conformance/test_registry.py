"""Images pulled from a registry on this host: with and without a login, of several platforms, and ones that lie."""

import base64
import gzip
import hashlib
import http.server
import json
import os
import subprocess
import threading
import uuid

import pytest
from conftest import BINARY, eventually, needs_root
from disk_kit import merged, small_programs
from test_ec2 import console, running, state
from test_images import ARCHITECTURE, image, imported, layer

pytestmark = needs_root

LOGIN = "Basic " + base64.b64encode(b"somebody:secret").decode()


class Registry(http.server.ThreadingHTTPServer):
    """As much of the distribution spec as a pull asks for: manifests by tag and digest, blobs behind a redirect, tokens."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Asked)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.blobs, self.tags, self.is_closed, self.asked = {}, {}, False, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, data, kind, **more):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = (kind, data)
        return {"mediaType": kind, "digest": digest, "size": len(data), **more}

    def push(self, name, layers, architecture=ARCHITECTURE, index=True):
        """An image beside one for another machine; returns the descriptor of what it is for this one."""
        ids = [f"sha256:{hashlib.sha256(plain).hexdigest()}" for plain in layers]
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self.put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.put(gzip.compress(plain, 1), "application/vnd.oci.image.layer.v1.tar+gzip") for plain in layers],
        }
        on = {"os": "linux", "architecture": architecture}
        one = self.put(json.dumps(manifest).encode(), manifest["mediaType"], platform=on)
        if index:
            other = {**one, "platform": {"os": "linux", "architecture": "s390x"}}
            both = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [other, one]}
            self.tags[name] = self.put(json.dumps(both).encode(), both["mediaType"])["digest"]
        else:
            self.tags[name] = one["digest"]
        return one, manifest


class Asked(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        registry = self.server
        registry.asked.append(self.path)
        path, _, query = self.path.partition("?")
        authorization = self.headers.get("Authorization")
        if path == "/token":
            fits = authorization == LOGIN and "scope=repository:team/web:pull" in query
            return self.answer(200, b'{"token": "t0"}') if fits else self.answer(401)
        if path.startswith("/elsewhere/"):
            assert authorization is None, "what lets us in is not for others"
            return self.answer(200, registry.blobs[path.rsplit("/", 1)[1]][1])
        if registry.is_closed and authorization != "Bearer t0":
            realm = f'Bearer realm="http://{registry.host}/token",service="here",scope="repository:team/web:pull"'
            return self.answer(401, **{"WWW-Authenticate": realm})
        _, _, rest = path.partition("/v2/")
        name, kind, version = rest.rsplit("/", 2)
        digest = version if version.startswith("sha256:") else registry.tags.get(f"{name}:{version}")
        if digest not in registry.blobs:
            return self.answer(404)
        media, data = registry.blobs[digest]
        if kind == "blobs" and media.endswith("gzip"):
            return self.answer(307, Location=f"/elsewhere/{digest}")
        return self.answer(200, data, **{"Content-Type": media})

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def registry():
    server = Registry()
    yield server
    server.shutdown()
    server.server_close()


def pull(cloud, *args, fails=False, **env):
    data = os.path.join(cloud.folder, "data")
    words = [BINARY, "image", "pull", *args, "--data", data, "--endpoint", cloud.endpoint]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **env})
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def test_a_pulled_image_boots(cloud, ec2, registry):
    name = f"web-{uuid.uuid4().hex[:8]}"
    links = [(at, b"", {"type": b"2", "linkname": to}) for at, to in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"))]
    folders = [(at, b"", {"type": b"5"}) for at in ("usr", "usr/bin", "usr/lib", "usr/lib64", "opt")]
    lower = layer(*folders, *links, ("usr/bin/sh", b"", {"type": b"2", "linkname": "dash"}))
    programs = layer(files={merged(path) for path in small_programs()})
    registry.push("team/web:1", [lower, programs, layer(("opt/kept", b"kept", {}))])
    registry.is_closed = True
    said = pull(cloud, f"{registry.host}/team/web:1", "--name", name, "--user", "somebody", CLOUDLET_REGISTRY_PASSWORD="secret")
    ami = said.split()[-1]
    assert name in image(cloud, "list") and any(path.startswith("/elsewhere/") for path in registry.asked)
    data = '#!/bin/sh\necho "found $(cat /opt/kept)"\n'
    made = ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=data)["Instances"][0]
    running(ec2, made["InstanceId"])
    eventually(lambda: "found kept" in console(ec2, made["InstanceId"]), "its user data has run")
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    eventually(lambda: state(ec2, made["InstanceId"]) == "terminated", "it ends")
    ec2.deregister_image(ImageId=ami)
    image(cloud, "remove", name)


def test_a_digest_pins_and_the_last_part_names(cloud, registry):
    last = f"motd-{uuid.uuid4().hex[:8]}"
    one, _ = registry.push(f"a/{last}:latest", [layer(("etc/motd", b"hello", {}))], index=False)
    pull(cloud, f"{registry.host}/a/{last}@{one['digest']}")
    assert open(f"{imported(cloud, last)}/etc/motd").read() == "hello"
    assert "image of this name" in pull(cloud, f"{registry.host}/a/{last}", fails=True)


def test_what_a_registry_does_not_have_or_lies_about_comes_to_nothing(cloud, registry):
    images = os.path.dirname(os.path.dirname(imported(cloud, "x")))
    os.makedirs(images, exist_ok=True)
    before = sorted(os.listdir(images))
    plain = [layer(("a", b"1", {}))]
    one, manifest = registry.push("bad/layer:latest", plain)
    broken = manifest["layers"][0]["digest"]
    registry.blobs[broken] = (registry.blobs[broken][0], gzip.compress(layer(("a", b"2", {})), 1))
    assert "not what it should be" in pull(cloud, f"{registry.host}/bad/layer", "--name", "x", fails=True)
    registry.blobs[broken] = (registry.blobs[broken][0], b"x" * 100_000)
    assert "longer than it says" in pull(cloud, f"{registry.host}/bad/layer", "--name", "x", fails=True)
    _, manifest = registry.push("bad/config:latest", plain)
    manifest["config"]["digest"] = "sha256:../../../escaped"
    registry.tags["bad/config:latest"] = registry.put(json.dumps(manifest).encode(), manifest["mediaType"])["digest"]
    assert "no digest we know" in pull(cloud, f"{registry.host}/bad/config", "--name", "x", fails=True)
    registry.push("other/machine:latest", plain, architecture="s390x")
    assert "nothing for linux" in pull(cloud, f"{registry.host}/other/machine", "--name", "x", fails=True)
    assert "has no manifests latest" in pull(cloud, f"{registry.host}/none", "--name", "x", fails=True)
    assert "not the name of an image" in pull(cloud, "No/Such//Name", "--name", "x", fails=True)
    registry.push("team/web:1", plain)
    registry.is_closed = True
    assert "does not let us in" in pull(cloud, f"{registry.host}/team/web:1", "--name", "x", fails=True)
    assert sorted(os.listdir(images)) == before
