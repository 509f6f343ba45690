#!/usr/bin/env python3
"""Removes the files of this example from /tmp. That matters with --local, where /tmp outlives the run and is shared."""

import os
import re
import sys
from pathlib import Path

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
print(f"remove_tmp.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}")

# Not /tmp/*.cpu: somebody else's files may end in .cpu too.
for path in Path("/tmp").iterdir():
    if re.fullmatch(r"(w3af-\d+(\.gz)?|collector-seed-trace)\.cpu", path.name):
        path.unlink()
        print(f"removed {path}")
