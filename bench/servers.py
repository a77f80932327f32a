"""The servers that are measured: ours, the floor, and rivals whose programs are at hand."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

READY_WITHIN_S = 60


def free_port():
    """A port that the kernel gives to no client by itself."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


class Server:
    """A process that answers on a port. `ready_s` is what it took."""

    name = "a server"
    path = "/"

    def __init__(self, binary):
        self.binary = binary
        self.port = free_port()
        self.folder = None
        self.process = None
        self.ready_s = None

    def command(self):
        raise NotImplementedError

    def env(self):
        return {}

    def start(self):
        self.folder = self.folder or tempfile.mkdtemp(prefix="cl-bench-")
        self.log = open(os.path.join(self.folder, "log"), "ab")
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            self.command(),
            stdout=subprocess.PIPE if self.path is None else self.log,
            stderr=self.log,
            cwd=self.folder,
            env={**os.environ, **self.env()},
        )
        self.wait(begun + READY_WITHIN_S)
        self.ready_s = time.perf_counter() - begun
        return self

    def wait(self, end):
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.path}", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if self.process.poll() is not None or time.perf_counter() > end:
                    raise RuntimeError(f"{self.name} does not start:\n{self.text()}") from None
                time.sleep(0.001)

    def text(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return log.read()[-4_000:]

    def memory_kib(self, field="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field))

    def cpu_s(self):
        """Processor time used so far, in seconds."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, sign=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process and self.process.stdout:
            self.process.stdout.close()
        self.log.close()

    def remove(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cloudlet(Server):
    name = "cloudlet"
    path = None

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    def command(self):
        listen = f"127.0.0.1:{self.port}"
        # A range of its own: a cloud that runs here already has the usual one.
        more = ["--public-cidr", "198.19.192.0/18", "--stop-instances"]
        return [self.binary, "up", "--data", self.data, "--listen", listen, *more]

    def wait(self, end):
        if self.process.stdout.readline() != b"Ready.\n":
            raise RuntimeError(f"cloudlet does not start:\n{self.text()}")


class Floor(Server):
    name = "floor"

    def command(self):
        return [self.binary, f"127.0.0.1:{self.port}", os.path.join(self.folder, "records")]


class Fakecloud(Server):
    name = "fakecloud"
    path = "/_fakecloud/health"

    def command(self):
        return [self.binary, "--addr", f"127.0.0.1:{self.port}", "--log-level", "error"]


class Ministack(Server):
    name = "ministack"
    path = "/health"

    def command(self):
        return [self.binary]

    def env(self):
        return {"GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}


class Moto(Server):
    name = "moto"
    path = "/moto-api/"

    def command(self):
        return [self.binary, "-H", "127.0.0.1", "-p", str(self.port)]


RIVALS = [("FAKECLOUD_BIN", Fakecloud), ("MINISTACK_BIN", Ministack), ("MOTO_SERVER_BIN", Moto)]


def rivals(say):
    """Those whose program the environment names."""
    found = []
    for variable, kind in RIVALS:
        binary = os.environ.get(variable)
        if binary and os.access(binary, os.X_OK):
            found.append((kind, binary))
        else:
            say(f"skipped: {kind.name} ({variable} names no program)")
    return found


@contextlib.contextmanager
def running(*servers):
    """Started in order, removed whatever happens."""
    begun = []
    try:
        for server in servers:
            begun.append(server)
            server.start()
        yield servers
    finally:
        for server in reversed(begun):
            server.remove()
