"""How long builds take, in a target folder of their own: what a newcomer and a developer wait for."""

import os
import subprocess
import tempfile
import time

from measures import median

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
HANDLER = os.path.join(ROOT, "services/sqs/src/ops/message_send.rs")


def cargo(*words, target):
    """Seconds of one cargo command."""
    command = ["cargo", *words, "--locked", "--target-dir", target]
    # As on a developer's machine, whatever the lane that runs this wants.
    env = {name: value for name, value in os.environ.items() if name not in ("CARGO_INCREMENTAL", "CARGO_TARGET_DIR")}
    begun = time.perf_counter()
    subprocess.run([*command, "--quiet"], cwd=ROOT, env=env, check=True)
    return time.perf_counter() - begun


def times(rounds):
    """Seconds of a clean release build, crates fetched before, and of a development build after touching one handler."""
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="cl-bench-", dir=os.environ.get("BENCH_BUILD_DIR")) as target:
        clean = cargo("build", "--release", "--package", "cloudlet", target=target)
        cargo("build", "--package", "cloudlet", target=target)
        again = []
        for _ in range(rounds):
            os.utime(HANDLER)
            again.append(cargo("build", "--package", "cloudlet", target=target))
    return clean, median(again)
