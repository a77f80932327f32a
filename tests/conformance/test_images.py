"""Images of others, from disk: imported by the command line, registered, booted; layers that mean harm come to nothing."""

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import uuid

import pytest
from conftest import BINARY, eventually, needs_root
from disk_kit import libraries, merged
from test_ec2 import state

pytestmark = needs_root

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def entry(tar, name, data=b"", **what):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o755
    for key, value in what.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def layer(*entries, files=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in sorted(files):
            entry(tar, path.lstrip("/"), open(path, "rb").read())
        for name, data, what in entries:
            entry(tar, name, data, **what)
    return out.getvalue()


def layout(folder, layers, damaged=False):
    """An OCI layout with these layers, packed."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    ids = [f"sha256:{hashlib.sha256(b'other' if damaged else plain).hexdigest()}" for plain in layers]
    config = {"architecture": ARCHITECTURE, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}
    manifest = {
        "schemaVersion": 2,
        "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [put(gzip.compress(plain, 1), "application/vnd.oci.image.layer.v1.tar+gzip") for plain in layers],
    }
    on = {"os": "linux", "architecture": ARCHITECTURE}
    one = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json", platform=on)
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [one]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def image(cloud, *args, fails=False):
    data = os.path.join(cloud.folder, "data")
    done = subprocess.run([BINARY, "image", *args, "--data", data], capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def imported(cloud, name):
    return os.path.join(cloud.folder, "data", "machines", "images", f"oci-{name}", "root")


@pytest.mark.parametrize("kind", ["container", "microvm"])
def test_an_oci_image_is_imported_and_boots(cloud, tmp_path, kind):
    if kind == "microvm" and not shutil.which("qemu-system-x86_64"):
        pytest.skip("no QEMU: apt-get install --no-install-recommends qemu-system-x86")
    ec2, name = cloud.client("ec2"), f"web-{uuid.uuid4().hex[:8]}"
    programs = set().union(*(libraries(os.path.realpath(p)) for p in ("/bin/dash", "/bin/cat", BINARY)))
    programs.discard(BINARY)
    links = [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
    sh = [("usr/bin/sh", b"", {"type": tarfile.SYMTYPE, "linkname": "dash"})]
    below = [(at, b"", {"type": tarfile.SYMTYPE, "linkname": to}) for at, to in links]
    folders = [(f, b"", {"type": tarfile.DIRTYPE}) for f in ("usr", "usr/bin", "usr/lib", "usr/lib64", "opt", "opt/old")]
    lower = layer(*folders, *below, *sh, ("opt/gone", b"1", {}), ("opt/old/one", b"1", {}), ("opt/kept", b"kept", {"uid": 33}))
    files = layer(files={merged(path) for path in programs})
    upper = layer(("opt/.wh.gone", b"", {}), ("opt/old/.wh..wh..opq", b"", {}), ("opt/old/two", b"2", {}))
    source = layout(tmp_path / "layout", [lower, files, upper])
    told = image(cloud, "import", str(source), "--name", name, "--endpoint", cloud.endpoint)
    ami = told.split()[-1]
    root = imported(cloud, name)
    assert sorted(os.listdir(f"{root}/opt")) == ["kept", "old"] and os.listdir(f"{root}/opt/old") == ["two"]
    assert os.stat(f"{root}/opt/kept").st_uid == 33
    assert name in image(cloud, "list")
    assert "image of this name" in image(cloud, "import", str(source), "--name", name, fails=True)

    data = "#!/bin/sh\necho \"found $(cat /opt/kept) as $(cat /proc/1/comm)\"\n"
    # A microVM brings up its network itself: the image has no `ip`, and user data come over it.
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cloudlet:machine", "Value": kind}]}]
    order = dict(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=tags)
    made = ec2.run_instances(**order, UserData=data)
    [one] = [it["InstanceId"] for it in made["Instances"]]
    eventually(lambda: state(ec2, one) == "running", "it runs", seconds=120)
    console = lambda: ec2.get_console_output(InstanceId=one).get("Output", "")
    eventually(lambda: "found kept" in console(), "its user data has run", seconds=120)
    assert "is made of it" in image(cloud, "remove", name, fails=True)
    ec2.terminate_instances(InstanceIds=[one])
    eventually(lambda: state(ec2, one) == "terminated", "it ends", seconds=60)
    ec2.deregister_image(ImageId=ami)
    image(cloud, "remove", name)
    assert not os.path.exists(os.path.dirname(root))


@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_an_archive_is_as_good_as_a_folder(cloud, tmp_path, kind):
    plain = layer(("etc/motd", b"hello", {}))
    name, path = f"{kind}-{uuid.uuid4().hex[:8]}", tmp_path / "image.tar"
    with tarfile.open(path, "w") as tar:
        if kind == "oci":
            tar.add(layout(tmp_path / "layout", [plain]), arcname=".")
        else:
            ids = [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
            config = {"architecture": ARCHITECTURE, "os": "linux", "rootfs": {"diff_ids": ids}}
            entry(tar, "0123.json", json.dumps(config).encode())
            entry(tar, "4567/layer.tar", plain)
            entry(tar, "manifest.json", json.dumps([{"Config": "0123.json", "Layers": ["4567/layer.tar"]}]).encode())
    image(cloud, "import", str(path), "--name", name, "--endpoint", cloud.endpoint)
    assert open(f"{imported(cloud, name)}/etc/motd").read() == "hello"


def test_layers_that_mean_harm_stay_in_their_image(cloud, tmp_path):
    mark = f"cl-evil-{uuid.uuid4().hex}"
    link = {"type": tarfile.SYMTYPE, "linkname": "/"}
    through = layer(("escape", b"", link), (f"escape/{mark}", b"evil", {}))
    name = f"links-{uuid.uuid4().hex[:8]}"
    source = layout(tmp_path / "links", [through])
    image(cloud, "import", str(source), "--name", name, "--endpoint", cloud.endpoint)
    assert not os.path.exists(f"/{mark}") and os.path.exists(f"{imported(cloud, name)}/{mark}")
    for why, plain, damaged in [("names", layer((f"../../{mark}", b"evil", {})), False), ("not what it should be", layer(("a", b"", {})), True)]:
        source = layout(tmp_path / uuid.uuid4().hex, [plain], damaged)
        assert why in image(cloud, "import", str(source), "--name", "bad", fails=True)
        assert not os.path.exists(imported(cloud, "bad"))
    assert "1 to 64" in image(cloud, "import", str(tmp_path), "--name", "../x", fails=True)
    assert "no image of this name" in image(cloud, "remove", "never", fails=True)
