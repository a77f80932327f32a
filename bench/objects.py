"""What is measured of objects beyond small ones at many connections: long streams, listings, memory, a web server's pace."""

import concurrent.futures
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import urllib.request

from aws import Objects
from measures import median, settle, wrk
from servers import Server

STREAM_BYTES = 64 << 20
POLICY = {"Effect": "Allow", "Principal": "*", "Action": ["s3:PutObject", "s3:GetObject"]}


class Nginx(Server):
    """Serves the folder `files` of its own."""

    name = "nginx"

    def start(self):
        self.folder = self.folder or tempfile.mkdtemp(prefix="cl-bench-")
        os.makedirs(f"{self.folder}/files", exist_ok=True)
        os.chmod(self.folder, 0o755)
        with open(f"{self.folder}/conf", "w") as conf:
            conf.write(
                f"daemon off; master_process off; worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/errors;\n"
                "events { worker_connections 1024; }\n"
                f"http {{ access_log off; sendfile on; keepalive_requests 100000000; client_body_temp_path {self.folder}/body;\n"
                f"proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u;\n"
                f"scgi_temp_path {self.folder}/s; open_file_cache max=1000; open_file_cache_min_uses 1;\n"
                f"server {{ listen 127.0.0.1:{self.port}; root {self.folder}/files; }} }}\n"
            )
        return super().start()

    def command(self):
        return [self.binary, "-c", f"{self.folder}/conf", "-p", self.folder]


class Plain(Objects):
    """The same requests without a signature."""

    def sign(self, path):
        return {"host": f"127.0.0.1:{self.port}"}


def web_rates(cloud, nginx, rounds, seconds, count=256, size=4_096):
    """GETs a second of 4 KiB at 64 connections: ours signed, and a web server's of the same files, in turns."""
    paths = [f"/small/k{at}" for at in range(count)]
    Objects(cloud.port, "PUT", ["/small"]).send()
    Objects(cloud.port, "PUT", paths, b"x" * size).send()
    os.makedirs(f"{nginx.folder}/files/small", exist_ok=True)
    for path in paths:
        with open(f"{nginx.folder}/files{path}", "wb") as file:
            file.write(b"x" * size)
    rates = {cloud.name: [], nginx.name: []}
    for turn in range(rounds + 1):
        for server, kind in ((cloud, Objects), (nginx, Plain)):
            settle([cloud, nginx])
            rate = wrk(kind(server.port, "GET", paths), server.port, 64, seconds if turn else 1)
            if turn:
                rates[server.name].append(rate)
    return {name: median(turns) for name, turns in rates.items()}


def headers_of(port, method, path, unsigned):
    """Options of curl. The body is not digested by the client: it is the server that is measured."""
    if unsigned:
        return []
    signed = Objects(port, method, [path], None).sent[0][1]
    return [option for name, value in signed.items() if name != "host" for option in ("-H", f"{name}: {value}")]


def transfer(port, method, path, file, unsigned):
    url = f"http://127.0.0.1:{port}{path}"
    how = ["-T", file, "-H", "Expect:"] if method == "PUT" else []
    command = ["curl", "-sf", "-o", "/dev/null", *how, *headers_of(port, method, path, unsigned), url]
    subprocess.run(command, check=True, timeout=900)


def parallel(port, prefix, method, file, streams, each, unsigned):
    """Bytes a second of so many streams at once, each so many times."""
    def one(at):
        for _ in range(each):
            transfer(port, method, f"{prefix}s{at}", file, unsigned)

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(streams) as pool:
        list(pool.map(one, range(streams)))
    return os.path.getsize(file) * streams * each / (time.perf_counter() - begun)


