"""Clients of S3 that are not AWS's, where they are installed: each stores, lists and reads what it stored."""

import os
import shutil
import subprocess
import urllib.parse

import pytest

from s3_kit import bucket, s3  # noqa: F401


@pytest.fixture
def where(s3):
    return s3.meta.endpoint_url.removeprefix("http://")


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_tree(folder, count=20):
    for at in range(count):
        path = folder / f"d{at % 3}" / f"f ü{at}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1_000 * at))
    (folder / "big").write_bytes(os.urandom(11 << 20))
    return folder


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
def test_rclone_syncs_a_tree_there_and_back(s3, bucket, tmp_path):
    env = {
        **{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"},
        "RCLONE_CONFIG": str(tmp_path / "none"),
        "RCLONE_CONFIG_C_TYPE": "s3",
        "RCLONE_CONFIG_C_PROVIDER": "Other",
        "RCLONE_CONFIG_C_ENDPOINT": s3.meta.endpoint_url,
        "RCLONE_CONFIG_C_ACCESS_KEY_ID": "test",
        "RCLONE_CONFIG_C_SECRET_ACCESS_KEY": "test",
        "RCLONE_CONFIG_C_REGION": "us-east-1",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }
    source, target = make_tree(tmp_path / "a"), tmp_path / "b"
    run("rclone", "sync", str(source), f"c:{bucket}/tree", env=env)
    run("rclone", "check", str(source), f"c:{bucket}/tree", env=env)
    run("rclone", "sync", f"c:{bucket}/tree", str(target), env=env)
    assert files(target) == files(source)
    (source / "big").unlink()
    run("rclone", "sync", str(source), f"c:{bucket}/tree", env=env)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(keys) == 20 and "tree/big" not in keys


@pytest.mark.skipif(not shutil.which("s3cmd"), reason="s3cmd is not installed")
def test_s3cmd_puts_lists_gets_and_deletes(where, bucket, tmp_path):
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = test\nsecret_key = test\nhost_base = {where}\nhost_bucket = {where}\n"
        "use_https = False\nbucket_location = us-east-1\nmultipart_chunk_size_mb = 5\n"
    )
    source, target = make_tree(tmp_path / "a"), tmp_path / "b"
    target.mkdir()
    cmd = lambda *args: run("s3cmd", "-c", str(config), "--no-progress", *args)
    cmd("sync", f"{source}/", f"s3://{bucket}/tree/")
    assert len(cmd("ls", "-r", f"s3://{bucket}/").splitlines()) == 21
    cmd("get", "-r", f"s3://{bucket}/tree/", f"{target}/")
    assert files(target) == files(source)
    assert "11534336" in cmd("info", f"s3://{bucket}/tree/big")
    cmd("del", "-r", "-f", f"s3://{bucket}/tree/")
    assert not cmd("ls", "-r", f"s3://{bucket}/")


def test_minio_s_own_client(where, bucket, tmp_path):
    minio = pytest.importorskip("minio")
    client = minio.Minio(where, access_key="test", secret_key="test", secure=False, region="us-east-1")
    data = os.urandom(11 << 20)
    (tmp_path / "big").write_bytes(data)
    client.fput_object(bucket, "big", str(tmp_path / "big"), metadata={"of": "me"}, part_size=5 << 20)
    assert client.stat_object(bucket, "big").size == len(data)
    got = client.get_object(bucket, "big", offset=7 << 20, length=100)
    assert got.read() == data[7 << 20 : (7 << 20) + 100]
    got.release_conn()
    assert [one.object_name for one in client.list_objects(bucket, recursive=True)] == ["big"]
    url = client.presigned_get_object(bucket, "big")
    assert urllib.parse.urlsplit(url).netloc == where
    client.remove_object(bucket, "big")


def test_files_as_of_a_file_system(s3, bucket):
    s3fs = pytest.importorskip("s3fs")
    files = s3fs.S3FileSystem(key="test", secret="test", client_kwargs={"endpoint_url": s3.meta.endpoint_url, "region_name": "us-east-1"})
    data = os.urandom(12 << 20)
    with files.open(f"{bucket}/a/b.bin", "wb", block_size=5 << 20) as out:
        out.write(data)
    assert files.ls(f"{bucket}/a") == [f"{bucket}/a/b.bin"] and files.size(f"{bucket}/a/b.bin") == len(data)
    with files.open(f"{bucket}/a/b.bin", "rb") as source:
        source.seek(6 << 20)
        assert source.read(1_000) == data[6 << 20 : (6 << 20) + 1_000]
    files.mv(f"{bucket}/a/b.bin", f"{bucket}/c.bin")
    assert files.cat(f"{bucket}/c.bin") == data and not files.exists(f"{bucket}/a/b.bin")


def test_columns_of_a_table_by_ranges(s3, where, bucket):
    pyarrow = pytest.importorskip("pyarrow")
    parquet, fs = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow.fs")
    store = fs.S3FileSystem(access_key="test", secret_key="test", endpoint_override=where, scheme="http", region="us-east-1")
    table = pyarrow.table({"n": list(range(100_000)), "text": [f"row {n}" for n in range(100_000)]})
    parquet.write_table(table, f"{bucket}/t.parquet", filesystem=store, row_group_size=10_000)
    read = parquet.read_table(f"{bucket}/t.parquet", filesystem=store, columns=["n"], filters=[("n", ">=", 95_000)])
    assert read.num_rows == 5_000 and read["n"][0].as_py() == 95_000


SCRIPT = """
const { S3Client, PutObjectCommand, GetObjectCommand, ListObjectsV2Command } = require("@aws-sdk/client-s3");
const s3 = new S3Client({ endpoint: process.env.URL, region: "us-east-1", forcePathStyle: true,
  credentials: { accessKeyId: "test", secretAccessKey: "test" } });
(async () => {
  const Bucket = process.env.BUCKET;
  await s3.send(new PutObjectCommand({ Bucket, Key: "a/ü", Body: "text", Metadata: { of: "me" } }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "a/ü", Range: "bytes=1-2" }));
  const list = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
  console.log(JSON.stringify([await got.Body.transformToString(), got.Metadata, list.CommonPrefixes]));
})();
"""


def test_the_javascript_sdk(s3, bucket):
    modules = os.environ.get("NODE_MODULES")
    if not (modules and shutil.which("node") and os.path.isdir(os.path.join(modules, "@aws-sdk", "client-s3"))):
        pytest.skip("NODE_MODULES names no folder with @aws-sdk/client-s3")
    env = {**os.environ, "NODE_PATH": modules, "URL": s3.meta.endpoint_url, "BUCKET": bucket}
    said = run("node", "-e", SCRIPT, env=env)
    assert said.strip() == '["ex",{"of":"me"},[{"Prefix":"a/"}]]'


@pytest.mark.parametrize("count", [10_000])
def test_the_cli_syncs_ten_thousand_files_once(cloud, s3, bucket, tmp_path, count):
    if os.environ.get("CLOUDLET_SLOW") != "1":
        pytest.skip("CLOUDLET_SLOW=1 runs it")
    for at in range(count):
        path = tmp_path / f"d{at // 100}" / f"f{at}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(at))
    first = cloud.cli("s3", "sync", str(tmp_path), f"s3://{bucket}").stdout
    assert first.count("upload:") == count
    assert cloud.cli("s3", "sync", str(tmp_path), f"s3://{bucket}").stdout.strip() == ""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    assert sum(len(page["Contents"]) for page in pages) == count
