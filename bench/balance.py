"""Load balancing beside nginx and HAProxy of the distribution: the same backend, the same run, in turns.

    cargo build --release -p balance --example front
    python3 bench/balance.py target/release/examples/front

Needs nginx, haproxy and wrk. Everything listens on loopback. Prints, for small answers over two kept connections and over
64, requests per second and the 50th and 99th percentile; for streams, megabytes per second; for HTTPS (ECDSA P-256, TLS
1.3) handshakes per second, a new connection for each request, and megabytes per second; and what 10,000 idle clients cost.
"""

import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
CONNECTIONS = 64
FEW = 2
BACKEND, NGINX, HAPROXY, OURS, HAPROXY_TCP, OURS_TCP, NGINX_TLS, OURS_TLS = range(18100, 18108)
WORKERS = os.cpu_count()


def nginx(folder, name, http):
    path = os.path.join(folder, f"{name}.conf")
    with open(path, "w") as conf:
        conf.write(
            f"daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log; worker_processes {WORKERS};\n"
            "worker_rlimit_nofile 20000; events { worker_connections 8192; }\n"
            f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/{name}-b; proxy_temp_path {folder}/{name}-p;"
            f" fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u; scgi_temp_path {folder}/{name}-s;\n{http}\n}}\n"
        )
    return ["nginx", "-c", path]


def haproxy(folder):
    path = os.path.join(folder, "haproxy.cfg")
    with open(path, "w") as conf:
        conf.write(
            f"global\n nbthread {WORKERS}\n maxconn 8000\ndefaults\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            f"frontend h\n mode http\n option forwardfor\n bind 127.0.0.1:{HAPROXY}\n default_backend b\n"
            f"backend b\n mode http\n http-reuse always\n server s 127.0.0.1:{BACKEND}\n"
            f"listen t\n mode tcp\n bind 127.0.0.1:{HAPROXY_TCP}\n server s 127.0.0.1:{BACKEND}\n"
        )
    return ["haproxy", "-db", "-f", path]


def wait_for(port):
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nobody listens on {port}")


def milliseconds(text):
    number, unit = re.match(r"([0-9.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def wrk(port, path, connections=CONNECTIONS):
    if path.startswith("close"):
        # A connection for each request.
        path, more = path.removeprefix("close"), ["-H", "Connection: close"]
    else:
        more = []
    scheme = "https" if port in (NGINX_TLS, OURS_TLS) else "http"
    command = ["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}s", "--latency", *more, f"{scheme}://127.0.0.1:{port}{path}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", out).group(1))
    amount, unit = re.search(r"Transfer/sec:\s+([0-9.]+)(KB|MB|GB)", out).groups()
    bulk = float(amount) * {"KB": 0.001, "MB": 1, "GB": 1000}[unit]
    p50, p99 = (milliseconds(re.search(rf"(?m)^ +{p}% +(\S+)", out).group(1)) for p in (50, 99))
    return rate, bulk, p50, p99


def measure(names, path, column, connections=CONNECTIONS):
    """In turns, so that whatever else the host does falls on all alike."""
    found = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, port in names.items():
            found[name].append(wrk(port, path, connections))
    return {name: tuple(statistics.median(one[at] for one in all_of) for at in column) for name, all_of in found.items()}


def resident_mb(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def main():
    front = os.path.abspath(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = tempfile.mkdtemp(prefix="bench-balance-")
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, "big"), "wb") as big:
        big.write(b"x" * 1_000_000)
    small = f'server {{ listen 127.0.0.1:{BACKEND} backlog=4096; location / {{ return 200 "hello, world"; }} location /big {{ root {folder}; }} }}'
    proxy = (
        f"upstream b {{ server 127.0.0.1:{BACKEND}; keepalive 256; keepalive_requests 100000000; }}\n"
        f"server {{ listen 127.0.0.1:{NGINX} backlog=4096; location / {{ proxy_pass http://b; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }'
    )
    cert, key = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=front.test", "-keyout", key, "-out", cert], check=True, capture_output=True)
    proxy += (
        f"server {{ listen 127.0.0.1:{NGINX_TLS} ssl backlog=4096; ssl_certificate {cert}; ssl_certificate_key {key};"
        " ssl_protocols TLSv1.2 TLSv1.3; location / { proxy_pass http://b; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }'
    )
    backend = f"127.0.0.1:{BACKEND}"
    commands = [nginx(folder, "backend", small), nginx(folder, "proxy", proxy), haproxy(folder)]
    commands += [[front, str(OURS), "http", backend], [front, str(OURS_TCP), "tcp", backend]]
    commands += [[front, str(OURS_TLS), f"https:{cert}:{key}", backend]]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    try:
        for port in range(BACKEND, OURS_TLS + 1):
            wait_for(port)
        http = {"direct": BACKEND, "nginx": NGINX, "HAProxy": HAPROXY, "ours": OURS}
        # With few, nobody waits for a processor: what a proxy itself adds.
        for connections in (FEW, CONNECTIONS):
            found = measure(http, "/", (0, 2, 3), connections)
            print(f"small answers, {connections} kept connections, median of {ROUNDS} turns of {SECONDS} s")
            for name, (rate, p50, p99) in found.items():
                print(f"  {name:8} {rate:9.0f} /s   p50 {p50:6.3f} ms   p99 {p99:6.3f} ms")
        better = max(found["nginx"][0], found["HAProxy"][0])
        print(f"  ours to the better: {found['ours'][0] / better:.0%}")
        found = measure({"HAProxy": HAPROXY_TCP, "ours": OURS_TCP}, "/big", (1,))
        print("streams, answers of 1 MB")
        for name, (bulk,) in found.items():
            print(f"  {name:8} {bulk:7.0f} MB/s")
        print(f"  ours to HAProxy: {found['ours'][0] / found['HAProxy'][0]:.0%}")
        tls = {"nginx": NGINX_TLS, "ours": OURS_TLS}
        for path, column, words, unit in [("close/", 0, "handshakes", "/s"), ("/big", 1, "answers of 1 MB over TLS", "MB/s")]:
            found = measure(tls, path, (column,))
            print(words)
            for name, (rate,) in found.items():
                print(f"  {name:8} {rate:7.0f} {unit}")
            print(f"  ours to nginx: {found['ours'][0] / found['nginx'][0]:.0%}")
        before = resident_mb(processes[3])
        idle = [socket.create_connection(("127.0.0.1", OURS)) for _ in range(min(10_000, hard - 1_000))]
        time.sleep(1)
        after = resident_mb(processes[3])
        print(f"{len(idle)} idle clients: {after - before:.0f} MB more than {before:.0f} MB")
        for one in idle:
            one.close()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