def stream_rates(cloud, floor, rounds, streams=8, each=2):
    """Bytes a second of objects of 64 MiB by 8 streams, against the floor, in turns: written, read the first time, read warm."""
    rates = {what: {"cloudlet": [], "floor": []} for what in ("PUT", "first GET", "GET")}
    Objects(cloud.port, "PUT", ["/long"]).send()
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(STREAM_BYTES))
        file.flush()
        for turn in range(rounds + 1):
            for what, times in (("PUT", each), ("first GET", 1), ("GET", each)):
                for server, prefix in ((cloud, "/long/"), (floor, "/")):
                    settle([cloud, floor])
                    rate = parallel(server.port, prefix, what[-3:], file.name, streams, times, server is floor)
                    if turn:
                        rates[what][server.name].append(rate)
    return {what: {name: median(turns) for name, turns in of.items()} for what, of in rates.items()}


def memory_of_streams(cloud, streams, size):
    """MiB over idle while so many streams of so many bytes come in, and go out: the most that was seen."""
    Objects(cloud.port, "PUT", ["/wide"]).send()
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(64 << 10)
        # Once through, so that what is loaded once is loaded.
        parallel(cloud.port, "/wide/", "PUT", file.name, streams, 1, False)
        parallel(cloud.port, "/wide/", "GET", file.name, streams, 1, False)
        settle([cloud])
        idle, most, ended = cloud.memory_kib(), [0], threading.Event()

        def watch():
            while not ended.wait(0.05):
                most[0] = max(most[0], cloud.memory_kib())

        watching = threading.Thread(target=watch)
        watching.start()
        file.truncate(size)
        try:
            parallel(cloud.port, "/wide/", "PUT", file.name, streams, 1, False)
            parallel(cloud.port, "/wide/", "GET", file.name, streams, 1, False)
        finally:
            ended.set()
            watching.join()
    return (most[0] - idle) / 1024


FILL = """
local n, step = tonumber("{first}"), {step}
request = function()
  n = n + step
  return wrk.format("PUT", string.format("/{bucket}/d%03d/k%08d", n % 1000, n), nil, "x")
end
"""


def open_bucket(port, bucket):
    """A bucket everybody may put into, so that filling it is not measured by how fast a client signs."""
    Objects(port, "PUT", [f"/{bucket}"]).send()
    Objects(port, "DELETE", [f"/{bucket}?publicAccessBlock"]).send()
    document = {"Version": "2012-10-17", "Statement": [{**POLICY, "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    Objects(port, "PUT", [f"/{bucket}?policy"], json.dumps(document).encode()).send()


def fill(cloud, bucket, keys, say):
    """Keys under a thousand folders, at least so many."""
    open_bucket(cloud.port, bucket)
    begun, made = time.perf_counter(), 0
    while made < keys:
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(FILL.format(first=made, step=1, bucket=bucket))
            script.flush()
            command = ["wrk", "-t1", "-c64", f"-d{5 if keys > 50_000 else 1}s", "-s", script.name, f"http://127.0.0.1:{cloud.port}/"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        made += int(re.search(r"(\d+) requests in", said).group(1))
    say(f"{made:,} keys in {time.perf_counter() - begun:,.0f} s")
    return made


def list_seconds(cloud, bucket, prefix, wanted, rounds=50):
    """Seconds of a page with a delimiter, and how many keys and folders it must hold at least."""
    took = []
    for _ in range(rounds):
        path = f"/{bucket}?delimiter=%2F&list-type=2&max-keys=1000&prefix={prefix}"
        signed = Objects(cloud.port, "GET", [path]).sent[0][1]
        request = urllib.request.Request(f"http://127.0.0.1:{cloud.port}{path}", headers=signed)
        begun = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        took.append(time.perf_counter() - begun)
        assert body.count(b"<CommonPrefixes>") + body.count(b"<Contents>") >= wanted, body[:300]
    return median(took)


def small_bucket(cloud, bucket, keys):
    """So many keys in one folder."""
    Objects(cloud.port, "PUT", [f"/{bucket}"]).send()
    Objects(cloud.port, "PUT", [f"/{bucket}/d000/k{at:08}" for at in range(keys)], b"x").send()
