#!/usr/bin/env python3
"""Runs here, while the instance is up. What it writes to COLLECTOR_OUTPUT stands beside the collected results."""

import os
import sys
from datetime import datetime, timezone
from pathlib import Path

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
print(f"local_after_aws_start.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}")

# collect_cloudwatch_info.py needs to know when this began.
now = datetime.now(timezone.utc).isoformat(timespec="seconds")
Path(os.environ["COLLECTOR_OUTPUT"], "started-at.txt").write_text(now + "\n")
