#!/usr/bin/env python3
"""Runs a small workload for two seconds and samples the CPU time that it uses."""

import os
import sys
import time
from pathlib import Path

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
line = f"run_w3af.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}"
with open("/tmp/collector-seed-trace.cpu", "a") as trace:
    print(line, file=trace)
print(line, flush=True)

# Better no figures than figures of another revision.
revision = Path("w3af/revision")
if not revision.exists():
    sys.exit("w3af is not installed: install_w3af.rb has to run first")
installed = revision.read_text().rstrip("\n")
if installed != version:
    sys.exit(f"w3af is installed at revision {installed}, not at {version}")


def scan_page():
    """Like a scanner: work on a page, then wait for the next answer."""
    sum(number * number for number in range(200_000))
    time.sleep(0.01)


# Collected because performance_results is /tmp/*.cpu. Each line is flushed: a time-out loses none.
with open(f"/tmp/w3af-{os.getpid()}.cpu", "x") as samples:
    print("seconds,cpu_percent", file=samples, flush=True)
    start = wall = time.monotonic()
    cpu = time.process_time()
    while wall - start < 2:
        while time.monotonic() - wall < 0.2:
            scan_page()
        wall_now, cpu_now = time.monotonic(), time.process_time()
        sample = f"{wall_now - start:.3f},{100 * (cpu_now - cpu) / (wall_now - wall):.1f}"
        wall, cpu = wall_now, cpu_now
        print(sample, file=samples, flush=True)
        print(sample, flush=True)
