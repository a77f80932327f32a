"""Targets, and the table in docs/benchmarks.md."""

import datetime
import os
import platform
import subprocess

PAGE = os.path.join(os.path.dirname(__file__), "..", "docs", "benchmarks.md")


class Row:
    """One figure: what, its target, what was measured, and whether that is met (`None`: nothing to meet)."""

    def __init__(self, what, target, measured, met=None):
        self.what, self.target, self.measured, self.met = what, target, measured, met

    def text(self):
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        return f"| {self.what} | {self.target} | {self.measured} | {verdict} |"


def most(what, value, limit, unit, scale=1.0):
    """A figure that must not be more than `limit`."""
    if value is None:
        return Row(what, f"≤ {limit:g} {unit}", "not measured")
    value *= scale
    return Row(what, f"≤ {limit:g} {unit}", f"{value:,.1f} {unit}", value <= limit)


def ratio(what, value, base, limit, base_name):
    """A rate that must be so many times another of the same run."""
    if not value or not base:
        return Row(what, f"≥ {limit:g} × {base_name}", f"not measured ({base_name} is absent)")
    found = value / base
    return Row(what, f"≥ {limit:g} × {base_name}", f"{found:.2f} × ({value:,.0f}/s against {base:,.0f}/s)", found >= limit)


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as info:
        gib = int(info.readline().split()[1]) / 1024 / 1024
    return f"{model}, {os.cpu_count()} cores, {gib:.0f} GiB, Linux {platform.release()}"


def commit():
    here = os.path.dirname(__file__)
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True)
    return said.stdout.strip() or "an unknown commit"


def kept():
    """What people wrote below the table, from the page's first heading on."""
    with open(PAGE) as page:
        _, heading, rest = page.read().partition("\n## ")
    return heading.lstrip() + rest.rstrip()


def write(rows, disk_ms, command):
    """Writes the table of one whole run; what stands below it stays."""
    today = datetime.date.today().isoformat()
    lines = [
        "# How fast it is",
        "",
        "Written by `./dev bench`, which measures everything in one run: servers in turns, warm, medians. Requests to SQS, STS and",
        "EC2 are signed; ours verifies them and syncs before it answers, the floor too (a bare HTTP handler that verifies SigV4 and",
        "writes 512 bytes with a shared `fdatasync`, `wire/examples/floor.rs`), the rivals do neither. Load and server share the cores.",
        "",
        f"{today} · {commit()} · {machine()} · a synced write of 512 bytes takes {disk_ms:.2f} ms · `{command}`",
        "",
        "| what | target | measured | |",
        "|---|---|---|---|",
        *[row.text() for row in rows],
        "",
        kept(),
        "",
    ]
    with open(PAGE, "w") as page:
        page.write("\n".join(lines))
