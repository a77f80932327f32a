"""People with keys, and at the consoles of instances."""

import os
import pty
import select
import signal
import subprocess
import uuid

from conftest import eventually


def new_key(folder, kind="ed25519"):
    path = folder / f"{kind}-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return path, path.with_suffix(".pub").read_text()


def command(cloud, key, user, *more):
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    return ["ssh", "-i", str(key), "-p", str(cloud.port), *quiet, "-o", "IdentitiesOnly=yes", f"{user}@127.0.0.1", *more]


class Visit:
    """Somebody at a terminal who came to a console."""

    def __init__(self, cloud, key, instance):
        argv = command(cloud, key, f"{instance}.port0")
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)

    def hear(self):
        while select.select([self.fd], [], [], 0.05)[0]:
            try:
                bytes_ = os.read(self.fd, 4096)
            except OSError:
                return
            if not bytes_:
                return
            self.said += bytes_.decode(errors="replace")

    def sees(self, words, seconds=30):
        def seen():
            self.hear()
            return words in self.said

        try:
            eventually(seen, f"{words!r} is seen", seconds)
        except AssertionError as never:
            raise AssertionError(f"{never}; but: {self.said!r}") from None
        self.said = self.said.split(words, 1)[1]

    def types(self, line):
        os.write(self.fd, f"{line}\r".encode())

    def is_over(self):
        self.hear()
        return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid

    def hang_up(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
