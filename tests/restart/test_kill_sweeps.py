"""What is done every hour is due by the last time it was done, however often the cloud was killed meanwhile."""

import json
import subprocess
import time

from conftest import Cloud, eventually

# A clock that is ahead by so many seconds, for the cloud alone.
AHEAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    const char *ahead = getenv("AHEAD_SECONDS");
    if (id == CLOCK_REALTIME && ahead) at->tv_sec += atol(ahead);
    return result;
}
"""


def stored(cloud):
    """What the hourly count of buckets has found."""
    lines = json.loads(cloud.get("/_cloudlet/usage"))["usage"]
    return [line for line in lines if "TimedStorage" in json.dumps(line)]


def test_an_hour_goes_on_over_kills(tmp_path):
    source, library = tmp_path / "ahead.c", tmp_path / "ahead.so"
    source.write_text(AHEAD)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    cloud = Cloud(tmp_path, env={"LD_PRELOAD": str(library), "AHEAD_SECONDS": "0"}).start()
    try:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="k", Body=b"counted")
        # Half an hour each: it would never come if each start counted anew.
        for minutes in (30, 59):
            cloud.kill()
            cloud.env["AHEAD_SECONDS"] = str(minutes * 60)
            cloud.start()
            assert stored(cloud) == []
        cloud.kill()
        cloud.env["AHEAD_SECONDS"] = str(61 * 60)
        cloud.start()
        started = time.monotonic()
        # Overdue, but not in the first minute of a start.
        eventually(lambda: stored(cloud), "the hour is over", seconds=120)
        assert time.monotonic() - started > 50
    finally:
        if cloud.process.poll() is not None:
            cloud.start()
        assert cloud.stop() == 0, cloud.log()
