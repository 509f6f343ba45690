#!/usr/bin/env python3
"""The last script on the instance. Its output is kept in the logs; files that it writes are not collected any more."""

import os
import sys

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
print(f"some_other_command.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}")
print("load averages:", *(f"{load:.2f}" for load in os.getloadavg()))
